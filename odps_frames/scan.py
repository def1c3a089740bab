"""A scan: an immutable plan over a table, and its exits."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Self

import pyarrow as pa

from odps_frames import filters as row_filters
from odps_frames import partitions as partition_choice
from odps_frames.convert.arrow import normal_schema
from odps_frames.convert.pandas import check_frame, to_pandas
from odps_frames.errors import (
    CastError,
    CorruptStream,
    IncompleteRead,
    SchemaMismatch,
    ServiceError,
)
from odps_frames.model.read import BatchOptions, TimeUnit
from odps_frames.model.splits import ByRows, whole
from odps_frames.progress import followed
from odps_frames.scan_blobs import delivered, file_maker, marked, refuse_files, shown_blobs
from odps_frames.scan_options import ScanOptions
from odps_frames.scan_rows import Named, needed, previewed, shaped, speakable
from odps_frames.scan_session import SPLIT_ROWS, Question
from odps_frames.transport.retry import Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd

    from odps_frames.connection import Connection
    from odps_frames.filters import Condition
    from odps_frames.model.catalog import TableInfo
    from odps_frames.model.schema import Column
    from odps_frames.model.splits import Split
    from odps_frames.model.table import InstanceRef, Partition
    from odps_frames.partitions import Selection
    from odps_frames.read.session import ReadSession

    Filters = Any
    DtypeBackend = Literal["pyarrow", "numpy_nullable", "numpy"]

__all__ = ["Scan", "ScanOptions"]

BATCH_ROWS = 65_536
PREVIEW_ROWS = 1_000
"""More rows than this are read through a session: a preview may be cut by the service."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """What a scan found when it began: an iterator over its rows, and where they come from."""

    batches: Iterator[pa.RecordBatch]
    schema: pa.Schema
    session_id: str | None


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What to read from a table; reading begins with an exit such as ``to_pandas``.

    Every method that narrows the plan returns a new one.
    """

    connection: Connection = field(repr=False)
    info: TableInfo = field(repr=False)
    columns: tuple[str, ...] | None = None
    condition: Condition | None = None
    selections: tuple[Selection, ...] = ()
    row_limit: int | None = None
    options: ScanOptions = field(default_factory=ScanOptions, repr=False)
    instance: InstanceRef | None = None
    """Whose result is read, where it is no table."""

    @property
    def table(self) -> str:
        """The full name of the table, or of the instance whose result is read."""
        return str(self.instance or self.info.ref)

    @property
    def schema(self) -> tuple[Column, ...]:
        """The columns of the result, in order."""
        names = [column.name for column in self.info.schema.all_columns]
        return tuple(self.info.schema.column(name) for name in self._output(names))

    @property
    def arrow_schema(self) -> pa.Schema:
        """The schema of the batches, in the units asked for or the default ones."""
        return normal_schema(self.schema, self.options.arrow)

    def select(self, *columns: str) -> Self:
        """Keep these columns, in this order.

        Raises
        ------
        SchemaMismatch
            For a column that is not there, with the names that come near.
        """
        known = self.info.schema
        if wrong := [name for name in columns if not isinstance(name, str)]:
            msg = f"columns={list(columns)}; expected names, which {wrong[0]!r} is not"
            raise TypeError(msg)
        if missing := [name for name in columns if known.find(name) is None]:
            raise SchemaMismatch(known.unknown(missing))
        names = tuple(known.column(name).name for name in columns)
        if twice := sorted({name for name in names if names.count(name) > 1}):
            msg = f"columns stand twice in the selection: {twice}"
            raise ValueError(msg)
        return replace(self, columns=names)

    def filter(self, filters: Filters) -> Self:
        """Keep the rows for which the condition is true; NULL is not true."""
        zone = self.connection.config.timezone
        try:
            condition = row_filters.parse(filters, self.info.schema, timezone=zone)
        except KeyError as unknown:
            raise SchemaMismatch(unknown.args[0]) from None
        if condition is None:
            return self
        if self.condition is not None:
            condition = row_filters.both(self.condition, condition)
        return replace(self, condition=condition)

    def partitions(self, selection: Selection | None) -> Self:
        """Keep these partitions; see ``read_odps`` for what may be said."""
        if selection is None:
            return self
        partition_choice.check(selection, self.info.schema, self.info.ref)
        return replace(self, selections=(*self.selections, selection))

    def limit(self, n_rows: int) -> Self:
        """Keep the first rows, exactly so many where there are as many."""
        wanted = whole("limit", n_rows, 0)
        least = wanted if self.row_limit is None else min(wanted, self.row_limit)
        return replace(self, row_limit=least)

    def to_batches(self, meter: Meter | None = None) -> pa.RecordBatchReader:
        """Read as a stream; memory does not grow with the table."""
        opened = self._in_arrow(meter or Meter())
        return pa.RecordBatchReader.from_batches(opened.schema, opened.batches)

    def to_arrow(self, meter: Meter | None = None) -> pa.Table:
        """Read into a table."""
        return self._read(meter or Meter(), Scan._in_arrow)[1]

    def to_pandas(
        self,
        *,
        dtype_backend: DtypeBackend | None = None,
        types_mapper: Callable[[pa.DataType], Any] | None = None,
        tz: str | None = None,
    ) -> pd.DataFrame:
        """Read into a DataFrame; ``attrs["odps"]`` says where it came from and what it took."""
        zone = tz or self.connection.config.timezone
        check_frame(dtype_backend, types_mapper, zone)
        meter, started = Meter(), time.monotonic()
        opened, table = self._read(meter, Scan._delivered)
        n_rows = table.num_rows
        frame = to_pandas(
            table,
            self.schema,
            dtype_backend=dtype_backend,
            types_mapper=types_mapper,
            tz=zone,
            blob_of=file_maker(self.connection, self.options.blobs),
        )
        frame.attrs["odps"] = self._facts(opened, meter, n_rows, started)
        return frame

    def _read(
        self, meter: Meter, begin: Callable[[Scan, Meter], _Opened]
    ) -> tuple[_Opened, pa.Table]:
        plan = self
        while True:
            opened = begin(plan, meter)
            try:
                return opened, pa.Table.from_batches(opened.batches, schema=opened.schema)
            except CastError:
                how = plan.options
                helps = self.instance is not None and not how.timestamp_unit
                if not (helps and self._question.has_timestamps()):
                    raise
            # A query's session names no unit: times beyond nanoseconds are found on the way.
            plan = replace(plan, options=replace(how, timestamp_unit=TimeUnit.MICRO))

    def head(self, n: int = 5) -> pd.DataFrame:
        """Read the first rows into a DataFrame."""
        return self.limit(n).to_pandas()

    def __arrow_c_schema__(self) -> object:
        return self.arrow_schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.to_batches().__arrow_c_stream__(requested_schema)  # type: ignore[no-untyped-call]  # stubs

    def open(self, meter: Meter) -> tuple[pa.Schema, Iterator[pa.RecordBatch], dict[str, Any]]:
        """Begin to read: the schema, the batches, and what is known of the read."""
        opened = self._delivered(meter)
        return opened.schema, opened.batches, self._facts(opened, meter, None, time.monotonic())

    def _in_arrow(self, meter: Meter) -> _Opened:
        refuse_files(self.schema, self.options.blobs)
        opened = self._delivered(meter)
        return replace(opened, schema=marked(opened.schema, self.schema, self.options.blobs))

    def _delivered(self, meter: Meter) -> _Opened:
        """Begin to read; blobs are what they were asked for as."""
        opened = self._open(meter)
        read = functools.partial(self.connection.read_blobs, meter=meter)
        return replace(opened, batches=delivered(opened.batches, self.schema, read, self.options))

    def _facts(
        self, opened: _Opened, meter: Meter, n_rows: int | None, started: float
    ) -> dict[str, Any]:
        return {
            "source": self.table,
            "session_id": opened.session_id,
            "rows": n_rows,
            "bytes": meter.bytes,
            "retries": meter.retries,
            "seconds": round(time.monotonic() - started, 3),
            "blobs": shown_blobs(self.schema, self.options.blobs),
        }

    @property
    def _question(self) -> Question:
        return Question(
            info=self.info,
            columns=self.columns,
            condition=self.condition,
            selections=self.selections,
            options=self.options,
        )

    def _output(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(names) if self.columns is None else self.columns

    def _open(self, meter: Meter) -> _Opened:
        if self.row_limit == 0:
            return self._empty()
        if self.instance is not None:
            return self._result(self.instance, meter)
        chosen = self._question.partitions(self.connection)
        if chosen == ():
            return self._empty()
        first = self._preview(chosen, meter)
        if first is not None:
            return first
        session = self._question.open(self.connection, chosen, meter)
        self.options.check_size(self.table, session.info.stats.estimated_bytes)
        exact = named = None
        if chosen is not None and not speakable(chosen):
            exact = frozenset(chosen)
        elif chosen is not None and self.selections:
            named = Named.of(self.info.schema, chosen)
        return self._streamed(session, meter, exact=exact, named=named)

    def _streamed(
        self,
        session: ReadSession,
        meter: Meter,
        *,
        splits: tuple[Split, ...] | None = None,
        columns: tuple[str, ...] | None = None,
        exact: frozenset[Partition] | None = None,
        named: Named | None = None,
    ) -> _Opened:
        schema = normal_schema(self.schema, session.spec.arrow)
        batches = session.batches(
            splits,
            options=BatchOptions(
                max_rows=min(BATCH_ROWS, self.row_limit or BATCH_ROWS),
                columns=columns,
                accept_encoding=self.options.compression.content_encoding,
            ),
            validate=self.options.validate,
            max_workers=self.options.max_workers,
            ordered=self.options.preserve_order,
            meter=meter,
        )
        stats = session.info.stats
        shown = followed(
            batches,
            meter,
            self.options.progress,
            label=f"reading {self.info.ref.table}",
            total=stats.estimated_rows if self.instance is None else session.info.n_rows,
        )
        rows = shaped(
            shown,
            schema,
            condition=self.condition,
            exact=exact,
            named=named,
            limit=self.row_limit,
        )
        return _Opened(rows, schema, session.session_id)

    def _result(self, instance: InstanceRef, meter: Meter) -> _Opened:
        """The rows of a query: its session is read by ranges, and by columns only then."""
        by = ByRows(SPLIT_ROWS)
        session = self.connection.read_session(
            instance, meter=meter, arrow=self.options.arrow, split_by=by
        )
        columns, _ = needed(self.info.schema, self.columns, self.condition, by_partition=False)
        splits = session.splits
        if self.row_limit is not None and self.condition is None:
            first = min(self.row_limit, session.info.n_rows or 0)
            splits = replace(session.info, n_rows=first).splits(by)
        return self._streamed(session, meter, splits=splits, columns=columns)

    def _empty(self) -> _Opened:
        return _Opened(iter(()), self.arrow_schema, None)

    def _preview(self, chosen: tuple[Partition, ...] | None, meter: Meter) -> _Opened | None:
        """The first rows without a session, where the service gives as many as are wanted."""
        if (
            self.row_limit is None
            or self.row_limit > PREVIEW_ROWS
            or self.condition is not None
            or (chosen is not None and (len(chosen) > 1 or not speakable(chosen)))
            or self.options.timestamp_unit is not None
            or self.options.datetime_unit is not None
        ):
            return None
        try:
            batches = previewed(
                self.connection, self.info, self.columns, chosen, limit=self.row_limit, meter=meter
            )
        except (ServiceError, CastError, CorruptStream, IncompleteRead):
            return None  # a session says better what is wrong, if anything is
        if sum(batch.num_rows for batch in batches) < self.row_limit:
            return None
        rows = shaped(iter(batches), self.arrow_schema, limit=self.row_limit)
        return _Opened(rows, self.arrow_schema, None)

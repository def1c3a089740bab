"""A scan: an immutable plan over a table, and its exits."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Self

import pyarrow as pa

from odps_frames import filters as row_filters
from odps_frames import partitions as partition_choice
from odps_frames.convert.arrow import normal_schema
from odps_frames.convert.pandas import check_frame, to_pandas
from odps_frames.engines import engine
from odps_frames.errors import CastError, SchemaMismatch
from odps_frames.model.read import TimeUnit
from odps_frames.model.splits import whole
from odps_frames.scan_blobs import file_maker, marked, refuse_files, shown_blobs
from odps_frames.scan_opening import Opened, Opening
from odps_frames.scan_options import ScanOptions
from odps_frames.scan_pinning import pin, take_snapshot, units_of
from odps_frames.scan_plan import Plan, explained
from odps_frames.scan_session import Question
from odps_frames.scan_snapshot import Snapshot
from odps_frames.scan_split import ScanSplit
from odps_frames.transport.retry import Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import dask.dataframe as dd
    import duckdb
    import pandas as pd
    import polars as pl
    import ray.data
    from pyarrow import dataset as arrow_dataset

    from odps_frames.connection import Connection
    from odps_frames.filters import Condition
    from odps_frames.model.catalog import TableInfo
    from odps_frames.model.schema import Column
    from odps_frames.model.table import InstanceRef
    from odps_frames.partitions import Selection
    from odps_frames.scan_snapshot import Pinned

    Filters = Any
    DtypeBackend = Literal["pyarrow", "numpy_nullable", "numpy"]

__all__ = ["Scan", "ScanOptions"]


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
    pinned: Pinned | None = field(default=None, repr=False)
    """The version that is read, where it is not the present one."""

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
            condition = row_filters.parse(
                filters, self.info.schema, timezone=zone, arrow=self.options.arrow
            )
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
        self, meter: Meter, begin: Callable[[Scan, Meter], Opened]
    ) -> tuple[Opened, pa.Table]:
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

    def splits(self) -> tuple[ScanSplit, ...]:
        """Open the read session, and return its pieces, each to be read by any process.

        They are of one version of the table, and together they bring each row once; see
        ``read_split``.

        Raises
        ------
        ValueError
            Under a limit together with a condition: no piece knows how many rows others bring.
        """
        refuse_files(self.schema, self.options.blobs)
        opening = self._opening if self.row_limit is None else self._opening.by_rows()
        reading = None if self.row_limit == 0 else opening.reading(opening.chosen(), Meter())
        if reading is None:
            return ()
        pieces = reading.splits()
        if self.row_limit is not None:
            first = opening.first_splits(reading)
            if first is None:
                msg = (
                    f"splits() of a scan with limit={self.row_limit} and a condition; expected "
                    "one of the two. Limit the rows where the splits are put together"
                )
                raise ValueError(msg)
            pieces = first
        return tuple(ScanSplit.of(piece, reading) for piece in pieces)

    def snapshot(self) -> str:
        """Pin the present version of the table, or of the selected partitions.

        Returns
        -------
        str
            A token for ``snapshot=`` of ``scan_odps`` and ``read_odps``: every scan that is given
            it, in any process, reads this version, for as long as a read session lives (a day, on
            the service). It holds no secret.
        """
        if self.instance is not None:
            msg = "snapshot() of a query, whose result never changes; read its splits() instead"
            raise ValueError(msg)
        if self.pinned is not None:
            return self.pinned.snapshot.token
        return take_snapshot(self.connection, self._question, Meter()).token

    def at(self, snapshot: str) -> Self:
        """Read the version that a snapshot pinned.

        Raises
        ------
        ValueError
            For a snapshot of another table, or with other units of time than are asked for.
        SessionExpired
            When it is past its life; take another one.
        """
        wanted = Snapshot.parse(snapshot)
        if self.instance is not None or wanted.table != self.info.ref:
            msg = f"the snapshot is of {wanted.table}, not of {self.table}"
            raise ValueError(msg)
        options = units_of(wanted, self.options)
        pinned = pin(self.connection, wanted)
        info = replace(self.info, schema=pinned.info.schema)
        return replace(self, pinned=pinned, info=info, options=options)

    def count_rows(self) -> int:
        """Count the rows; no row is read for that, unless a condition on data columns asks it."""
        known = self._opening.counted(Meter())
        if known is not None:
            return known if self.row_limit is None else min(known, self.row_limit)
        with contextlib.closing(self.select().to_batches()) as batches:
            return sum(batch.num_rows for batch in batches)

    def explain(self) -> Plan:
        """Tell what will be read, how, and how much of it there is; no row is read."""
        opening = self._opening
        chosen = opening.chosen()
        if self.row_limit == 0 or opening.previews(chosen):
            return explained(opening, chosen, None)
        return explained(opening, chosen, opening.reading(chosen, Meter()))

    def dataset(self) -> arrow_dataset.Dataset:
        """Return it as a dataset of pyarrow, into which engines push columns and filters."""
        found: arrow_dataset.Dataset = engine("dataset").dataset_of(self)
        return found

    def to_polars(self) -> pl.DataFrame:
        """Read into a Polars DataFrame."""
        found: pl.DataFrame = engine("polars").to_polars(self)
        return found

    def lazy(self) -> pl.LazyFrame:
        """Return a Polars LazyFrame, which pushes columns, filters and limits into the scan."""
        found: pl.LazyFrame = engine("polars").lazy(self)
        return found

    def to_duckdb(
        self,
        name: str | duckdb.DuckDBPyConnection | None = None,
        con: duckdb.DuckDBPyConnection | str | None = None,
    ) -> duckdb.DuckDBPyRelation:
        """Return a relation of DuckDB, which pushes columns and filters into the scan.

        With ``name`` it is a view of that name too; ``con`` is by default DuckDB's own default
        connection. The two may stand in either order.
        """
        found: duckdb.DuckDBPyRelation = engine("duckdb").to_duckdb(self, name, con)
        return found

    def to_dask(self) -> dd.DataFrame:
        """Return a Dask DataFrame with a partition for each split, of one read session."""
        found: dd.DataFrame = engine("dask").to_dask(self)
        return found

    def to_ray(self) -> ray.data.Dataset:
        """Return a Ray Dataset, whose tasks read the splits of one read session."""
        found: ray.data.Dataset = engine("ray").to_ray(self)
        return found

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

    def _in_arrow(self, meter: Meter) -> Opened:
        refuse_files(self.schema, self.options.blobs)
        opened = self._delivered(meter)
        return replace(opened, schema=marked(opened.schema, self.schema, self.options.blobs))

    def _delivered(self, meter: Meter) -> Opened:
        """Begin to read; blobs are what they were asked for as."""
        return self._opening.open(meter)

    def _facts(
        self, opened: Opened, meter: Meter, n_rows: int | None, started: float
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

    @property
    def _opening(self) -> Opening:
        return Opening(
            connection=self.connection,
            question=self._question,
            columns=self.schema,
            limit=self.row_limit,
            instance=self.instance,
            pinned=self.pinned,
        )

    def _output(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(names) if self.columns is None else self.columns

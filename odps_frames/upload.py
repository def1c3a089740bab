"""A dataframe into a table: checked, cast, cut into blocks, committed once."""

from __future__ import annotations

import html
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from odps_frames.convert.fit import Fitter
from odps_frames.convert.frames import arrow_reader
from odps_frames.creation import (
    Place,
    TakenError,
    check_made_for,
    existing_schema,
    occupied,
    planned_schema,
)
from odps_frames.errors import CastError, Conflict, ProtocolError, SchemaMismatch
from odps_frames.model.table import Partition
from odps_frames.progress import ProgressOption, followed, tell_end
from odps_frames.transport.retry import Meter
from odps_frames.wire.arrow_stream import impossible_types
from odps_frames.wire.compression import Compression
from odps_frames.write.fan import DEFAULT_STREAMS, write_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from odps_frames.connection import Connection
    from odps_frames.model.schema import Column, TableSchema
    from odps_frames.model.table import TableRef

__all__ = ["Mode", "SchemaMode", "WriteOptions", "WriteResult", "upload"]

Mode = Literal["append", "overwrite", "overwrite_partitions", "error", "ignore"]
SchemaMode = Literal["strict", "ignore_extra"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """How rows go into a table."""

    mode: Mode = "append"
    partition: Partition | None = None
    partition_cols: tuple[str, ...] | None = None
    create: bool = False
    schema_mode: SchemaMode = "strict"
    fill_missing: bool = False
    odps_types: Mapping[str, str] = field(default_factory=dict)
    lifecycle: int | None = None
    index: bool = False
    null_partition: str | None = None
    n_streams: int = DEFAULT_STREAMS
    compression: Compression = Compression.NONE
    progress: ProgressOption = False

    def __post_init__(self) -> None:
        for name, value, known in (
            ("mode", self.mode, get_args(Mode)),
            ("schema_mode", self.schema_mode, get_args(SchemaMode)),
        ):
            if value not in known:
                msg = f"{name}={value!r}; expected one of {list(known)}"
                raise ValueError(msg)
        if not self.create and (self.odps_types or self.lifecycle is not None):
            msg = "odps_types= and lifecycle= are for tables that are made; give create=True too"
            raise ValueError(msg)
        if isinstance(self.n_streams, bool) or self.n_streams < 1:
            msg = f"n_streams={self.n_streams!r}; expected at least 1"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteResult:
    """What a write did."""

    table: str
    rows: int
    bytes: int
    """Arrow bytes before compression."""
    partitions: tuple[str, ...]
    """The partitions that the rows went to, as ``pt=1,hh=2``; empty for unpartitioned tables."""
    session_id: str | None
    retries: int
    seconds: float
    resumed: bool = False
    """Whether the answer to the commit was lost, and its success was found out by asking."""

    def _repr_html_(self) -> str:
        cells = {
            "table": self.table,
            "rows": f"{self.rows:,}",
            "bytes": f"{self.bytes:,}",
            "partitions": f"{len(self.partitions):,}",
            "session": self.session_id or "",
            "retries": str(self.retries),
            "seconds": f"{self.seconds:.2f}",
        }
        rows = "".join(
            f"<tr><th>{name}</th><td>{html.escape(text)}</td></tr>" for name, text in cells.items()
        )
        return f"<table>{rows}</table>"


def upload(
    connection: Connection, data: object, ref: TableRef, options: WriteOptions
) -> WriteResult:
    """Write data into a table with one commit; see ``to_odps`` for the contract."""
    started = time.monotonic()
    schema = existing_schema(connection, ref)
    known = schema.all_columns if schema else ()
    reader = arrow_reader(data, index=options.index, columns=known)
    if impossible := impossible_types(reader.schema):
        raise SchemaMismatch(impossible)
    if options.mode in ("error", "ignore") and occupied(connection, ref, schema, options.partition):
        return _refused(ref, options, started)
    new = schema is None
    schema = _schema(ref, schema, reader.schema, options)
    target = _Target.of(ref, schema, reader.schema.names, options)
    fitter = Fitter(
        schema,
        target.columns,
        reader.schema,
        schema_mode=options.schema_mode,
        fill_missing=options.fill_missing,
        tz=connection.config.timezone,
    )
    flow = _Flow(fitter, target, options)
    batches: Iterator[pa.RecordBatch] = flow.batches(iter(reader))
    if _in_memory(data):
        batches = iter(list(batches))  # so that every value is known to fit before one is sent
        flow.check_named(options)
    alone = options.mode in ("error", "ignore")
    place = Place(connection, ref, options.partition if alone and not target.dynamic else None)
    try:
        with place.made(schema if new else None, lifecycle=options.lifecycle, alone=alone):
            return _send(connection, ref, flow, batches, started)
    except TakenError:
        return _refused(ref, options, started)


def _schema(
    ref: TableRef, present: TableSchema | None, source: pa.Schema, options: WriteOptions
) -> TableSchema:
    """The schema of the table that is there, or of the one that is to be made."""
    if present is not None:
        check_made_for(ref, present, options.odps_types)
        return present
    return planned_schema(
        ref,
        source,
        create=options.create,
        partition=options.partition,
        partition_cols=options.partition_cols or (),
        odps_types=options.odps_types,
    )


def _refused(ref: TableRef, options: WriteOptions, started: float) -> WriteResult:
    """What becomes of a write to a place that is taken."""
    if options.mode == "ignore":
        return _nothing(ref, started)
    what = f"partition {options.partition} of {ref}" if options.partition else str(ref)
    msg = f"{what} exists, and mode='error' writes only what does not; see the other modes"
    raise Conflict(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """Which partitions the rows go to, and which columns they carry there."""

    partition: Partition | None
    """The static part, where text can say it to the service."""
    constants: tuple[tuple[Column, str], ...]
    """Static values that travel as columns, as no text could say them."""
    dynamic: tuple[Column, ...]
    columns: tuple[Column, ...]
    """The columns that the data must have."""
    names: tuple[str, ...]
    overwrite: bool

    @classmethod
    def of(
        cls, ref: TableRef, schema: TableSchema, present: list[str], options: WriteOptions
    ) -> _Target:
        """Read what ``partition`` and ``partition_cols`` say of this table.

        Raises
        ------
        ValueError
            When they do not say which partition a row goes to, or the mode asks for another.
        """
        static = options.partition
        known = schema.partition_columns
        n_static = len(static.items) if static else 0
        front = tuple(column.name.lower() for column in known[:n_static])
        if static and tuple(name.lower() for name in static.names) != front:
            _refuse_partition(ref, schema, f"partition={str(static)!r}")
        dynamic = known[n_static:]
        given = options.partition_cols
        if given is not None and {name.lower() for name in given} != {
            column.name.lower() for column in dynamic
        }:
            _refuse_partition(ref, schema, f"partition_cols={list(given)}")
        lower = {name.lower() for name in present}
        if given is None and any(column.name.lower() not in lower for column in dynamic):
            missing = [column.name for column in dynamic if column.name.lower() not in lower]
            msg = (
                f"{ref} is partitioned by {list(schema.partition_names)}, and the data has no "
                f"{missing}; name the partition, partition={_example(dynamic)!r}, or add columns"
            )
            raise SchemaMismatch(msg)
        overwrite = _checked_mode(ref, schema, options, complete=not dynamic)
        spoken = static is None or static.speakable
        values = static.values if static else ()
        constants = () if spoken else tuple(zip(known[:n_static], values, strict=True))
        return cls(
            partition=static if spoken else None,
            constants=constants,
            dynamic=dynamic,
            columns=schema.columns + dynamic,
            names=schema.partition_names,
            overwrite=overwrite,
        )


def _refuse_partition(ref: TableRef, schema: TableSchema, given: str) -> None:
    if not schema.partition_columns:
        msg = f"{given}, but {ref} has no partitions; leave it out"
    else:
        msg = (
            f"{given} does not fit {ref}, which is partitioned by "
            f"{list(schema.partition_names)}: a static partition= names the first of these, "
            "partition_cols= all the others"
        )
    raise ValueError(msg)


def _checked_mode(
    ref: TableRef, schema: TableSchema, options: WriteOptions, *, complete: bool
) -> bool:
    """Whether the session overwrites; refuses a mode that would replace more than was said."""
    if options.mode == "overwrite" and not complete:
        msg = (
            f"mode='overwrite' of {ref}, which is partitioned by {list(schema.partition_names)}, "
            "needs partition= with all of these; to replace just the partitions that the data "
            "has, use mode='overwrite_partitions'"
        )
        raise ValueError(msg)
    if options.mode == "overwrite_partitions" and not schema.partition_columns:
        msg = f"mode='overwrite_partitions', but {ref} has no partitions; use mode='overwrite'"
        raise ValueError(msg)
    return options.mode in ("overwrite", "overwrite_partitions")


def _example(columns: tuple[Column, ...]) -> str:
    return ",".join(f"{column.name}=…" for column in columns)


class _Flow:
    """Batches on their way: cast, with a partition for every row, and counted."""

    def __init__(self, fitter: Fitter, target: _Target, options: WriteOptions) -> None:
        self._fitter = fitter
        self._options = options
        self._seen: dict[tuple[str, ...], None] = {}
        self.target = target
        self.rows = 0
        constants = [pa.field(column.name, pa.string()) for column, _ in target.constants]
        self.schema = pa.schema([*fitter.schema, *constants])

    @property
    def options(self) -> WriteOptions:
        return self._options

    def batches(self, source: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in source:
            filled = self._filled(batch)
            fitted = self._fitter.fit(filled, self.rows)
            self._note_partitions(fitted)
            self.rows += fitted.num_rows
            yield self._with_constants(fitted)

    def check_named(self, options: WriteOptions) -> None:
        """Refuse what nothing could carry: an empty overwrite of a partition no text can name."""
        if self.target.constants and self.target.overwrite and not self.rows:
            msg = (
                f"no rows for partition {options.partition}, whose value no text can name to the "
                "service, so that it cannot be emptied; drop the partition instead"
            )
            raise ValueError(msg)

    def partitions(self) -> tuple[str, ...]:
        """The partitions that rows went to."""
        target = self.target
        static = self._options.partition
        if not target.dynamic:
            return (str(static),) if static else ()
        front = static.values if static else ()
        found = [
            Partition(tuple(zip(target.names, (*front, *values), strict=True)))
            for values in self._seen
        ]
        return tuple(str(partition) for partition in found)

    def _filled(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Put ``null_partition`` where a row has no partition; without one, refuse the row."""
        names = {column.name.lower() for column in self.target.dynamic}
        for place, name in enumerate(batch.schema.names):
            column = batch.column(place)
            if name.lower() not in names or not column.null_count:
                continue
            if self._options.null_partition is None:
                msg = (
                    f"{column.null_count} rows have no value in the partition column {name!r}; "
                    "give null_partition= to say where they go, or drop them first"
                )
                raise CastError(msg)
            filler = pa.scalar(self._options.null_partition).cast(column.type)
            batch = batch.set_column(place, batch.schema.field(place), pc.fill_null(column, filler))
        return batch

    def _note_partitions(self, batch: pa.RecordBatch) -> None:
        if not self.target.dynamic or not batch.num_rows:
            return
        names = [column.name for column in self.target.dynamic]
        found = pa.Table.from_batches([batch.select(names)]).group_by(names).aggregate([])
        texts = [found.column(name).cast(pa.string()).to_pylist() for name in names]
        for values in zip(*texts, strict=True):
            if values not in self._seen:
                Partition(tuple(zip(names, values, strict=True)))  # refuses what none can have
                self._seen[values] = None

    def _with_constants(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if not self.target.constants:
            return batch
        more = [pa.repeat(pa.scalar(v), batch.num_rows) for _, v in self.target.constants]
        return pa.RecordBatch.from_arrays([*batch.columns, *more], schema=self.schema)


def _send(
    connection: Connection,
    ref: TableRef,
    flow: _Flow,
    batches: Iterator[pa.RecordBatch],
    started: float,
) -> WriteResult:
    options, target, meter = flow.options, flow.target, Meter()
    session = connection.write_session(
        ref,
        meter=meter,
        partition=str(target.partition) if target.partition else "",
        overwrite=target.overwrite,
    )
    with session:
        blocks = session.blocks(flow.schema, options.compression.ipc_codec)
        shown = followed(batches, meter, options.progress, label=f"writing {ref.table}")
        session.accept(write_blocks(blocks, shown, n_streams=options.n_streams))
        tell_end(options.progress, meter)
        if session.n_rows != flow.rows:
            msg = f"{flow.rows} rows were to be written and {session.n_rows} arrived; none is kept"
            raise ProtocolError(msg, session_id=session.session_id)
        flow.check_named(options)
    return WriteResult(
        table=str(ref),
        rows=flow.rows,
        bytes=meter.bytes,
        partitions=flow.partitions(),
        session_id=session.session_id,
        retries=meter.retries,
        seconds=round(time.monotonic() - started, 3),
        resumed=session.settled,
    )


def _nothing(ref: TableRef, started: float) -> WriteResult:
    return WriteResult(
        table=str(ref),
        rows=0,
        bytes=0,
        partitions=(),
        session_id=None,
        retries=0,
        seconds=round(time.monotonic() - started, 3),
    )


def _in_memory(data: Any) -> bool:  # noqa: ANN401  whatever the caller has
    """Whether the data is at hand as a whole, so that it can be checked before any is sent."""
    if isinstance(data, pd.DataFrame | pa.Table | pa.RecordBatch):
        return True
    kind = type(data)
    return kind.__module__.partition(".")[0] == "polars" and kind.__name__ == "DataFrame"

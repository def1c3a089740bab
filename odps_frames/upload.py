"""A dataframe into a table: checked, cast, cut into blocks, committed once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from odps_frames.convert.fit import Fitter
from odps_frames.convert.frames import arrow_reader
from odps_frames.creation import (
    Place,
    TakenError,
    existing_table,
    key_of,
    occupied,
    planned_schema,
)
from odps_frames.errors import Conflict, ProtocolError, SchemaMismatch
from odps_frames.flow import Flow
from odps_frames.operations import Operations, without_operation
from odps_frames.progress import followed, tell_end
from odps_frames.target import Target
from odps_frames.transport.retry import Meter
from odps_frames.upserts import KeyedFlow
from odps_frames.widening import add_columns, new_columns, widened
from odps_frames.wire.arrow_stream import impossible_types
from odps_frames.write.fan import write_blocks
from odps_frames.write_options import WriteResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.connection import Connection
    from odps_frames.model.schema import Column, TableSchema
    from odps_frames.model.table import TableRef
    from odps_frames.write_options import WriteOptions

__all__ = ["upload"]


def upload(
    connection: Connection, data: object, ref: TableRef, options: WriteOptions
) -> WriteResult:
    """Write data into a table with one commit; see ``to_odps`` for the contract."""
    started = time.monotonic()
    present = existing_table(connection, ref, keyed=options.mode == "upsert")
    schema = present.schema if present else None
    known = schema.all_columns if schema else ()
    reader = arrow_reader(data, index=options.index, columns=known)
    if impossible := impossible_types(reader.schema):
        raise SchemaMismatch(impossible)
    if options.mode in ("error", "ignore") and occupied(connection, ref, schema, options.partition):
        return _refused(ref, options, started)
    new, key = schema is None, key_of(ref, present, options)
    source = without_operation(reader.schema) if options.mode == "upsert" else reader.schema
    schema, added = _schema(ref, schema, source, options)
    schema = schema.keyed(key)
    target = Target.of(ref, schema, source.names, options)
    in_memory = _in_memory(data)
    tz = connection.config.timezone
    flow = _flow(schema, reader.schema, target, options, key=key, tz=tz, in_memory=in_memory)
    batches: Iterator[pa.RecordBatch] = flow.batches(iter(reader))
    if in_memory:
        batches = iter(list(batches))  # so that every value is known to fit before one is sent
        flow.check_named(options)
    fresh = options.mode in ("error", "ignore")
    alone = fresh or (bool(key) and options.mode != "upsert")
    place = Place(connection, ref, options.partition if fresh and not target.dynamic else None)
    made = place.made(
        schema if new else None, lifecycle=options.lifecycle, alone=alone, primary_key=key
    )
    try:
        with made:
            add_columns(connection, ref, added)
            return _send(connection, ref, flow, batches, started)
    except TakenError:
        return _refused(ref, options, started)


def _flow(
    schema: TableSchema,
    source: pa.Schema,
    target: Target,
    options: WriteOptions,
    *,
    key: tuple[str, ...],
    tz: str,
    in_memory: bool,
) -> Flow:
    """Make what casts the rows and counts them."""
    if key:
        operations = Operations.of_data(schema, source, target, options, key=key, tz=tz)
        return KeyedFlow(operations, target, options, key=key, in_memory=in_memory)
    fitter = Fitter(
        schema,
        target.columns,
        source,
        schema_mode=options.schema_mode,
        fill_missing=options.fill_missing,
        tz=tz,
    )
    return Flow(fitter, target, options)


def _schema(
    ref: TableRef, present: TableSchema | None, source: pa.Schema, options: WriteOptions
) -> tuple[TableSchema, tuple[Column, ...]]:
    """The schema of the table once it is ready for the rows, and the columns that it lacks yet."""
    if present is not None:
        added = new_columns(ref, present, source, options)
        return widened(present, added), added
    planned = planned_schema(
        ref,
        source,
        create=options.create,
        partition=options.partition,
        partition_cols=options.partition_cols or (),
        odps_types=options.odps_types,
    )
    return planned, ()


def _refused(ref: TableRef, options: WriteOptions, started: float) -> WriteResult:
    """What becomes of a write to a place that is taken."""
    if options.mode == "ignore":
        return _nothing(ref, started)
    if options.mode not in ("error", "ignore"):
        msg = f"somebody else made {ref} while this was about to; see what is in it"
        raise Conflict(msg)
    what = f"partition {options.partition} of {ref}" if options.partition else str(ref)
    msg = f"{what} exists, and mode='error' writes only what does not; see the other modes"
    raise Conflict(msg)


def _send(
    connection: Connection,
    ref: TableRef,
    flow: Flow,
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
        warnings=session.warnings,
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

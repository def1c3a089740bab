"""What becomes of data on its way into a table: looked at, planned and cast, nothing sent yet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from odps_frames.blob_intake import taken_in
from odps_frames.blob_placing import BlobRows
from odps_frames.convert.fit import Fitter
from odps_frames.creation import existing_table, key_of, occupied, planned_schema
from odps_frames.errors import SchemaMismatch
from odps_frames.flow import Flow
from odps_frames.operations import Operations, without_operation
from odps_frames.target import Target, spelt
from odps_frames.upserts import KeyedFlow
from odps_frames.widening import new_columns, widened
from odps_frames.wire.arrow_stream import impossible_types

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.connection import Connection
    from odps_frames.model.schema import Column, TableSchema
    from odps_frames.model.table import TableRef
    from odps_frames.write_options import WriteOptions

__all__ = ["Prepared", "prepare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A write that is all but begun."""

    schema: TableSchema
    """Of the table once it is ready for the rows."""
    new: bool
    """Whether the table is to be made."""
    added: tuple[Column, ...]
    """Columns that are to be added to the table that is there."""
    key: tuple[str, ...]
    source: pa.Schema
    """Of the data."""
    flow: Flow
    blobs: BlobRows
    batches: Iterator[pa.RecordBatch]
    """The rows as the table takes them, to be read once, but that blobs are there themselves."""


def prepare(
    connection: Connection, data: object, ref: TableRef, options: WriteOptions
) -> Prepared | None:
    """Look at data and table; None where the mode writes only what is not there, and it is.

    Data that is in memory is cast as a whole, so that what does not fit raises here.
    """
    present = existing_table(connection, ref, keyed=options.mode == "upsert")
    known = present.schema.all_columns if present else ()
    intake = taken_in(data, options, known)
    reader = intake.reader
    if impossible := impossible_types(reader.schema):
        raise SchemaMismatch(impossible)
    there = present.schema if present else None
    if options.mode in ("error", "ignore") and occupied(connection, ref, there, options.partition):
        return None
    key = key_of(ref, present, options)
    source = without_operation(reader.schema) if options.mode == "upsert" else reader.schema
    schema, added = _schema(ref, there, source, options)
    schema = schema.keyed(key)
    key = tuple(schema.column(name).name for name in key)
    options = replace(options, partition=spelt(options.partition, schema))
    target = Target.of(ref, schema, source.names, options)
    in_memory = _in_memory(data)
    tz = connection.config.timezone
    flow = _flow(schema, reader.schema, target, options, key=key, tz=tz, in_memory=in_memory)
    batches: Iterator[pa.RecordBatch] = flow.batches(iter(reader))
    if in_memory:
        batches = iter(list(batches))  # so that every value is known to fit before one is sent
        flow.check_named(options)
    return Prepared(
        schema=schema,
        new=there is None,
        added=added,
        key=key,
        source=source,
        flow=flow,
        blobs=BlobRows(
            columns=schema.columns,
            static=options.partition,
            dynamic=tuple(column.name for column in target.dynamic),
            key=key,
            cells=intake.cells,
            marked=intake.marked,
        ),
        batches=batches,
    )


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


def _in_memory(data: Any) -> bool:  # noqa: ANN401  whatever the caller has
    """Whether the data is at hand as a whole, so that it can be checked before any is sent."""
    if isinstance(data, pd.DataFrame | pa.Table | pa.RecordBatch):
        return True
    kind = type(data)
    return kind.__module__.partition(".")[0] == "polars" and kind.__name__ == "DataFrame"

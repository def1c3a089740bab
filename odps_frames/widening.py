"""Columns that data has and its table has not, added to the table before the rows come."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.convert.infer import infer_schema
from odps_frames.creation import check_made_for, check_names, existing_schema
from odps_frames.errors import SqlError
from odps_frames.wire import ddl

if TYPE_CHECKING:
    from odps_frames.connection import Connection
    from odps_frames.model.schema import Column, TableSchema
    from odps_frames.model.table import TableRef
    from odps_frames.write_options import WriteOptions

__all__ = ["add_columns", "new_columns", "widened"]


def new_columns(
    ref: TableRef, present: TableSchema, source: pa.Schema, options: WriteOptions
) -> tuple[Column, ...]:
    """Return the columns that ``schema_mode="add_columns"`` adds to a table; none in other modes.

    Raises
    ------
    SchemaMismatch
        When ``odps_types`` say of a column what neither the table nor the data has.
    """
    if options.schema_mode != "add_columns":
        check_made_for(ref, present, options.odps_types)
        return ()
    known = {column.name.lower() for column in present.all_columns}
    fields = [field for field in source if field.name.lower() not in known]
    names = {field.name.lower() for field in fields}
    said = {name: text for name, text in options.odps_types.items() if name.lower() in names}
    check_made_for(
        ref, present, {name: text for name, text in options.odps_types.items() if name not in said}
    )
    found = infer_schema(pa.schema(fields), overrides=said).columns
    check_names(found)
    return found


def widened(schema: TableSchema, columns: tuple[Column, ...]) -> TableSchema:
    """Return the schema that a table has once these columns are added."""
    return replace(schema, columns=schema.columns + columns)


def add_columns(connection: Connection, ref: TableRef, columns: tuple[Column, ...]) -> None:
    """Add columns to a table; those that somebody else added meanwhile, alike, are as good.

    Raises
    ------
    SqlError
        When the service refused, and the table has other columns than these.
    """
    if not columns:
        return
    try:
        connection.run(ddl.add_columns(ref, columns), table=ref)
    except SqlError:
        schema = existing_schema(connection, ref)
        found = [schema.find(column.name) if schema else None for column in columns]
        if any(
            one is None or one.type != column.type
            for one, column in zip(found, columns, strict=True)
        ):
            raise

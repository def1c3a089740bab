"""Columns added, dropped and changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from odps_frames.emulator.catalog import definitions
from odps_frames.emulator.sql.primary_key import system_column_fault
from odps_frames.emulator.sql.site import semantic
from odps_frames.emulator.sql.table_engine import check_type
from odps_frames.emulator.widening import can_widen
from odps_frames.model.schema import TableSchema

if TYPE_CHECKING:
    from odps_frames.emulator.catalog.tables import StoredColumn, Table
    from odps_frames.emulator.sql.site import Site
    from odps_frames.emulator.sql.statements import (
        AddColumns,
        ChangeColumn,
        DropColumns,
        TableName,
    )
    from odps_frames.model.schema import Column
    from odps_frames.model.types import DataType

__all__ = ["add_columns", "change_column", "drop_columns"]


def add_columns(site: Site, statement: AddColumns) -> None:
    """Carry out ADD COLUMNS."""
    table = site.table(statement.name)
    if table.primary_key and (fault := system_column_fault(statement.columns)):
        raise semantic(fault, statement.name)
    added: list[Column] = []
    for column in statement.columns:
        if table.schema.find(column.name) is not None:
            if statement.if_not_exists:
                continue
            raise semantic(f"column {column.name} exists already", statement.name)
        if not column.nullable:
            raise semantic(
                f"column {column.name} is NOT NULL; rows that are there have no value for it",
                statement.name,
            )
        check_type(column, statement.name)
        added.append(column)
    try:
        TableSchema(tuple(added))
    except ValueError as error:
        raise semantic(str(error), statement.name) from None
    if added:
        definitions.add_columns(site.connection, table, added, site.now)


def drop_columns(site: Site, statement: DropColumns) -> None:
    """Carry out DROP COLUMNS; a column that is added later under the name is another one."""
    table = site.table(statement.name)
    if len(set(statement.columns)) != len(statement.columns):
        raise semantic(f"a column stands twice: {', '.join(statement.columns)}", statement.name)
    for name in statement.columns:
        stored = _need(table, name, statement.name)
        _refuse_part_of_table(table, stored, "dropped", statement.name)
    left = tuple(
        stored for stored in table.columns if stored.column.name.lower() not in statement.columns
    )
    if not left:
        raise semantic(f"table {table.ref} needs one column at least", statement.name)
    narrower = replace(table, columns=left)
    definitions.redefine(site.connection, narrower, site.now, columns=True)


def change_column(site: Site, statement: ChangeColumn) -> None:
    """Carry out CHANGE COLUMN: name, type, comment, NULL or place."""
    table = site.table(statement.name)
    if _partition_comment(site, table, statement):
        return
    stored = _need(table, statement.column, statement.name)
    changed = replace(stored, column=_changed(table, stored, statement))
    columns = [changed if one is stored else one for one in table.columns]
    if statement.after is not None:
        columns = _moved(table, columns, changed, statement)
    wider = replace(table, columns=tuple(columns))
    definitions.redefine(
        site.connection,
        wider,
        site.now,
        columns=_shape(wider.columns) != _shape(table.columns),
    )


def _shape(columns: tuple[StoredColumn, ...]) -> list[Column]:
    """Return what writers must know of columns: all but their comments."""
    return [replace(stored.column, comment="") for stored in columns]


def _partition_comment(site: Site, table: Table, statement: ChangeColumn) -> bool:
    """Change the comment of a partition column, of which nothing else can be changed."""
    names = [column.name.lower() for column in table.partition_columns]
    if statement.column not in names:
        return False
    place = names.index(statement.column)
    column = table.partition_columns[place]
    told = statement.new_name, statement.type, statement.nullable, statement.after
    same = (None, None, None, None), (column.name, column.type, None, None)
    if statement.comment is None or told not in same:
        raise semantic(
            f"{column.name} is a partition column; only its comment can be changed",
            statement.name,
        )
    columns = list(table.partition_columns)
    columns[place] = replace(column, comment=statement.comment)
    changed = replace(table, partition_columns=tuple(columns))
    definitions.redefine(site.connection, changed, site.now)
    return True


def _changed(table: Table, stored: StoredColumn, statement: ChangeColumn) -> Column:
    column, name = stored.column, statement.name
    if statement.new_name is not None and statement.new_name != column.name.lower():
        _refuse_part_of_table(table, stored, "renamed", name)
        if table.schema.find(statement.new_name) is not None:
            raise semantic(f"column {statement.new_name} exists already", name)
        column = replace(column, name=statement.new_name)
        if table.primary_key and (fault := system_column_fault([column])):
            raise semantic(fault, name)
    if statement.type is not None and statement.type != column.type:
        _refuse_part_of_table(table, stored, "of another type", name)
        column = _widened(stored, column, statement.type, name)
    if statement.nullable is False and column.nullable:
        raise semantic(f"column {column.name} may be NULL, and cannot become NOT NULL", name)
    if statement.nullable:
        if column.name.lower() in table.primary_key:
            raise semantic(f"column {column.name} is part of the PRIMARY KEY: NOT NULL", name)
        column = replace(column, nullable=True)
    if statement.comment is not None:
        column = replace(column, comment=statement.comment)
    return column


def _widened(stored: StoredColumn, column: Column, type_: DataType, name: TableName) -> Column:
    if stored.default is not None:
        raise semantic(f"column {column.name} has a DEFAULT; its type stays", name)
    if not can_widen(column.type, type_):
        raise semantic(
            f"changing column {column.name} from {column.type} to {type_} is not supported here; "
            "expected a type that holds every value of the old one",
            name,
        )
    return replace(column, type=type_)


def _moved(
    table: Table, columns: list[StoredColumn], changed: StoredColumn, statement: ChangeColumn
) -> list[StoredColumn]:
    after = statement.after or ""
    if after == changed.column.name.lower():
        raise semantic(f"column {after} cannot stand after itself", statement.name)
    before = _need(table, after, statement.name)
    left = [one for one in columns if one is not changed]
    place = [one.field for one in left].index(before.field) + 1
    return [*left[:place], changed, *left[place:]]


def _need(table: Table, name: str, where: TableName) -> StoredColumn:
    for stored in table.columns:
        if stored.column.name.lower() == name:
            return stored
    raise semantic(f"table {table.ref}: {table.schema.unknown([name])}", where)


def _refuse_part_of_table(table: Table, stored: StoredColumn, how: str, where: TableName) -> None:
    """Refuse what would change the key of a table, or its buckets."""
    name = stored.column.name.lower()
    if name in table.primary_key:
        raise semantic(f"column {name} is part of the PRIMARY KEY; it cannot be {how}", where)
    buckets = table.buckets
    if buckets is not None and name in {
        one.lower() for one in (*buckets.columns, *buckets.sort_names)
    }:
        raise semantic(f"table {table.ref} is clustered by {name}; it cannot be {how}", where)

"""What a PRIMARY KEY, and the properties that come with it, may say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.catalog.tables import BUCKETS, RETAIN_HOURS, TRANSACTIONAL
from odps_frames.model.schema import KEY_TYPES, can_key
from odps_frames.wire.schema import OPERATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.sql.statements import CreateTable
    from odps_frames.model.schema import Column

__all__ = ["changed_properties_fault", "key_fault", "system_column_fault"]

_MOST_HOURS = 168
_MOST_BUCKETS = 4096


def key_fault(statement: CreateTable) -> str | None:
    """Say what is wrong with the key of a table and its properties; None where nothing is."""
    properties = statement.properties
    faults = (
        _number_fault(properties.get(RETAIN_HOURS), RETAIN_HOURS, 0, _MOST_HOURS),
        _number_fault(properties.get(BUCKETS), BUCKETS, 1, _MOST_BUCKETS),
        _column_fault(statement),
    )
    found = next((fault for fault in faults if fault), None)
    if found or not statement.primary_key:
        return found
    if properties.get(TRANSACTIONAL, "").lower() != "true":
        return f'a PRIMARY KEY needs tblproperties ("{TRANSACTIONAL}"="true")'
    if fault := system_column_fault(statement.columns):
        return fault
    if statement.buckets is not None:  # it would take the rows of a stream out of their order
        return "a PRIMARY KEY and CLUSTERED BY in one table are not supported here"
    return None


def changed_properties_fault(table: Table, properties: Mapping[str, str]) -> str | None:
    """Say what is wrong with other properties of a table; None where nothing is."""
    fixed = (TRANSACTIONAL, BUCKETS) if table.primary_key else (TRANSACTIONAL,)
    for name in fixed:
        old, new = (of.get(name, "").lower() for of in (table.properties, properties))
        if old != new:
            return f"the property {name} of table {table.ref} cannot be changed"
    return _number_fault(
        properties.get(RETAIN_HOURS), RETAIN_HOURS, 0, _MOST_HOURS
    ) or _number_fault(properties.get(BUCKETS), BUCKETS, 1, _MOST_BUCKETS)


def system_column_fault(columns: Iterable[Column]) -> str | None:
    """Say which column of a table with a key only the system can have; None where there is none."""
    if any(column.name.lower() == OPERATION for column in columns):
        return f"column {OPERATION} of a table with a PRIMARY KEY is the system's own"
    return None


def _number_fault(text: str | None, name: str, least: int, most: int) -> str | None:
    if text is None or (text.isascii() and text.isdigit() and least <= int(text) <= most):
        return None
    return f"the property {name}={text!r}; expected a whole number from {least} to {most}"


def _column_fault(statement: CreateTable) -> str | None:
    columns = {column.name.lower(): column for column in statement.columns}
    if len(set(statement.primary_key)) != len(statement.primary_key):
        return f"a column stands twice in the PRIMARY KEY: {', '.join(statement.primary_key)}"
    for name in statement.primary_key:
        column = columns.get(name)
        if column is None:
            return f"PRIMARY KEY: no data column {name}; expected one of: {', '.join(columns)}"
        if column.nullable:
            return f"PRIMARY KEY: column {name} may be NULL; declare it NOT NULL"
        if not can_key(column.type):
            return f"PRIMARY KEY: column {name} is of type {column.type}; expected {KEY_TYPES}"
    return None

"""SHOW and DESC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.partition_parser import one_spec
from odps_frames.emulator.sql.statements import (
    Describe,
    ShowCreateTable,
    ShowPartitions,
    ShowSchemas,
    ShowTables,
)

if TYPE_CHECKING:
    from odps_frames.emulator.sql.cursor import Cursor
    from odps_frames.emulator.sql.statements import Statement

__all__ = ["read_describe", "read_show"]


def read_show(cursor: Cursor) -> Statement | None:
    """Read what stands after SHOW; None where it is something else."""
    if cursor.words("SCHEMAS"):
        named = cursor.words("IN") or cursor.words("FROM")
        return ShowSchemas(cursor.table_name("a project", 1) if named else None)
    if cursor.words("TABLES"):
        named = cursor.words("IN") or cursor.words("FROM")
        place = cursor.table_name("a project or schema", 2) if named else None
        return ShowTables(place, cursor.text() if cursor.words("LIKE") else None)
    if cursor.words("PARTITIONS"):
        return ShowPartitions(cursor.table_name(), one_spec(cursor) or ())
    if cursor.words("CREATE", "TABLE"):
        return ShowCreateTable(cursor.table_name())
    return None


def read_describe(cursor: Cursor) -> Statement | None:
    """Read what stands after DESC; None where it is something else."""
    objects = ("SCHEMA", "PROJECT", "FUNCTION", "INSTANCE", "ROLE", "PACKAGE")
    if cursor.next.is_word(*objects) and cursor.ahead(1).value not in ("", ".", ";"):
        return None
    extended = cursor.words("EXTENDED")
    return Describe(cursor.table_name(), extended, one_spec(cursor))

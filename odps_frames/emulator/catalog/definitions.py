"""Changes of what a table is: its columns, its name, what is said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from odps_frames.emulator.catalog.tables import StoredColumn, next_version, place_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.model.schema import Column
    from odps_frames.model.table import TableRef

__all__ = ["add_columns", "has_staged_rows", "redefine", "rename_table", "touch_table"]


def redefine(connection: Connection, table: Table, now: int, *, columns: bool = False) -> None:
    """Keep a table as it is now said to be; ``columns`` where these have changed."""
    connection.execute(
        "UPDATE tables SET definition = ?, schema_version = schema_version + ?, defined = ? "
        "WHERE id = ?",
        (table.definition(), int(columns), now, table.id),
    )


def add_columns(connection: Connection, table: Table, columns: Iterable[Column], now: int) -> None:
    """Append data columns, which are NULL in the rows that are there."""
    added = tuple(
        StoredColumn(str(number), column)
        for number, column in enumerate(columns, table.last_field + 1)
    )
    wider = replace(table, columns=table.columns + added, last_field=table.last_field + len(added))
    redefine(connection, wider, now, columns=True)


def rename_table(connection: Connection, table: Table, to: TableRef, now: int) -> None:
    """Give a table another name in its schema; the old one is free then.

    No version of a table comes twice under one name, so that those of a table that had the new
    name before are skipped.
    """
    old, new = place_of(table.ref), place_of(to)
    row = connection.execute(
        "SELECT version FROM retired WHERE project = ? AND schema = ? AND name = ?", new
    ).fetchone()
    if row is not None and row["version"] > table.version:
        connection.execute(
            "UPDATE tables SET version = ? WHERE id = ?", (row["version"] - 1, table.id)
        )
        next_version(connection, table, operation="RENAME", session=None, now=now)
    connection.execute(
        "INSERT OR REPLACE INTO retired SELECT project, schema, name, version + 1 FROM tables "
        "WHERE id = ?",
        (table.id,),
    )
    connection.execute(
        "UPDATE tables SET project = ?, schema = ?, name = ?, defined = ? "
        "WHERE id = ? AND project = ? AND schema = ? AND name = ?",
        (*new, now, table.id, *old),
    )


def touch_table(connection: Connection, table: Table, now: int) -> None:
    """Let the rows of a table count as changed just now."""
    connection.execute("UPDATE tables SET modified = ? WHERE id = ?", (now, table.id))


def has_staged_rows(connection: Connection, table: Table) -> bool:
    """Whether rows of write sessions wait for a commit, or may come after any change."""
    row = connection.execute(
        "SELECT 1 FROM write_sessions w WHERE w.table_id = ? AND w.status = 'NORMAL' AND ("
        "json_extract(w.options, '$.known_columns') IS NOT NULL "
        "OR EXISTS (SELECT 1 FROM staged s WHERE s.session = w.id)) LIMIT 1",
        (table.id,),
    ).fetchone()
    return row is not None

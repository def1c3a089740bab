"""Statements that change rows beside others: the first to commit wins, the other is told so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.catalog.conflicts import changed_partitions
from odps_frames.emulator.catalog.tables import table_by_id
from odps_frames.emulator.specs import partition_of
from odps_frames.emulator.sql.tokens import SqlFault

if TYPE_CHECKING:
    from collections.abc import Collection

    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.specs import Values

__all__ = ["present_table", "require_unchanged"]

_CODE = "ODPS-0110141"


def require_unchanged(
    connection: Connection, table: Table, touched: Collection[Values] | None = None
) -> None:
    """Refuse to commit an UPDATE, DELETE or MERGE whose rows are not as it read them.

    INSERT INTO and INSERT OVERWRITE do not ask: the one only adds, the other replaces whatever is
    there.

    Parameters
    ----------
    connection : Connection
        The transaction of the commit.
    table : Table
        As the statement read it.
    touched : collection of Values, optional
        The partitions that it changes; without it the whole table.

    Raises
    ------
    SqlFault
        Naming what changed; the statement can be handed in again.
    """
    present_table(connection, table)
    changed = changed_partitions(connection, table, table.version, touched)
    if changed:
        named = [partition_of(values, table.partition_columns).quoted() for values in changed[:3]]
        where = f" in partition ({'), ('.join(named)})" if table.partition_columns else ""
        raise _conflict(f"rows of table {table.ref}{where} changed since version {table.version}")


def present_table(connection: Connection, table: Table) -> Table:
    """Return a table as it is at the commit of a statement that was planned on it.

    Raises
    ------
    SqlFault
        When it was dropped, or has other columns by now.
    """
    present = table_by_id(connection, table.id)
    if present is None:
        raise _conflict(f"table {table.ref} was dropped")
    if present.schema_version != table.schema_version:
        raise _conflict(f"the columns of table {table.ref} were altered")
    return present


def _conflict(what: str) -> SqlFault:
    """Make the error of a statement that somebody else was faster than."""
    return SqlFault(
        _CODE,
        f"Data version exception - {what} while the statement ran, by another that was committed "
        "first; hand it in again",
    )

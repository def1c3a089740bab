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

__all__ = ["require_unchanged"]

_CONFLICT = "ODPS-0110141"


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
    present = table_by_id(connection, table.id)
    if present is None:
        raise _fault(f"table {table.ref} was dropped")
    if present.schema_version != table.schema_version:
        raise _fault(f"the columns of table {table.ref} changed")
    changed = changed_partitions(connection, table, table.version, touched)
    if changed:
        named = [partition_of(values, table.partition_columns).quoted() for values in changed[:3]]
        where = f" in {', '.join(named)}" if table.partition_columns else ""
        raise _fault(
            f"rows of table {table.ref}{where} changed since version {table.version}, which "
            f"the statement read; the table is at version {present.version}"
        )


def _fault(what: str) -> SqlFault:
    return SqlFault(
        _CONFLICT,
        f"Data version exception - {what} while the statement ran, by another that was committed "
        "first; hand it in again",
    )

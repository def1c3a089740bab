"""What changed under a statement that read a table and now wants to commit what it made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.catalog.contents import decode_spec, encode_spec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.specs import Values

__all__ = ["changed_partitions", "missing_files"]

_WENT = (
    "SELECT spec FROM files WHERE table_id = :table AND removed > :since AND added <= :since "
    "UNION SELECT f.spec FROM erased e JOIN files f ON f.id = e.file "
    "WHERE f.table_id = :table AND e.version > :since AND f.added <= :since"
)
_CAME = " UNION SELECT spec FROM files WHERE table_id = :table AND added > :since"


def changed_partitions(
    connection: Connection, table: Table, since: int, touched: Collection[Values] | None = None
) -> list[Values]:
    """Return the partitions whose rows a statement cannot change any more.

    It read version ``since``. Rows that came meanwhile do not hinder it, except in a table with a
    primary key; rows that went, by whatever, do.

    Parameters
    ----------
    connection : Connection
        The transaction of its commit.
    touched : collection of Values, optional
        The partitions that it changes, as tuples of values; without it all of the table, which
        for one without partitions is the one with no values.
    """
    query = _WENT + _CAME if table.primary_key else _WENT
    rows = connection.execute(query, {"table": table.id, "since": since})
    found = {row["spec"] for row in rows}
    if touched is not None:
        found &= {encode_spec(values) for values in touched}
    return [decode_spec(spec) for spec in sorted(found)]


def missing_files(connection: Connection, numbers: Iterable[int]) -> list[int]:
    """Return those of some files that the present version of their table does not have."""
    return [
        number
        for number in numbers
        if connection.execute(
            "SELECT 1 FROM files WHERE id = ? AND removed IS NULL", (number,)
        ).fetchone()
        is None
    ]

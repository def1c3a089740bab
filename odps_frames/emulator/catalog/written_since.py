"""What others changed in a table while a statement was carried out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.catalog.contents import decode_spec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.specs import Values

__all__ = ["changed_partitions", "missing_files"]


def changed_partitions(connection: Connection, table_id: str, version: int) -> set[Values]:
    """Return the partitions whose rows are not those of a version any more."""
    rows = connection.execute(
        # A file that joins others is as old as its oldest row, and as new as its newest.
        "SELECT spec FROM files WHERE table_id = ? "
        "AND (coalesce(newest, added) > ? OR removed > ?) "
        "UNION SELECT f.spec FROM erased e JOIN files f ON f.id = e.file "
        "WHERE f.table_id = ? AND e.version > ?",
        (table_id, version, version, table_id, version),
    )
    return {decode_spec(row["spec"]) for row in rows}


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

"""Rows that a later version took away from a file, which itself never changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from odps_frames.emulator.catalog.database import Connection

__all__ = ["Positions", "erase", "erased_positions"]

Positions: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"
"""Places of rows in a file, ascending."""

_FORM = np.dtype("<i8")


def erase(connection: Connection, file: int, version: int, positions: Positions) -> None:
    """Take rows away from a version on; the positions are counted from the file's first row."""
    rows = np.unique(np.asarray(positions, dtype=_FORM))
    connection.execute(
        "INSERT INTO erased VALUES (?, ?, ?, ?)", (file, version, len(rows), rows.tobytes())
    )


def erased_positions(connection: Connection, table_id: str, version: int) -> dict[int, Positions]:
    """Return what is gone at a version, by file: positions that ascend."""
    rows = connection.execute(
        "SELECT e.file, e.positions FROM erased e JOIN files f ON f.id = e.file "
        "WHERE f.table_id = ? AND e.version <= ? AND f.added <= ? "
        "AND (f.removed IS NULL OR f.removed > ?)",
        (table_id, version, version, version),
    )
    found: dict[int, list[Positions]] = {}
    for row in rows:
        found.setdefault(row["file"], []).append(np.frombuffer(row["positions"], _FORM))
    return {file: np.unique(np.concatenate(parts)) for file, parts in found.items()}

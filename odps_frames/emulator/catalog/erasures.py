"""Rows that a later version took away from a file, which itself never changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from odps_frames.emulator.catalog.births import unborn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odps_frames.emulator.catalog.database import Connection

__all__ = ["Positions", "erase", "erased_positions", "erasures_of"]

Positions: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"
"""Places of rows in a file, ascending."""

_FORM = np.dtype("<i8")


def erase(connection: Connection, file: int, version: int, positions: Positions) -> None:
    """Take rows away from a version on; the positions are counted from the file's first row."""
    rows = np.unique(np.asarray(positions, dtype=_FORM))
    connection.execute(
        "INSERT INTO erased VALUES (?, ?, ?, ?)", (file, version, len(rows), rows.tobytes())
    )


def erasures_of(connection: Connection, files: Iterable[int]) -> dict[int, dict[int, Positions]]:
    """Return what went from files, by file and version: positions that ascend."""
    found: dict[int, dict[int, Positions]] = {}
    for file in files:
        rows = connection.execute("SELECT version, positions FROM erased WHERE file = ?", (file,))
        for version, positions in rows.fetchall():
            found.setdefault(file, {})[version] = np.frombuffer(positions, _FORM)
    return found


def erased_positions(
    connection: Connection, table_id: str, version: int, *, layout: int | None = None
) -> dict[int, Positions]:
    """Return what a version lacks of its files, by file: positions that ascend.

    These are the rows that went, and in a file that joins others those that were still to come.
    """
    found: dict[int, list[Positions]] = {}
    values = {"table": table_id, "version": version, "layout": layout}
    for table in ("files",) if layout is None else ("files", "replaced"):
        rows = connection.execute(
            f"SELECT e.file, e.positions FROM {table} f JOIN erased e ON e.file = f.id "  # noqa: S608  the names above
            "WHERE f.table_id = :table AND e.version <= :version AND f.added <= :version "
            "AND (f.removed IS NULL OR f.removed > :version)",
            values,
        )
        for row in rows:
            found.setdefault(row["file"], []).append(np.frombuffer(row["positions"], _FORM))
        joined = connection.execute(
            f"SELECT id, births FROM {table} "  # noqa: S608  the names above
            "WHERE table_id = :table AND births IS NOT NULL AND newest > :version",
            values,
        )
        for row in joined:
            found.setdefault(row["id"], []).append(unborn(row["births"], version))
    return {file: np.unique(np.concatenate(parts)) for file, parts in found.items()}

"""How the rows of a table lie in files, which joining files changes and no version notices."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from odps_frames.emulator.catalog.database import Connection

__all__ = ["layout_of", "next_layout"]


def layout_of(connection: Connection, table_id: str) -> int:
    """Return the present layout of a table."""
    row = connection.execute(
        "SELECT layout FROM layouts WHERE table_id = ?", (table_id,)
    ).fetchone()
    return int(row["layout"]) if row else 0


def next_layout(connection: Connection, table_id: str) -> int:
    """Begin a new layout and return its number."""
    row = connection.execute(
        "INSERT INTO layouts VALUES (?, 1) "
        "ON CONFLICT (table_id) DO UPDATE SET layout = layout + 1 RETURNING layout",
        (table_id,),
    ).fetchone()
    return int(row["layout"])

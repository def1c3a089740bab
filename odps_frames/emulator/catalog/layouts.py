"""How the rows of a table lie in files, which joining files changes and no version notices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from odps_frames.emulator.catalog.births import encode_births
from odps_frames.emulator.catalog.contents import add_files
from odps_frames.emulator.catalog.erasures import erase, erasures_of
from odps_frames.emulator.catalog.versions import raise_oldest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.joining import Joined

__all__ = ["exchange", "layout_of"]

_MAX_PARAMETERS = 500
_MOVED = (
    "id, table_id, spec, bucket, name, n_rows, n_bytes, facts, added, removed, laid, place, "
    "births, newest"
)


def layout_of(connection: Connection, table_id: str) -> int:
    """Return the present layout of a table."""
    row = connection.execute(
        "SELECT layout FROM layouts WHERE table_id = ?", (table_id,)
    ).fetchone()
    return int(row["layout"]) if row else 0


def _next_layout(connection: Connection, table_id: str) -> int:
    """Begin a new layout and return its number."""
    row = connection.execute(
        "INSERT INTO layouts VALUES (?, 1) "
        "ON CONFLICT (table_id) DO UPDATE SET layout = layout + 1 RETURNING layout",
        (table_id,),
    ).fetchone()
    return int(row["layout"])


def exchange(connection: Connection, table_id: str, joined: Joined) -> bool:
    """Put a file in the place of those that it joins; return False where one of them is gone.

    Sessions that were planned on them go on reading them.
    """
    numbers = [source.id for source in joined.sources]
    if _count_present(connection, table_id, numbers) < len(numbers):
        return False
    layout = _next_layout(connection, table_id)
    if joined.new is not None:
        (number,) = add_files(connection, table_id, int(joined.births.min()), [joined.new])
        connection.execute(
            "UPDATE files SET laid = ?, place = ?, births = ?, newest = ? WHERE id = ?",
            (
                layout,
                joined.sources[0].place,
                encode_births(joined.births),
                int(joined.births.max()),
                number,
            ),
        )
        _move_erasures(connection, joined, number)
    for number in numbers:
        connection.execute(
            f"INSERT INTO replaced ({_MOVED}, layout) SELECT {_MOVED}, ? FROM files WHERE id = ?",  # noqa: S608  the text above
            (layout, number),
        )
        connection.execute("DELETE FROM files WHERE id = ?", (number,))
    if joined.forgotten:
        raise_oldest(connection, table_id, joined.forgotten)
    return True


def _count_present(connection: Connection, table_id: str, numbers: Sequence[int]) -> int:
    found = 0
    for start in range(0, len(numbers), _MAX_PARAMETERS):
        part = numbers[start : start + _MAX_PARAMETERS]
        (count,) = connection.execute(
            "SELECT count(*) FROM files WHERE table_id = ? AND removed IS NULL "  # noqa: S608  only marks
            f"AND id IN ({', '.join('?' * len(part))})",
            (table_id, *part),
        ).fetchone()
        found += count
    return found


def _move_erasures(connection: Connection, joined: Joined, number: int) -> None:
    """Take away from a joined file what went from its sources, also what went meanwhile."""
    erased = erasures_of(connection, [source.id for source in joined.sources])
    moved: dict[int, list[np.ndarray]] = {}
    for source, places in zip(joined.sources, joined.places, strict=True):
        for version, positions in erased.get(source.id, {}).items():
            now = places[positions]
            moved.setdefault(version, []).append(now[now >= 0])
    for version, parts in sorted(moved.items()):
        positions = np.concatenate(parts)
        if len(positions):
            erase(connection, number, version, positions)

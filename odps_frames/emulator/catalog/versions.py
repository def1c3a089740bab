"""The versions of a table by their times, and how long what they lack is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.catalog.schemas import DEFAULT_SCHEMA
from odps_frames.emulator.catalog.tables import table_by_id

if TYPE_CHECKING:
    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.catalog.tables import Table

__all__ = [
    "drop_old_files",
    "first_version",
    "horizon_of",
    "last_moment",
    "raise_oldest",
    "version_at",
    "was_there_before",
]

_HOUR = 3_600_000


def version_at(connection: Connection, table_id: str, moment: int) -> int | None:
    """Return the last version at a time in milliseconds; None where that was before the first."""
    row = connection.execute(
        "SELECT version FROM versions WHERE table_id = ? AND at <= ? "
        "ORDER BY at DESC, version DESC LIMIT 1",
        (table_id, moment),
    ).fetchone()
    return int(row["version"]) if row else None


def first_version(connection: Connection, table: Table) -> int:
    """Return the version that a table had when it was made."""
    (version,) = connection.execute(
        "SELECT min(version) FROM versions WHERE table_id = ?", (table.id,)
    ).fetchone()
    return table.version if version is None else int(version) - 1


def last_moment(connection: Connection, table: Table) -> int:
    """Return the time of the last version of a table, or that when it was made."""
    (moment,) = connection.execute(
        "SELECT max(at) FROM versions WHERE table_id = ?", (table.id,)
    ).fetchone()
    return table.created if moment is None else int(moment)


def was_there_before(connection: Connection, table: Table) -> bool:
    """Whether another table of this name was dropped."""
    ref = table.ref
    row = connection.execute(
        "SELECT 1 FROM retired WHERE project = ? AND schema = ? AND name = ?",
        (ref.project.lower(), (ref.schema or DEFAULT_SCHEMA).lower(), ref.table.lower()),
    ).fetchone()
    return row is not None


_NEEDED = (
    "SELECT 1 FROM read_sessions r WHERE r.table_id = files.table_id AND files.laid <= r.layout "
    "AND files.added <= r.version AND files.removed > coalesce(r.since, r.version)"
)


def drop_old_files(connection: Connection, now: int) -> list[str]:
    """Forget files that were removed so long ago that nobody may ask for them; return their names.

    The table then notes from which version on all of its rows are still there.
    """
    doomed: list[str] = []
    tables = connection.execute(
        "SELECT table_id, min(removed) AS first FROM files WHERE removed IS NOT NULL "
        "GROUP BY table_id"
    )
    for table_id, first in tables.fetchall():
        table = table_by_id(connection, table_id)
        horizon = None if table is None else horizon_of(connection, table, now)
        if horizon is None or first > horizon:
            continue
        rows = connection.execute(
            "DELETE FROM files WHERE table_id = ? AND removed <= ? "  # noqa: S608  the text above
            f"AND NOT EXISTS ({_NEEDED}) RETURNING id, name, removed",
            (table_id, horizon),
        ).fetchall()
        if rows:
            doomed += [row["name"] for row in rows]
            connection.executemany("DELETE FROM erased WHERE file = ?", [(r["id"],) for r in rows])
            raise_oldest(connection, table_id, max(row["removed"] for row in rows))
    return doomed


def horizon_of(connection: Connection, table: Table, now: int) -> int | None:
    """Return the last version that is past the time for which older ones are kept, or None."""
    return version_at(connection, table.id, now - table.retain_hours * _HOUR)


def raise_oldest(connection: Connection, table_id: str, version: int) -> None:
    """Note that rows of the versions before this one are not all there any more."""
    connection.execute(
        "UPDATE tables SET oldest = max(oldest, ?) WHERE id = ?", (version, table_id)
    )

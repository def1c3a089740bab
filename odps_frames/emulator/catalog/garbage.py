"""What nobody can need any more: expired sessions, and files that no version and no session names.

All of it is found by indexes, so that it costs little where there is nothing to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.catalog.versions import drop_old_files

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odps_frames.emulator.catalog.database import Connection

__all__ = ["forget_sessions", "replaced_files", "unneeded_files"]


def forget_sessions(connection: Connection, now: int, beyond_use: int) -> None:
    """Forget sessions that ended before ``beyond_use``; those that ended since take no rows."""
    connection.execute("DELETE FROM read_sessions WHERE expires < ?", (beyond_use,))
    connection.execute(
        "DELETE FROM streams WHERE session IN (SELECT id FROM write_sessions WHERE expires < ?)",
        (beyond_use,),
    )
    connection.execute("DELETE FROM write_sessions WHERE expires < ?", (beyond_use,))
    # What an expired session staged can never be committed, so it need not wait as long.
    connection.execute(
        "UPDATE write_sessions SET status = 'EXPIRED' WHERE status = 'NORMAL' AND expires <= ?",
        (now,),
    )


def unneeded_files(connection: Connection, now: int) -> list[str]:
    """Forget files that nobody can read or commit any more; return their names."""
    staged = connection.execute(
        "DELETE FROM staged WHERE session IN (SELECT DISTINCT session FROM staged EXCEPT "
        "SELECT w.id FROM write_sessions w JOIN tables t ON t.id = w.table_id "
        "WHERE w.status = 'NORMAL') RETURNING name"
    ).fetchall()
    doomed = [row["name"] for row in staged]
    for name in ("files", "replaced"):
        doomed += _of_dropped_tables(connection, name)
    doomed += replaced_files(connection)
    doomed += drop_old_files(connection, now)
    connection.execute("DELETE FROM layouts WHERE table_id NOT IN (SELECT id FROM tables)")
    return doomed


def _of_dropped_tables(connection: Connection, name: str) -> list[str]:
    """Forget the files of tables that are gone, looking at each table once and not at each file."""
    rows = connection.execute(
        f"WITH RECURSIVE kept(id) AS (SELECT min(table_id) FROM {name} UNION ALL "  # noqa: S608  names of ours
        f"SELECT (SELECT min(table_id) FROM {name} WHERE table_id > kept.id) FROM kept "
        "WHERE kept.id IS NOT NULL) SELECT id FROM kept WHERE id IS NOT NULL "
        "AND id NOT IN (SELECT id FROM tables)"
    ).fetchall()
    doomed = []
    for (table_id,) in rows:
        gone = connection.execute(
            f"DELETE FROM {name} WHERE table_id = ? RETURNING id, name",  # noqa: S608  names of ours
            (table_id,),
        ).fetchall()
        _forget_erasures(connection, (row["id"] for row in gone))
        doomed += [row["name"] for row in gone]
    return doomed


def replaced_files(connection: Connection) -> list[str]:
    """Forget files whose rows are in others by now, and that no session of before reads."""
    gone = connection.execute(
        "DELETE FROM replaced WHERE NOT EXISTS (SELECT 1 FROM read_sessions r "
        "WHERE r.table_id = replaced.table_id "
        "AND replaced.laid <= r.layout AND replaced.layout > r.layout "
        "AND replaced.added <= r.version "
        "AND (replaced.removed IS NULL OR replaced.removed > coalesce(r.since, r.version))) "
        "RETURNING id, name"
    ).fetchall()
    _forget_erasures(connection, (row["id"] for row in gone))
    return [row["name"] for row in gone]


def _forget_erasures(connection: Connection, files: Iterable[int]) -> None:
    connection.executemany("DELETE FROM erased WHERE file = ?", [(file,) for file in files])

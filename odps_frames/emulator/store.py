"""A folder of tables: opened by one process, swept when it opens, cleaned while it runs."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from odps_frames.emulator.blob_files import BlobFiles
from odps_frames.emulator.catalog.blobs import blob_files, drop_unneeded
from odps_frames.emulator.catalog.database import Database
from odps_frames.emulator.catalog.lifecycle import reclaim
from odps_frames.emulator.catalog.lock import FolderLock
from odps_frames.emulator.catalog.results import forget_results
from odps_frames.emulator.catalog.tables import settle_bounds
from odps_frames.emulator.catalog.versions import drop_old_files
from odps_frames.emulator.files import Files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from odps_frames.emulator.bucketing import Bounds
    from odps_frames.emulator.catalog.database import Connection

__all__ = ["Store"]


class Store:
    """The catalog and the files of one folder.

    Parameters
    ----------
    path : Path
        The folder; made where it is missing.
    clock : callable
        Tells the time, with a zone.
    session_seconds : int
        How long a session lives. After as long again it is forgotten, and until then a read
        session can be revived.

    Raises
    ------
    Conflict
        When another process has the folder open.
    """

    def __init__(self, path: Path, *, clock: Callable[[], datetime], session_seconds: int) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self.session_milliseconds = session_seconds * 1000
        self._lock = FolderLock(path)
        try:
            self.database = Database(path / "catalog.sqlite")
            self.files = Files(path / "files")
            self.blob_files = BlobFiles(path / "blobs")
            self.collect()
            self.files.sweep(self._known_files())
            with self.database.read() as connection:
                known_blobs = blob_files(connection)
            self.blob_files.sweep(known_blobs)
        except BaseException:
            self._lock.release()
            raise

    def now(self) -> int:
        """Return the time in milliseconds since 1970."""
        return int(self._clock().timestamp() * 1000)

    def new_id(self) -> str:
        """Make an id that nobody can guess and that sorts by time."""
        return f"{self._clock().astimezone(UTC):%Y%m%d%H%M%S}{secrets.token_hex(8)}"

    def collect(self) -> None:
        """Forget sessions that are past all use, and delete the files that nobody can need."""
        now = self.now()
        with self.database.write() as connection:
            reclaim(connection, now)
            _forget_sessions(connection, now, now - self.session_milliseconds)
            doomed = [*_unneeded_files(connection), *drop_old_files(connection, now)]
            connection.execute("DELETE FROM erased WHERE file NOT IN (SELECT id FROM files)")
            doomed_blobs = drop_unneeded(connection)
            doomed += forget_results(connection, now - self.session_milliseconds)
        self.files.delete(doomed)
        self.blob_files.delete(doomed_blobs)

    def settle_bounds(self, table_id: str, proposed: Bounds) -> Bounds:
        """Keep the bounds of a range-clustered table; those that it has already stay."""
        with self.database.write() as connection:
            return settle_bounds(connection, table_id, proposed)

    def drop_blobs(self) -> None:
        """Delete the blobs that nobody can refer to any more."""
        with self.database.write() as connection:
            doomed = drop_unneeded(connection)
        self.blob_files.delete(doomed)

    def close(self) -> None:
        """Give the folder back; what was acknowledged is on the disk already."""
        self.database.close()
        self._lock.release()

    def _known_files(self) -> set[str]:
        with self.database.read() as connection:
            rows = connection.execute(
                "SELECT name FROM files UNION ALL SELECT name FROM staged "
                "UNION ALL SELECT name FROM result_files"
            )
            return {row["name"] for row in rows}


def _forget_sessions(connection: Connection, now: int, beyond_use: int) -> None:
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


def _unneeded_files(connection: Connection) -> list[str]:
    staged = connection.execute(
        "DELETE FROM staged WHERE session NOT IN "
        "(SELECT w.id FROM write_sessions w JOIN tables t ON t.id = w.table_id "
        "WHERE w.status = 'NORMAL') RETURNING name"
    ).fetchall()
    removed = connection.execute(
        "DELETE FROM files WHERE table_id NOT IN (SELECT id FROM tables) RETURNING name"
    ).fetchall()
    return [row["name"] for row in (*staged, *removed)]

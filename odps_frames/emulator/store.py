"""A folder of tables: opened by one process, swept when it opens, cleaned while it runs."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from odps_frames.emulator.blob_files import BlobFiles
from odps_frames.emulator.catalog.blobs import blob_files, drop_unneeded
from odps_frames.emulator.catalog.contents import known_files
from odps_frames.emulator.catalog.database import Database, copy_catalog
from odps_frames.emulator.catalog.lifecycle import reclaim
from odps_frames.emulator.catalog.lock import FolderLock
from odps_frames.emulator.catalog.results import forget_results
from odps_frames.emulator.catalog.tables import settle_bounds
from odps_frames.emulator.catalog.versions import drop_old_files
from odps_frames.emulator.files import Files
from odps_frames.emulator.immutable_files import folder_to_disk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from odps_frames.emulator.bucketing import Bounds
    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.immutable_files import Hold

__all__ = ["BLOBS", "CATALOG", "FILES", "Store"]

CATALOG, FILES, BLOBS = "catalog.sqlite", "files", "blobs"


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
            self.database = Database(path / CATALOG)
            self.files = Files(path / FILES)
            self.blob_files = BlobFiles(path / BLOBS)
            self.collect()
            with self.database.read() as connection:
                known, known_blobs = known_files(connection), blob_files(connection)
            self.files.sweep(known)
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

    def copy_to(self, path: Path) -> None:
        """Copy the folder as it is at one moment, while everything goes on.

        What was acknowledged before the call is in the copy, and nothing of which only a part
        was. Files get a second name where the system has links, so that a copy costs little; as
        they never change, what becomes of one folder is nothing to the other.

        Parameters
        ----------
        path : Path
            A folder that is not there yet; the one above it is.

        Raises
        ------
        FileExistsError
            When there is something under this name.
        """
        path.mkdir()

        def find() -> tuple[set[str], tuple[Hold, set[str], set[str]]]:
            with self.database.read() as connection:
                blobs, _ = self.blob_files.hold(lambda: (blob_files(connection), None))
                copy_catalog(connection, path / CATALOG)
                names = known_files(connection), blob_files(connection)
            return names[0], (blobs, *names)

        held, (held_blobs, names, blob_names) = self.files.hold(find)
        try:
            self.files.copy(names, path / FILES)
            self.blob_files.copy(blob_names, path / BLOBS)
        finally:
            held.release()
            held_blobs.release()
        folder_to_disk(path)

    def close(self) -> None:
        """Give the folder back; what was acknowledged is on the disk already."""
        for files in (self.files, self.blob_files):
            files.close()
        self.database.close()
        self._lock.release()


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

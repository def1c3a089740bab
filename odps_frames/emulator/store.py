"""A folder of tables: opened by one process, swept when it opens, cleaned while it runs."""

from __future__ import annotations

import logging
import secrets
import shutil
import sqlite3
import threading
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from odps_frames.emulator.blob_files import BlobFiles
from odps_frames.emulator.catalog.blobs import blob_files, drop_unneeded
from odps_frames.emulator.catalog.contents import known_files
from odps_frames.emulator.catalog.database import Database, copy_catalog
from odps_frames.emulator.catalog.garbage import forget_sessions, unneeded_files
from odps_frames.emulator.catalog.lifecycle import reclaim
from odps_frames.emulator.catalog.lock import FolderLock
from odps_frames.emulator.catalog.results import forget_results
from odps_frames.emulator.catalog.tables import settle_bounds
from odps_frames.emulator.compaction import compact_where_it_pays
from odps_frames.emulator.compactor import Compactor
from odps_frames.emulator.files import Files
from odps_frames.emulator.immutable_files import folder_to_disk
from odps_frames.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from odps_frames.emulator.bucketing import Bounds
    from odps_frames.emulator.immutable_files import Hold

__all__ = ["BLOBS", "CATALOG", "FILES", "Store"]

log = logging.getLogger(__name__)

CATALOG, FILES, BLOBS, SCRATCH = "catalog.sqlite", "files", "blobs", "scratch"


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
    ConfigError
        When the folder is damaged, of a newer form, or cannot be written.
    """

    def __init__(self, path: Path, *, clock: Callable[[], datetime], session_seconds: int) -> None:
        self._clock = clock
        self.path = path
        self.session_milliseconds = session_seconds * 1000
        self.compactor = Compactor(
            lambda table_id: compact_where_it_pays(self, table_id, self.now())
        )
        self._pins: Counter[str] = Counter()
        self._pinning = threading.Lock()
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = FolderLock(path, clock())
            scratch = path / SCRATCH
            shutil.rmtree(scratch, ignore_errors=True)  # of queries that a kill ended
            scratch.mkdir(exist_ok=True)
            self.files = Files(path / FILES, scratch=scratch)
            self.blob_files = BlobFiles(path / BLOBS)
        except OSError as error:
            raise ConfigError(
                f"folder {str(path)!r} cannot be used: {error}; expected one that this process "
                "may read and write"
            ) from error
        try:
            self._open(path)
        except BaseException:
            self._lock.release()
            raise

    def _open(self, path: Path) -> None:
        """Open the catalog, compare the files with it and sweep away those that nobody knows."""
        is_empty = self.files.is_empty() and self.blob_files.is_empty()
        self.database = Database(path / CATALOG, may_be_new=is_empty)
        try:
            with self.database.read() as connection:
                known, known_blobs = known_files(connection), blob_files(connection)
            self.files.sweep(known)
            self.blob_files.sweep(known_blobs)
            folder_to_disk(path)
            self.collect()
        except BaseException:
            self.database.close()
            raise

    def announce(self, endpoint: str | None) -> None:
        """Say where the service is reached, to those who find the folder in use."""
        self._lock.announce(endpoint)

    def now(self) -> int:
        """Return the time in milliseconds since 1970."""
        return int(self._clock().timestamp() * 1000)

    def new_id(self) -> str:
        """Make an id that nobody can guess and that sorts by time."""
        return f"{self._clock().astimezone(UTC):%Y%m%d%H%M%S}{secrets.token_hex(8)}"

    def collect(self) -> None:
        """Forget sessions that are past all use, and delete the files that nobody can need.

        Where the disk does not let it, that is left to the next time.
        """
        now = self.now()
        try:
            with self.database.write() as connection:
                reclaim(connection, now)
                forget_sessions(connection, now, now - self.session_milliseconds)
                doomed = unneeded_files(connection, now)
                doomed += forget_results(connection, now - self.session_milliseconds)
                doomed_blobs = drop_unneeded(connection)
        except sqlite3.OperationalError:
            log.warning("the folder cannot be cleaned up at present", exc_info=True)
            return
        self.files.delete(doomed)
        self.blob_files.delete(doomed_blobs)

    @contextmanager
    def pinned(self, table_id: str) -> Iterator[None]:
        """Keep compaction from a table while a statement reads its files and changes their rows.

        What the statement notes of places in files is then still so when it commits. Others may
        change the table meanwhile: see `catalog.conflicts`.
        """
        with self._pinning:
            self._pins[table_id] += 1
        try:
            yield
        finally:
            with self._pinning:
                self._pins[table_id] -= 1
                self._pins = +self._pins

    def note_commit(self, table_id: str) -> None:
        """Take notice of a commit, after some of which joining small files may pay."""
        self.compactor.note(table_id)

    def is_pinned(self, table_id: str) -> bool:
        """Whether a statement counts on the places of rows in the files of a table."""
        with self._pinning:
            return self._pins[table_id] > 0

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

        def find() -> tuple[dict[str, int], tuple[Hold, dict[str, int], dict[str, int]]]:
            with self.database.read() as connection:
                names, blobs = known_files(connection), blob_files(connection)
                held, _ = self.blob_files.hold(lambda: (blobs, None))
                copy_catalog(connection, path / CATALOG)
            return names, (held, names, blobs)

        hold, (hold_blobs, names, blobs) = self.files.hold(find)
        try:
            self.files.copy(names, path / FILES)
            self.blob_files.copy(blobs, path / BLOBS)
        finally:
            hold.release()
            hold_blobs.release()
        folder_to_disk(path)

    @property
    def is_closing(self) -> bool:
        """Whether what can wait should."""
        return self.compactor.is_closing

    def close(self) -> None:
        """Give the folder back; what was acknowledged is on the disk already."""
        self.compactor.close()
        for files in (self.files, self.blob_files):
            files.close()
        self.database.close()
        self._lock.release()

"""The SQLite file: its tables, its connections and its transactions."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from odps_frames.emulator.catalog.form_steps import STEPS
from odps_frames.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Connection", "Database", "copy_catalog"]

Connection = sqlite3.Connection

_FIRST = 3
FORMAT = _FIRST + len(STEPS)
"""Number of the form of now; see `form_steps` for how it may change."""

_FORM = """
CREATE TABLE projects (name TEXT PRIMARY KEY, created INTEGER NOT NULL);
CREATE TABLE schemas (
  project TEXT NOT NULL,
  name TEXT NOT NULL,             -- every project has one named default, which is not kept here
  created INTEGER NOT NULL,
  PRIMARY KEY (project, name)
) WITHOUT ROWID;
CREATE TABLE tables (
  id TEXT PRIMARY KEY,            -- a new one for every CREATE, so that old sessions find out
  project TEXT NOT NULL,
  schema TEXT NOT NULL,
  name TEXT NOT NULL,
  definition TEXT NOT NULL,       -- columns, comment, properties as JSON
  version INTEGER NOT NULL,       -- of the rows
  oldest INTEGER NOT NULL,        -- version whose rows are still all there
  schema_version INTEGER NOT NULL,
  created INTEGER NOT NULL,       -- times are milliseconds since 1970
  defined INTEGER NOT NULL,
  modified INTEGER NOT NULL,
  UNIQUE (project, schema, name)
);
CREATE TABLE retired (
  project TEXT NOT NULL,
  schema TEXT NOT NULL,
  name TEXT NOT NULL,             -- of a table that was dropped
  version INTEGER NOT NULL,       -- the next one of its name begins here, so that none comes twice
  PRIMARY KEY (project, schema, name)
) WITHOUT ROWID;
CREATE TABLE partitions (
  table_id TEXT NOT NULL,
  spec TEXT NOT NULL,             -- the values as a JSON list
  created INTEGER NOT NULL,
  modified INTEGER NOT NULL,
  PRIMARY KEY (table_id, spec)
) WITHOUT ROWID;
CREATE TABLE files (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  table_id TEXT NOT NULL,
  spec TEXT NOT NULL,
  bucket INTEGER,                 -- only in clustered tables
  name TEXT NOT NULL UNIQUE,
  n_rows INTEGER NOT NULL,
  n_bytes INTEGER NOT NULL,
  facts TEXT NOT NULL,
  added INTEGER NOT NULL,         -- the version that brought it
  removed INTEGER                 -- the version that took it away
);
CREATE TABLE erased (
  file INTEGER NOT NULL,
  version INTEGER NOT NULL,       -- from which on these rows of the file are gone
  n_rows INTEGER NOT NULL,
  positions BLOB NOT NULL,        -- ascending, as little-endian 64-bit numbers
  PRIMARY KEY (file, version)
) WITHOUT ROWID;
CREATE INDEX files_by_partition ON files (table_id, spec, id);
CREATE INDEX files_removed ON files (table_id, removed) WHERE removed IS NOT NULL;
CREATE TABLE versions (
  table_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  at INTEGER NOT NULL,
  operation TEXT NOT NULL,
  session TEXT,
  PRIMARY KEY (table_id, version)
) WITHOUT ROWID;
CREATE TABLE read_sessions (
  id TEXT PRIMARY KEY,
  table_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  definition TEXT NOT NULL,       -- of the table, as it was
  target TEXT NOT NULL,
  request TEXT NOT NULL,          -- what was asked for, as it came
  token TEXT NOT NULL,
  expires INTEGER NOT NULL,
  since INTEGER                   -- where only the changes since a version are read
);
CREATE TABLE write_sessions (
  id TEXT PRIMARY KEY,
  table_id TEXT NOT NULL,
  spec TEXT NOT NULL,             -- the static front part of the partition
  overwrite INTEGER NOT NULL,
  status TEXT NOT NULL,
  token TEXT NOT NULL,
  expires INTEGER NOT NULL,
  options TEXT NOT NULL DEFAULT '{}'  -- what else was asked for, as JSON
);
CREATE TABLE streams (
  session TEXT NOT NULL,
  stream TEXT NOT NULL,
  version INTEGER NOT NULL,
  state TEXT NOT NULL,
  schema_version INTEGER NOT NULL,
  n_rows INTEGER NOT NULL DEFAULT 0,
  n_bytes INTEGER NOT NULL DEFAULT 0,
  access_token TEXT,              -- only in exactly-once mode
  last_body TEXT,                 -- tells the body that came last from others, where it matters
  PRIMARY KEY (session, stream, version)
) WITHOUT ROWID;
CREATE TABLE staged (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  session TEXT NOT NULL,
  stream TEXT NOT NULL,
  version INTEGER NOT NULL,
  spec TEXT NOT NULL,
  bucket INTEGER,
  name TEXT NOT NULL UNIQUE,
  n_rows INTEGER NOT NULL,
  n_bytes INTEGER NOT NULL,
  facts TEXT NOT NULL
);
CREATE INDEX staged_by_stream ON staged (session, stream, version);
CREATE TABLE blobs (
  ref TEXT PRIMARY KEY,           -- what readers see
  staged BLOB NOT NULL UNIQUE,    -- what the uploader was told
  session TEXT NOT NULL,
  table_id TEXT NOT NULL,
  column_id INTEGER NOT NULL,
  name TEXT NOT NULL,             -- of the file, which it shares with others of its upload
  position INTEGER NOT NULL,
  n_bytes INTEGER NOT NULL,
  mime_type TEXT,
  file_name TEXT,
  committed INTEGER NOT NULL
);
CREATE INDEX blobs_by_session ON blobs (session, staged);
CREATE TABLE instances (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  request BLOB NOT NULL,          -- the job as it came
  status TEXT NOT NULL,
  result TEXT NOT NULL,
  started INTEGER NOT NULL,
  ended INTEGER NOT NULL          -- 0 while it runs
);
CREATE TABLE results (
  instance TEXT PRIMARY KEY,      -- of a query that ended well
  columns TEXT NOT NULL,          -- as JSON
  ended INTEGER NOT NULL
);
CREATE TABLE result_files (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  instance TEXT NOT NULL,
  name TEXT NOT NULL UNIQUE,
  n_rows INTEGER NOT NULL,
  n_bytes INTEGER NOT NULL,
  facts TEXT NOT NULL
);
CREATE INDEX result_files_by_instance ON result_files (instance, id);
CREATE TABLE result_sessions (
  id TEXT PRIMARY KEY,
  instance TEXT NOT NULL,
  request TEXT NOT NULL,          -- what was asked for, as it came
  token TEXT NOT NULL,
  expires INTEGER NOT NULL
);
"""


# Threads take turns with a connection, which SQLite itself has nothing against.
_OPTIONS: dict[str, Any] = {"isolation_level": None, "check_same_thread": False, "timeout": 30}


class Database:
    """Many readers beside one writer; what is committed is on the disk.

    Parameters
    ----------
    may_be_new : bool
        An empty or missing file is filled. Otherwise it is a loss, and refused.

    Raises
    ------
    ConfigError
        When the file is none of ours, of a newer form, or damaged.
    """

    def __init__(self, path: Path, *, may_be_new: bool = True) -> None:
        self._path = path
        self._closed = False
        self._idle: list[Connection] = []
        self._writing = threading.Lock()
        self._writer = sqlite3.connect(path, **_OPTIONS)
        try:
            self._prepare(may_be_new=may_be_new)
        except BaseException:
            self._writer.close()
            raise

    def _connect(self) -> Connection:
        connection: Connection = sqlite3.connect(self._path, **_OPTIONS)
        _set_up(connection)
        return connection

    def _prepare(self, *, may_be_new: bool) -> None:
        try:
            _set_up(self._writer)
            self._writer.execute("PRAGMA journal_mode = WAL")
            (found,) = self._writer.execute("PRAGMA user_version").fetchone()
            (n_tables,) = self._writer.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.DatabaseError as error:
            raise self._damaged(f"it cannot be read: {error}") from error
        if not found and (n_tables or not may_be_new):
            raise self._damaged("it is missing or empty, or no catalog, and there are rows")
        if found and not _FIRST <= found <= FORMAT:
            which = "a newer" if found > FORMAT else "an older"
            raise ConfigError(
                f"catalog {str(self._path)!r} has form {found}; expected {_FIRST} to {FORMAT}: "
                f"open it with {which} version of this package"
            )
        if found != FORMAT:
            steps = STEPS[max(found - _FIRST, 0) :]
            script = "".join([*([] if found else [_FORM]), *steps])
            self._writer.executescript(
                f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {FORMAT}; COMMIT"
            )

    def _damaged(self, how: str) -> ConfigError:
        return ConfigError(
            f"catalog {str(self._path)!r} is damaged: {how}; nothing was changed, put back a copy "
            "of the whole folder, or take another one"
        )

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Hold one consistent view for the length of the block."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            connection.execute("BEGIN")
            yield connection
            connection.execute("ROLLBACK")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        finally:
            if self._closed:
                connection.close()
            else:
                self._idle.append(connection)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Carry out the block as one transaction, alone; an exception undoes all of it."""
        with self._writing:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close what nobody uses; readers that are still busy close after themselves."""
        self._closed = True
        with self._writing, closing(self._writer):
            while self._idle:
                self._idle.pop().close()


def _set_up(connection: Connection) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA synchronous = FULL")


def copy_catalog(connection: Connection, path: Path) -> None:
    """Write what a connection sees as a file of its own, which is on the disk afterwards."""
    with closing(sqlite3.connect(path, isolation_level=None)) as copy:
        connection.backup(copy)

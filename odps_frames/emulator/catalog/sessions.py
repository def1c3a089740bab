"""Sessions and write streams, kept so that a restart loses none of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from odps_frames.emulator.catalog.contents import decode_spec, encode_spec
from odps_frames.emulator.facts import FileFacts
from odps_frames.emulator.file_writer import NewFile
from odps_frames.model.lifecycle import SessionStatus

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.specs import Selector

__all__ = [
    "ABANDONED",
    "CLOSED",
    "COMMITTED",
    "OPEN",
    "KeptReadSession",
    "KeptStream",
    "KeptWriteSession",
    "add_read_session",
    "add_stream",
    "add_write_session",
    "drop_read_session",
    "drop_staged",
    "find_read_session",
    "find_stream",
    "find_write_session",
    "first_staged",
    "list_streams",
    "note_body",
    "prolong_read_session",
    "set_session_status",
    "set_stream_schema",
    "set_stream_state",
    "stage",
    "staged_files",
    "unstage",
]

OPEN, CLOSED, ABANDONED, COMMITTED = "OPEN", "CLOSED", "ABANDONED", "COMMITTED"
"""States of a stream; a newer version of it abandons the older ones, and a commit takes some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReadSession:
    """A read session: which version of which table, and what was asked for."""

    id: str
    table_id: str
    version: int
    definition: str
    """Of the table as it was."""
    target: str
    request: str
    """The body that asked for the session."""
    token: str
    expires: int
    since: int | None = None
    """Where only the changes since an earlier version are read."""
    layout: int = 0
    """Of the table, when the session was made: how its rows lie in files, and so its splits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptWriteSession:
    """A write session."""

    id: str
    table_id: str
    static: Selector
    overwrite: bool
    status: SessionStatus
    token: str
    expires: int
    options: Mapping[str, Any] = field(default_factory=dict)
    """What else was asked for; plain JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptStream:
    """One version of one stream of a write session."""

    session: str
    stream: str
    version: int
    state: str
    schema_version: int
    n_rows: int = 0
    n_bytes: int = 0
    access_token: str | None = None
    """Set in exactly-once mode, where ``n_rows`` is the offset of the next row."""
    last_body: str | None = None
    """Tells the body that came last from others, in exactly-once mode and of blocks."""


def add_read_session(connection: Connection, session: KeptReadSession) -> None:
    """Keep a read session."""
    connection.execute(
        "INSERT INTO read_sessions (id, table_id, version, definition, target, request, token, "
        "expires, since, layout) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            session.id,
            session.table_id,
            session.version,
            session.definition,
            session.target,
            session.request,
            session.token,
            session.expires,
            session.since,
            session.layout,
        ),
    )


def find_read_session(connection: Connection, session_id: str) -> KeptReadSession | None:
    """Return a read session, or None."""
    row = connection.execute("SELECT * FROM read_sessions WHERE id = ?", (session_id,)).fetchone()
    return KeptReadSession(**dict(row)) if row else None


def drop_read_session(connection: Connection, session_id: str) -> None:
    """Forget a read session."""
    connection.execute("DELETE FROM read_sessions WHERE id = ?", (session_id,))


def prolong_read_session(connection: Connection, session_id: str, expires: int) -> None:
    """Let a read session live until then."""
    connection.execute("UPDATE read_sessions SET expires = ? WHERE id = ?", (expires, session_id))


def add_write_session(connection: Connection, session: KeptWriteSession) -> None:
    """Keep a write session."""
    connection.execute(
        "INSERT INTO write_sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            session.id,
            session.table_id,
            json.dumps(session.static),
            session.overwrite,
            session.status.value,
            session.token,
            session.expires,
            json.dumps(dict(session.options)),
        ),
    )


def find_write_session(connection: Connection, session_id: str) -> KeptWriteSession | None:
    """Return a write session, or None."""
    row = connection.execute("SELECT * FROM write_sessions WHERE id = ?", (session_id,)).fetchone()
    if row is None:
        return None
    return KeptWriteSession(
        id=row["id"],
        table_id=row["table_id"],
        static=tuple(json.loads(row["spec"])),
        overwrite=bool(row["overwrite"]),
        status=SessionStatus(row["status"]),
        token=row["token"],
        expires=row["expires"],
        options=json.loads(row["options"]),
    )


def set_session_status(connection: Connection, session_id: str, status: SessionStatus) -> None:
    """Note how a write session ended."""
    connection.execute(
        "UPDATE write_sessions SET status = ? WHERE id = ?", (status.value, session_id)
    )


def add_stream(connection: Connection, stream: KeptStream) -> None:
    """Keep a new version of a stream."""
    connection.execute(
        "INSERT INTO streams (session, stream, version, state, schema_version, access_token) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (
            stream.session,
            stream.stream,
            stream.version,
            stream.state,
            stream.schema_version,
            stream.access_token,
        ),
    )


def find_stream(
    connection: Connection, session_id: str, stream: str, version: int
) -> KeptStream | None:
    """Return one version of a stream, or None."""
    row = connection.execute(
        "SELECT * FROM streams WHERE session = ? AND stream = ? AND version = ?",
        (session_id, stream, version),
    ).fetchone()
    return KeptStream(**dict(row)) if row else None


def list_streams(connection: Connection, session_id: str) -> list[KeptStream]:
    """Return every version of every stream of a session."""
    rows = connection.execute(
        "SELECT * FROM streams WHERE session = ? ORDER BY stream, version", (session_id,)
    )
    return [KeptStream(**dict(row)) for row in rows]


def set_stream_state(connection: Connection, stream: KeptStream, state: str) -> None:
    """Note that a stream was closed, abandoned or committed."""
    connection.execute(
        "UPDATE streams SET state = ? WHERE session = ? AND stream = ? AND version = ?",
        (state, stream.session, stream.stream, stream.version),
    )


def set_stream_schema(connection: Connection, stream: KeptStream, schema_version: int) -> None:
    """Note that a stream was opened again, for the columns of now."""
    connection.execute(
        "UPDATE streams SET schema_version = ? WHERE session = ? AND stream = ? AND version = ?",
        (schema_version, stream.session, stream.stream, stream.version),
    )


def note_body(connection: Connection, stream: KeptStream, body: str) -> None:
    """Note what came last for a stream."""
    connection.execute(
        "UPDATE streams SET last_body = ? WHERE session = ? AND stream = ? AND version = ?",
        (body, stream.session, stream.stream, stream.version),
    )


def stage(connection: Connection, stream: KeptStream, files: Iterable[NewFile]) -> int | None:
    """Make files part of a stream; readers see them when its session is committed.

    Returns
    -------
    int or None
        The number of the first of them, which no other file ever had; None where there is none.
    """
    first = None
    for file in files:
        made = connection.execute(
            "INSERT INTO staged "
            "(session, stream, version, spec, bucket, name, n_rows, n_bytes, facts) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                stream.session,
                stream.stream,
                stream.version,
                encode_spec(file.values),
                file.bucket,
                file.name,
                file.n_rows,
                file.n_bytes,
                file.facts.encode(),
            ),
        )
        first = made.lastrowid if first is None else first
        connection.execute(
            "UPDATE streams SET n_rows = n_rows + ?, n_bytes = n_bytes + ? "
            "WHERE session = ? AND stream = ? AND version = ?",
            (file.n_rows, file.n_bytes, stream.session, stream.stream, stream.version),
        )
    return first


def unstage(connection: Connection, stream: KeptStream) -> list[str]:
    """Forget what one version of a stream has staged; return the names of the files."""
    rows = connection.execute(
        "DELETE FROM staged WHERE session = ? AND stream = ? AND version = ? RETURNING name",
        (stream.session, stream.stream, stream.version),
    ).fetchall()
    connection.execute(
        "UPDATE streams SET n_rows = 0, n_bytes = 0 "
        "WHERE session = ? AND stream = ? AND version = ?",
        (stream.session, stream.stream, stream.version),
    )
    return [row["name"] for row in rows]


def first_staged(connection: Connection, session_id: str) -> int | None:
    """Return the lowest number of what a session has staged and not committed."""
    (first,) = connection.execute(
        "SELECT min(id) FROM staged WHERE session = ?", (session_id,)
    ).fetchone()
    return None if first is None else int(first)


def staged_files(connection: Connection, stream: KeptStream) -> list[NewFile]:
    """Return the files of a stream, in the order in which they came."""
    rows = connection.execute(
        "SELECT * FROM staged WHERE session = ? AND stream = ? AND version = ? ORDER BY id",
        (stream.session, stream.stream, stream.version),
    )
    return [_decode_file(row) for row in rows]


def drop_staged(connection: Connection, session_id: str, stream: str | None = None) -> list[str]:
    """Forget what a session, or a stream of it, has staged; return the names of the files."""
    rows = connection.execute(
        "DELETE FROM staged WHERE session = ? AND (? IS NULL OR stream = ?) RETURNING name",
        (session_id, stream, stream),
    )
    return [row["name"] for row in rows.fetchall()]


def _decode_file(row: sqlite3.Row) -> NewFile:
    return NewFile(
        stream=row["stream"],
        values=decode_spec(row["spec"]),
        bucket=row["bucket"],
        name=row["name"],
        n_rows=row["n_rows"],
        n_bytes=row["n_bytes"],
        facts=FileFacts.decode(row["facts"]),
    )

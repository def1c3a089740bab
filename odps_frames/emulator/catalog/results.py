"""Results of queries, and the sessions that read them, kept so that a restart loses none."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from odps_frames.emulator.catalog.contents import StoredFile
from odps_frames.emulator.facts import FileFacts
from odps_frames.model.schema import Column
from odps_frames.model.types import parse_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.file_writer import NewFile

__all__ = [
    "KeptResult",
    "KeptResultSession",
    "add_result",
    "add_result_session",
    "find_result",
    "find_result_session",
    "forget_results",
    "prolong_result_session",
]


@dataclass(frozen=True, slots=True)
class KeptResult:
    """The rows that a query gave."""

    instance: str
    columns: tuple[Column, ...]
    files: tuple[StoredFile, ...]

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return sum(file.n_rows for file in self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptResultSession:
    """A read session over a result."""

    id: str
    instance: str
    request: str
    """The body that asked for it."""
    token: str
    expires: int


def add_result(
    connection: Connection,
    instance: str,
    columns: Sequence[Column],
    files: Iterable[NewFile],
    now: int,
) -> None:
    """Keep the result of a query."""
    described = [{"name": column.name, "type": str(column.type)} for column in columns]
    connection.execute(
        "INSERT INTO results VALUES (?, ?, ?)", (instance, json.dumps(described), now)
    )
    connection.executemany(
        "INSERT INTO result_files (instance, name, n_rows, n_bytes, facts) VALUES (?, ?, ?, ?, ?)",
        [(instance, file.name, file.n_rows, file.n_bytes, file.facts.encode()) for file in files],
    )


def find_result(connection: Connection, instance: str) -> KeptResult | None:
    """Return the result of a query, or None where there is none (any more)."""
    row = connection.execute("SELECT * FROM results WHERE instance = ?", (instance,)).fetchone()
    if row is None:
        return None
    columns = tuple(
        Column(column["name"], parse_type(column["type"])) for column in json.loads(row["columns"])
    )
    files = connection.execute(
        "SELECT * FROM result_files WHERE instance = ? ORDER BY id", (instance,)
    )
    return KeptResult(
        instance,
        columns,
        tuple(
            StoredFile(
                id=file["id"],
                values=(),
                bucket=None,
                name=file["name"],
                n_rows=file["n_rows"],
                n_bytes=file["n_bytes"],
                facts=FileFacts.decode(file["facts"]),
            )
            for file in files
        ),
    )


def add_result_session(connection: Connection, session: KeptResultSession) -> None:
    """Keep a read session over a result."""
    connection.execute(
        "INSERT INTO result_sessions VALUES (?, ?, ?, ?, ?)",
        (session.id, session.instance, session.request, session.token, session.expires),
    )


def find_result_session(connection: Connection, session_id: str) -> KeptResultSession | None:
    """Return a read session over a result, or None."""
    row = connection.execute("SELECT * FROM result_sessions WHERE id = ?", (session_id,)).fetchone()
    return KeptResultSession(**dict(row)) if row else None


def prolong_result_session(connection: Connection, session_id: str, expires: int) -> None:
    """Let a session live until then."""
    connection.execute("UPDATE result_sessions SET expires = ? WHERE id = ?", (expires, session_id))


def forget_results(connection: Connection, beyond_use: int) -> list[str]:
    """Forget results that ended before a time and that no session reads; return their files."""
    connection.execute("DELETE FROM result_sessions WHERE expires < ?", (beyond_use,))
    past = connection.execute(
        "DELETE FROM results WHERE ended < ? "
        "AND instance NOT IN (SELECT instance FROM result_sessions) RETURNING instance",
        (beyond_use,),
    ).fetchall()
    doomed: list[str] = []
    for (instance,) in past:
        gone = connection.execute(
            "DELETE FROM result_files WHERE instance = ? RETURNING name", (instance,)
        )
        doomed += [row["name"] for row in gone.fetchall()]
    return doomed

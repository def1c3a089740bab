"""Sessions as a test sees them: listed, expired, and said to stand otherwise than they do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from odps_frames.emulator.catalog.tables import table_by_id
from odps_frames.emulator.preparing import Course
from odps_frames.emulator.tunnel.uploads import PROTOCOL
from odps_frames.errors import ConfigError, NotFound
from odps_frames.model.lifecycle import SessionStatus
from odps_frames.model.table import TableRef
from odps_frames.model.write import StreamId
from odps_frames.wire import names
from odps_frames.wire.envelope import decode_target

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.exchange import Exchange
    from odps_frames.emulator.sites import Sites

__all__ = ["SessionControl", "SessionFacts"]

_READ, _WRITE, _RESULT = "read_sessions", "write_sessions", "result_sessions"
_KINDS = {_READ: ("read", "download"), _WRITE: ("write", "upload"), _RESULT: ("result", "download")}
_ALL: Final = f"""
SELECT '{_READ}' AS kept, id, table_id, NULL AS instance, 'NORMAL' AS status, expires,
  token = '{PROTOCOL}' AS tunnel FROM read_sessions
UNION ALL
SELECT '{_WRITE}', id, table_id, NULL, status, expires,
  coalesce(json_extract(options, '$.protocol') = '{PROTOCOL}', 0) FROM write_sessions
  WHERE expires < 1 << 61
UNION ALL
SELECT '{_RESULT}', id, NULL, instance, 'NORMAL', expires, token = '{PROTOCOL}'
  FROM result_sessions
"""  # noqa: S608  constants of ours
_SAYABLE = {
    _READ: (SessionStatus.INIT, SessionStatus.CRITICAL, SessionStatus.UNKNOWN),
    _WRITE: (SessionStatus.INIT, SessionStatus.COMMITTING, SessionStatus.UNKNOWN),
    _RESULT: (),
}
"""What may be said of sessions that are something else."""
_SETTABLE = {
    _READ: (SessionStatus.NORMAL, SessionStatus.EXPIRED),
    _WRITE: (
        SessionStatus.NORMAL,
        SessionStatus.EXPIRED,
        SessionStatus.ABORTED,
        SessionStatus.CRITICAL,
    ),
    _RESULT: (SessionStatus.NORMAL, SessionStatus.EXPIRED),
}
"""What sessions can be made to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFacts:
    """A session that the service knows."""

    id: str
    kind: str
    """``read``, ``write`` and ``result``; of the tunnel ``upload`` and ``download``."""
    of: str
    """The table or the instance; empty where the table is gone."""
    status: SessionStatus
    """As callers are told."""
    expires: datetime


class SessionControl:
    """What a test can do to the sessions of a service."""

    def __init__(self, sites: Callable[[], Sites]) -> None:
        self._sites = sites

    def list(self, kind: str | None = None) -> tuple[SessionFacts, ...]:
        """Return all sessions, or those of one kind, by their ids."""
        kinds = sorted({one for pair in _KINDS.values() for one in pair})
        if kind is not None and kind not in kinds:
            raise ConfigError(f"kind is {kind!r}; expected one of {', '.join(kinds)}")
        with self._sites().store.database.read() as connection:
            rows = connection.execute(f"{_ALL} ORDER BY id").fetchall()
            found = [self._facts(connection, row) for row in rows]
        return tuple(one for one in found if kind in (None, one.kind))

    def get(self, session_id: str) -> SessionFacts:
        """Return what is known of a session.

        Raises
        ------
        NotFound
            When there is none.
        """
        with self._sites().store.database.read() as connection:
            return self._facts(connection, _row(connection, session_id))

    def expire(self, session_id: str) -> SessionFacts:
        """End the life of a session; that of a read session can be prolonged as ever."""
        return self.set_status(session_id, SessionStatus.EXPIRED)

    def set_status(
        self,
        session_id: str,
        status: SessionStatus | str,
        *,
        polls: int | None = None,
        message: str = "",
    ) -> SessionFacts:
        """Make a session stand otherwise, or let the service say so.

        Parameters
        ----------
        status : SessionStatus or str
            A read session can be said to be INIT, CRITICAL or UNKNOWN, a write session to be
            INIT, COMMITTING or UNKNOWN: the service says so and goes on with it as it is, but
            reads nothing of what is not NORMAL. Sessions become EXPIRED for good, or NORMAL again
            when their time is not over; a write session also ABORTED or CRITICAL, with its rows
            lost.
        polls : int, optional
            It is said so often when somebody asks after the session, and then no more.
        message : str
            Why it is so, as callers are told.

        Raises
        ------
        ConfigError
            For a status that such a session cannot have, and ``polls`` with one that lasts.
        NotFound
            When there is no such session.
        """
        wanted = _status_of(status)
        sites = self._sites()
        with sites.store.database.write() as connection:
            row = _row(connection, session_id)
            kind = row["kept"]
            said = wanted in _SAYABLE[kind]
            if not said and wanted not in _SETTABLE[kind]:
                raise ConfigError(
                    f"a {_kind_of(row)} session cannot be made {wanted.value}; expected one of "
                    f"{', '.join((*_SAYABLE[kind], *_SETTABLE[kind]))}"
                )
            _check_said(wanted, polls, message, said=said)
            if not said:
                _make(connection, row, wanted, sites.store.now())
        course = Course(status=wanted, message=message, left=None if polls is None else polls + 1)
        sites.preparations.set(session_id, course if said else None)
        return self.get(session_id)

    def fence(self, exchange: Exchange) -> None:
        """Open a newer version of the stream that a request names, as another writer would.

        Raises
        ------
        ServiceError
            When there is no such session.
        """
        try:
            table = decode_target(exchange.request.parameter(names.TARGET) or "")
        except ValueError:
            return  # the service refuses it by itself
        if isinstance(table, TableRef):
            stream = StreamId(exchange.session or "", exchange.stream or "", 0)
            self._sites().writes.fence(table, stream)

    def _facts(self, connection: Connection, row: sqlite3.Row) -> SessionFacts:
        sites = self._sites()
        told = sites.preparations.state(row["id"])
        status = SessionStatus(row["status"]) if told is None else told[0]
        if status is SessionStatus.NORMAL and sites.store.now() >= row["expires"]:
            status = SessionStatus.EXPIRED
        table = None if row["table_id"] is None else table_by_id(connection, row["table_id"])
        return SessionFacts(
            id=row["id"],
            kind=_kind_of(row),
            of=row["instance"] or ("" if table is None else str(table.ref)),
            status=status,
            expires=datetime.fromtimestamp(row["expires"] / 1000, UTC),
        )


def _row(connection: Connection, session_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute(
        f"SELECT * FROM ({_ALL}) WHERE id = ?",  # noqa: S608  a constant of ours
        (session_id,),
    ).fetchone()
    if row is None:
        raise NotFound(f"session {session_id!r} does not exist", status=404, code="NoSuchObject")
    return row


def _kind_of(row: sqlite3.Row) -> str:
    return _KINDS[row["kept"]][bool(row["tunnel"])]


def _status_of(status: SessionStatus | str) -> SessionStatus:
    try:
        return SessionStatus(str(status).upper())
    except ValueError:
        known = ", ".join(SessionStatus)
        raise ConfigError(f"status is {status!r}; expected one of {known}") from None


def _check_said(wanted: SessionStatus, polls: int | None, message: str, *, said: bool) -> None:
    if polls is not None and (not isinstance(polls, int) or isinstance(polls, bool) or polls < 1):
        raise ConfigError(f"polls is {polls!r}; expected a whole number of at least 1")
    if not said and (polls is not None or message):
        raise ConfigError(f"polls and message belong to a status that is said, not {wanted.value}")


def _make(connection: Connection, row: sqlite3.Row, wanted: SessionStatus, now: int) -> None:
    """Change what a session is."""
    if row["status"] not in ("NORMAL", "EXPIRED"):
        raise ConfigError(f"session {row['id']!r} is {row['status']} for good")
    if wanted is SessionStatus.NORMAL and (row["status"] == "EXPIRED" or now >= row["expires"]):
        raise ConfigError(f"the life of session {row['id']!r} is over; only who reads can renew it")
    if wanted is SessionStatus.EXPIRED:
        connection.execute(
            f"UPDATE {row['kept']} SET expires = ? WHERE id = ?",  # noqa: S608  a name of ours
            (min(now, row["expires"]), row["id"]),
        )
    elif wanted is not SessionStatus.NORMAL:
        connection.execute(
            "UPDATE write_sessions SET status = ? WHERE id = ?", (wanted.value, row["id"])
        )

"""Write sessions as calls find them: by table, id and mode."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from odps_frames.emulator.catalog import sessions as kept
from odps_frames.emulator.catalog.sessions import KeptWriteSession
from odps_frames.emulator.catalog.tables import need_rows, table_by_id
from odps_frames.emulator.refusals import conflict, expired_session, invalid, no_session
from odps_frames.emulator.session_options import SessionOptions
from odps_frames.model.lifecycle import SessionStatus
from odps_frames.model.write import AUTO_COMMIT, WriteMode

if TYPE_CHECKING:
    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.model.table import TableRef

__all__ = ["OpenSession", "find_session", "normal_session"]

_NEVER = 1 << 62


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A write session, with what it was asked for and the table as it is now."""

    kept: KeptWriteSession
    table: Table
    options: SessionOptions

    @property
    def id(self) -> str:
        """The id under which the catalog knows the session."""
        return self.kept.id

    @property
    def public_id(self) -> str:
        """The id under which callers know it."""
        return AUTO_COMMIT if self.commits_itself else self.kept.id

    @property
    def token(self) -> str:
        """Sends later calls to the same place."""
        return self.kept.token

    @property
    def commits_itself(self) -> bool:
        """Whether rows are visible as soon as they are taken."""
        return self.kept.id == _auto_commit_id(self.table)

    def keep(self, connection: Connection) -> None:
        """Remember a session that nobody made, before something refers to it."""
        if self.commits_itself and kept.find_write_session(connection, self.id) is None:
            kept.add_write_session(connection, self.kept)


def find_session(
    connection: Connection,
    ref: TableRef,
    session_id: str,
    now: int,
    *,
    mode: WriteMode | None = None,
) -> OpenSession:
    """Return a session of a table.

    Raises
    ------
    ServiceError
        When there is none, when its table was made anew, or when it is of another ``mode``.
    """
    table = need_rows(connection, ref)
    if session_id == AUTO_COMMIT and (mode is None or mode.streams):
        return _auto_commit_session(connection, table, mode)
    session = kept.find_write_session(connection, session_id)
    if session is None or session.expires == _NEVER:
        raise no_session(session_id)
    if session.table_id != table.id:
        if table_by_id(connection, session.table_id) is not None:
            raise no_session(session_id)
        raise conflict(
            f"table {ref} was dropped since session {session_id!r} was opened, and is another "
            "one now",
            code="TableModified",
        )
    if session.status is SessionStatus.NORMAL and now >= session.expires:
        session = replace(session, status=SessionStatus.EXPIRED)
    found = OpenSession(session, table, SessionOptions.decode(session.options))
    _check_mode(found, mode)
    return found


def normal_session(
    connection: Connection,
    ref: TableRef,
    session_id: str,
    now: int,
    *,
    mode: WriteMode | None = None,
) -> OpenSession:
    """Return a session that still takes rows.

    Raises
    ------
    ServiceError
        When there is none, or it is past that.
    """
    found = find_session(connection, ref, session_id, now, mode=mode)
    if found.kept.status is SessionStatus.EXPIRED:
        raise expired_session(session_id)
    if found.kept.status is not SessionStatus.NORMAL:
        raise conflict(f"session {session_id!r} is {found.kept.status.value.lower()} already")
    return found


def _check_mode(found: OpenSession, mode: WriteMode | None) -> None:
    """Refuse a call of another mode.

    Calls about blocks say no mode in version 2 (protocol.md §9), which then reads as Batch.
    """
    own = found.options.mode
    unsaid = mode is WriteMode.BATCH and own is WriteMode.BATCH_COMPATIBLE
    if mode is not None and mode is not own and not unsaid:
        raise invalid(f"WriteMode={mode.value}; session {found.id!r} is of mode {own.value}")


def _auto_commit_id(table: Table) -> str:
    return f"{AUTO_COMMIT}.{table.id}"


def _auto_commit_session(
    connection: Connection, table: Table, mode: WriteMode | None
) -> OpenSession:
    """Return the session of a table that every streaming caller shares (protocol.md §8.1)."""
    options = SessionOptions(mode=mode or WriteMode.STREAMING)
    session = kept.find_write_session(connection, _auto_commit_id(table)) or KeptWriteSession(
        id=_auto_commit_id(table),
        table_id=table.id,
        static=(None,) * len(table.partition_columns),
        overwrite=False,
        status=SessionStatus.NORMAL,
        token=f"write-{table.id}",
        expires=_NEVER,
    )
    return OpenSession(session, table, options)

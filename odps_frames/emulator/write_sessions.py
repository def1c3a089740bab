"""Write sessions: streams that fill apart from each other and become visible at once.

What a caller was told is on the disk, so that a restart forgets no session, stream or offset.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from odps_frames.emulator.blocks import MAX_BLOCKS, Blocks, committed_blocks
from odps_frames.emulator.catalog import sessions as kept
from odps_frames.emulator.catalog.sessions import (
    CLOSED,
    COMMITTED,
    OPEN,
    KeptStream,
    KeptWriteSession,
)
from odps_frames.emulator.catalog.tables import need_rows
from odps_frames.emulator.commit import prepare, publish
from odps_frames.emulator.open_session import OpenSession, find_session, normal_session
from odps_frames.emulator.refusals import conflict, invalid, unsupported
from odps_frames.emulator.routed import Routed
from odps_frames.emulator.session_options import SessionOptions
from odps_frames.emulator.specs import parse_selector
from odps_frames.emulator.stream_answers import session_info, stream_info
from odps_frames.emulator.streams import Streams, need_stream, require_streams
from odps_frames.model.lifecycle import SessionStatus
from odps_frames.model.write import AUTO_COMMIT, WriteMode, WriteSessionInfo, WriteStreamInfo
from odps_frames.wire.block_protocol import BlockCommitCall
from odps_frames.wire.schema import write_schema_of

if TYPE_CHECKING:
    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.file_writer import NewFile
    from odps_frames.emulator.merge import Merge
    from odps_frames.emulator.preparing import Preparations
    from odps_frames.emulator.specs import Selector
    from odps_frames.emulator.store import Store
    from odps_frames.model.table import TableRef
    from odps_frames.model.write import StreamId, WriteSpec
    from odps_frames.model.write_schema import WriteSchema
    from odps_frames.wire.write_session import CommitCall, SessionCall, StreamCall

__all__ = ["WriteSessions"]

UNCLOSED = "default"
"""The one stream that callers need not close before the commit (protocol.md §8.1)."""


class WriteSessions:
    """Makes write sessions and commits them; `streams` and `blocks` take their rows."""

    def __init__(self, store: Store, preparations: Preparations) -> None:
        self._store = store
        self._preparations = preparations
        self.streams = Streams(store)
        self.blocks = Blocks(store)

    def create(self, spec: WriteSpec) -> Routed[WriteSessionInfo]:
        """Open a session on a table, for one partition or for those that the rows name."""
        if spec.flags:
            raise unsupported(f"the flag {next(iter(spec.flags))!r}")
        if spec.schema_evolution and spec.mode is WriteMode.BATCH_COMPATIBLE:
            raise unsupported(f"the flag enable_schema_evolution in mode {spec.mode.value}")
        with self._store.database.write() as connection:
            table = need_rows(connection, spec.table)
            if table.primary_key and spec.mode is WriteMode.BATCH_COMPATIBLE:
                raise unsupported(f"mode {spec.mode.value} for a table with a primary key")
            options = SessionOptions.of(spec, table.last_field)
            session = KeptWriteSession(
                id=self._store.new_id(),
                table_id=table.id,
                static=_static(spec, table),
                overwrite=spec.overwrite,
                status=SessionStatus.NORMAL,
                token=f"write-{secrets.token_hex(8)}",
                expires=self._store.now() + self._store.session_milliseconds,
                options=options.encode(),
            )
            kept.add_write_session(connection, session)
        return _answer(OpenSession(session, table, options))

    def get(self, call: SessionCall) -> Routed[WriteSessionInfo]:
        """Tell how a session and its streams stand."""
        with self._store.database.read() as connection:
            found = find_session(
                connection, call.table, call.session_id, self._store.now(), mode=call.mode
            )
            streams = kept.list_streams(connection, found.id)
            staging_id = kept.first_staged(connection, found.id)
        if not found.options.mode.streams:
            staging_id = None
        self._preparations.poll(found.id)
        info = session_info(found, streams, staging_id=staging_id)
        return _answer(found, self._told(found, info))

    def _told(self, found: OpenSession, info: WriteSessionInfo) -> WriteSessionInfo:
        """Return what callers are told of a session, which may be less than what is true."""
        state = self._preparations.state(found.id)
        return info if state is None else replace(info, status=state[0], message=state[1])

    def fence(self, table: TableRef, stream: StreamId) -> None:
        """Open a newer version of a stream, so that its older ones are abandoned."""
        with self._store.database.write() as connection:
            found = find_session(connection, table, stream.session_id, self._store.now())
            doomed = self.streams.fence(connection, found, stream.stream)
        self._store.files.delete(doomed)

    def schema(self, call: SessionCall) -> Routed[WriteSchema]:
        """Tell the schema that streams of a session want."""
        with self._store.database.read() as connection:
            found = find_session(connection, call.table, call.session_id, self._store.now())
        found_schema = write_schema_of(found.table.schema, primary_key=found.table.primary_key)
        return Routed(found_schema, found.token)

    def open(self, call: StreamCall) -> Routed[WriteStreamInfo]:
        """Open a version of a stream, or reserve an attempt at a block."""
        doomed: list[str] = []
        with self._store.database.write() as connection:
            found = normal_session(
                connection,
                call.table,
                call.stream.session_id,
                self._store.now(),
                mode=call.mode,
            )
            if found.options.mode is WriteMode.BATCH_COMPATIBLE:
                info = self.blocks.reserve(connection, found, call.stream.stream)
            else:
                doomed = self.streams.open(connection, found, call)
                info = stream_info(need_stream(connection, found, call.stream), found.table)
        self._store.files.delete(doomed)
        return Routed(info, found.token)

    def commit(self, call: CommitCall | BlockCommitCall) -> Routed[WriteSessionInfo]:
        """Make rows visible, all at once; doing it twice does nothing.

        Whoever names rows after a commit that left them out is refused: they are gone.
        """
        prepared = self._prepare(call)
        with self._store.database.write() as connection:
            found, streams, left = self._find(connection, call)
            if found.kept.status is SessionStatus.COMMITTED:
                return _answer(found, self._told(found, session_info(found)))
            files = [file for one in streams for file in kept.staged_files(connection, one)]
            dropped = self._publish(connection, found, files, prepared)
            for stream in streams:
                kept.set_stream_state(connection, stream, COMMITTED)
        self._store.files.delete(set(dropped) - {file.name for file in files})
        if found.kept.overwrite or found.table.primary_key:
            self._store.collect()
        self._store.note_commit(found.table.id)
        info = session_info(found, status=SessionStatus.COMMITTED)
        return _answer(found, self._told(found, info), warning=_warning(left))

    def _prepare(self, call: CommitCall | BlockCommitCall) -> Merge | None:
        """Look for the keys of a commit before it keeps others waiting."""
        with self._store.database.read() as connection:
            found, streams, _ = self._find(connection, call)
            if found.kept.status is SessionStatus.COMMITTED or not found.table.primary_key:
                return None
            files = [file for one in streams for file in kept.staged_files(connection, one)]
        overwrite = found.kept.overwrite
        database, store = self._store.database, self._store.files
        return prepare(database, found.table, files, store, overwrite=overwrite)

    def _find(
        self, connection: Connection, call: CommitCall | BlockCommitCall
    ) -> tuple[OpenSession, list[KeptStream], list[KeptStream]]:
        """Return a session, and the streams that a commit takes and leaves."""
        now = self._store.now()
        found = find_session(connection, call.table, call.session_id, now, mode=_mode(call))
        if found.commits_itself:
            raise invalid(f"session {AUTO_COMMIT!r} commits every write by itself")
        if found.kept.status is SessionStatus.COMMITTED:
            _check_repeated(connection, call, found)
            return found, [], []
        normal_session(connection, call.table, call.session_id, now)
        if isinstance(call, BlockCommitCall):
            return found, committed_blocks(connection, found, call.messages), []
        require_streams(found)
        return found, *_committed_streams(connection, call, found)

    def _publish(
        self,
        connection: Connection,
        found: OpenSession,
        files: list[NewFile],
        prepared: Merge | None,
    ) -> list[str]:
        publish(
            connection,
            found.table,
            files,
            self._store.files,
            static=found.kept.static,
            overwrite=found.kept.overwrite,
            session=found.id,
            now=self._store.now(),
            prepared=prepared,
        )
        dropped = kept.drop_staged(connection, found.id)
        kept.set_session_status(connection, found.id, SessionStatus.COMMITTED)
        return dropped

    def abort(self, call: SessionCall) -> Routed[None]:
        """Give a session and its rows up; doing it twice does nothing."""
        with self._store.database.write() as connection:
            found = find_session(
                connection, call.table, call.session_id, self._store.now(), mode=call.mode
            )
            if found.commits_itself:
                raise invalid(f"session {AUTO_COMMIT!r} commits every write by itself")
            if found.kept.status is SessionStatus.COMMITTED:
                raise conflict(f"session {found.id!r} is committed; its rows are in the table")
            dropped = kept.drop_staged(connection, found.id)
            kept.set_session_status(connection, found.id, SessionStatus.ABORTED)
        self._store.files.delete(dropped)
        self._store.drop_blobs()
        return Routed(None, found.token)


def _static(spec: WriteSpec, table: Table) -> Selector:
    static = parse_selector(spec.partition, table.partition_columns)
    if None in static and any(static[static.index(None) :]):
        raise invalid(
            f"PartialPartitionSpec {spec.partition!r}; only partition columns at the end "
            "may be left open"
        )
    return static


def _mode(call: CommitCall | BlockCommitCall) -> WriteMode:
    return WriteMode.BATCH_COMPATIBLE if isinstance(call, BlockCommitCall) else call.mode


def _committed_streams(
    connection: Connection, call: CommitCall, found: OpenSession
) -> tuple[list[KeptStream], list[KeptStream]]:
    """Return the streams that a commit takes, and those with rows that it leaves behind."""
    if call.streams is None:
        streams = kept.list_streams(connection, found.id)
        taken = [stream for stream in streams if _is_complete(stream)]
        return taken, [s for s in streams if s.state == OPEN and s.n_rows and s not in taken]
    chosen = []
    for wanted in dict.fromkeys(call.streams):
        stream = kept.find_stream(connection, found.id, wanted.stream, wanted.version)
        if stream is None or not _is_complete(stream):
            state = "unknown" if stream is None else stream.state.lower()
            raise invalid(
                f"stream {wanted.stream!r} of version {wanted.version} is {state}; "
                "only closed streams can be committed"
            )
        chosen.append(stream)
    return chosen, []


def _check_repeated(
    connection: Connection, call: CommitCall | BlockCommitCall, found: OpenSession
) -> None:
    """Refuse a commit that comes after another one and means rows that this one left out."""
    if isinstance(call, BlockCommitCall):
        committed_blocks(connection, found, call.messages, state=COMMITTED)
        return
    streams = kept.list_streams(connection, found.id)
    if call.streams is None:
        left = [s for s in streams if s.state == CLOSED and s.n_rows]
    else:
        wanted = {(one.stream, one.version) for one in call.streams}
        there = {(s.stream, s.version) for s in streams if s.state == COMMITTED}
        if unknown := sorted(wanted - there):
            raise conflict(f"session {found.id!r} was committed without the streams {unknown}")
        left = []
    if left:
        names = ", ".join(f"{one.stream!r} of version {one.version}" for one in left)
        raise conflict(f"session {found.id!r} was committed without {names}")


def _is_complete(stream: KeptStream) -> bool:
    return stream.state == CLOSED or (stream.state == OPEN and stream.stream == UNCLOSED)


def _warning(left: list[KeptStream]) -> str | None:
    if not left:
        return None
    names = ", ".join(f"{one.stream!r} of version {one.version}" for one in left)
    n_rows = sum(one.n_rows for one in left)
    return f"{n_rows} rows were not committed: they are in streams that are still open: {names}"


def _answer(
    found: OpenSession, info: WriteSessionInfo | None = None, *, warning: str | None = None
) -> Routed[WriteSessionInfo]:
    info = info or session_info(found)
    blocks = found.options.blocks
    if blocks is not None:
        info = replace(
            info,
            schema=found.table.schema,
            max_blocks=MAX_BLOCKS,
            enhance_write_check=blocks.enhance_write_check,
        )
    return Routed(info, found.token, warning)

"""Write sessions: streams that fill apart from each other and become visible at once.

What a caller was told is on the disk, so that a restart forgets no session, stream or offset.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from odps_frames.emulator.catalog import sessions as kept
from odps_frames.emulator.catalog.sessions import (
    ABANDONED,
    CLOSED,
    OPEN,
    KeptStream,
    KeptWriteSession,
)
from odps_frames.emulator.catalog.tables import need_table, table_by_id
from odps_frames.emulator.commit import publish
from odps_frames.emulator.intake import Intake
from odps_frames.emulator.refusals import (
    conflict,
    expired_session,
    invalid,
    malformed,
    no_session,
    no_stream,
    unsupported,
)
from odps_frames.emulator.routed import Routed
from odps_frames.emulator.specs import parse_selector
from odps_frames.errors import CorruptStream, IncompleteRead
from odps_frames.model.lifecycle import SessionStatus, StreamState
from odps_frames.model.write import (
    StreamId,
    WriteMode,
    WriteReceipt,
    WriteSessionInfo,
    WriteStreamInfo,
)
from odps_frames.wire.arrow_stream import ArrowStreamReader
from odps_frames.wire.schema import write_schema_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.store import Store
    from odps_frames.model.table import TableRef
    from odps_frames.model.write import WriteSpec
    from odps_frames.model.write_schema import WriteSchema
    from odps_frames.wire.http import BodyReader
    from odps_frames.wire.write_session import CommitCall, SessionCall, StreamCall, WriteCall

__all__ = ["WriteSessions"]

MAX_BATCH_ROWS = 1 << 28
_STATES = {OPEN: StreamState.OPEN, CLOSED: StreamState.CLOSED, ABANDONED: StreamState.ERROR}


class WriteSessions:
    """Makes write sessions, takes their rows and commits them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, spec: WriteSpec) -> Routed[WriteSessionInfo]:
        """Open a session on a table, for one partition or for those that the rows name."""
        _refuse_unsupported(spec)
        with self._store.database.write() as connection:
            table = need_table(connection, spec.table)
            static = parse_selector(spec.partition, table.partition_columns)
            if None in static and any(static[static.index(None) :]):
                raise invalid(
                    f"PartialPartitionSpec {spec.partition!r}; only partition columns at the end "
                    "may be left open"
                )
            session = KeptWriteSession(
                id=self._store.new_id(),
                table_id=table.id,
                static=static,
                overwrite=spec.overwrite,
                status=SessionStatus.NORMAL,
                token=f"write-{secrets.token_hex(8)}",
                expires=self._store.now() + self._store.session_milliseconds,
            )
            kept.add_write_session(connection, session)
        return Routed(_info(session), session.token)

    def get(self, call: SessionCall) -> Routed[WriteSessionInfo]:
        """Tell how a session and its streams stand."""
        _refuse_mode(call.mode)
        with self._store.database.read() as connection:
            session, _ = self._find(connection, call.table, call.session_id)
            streams = kept.list_streams(connection, session.id)
        return Routed(_info(session, streams), session.token)

    def schema(self, call: SessionCall) -> Routed[WriteSchema]:
        """Tell the schema that streams of a session want."""
        with self._store.database.read() as connection:
            session, table = self._find(connection, call.table, call.session_id)
        return Routed(write_schema_of(table.schema), session.token)

    def open(self, call: StreamCall) -> Routed[WriteStreamInfo]:
        """Open a version of a stream; older versions are abandoned with their rows."""
        _refuse_mode(call.mode)
        doomed: list[str] = []
        with self._store.database.write() as connection:
            session, table = self._normal(connection, call.table, call.stream.session_id)
            stream = _opened(connection, call)
            if stream is None:
                doomed = _abandon_older(connection, call.stream)
                stream = KeptStream(
                    session=session.id,
                    stream=call.stream.stream,
                    version=call.stream.version,
                    state=OPEN,
                    schema_version=table.schema_version,
                    access_token=secrets.token_hex(16) if call.exactly_once else None,
                )
                kept.add_stream(connection, stream)
        self._store.files.delete(doomed)
        return Routed(_stream_info(stream, table), session.token)

    def get_stream(self, call: StreamCall) -> Routed[WriteStreamInfo]:
        """Tell how a stream stands; a new process resumes with it."""
        _refuse_mode(call.mode)
        with self._store.database.read() as connection:
            session, table = self._find(connection, call.table, call.stream.session_id)
            stream = _need_stream(connection, call.stream)
        return Routed(_stream_info(stream, table), session.token)

    def write(self, call: WriteCall, body: BodyReader) -> Routed[WriteReceipt]:
        """Take rows; they are on the disk when this returns."""
        _refuse_mode(call.mode)
        with self._store.database.read() as connection:
            session, table = self._normal(connection, call.table, call.stream.session_id)
            stream = _need_stream(connection, call.stream)
            _check_write(call, stream, table)
        intake = Intake(self._store.files, table, session.static)
        try:
            _take_in(intake, body)
            offset = self._stage(call, intake)
        except BaseException:
            intake.abandon()
            raise
        return Routed(WriteReceipt(row_offset=offset), session.token)

    def _stage(self, call: WriteCall, intake: Intake) -> int | None:
        """Make the rows part of their stream, unless they are already."""
        files = intake.finish()
        with self._store.database.write() as connection:
            self._normal(connection, call.table, call.stream.session_id)
            stream = _need_stream(connection, call.stream)
            _require_open(stream)
            if stream.access_token is None:
                kept.stage(connection, stream, files)
                return None
            if _is_new(call, stream, intake.n_rows):
                kept.stage(connection, stream, files)
                return stream.n_rows + intake.n_rows
        intake.abandon()
        return stream.n_rows

    def close(self, call: StreamCall) -> Routed[None]:
        """End a stream; doing it twice does nothing."""
        _refuse_mode(call.mode)
        with self._store.database.write() as connection:
            session, _ = self._normal(connection, call.table, call.stream.session_id)
            stream = _need_stream(connection, call.stream)
            if stream.state != CLOSED:
                _require_open(stream)
                kept.set_stream_state(connection, stream, CLOSED)
        return Routed(None, session.token)

    def commit(self, call: CommitCall) -> Routed[WriteSessionInfo]:
        """Make the rows of closed streams visible, all at once; doing it twice does nothing."""
        _refuse_mode(call.mode)
        with self._store.database.write() as connection:
            session, table = self._find(connection, call.table, call.session_id)
            if session.status is SessionStatus.COMMITTED:
                return Routed(_info(session), session.token)
            _require_normal(session)
            files = [
                file
                for stream in _committed_streams(connection, call)
                for file in kept.staged_files(connection, stream)
            ]
            publish(
                connection,
                table,
                files,
                static=session.static,
                overwrite=session.overwrite,
                session=session.id,
                now=self._store.now(),
            )
            dropped = kept.drop_staged(connection, session.id)
            kept.set_session_status(connection, session.id, SessionStatus.COMMITTED)
        self._store.files.delete(set(dropped) - {file.name for file in files})
        if session.overwrite:
            self._store.collect()
        return Routed(_info(replace(session, status=SessionStatus.COMMITTED)), session.token)

    def abort(self, call: SessionCall) -> Routed[None]:
        """Give a session and its rows up; doing it twice does nothing."""
        _refuse_mode(call.mode)
        with self._store.database.write() as connection:
            session, _ = self._find(connection, call.table, call.session_id)
            if session.status is SessionStatus.COMMITTED:
                raise conflict(f"session {session.id!r} is committed; its rows are in the table")
            dropped = kept.drop_staged(connection, session.id)
            kept.set_session_status(connection, session.id, SessionStatus.ABORTED)
        self._store.files.delete(dropped)
        return Routed(None, session.token)

    def _find(
        self, connection: Connection, ref: TableRef, session_id: str
    ) -> tuple[KeptWriteSession, Table]:
        session = kept.find_write_session(connection, session_id)
        table = need_table(connection, ref)
        if session is None:
            raise no_session(session_id)
        if session.table_id != table.id:
            if table_by_id(connection, session.table_id) is not None:
                raise no_session(session_id)
            raise conflict(
                f"table {ref} was dropped since session {session_id!r} was opened, and is another "
                "one now",
                code="TableModified",
            )
        if session.status is SessionStatus.NORMAL and self._store.now() >= session.expires:
            session = replace(session, status=SessionStatus.EXPIRED)
        return session, table

    def _normal(
        self, connection: Connection, ref: TableRef, session_id: str
    ) -> tuple[KeptWriteSession, Table]:
        session, table = self._find(connection, ref, session_id)
        _require_normal(session)
        return session, table


def _refuse_unsupported(spec: WriteSpec) -> None:
    _refuse_mode(spec.mode)
    if spec.schema_evolution:
        raise unsupported("the flag enable_schema_evolution")
    if spec.flags:
        raise unsupported(f"the flag {next(iter(spec.flags))!r}")


def _refuse_mode(mode: WriteMode) -> None:
    if mode is not WriteMode.BATCH:
        raise unsupported(f"WriteMode={mode.value}")


def _require_normal(session: KeptWriteSession) -> None:
    if session.status is SessionStatus.EXPIRED:
        raise expired_session(session.id)
    if session.status is not SessionStatus.NORMAL:
        raise conflict(f"session {session.id!r} is {session.status.value.lower()} already")


def _require_open(stream: KeptStream) -> None:
    if stream.state != OPEN:
        raise conflict(
            f"stream {stream.stream!r} of version {stream.version} is {stream.state.lower()}; "
            "open it under a higher version to write it anew"
        )


def _need_stream(connection: Connection, stream: StreamId) -> KeptStream:
    found = kept.find_stream(connection, stream.session_id, stream.stream, stream.version)
    if found is None:
        raise no_stream(stream.session_id, stream.stream, stream.version)
    return found


def _opened(connection: Connection, call: StreamCall) -> KeptStream | None:
    """Return the stream where the call only repeats one that opened it."""
    wanted = call.stream
    stream = kept.find_stream(connection, wanted.session_id, wanted.stream, wanted.version)
    if stream is None:
        return None
    _require_open(stream)
    if (stream.access_token is not None) != call.exactly_once:
        raise conflict(f"stream {stream.stream!r} is open in another ExactlyOnceMode")
    return stream


def _abandon_older(connection: Connection, wanted: StreamId) -> list[str]:
    for stream in kept.list_streams(connection, wanted.session_id):
        if stream.stream != wanted.stream:
            continue
        if stream.version > wanted.version:
            raise conflict(
                f"stream {wanted.stream!r} is at version {stream.version}; "
                f"version {wanted.version} is abandoned"
            )
        kept.set_stream_state(connection, stream, ABANDONED)
    return kept.drop_staged(connection, wanted.session_id, wanted.stream)


def _check_write(call: WriteCall, stream: KeptStream, table: Table) -> None:
    _require_open(stream)
    if call.table_id is not None and call.table_id != table.id:
        raise conflict(f"TableId={call.table_id}; the table has {table.id}", code="TableModified")
    if stream.schema_version != table.schema_version:
        raise conflict(
            f"the columns of table {table.ref} changed since the stream was opened; "
            "open it under a higher version",
            code="SchemaModified",
        )
    if stream.access_token is None:
        if call.row_offset is not None:
            raise invalid("RowOffset is given; the stream was not opened in ExactlyOnceMode")
        return
    if call.access_token != stream.access_token:
        raise invalid("the access token of the stream is missing or wrong")
    if call.row_offset is None:
        raise invalid("RowOffset is missing; the stream was opened in ExactlyOnceMode")
    if call.row_offset > stream.n_rows:
        raise conflict(f"RowOffset={call.row_offset}; the next row is {stream.n_rows}")


def _is_new(call: WriteCall, stream: KeptStream, n_rows: int) -> bool:
    """Tell rows that come for the first time from those that are there already."""
    offset = call.row_offset or 0
    if offset == stream.n_rows:
        return True
    if offset + n_rows <= stream.n_rows:
        return False
    raise conflict(
        f"RowOffset={offset} with {n_rows} rows; the next row is {stream.n_rows}, so that only a "
        "part of them is new"
    )


def _take_in(intake: Intake, body: BodyReader) -> None:
    reader = ArrowStreamReader(body, max_batch_rows=MAX_BATCH_ROWS)
    try:
        intake.check(reader.schema)
        for batch in reader:
            intake.take(batch)
    except (IncompleteRead, CorruptStream) as error:
        raise malformed(f"the rows cannot be read: {error}") from error


def _committed_streams(connection: Connection, call: CommitCall) -> list[KeptStream]:
    if call.streams is None:
        streams = kept.list_streams(connection, call.session_id)
        return [stream for stream in streams if stream.state == CLOSED]
    chosen = []
    for wanted in dict.fromkeys(call.streams):
        stream = kept.find_stream(connection, call.session_id, wanted.stream, wanted.version)
        if stream is None or stream.state != CLOSED:
            state = "unknown" if stream is None else stream.state.lower()
            raise invalid(
                f"stream {wanted.stream!r} of version {wanted.version} is {state}; "
                "only closed streams can be committed"
            )
        chosen.append(stream)
    return chosen


def _info(session: KeptWriteSession, streams: Iterable[KeptStream] = ()) -> WriteSessionInfo:
    return WriteSessionInfo(
        session_id=session.id,
        status=session.status,
        streams=tuple(
            (StreamId(session.id, stream.stream, stream.version), _STATES[stream.state])
            for stream in streams
        ),
    )


def _stream_info(stream: KeptStream, table: Table) -> WriteStreamInfo:
    return WriteStreamInfo(
        state=_STATES[stream.state],
        n_rows=stream.n_rows,
        n_bytes=stream.n_bytes,
        schema=write_schema_of(table.schema),
        table_id=table.id,
        schema_version=str(stream.schema_version),
        latest_schema_version=str(table.schema_version),
        row_offset=None if stream.access_token is None else stream.n_rows,
        access_token=stream.access_token,
    )

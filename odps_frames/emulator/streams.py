"""Write streams: versions that fence each other, and rows that count once."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from odps_frames.emulator.blob_refs import BlobRefs
from odps_frames.emulator.catalog import sessions as kept
from odps_frames.emulator.catalog.sessions import ABANDONED, CLOSED, OPEN, KeptStream
from odps_frames.emulator.commit import prepare, publish
from odps_frames.emulator.digesting import DigestingBody
from odps_frames.emulator.intake import take_in
from odps_frames.emulator.keyed_intake import intake_for
from odps_frames.emulator.open_session import find_session, normal_session
from odps_frames.emulator.refusals import conflict, invalid, no_stream
from odps_frames.emulator.routed import Routed
from odps_frames.emulator.stream_answers import stream_info
from odps_frames.model.write import StreamId, WriteMode, WriteReceipt, WriteStreamInfo

if TYPE_CHECKING:
    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.file_writer import NewFile
    from odps_frames.emulator.intake import Intake
    from odps_frames.emulator.merge import Merge
    from odps_frames.emulator.open_session import OpenSession
    from odps_frames.emulator.store import Store
    from odps_frames.wire.http import BodyReader
    from odps_frames.wire.write_session import StreamCall, WriteCall

__all__ = ["Streams", "need_stream", "require_open", "require_streams"]


class Streams:
    """Opens streams, takes their rows and closes them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def open(self, connection: Connection, found: OpenSession, call: StreamCall) -> list[str]:
        """Open a version of a stream; return the files of the versions that this abandons."""
        found.keep(connection)
        wanted = replace(call.stream, session_id=found.id)
        if _is_open(connection, wanted, found, exactly_once=call.exactly_once):
            return []
        doomed = _abandon_older(connection, wanted)
        stream = KeptStream(
            session=found.id,
            stream=wanted.stream,
            version=wanted.version,
            state=OPEN,
            schema_version=found.table.schema_version,
            access_token=secrets.token_hex(16) if call.exactly_once else None,
        )
        kept.add_stream(connection, stream)
        return doomed

    def fence(self, connection: Connection, found: OpenSession, name: str) -> list[str]:
        """Open a newer version of a stream that is there; return the files that this abandons."""
        versions = [s for s in kept.list_streams(connection, found.id) if s.stream == name]
        if not versions:
            return []
        newest = versions[-1]
        doomed = _abandon_older(connection, StreamId(found.id, name, newest.version + 1))
        token = None if newest.access_token is None else secrets.token_hex(16)
        newer = KeptStream(
            session=found.id,
            stream=name,
            version=newest.version + 1,
            state=OPEN,
            schema_version=found.table.schema_version,
            access_token=token,
        )
        kept.add_stream(connection, newer)
        return doomed

    def get(self, call: StreamCall) -> Routed[WriteStreamInfo]:
        """Tell how a stream stands; a new process resumes with it."""
        with self._store.database.read() as connection:
            found = find_session(
                connection,
                call.table,
                call.stream.session_id,
                self._store.now(),
                mode=call.mode,
            )
            require_streams(found)
            stream = need_stream(connection, found, call.stream)
        return Routed(stream_info(stream, found.table), found.token)

    def write(self, call: WriteCall, body: BodyReader) -> Routed[WriteReceipt]:
        """Take rows; they are on the disk when this returns."""
        with self._store.database.read() as connection:
            found = self._normal(connection, call)
            stream = need_stream(connection, found, call.stream)
            _check_write(call, stream, found)
        intake = intake_for(
            self._store.files,
            found.table,
            found.kept.static,
            optional=_optional(found),
            blobs=BlobRefs(self._store.database, found.id, found.table),
            settle=self._store.settle_bounds,
        )
        digesting = DigestingBody(body) if stream.access_token is not None else None
        try:
            take_in(intake, digesting or body)
            receipt = self._stage(call, found, intake, digesting.digest if digesting else "")
        except BaseException:
            intake.abandon()
            raise
        return Routed(receipt, found.token)

    def _stage(
        self, call: WriteCall, found: OpenSession, intake: Intake, digest: str
    ) -> WriteReceipt:
        """Make the rows part of their stream, unless they are already."""
        files = intake.finish()
        body = f"{intake.n_rows} rows from {call.row_offset}: {digest}"
        prepared = None
        if found.commits_itself:
            database, store = self._store.database, self._store.files
            prepared = prepare(database, found.table, files, store, overwrite=False)
        with self._store.database.write() as connection:
            found = self._normal(connection, call)
            stream = need_stream(connection, found, call.stream)
            _check_write(call, stream, found)
            if stream.access_token is None or _is_new(call, stream, intake.n_rows, body):
                staging_id = kept.stage(connection, stream, files)
                if stream.access_token is not None:
                    kept.note_body(connection, stream, body)
                if found.commits_itself:
                    self._show(connection, found, stream, files, prepared)
                receipt = WriteReceipt(
                    row_offset=_next_offset(stream, intake.n_rows),
                    staging_id=_staging_id(found, staging_id),
                )
            else:
                receipt, files = WriteReceipt(row_offset=stream.n_rows), []
        if not files:
            intake.abandon()  # they are there already
        elif found.commits_itself:
            self._store.note_commit(found.table.id)
        return receipt

    def _show(
        self,
        connection: Connection,
        found: OpenSession,
        stream: KeptStream,
        files: list[NewFile],
        prepared: Merge | None,
    ) -> None:
        """Make the rows visible that are staged in this transaction."""
        publish(
            connection,
            found.table,
            files,
            self._store.files,
            static=found.kept.static,
            overwrite=False,
            session=found.id,
            now=self._store.now(),
            prepared=prepared,
        )
        kept.drop_staged(connection, found.id, stream.stream)

    def close(self, call: StreamCall) -> Routed[None]:
        """End a stream; doing it twice does nothing."""
        with self._store.database.write() as connection:
            found = normal_session(
                connection,
                call.table,
                call.stream.session_id,
                self._store.now(),
                mode=call.mode,
            )
            require_streams(found)
            stream = need_stream(connection, found, call.stream)
            if stream.state != CLOSED:
                require_open(stream)
                kept.set_stream_state(connection, stream, CLOSED)
        return Routed(None, found.token)

    def _normal(self, connection: Connection, call: WriteCall) -> OpenSession:
        found = normal_session(
            connection, call.table, call.stream.session_id, self._store.now(), mode=call.mode
        )
        require_streams(found)
        return found


def require_streams(found: OpenSession) -> None:
    """Refuse calls about streams where a session takes blocks."""
    if found.options.mode is WriteMode.BATCH_COMPATIBLE:
        raise invalid(
            f"session {found.id!r} is of mode {found.options.mode.value}: it takes numbered "
            "blocks, and CommitMessages name those to commit"
        )


def need_stream(connection: Connection, found: OpenSession, wanted: StreamId) -> KeptStream:
    """Return a version of a stream.

    Raises
    ------
    NotFound
        When nobody opened it.
    """
    stream = kept.find_stream(connection, found.id, wanted.stream, wanted.version)
    if stream is None:
        raise no_stream(wanted.session_id, wanted.stream, wanted.version)
    return stream


def require_open(stream: KeptStream) -> None:
    """Refuse what only an open stream can take."""
    if stream.state != OPEN:
        raise conflict(
            f"stream {stream.stream!r} of version {stream.version} is {stream.state.lower()}; "
            "open it under a higher version to write it anew"
        )


def _is_open(
    connection: Connection, wanted: StreamId, found: OpenSession, *, exactly_once: bool
) -> bool:
    """Whether the call only repeats one that opened the stream.

    The rows of an exactly-once stream are numbered by its writer. A second one that opened it
    without asking where it stands would number its own rows as those that are there already, and
    they would be passed over as repeated.
    """
    stream = kept.find_stream(connection, wanted.session_id, wanted.stream, wanted.version)
    if stream is None:
        return False
    if stream.state == CLOSED and found.commits_itself:
        kept.set_stream_state(connection, stream, OPEN)
    else:
        require_open(stream)
    if (stream.access_token is not None) != exactly_once:
        raise conflict(f"stream {stream.stream!r} is open in another ExactlyOnceMode")
    if exactly_once and stream.n_rows:
        raise conflict(
            f"stream {stream.stream!r} of version {stream.version} holds {stream.n_rows} rows; "
            "ask for it (TableGetWriteStream) to go on, or open it under a higher version"
        )
    if found.commits_itself and stream.schema_version != found.table.schema_version:
        kept.set_stream_schema(connection, stream, found.table.schema_version)
    return True


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


def _optional(found: OpenSession) -> frozenset[str]:
    """The columns that rows may lack: with schema evolution, those added since the beginning."""
    known = found.options.known_columns
    if known is None:
        return frozenset()
    return frozenset(
        stored.column.name.lower() for stored in found.table.columns if int(stored.field) > known
    )


def _check_write(call: WriteCall, stream: KeptStream, found: OpenSession) -> None:
    require_open(stream)
    table = found.table
    if call.table_id is not None and call.table_id != table.id:
        raise conflict(f"TableId={call.table_id}; the table has {table.id}", code="TableModified")
    evolves = found.options.known_columns is not None
    if stream.schema_version != table.schema_version and not evolves:
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


def _is_new(call: WriteCall, stream: KeptStream, n_rows: int, body: str) -> bool:
    """Tell rows that come for the first time from those that are there already.

    Who got no answer sends the very body again that came last. Another one with the same numbers
    is of a second writer, whose rows would be lost if they were taken for those that are there.
    """
    offset = call.row_offset or 0
    if offset == stream.n_rows:
        return True
    if body == stream.last_body:
        return False
    part = (
        "so that only a part of them is new"
        if offset + n_rows > stream.n_rows
        else ("and it is not the body that came last")
    )
    raise conflict(
        f"RowOffset={offset} with {n_rows} rows; the next row is {stream.n_rows}, {part}: another "
        "writer has the stream, or this one lost its place; ask for it (TableGetWriteStream)"
    )


def _next_offset(stream: KeptStream, n_new: int) -> int | None:
    return None if stream.access_token is None else stream.n_rows + n_new


def _staging_id(found: OpenSession, staging_id: int | None) -> str | None:
    streams = found.options.mode.streams
    return str(staging_id) if streams and staging_id is not None else None

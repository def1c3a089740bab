"""Uploads: blocks that come apart from each other and become visible at once.

An upload is kept as a write session is, and a block as a stream of it, so that nothing that was
acknowledged is lost in a restart and forgotten uploads are cleaned up like forgotten sessions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.convert.arrow import arrow_type
from odps_frames.emulator.catalog import sessions as kept
from odps_frames.emulator.catalog.contents import add_partition, has_partition
from odps_frames.emulator.catalog.sessions import ABANDONED, CLOSED, OPEN, KeptStream
from odps_frames.emulator.catalog.tables import need_rows, table_by_id
from odps_frames.emulator.commit import publish
from odps_frames.emulator.intake import Intake
from odps_frames.emulator.refusals import (
    conflict,
    expired_session,
    invalid,
    malformed,
    no_partition,
    unsupported,
)
from odps_frames.emulator.specs import partition_of
from odps_frames.emulator.tunnel.arrow_frames import decode_frames
from odps_frames.emulator.tunnel.columns import check_arrow, check_records
from odps_frames.emulator.tunnel.encodings import decoded
from odps_frames.emulator.tunnel.record_reader import read_records
from odps_frames.emulator.tunnel.targets import named_partition, no_upload
from odps_frames.errors import CorruptStream, IncompleteRead
from odps_frames.model.lifecycle import SessionStatus
from odps_frames.wire.arrow_stream import ArrowStreamReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.catalog.sessions import KeptWriteSession
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.file_writer import NewFile
    from odps_frames.emulator.store import Store
    from odps_frames.emulator.tunnel.calls import (
        CommitUpload,
        GetUpload,
        OpenUpload,
        WriteBlock,
    )
    from odps_frames.model.schema import TableSchema
    from odps_frames.wire.http import BodyReader

__all__ = ["Upload", "Uploads"]

MAX_BLOCKS = 20_000
MAX_BATCH_ROWS = 1 << 24
PROTOCOL = "tunnel"
_STATUS = {
    SessionStatus.NORMAL: "normal",
    SessionStatus.COMMITTED: "closed",
    SessionStatus.ABORTED: "canceled",
    SessionStatus.EXPIRED: "expired",
}


@dataclass(frozen=True, slots=True)
class Upload:
    """How an upload stands."""

    id: str
    status: str
    blocks: tuple[int, ...]
    schema: TableSchema


class Uploads:
    """Opens uploads, takes their blocks and commits them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def open(self, call: OpenUpload) -> Upload:
        """Open an upload to a table, or to a partition, which is there or may be made."""
        now = self._store.now()
        with self._store.database.write() as connection:
            table = need_rows(connection, call.table)
            if table.primary_key:
                raise unsupported("an upload without operations to a table with a primary key")
            values = named_partition(table, call.partition)
            if values and call.create_partition:
                add_partition(connection, table.id, values, now)
            if values and not has_partition(connection, table.id, values):
                raise no_partition(table.ref, partition_of(values, table.partition_columns))
            session = kept.KeptWriteSession(
                id=self._store.new_id(),
                table_id=table.id,
                static=values,
                overwrite=call.overwrite,
                status=SessionStatus.NORMAL,
                token="",
                expires=now + self._store.session_milliseconds,
                options={"protocol": PROTOCOL, "schema_version": table.schema_version},
            )
            kept.add_write_session(connection, session)
        return Upload(session.id, _STATUS[session.status], (), table.schema)

    def get(self, call: GetUpload) -> Upload:
        """Tell how an upload stands."""
        with self._store.database.read() as connection:
            session, table = self._find(connection, call)
            blocks = _blocks(connection, session.id)
        status = _STATUS.get(session.status, session.status.value.lower())
        return Upload(session.id, status, tuple(blocks), table.schema)

    def write(self, call: WriteBlock, body: BodyReader) -> None:
        """Take the rows of a block; they are on the disk when this returns."""
        if not 0 <= call.block < MAX_BLOCKS:
            raise invalid(f"blockid={call.block}; expected 0 to {MAX_BLOCKS - 1}")
        with self._store.database.read() as connection:
            session, table = self._normal(connection, call)
        intake = Intake(self._store.files, table, session.static, settle=self._store.settle_bounds)
        try:
            for batch in _batches(call, table, decoded(body, call.encoding)):
                intake.take(batch)
            replaced = self._stage(call, intake.finish())
        except (IncompleteRead, CorruptStream) as error:
            intake.abandon()
            raise malformed(f"the rows cannot be read: {error}") from error
        except BaseException:
            intake.abandon()
            raise
        self._store.files.delete(replaced)

    def _stage(self, call: WriteBlock, files: Iterable[NewFile]) -> list[str]:
        """Make the rows those of their block; return the files that they replace."""
        with self._store.database.write() as connection:
            session, table = self._normal(connection, call)
            name = str(call.block)
            version = 1
            for older in kept.list_streams(connection, session.id):
                if older.stream == name:
                    kept.set_stream_state(connection, older, ABANDONED)
                    version = max(version, older.version + 1)
            replaced = kept.drop_staged(connection, session.id, name)
            block = KeptStream(
                session=session.id,
                stream=name,
                version=version,
                state=OPEN,
                schema_version=table.schema_version,
            )
            kept.add_stream(connection, block)
            kept.stage(connection, block, files)
            kept.set_stream_state(connection, block, CLOSED)
        return replaced

    def commit(self, call: CommitUpload) -> Upload:
        """Make the rows of all blocks visible; doing it twice does nothing."""
        with self._store.database.write() as connection:
            session, table = self._find(connection, call)
            blocks = _blocks(connection, session.id)
            if session.status is not SessionStatus.COMMITTED:
                self._check_normal(session, table)
                publish(
                    connection,
                    table,
                    [
                        file
                        for number in sorted(blocks)
                        for file in kept.staged_files(connection, blocks[number])
                    ],
                    self._store.files,
                    static=session.static,
                    overwrite=session.overwrite,
                    session=session.id,
                    now=self._store.now(),
                )
                kept.drop_staged(connection, session.id)
                kept.set_session_status(connection, session.id, SessionStatus.COMMITTED)
        if session.overwrite:
            self._store.collect()
        self._store.note_commit(table.id)
        return Upload(session.id, _STATUS[SessionStatus.COMMITTED], tuple(blocks), table.schema)

    def _find(
        self, connection: Connection, call: GetUpload | WriteBlock | CommitUpload
    ) -> tuple[KeptWriteSession, Table]:
        session = kept.find_write_session(connection, call.upload_id)
        table = need_rows(connection, call.table)
        if session is None or session.options.get("protocol") != PROTOCOL:
            raise no_upload(call.upload_id)
        if session.table_id != table.id:
            if table_by_id(connection, session.table_id) is not None:
                raise no_upload(call.upload_id)
            raise conflict(
                f"table {call.table} was dropped since upload {session.id!r} was opened, and is "
                "another one now",
                code="TableModified",
            )
        if call.partition is not None and named_partition(table, call.partition) != session.static:
            raise no_upload(call.upload_id)
        if session.status is SessionStatus.NORMAL and self._store.now() >= session.expires:
            session = replace(session, status=SessionStatus.EXPIRED)
        return session, table

    def _normal(self, connection: Connection, call: WriteBlock) -> tuple[KeptWriteSession, Table]:
        session, table = self._find(connection, call)
        self._check_normal(session, table)
        return session, table

    def _check_normal(self, session: KeptWriteSession, table: Table) -> None:
        if session.status is SessionStatus.EXPIRED:
            raise expired_session(session.id)
        if session.status is not SessionStatus.NORMAL:
            raise conflict(f"upload {session.id!r} is {_STATUS[session.status]} already")
        if session.options["schema_version"] != table.schema_version:
            raise conflict(
                f"the columns of table {table.ref} changed since the upload was opened; open "
                "another one",
                code="SchemaModified",
            )


def _blocks(connection: Connection, session_id: str) -> dict[int, KeptStream]:
    return {
        int(stream.stream): stream
        for stream in kept.list_streams(connection, session_id)
        if stream.state == CLOSED
    }


def _batches(call: WriteBlock, table: Table, body: BodyReader) -> Iterable[pa.RecordBatch]:
    columns = table.schema.columns
    if not call.arrow:
        check_records(columns)
        return read_records(columns, body)
    check_arrow(columns)
    schema = pa.schema([pa.field(column.name, arrow_type(column.type)) for column in columns])
    return ArrowStreamReader(decode_frames(schema, body), max_batch_rows=MAX_BATCH_ROWS)

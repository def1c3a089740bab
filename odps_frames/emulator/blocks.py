"""The block protocol: numbered blocks, several attempts at each, one of which is committed.

An attempt is kept as a stream that is closed by its one body. A body that comes again for the
same attempt replaces the one before, so that nothing is ever counted twice; a commit that means
the one before is refused.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.convert.untyped import pc
from odps_frames.emulator.blob_refs import BlobRefs
from odps_frames.emulator.catalog import sessions as kept
from odps_frames.emulator.catalog.sessions import CLOSED, COMMITTED, OPEN, KeptStream
from odps_frames.emulator.digesting import DigestingBody
from odps_frames.emulator.intake import Intake, take_in
from odps_frames.emulator.open_session import normal_session
from odps_frames.emulator.refusals import conflict, invalid, no_stream
from odps_frames.emulator.routed import Routed
from odps_frames.model.types import Kind, PrimitiveType
from odps_frames.model.write import BlockOptions, WriteMode, WriteReceipt, WriteStreamInfo
from odps_frames.wire.block_protocol import (
    BlockId,
    body_of_message,
    decode_commit_message,
    encode_commit_message,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odps_frames.convert.untyped import AnyArray
    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.file_writer import NewFile
    from odps_frames.emulator.open_session import OpenSession
    from odps_frames.emulator.store import Store
    from odps_frames.wire.block_protocol import BlockCall
    from odps_frames.wire.http import BodyReader

__all__ = ["MAX_BLOCKS", "Blocks", "committed_blocks"]

MAX_BLOCKS = 20_000
"""Numbers of blocks are below it."""
_VERSION = 1
_NAME = re.compile(r"block-(\d{1,9})-attempt-(\d{1,9})", re.ASCII)


class Blocks:
    """Reserves attempts at blocks and takes their rows."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def reserve(self, connection: Connection, found: OpenSession, name: str) -> WriteStreamInfo:
        """Give out the right to write an attempt; asking twice gives the same."""
        said = _NAME.fullmatch(name)
        if said is None:
            raise invalid(f"StreamId={name!r}; expected 'block-N-attempt-M' in this session")
        block = BlockId(int(said[1]), int(said[2]))
        _check_number(block)
        stream = kept.find_stream(connection, found.id, block.stream, _VERSION)
        if stream is None:
            stream = KeptStream(
                session=found.id,
                stream=block.stream,
                version=_VERSION,
                state=OPEN,
                schema_version=found.table.schema_version,
                access_token=secrets.token_hex(16),
            )
            kept.add_stream(connection, stream)
        return WriteStreamInfo(quota_token=stream.access_token)

    def write(self, call: BlockCall, body: BodyReader) -> Routed[WriteReceipt]:
        """Take the rows of an attempt; they are on the disk when this returns."""
        with self._store.database.read() as connection:
            found, _ = self._reserved(connection, call)
        options = found.options.blocks or BlockOptions()
        intake = _BlockIntake(
            self._store.files,
            found.table,
            found.kept.static,
            named_in_rows=True,
            blobs=BlobRefs(self._store.database, found.id, found.table),
            settle=self._store.settle_bounds,
        )
        intake.options = options
        digesting = DigestingBody(body)
        try:
            take_in(intake, digesting)
            files = intake.finish()
            _check_partitions(files, options)
            doomed = self._stage(call, files, digesting.digest)
        except BaseException:
            intake.abandon()
            raise
        self._store.files.delete(doomed)
        message = encode_commit_message(call.block, intake.n_rows, digesting.digest)
        receipt = WriteReceipt(commit_message=message, n_rows=intake.n_rows)
        return Routed(receipt, found.token)

    def _stage(self, call: BlockCall, files: list[NewFile], digest: str) -> list[str]:
        with self._store.database.write() as connection:
            _, stream = self._reserved(connection, call)
            doomed = kept.unstage(connection, stream)
            kept.stage(connection, stream, files)
            kept.note_body(connection, stream, digest)
            kept.set_stream_state(connection, stream, CLOSED)
        return doomed

    def _reserved(self, connection: Connection, call: BlockCall) -> tuple[OpenSession, KeptStream]:
        found = normal_session(
            connection,
            call.table,
            call.session_id,
            self._store.now(),
            mode=WriteMode.BATCH_COMPATIBLE,
        )
        _check_number(call.block)
        stream = kept.find_stream(connection, found.id, call.block.stream, _VERSION)
        if stream is None:
            raise no_stream(call.session_id, call.block.stream, _VERSION)
        if call.quota_token != stream.access_token:
            raise invalid(f"quotaToken is missing, or not the one of {call.block.stream!r}")
        if stream.schema_version != found.table.schema_version:
            raise conflict(
                f"the columns of table {found.table.ref} changed since {call.block.stream!r} was "
                "reserved; reserve another attempt",
                code="SchemaModified",
            )
        return found, stream


class _BlockIntake(Intake):
    """Takes the rows of a block as its session wants them."""

    options = BlockOptions()

    def check(self, schema: pa.Schema) -> None:
        """Compare the columns, and the units of times with those of the session."""
        super().check(schema)
        units = self.options.arrow
        wanted = {
            Kind.DATETIME: units.datetime_unit.arrow,
            Kind.TIMESTAMP: units.timestamp_unit.arrow,
            Kind.TIMESTAMP_NTZ: units.timestamp_unit.arrow,
        }
        for column in self.data_columns:
            field = schema.field(_place(schema, column.name))
            kind = column.type.kind if isinstance(column.type, PrimitiveType) else None
            unit = wanted.get(kind) if kind is not None else None
            if unit and pa.types.is_timestamp(field.type) and field.type.unit != unit:
                raise invalid(
                    f"column {column.name!r} came in {field.type.unit!r}; the ArrowOptions of the "
                    f"session say {unit!r}"
                )

    def take(self, batch: pa.RecordBatch) -> None:
        """Take a batch whose values are short enough."""
        longest = self.options.max_field_bytes
        if longest is not None:
            for name, array in zip(batch.schema.names, batch.columns, strict=True):
                _check_length(name, array, longest)
        super().take(batch)


def _place(schema: pa.Schema, name: str) -> int:
    return [one.lower() for one in schema.names].index(name.lower())


def _check_length(name: str, array: AnyArray, longest: int) -> None:
    kind = array.type
    sized = (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )
    found = pc.max(pc.binary_length(array)).as_py() if sized else None
    if found is not None and found > longest:
        raise invalid(f"column {name!r} has a value of {found} bytes; MaxFieldSize is {longest}")


def _check_number(block: BlockId) -> None:
    if block.block >= MAX_BLOCKS:
        raise invalid(f"BlockNumber={block.block}; expected a number below {MAX_BLOCKS}")


def _check_partitions(files: Sequence[NewFile], options: BlockOptions) -> None:
    found = len({file.values for file in files})
    if options.max_partitions is not None and found > options.max_partitions:
        raise invalid(
            f"rows for {found} partitions; DynamicPartitionLimit is {options.max_partitions}"
        )


def committed_blocks(
    connection: Connection,
    found: OpenSession,
    messages: Sequence[str],
    *,
    state: str = CLOSED,
) -> list[KeptStream]:
    """Return the attempts that a commit names, in the order of their blocks.

    Parameters
    ----------
    state : str
        Of attempts that may be named: ``CLOSED``, or ``COMMITTED`` by a call that comes again.

    Raises
    ------
    ServiceError
        When a message names no such attempt, one that holds other rows than were answered to, or
        a second attempt at a block.
    """
    streams: dict[int, KeptStream] = {}
    for message in messages:
        block, n_rows = _read_message(message)
        stream = kept.find_stream(connection, found.id, block.stream, _VERSION)
        if stream is not None and stream.state == CLOSED and state == COMMITTED:
            raise conflict(f"session {found.id!r} was committed without {block.stream!r}")
        if stream is None or stream.state != state:
            raise invalid(f"{block.stream!r} was not written; a commit names what was")
        if stream.n_rows != n_rows:
            raise conflict(f"{block.stream!r} holds {stream.n_rows} rows; the commit says {n_rows}")
        if body_of_message(message) != stream.last_body:
            raise conflict(
                f"{block.stream!r} was written again, with other rows than the commit means; "
                "give every block a number of its own"
            )
        if streams.setdefault(block.block, stream) is not stream:
            raise invalid(
                f"block {block.block} is named twice, by {streams[block.block].stream!r} and "
                f"{stream.stream!r}; one attempt counts"
            )
    named = [stream for _, stream in sorted(streams.items())]
    files = [file for stream in named for file in kept.staged_files(connection, stream)]
    _check_partitions(files, found.options.blocks or BlockOptions())
    return named


def _read_message(message: str) -> tuple[BlockId, int]:
    try:
        block, attempt, n_rows = decode_commit_message(message)
    except ValueError as error:
        raise invalid(f"CommitMessages: {error}") from None
    if block is None or attempt is None or n_rows is None:
        raise invalid(f"CommitMessages: {message[:200]!r} was not given out by this service")
    return BlockId(block, attempt), n_rows

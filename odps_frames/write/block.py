"""One block of rows on its way into a write session, sent again as a new attempt if need be.

A block is one write stream with one body. An attempt whose outcome is not known is abandoned:
the block goes out again under the next stream version, and the commit names only the attempt
that was closed with the right count. So no lost answer can double a row, with nothing asked of
the service but that it commits what it is told (docs/design/0001-one-block-one-stream.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Self

from odps_frames.errors import ServiceUnavailable
from odps_frames.model.lifecycle import StreamState
from odps_frames.model.write import StreamId
from odps_frames.transport.notices import Notices
from odps_frames.transport.retry import Meter, RetryPolicy
from odps_frames.wire.arrow_stream import encode_stream
from odps_frames.wire.write_session import (
    decode_done,
    decode_receipt,
    decode_stream,
    encode_close,
    encode_get_stream,
    encode_open,
    encode_write,
)
from odps_frames.write.attempts import in_attempts

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from typing_extensions import Buffer

    from odps_frames.model.write import WriteSpec
    from odps_frames.transport.base import Transport
    from odps_frames.wire.envelope import Envelope

__all__ = ["BlockReceipt", "BlockStreams", "BlockWriter", "StreamReceipt"]


@dataclass(frozen=True, slots=True)
class BlockReceipt:
    """Rows that the service holds, to be named by the commit; it travels between processes."""

    stream: StreamId
    n_rows: int
    n_bytes: int
    """Bytes of Arrow data before compression."""
    message: str | None = None
    """What the commit names a block of the block protocol by."""


@dataclass(frozen=True, slots=True)
class StreamReceipt:
    """What one writer brought, for the owner of the session to commit; small, and it pickles."""

    blocks: tuple[BlockReceipt, ...]

    @property
    def n_rows(self) -> int:
        """Rows of all its blocks."""
        return sum(block.n_rows for block in self.blocks)

    @property
    def n_bytes(self) -> int:
        """Bytes of Arrow data before compression."""
        return sum(block.n_bytes for block in self.blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockWriter:
    """Sends blocks into one write session; safe to share between threads."""

    transport: Transport
    spec: WriteSpec
    session_id: str
    envelope: Envelope
    schema: pa.Schema
    codec: Literal["lz4", "zstd"] | None = None
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    meter: Meter = field(default_factory=Meter)
    notices: Notices = field(default_factory=Notices)

    def write(self, name: str, batches: list[pa.RecordBatch]) -> BlockReceipt:
        """Send a block under the stream id ``name`` and make sure that all of it arrived.

        Raises
        ------
        ServiceUnavailable
            When no attempt of those that the policy allows got through.
        ServiceError
            When the service refused the block.
        """
        return in_attempts(
            lambda version: self._attempt(StreamId(self.session_id, name, version), batches),
            self.policy,
            self.meter,
        )

    def body(self, batches: list[pa.RecordBatch]) -> Iterator[Buffer]:
        """Write batches as an Arrow stream, afresh each time."""
        return encode_stream(self.schema, batches, codec=self.codec)

    def _attempt(self, stream: StreamId, batches: list[pa.RecordBatch]) -> BlockReceipt:
        table, mode = self.spec.table, self.spec.mode
        n_rows = sum(batch.num_rows for batch in batches)
        send, heard = self.transport.send, self.notices.heard
        opening = encode_open(table, stream, mode=mode, envelope=self.envelope)
        opened = heard(decode_stream(send(opening)))
        there = replace(self, envelope=self.envelope.routed(opened.route_token))
        written = encode_write(
            table,
            stream,
            lambda: self.body(batches),
            n_rows=n_rows,
            table_id=opened.value.table_id,
            schema_version=opened.value.schema_version,
            mode=mode,
            envelope=there.envelope,
        )
        reply = heard(decode_receipt(send(written)))
        there = replace(there, envelope=there.envelope.routed(reply.route_token))
        heard(decode_done(send(encode_close(table, stream, mode=mode, envelope=there.envelope))))
        self._check(stream, n_rows, there.envelope)
        n_bytes = sum(batch.nbytes for batch in batches)
        self.meter.add(rows=n_rows, n_bytes=n_bytes)
        return BlockReceipt(stream, n_rows, n_bytes)

    def _check(self, stream: StreamId, n_rows: int, envelope: Envelope) -> None:
        """Ask what the stream holds; what the service does not say is not held against it."""
        request = encode_get_stream(self.spec.table, stream, mode=self.spec.mode, envelope=envelope)
        info = self.notices.heard(decode_stream(self.transport.send(request))).value
        if info.state is StreamState.ERROR:
            msg = f"the service gave stream {stream.stream} up: {info.error_message}"
            raise ServiceUnavailable(msg, code=info.error_code or "", session_id=self.session_id)
        if info.n_rows is not None and info.n_rows != n_rows:
            # A body may have been carried out more often than its answers told: a new attempt.
            msg = f"stream {stream.stream} holds {info.n_rows} rows after {n_rows} were sent"
            raise ServiceUnavailable(msg, session_id=self.session_id)


class BlockStreams:
    """The rows of a writer, each block in a stream of its own."""

    def __init__(self, blocks: BlockWriter, name: str) -> None:
        self._blocks = blocks
        self._name = name
        self._receipts: list[BlockReceipt] = []

    @property
    def schema(self) -> pa.Schema:
        """Of the rows that come next."""
        return self._blocks.schema

    @property
    def row_offset(self) -> None:
        """Rows are not numbered."""

    @property
    def staging_id(self) -> None:
        """There is none outside of the streaming modes."""

    def reshape(self, schema: pa.Schema) -> Self:
        """Take rows of another schema from now on."""
        self._blocks = replace(self._blocks, schema=schema)
        return self

    def send(self, batches: list[pa.RecordBatch]) -> None:
        """Send a block."""
        name = f"{self._name}-{len(self._receipts)}"
        self._receipts.append(self._blocks.write(name, batches))

    def finish(self) -> tuple[BlockReceipt, ...]:
        """Return what the commit is to name."""
        return self.receipts

    @property
    def receipts(self) -> tuple[BlockReceipt, ...]:
        """The blocks that arrived."""
        return tuple(self._receipts)

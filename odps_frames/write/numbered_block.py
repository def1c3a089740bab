"""One block of the block protocol on its way into a write session (protocol.md §9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from odps_frames.errors import ProtocolError, ServiceUnavailable
from odps_frames.model.write import StreamId
from odps_frames.wire.block_protocol import (
    BlockCall,
    BlockId,
    decode_commit_message,
    encode_block_write,
    encode_reserve,
)
from odps_frames.wire.write_session import decode_receipt, decode_stream
from odps_frames.write.block import BlockReceipt

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from odps_frames.model.write import WriteReceipt
    from odps_frames.wire.envelope import Envelope
    from odps_frames.write.block import BlockWriter

__all__ = ["BlockAttempt", "NumberedBlocks"]


class BlockAttempt:
    """One attempt at a block: reserved, written, and its receipt held against what was sent.

    With ``enhanced``, every receipt says in full which block and attempt it stands for.
    """

    def __init__(self, link: BlockWriter, block: BlockId, *, enhanced: bool) -> None:
        self._link = link
        self._block = block
        self._enhanced = enhanced

    def send(self, batches: list[pa.RecordBatch]) -> BlockReceipt:
        """Carry the attempt out.

        Raises
        ------
        ServiceUnavailable
            When nobody knows what became of it, or something else arrived than was sent.
        """
        link, block = self._link, self._block
        n_rows = sum(batch.num_rows for batch in batches)
        token, envelope = self._reserve()
        call = BlockCall(
            table=link.spec.table, session_id=link.session_id, block=block, quota_token=token
        )
        request = encode_block_write(call, lambda: link.body(batches), envelope=envelope)
        receipt = link.notices.heard(decode_receipt(link.transport.send(request))).value
        self._check(receipt, n_rows)
        n_bytes = sum(batch.nbytes for batch in batches)
        link.meter.add(rows=n_rows, n_bytes=n_bytes)
        stream = StreamId(link.session_id, f"block-{block.block}", block.attempt)
        return BlockReceipt(stream, n_rows, n_bytes, receipt.commit_message)

    def _reserve(self) -> tuple[str, Envelope]:
        link = self._link
        request = encode_reserve(link.spec.table, link.session_id, self._block, link.envelope)
        reply = link.notices.heard(decode_stream(link.transport.send(request)))
        if not reply.value.quota_token or not reply.route_token:
            lacking = "route token" if reply.value.quota_token else "QuotaToken"
            msg = f"the answer to the reservation of {self._block.stream!r} has no {lacking}"
            raise ProtocolError(msg, session_id=link.session_id)
        return reply.value.quota_token, link.envelope.routed(reply.route_token)

    def _check(self, receipt: WriteReceipt, n_rows: int) -> None:
        """Hold what the service says against what was sent (protocol.md §9)."""
        session_id = self._link.session_id
        if receipt.commit_message is None:
            msg = f"the receipt of {self._block.stream!r} has no CommitMessage"
            raise ProtocolError(msg, session_id=session_id)
        if receipt.n_rows != n_rows:
            # A body may have been carried out more often than its answers told: a new attempt.
            msg = f"{self._block.stream!r} holds {receipt.n_rows} rows after {n_rows} were sent"
            raise ServiceUnavailable(msg, session_id=session_id)
        if not self._enhanced:
            return
        sent = (self._block.block, self._block.attempt, n_rows)
        try:
            said = decode_commit_message(receipt.commit_message)
        except ValueError as error:
            msg = f"the CommitMessage of {self._block.stream!r} cannot be read: {error}"
            raise ProtocolError(msg, session_id=session_id) from error
        if any(found not in (None, wanted) for found, wanted in zip(said, sent, strict=True)):
            msg = f"block, attempt and rows {sent} were sent; the CommitMessage says {said}"
            raise ProtocolError(msg, session_id=session_id)


class NumberedBlocks:
    """The rows of a writer, as blocks with the next numbers of a session."""

    def __init__(
        self,
        schema: pa.Schema,
        number: Callable[[], int],
        send: Callable[[int, list[pa.RecordBatch]], BlockReceipt],
    ) -> None:
        self._schema = schema
        self._number = number
        self._send = send
        self._next: int | None = None
        self._receipts: list[BlockReceipt] = []

    @property
    def schema(self) -> pa.Schema:
        """Of the rows that come next."""
        return self._schema

    @property
    def receipts(self) -> tuple[BlockReceipt, ...]:
        """The blocks that arrived."""
        return tuple(self._receipts)

    @property
    def row_offset(self) -> None:
        """Rows are not numbered."""

    @property
    def staging_id(self) -> None:
        """There is none outside of the streaming modes."""

    def reshape(self, schema: pa.Schema) -> Self:
        """Take rows of another schema from now on."""
        self._schema = schema
        return self

    def send(self, batches: list[pa.RecordBatch]) -> None:
        """Send a block; one that failed keeps its number."""
        if self._next is None:
            self._next = self._number()
        self._receipts.append(self._send(self._next, batches))
        self._next = None

    def finish(self) -> tuple[BlockReceipt, ...]:
        """Return what the commit is to name."""
        return self.receipts

"""A stream of rows into a write session, cut into blocks as it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    import pyarrow as pa

    from odps_frames.write.block import BlockReceipt, BlockWriter
    from odps_frames.write.session import WriteSession

__all__ = ["BLOCK_BYTES", "TableWriter"]

BLOCK_BYTES = 64 << 20
"""Small blocks make small files; the service's guides ask for 64 MB and more."""


class TableWriter:
    """Takes batches and sends a block whenever enough have come; not shared between threads.

    Closing it sends the rest and tells the session which blocks to commit.
    """

    def __init__(self, session: WriteSession, stream: str, blocks: BlockWriter) -> None:
        self._session = session
        self._stream = stream
        self._blocks = blocks
        self._held: list[pa.RecordBatch] = []
        self._held_bytes = 0
        self.receipts: tuple[BlockReceipt, ...] = ()

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows; their schema is the one that the stream was opened with."""
        if not batch.schema.equals(self._blocks.schema):
            msg = f"a batch of {batch.schema} for a stream of {self._blocks.schema}"
            raise ValueError(msg)
        self._held.append(batch)
        self._held_bytes += batch.nbytes
        if self._held_bytes >= BLOCK_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what is held as a block."""
        if self._held:
            name = f"{self._stream}-{len(self.receipts)}"
            receipt = self._blocks.write(name, self._held)
            self.receipts = (*self.receipts, receipt)
            self._held, self._held_bytes = [], 0

    def close(self) -> None:
        """Send the rest; the session commits what was sent."""
        self.flush()
        self._session.accept(self.receipts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()

"""A stream of rows into a write session, cut into blocks as it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

import pyarrow as pa

from odps_frames.write.block import StreamReceipt

if TYPE_CHECKING:
    from types import TracebackType

    from odps_frames.write.block import BlockReceipt
    from odps_frames.write.session import WriteSession

__all__ = ["BLOCK_BYTES", "Sink", "TableWriter"]

BLOCK_BYTES = 64 << 20
"""Small blocks make small files; the service's guides ask for 64 MB and more."""


class Sink(Protocol):
    """Where a writer sends its rows, a body at a time."""

    @property
    def schema(self) -> pa.Schema:
        """Of the rows that come next."""

    @property
    def receipts(self) -> tuple[BlockReceipt, ...]:
        """What arrived."""

    @property
    def row_offset(self) -> int | None:
        """The number of the next row, where rows are numbered."""

    @property
    def staging_id(self) -> str | None:
        """Of the last body, where the service gives out such numbers."""

    def reshape(self, schema: pa.Schema) -> object:
        """Take rows of another schema from now on."""

    def send(self, batches: list[pa.RecordBatch]) -> None:
        """Send a body; may be called again with the same one when it failed."""

    def finish(self) -> tuple[BlockReceipt, ...]:
        """Make sure that all arrived, and return what the commit is to name."""


class TableWriter:
    """Takes batches and sends a block whenever enough have come; not shared between threads.

    Closing it sends the rest and tells the session which blocks to commit.
    """

    def __init__(self, session: WriteSession, sink: Sink) -> None:
        self._session = session
        self._sink = sink
        self._held: list[pa.RecordBatch] = []
        self._held_bytes = 0
        self._unsent: list[pa.RecordBatch] = []
        self._closed = False
        self.unfinished = False
        """Whether rows were taken that no commit may leave behind: it is to be closed first."""
        self.failed = False
        """Whether an exception ended its ``with`` block, so that its rows are given up."""

    @property
    def holds_rows(self) -> bool:
        """Whether rows wait here to be sent."""
        return bool(self._held or self._unsent)

    @property
    def receipts(self) -> tuple[BlockReceipt, ...]:
        """What arrived, for the commit to name."""
        return self._sink.receipts

    @property
    def receipt(self) -> StreamReceipt:
        """What the owner of the session is to accept, once the writer is closed.

        Raises
        ------
        ValueError
            Before that, as rows may be missing from it.
        """
        if not self._closed:
            raise ValueError("the receipt of a writer that is not closed; close() it first")
        return StreamReceipt(self.receipts)

    @property
    def row_offset(self) -> int | None:
        """How many rows the stream holds; None where each block has a stream of its own."""
        return self._sink.row_offset

    @property
    def staging_id(self) -> str | None:
        """The number under which the last rows were staged (streaming modes)."""
        return self._sink.staging_id

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows; their schema is the one that the stream was opened with.

        In a session with schema evolution it may change from batch to batch.
        """
        if self._closed:
            raise ValueError("the writer is closed; open another stream for more rows")
        if not isinstance(batch, pa.RecordBatch):
            raise TypeError(
                f"write() of a {type(batch).__name__}; expected a pyarrow.RecordBatch: a table "
                "has them as table.to_batches()"
            )
        if not batch.schema.equals(self._sink.schema):
            if not self._session.spec.schema_evolution:
                msg = f"a batch of {batch.schema} for a stream of {self._sink.schema}"
                raise ValueError(msg)
            self.flush()
            self._sink.reshape(batch.schema)
        self.unfinished = True
        self._held.append(batch)
        self._held_bytes += batch.nbytes
        if self._held_bytes >= BLOCK_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what is held as a block; after an error it may be called again."""
        while self._unsent or self._held:
            if not self._unsent:
                # What was sent once stays as it was: only the same rows can be told as such.
                self._unsent, self._held, self._held_bytes = self._held, [], 0
            self._sink.send(self._unsent)
            self._unsent = []
        self._session.notices.tell()

    def close(self) -> None:
        """Send the rest; the session commits what was sent."""
        if self._closed:
            return
        self.flush()
        self._session.accept(self._sink.finish())
        self.note_closed()
        self._session.notices.tell()

    def note_closed(self) -> None:
        """Take no more rows: the stream is closed, and the session knows what is in it."""
        self._closed = True
        self.failed = self.unfinished = False

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
        else:
            self.failed, self.unfinished = True, False

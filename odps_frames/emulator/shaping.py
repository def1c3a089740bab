"""How rows leave: whole and marked as such, unless a rule says otherwise; and how many did."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.emulator.row_stream import without_end_mark
from odps_frames.wire.arrow_stream import encode_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from typing_extensions import Buffer

    from odps_frames.emulator.exchange import Exchange

    Strike = Callable[[Iterator[Buffer], Callable[[], int | None]], Iterator[Buffer]]
    """Does something to pieces, at the place that the function tells as soon as it is known."""

__all__ = ["Shape"]


class Shape:
    """What is done to one answer before it is compressed.

    Parameters
    ----------
    exchange : Exchange
        Where the rows are counted.
    end_mark : bool
        An Arrow stream says that it is whole.
    left_out : int
        So many rows are missing at the end.
    bad_checksum : bool
        The last checksum is wrong.
    messages : int or None
        The strike comes after so many messages of an Arrow stream.
    strike : callable, optional
        What happens there.
    """

    def __init__(
        self,
        exchange: Exchange,
        *,
        end_mark: bool = True,
        left_out: int = 0,
        bad_checksum: bool = False,
        messages: int | None = None,
        strike: Strike | None = None,
    ) -> None:
        self._exchange = exchange
        self._end_mark = end_mark
        self._left_out = left_out
        self._bad_checksum = bad_checksum
        self._messages = messages
        self._strike = strike
        self._passed = 0
        self._n_bytes = 0

    def batches(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the rows that are sent, and count them."""
        if self._left_out:
            batches = _without_last(batches, self._left_out)
        for batch in batches:
            self._exchange.sent.n_rows += batch.num_rows
            yield batch

    def arrow(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[Buffer]:
        """Yield the bytes of an Arrow stream."""
        rows = self.batches(batches)
        if self._strike is not None:
            rows = self._measured(schema, rows)
        pieces = encode_stream(schema, rows)
        if not self._end_mark:
            pieces = without_end_mark(pieces)
        return pieces if self._strike is None else self._strike(pieces, self._place)

    def checked(self, pieces: Iterator[Buffer]) -> Iterator[Buffer]:
        """Yield bytes that end with a checksum."""
        return _last_bit_flipped(pieces) if self._bad_checksum else pieces

    def _measured(
        self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
    ) -> Iterator[pa.RecordBatch]:
        self._passed, self._n_bytes = 1, schema.serialize().size
        for batch in batches:
            if self._messages is None or self._passed < self._messages:
                self._passed += 1
                self._n_bytes += pa.ipc.get_record_batch_size(batch)
            yield batch

    def _place(self) -> int | None:
        """Return after how many bytes the strike comes, once so many messages are there."""
        if self._messages == 0:
            return 0
        return self._n_bytes if self._passed == self._messages else None


def _without_last(batches: Iterable[pa.RecordBatch], n_rows: int) -> Iterator[pa.RecordBatch]:
    held: deque[pa.RecordBatch] = deque()
    n_held = 0
    for batch in batches:
        held.append(batch)
        n_held += batch.num_rows
        while n_held - held[0].num_rows >= n_rows:
            n_held -= held[0].num_rows
            yield held.popleft()
    for batch in held:
        kept = min(batch.num_rows, max(n_held - n_rows, 0))
        n_held -= batch.num_rows
        n_rows -= batch.num_rows - kept
        if kept:
            yield batch.slice(0, kept)


def _last_bit_flipped(pieces: Iterator[Buffer]) -> Iterator[Buffer]:
    last = memoryview(b"")
    for piece in pieces:
        view = memoryview(piece).cast("B")
        if len(view):
            if last:
                yield last
            last = view
    if len(last):
        spoilt = bytearray(last)
        spoilt[-1] ^= 1
        yield spoilt

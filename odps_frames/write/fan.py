"""A flow of batches into one session over several streams, bounded in memory."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TYPE_CHECKING

from odps_frames.write.stream import BLOCK_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

    from odps_frames.write.block import BlockReceipt, BlockWriter

__all__ = ["DEFAULT_STREAMS", "write_blocks"]

DEFAULT_STREAMS = 4


def write_blocks(
    blocks: BlockWriter,
    batches: Iterable[pa.RecordBatch],
    *,
    n_streams: int = DEFAULT_STREAMS,
    block_bytes: int | None = None,
    name: str = "",
) -> list[BlockReceipt]:
    """Send batches as blocks, ``n_streams`` at a time; receipts come in their order.

    Several flows into one session have ``name``s that differ.

    At most ``n_streams`` blocks are on their way and one is being filled. With no rows at all
    one empty block is sent, so that the session has a stream to commit. The first error stops
    the flow at once; blocks that are on their way are left to themselves.
    """
    started: list[Future[BlockReceipt]] = []
    waiting: set[Future[BlockReceipt]] = set()
    for number, block in enumerate(_cut(batches, block_bytes or BLOCK_BYTES)):
        while len(waiting) >= n_streams:
            waiting = _first_done(waiting)
        started.append(_start(blocks, f"{name}{number}", block))
        waiting.add(started[-1])
        del block  # the worker alone holds it, and lets go of it when it is sent
    while waiting:
        waiting = _first_done(waiting)
    return [future.result() for future in started]


def _start(blocks: BlockWriter, name: str, block: list[pa.RecordBatch]) -> Future[BlockReceipt]:
    """Send a block in a thread that nobody has to wait for.

    A pool of threads would be waited for, by an exception here and at the end of the process;
    a block whose session is given up may as well be left to its timeout.
    """
    future: Future[BlockReceipt] = Future()
    held = [block]

    def send() -> None:
        try:
            future.set_result(blocks.write(name, held.pop()))
        except BaseException as error:  # noqa: BLE001  whoever waits for the block raises it
            future.set_exception(error)

    threading.Thread(target=send, name=f"odps-write-{name}", daemon=True).start()
    return future


def _first_done(waiting: set[Future[BlockReceipt]]) -> set[Future[BlockReceipt]]:
    done, rest = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        future.result()
    return rest


def _cut(batches: Iterable[pa.RecordBatch], block_bytes: int) -> Iterator[list[pa.RecordBatch]]:
    """Put batches into blocks of about so many bytes; at least one block, maybe empty."""
    block: list[pa.RecordBatch] = []
    size = 0
    sent = False
    for batch in batches:
        block.append(batch)
        size += batch.nbytes
        if size >= block_bytes:
            yield block
            block, size, sent = [], 0, True
    if block or not sent:
        yield block

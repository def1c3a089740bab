"""Many splits at once: bounded in bytes, in order if wanted, and the first error wins."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from odps_frames.read.cancel import Cancellation
from odps_frames.transport.retry import Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa

    from odps_frames.model.splits import Split

    ReadSplit = Callable[[Split, Cancellation], Iterator[pa.RecordBatch]]

__all__ = ["gather"]

DEFAULT_WORKERS = 8
BYTES_IN_FLIGHT = 64 << 20
JOIN_SECONDS = 1.0


def gather(
    splits: Sequence[Split],
    read: ReadSplit,
    *,
    max_workers: int | None = None,
    ordered: bool = True,
    max_bytes: int = BYTES_IN_FLIGHT,
    meter: Meter | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield the batches of all splits.

    Parameters
    ----------
    splits : sequence of Split
        What to read.
    read : callable
        Reads one split; it is told how the read may be stopped.
    max_workers : int, optional
        Threads; by default one a split, up to 8. With one worker nothing is read ahead.
    ordered : bool
        Whether batches come in the order of the splits.
    max_bytes : int
        Batches that wait for the caller hold no more than this, but for one a worker.
    """
    meter = meter or Meter()
    meter.splits_total = len(splits)
    workers = min(len(splits), DEFAULT_WORKERS if max_workers is None else max_workers)
    if workers <= 1:
        return _one_by_one(splits, read, meter)
    return _Gathering(splits, read, workers, max_bytes, meter, ordered=ordered).batches()


def _one_by_one(splits: Sequence[Split], read: ReadSplit, meter: Meter) -> Iterator[pa.RecordBatch]:
    cancel = Cancellation()
    for split in splits:
        yield from read(split, cancel)
        meter.add(splits=1)


class _Gathering:
    """Worker threads that fill one queue a split, and the caller who empties them."""

    def __init__(
        self,
        splits: Sequence[Split],
        read: ReadSplit,
        workers: int,
        max_bytes: int,
        meter: Meter,
        *,
        ordered: bool,
    ) -> None:
        self._read = read
        self._max_bytes = max_bytes
        self._meter = meter
        self._ordered = ordered
        self._cancel = Cancellation()
        self._changed = threading.Condition()
        self._todo = deque(enumerate(splits))
        self._queues: list[deque[pa.RecordBatch]] = [deque() for _ in splits]
        self._finished = [False] * len(splits)
        self._head = 0
        self._held_bytes = 0
        self._error: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._work, name=f"odps-read-{number}", daemon=True)
            for number in range(workers)
        ]

    def batches(self) -> Iterator[pa.RecordBatch]:
        try:
            for thread in self._threads:
                thread.start()
            while (batch := self._next()) is not None:
                yield batch
        finally:
            self._stop()

    def _next(self) -> pa.RecordBatch | None:
        with self._changed:
            while True:
                if self._error is not None:
                    raise self._error
                found = self._take()
                if found is not None:
                    return found
                if self._head == len(self._queues):
                    return None
                self._changed.wait()

    def _take(self) -> pa.RecordBatch | None:
        """A batch that may go to the caller now, or None."""
        while self._head < len(self._queues):
            places = range(self._head, self._head + 1)
            if not self._ordered:
                places = range(self._head, len(self._queues))
            for place in places:
                if self._queues[place]:
                    batch = self._queues[place].popleft()
                    self._held_bytes -= batch.nbytes
                    self._changed.notify_all()
                    return batch
            if not self._finished[self._head]:
                return None
            self._head += 1
            self._changed.notify_all()
        return None

    def _work(self) -> None:
        try:
            while True:
                with self._changed:
                    if not self._todo or self._cancel.requested:
                        return
                    place, split = self._todo.popleft()
                for batch in self._read(split, self._cancel):
                    if not self._put(place, batch):
                        return
                with self._changed:
                    self._finished[place] = True
                    self._changed.notify_all()
                self._meter.add(splits=1)
        except BaseException as error:  # noqa: BLE001  the caller's thread raises it
            with self._changed:
                if self._error is None:
                    self._error = error
                self._changed.notify_all()
            self._cancel.cancel()

    def _put(self, place: int, batch: pa.RecordBatch) -> bool:
        """Queue a batch; waits while too much is held, unless the caller waits for this split."""
        with self._changed:
            while not self._cancel.requested and self._held_bytes >= self._max_bytes:
                awaited = place == self._head if self._ordered else self._held_bytes == 0
                if awaited and not self._queues[place]:
                    break
                self._changed.wait()
            if self._cancel.requested:
                return False
            self._queues[place].append(batch)
            self._held_bytes += batch.nbytes
            self._changed.notify_all()
            return True

    def _stop(self) -> None:
        self._cancel.cancel()
        with self._changed:
            for queue in self._queues:
                queue.clear()
            self._changed.notify_all()
        end = time.monotonic() + JOIN_SECONDS
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, end - time.monotonic()))

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from odps_frames.model.splits import Split
from odps_frames.read.gather import gather
from odps_frames.transport.retry import Meter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.read.cancel import Cancellation

BATCH_BYTES = 800


def splits(n: int) -> list[Split]:
    return [Split("s", index) for index in range(n)]


def batch(index: int, number: int) -> pa.RecordBatch:
    return pa.record_batch({"v": pa.array([index * 1000 + number] * 100, pa.int64())})


def rows(batches: Iterator[pa.RecordBatch]) -> list[int]:
    return [each.column(0)[0].as_py() for each in batches]


def reading(n_batches: int = 3) -> object:
    def read(split: Split, _cancel: Cancellation) -> Iterator[pa.RecordBatch]:
        for number in range(n_batches):
            yield batch(split.index or 0, number)

    return read


def odps_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("odps-read")]


@pytest.mark.parametrize("max_bytes", [1, BATCH_BYTES, 1 << 20])
@pytest.mark.parametrize("workers", [1, 2, 8])
def test_batches_come_in_the_order_of_the_splits(workers: int, max_bytes: int) -> None:
    found = rows(gather(splits(9), reading(), max_workers=workers, max_bytes=max_bytes))  # type: ignore[arg-type]  # a plain function
    assert found == [index * 1000 + number for index in range(9) for number in range(3)]
    assert not odps_threads()


@pytest.mark.parametrize("max_bytes", [1, BATCH_BYTES, 1 << 20])
def test_without_order_each_batch_comes_once(max_bytes: int) -> None:
    found = rows(gather(splits(9), reading(), ordered=False, max_bytes=max_bytes))  # type: ignore[arg-type]  # a plain function
    assert sorted(found) == [index * 1000 + number for index in range(9) for number in range(3)]


def test_no_splits_are_no_batches() -> None:
    assert rows(gather([], reading())) == []  # type: ignore[arg-type]  # a plain function


@pytest.mark.covers("Status.WAIT")
@pytest.mark.parametrize("ordered", [True, False])
def test_waiting_batches_are_bounded(*, ordered: bool) -> None:
    made = taken = 0
    most = 0
    lock = threading.Lock()

    def read(split: Split, _cancel: Cancellation) -> Iterator[pa.RecordBatch]:
        nonlocal made, most
        for number in range(50):
            with lock:
                made += 1
                most = max(most, made - taken)
            yield batch(split.index or 0, number)

    for _ in gather(splits(8), read, max_workers=4, max_bytes=5 * BATCH_BYTES, ordered=ordered):
        with lock:
            taken += 1
    assert taken == 400
    # Five batches may wait, each of four workers holds one, and the caller another.
    assert most <= 5 + 4 + 1


@pytest.mark.parametrize("workers", [1, 4])
def test_the_first_error_is_raised_and_no_thread_is_left(workers: int) -> None:
    def read(split: Split, _cancel: Cancellation) -> Iterator[pa.RecordBatch]:
        yield batch(split.index or 0, 0)
        if split.index == 2:
            raise LookupError("split 2")

    with pytest.raises(LookupError, match="split 2"):
        rows(gather(splits(6), read, max_workers=workers))
    assert not odps_threads()


def test_closing_early_stops_the_workers() -> None:
    closed = []

    def read(split: Split, cancel: Cancellation) -> Iterator[pa.RecordBatch]:
        try:
            number = 0
            while not cancel.requested:
                yield batch(split.index or 0, number)
                number += 1
        finally:
            closed.append(split.index)

    batches = gather(splits(4), read, max_workers=4, max_bytes=BATCH_BYTES)
    next(batches)
    batches.close()  # type: ignore[attr-defined]  # a generator
    assert not odps_threads()
    assert set(closed) == {0, 1, 2, 3}


def test_the_meter_counts_splits() -> None:
    meter = Meter()
    rows(gather(splits(5), reading(), max_workers=3, meter=meter))  # type: ignore[arg-type]  # a plain function
    assert (meter.splits_done, meter.splits_total) == (5, 5)

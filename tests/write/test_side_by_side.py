from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from odps_frames.write.side_by_side import side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def test_results_are_in_the_order_of_the_jobs() -> None:
    release = threading.Event()

    def late(worker: int) -> int:
        release.wait(30)
        return worker

    def early(worker: int) -> int:
        release.set()
        return worker

    first, second = side_by_side([late, early], 2)
    assert {first, second} == {0, 1}
    many: list[Callable[[int], int]] = [partial(max, number) for number in range(3, 50)]
    assert side_by_side(many, 3) == list(range(3, 50))
    assert side_by_side([], 2) == []


def test_no_worker_has_two_jobs_at_once() -> None:
    busy: set[int] = set()
    lock = threading.Lock()

    def job(worker: int) -> int:
        with lock:
            assert worker not in busy
            busy.add(worker)
        with lock:
            busy.remove(worker)
        return worker

    assert set(side_by_side([job] * 200, 4)) <= {0, 1, 2, 3}


def test_jobs_are_taken_when_somebody_can_do_them() -> None:
    taken: list[int] = []
    done = 0

    def jobs() -> Iterator[Callable[[int], None]]:
        def job(_: int) -> None:
            nonlocal done
            done += 1

        for number in range(20):
            taken.append(number)
            assert number - done <= 2
            yield job

    side_by_side(jobs(), 1)
    assert len(taken) == 20


def test_the_first_error_stops_it() -> None:
    taken: list[int] = []

    def jobs() -> Iterator[Callable[[int], None]]:
        def fail(_: int) -> None:
            raise KeyError("first")

        for number in range(100):
            taken.append(number)
            yield fail

    with pytest.raises(KeyError, match="first"):
        side_by_side(jobs(), 2)
    assert len(taken) <= 3

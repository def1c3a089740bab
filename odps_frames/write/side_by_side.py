"""Jobs in a few threads, their results in order."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["side_by_side"]

T = TypeVar("T")


def side_by_side(jobs: Iterable[Callable[[int], T]], n_workers: int) -> list[T]:
    """Do jobs, at most ``n_workers`` at a time; each is told which worker it has.

    The next job is taken from its iterator when somebody can do it, so that no more of them than
    that are held. The first error stops it at once; jobs that are under way are left to
    themselves, as nobody should wait for what is given up.
    """
    started: list[Future[T]] = []
    busy: dict[Future[T], int] = {}
    free = list(range(n_workers))
    for job in jobs:
        if not free:
            free = _freed(busy)
        worker = free.pop()
        future = _start(job, worker)
        started.append(future)
        busy[future] = worker
        del job  # its thread alone holds it, and lets go of it when it is done
    while busy:
        _freed(busy)
    return [future.result() for future in started]


def _freed(busy: dict[Future[T], int]) -> list[int]:
    """Wait for a job or more, and return whose hands are free."""
    done, _ = wait(busy, return_when=FIRST_COMPLETED)
    for future in done:
        future.result()
    return [busy.pop(future) for future in done]


def _start(job: Callable[[int], T], worker: int) -> Future[T]:
    future: Future[T] = Future()
    held = [job]

    def work() -> None:
        try:
            future.set_result(held.pop()(worker))
        except BaseException as error:  # noqa: BLE001  whoever waits for the job raises it
            future.set_exception(error)

    threading.Thread(target=work, name=f"odps-blobs-{worker}", daemon=True).start()
    return future

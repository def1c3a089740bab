"""Readings in threads of Polars, which are to be over before the interpreter is.

A query that has all its rows returns while threads of Polars may still be reading ahead; one that
came back to Python when the interpreter is gone would end the process with an error.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

__all__ = ["attended"]

T = TypeVar("T")
PATIENCE_SECONDS = 1.0
GRACE_SECONDS = 0.05
"""What a thread of Polars may take to leave Python, when its reading is over."""


class _Readings:
    """Those of this process that are not over."""

    def __init__(self) -> None:
        self._open = 0
        self._any = False
        self._ending = False
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        with self._changed:
            self._open += 1
            self._any = True
        try:
            yield
        finally:
            with self._changed:
                self._open -= 1
                self._changed.notify_all()

    def check(self) -> None:
        if self._ending:
            msg = "the interpreter is about to end; nothing more is read"
            raise RuntimeError(msg)

    def stop(self) -> None:
        with self._changed:
            self._ending = True
            self._changed.wait_for(lambda: not self._open, PATIENCE_SECONDS)
            if self._any:
                self._changed.wait(GRACE_SECONDS)


_readings = _Readings()
atexit.register(_readings.stop)


def attended(items: Generator[T, None, None]) -> Iterator[T]:
    """Yield what a reading yields, and let the interpreter wait for it as it ends."""
    with _readings.opened(), contextlib.closing(items):
        for item in items:
            _readings.check()
            yield item

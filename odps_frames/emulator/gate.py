"""Requests side by side, and now and then something that needs all of them to be over."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from odps_frames.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Gate"]


class Gate:
    """Lets many in beside each other, or one alone, whom those who come later wait for."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._closed = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Be inside beside others."""
        with self._changed:
            self._changed.wait_for(lambda: not self._closed)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self, seconds: float) -> Iterator[None]:
        """Be inside alone, once those who are in have left.

        Raises
        ------
        Conflict
            When they do not leave in time; then nothing has changed.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            self._changed.wait_for(lambda: not self._closed)
            self._closed = True
            left = deadline - time.monotonic()
            if not self._changed.wait_for(lambda: not self._inside, left):
                self._closed = False
                self._changed.notify_all()
                raise Conflict(
                    f"{self._inside} requests are under way for more than {seconds:g} s; let them "
                    "come to their end, or close their connections"
                )
        try:
            yield
        finally:
            with self._changed:
                self._closed = False
                self._changed.notify_all()

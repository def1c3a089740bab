"""A way to stop reads that other threads are in the middle of."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from odps_frames.wire.http import Response

__all__ = ["Cancellation"]


class Cancellation:
    """Closes every answer that is being read, and refuses new ones."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[int, Response] = {}
        self.requested = False

    def watch(self, response: Response) -> None:
        """Close this answer too when the read is stopped."""
        with self._lock:
            self._open[id(response)] = response
            late = self.requested
        if late:
            response.body.close()

    def forget(self, response: Response) -> None:
        """The answer is read to its end."""
        with self._lock:
            self._open.pop(id(response), None)

    def cancel(self) -> None:
        """Stop: readers wake up with an error that nobody is to see."""
        with self._lock:
            self.requested = True
            waiting = list(self._open.values())
        for response in waiting:
            response.body.close()

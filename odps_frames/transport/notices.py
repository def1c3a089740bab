"""What the service warns of, told to the caller once."""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, TypeVar

from odps_frames.errors import OdpsWarning

if TYPE_CHECKING:
    from odps_frames.wire.reply import Reply

__all__ = ["Notices"]

T = TypeVar("T")


class Notices:
    """Collects the warnings of one session and shows each text once; threads may share it.

    They are shown when a call is over and not amid it, where a caller who makes exceptions of
    warnings would be left between two states.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: dict[str, None] = {}
        self._new: list[str] = []
        self.request_id = ""
        """Of the last answer; what support asks for."""

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text once, in the order in which they came."""
        with self._lock:
            return tuple(self._texts)

    def heard(self, reply: Reply[T]) -> Reply[T]:
        """Note the warning of an answer, if it has one, and return the answer."""
        self.request_id = reply.request_id
        text = reply.warning
        if text:
            with self._lock:
                if text not in self._texts:
                    self._texts[text] = None
                    self._new.append(text)
        return reply

    def tell(self) -> None:
        """Show what is new as an ``OdpsWarning``."""
        while True:
            with self._lock:
                if not self._new:
                    return
                text = self._new.pop(0)
            warnings.warn(text, OdpsWarning, stacklevel=3)

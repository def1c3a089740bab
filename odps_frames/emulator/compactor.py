"""When files are joined without being asked for: after some commits, one table after the other."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Compactor"]

log = logging.getLogger(__name__)

EVERY = 64
"""So many commits of a table lie between two looks at its files."""


class Compactor:
    """Calls for a table after some of its commits, in a thread that ends when there are no more.

    Parameters
    ----------
    compact : callable
        Told the id of the table.
    """

    def __init__(self, compact: Callable[[str], object]) -> None:
        self._compact = compact
        self._guard = threading.Lock()
        self._commits: Counter[str] = Counter()
        self._waiting: dict[str, None] = {}
        self._thread: threading.Thread | None = None
        self.is_closing = False

    def note(self, table_id: str) -> None:
        """Count a commit."""
        with self._guard:
            self._commits[table_id] += 1
            if self._commits[table_id] < EVERY or self.is_closing:
                return
            del self._commits[table_id]
            self._waiting[table_id] = None
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="odps-compaction", daemon=True
                )
                self._thread.start()

    def close(self) -> None:
        """Begin nothing more, and wait for what is under way, which stops at the next file."""
        with self._guard:
            self.is_closing = True
            self._waiting.clear()
        self.wait()

    def wait(self) -> None:
        """Wait until nothing is under way."""
        with self._guard:
            thread = self._thread
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        while True:
            with self._guard:
                if not self._waiting:
                    self._thread = None
                    return
                table_id = next(iter(self._waiting))
                del self._waiting[table_id]
            try:
                self._compact(table_id)
            except Exception:
                # The files stay as they are, and are looked at again after some commits.
                log.exception("the files of table %s could not be joined", table_id)

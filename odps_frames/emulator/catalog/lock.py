"""One process at a time: two services on one folder would destroy each other's rows."""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import TYPE_CHECKING
from weakref import WeakSet

from odps_frames.errors import Conflict

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

__all__ = ["FolderLock"]

_MOST_BYTES = 4096

if sys.platform == "win32":
    import msvcrt

    def _take(handle: int) -> None:
        os.lseek(handle, 1 << 30, os.SEEK_SET)  # a locked byte cannot be read by others
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        os.lseek(handle, 0, os.SEEK_SET)
else:
    import fcntl

    def _take(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


class FolderLock:
    """The right to use a folder, which ends with the process at the latest.

    The system holds it, not the text in the file, so that what a crash leaves behind blocks
    nobody; the text only says who it is.

    Parameters
    ----------
    since : datetime
        The time now, with a zone.

    Raises
    ------
    Conflict
        When another service has the folder, also one of this process; it says which.
    """

    def __init__(self, folder: Path, since: datetime) -> None:
        self._path = folder / "lock"
        self._handle = self._acquire(folder)
        self._facts = {
            "process": os.getpid(),
            "host": socket.gethostname(),
            "since": since.isoformat(timespec="seconds"),
        }
        self._note()
        _held.add(self)

    def _acquire(self, folder: Path) -> int:
        while True:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                _take(handle)
            except OSError:
                text = os.read(handle, _MOST_BYTES)
                os.close(handle)
                raise Conflict(
                    f"folder {str(folder)!r} is in use by {_holder(text)}; stop that one, or take "
                    "another folder"
                ) from None
            if self._is_there(handle):
                return handle
            os.close(handle)  # somebody deleted the file; who comes next would lock another one

    def _is_there(self, handle: int) -> bool:
        try:
            return os.path.samestat(os.fstat(handle), self._path.stat())
        except FileNotFoundError:
            return False

    def announce(self, endpoint: str | None) -> None:
        """Say where the service is reached, to those who find the folder in use."""
        if self._handle >= 0:
            self._facts.pop("endpoint", None)
            if endpoint is not None:
                self._facts["endpoint"] = endpoint
            self._note()

    def _note(self) -> None:
        text = json.dumps(self._facts).encode()
        os.lseek(self._handle, 0, os.SEEK_SET)
        os.write(self._handle, text)
        os.ftruncate(self._handle, len(text))

    def release(self) -> None:
        """Give the folder back; doing it twice does nothing."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


def _holder(text: bytes) -> str:
    """Say who has a folder, as far as it can be read: it may be written at this moment."""
    try:
        facts = json.loads(text)
        found = (
            f"the service of process {facts['process']} on host {facts['host']!r} since "
            f"{facts['since']}"
        )
    except (ValueError, KeyError, TypeError):
        return "another service"
    return f"{found}, at {facts['endpoint']}" if "endpoint" in facts else found


_held: WeakSet[FolderLock] = WeakSet()


def _release_in_child() -> None:
    """Close what a forked process got of its parent, whose lock would outlive it otherwise."""
    for lock in list(_held):
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_release_in_child)

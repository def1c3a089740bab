"""One process at a time: two services on one folder would destroy each other's rows."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from odps_frames.errors import Conflict

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FolderLock"]

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

    Raises
    ------
    Conflict
        When another service has the folder; it names the process.
    """

    def __init__(self, folder: Path) -> None:
        self._handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _take(self._handle)
        except OSError:
            holder = os.read(self._handle, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._handle)
            raise Conflict(
                f"folder {str(folder)!r} is in use by the service of process {holder}; "
                "stop that one, or take another folder"
            ) from None
        os.ftruncate(self._handle, 0)
        os.write(self._handle, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Give the folder back; doing it twice does nothing."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

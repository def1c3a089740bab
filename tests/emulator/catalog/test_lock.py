from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from odps_frames.emulator.catalog.lock import FolderLock
from odps_frames.errors import Conflict

if TYPE_CHECKING:
    from pathlib import Path


def test_the_second_is_told_who_was_first(tmp_path: Path) -> None:
    first = FolderLock(tmp_path)
    with pytest.raises(Conflict, match=f"in use by the service of process {os.getpid()};"):
        FolderLock(tmp_path)
    first.release()
    first.release()
    FolderLock(tmp_path).release()

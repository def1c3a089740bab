from __future__ import annotations

import os
import signal
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from odps_frames.emulator.catalog.lock import FolderLock
from odps_frames.errors import Conflict

if TYPE_CHECKING:
    from pathlib import Path

SINCE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_the_second_is_told_who_was_first(tmp_path: Path) -> None:
    first = FolderLock(tmp_path, SINCE)
    who = (
        f"in use by the service of process {os.getpid()} on host {socket.gethostname()!r} "
        "since 2026-01-02T03:04:05.00:00"
    )
    with pytest.raises(Conflict, match=f"{who}; stop"):
        FolderLock(tmp_path, SINCE)
    first.announce("http://127.0.0.1:8080/api")
    with pytest.raises(Conflict, match=f"{who}, at http://127.0.0.1:8080/api; stop"):
        FolderLock(tmp_path, SINCE)
    first.announce(None)
    with pytest.raises(Conflict, match=f"{who}; stop"):
        FolderLock(tmp_path, SINCE)
    first.release()
    first.release()
    first.announce("http://127.0.0.1:8080/api")
    FolderLock(tmp_path, SINCE).release()


@pytest.mark.parametrize("text", [b"", b"12345", b'{"process": 1', b"[]"])
def test_what_a_crash_left_behind_blocks_nobody(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "lock").write_bytes(text)
    lock = FolderLock(tmp_path, SINCE)
    (tmp_path / "lock").write_bytes(text)
    with pytest.raises(Conflict, match="in use by another service; stop"):
        FolderLock(tmp_path, SINCE)
    lock.release()


def test_a_file_that_somebody_deleted_locks_nothing(tmp_path: Path) -> None:
    first = FolderLock(tmp_path, SINCE)
    (tmp_path / "lock").unlink()
    second = FolderLock(tmp_path, SINCE)
    with pytest.raises(Conflict):
        FolderLock(tmp_path, SINCE)
    first.release()
    second.release()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_does_not_hold_the_folder_of_its_parent(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path, SINCE)
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        os.write(tell, b".")
        signal.pause()
    assert os.read(told, 1) == b"."
    lock.release()
    try:
        FolderLock(tmp_path, SINCE).release()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

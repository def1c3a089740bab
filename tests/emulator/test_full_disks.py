"""A disk that is full, read-only or broken: one clear error, nothing lost, and on it goes."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from odps_frames.errors import ConfigError, ServiceError

PROGRAM = """
import importlib.util, json, resource, signal, sys
from pathlib import Path
import pyarrow as pa
from odps_frames.emulator.app import Emulator
from odps_frames.errors import ServiceError

spec = importlib.util.spec_from_file_location("words", sys.argv[1])
words = importlib.util.module_from_spec(spec)
sys.modules["words"] = words
spec.loader.exec_module(words)
emulator = Emulator(Path(sys.argv[2]))
service = words.Service(emulator.send, emulator, words.Clock())
service.sql("CREATE TABLE t (a BIGINT)")
service.write(pa.table({"a": [1]}))
session = service.open_session()
stream, _ = service.open_stream(session)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
codes = []
for limit in json.loads(sys.argv[3]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    for action in (
        lambda: service.send_rows(stream, pa.table({"a": range(100_000)})),
        lambda: service.write(pa.table({"a": [2]})),
        lambda: service.sql("CREATE TABLE u (a BIGINT)"),
        lambda: service.commit(session),
    ):
        try:
            action()
        except ServiceError as error:
            codes.append(error.code)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
readable = service.read()["a"].to_pylist()
service.send_rows(stream, pa.table({"a": [3]}))
service.close_stream(stream)
service.commit(session)
service.sql("CREATE TABLE u (a BIGINT)")
files = len(list((Path(sys.argv[2]) / "files").iterdir()))
print(json.dumps([codes, readable, service.read()["a"].to_pylist(), files]))
"""


def test_a_full_disk_takes_nothing_and_loses_nothing(tmp_path: Path) -> None:
    """The system lets the process write no file beyond a size, as a full disk does."""
    words = str(Path(__file__).parent / "conftest.py")
    command = [sys.executable, "-c", PROGRAM, words, str(tmp_path / "tables"), json.dumps([0, 600])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  our own
    codes, readable, after, n_files = json.loads(done.stdout.splitlines()[-1])
    assert codes == ["StorageFailure"] * 8
    assert (readable, after, n_files) == ([1], [1, 3], 2)


def test_what_does_not_reach_the_disk_is_not_acknowledged(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.sql("CREATE TABLE t (a BIGINT)")
    session = service.open_session()
    stream, _ = service.open_stream(session)
    failing = iter([True, False, True])
    synchronise = os.fsync

    def fail_at_times(handle: int) -> None:
        if next(failing, False):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        synchronise(handle)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail_at_times)
        for _ in range(2):  # the file, and then the folder
            with pytest.raises(ServiceError, match=r"Input/output error.*nothing.* was kept"):
                service.send_rows(stream, pa.table({"a": [1]}))
    assert list((service.emulator.store.path / "files").iterdir()) == []
    service.send_rows(stream, pa.table({"a": [2]}))
    service.close_stream(stream)
    service.commit(session)
    assert service.read()["a"].to_pylist() == [2]


def test_a_folder_that_is_none_is_refused(open_service: Any, tmp_path: Path) -> None:
    (tmp_path / "tables").write_text("a file")
    with pytest.raises(ConfigError, match=r"cannot be used.*may read and write"):
        open_service()


@pytest.mark.parametrize("kind", ["missing", "cut"])
def test_a_folder_that_lacks_rows_is_refused_and_left_alone(
    open_service: Any, tmp_path: Path, kind: str
) -> None:
    service = open_service()
    service.sql("CREATE TABLE t (a BIGINT)")
    service.write(pa.table({"a": [1]}))
    service.emulator.close()
    (file,) = (tmp_path / "tables" / "files").iterdir()
    stray = tmp_path / "tables" / "files" / "stray.arrow"
    stray.write_bytes(b"what nobody knows")
    if kind == "cut":
        os.truncate(file, file.stat().st_size - 1)
    else:
        file.rename(tmp_path / "aside")
    with pytest.raises(ConfigError, match=r"1 of 1 files are missing or cut.*nothing was changed"):
        open_service()
    assert stray.exists()
    if kind == "missing":
        (tmp_path / "aside").rename(file)
        assert open_service().read()["a"].to_pylist() == [1]
        assert not stray.exists()


def test_rows_without_a_catalog_are_not_swept_away(open_service: Any, tmp_path: Path) -> None:
    service = open_service()
    service.sql("CREATE TABLE t (a BIGINT)")
    service.write(pa.table({"a": [1]}))
    service.emulator.close()
    for path in (tmp_path / "tables").glob("catalog.sqlite*"):
        path.unlink()
    for _ in range(2):
        with pytest.raises(ConfigError, match="is damaged: it is missing or empty"):
            open_service()
    assert len(list((tmp_path / "tables" / "files").iterdir())) == 1

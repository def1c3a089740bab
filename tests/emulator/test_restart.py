"""Kill -9 between any two requests of a write: after a restart the table has all rows or none."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from odps_frames.client import Client
from odps_frames.config import Config
from odps_frames.errors import ServiceUnavailable
from odps_frames.model.splits import Split
from odps_frames.write.block_session import BlockSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PROGRAM = """
import sys
from odps_frames.config import AccessKey
from odps_frames.emulator.serve import Service, serve
key = AccessKey("golden-access-id", "golden-access-secret")
serve(Service(path=sys.argv[1], key=key), json=True)
"""
OLD = pa.table({"a": [1, 2], "pt": ["x", "y"]})
FIRST = pa.table({"a": list(range(100, 150)), "pt": ["x", "z"] * 25})
SECOND = pa.table({"a": list(range(150, 200)), "pt": ["z", "q"] * 25})


class Mortal:
    """A service in a process that is killed without a word, and started again."""

    def __init__(self, folder: Path, connect: Callable[[str], Any]) -> None:
        self._folder = folder
        self._connect = connect
        self._process: subprocess.Popen[str] | None = None
        self.service: Any = None
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-c", PROGRAM, str(self._folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603  our own
        assert self._process.stdout is not None
        self.service = self._connect(json.loads(self._process.stdout.readline())["endpoint"])

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.communicate()

    def restart(self) -> None:
        self.kill()
        self.start()


@pytest.fixture
def mortal(tmp_path: Path, reach: Callable[[str], Any]) -> Iterator[Mortal]:
    mortal = Mortal(tmp_path / "tables", reach)
    yield mortal
    mortal.kill()


def rows(mortal: Mortal) -> list[tuple[int, str]]:
    found = mortal.service.rows()
    return sorted((row["a"], row["pt"]) for row in found)


def pairs(*tables: pa.Table) -> list[tuple[int, str]]:
    return sorted((row["a"], row["pt"]) for table in tables for row in table.to_pylist())


STEPS = ["session", "stream", "first", "second", "close", "commit"]


@pytest.mark.parametrize("overwrite", [False, True], ids=["append", "overwrite"])
@pytest.mark.parametrize("killed_after", [[step] for step in STEPS] + [STEPS], ids="-".join)
def test_a_write_goes_on_after_a_kill_at_any_step(
    mortal: Mortal,
    killed_after: list[str],
    overwrite: bool,  # noqa: FBT001
) -> None:
    mortal.service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING)")
    mortal.service.write(OLD)
    expected = pairs(OLD, FIRST, SECOND)
    if overwrite:
        expected = pairs(OLD.slice(1), FIRST, SECOND)

    def done(step: str) -> None:
        if step in killed_after:
            mortal.restart()
            assert rows(mortal) == (expected if step == "commit" else pairs(OLD))

    session = mortal.service.open_session(overwrite=overwrite)
    done("session")
    stream, info = mortal.service.open_stream(session, exactly_once=True)
    done("stream")
    for step, data, offset in (("first", FIRST, 0), ("second", SECOND, FIRST.num_rows)):
        token = info.access_token
        sent = mortal.service.send_rows(stream, data, row_offset=offset, access_token=token)
        assert sent == offset + data.num_rows
        done(step)
    mortal.service.close_stream(stream)
    done("close")
    mortal.service.commit(session)
    done("commit")
    mortal.service.commit(session)
    assert rows(mortal) == expected


def test_read_sessions_outlive_a_kill(mortal: Mortal) -> None:
    mortal.service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING)")
    mortal.service.write(OLD)
    session = mortal.service.open_read()
    mortal.service.write(FIRST, overwrite=True)
    mortal.restart()
    table = mortal.service.read_split(Split(session.session_id))
    assert sorted(table["a"].to_pylist()) == [1, 2]
    assert mortal.service.get_read(session.session_id).latest_version == 1


def test_what_a_kill_left_behind_is_swept_away(mortal: Mortal, tmp_path: Path) -> None:
    mortal.service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING)")
    mortal.service.write(OLD)
    folder = tmp_path / "tables" / "files"
    before = {path.name for path in folder.iterdir()}
    (folder / "0123.arrow").write_bytes(b"an upload that was never acknowledged")
    (folder / "4567.arrow.part").write_bytes(b"half of one")
    mortal.restart()
    assert {path.name for path in folder.iterdir()} == before
    assert rows(mortal) == pairs(OLD)


def test_a_kill_in_the_middle_of_a_commit_leaves_all_or_nothing(mortal: Mortal) -> None:
    mortal.service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING)")
    mortal.service.write(OLD)
    expected = pairs(OLD)
    for _ in range(4):
        session = mortal.service.open_session()
        stream, _ = mortal.service.open_stream(session)
        mortal.service.send_rows(stream, FIRST)
        mortal.service.close_stream(stream)
        committing = threading.Thread(target=_try_to_commit, args=(mortal.service, session))
        committing.start()
        mortal.restart()
        committing.join()
        assert rows(mortal) in (expected, sorted(expected + pairs(FIRST)))
        mortal.service.commit(session)
        expected = sorted(expected + pairs(FIRST))
        assert rows(mortal) == expected


def _try_to_commit(service: Any, session: Any) -> None:
    with contextlib.suppress(ServiceUnavailable):
        service.commit(session)


PART_FIELDS: list[pa.Field[Any]] = [pa.field("a", pa.int64()), pa.field("pt", pa.string())]
PART = pa.schema(PART_FIELDS)


def a_client(mortal: Mortal) -> Client:
    """A new process knows where the service is now, and the id of the session."""
    key: dict[str, Any] = {
        "access_id": "golden-access-id",
        "secret_access_key": "golden-access-secret",
    }
    return Client(Config(endpoint=mortal.service.endpoint, project="demo", api_version="3", **key))


@pytest.mark.parametrize("mode", ["batch", "streaming"])
def test_a_new_process_goes_on_with_numbered_rows(mortal: Mortal, mode: str) -> None:
    mortal.service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING)")
    spec: dict[str, Any] = {"mode": mode, "exactly_once": True}
    own: dict[str, Any] = {"autocommit": False} if mode == "streaming" else {}
    session_id = a_client(mortal).write_session("t", **spec, **own).session_id
    batches = [*FIRST.cast(PART).to_batches(), *SECOND.cast(PART).to_batches()]
    for number, batch in enumerate(batches):
        session = a_client(mortal).write_session("t", **spec, session_id=session_id)
        writer = (
            session.resume_stream("s", schema=PART)
            if number
            else session.open_stream("s", schema=PART)
        )
        assert writer.row_offset == number * batch.num_rows
        writer.write(batch)
        writer.flush()
        mortal.restart()
    last = a_client(mortal).write_session("t", **spec, session_id=session_id)
    last.close_stream("s")
    mortal.restart()
    assert rows(mortal) == []
    a_client(mortal).write_session("t", **spec, session_id=session_id).commit()
    mortal.restart()
    assert rows(mortal) == pairs(FIRST, SECOND)


def test_new_processes_go_on_with_blocks(mortal: Mortal) -> None:
    mortal.service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING)")
    spec: dict[str, Any] = {"mode": "batch_compatible"}
    session_id = a_client(mortal).write_session("t", **spec).session_id
    receipts = []
    for number, data in enumerate((FIRST, SECOND)):
        session = a_client(mortal).write_session("t", **spec, session_id=session_id)
        assert isinstance(session, BlockSession)
        receipts.append(session.write_block(number, data))
        mortal.restart()
    assert rows(mortal) == []
    last = a_client(mortal).write_session("t", **spec, session_id=session_id)
    last.accept(receipts)
    last.commit()
    mortal.restart()
    assert rows(mortal) == pairs(FIRST, SECOND)


def test_rows_that_streamed_outlive_a_kill(mortal: Mortal) -> None:
    mortal.service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING)")
    for number, data in enumerate((FIRST, SECOND)):
        session = a_client(mortal).write_session("t", mode="streaming", exactly_once=True)
        writer = (
            session.resume_stream("s", schema=PART)
            if number
            else session.open_stream("s", schema=PART)
        )
        writer.write(data.cast(PART).to_batches()[0])
        writer.flush()
        mortal.restart()
        assert rows(mortal) == pairs(*(FIRST, SECOND)[: number + 1])

"""Whatever is lost on the way, rows of numbered streams and numbered blocks count once."""

from __future__ import annotations

import itertools
import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import odps_frames as of
from odps_frames.client import Client
from odps_frames.emulator.app import Emulator
from odps_frames.emulator.faults import Cut, Fault, Refuse, Reset
from odps_frames.transport.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from odps_frames.wire.http import Request, Response

    Stand = Any  # the class of a fixture, which no test module can import

NUMBERS = itertools.count()
SCHEMA = pa.schema([pa.field("id", pa.int64())])
PASSING = [Refuse(429), Refuse(500), Refuse(503), Reset(), Cut()]
OF_STREAMS = [
    "TableCreateWriteSession",
    "TableCreateWriteStream",
    "TableWrite",
    "TableCloseWriteStream",
    "TableGetWriteStream",
    "TableCommitWriteSession",
]
OF_BLOCKS = [
    "TableCreateWriteSession",
    "TableCreateWriteStream",
    "TableWrite",
    "TableCommitWriteSession",
]


def rows(*values: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(values, pa.int64())], schema=SCHEMA)


@pytest.fixture
def name(stand: Stand) -> str:
    name = f"l{next(NUMBERS)}"
    stand.client.create_table(name, {"id": "bigint"})
    return name


def stored(client: Client, name: str) -> list[int]:
    found: list[Any] = of.scan_odps(name, client=client).to_arrow()["id"].to_pylist()
    return sorted(found)


def write_numbered(client: Client, name: str, **spec: Any) -> of.WriteSession:
    """Write twenty rows in four bodies of one stream."""
    session = client.write_session(name, exactly_once=True, **spec)
    with session:
        writer = session.open_stream("a", schema=SCHEMA)
        for start in range(0, 20, 5):
            writer.write(rows(*range(start, start + 5)))
            writer.flush()
        writer.close()
    return session


def write_blocks(client: Client, name: str) -> of.WriteSession:
    """Write twenty rows in four blocks."""
    session = client.write_session(name, mode="batch_compatible")
    with session, session.open_stream(schema=SCHEMA) as writer:
        for start in range(0, 20, 5):
            writer.write(rows(*range(start, start + 5)))
            writer.flush()
    return session


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("effect", PASSING, ids=repr)
@pytest.mark.parametrize("action", OF_STREAMS)
@pytest.mark.parametrize("times", [1, 2])
def test_numbered_rows_survive_what_passes(
    stand: Stand, name: str, action: str, effect: Any, when: Any, times: int
) -> None:
    stand.service.faults.add(Fault(effect=effect, action=action, when=when, times=times))
    write_numbered(stand.client, name)
    ((_, hits),) = stand.service.faults.hits
    assert hits >= 1
    assert stored(stand.client, name) == list(range(20))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("effect", PASSING, ids=repr)
@pytest.mark.parametrize("action", OF_BLOCKS)
@pytest.mark.parametrize("times", [1, 2])
def test_blocks_survive_what_passes(
    stand: Stand, name: str, action: str, effect: Any, when: Any, times: int
) -> None:
    stand.service.faults.add(Fault(effect=effect, action=action, when=when, times=times))
    session = write_blocks(stand.client, name)
    ((_, hits),) = stand.service.faults.hits
    assert hits >= 1
    assert stored(stand.client, name) == list(range(20))
    if (action, when, times) == ("TableWrite", "after", 1) and effect != Refuse(429):
        # An attempt of which nobody knows is followed by the next one.
        assert [one.stream.version for one in session.receipts] == [1, 0, 0, 0]


@pytest.mark.parametrize("write", [write_numbered, write_blocks])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("action", OF_BLOCKS[:-1])
def test_what_cannot_be_carried_out_leaves_nothing(
    stand: Stand, name: str, action: str, when: Any, write: Any
) -> None:
    stand.service.faults.add(Fault(effect=Refuse(503), action=action, when=when, times=None))
    before = len(stand.service.requests)
    with pytest.raises(of.ServiceUnavailable):
        write(stand.client, name)
    stand.service.faults.clear()
    assert stored(stand.client, name) == []
    assert "TableCommitWriteSession" not in stand.operations(before)


@pytest.mark.parametrize("write", [write_numbered, write_blocks])
def test_a_commit_that_nobody_can_tell_of(stand: Stand, name: str, write: Any) -> None:
    stand.service.faults.add(
        Fault(effect=Reset(), action="TableCommitWriteSession", when="after", times=None),
        Fault(effect=Refuse(503), action="TableGetWriteSession", times=None),
    )
    with pytest.raises(of.CommitUnknown, match="20 rows") as caught:
        write(stand.client, name)
    stand.service.faults.clear()
    assert caught.value.resolve()
    assert stored(stand.client, name) == list(range(20))


def test_a_flush_that_failed_is_repeated_by_its_caller(stand: Stand, name: str) -> None:
    with stand.client.write_session(name, exactly_once=True) as session:
        writer = session.open_stream("a", schema=SCHEMA)
        writer.write(rows(1, 2))
        stand.service.faults.add(
            Fault(effect=Reset(), action="TableWrite", when="after", times=None)
        )
        with pytest.raises(of.ServiceUnavailable):
            writer.flush()
        stand.service.faults.clear()
        assert session.stream("a").n_rows == 2  # it had arrived
        writer.write(rows(3))  # and rows that come meanwhile do not join it
        writer.close()
    assert stored(stand.client, name) == [1, 2, 3]


def test_without_numbers_a_writer_stops_where_nobody_knows(stand: Stand, name: str) -> None:
    session = stand.client.write_session(name)
    writer = session.open_stream("a", schema=SCHEMA, version=1)
    writer.write(rows(1))
    stand.service.faults.add(Fault(effect=Reset(), action="TableWrite", when="after"))
    with pytest.raises(of.ServiceUnavailable) as caught:
        writer.flush()
    assert any("higher version" in note for note in caught.value.__notes__)
    with pytest.raises(of.Conflict, match="not known: open it under a higher version"):
        writer.flush()
    again = session.open_stream("a", schema=SCHEMA, version=2)
    again.write(rows(1))
    again.close()
    session.commit()
    assert stored(stand.client, name) == [1]


def test_another_process_goes_on_after_a_lost_answer(stand: Stand, name: str) -> None:
    session = stand.client.write_session(name, exactly_once=True)
    writer = session.open_stream("a", schema=SCHEMA)
    writer.write(rows(0, 1, 2))
    stand.service.faults.add(Fault(effect=Reset(), action="TableWrite", when="after", times=None))
    with pytest.raises(of.ServiceUnavailable):
        writer.flush()
    stand.service.faults.clear()
    joined = stand.client.write_session(name, exactly_once=True, session_id=session.session_id)
    resumed = joined.resume_stream("a", schema=SCHEMA)
    resumed.write(rows(*range(resumed.row_offset or 0, 5)))
    resumed.close()
    joined.commit()
    assert stored(stand.client, name) == list(range(5))


def test_who_comes_back_after_another_went_on_is_refused(stand: Stand, name: str) -> None:
    session = stand.client.write_session(name, exactly_once=True)
    writer = session.open_stream("a", schema=SCHEMA)
    writer.write(rows(0, 1, 2))
    stand.service.faults.add(Fault(effect=Reset(), action="TableWrite", when="before", times=None))
    with pytest.raises(of.ServiceUnavailable):
        writer.flush()
    stand.service.faults.clear()
    other = session.resume_stream("a", schema=SCHEMA)
    other.write(rows(0, 1))
    other.flush()
    with pytest.raises(of.Conflict, match="only a part of them is new"):
        writer.flush()
    other.close()
    session.commit()
    assert stored(stand.client, name) == [0, 1]


@pytest.mark.parametrize("mode", ["streaming", "streaming_realtime"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("effect", PASSING, ids=repr)
def test_streamed_rows_survive_what_passes(
    stand: Stand, name: str, effect: Any, when: Any, mode: str
) -> None:
    client = Client(replace(stand.client.config, api_version="3"), policy=stand.time.policy())
    stand.service.faults.add(Fault(effect=effect, action="TableWrite", when=when, times=2))
    write_numbered(client, name, mode=mode)
    assert stored(client, name) == list(range(20))
    client.close()


EFFECTS = st.sampled_from([Refuse(429), Refuse(500), Refuse(503), Reset()])
SCHEDULES = st.lists(
    st.builds(
        Fault,
        effect=EFFECTS,
        action=st.sampled_from(sorted({*OF_STREAMS, *OF_BLOCKS, "TableGetWriteSession"})),
        when=st.sampled_from(["before", "after"]),
        skip=st.integers(0, 3),
        times=st.integers(1, 3),
    ),
    max_size=5,
)


@pytest.fixture(scope="module")
def in_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Emulator, Client]]:
    """A service without a socket, for many schedules."""
    config = of.Config(
        endpoint="http://service.invalid/api", project="demo", access_id="a", secret_access_key="b"
    )
    now = itertools.count()
    policy = RetryPolicy(sleep=lambda _: None, clock=lambda: float(next(now)), jitter=lambda: 0.0)
    with Emulator(tmp_path_factory.mktemp("schedules")) as service:
        yield service, Client(config, transport=service, policy=policy)


@given(faults=SCHEDULES, write=st.sampled_from([write_numbered, write_blocks]))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_all_rows_or_none_whatever_the_schedule(
    in_process: tuple[Emulator, Client], faults: list[Fault], write: Any
) -> None:
    service, client = in_process
    name = f"s{next(NUMBERS)}"
    client.create_table(name, {"id": "bigint"})
    for fault in faults:
        service.faults.add(fault)
    unknown = False
    try:
        write(client, name)
        expected = list(range(20))
    except of.CommitUnknown:
        unknown, expected = True, []
    except of.ServiceError:
        expected = []
    service.faults.clear()
    found = stored(client, name)
    assert found == expected or (unknown and found == list(range(20)))


class Replay:
    """A service that gets every body of rows twice, as a careless proxy would send it."""

    def __init__(self, service: Emulator) -> None:
        self._service = service

    def send(self, request: Request, /) -> Response:
        if request.operation == "TableWrite":
            self._service.send(request).read()
        return self._service.send(request)


@pytest.mark.parametrize("write", [write_numbered, write_blocks])
def test_bodies_that_are_carried_out_twice_count_once(tmp_path: Path, write: Any) -> None:
    config = of.Config(
        endpoint="http://service.invalid/api", project="demo", access_id="a", secret_access_key="b"
    )
    with Emulator(tmp_path) as service:
        client = Client(config, transport=Replay(service))
        client.create_table("t", {"id": "bigint"})
        write(client, "t")
        assert stored(client, "t") == list(range(20))


class Liar:
    """A service whose receipts of blocks say something else than was sent."""

    def __init__(self, service: Emulator, **lies: object) -> None:
        self._service = service
        self._lies = lies

    def send(self, request: Request, /) -> Response:
        response = self._service.send(request)
        if request.operation != "TableWrite" or not response.ok:
            return response
        document = json.loads(response.read()) | self._lies
        told = {key: value for key, value in document.items() if value is not None}
        return type(response).of(json.dumps(told).encode(), headers=dict(response.headers))


@pytest.mark.parametrize(
    ("lies", "error", "words"),
    [
        ({"CommitMessage": None}, of.ProtocolError, "has no CommitMessage"),
        ({"RecordCount": 6}, of.ServiceUnavailable, "holds 6 rows after 5 were sent"),
        ({"RecordCount": None}, of.ServiceUnavailable, "holds None rows"),
        ({"CommitMessage": "opaque"}, of.ProtocolError, "cannot be read"),
        ({"CommitMessage": '{"BlockNumber": 4}'}, of.ProtocolError, "were sent; the CommitM"),
        ({"CommitMessage": '{"AttemptNumber": 4}'}, of.ProtocolError, "were sent; the CommitM"),
        (
            {"CommitMessage": '{"WriterStats": {"RecordNum": 4}}'},
            of.ProtocolError,
            "were sent; the CommitM",
        ),
    ],
)
def test_receipts_are_held_against_what_was_sent(
    tmp_path: Path, lies: dict[str, object], error: type[Exception], words: str
) -> None:
    config = of.Config(
        endpoint="http://service.invalid/api", project="demo", access_id="a", secret_access_key="b"
    )
    policy = RetryPolicy(max_attempts=3, sleep=lambda _: None)
    with Emulator(tmp_path) as service:
        client = Client(config, transport=Liar(service, **lies), policy=policy)
        client.create_table("t", {"id": "bigint"})
        options = of.BlockOptions(enhance_write_check=True)
        session = client.write_session("t", mode="batch_compatible", blocks=options)
        assert isinstance(session, of.BlockSession)
        with pytest.raises(error, match=words):
            session.write_block(0, rows(*range(5)))
        assert session.receipts == ()


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [(9, of.Conflict, "another writer has it"), (4, of.ProtocolError, "stands at row 4 after")],
)
def test_offsets_are_held_against_what_was_sent(
    tmp_path: Path, said: int, error: type[Exception], words: str
) -> None:
    config = of.Config(
        endpoint="http://service.invalid/api", project="demo", access_id="a", secret_access_key="b"
    )
    with Emulator(tmp_path) as service:
        client = Client(config, transport=Liar(service, ExactlyOnceRowOffset=said))
        client.create_table("t", {"id": "bigint"})
        session = client.write_session("t", exactly_once=True)
        writer = session.open_stream("a", schema=SCHEMA)
        writer.write(rows(*range(5)))
        with pytest.raises(error, match=words):
            writer.flush()
        session.abort()


class Slow:
    """A service that is a while at a commit, and says so."""

    def __init__(self, service: Emulator, looks: int) -> None:
        self._service = service
        self._left = looks
        self.operations: list[str] = []

    def send(self, request: Request, /) -> Response:
        self.operations.append(request.operation)
        response = self._service.send(request)
        begun = "TableCommitWriteSession" in self.operations
        if not begun or not self._left:
            return response
        self._left -= 1
        document = json.loads(response.read()) | {"SessionStatus": "COMMITTING"}
        return type(response).of(json.dumps(document).encode(), headers=dict(response.headers))


@pytest.mark.covers("SessionStatus.COMMITTING", "SessionStatus.COMMITTED")
@pytest.mark.parametrize("write", [write_numbered, write_blocks])
@pytest.mark.parametrize("looks", [1, 4])
def test_a_commit_that_takes_its_time(tmp_path: Path, write: Any, looks: int) -> None:
    config = of.Config(
        endpoint="http://service.invalid/api", project="demo", access_id="a", secret_access_key="b"
    )
    with Emulator(tmp_path) as service:
        slow = Slow(service, looks)
        client = Client(config, transport=slow, policy=RetryPolicy(sleep=lambda _: None))
        client.create_table("t", {"id": "bigint"})
        session = write(client, "t")
        assert session.status == "COMMITTED"
        assert session.settled
        assert slow.operations.count("TableCommitWriteSession") == 1
        assert slow.operations.count("TableGetWriteSession") == looks
        assert stored(client, "t") == list(range(20))


def test_a_commit_that_somebody_else_has_sent(tmp_path: Path) -> None:
    config = of.Config(
        endpoint="http://service.invalid/api", project="demo", access_id="a", secret_access_key="b"
    )
    with Emulator(tmp_path) as service:
        slow = Slow(service, looks=1)
        client = Client(config, transport=slow)
        client.create_table("t", {"id": "bigint"})
        first = client.write_session("t")
        slow.operations.append("TableCommitWriteSession")
        joined = client.write_session("t", session_id=first.session_id)
        assert joined.status == "COMMITTING"
        with pytest.raises(of.CommitUnknown) as caught:
            joined.commit()
        assert caught.value.resolve() is False
        assert slow.operations.count("TableCommitWriteSession") == 1


def test_many_threads_write_blocks(stand: Stand, name: str) -> None:
    stand.service.faults.add(
        Fault(effect=Reset(), action="TableWrite", when="after", times=5, skip=3)
    )
    with stand.client.write_session(name, mode="batch_compatible") as session:
        assert isinstance(session, of.BlockSession)
        threads = [
            threading.Thread(target=session.write_block, args=(number, rows(number)))
            for number in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert stored(stand.client, name) == list(range(16))

"""A service that becomes what it was, while its clients stay connected."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames.emulator.gate import Gate
from odps_frames.emulator.moments import SNAPSHOTS
from odps_frames.errors import ConfigError, Conflict, NotFound
from odps_frames.model.read import BatchOptions
from odps_frames.model.splits import Split
from odps_frames.model.write import WriteSessionInfo
from odps_frames.wire import catalog, read_session, write_session

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def rows(*numbers: int) -> pa.Table:
    return pa.table({"a": pa.array(numbers, pa.int64())})


@pytest.fixture
def ready(any_service: Any) -> Any:
    any_service.sql("CREATE TABLE t (a BIGINT)")
    any_service.write(rows(1))
    return any_service


def test_tables_and_sessions_come_back(ready: Any) -> None:
    service = ready.emulator
    read = ready.open_read().session_id
    session = ready.open_session()
    stream, _ = ready.open_stream(session)
    ready.send_rows(stream, rows(2))
    service.snapshot("before")
    ready.close_stream(stream)
    ready.commit(session)
    ready.sql("CREATE TABLE other (a BIGINT)")
    ready.write(rows(3), overwrite=True)
    service.restore("before")
    assert ready.rows() == [{"a": 1}]
    assert ready.read_split(Split(read)).equals(rows(1))
    with pytest.raises(NotFound):
        ready.read("other")
    ready.close_stream(stream)
    ready.commit(session)
    assert ready.rows() == [{"a": 1}, {"a": 2}]
    service.restore("before")  # as often as one likes
    assert ready.rows() == [{"a": 1}]


def test_rules_statuses_and_the_clock_come_back(ready: Any) -> None:
    service = ready.emulator
    read = ready.open_read().session_id
    service.sessions.set_status(read, "INIT", polls=5)
    service.faults.add(effect={"delay": {"s": 0}}, action="GetTenant", times=3)
    ready.send(catalog.encode_tenants()).read()
    service.clock.advance(days=2)
    service.clock.freeze()
    then = service.clock.now()
    service.snapshot("before")
    service.clock.advance(days=9)
    service.clock.unfreeze()
    service.faults.clear()
    service.sessions.set_status(read, "CRITICAL")
    service.restore("before")
    assert service.clock.now() == then
    assert service.clock.frozen
    assert [hits for _, hits in service.faults.hits] == [1]
    assert service.sessions.get(read).status == "INIT"
    assert ready.get_read(read).status == "INIT"


def test_snapshots_have_names(ready: Any, tmp_path: Path) -> None:
    service = ready.emulator
    service.snapshot("one")
    ready.write(rows(2))
    service.snapshot("two")
    service.snapshot("one")
    assert service.snapshots == ("two", "one")
    kept = list((tmp_path / "tables" / SNAPSHOTS).iterdir())
    assert len(kept) == 2
    assert not {path.name for path in kept} & {"one", "two"}
    for name in ("", "../x", "a/b", "x" * 101, None):
        with pytest.raises(ConfigError, match="the name of a snapshot is"):
            service.snapshot(name)
    with pytest.raises(NotFound, match="no snapshot 'three'; there are: two, one"):
        service.restore("three")
    service.close()
    assert not (tmp_path / "tables" / SNAPSHOTS).exists()


def test_a_service_forgets_everything(open_service: Callable[..., Any], clock: Any) -> None:
    service = open_service(project="one", projects=["two"])
    service.emulator.create_project("later")
    service.emulator.faults.add(effect="reset", times=None, action="GetTable")
    service.emulator.clock.advance(days=1)
    service.send(catalog.encode_get_project("one")).read()
    last = service.emulator.requests[-1].id
    service.emulator.reset()
    assert service.emulator.requests == ()
    assert service.emulator.counters.requests == {}
    assert service.emulator.faults.rules == ()
    assert service.emulator.sessions.list() == ()
    assert service.emulator.clock.now() == clock()
    for project, there in (("one", True), ("two", True), ("later", False)):
        assert service.send(catalog.encode_list_tables(project)).ok is there
    assert service.emulator.requests[0].id == last + 1


def test_a_service_opens_again_as_it_was_restored(
    open_service: Callable[..., Any],
) -> None:
    service = open_service()
    service.sql("CREATE TABLE t (a BIGINT)")
    service.write(rows(1))
    service.emulator.snapshot("before")
    service.write(rows(2))
    service.emulator.restore("before")
    service.write(rows(3))
    service.emulator.close()
    assert open_service().rows() == [{"a": 1}, {"a": 3}]


def test_readers_of_what_was_there_delete_nothing_of_what_is(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT)")
    service.write(rows(*range(100_000)))
    read = service.open_read().session_id
    asked = read_session.encode_read(service.ref(), Split(read), BatchOptions(max_rows=1000))
    answer = service.send(asked)
    answer.body.readinto(memoryview(bytearray(10)))
    service.emulator.snapshot("before")
    service.sql("DROP TABLE t")  # its files go when nobody reads them any more
    service.emulator.restore("before")
    answer.body.close()
    assert service.read().num_rows == 100_000


def test_clients_go_on(tmp_path: Path) -> None:
    """Writers and readers are at it while the service goes to and fro: no table is ever torn."""
    with of.local(tmp_path) as client:
        client.create_table("t", {"a": "bigint"})
        of.to_odps(rows(*range(10)), "t")
        client.service.snapshot("ten")
        failures: list[BaseException] = []
        ended = threading.Event()

        def work() -> None:
            while not ended.is_set():
                try:
                    of.to_odps(rows(*range(10)), "t", client=client)
                    found = of.scan_odps("t", client=client).to_arrow().num_rows
                except of.ServiceError:
                    continue  # its session was gone, or what it read was
                except of.CommitUnknown:
                    continue
                except of.OdpsError as failure:
                    failures.append(failure)
                    return
                if found % 10:
                    failures.append(AssertionError(found))

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(5):
            client.service.snapshot("now")
            client.service.restore("ten")
            client.service.restore("now")
        ended.set()
        for thread in threads:
            thread.join(60)
        assert not failures
        client.service.restore("ten")
        assert of.scan_odps("t").to_arrow().num_rows == 10


def test_requests_that_do_not_end_are_told_of() -> None:
    gate = Gate()
    with (
        gate.shared(),
        pytest.raises(Conflict, match="1 requests are under way for more than 0 s"),
        gate.alone(0),
    ):
        pytest.fail("nobody is alone here")
    with gate.alone(0):
        pass
    with gate.shared():
        pass


@pytest.fixture
def session(service: Any) -> str:
    service.sql("CREATE TABLE t (a BIGINT)")
    service.write(rows(1))
    return str(service.open_session().session_id)


@pytest.mark.parametrize(
    ("kind", "status", "options", "said"),
    [
        (
            "read",
            "COMMITTING",
            {},
            "a read session cannot be made COMMITTING; expected one of INIT",
        ),
        ("write", "COMMITTED", {}, "a write session cannot be made COMMITTED"),
        ("write", "SLEEPING", {}, "status is 'SLEEPING'; expected one of INIT, NORMAL"),
        ("read", "INIT", {"polls": 0}, "polls is 0; expected a whole number of at least 1"),
        ("read", "EXPIRED", {"polls": 1}, "polls and message belong to a status that is said"),
        ("read", "EXPIRED", {"message": "x"}, "polls and message belong"),
    ],
)
def test_statuses_that_no_session_has_are_refused(
    service: Any, session: str, kind: str, status: str, options: dict[str, Any], said: str
) -> None:
    wanted = session if kind == "write" else service.open_read().session_id
    with pytest.raises(ConfigError, match=said):
        service.emulator.sessions.set_status(wanted, status, **options)


def test_what_is_over_stays_so(service: Any, session: str) -> None:
    control = service.emulator.sessions
    read = service.open_read().session_id
    control.expire(read)
    with pytest.raises(ConfigError, match=r"the life of session .* is over"):
        control.set_status(read, "NORMAL")
    control.set_status(session, "CRITICAL")
    with pytest.raises(ConfigError, match="is CRITICAL for good"):
        control.set_status(session, "NORMAL")
    with pytest.raises(Conflict, match="critical"):
        service.commit(WriteSessionInfo(session_id=session))


def test_a_commit_that_takes_its_time(service: Any, session: str) -> None:
    service.emulator.sessions.set_status(session, "COMMITTING", polls=1, message="soon")
    asked = WriteSessionInfo(session_id=session)
    assert service.commit(asked).status == "COMMITTING"
    told = []
    for _ in range(2):
        request = write_session.encode_get(service.ref(), session)
        told.append(write_session.decode_session(service.send(request)).value)
    assert [(one.status, one.message) for one in told] == [
        ("COMMITTING", "soon"),
        ("COMMITTED", ""),
    ]

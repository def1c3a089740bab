"""Whatever is lost on the way, a write shows all of its rows or none, and says which."""

from __future__ import annotations

import itertools
import pickle
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames.emulator.faults import Cut, Fault, Refuse, Reset

if TYPE_CHECKING:
    Stand = Any  # the class of a fixture, which no test module can import

DATA = pa.table({"id": pa.array(range(100)), "pt": pa.array(["a", "b"] * 50)})
WRITE = [
    "TableCreateWriteSession",
    "TableCreateWriteStream",
    "TableWrite",
    "TableCloseWriteStream",
    "TableGetWriteStream",
    "TableCommitWriteSession",
]
PASSING = [Refuse(429), Refuse(500), Refuse(503), Reset(), Cut()]
NUMBERS = itertools.count()


@pytest.fixture
def name(stand: Stand) -> str:
    name = f"w{next(NUMBERS)}"
    stand.client.create_table(name, {"id": "bigint"}, partition_by={"pt": "string"})
    return name


def write(stand: Stand, name: str, **options: Any) -> of.WriteResult:
    result: of.WriteResult = of.to_odps(DATA, name, client=stand.client, **options)
    return result


def rows(stand: Stand, name: str) -> int:
    return of.scan_odps(name, client=stand.client).to_arrow().num_rows


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("effect", PASSING, ids=repr)
@pytest.mark.parametrize("action", WRITE)
@pytest.mark.parametrize("times", [1, 2])
def test_a_write_survives_what_passes(
    stand: Stand, name: str, action: str, effect: Any, when: Any, times: int
) -> None:
    stand.service.faults.add(Fault(effect=effect, action=action, when=when, times=times))
    result = write(stand, name)
    ((_, hits),) = stand.service.faults.hits
    # A commit that took effect is not sent a second time.
    assert hits == (
        1 if (action, when) == (WRITE[-1], "after") and effect != Refuse(429) else times
    )
    assert result.rows == 100
    assert rows(stand, name) == 100


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("action", WRITE[:-1])
def test_a_write_that_cannot_be_carried_out_leaves_nothing(
    stand: Stand, name: str, action: str, when: Any
) -> None:
    write(stand, name)
    stand.service.faults.add(Fault(effect=Refuse(503), action=action, when=when, times=None))
    before = len(stand.service.requests)
    with pytest.raises(of.ServiceUnavailable) as caught:
        write(stand, name, mode="overwrite_partitions")
    stand.service.faults.clear()
    assert rows(stand, name) == 100
    assert caught.value.attempts >= 1
    if action != "TableCreateWriteSession":
        assert stand.operations(before)[-1] == "TableAbortWriteSession" or rows(stand, name) == 100
        assert "TableAbortWriteSession" in stand.operations(before)
        assert "TableCommitWriteSession" not in stand.operations(before)


@pytest.mark.parametrize("action", WRITE)
def test_a_refusal_leaves_nothing_and_is_not_repeated(stand: Stand, name: str, action: str) -> None:
    stand.service.faults.add(Fault(effect=Refuse(403, "NoPermission"), action=action, times=None))
    with pytest.raises(of.PermissionDenied):
        write(stand, name)
    ((_, hits),) = stand.service.faults.hits
    assert hits == 1
    stand.service.faults.clear()
    assert rows(stand, name) == 0


def test_a_lost_answer_to_a_commit_is_found_out(stand: Stand, name: str) -> None:
    commit = "TableCommitWriteSession"
    stand.service.faults.add(Fault(effect=Reset(), action=commit, when="after"))
    before = len(stand.service.requests)
    result = write(stand, name)
    assert result.resumed
    assert stand.operations(before).count(commit) == 1
    assert "TableAbortWriteSession" not in stand.operations(before)
    assert rows(stand, name) == 100


def test_a_commit_that_never_arrived_is_sent_again(stand: Stand, name: str) -> None:
    commit = "TableCommitWriteSession"
    stand.service.faults.add(Fault(effect=Reset(), action=commit, when="before"))
    before = len(stand.service.requests)
    assert write(stand, name).resumed
    assert stand.operations(before).count(commit) == 2
    assert stand.operations(before).count("TableGetWriteSession") == 3
    assert rows(stand, name) == 100


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_commit_that_nobody_can_tell_of(stand: Stand, name: str, when: Any) -> None:
    stand.service.faults.add(
        Fault(effect=Reset(), action="TableCommitWriteSession", when=when, times=None),
        Fault(effect=Refuse(503), action="TableGetWriteSession", times=None),
    )
    before = len(stand.service.requests)
    with pytest.raises(of.CommitUnknown, match=r"all or not at all.*\.resolve\(\)") as caught:
        write(stand, name)
    assert "TableAbortWriteSession" not in stand.operations(before)
    assert caught.value.session_id in str(caught.value)
    with pytest.raises(of.CommitUnknown):
        caught.value.resolve()
    stand.service.faults.clear()
    landed = when == "after"
    assert caught.value.resolve() is landed
    assert rows(stand, name) == (100 if landed else 0)


def test_an_unknown_commit_travels_to_another_process(stand: Stand, name: str) -> None:
    stand.service.faults.add(
        Fault(effect=Reset(), action="TableCommitWriteSession", when="after", times=None),
        Fault(effect=Refuse(503), action="TableGetWriteSession", times=None),
    )
    with pytest.raises(of.CommitUnknown) as caught:
        write(stand, name)
    back = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  our own bytes
    assert back.session_id == caught.value.session_id
    assert str(back) == str(caught.value)
    stand.service.faults.clear()
    assert back.resolve()


def test_a_session_that_was_aborted_behind_our_back_is_no_success(stand: Stand, name: str) -> None:
    session = stand.client.write_session(name)
    other = of.WriteSession(stand.client.transport, session.spec, session.session_id)
    other.abort()
    with pytest.raises(of.ServiceError):
        session.commit()
    assert rows(stand, name) == 0


def test_an_exception_in_the_block_aborts(stand: Stand, name: str) -> None:
    schema = DATA.schema

    def fail() -> None:
        with stand.client.write_session(name) as session:
            with session.open_stream(schema=schema) as writer:
                for batch in DATA.cast(schema).to_batches():
                    writer.write(batch)
            raise LookupError("on purpose")

    with pytest.raises(LookupError, match="on purpose"):
        fail()
    assert stand.operations()[-1] == "TableAbortWriteSession"
    assert rows(stand, name) == 0


def test_an_abort_that_fails_is_noted_on_the_error(stand: Stand, name: str) -> None:
    stand.service.faults.add(Fault(effect=Refuse(503), action="TableAbortWriteSession", times=None))

    def fail() -> None:
        with stand.client.write_session(name):
            raise LookupError("on purpose")

    with pytest.raises(LookupError, match="on purpose") as caught:
        fail()
    assert any("could not be aborted" in note for note in caught.value.__notes__)


def test_streams_side_by_side(stand: Stand, name: str) -> None:
    schema = pa.schema([pa.field("id", pa.int64())])
    with stand.client.write_session(name, partition="pt=x") as session:
        writers = [session.open_stream(index, schema=schema) for index in range(3)]
        for index, writer in enumerate(writers):
            writer.write(pa.RecordBatch.from_arrays([pa.array([index] * 10)], schema=schema))
            writer.flush()
            writer.write(pa.RecordBatch.from_arrays([pa.array([index] * 5)], schema=schema))
            writer.close()
        assert session.n_rows == 45
    assert rows(stand, name) == 45
    session.commit()  # once more does nothing
    session.abort()  # nor does this
    assert rows(stand, name) == 45


def test_a_stream_takes_the_schema_it_was_opened_with(stand: Stand, name: str) -> None:
    schema = pa.schema([pa.field("id", pa.int64())])
    session = stand.client.write_session(name, partition="pt=x")
    with pytest.raises(ValueError, match="for a stream of"):
        session.open_stream(schema=schema).write(DATA.to_batches()[0])
    session.abort()
    session.abort()  # it may be said twice
    with pytest.raises(of.Conflict, match="ABORTED"):
        session.commit()


@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_to_tell_is_no_news_of_the_commit(stand: Stand, name: str, status: int) -> None:
    stand.service.faults.add(
        Fault(effect=Reset(), action="TableCommitWriteSession", when="after", times=None),
        Fault(effect=Refuse(status, "NoPermission"), action="TableGetWriteSession", times=None),
    )
    with pytest.raises(of.CommitUnknown) as caught:
        write(stand, name)
    stand.service.faults.clear()
    assert caught.value.resolve()
    assert rows(stand, name) == 100

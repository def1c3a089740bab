"""Streams of every mode: versions, offsets, columns that are added, rows that show at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from odps_frames.emulator.faults import Fault, Reset, Warn
from odps_frames.errors import Conflict, NotFound, ServiceError, ServiceUnavailable
from odps_frames.model.lifecycle import SessionStatus, StreamState
from odps_frames.model.write import StreamId, WriteMode, WriteSpec
from odps_frames.wire import write_session as wire
from odps_frames.wire.arrow_stream import encode_stream
from odps_frames.wire.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Callable

THREE = Envelope(api_version="3")
STREAMING = [WriteMode.STREAMING, WriteMode.STREAMING_REALTIME]


def numbers(*values: int, **columns: Any) -> pa.Table:
    return pa.table({"a": pa.array(values, pa.int64()), **columns})


def body_of(data: pa.Table) -> bytes:
    return b"".join(map(bytes, encode_stream(data.schema, data.to_batches())))


@pytest.fixture
def plain(service: Any) -> Any:
    service.sql("CREATE TABLE t (a BIGINT)")
    return service


def values(service: Any) -> list[int]:
    return sorted(service.read()["a"].to_pylist())


def state(service: Any, stream: StreamId) -> Any:
    return wire.decode_stream(service.send(wire.encode_get_stream(service.ref(), stream))).value


def test_an_abandoned_version_says_why(plain: Any) -> None:
    session = plain.open_session()
    old, _ = plain.open_stream(session, version=1)
    plain.send_rows(old, numbers(1, 2))
    new, _ = plain.open_stream(session, version=7)
    info = state(plain, old)
    assert (info.state, info.error_code) == (StreamState.ERROR, "StatusConflict")
    assert "newer version" in info.error_message
    info = state(plain, new)
    assert (info.state, info.n_rows, info.n_bytes) == (StreamState.OPEN, 0, 0)
    assert (info.error_code, info.error_message) == (None, None)


def test_who_opens_an_exactly_once_stream_anew_would_lose_rows(plain: Any) -> None:
    session = plain.open_session()
    stream, info = plain.open_stream(session, exactly_once=True)
    _, again = plain.open_stream(session, exactly_once=True)
    assert again.access_token == info.access_token  # the answer may have been lost
    token = info.access_token
    plain.send_rows(stream, numbers(1, 2), row_offset=0, access_token=token)
    with pytest.raises(Conflict, match="holds 2 rows; ask for it"):
        plain.open_stream(session, exactly_once=True)
    higher, info = plain.open_stream(session, version=2, exactly_once=True)
    assert info.row_offset == 0
    plain.send_rows(higher, numbers(3), row_offset=0, access_token=info.access_token)
    plain.close_stream(higher)
    plain.commit(session)
    assert values(plain) == [3]


def test_offsets_outlive_the_service(open_service: Callable[..., Any]) -> None:
    service = open_service()
    service.sql("CREATE TABLE t (a BIGINT)")
    session = service.open_session()
    stream, info = service.open_stream(session, exactly_once=True)
    told = {"row_offset": 0, "access_token": info.access_token}
    service.send_rows(stream, numbers(1, 2), **told)
    service.emulator.close()
    again = open_service()
    assert again.send_rows(stream, numbers(1, 2), **told) == 2
    resumed = state(again, stream)
    assert (resumed.row_offset, resumed.access_token) == (2, info.access_token)
    again.send_rows(stream, numbers(3), row_offset=2, access_token=info.access_token)
    again.close_stream(stream)
    again.commit(session)
    assert values(again) == [1, 2, 3]


def test_a_stream_named_default_need_not_be_closed(plain: Any) -> None:
    session = plain.open_session()
    stream, _ = plain.open_stream(session, "default")
    plain.send_rows(stream, numbers(1))
    plain.commit(session)
    assert values(plain) == [1]


def test_a_commit_warns_of_rows_that_it_leaves_behind(plain: Any) -> None:
    session = plain.open_session()
    for name, rows in (("closed", 1), ("open", 2), ("empty", 0)):
        stream, _ = plain.open_stream(session, name)
        plain.send_rows(stream, numbers(*range(rows)))
        if name == "closed":
            plain.close_stream(stream)
    reply = wire.decode_session(plain.send(wire.encode_commit(plain.ref(), session.session_id)))
    assert reply.value.status is SessionStatus.COMMITTED
    assert reply.warning is not None
    assert "2 rows were not committed" in reply.warning
    assert "'open' of version 1" in reply.warning
    assert "empty" not in reply.warning


def test_a_rule_lets_an_answer_warn(plain: Any) -> None:
    plain.emulator.faults.add(Fault(effect=Warn("mind the gap"), action="TableCreateWriteSession"))
    request = wire.encode_create(WriteSpec(table=plain.ref()))
    replies = [wire.decode_session(plain.send(request)) for _ in range(2)]
    assert [reply.warning for reply in replies] == ["mind the gap", None]
    assert all(reply.value.session_id and reply.route_token for reply in replies)


def test_a_warning_has_no_room_in_rows(plain: Any) -> None:
    plain.write(numbers(1))
    plain.emulator.faults.add(Fault(effect=Warn("mind the gap"), times=None))
    assert values(plain) == [1]


class Evolving:
    """A session whose table gets more columns than it had."""

    def __init__(self, service: Any, **spec: Any) -> None:
        self.service = service
        self.session = service.open_session(**spec)
        self.stream, self.info = service.open_stream(self.session)

    def commit(self) -> list[dict[str, Any]]:
        self.service.close_stream(self.stream)
        self.service.commit(self.session)
        return sorted(self.service.rows(), key=lambda row: row["a"])


def test_columns_are_added_under_way(plain: Any) -> None:
    evolving = Evolving(plain, schema_evolution=True)
    plain.send_rows(evolving.stream, numbers(1), schema_version="1")
    plain.sql("ALTER TABLE t ADD COLUMNS (s STRING)")
    info = state(plain, evolving.stream)
    assert (info.schema_version, info.latest_schema_version) == ("1", "2")
    plain.send_rows(evolving.stream, numbers(2), schema_version="1")
    plain.send_rows(evolving.stream, numbers(3, s=["x"]), schema_version="1")
    plain.sql("ALTER TABLE t ADD COLUMNS (n INT)")
    columns = {"s": ["y"], "n": pa.array([7], pa.int32())}
    plain.send_rows(evolving.stream, numbers(4, **columns))
    with pytest.raises(ServiceError, match="'other' is not expected"):
        plain.send_rows(evolving.stream, numbers(5, other=["y"]))
    assert evolving.commit() == [
        {"a": 1, "s": None, "n": None},
        {"a": 2, "s": None, "n": None},
        {"a": 3, "s": "x", "n": None},
        {"a": 4, "s": "y", "n": 7},
    ]


def test_columns_of_the_beginning_are_needed_all_the_same(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT, b BIGINT)")
    evolving = Evolving(service, schema_evolution=True)
    service.sql("ALTER TABLE t ADD COLUMNS (s STRING)")
    with pytest.raises(ServiceError, match="'b' is missing"):
        service.send_rows(evolving.stream, numbers(1))


def test_a_session_that_was_not_made_for_it_wants_a_new_stream(plain: Any) -> None:
    evolving = Evolving(plain)
    plain.sql("ALTER TABLE t ADD COLUMNS (s STRING)")
    with pytest.raises(Conflict, match="columns") as refusal:
        plain.send_rows(evolving.stream, numbers(1))
    assert refusal.value.code == "SchemaModified"


class Streaming:
    """What a streaming caller says, to the session that nobody makes or to one of its own."""

    def __init__(self, service: Any, mode: WriteMode, session: str = "default") -> None:
        self.service, self.mode, self.session = service, mode, session
        self.stream = StreamId(session, "0", 1)

    def open(self, version: int = 1, **options: Any) -> Any:
        self.stream = StreamId(self.session, "0", version)
        request = wire.encode_open(
            self.service.ref(), self.stream, mode=self.mode, envelope=THREE, **options
        )
        return wire.decode_stream(self.service.send(request)).value

    def send(self, data: pa.Table, **options: Any) -> Any:
        body = body_of(data)
        request = wire.encode_write(
            self.service.ref(),
            self.stream,
            body,
            n_rows=data.num_rows,
            mode=self.mode,
            envelope=THREE,
            **options,
        )
        return wire.decode_receipt(self.service.send(request)).value

    def close(self) -> None:
        request = wire.encode_close(self.service.ref(), self.stream, self.mode, THREE)
        wire.decode_done(self.service.send(request))

    def pending(self) -> str | None:
        request = wire.encode_get(self.service.ref(), self.session, self.mode, THREE)
        info = wire.decode_session(self.service.send(request), self.session).value
        assert info.session_id == self.session
        return info.min_uncommitted_staging_id

    def commit(self) -> None:
        request = wire.encode_commit(self.service.ref(), self.session, None, self.mode, THREE)
        wire.decode_session(self.service.send(request))

    def abort(self) -> None:
        request = wire.encode_abort(self.service.ref(), self.session, self.mode, THREE)
        wire.decode_done(self.service.send(request))


def created(service: Any, mode: WriteMode, **spec: Any) -> Streaming:
    request = wire.encode_create(WriteSpec(table=service.ref(), mode=mode, **spec), THREE)
    return Streaming(service, mode, wire.decode_session(service.send(request)).value.session_id)


@pytest.mark.parametrize("mode", STREAMING)
def test_rows_of_the_shared_session_show_as_they_come(plain: Any, mode: WriteMode) -> None:
    caller = Streaming(plain, mode)
    assert caller.pending() is None
    caller.open()
    first = caller.send(numbers(1)).staging_id
    assert values(plain) == [1]
    second = caller.send(numbers(2)).staging_id
    assert values(plain) == [1, 2]
    assert int(first) < int(second)
    assert caller.pending() is None
    assert caller.send(numbers()).staging_id is None  # nothing was staged
    for call in (caller.commit, caller.abort):
        with pytest.raises(ServiceError, match="commits every write by itself"):
            call()


@pytest.mark.parametrize("mode", STREAMING)
def test_rows_of_a_session_of_its_own_show_with_the_commit(plain: Any, mode: WriteMode) -> None:
    caller = created(plain, mode)
    caller.open()
    first, second = caller.send(numbers(1)).staging_id, caller.send(numbers(2)).staging_id
    assert (values(plain), caller.pending()) == ([], first)
    assert int(first) < int(second)
    caller.close()
    caller.commit()
    assert (values(plain), caller.pending()) == ([1, 2], None)
    other = created(plain, mode)
    other.open()
    assert int(other.send(numbers(3)).staging_id) > int(second)
    other.abort()
    assert (values(plain), other.pending()) == ([1, 2], None)


def test_rows_that_stream_say_their_partitions(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING)")
    caller = Streaming(service, WriteMode.STREAMING)
    caller.open()
    caller.send(numbers(1, 2, pt=["x", "y"]))
    assert sorted(row["pt"] for row in service.rows()) == ["x", "y"]
    own = created(service, WriteMode.STREAMING, partition="pt=z")
    own.open()
    own.send(numbers(3))
    own.close()
    own.commit()
    assert service.rows(partitions=("pt=z",)) == [{"a": 3, "pt": "z"}]


def test_streaming_callers_share_and_fence_streams(plain: Any) -> None:
    first, second = (Streaming(plain, WriteMode.STREAMING) for _ in range(2))
    first.open()
    first.send(numbers(1))
    second.open()
    second.send(numbers(2))
    first.send(numbers(3))
    second.open(version=2)
    with pytest.raises(Conflict, match="abandoned"):
        first.send(numbers(4))
    second.send(numbers(5))
    assert values(plain) == [1, 2, 3, 5]


def test_a_shared_stream_is_opened_again_for_new_columns(plain: Any) -> None:
    caller = Streaming(plain, WriteMode.STREAMING)
    caller.open()
    caller.close()
    plain.sql("ALTER TABLE t ADD COLUMNS (s STRING)")
    assert caller.open().schema_version == "2"
    caller.send(numbers(1, s=["x"]))
    assert plain.rows() == [{"a": 1, "s": "x"}]


def test_streamed_rows_count_once(plain: Any) -> None:
    caller = Streaming(plain, WriteMode.STREAMING)
    token = caller.open(exactly_once=True).access_token
    plain.emulator.faults.add(Fault(effect=Reset(), action="TableWrite", when="after"))
    with pytest.raises(ServiceUnavailable):
        caller.send(numbers(1, 2), row_offset=0, access_token=token)
    assert values(plain) == [1, 2]
    receipt = caller.send(numbers(1, 2), row_offset=0, access_token=token)
    assert receipt.row_offset == 2
    assert values(plain) == [1, 2]
    with pytest.raises(Conflict, match="holds 2 rows"):
        caller.open(exactly_once=True)


def test_what_streamed_is_there_after_a_restart(open_service: Callable[..., Any]) -> None:
    service = open_service()
    service.sql("CREATE TABLE t (a BIGINT)")
    shared, own = Streaming(service, STREAMING[0]), created(service, STREAMING[0])
    for caller in (shared, own):
        caller.open()
    shared.send(numbers(1))
    staged = own.send(numbers(2)).staging_id
    service.emulator.close()
    again = open_service()
    shared.service = own.service = again
    assert (values(again), own.pending()) == ([1], staged)
    shared.send(numbers(3))
    own.close()
    own.commit()
    assert values(again) == [1, 2, 3]


def test_the_shared_session_is_for_streams_only(plain: Any) -> None:
    request = wire.encode_get(plain.ref(), "default")
    with pytest.raises(NotFound, match="'default' does not exist"):
        wire.decode_session(plain.send(request))
    caller = Streaming(plain, WriteMode.STREAMING)
    caller.open()
    hidden = f"default.{caller.open().table_id}"
    with pytest.raises(NotFound):
        wire.decode_session(
            plain.send(wire.encode_get(plain.ref(), hidden, WriteMode.STREAMING, THREE))
        )


def test_batches_have_no_staging_ids(plain: Any) -> None:
    session = plain.open_session()
    stream, _ = plain.open_stream(session)
    request = wire.encode_write(plain.ref(), stream, body_of(numbers(1)), n_rows=1)
    assert wire.decode_receipt(plain.send(request)).value.staging_id is None
    request = wire.encode_get(plain.ref(), session.session_id)
    info = wire.decode_session(plain.send(request)).value
    assert info == replace(info, min_uncommitted_staging_id=None)

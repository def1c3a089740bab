from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from odps_frames.errors import Conflict, NotFound, ServiceError, SessionExpired
from odps_frames.model.lifecycle import SessionStatus, StreamState
from odps_frames.model.write import StreamId, WriteMode
from odps_frames.wire import write_session
from odps_frames.wire.arrow_stream import encode_stream
from odps_frames.wire.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def numbers(*values: int, **columns: Any) -> pa.Table:
    return pa.table({"a": list(values), **columns})


@pytest.fixture
def plain(service: Any) -> Any:
    service.sql("CREATE TABLE t (a BIGINT)")
    return service


@pytest.fixture
def parted(service: Any) -> Any:
    service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING, n INT)")
    return service


def values(service: Any) -> list[int]:
    return sorted(service.read()["a"].to_pylist())


def files(tmp_path: Path) -> int:
    return len(list((tmp_path / "tables" / "files").iterdir()))


def test_the_whole_way(any_service: Any) -> None:
    any_service.sql("CREATE TABLE t (a BIGINT)")
    session = any_service.open_session()
    stream, info = any_service.open_stream(session)
    assert (info.state, info.access_token) == (StreamState.OPEN, None)
    data = numbers(1, 2, 3)
    any_service.send_rows(stream, lambda: encode_stream(data.schema, data.to_batches()))
    any_service.send_rows(stream, numbers(4))
    any_service.close_stream(stream)
    assert values(any_service) == []
    assert any_service.commit(session).status is SessionStatus.COMMITTED
    assert any_service.read()["a"].to_pylist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"partition": "pt=x"}, "partition columns at most once: none"),
        ({"flags": {"fancy": "true"}}, "fancy"),
    ],
)
def test_sessions_that_are_refused(plain: Any, spec: dict[str, Any], words: str) -> None:
    with pytest.raises(ServiceError, match=words) as refusal:
        plain.open_session(**spec)
    assert refusal.value.code == "InvalidArgument"


def test_only_the_end_of_a_partition_may_be_open(parted: Any) -> None:
    with pytest.raises(ServiceError, match="at the end"):
        parted.open_session(partition="n=1")


def test_a_call_of_another_mode_is_refused(plain: Any) -> None:
    session = plain.open_session()
    request = write_session.encode_get(
        plain.ref(), session.session_id, WriteMode.STREAMING, Envelope(api_version="3")
    )
    with pytest.raises(ServiceError, match=r"WriteMode=Streaming; session .* of mode Batch"):
        write_session.decode_session(plain.send(request))


def test_a_mode_that_nobody_knows_is_refused(plain: Any) -> None:
    session = plain.open_session()
    request = write_session.encode_get(plain.ref(), session.session_id)
    request = replace(request, query=(*request.query, ("WriteMode", "Sometimes")))
    with pytest.raises(ServiceError, match="Sometimes") as refusal:
        write_session.decode_session(plain.send(request))
    assert refusal.value.status == 400


def test_streams_stand_side_by_side(plain: Any) -> None:
    session = plain.open_session()
    streams = [plain.open_stream(session, str(number))[0] for number in range(8)]
    threads = [
        threading.Thread(target=plain.send_rows, args=(stream, numbers(*range(n * 10, n * 10 + 5))))
        for n, stream in enumerate(streams)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for stream in streams:
        plain.close_stream(stream)
    plain.commit(session)
    assert values(plain) == [n * 10 + k for n in range(8) for k in range(5)]


def test_a_commit_without_names_takes_closed_streams_only(plain: Any, tmp_path: Path) -> None:
    session = plain.open_session()
    closed, _ = plain.open_stream(session, "closed")
    left, _ = plain.open_stream(session, "left")
    plain.send_rows(closed, numbers(1))
    plain.send_rows(left, numbers(2))
    plain.close_stream(closed)
    plain.commit(session)
    assert values(plain) == [1]
    assert files(tmp_path) == 1


def test_a_commit_with_names_takes_exactly_those(plain: Any) -> None:
    session = plain.open_session()
    first, _ = plain.open_stream(session, "first")
    second, _ = plain.open_stream(session, "second")
    for stream, value in ((first, 1), (second, 2)):
        plain.send_rows(stream, numbers(value))
    plain.close_stream(first)
    for wrong in (second, StreamId(session.session_id, "third", 1)):
        with pytest.raises(ServiceError, match="only closed streams") as refusal:
            plain.commit(session, (first, wrong))
        assert refusal.value.status == 400
    plain.close_stream(second)
    plain.commit(session, (second,))
    assert values(plain) == [2]


def test_a_new_version_of_a_stream_abandons_the_old_one(plain: Any, tmp_path: Path) -> None:
    session = plain.open_session()
    old, _ = plain.open_stream(session, version=1)
    plain.send_rows(old, numbers(1))
    new, info = plain.open_stream(session, version=2)
    assert info.n_rows == 0
    assert files(tmp_path) == 0
    with pytest.raises(Conflict):
        plain.send_rows(old, numbers(1))
    with pytest.raises(Conflict):
        plain.close_stream(old)
    with pytest.raises(Conflict):
        plain.open_stream(session, version=1)
    plain.send_rows(new, numbers(2))
    plain.close_stream(new)
    plain.commit(session)
    assert values(plain) == [2]


def test_opening_and_closing_may_be_repeated(plain: Any) -> None:
    session = plain.open_session()
    stream, _ = plain.open_stream(session)
    plain.send_rows(stream, numbers(1))
    assert plain.open_stream(session)[1].n_rows == 1
    plain.close_stream(stream)
    plain.close_stream(stream)
    with pytest.raises(Conflict, match="closed"):
        plain.open_stream(session)
    with pytest.raises(Conflict, match="closed"):
        plain.send_rows(stream, numbers(2))
    plain.commit(session)
    assert values(plain) == [1]


def test_rows_are_brought_exactly_once(plain: Any, tmp_path: Path) -> None:
    session = plain.open_session()
    stream, info = plain.open_stream(session, exactly_once=True)
    token = info.access_token

    def bring(offset: int, *rows: int) -> Any:
        return plain.send_rows(stream, numbers(*rows), row_offset=offset, access_token=token)

    assert info.row_offset == 0
    assert bring(0, 1, 2) == 2
    assert bring(0, 1, 2) == 2  # the answer was lost, and the rows come again
    assert bring(2, 3) == 3
    assert bring(2, 3) == 3
    for rows in ((0, 1, 2), (1, 2), (2, 4), (1, 2, 3), (0, 1, 2, 3)):
        with pytest.raises(Conflict, match="not the body that came last: another writer has"):
            bring(*rows)
    with pytest.raises(Conflict, match="next row is 3"):
        bring(5, 9)
    with pytest.raises(Conflict, match="only a part"):
        bring(2, 3, 4)
    with pytest.raises(ServiceError, match="RowOffset is missing"):
        plain.send_rows(stream, numbers(9), access_token=token)
    with pytest.raises(ServiceError, match="access token"):
        plain.send_rows(stream, numbers(9), row_offset=3, access_token="guess")
    assert files(tmp_path) == 2
    resumed = _get_stream(plain, stream)
    assert (resumed.row_offset, resumed.access_token) == (3, token)
    plain.close_stream(stream)
    plain.commit(session)
    assert values(plain) == [1, 2, 3]


def _get_stream(service: Any, stream: StreamId) -> Any:
    request = write_session.encode_get_stream(service.ref(), stream)
    return write_session.decode_stream(service.send(request)).value


def test_offsets_belong_to_exactly_once_streams(plain: Any) -> None:
    session = plain.open_session()
    stream, _ = plain.open_stream(session)
    with pytest.raises(ServiceError, match="ExactlyOnceMode"):
        plain.send_rows(stream, numbers(1), row_offset=0)
    with pytest.raises(Conflict):
        plain.open_stream(session, exactly_once=True)


def test_states_of_a_session_and_its_streams(plain: Any) -> None:
    session = plain.open_session()
    first, _ = plain.open_stream(session, "a", 1)
    plain.open_stream(session, "a", 2)
    last, _ = plain.open_stream(session, "b", 1)
    plain.close_stream(last)
    info = _get_session(plain, session)
    assert info.status is SessionStatus.NORMAL
    assert [(stream.stream, stream.version, state) for stream, state in info.streams] == [
        ("a", 1, StreamState.ERROR),
        ("a", 2, StreamState.OPEN),
        ("b", 1, StreamState.CLOSED),
    ]
    assert _get_stream(plain, first).state is StreamState.ERROR
    plain.commit(session)
    assert _get_session(plain, session).status is SessionStatus.COMMITTED


def _get_session(service: Any, session: Any) -> Any:
    request = write_session.encode_get(service.ref(), session.session_id)
    return write_session.decode_session(service.send(request)).value


def test_the_write_schema(parted: Any) -> None:
    session = parted.open_session()
    request = write_session.encode_get_schema(parted.ref(), session.session_id)
    schema = write_session.decode_schema_reply(parted.send(request)).value
    assert [column.name for column in schema.columns] == ["a"]


def test_abort(plain: Any, tmp_path: Path) -> None:
    session = plain.open_session()
    stream, _ = plain.open_stream(session)
    plain.send_rows(stream, numbers(1))
    plain.abort(session)
    plain.abort(session)
    assert files(tmp_path) == 0
    calls: tuple[Callable[[], Any], ...] = (
        lambda: plain.commit(session),
        lambda: plain.send_rows(stream, numbers(1)),
        lambda: plain.open_stream(session, "new"),
    )
    for call in calls:
        with pytest.raises(Conflict, match="aborted"):
            call()
    assert values(plain) == []


def test_after_the_commit_nothing_changes_any_more(plain: Any) -> None:
    session = plain.write(numbers(1))
    assert plain.commit(session).status is SessionStatus.COMMITTED
    with pytest.raises(Conflict, match="committed"):
        plain.abort(session)
    with pytest.raises(Conflict, match="committed"):
        plain.open_stream(session, "late")
    assert values(plain) == [1]


def test_a_second_commit_of_other_streams_is_no_success(plain: Any) -> None:
    session = plain.open_session()
    streams = [plain.open_stream(session, name)[0] for name in "abc"]
    for number, stream in enumerate(streams):
        plain.send_rows(stream, numbers(number))
        plain.close_stream(stream)
    plain.commit(session, (streams[0], streams[1]))
    plain.commit(session, (streams[0], streams[1]))
    plain.commit(session, (streams[1],))
    for wanted in (None, (streams[2],), (streams[0], streams[2])):
        with pytest.raises(Conflict, match="committed without"):
            plain.commit(session, wanted)
    assert values(plain) == [0, 1]
    state = _get_stream(plain, streams[0]).state
    assert state is StreamState.CLOSED


def test_expired_sessions_leave_no_rows(plain: Any, tmp_path: Path) -> None:
    session = plain.open_session()
    stream, _ = plain.open_stream(session)
    plain.send_rows(stream, numbers(1))
    plain.close_stream(stream)
    plain.clock.advance(hours=24)
    calls: tuple[Callable[[], Any], ...] = (
        lambda: plain.commit(session),
        lambda: plain.open_stream(session, "new"),
    )
    for call in calls:
        with pytest.raises(SessionExpired):
            call()
    assert _get_session(plain, session).status is SessionStatus.EXPIRED
    plain.abort(session)
    assert files(tmp_path) == 0
    assert values(plain) == []


def test_the_table_of_a_session_has_to_be_the_same(plain: Any, tmp_path: Path) -> None:
    session = plain.open_session()
    stream, _ = plain.open_stream(session)
    plain.send_rows(stream, numbers(1))
    plain.close_stream(stream)
    plain.sql("DROP TABLE t")
    assert files(tmp_path) == 0
    with pytest.raises(NotFound):
        plain.commit(session)
    plain.sql("CREATE TABLE t (a BIGINT)")
    with pytest.raises(Conflict, match="dropped") as refusal:
        plain.commit(session)
    assert refusal.value.code == "TableModified"
    assert values(plain) == []


def test_new_columns_need_a_new_stream(plain: Any) -> None:
    session = plain.open_session()
    stream, _ = plain.open_stream(session)
    plain.send_rows(stream, numbers(1))
    plain.sql("ALTER TABLE t ADD COLUMNS (s STRING)")
    with pytest.raises(Conflict, match="columns") as refusal:
        plain.send_rows(stream, numbers(1))
    assert refusal.value.code == "SchemaModified"
    plain.close_stream(stream)
    other, info = plain.open_stream(session, "other")
    assert info.schema_version == info.latest_schema_version == "2"
    plain.send_rows(other, numbers(2, s=["x"]))
    plain.close_stream(other)
    plain.commit(session)
    assert sorted(plain.rows(), key=lambda row: row["a"]) == [
        {"a": 1, "s": None},
        {"a": 2, "s": "x"},
    ]


def test_a_table_id_of_another_table_is_refused(plain: Any) -> None:
    session = plain.open_session()
    stream, info = plain.open_stream(session)
    plain.send_rows(stream, numbers(1), table_id=info.table_id)
    with pytest.raises(Conflict, match="TableId"):
        plain.send_rows(stream, numbers(1), table_id="other")


def test_unknown_sessions_and_streams(plain: Any) -> None:
    plain.sql("CREATE TABLE u (a BIGINT)")
    session = plain.open_session()
    nobody = StreamId(session.session_id, "nobody", 1)
    calls: tuple[Callable[[], Any], ...] = (
        lambda: plain.send_rows(nobody, numbers(1)),
        lambda: plain.close_stream(nobody),
        lambda: plain.commit(session, table="u"),
        lambda: plain.abort(session, table="nowhere"),
        lambda: plain.open_stream(session, table="u"),
        lambda: plain.send_rows(StreamId("gone", "s", 1), numbers(1)),
    )
    for call in calls:
        with pytest.raises(NotFound):
            call()

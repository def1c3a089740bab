from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.errors import ProtocolError, ServiceError
from odps_frames.model.lifecycle import SessionStatus, StreamState
from odps_frames.model.read import DataFormat
from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.table import TableRef
from odps_frames.model.types import parse_type
from odps_frames.model.write import (
    StreamId,
    WriteMode,
    WriteReceipt,
    WriteSessionInfo,
    WriteSpec,
    WriteStreamInfo,
)
from odps_frames.wire import write_session as wire
from odps_frames.wire.envelope import Envelope
from odps_frames.wire.http import Repeat, Request, Response
from odps_frames.wire.schema import write_schema_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TABLE = TableRef("p", "t")
THREE = Envelope(api_version="3")
STREAM = StreamId("s", "0", 1)
SCHEMA = write_schema_of(TableSchema((Column("a", parse_type("map<string,int>")),)))
TEXTS = st.text(min_size=1, max_size=5)
COUNTS = st.integers(0, 2**40)
MODES = st.sampled_from(WriteMode)
STREAMS = st.builds(StreamId, TEXTS, TEXTS, COUNTS)
FLAG_NAMES = TEXTS.filter(lambda name: "_" not in name and name != "overwrite")
SPECS = st.builds(
    WriteSpec,
    table=st.sampled_from([TABLE, TableRef("p", "t", "s")]),
    partition=st.text(max_size=5),
    overwrite=st.booleans(),
    quota=st.none() | TEXTS,
    schema_evolution=st.booleans(),
    mode=MODES,
    flags=st.dictionaries(FLAG_NAMES, TEXTS, max_size=2),
)
SESSIONS = st.builds(
    WriteSessionInfo,
    session_id=st.just("s"),
    status=st.sampled_from(SessionStatus),
    streams=st.lists(
        st.tuples(st.builds(StreamId, st.just("s"), TEXTS, COUNTS), st.sampled_from(StreamState)),
        max_size=3,
    ).map(tuple),
    min_uncommitted_staging_id=st.none() | TEXTS,
    message=st.text(max_size=5),
)
STREAM_INFOS = st.builds(
    WriteStreamInfo,
    state=st.sampled_from(StreamState),
    n_rows=st.none() | COUNTS,
    n_bytes=st.none() | COUNTS,
    error_code=st.none() | TEXTS,
    error_message=st.none() | TEXTS,
    schema=st.none() | st.just(SCHEMA),
    table_id=st.none() | TEXTS,
    schema_version=st.none() | TEXTS | st.sampled_from(["0", "007", "12"]),
    latest_schema_version=st.none() | TEXTS,
    row_offset=st.none() | COUNTS,
    access_token=st.none() | TEXTS,
)
RECEIPTS = st.builds(
    WriteReceipt,
    row_offset=st.none() | COUNTS,
    commit_message=st.none() | TEXTS,
    staging_id=st.none() | TEXTS,
    n_rows=st.none() | COUNTS,
)
SAID: dict[str, str] = {"request_id": "r", "route_token": "t", "warning": "w"}


def request(body: object, method: str = "POST", **query: str) -> Request:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    pairs = {"Action": "Some", "Target": "projects.p.tables.t", **query}
    return Request(method=method, path="/api/storage/v2", query=tuple(pairs.items()), body=content)


def answer(document: object) -> Response:
    return Response.of(json.dumps(document).encode(), headers={"x-odps-request-id": "r"})


@given(spec=SPECS)
def test_specs_come_back(spec: WriteSpec) -> None:
    assert wire.decode_create(wire.encode_create(spec, THREE)) == spec


@given(stream=STREAMS, exactly_once=st.booleans(), mode=MODES)
def test_calls_about_streams_come_back(
    stream: StreamId, mode: WriteMode, *, exactly_once: bool
) -> None:
    call = wire.StreamCall(TABLE, stream, exactly_once, mode)
    opening = wire.encode_open(TABLE, stream, exactly_once=exactly_once, mode=mode, envelope=THREE)
    asking = wire.encode_get_stream(
        TABLE, stream, exactly_once=exactly_once, table_id="i", mode=mode, envelope=THREE
    )
    assert wire.decode_open(opening) == wire.decode_get_stream(asking) == call
    closing = wire.encode_close(TABLE, stream, mode, THREE)
    assert wire.decode_close(closing) == wire.StreamCall(TABLE, stream, mode=mode)


@given(session=TEXTS, mode=MODES)
def test_calls_about_sessions_come_back(session: str, mode: WriteMode) -> None:
    call = wire.SessionCall(TABLE, session, mode)
    assert wire.decode_session_call(wire.encode_get(TABLE, session, mode, THREE)) == call
    assert wire.decode_session_call(wire.encode_abort(TABLE, session, mode, THREE)) == call
    asked = wire.decode_session_call(wire.encode_get_schema(TABLE, session, THREE))
    assert asked == wire.SessionCall(TABLE, session)


@given(streams=st.none() | st.lists(st.builds(StreamId, st.just("s"), TEXTS, COUNTS)), mode=MODES)
def test_commits_come_back(streams: list[StreamId] | None, mode: WriteMode) -> None:
    chosen = None if streams is None else tuple(streams)
    sent = wire.encode_commit(TABLE, "s", chosen, mode, THREE)
    assert wire.decode_commit(sent) == wire.CommitCall(TABLE, "s", chosen, mode)


@given(
    stream=STREAMS,
    n_rows=COUNTS,
    facts=st.fixed_dictionaries(
        {},
        optional={
            "row_offset": COUNTS,
            "access_token": TEXTS,
            "table_id": TEXTS,
            "schema_version": TEXTS,
            "mode": MODES,
        },
    ),
)
def test_writes_come_back(stream: StreamId, n_rows: int, facts: dict[str, Any]) -> None:
    sent = wire.encode_write(TABLE, stream, b"", n_rows=n_rows, envelope=THREE, **facts)
    call = wire.WriteCall(table=TABLE, stream=stream, n_rows=n_rows or None, **facts)
    assert wire.decode_write(sent) == call


@given(info=SESSIONS)
def test_sessions_come_back(info: WriteSessionInfo) -> None:
    reply = wire.decode_session(wire.encode_session(info, **SAID))
    assert reply.value == info
    assert (reply.request_id, reply.route_token, reply.warning) == ("r", "t", "w")


@given(info=STREAM_INFOS)
def test_streams_come_back(info: WriteStreamInfo) -> None:
    assert wire.decode_stream(wire.encode_stream(info, **SAID)).value == info


@given(receipt=RECEIPTS)
def test_receipts_come_back(receipt: WriteReceipt) -> None:
    assert wire.decode_receipt(wire.encode_receipt(receipt, **SAID)).value == receipt


def test_schemas_and_ends_come_back() -> None:
    assert wire.decode_schema_reply(wire.encode_schema_reply(SCHEMA, **SAID)).value == SCHEMA
    done = wire.decode_done(wire.encode_done(**SAID))
    assert (done.value, done.warning, done.request_id) == (None, "w", "r")


def every_request(envelope: Envelope) -> Iterator[tuple[str, Request]]:
    yield "create", wire.encode_create(WriteSpec(table=TABLE), envelope)
    yield "get", wire.encode_get(TABLE, "s", envelope=envelope)
    yield "open", wire.encode_open(TABLE, STREAM, envelope=envelope)
    yield "get_stream", wire.encode_get_stream(TABLE, STREAM, envelope=envelope)
    yield "write", wire.encode_write(TABLE, STREAM, b"", n_rows=1, envelope=envelope)
    yield (
        "write_at",
        wire.encode_write(TABLE, STREAM, b"", n_rows=1, row_offset=0, envelope=envelope),
    )
    yield "close", wire.encode_close(TABLE, STREAM, envelope=envelope)
    yield "commit", wire.encode_commit(TABLE, "s", envelope=envelope)
    yield "abort", wire.encode_abort(TABLE, "s", envelope=envelope)
    yield "get_schema", wire.encode_get_schema(TABLE, "s", envelope)


def test_only_version_three_knows_modes_and_schemas_never_do() -> None:
    assert {sent.parameter("WriteMode") for _, sent in every_request(Envelope())} == {None}
    modes = {name: sent.parameter("WriteMode") for name, sent in every_request(THREE)}
    assert modes.pop("get_schema") is None
    assert set(modes.values()) == {"Batch"}


def test_what_would_count_twice_is_not_repeated() -> None:
    once = {name for name, sent in every_request(THREE) if sent.repeat is Repeat.UNSENT}
    assert once == {"write", "commit"}


def test_the_envelope_goes_with_every_request() -> None:
    envelope = Envelope(api_version="3", route_token="t", quota="q", tags=("a", "b"))
    assert all(Envelope.of(sent) == envelope for _, sent in every_request(envelope))


def test_rows_are_sent_as_they_are() -> None:
    def body() -> Iterator[bytes]:
        yield b"rows"

    sent = wire.encode_write(TABLE, STREAM, body, n_rows=1, content_length=4)
    assert sent.body is body
    assert (sent.content_length, sent.headers["Content-Type"]) == (4, "application/octet-stream")
    assert wire.decode_write(sent).stream == STREAM  # without touching the body


def test_flags_are_text_and_those_of_a_caller_count_last() -> None:
    spec = WriteSpec(table=TABLE, overwrite=True, quota="q", flags={"overwrite": "false", "x": "1"})
    document = json.loads(wire.encode_create(spec).read_body())
    assert document["Flags"] == {"overwrite": "false", "quota_name": "q", "x": "1"}
    assert "RequiredDataFormat" not in document
    formatted = wire.encode_create(spec, data_format=DataFormat())
    assert json.loads(formatted.read_body())["RequiredDataFormat"] == {
        "Type": "Arrow",
        "Version": "V5",
    }


@pytest.mark.parametrize("overwrite", [True, "true", "TRUE"])
def test_overwriting_may_be_said_in_json_or_text(overwrite: object) -> None:
    flags = {"overwrite": overwrite, "other": True, "number": 7}
    spec = wire.decode_create(request({"Flags": flags}))
    assert spec == WriteSpec(table=TABLE, overwrite=True, flags={"other": "true", "number": "7"})


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"Novelty": {}}, "'Novelty' is not known"),
        ({"PartitionSpec": "pt=1"}, "'PartitionSpec' is not known"),
        ({"RequiredDataFormat": {"Type": "Avro"}}, "Avro V5; expected Arrow V5"),
        ({"RequiredDataFormat": {"Version": "V4"}}, "Arrow V4; expected Arrow V5"),
    ],
)
def test_what_is_not_known_is_refused_by_name(document: object, words: str) -> None:
    with pytest.raises(ServiceError, match=words) as refusal:
        wire.decode_create(request(document))
    assert (refusal.value.status, refusal.value.code) == (400, "InvalidArgument")


def test_an_empty_request_has_the_usual_meaning() -> None:
    assert wire.decode_create(request(b"")) == WriteSpec(table=TABLE)
    opened = wire.decode_open(request({"StreamId": 7}, SessionId="s"))
    assert opened == wire.StreamCall(TABLE, StreamId("s", "7", 0))


def test_streams_are_asked_after_by_either_method() -> None:
    query = {"SessionId": "s", "StreamId": "0", "StreamVersion": "1", "ExactlyOnceMode": "true"}
    asked = wire.StreamCall(TABLE, STREAM, exactly_once=True)
    assert wire.decode_get_stream(request(b"", "GET", **query)) == asked
    body = {"StreamId": "0", "StreamVersion": 1, "ExactlyOnceMode": True}
    assert wire.decode_get_stream(request(body, SessionId="s")) == asked


def test_a_count_of_nothing_and_an_offset_below_say_nothing() -> None:
    query = {"SessionId": "s", "StreamId": "0", "Count": "0", "RowOffset": "-1"}
    call = wire.decode_write(request(b"rows", **query))
    assert (call.n_rows, call.row_offset) == (None, None)


BROKEN: list[tuple[Callable[[Request], object], Request]] = [
    (wire.decode_create, request(b"{")),
    (wire.decode_create, request({"Flags": []})),
    (wire.decode_create, request({"Flags": {"overwrite": "maybe"}})),
    (wire.decode_create, request({"PartialPartitionSpec": ["pt=1"]})),
    (wire.decode_create, request({}, Target="projects.p.instances.i")),
    (wire.decode_create, request({}, WriteMode="Turbo")),
    (wire.decode_session_call, request({})),
    (wire.decode_open, request({}, SessionId="s")),
    (wire.decode_open, request({"StreamId": "0", "StreamVersion": "new"}, SessionId="s")),
    (wire.decode_close, request({"StreamId": "0"})),
    (wire.decode_write, request(b"", SessionId="s", StreamId="0", Count="few")),
    (wire.decode_write, request(b"", SessionId="s", StreamId="0", RowOffset="-7")),
    (wire.decode_commit, request({"StreamIds": ["0"]}, SessionId="s")),
    (wire.decode_commit, request({"StreamIds": ["0"], "StreamVersions": ["a"]}, SessionId="s")),
]


@pytest.mark.parametrize(("decode", "broken"), BROKEN)
def test_malformed_requests_are_refused(
    decode: Callable[[Request], object], broken: Request
) -> None:
    with pytest.raises(ServiceError, match="cannot carry out 'Some': ") as raised:
        decode(broken)
    assert type(raised.value) is ServiceError
    assert (raised.value.status, raised.value.code) == (400, "InvalidArgument")


def test_a_new_session_needs_its_id() -> None:
    with pytest.raises(ProtocolError, match="SessionId is missing") as raised:
        wire.decode_session(answer({"WarningMessage": "w"}))
    assert raised.value.request_id == "r"


def test_a_session_that_was_asked_after_does_not() -> None:
    assert wire.decode_session(answer({"Streams": []})).value == WriteSessionInfo()
    assert wire.decode_session(answer({}), "s").value.session_id == "s"


@pytest.mark.parametrize(
    "streams",
    [
        [{"StreamId": "0", "StreamVersion": 1, "Status": "normal"}, "odd", {"StreamVersion": 1}],
        {"0": {"StreamVersion": "1", "status": "OPEN"}, "1": None},
    ],
)
def test_streams_are_listed_or_mapped(streams: object) -> None:
    info = wire.decode_session(answer({"SessionId": "s", "Streams": streams})).value
    assert info.streams == ((STREAM, StreamState.OPEN),)


@pytest.mark.parametrize("streams", [None, {}, [], "none", 7])
def test_there_may_be_no_streams(streams: object) -> None:
    assert wire.decode_session(answer({"SessionId": "s", "Streams": streams})).value.streams == ()


def test_states_of_streams_go_out_in_both_letter_cases() -> None:
    info = WriteStreamInfo(state=StreamState.OPEN, n_rows=3, schema_version="7", table_id="7")
    assert json.loads(wire.encode_stream(info).read()) == {
        "Status": "OPEN",
        "status": "OPEN",
        "RecordCount": 3,
        "recordCount": 3,
        "SchemaVersion": 7,
        "TableId": "7",
    }


def test_states_of_streams_are_read_in_either() -> None:
    upper = wire.decode_stream(answer({"Status": "OPEN", "RecordCount": 3})).value
    lower = wire.decode_stream(answer({"status": "open", "recordCount": 3})).value
    assert upper == lower == WriteStreamInfo(state=StreamState.OPEN, n_rows=3)


def test_an_offset_is_never_guessed() -> None:
    with pytest.raises(ProtocolError, match="ExactlyOnceRowOffset="):
        wire.decode_receipt(answer({"ExactlyOnceRowOffset": "next"}))
    assert wire.decode_receipt(answer({"ExactlyOnceRowOffset": -1})).value == WriteReceipt()


def test_a_receipt_needs_a_body_and_an_end_does_not() -> None:
    with pytest.raises(ProtocolError):
        wire.decode_receipt(Response.of(b""))
    assert wire.decode_done(Response.of(b"")).value is None
    with pytest.raises(ProtocolError, match="<html/>"):
        wire.decode_done(Response.of(b"<html/>"))


def test_a_schema_that_was_asked_for_must_come() -> None:
    with pytest.raises(ProtocolError, match="TableSchema is missing"):
        wire.decode_schema_reply(answer({}))
    bad = {"DataColumns": [{"columnType": {"MemberName": "id", "Type": 99}}]}
    with pytest.raises(ProtocolError, match="column 'id': type code 99"):
        wire.decode_stream(answer({"TableSchema": bad}))

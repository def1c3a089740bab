"""Recorded exchanges about write streams."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from odps_frames.model.lifecycle import StreamState
from odps_frames.model.table import TableRef
from odps_frames.model.types import parse_type
from odps_frames.model.write import StreamId, WriteMode, WriteReceipt, WriteStreamInfo
from odps_frames.model.write_schema import WriteColumn, WriteSchema
from odps_frames.wire import write_session as wire
from odps_frames.wire.envelope import Envelope
from odps_frames.wire.names import Action
from odps_frames.wire.write_session import StreamCall, WriteCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.wire.http import Body, Request, Response
    from odps_frames.wire.reply import Reply
    from tests.golden.conftest import Golden

Call = StreamCall | WriteCall
Answer = WriteStreamInfo | WriteReceipt | None

OLDER = TableRef("golden_project", "golden_table", "default")
NEWER = TableRef("golden_project", "golden_table")
SESSION = "golden-write-session-id"
FIRST, DEFAULT = StreamId(SESSION, "0", 1), StreamId(SESSION, "default", 1)
STREAMED = StreamId("default", "0", 1)
STREAMING = WriteMode.STREAMING
TOKEN = "golden-access-token"
PLAIN = Envelope()
THREE = Envelope(api_version="3")


def routed(number: int, envelope: Envelope = PLAIN) -> Envelope:
    return replace(envelope, route_token=f"golden-route-token-{number}")


def column(name: str, type_: str, number: int, *children: WriteColumn) -> WriteColumn:
    return WriteColumn(name=name, type=parse_type(type_), column_id=number, children=children)


ID = column("id", "bigint", 1)
INNER = column(
    "element", "struct<f1:string,f2:blob>", 4, column("f1", "string", 5), column("f2", "blob", 6)
)
NESTED = column("arr", "array<struct<f1:string,f2:blob>>", 3, INNER)
OPENED = WriteStreamInfo(
    schema=WriteSchema((ID, column("name", "string", 2))),
    table_id="golden-table-id",
    schema_version="1",
)
OPEN = WriteStreamInfo(state=StreamState.OPEN, n_rows=3)
EXACT = replace(OPEN, row_offset=3, access_token=TOKEN)


@dataclass(frozen=True, slots=True)
class Case:
    """What we make of one recording."""

    action: Action
    call: Call
    answer: Answer = None
    envelope: Envelope = PLAIN


def opening(answer: Answer, envelope: Envelope, call: StreamCall) -> Case:
    return Case(Action.CREATE_WRITE_STREAM, call, answer, envelope)


def asking(answer: Answer, envelope: Envelope, call: StreamCall) -> Case:
    return Case(Action.GET_WRITE_STREAM, call, answer, envelope)


def closing(envelope: Envelope, call: StreamCall) -> Case:
    return Case(Action.CLOSE_WRITE_STREAM, call, None, envelope)


def writing(answer: WriteReceipt, envelope: Envelope, **facts: Any) -> Case:
    usual: dict[str, Any] = {"table": NEWER, "stream": DEFAULT, "n_rows": 3}
    if facts.get("table", NEWER) is NEWER:
        usual |= {"table_id": "golden-table-id", "schema_version": "1"}
    if facts.get("row_offset") is not None:
        usual["access_token"] = TOKEN
    return Case(Action.WRITE, WriteCall(**(usual | facts)), answer, envelope)


def both_versions(version: str) -> dict[str, Case]:
    """What the newer client does alike in both versions."""
    first, second = (routed(number, Envelope(api_version=version)) for number in (1, 2))
    plain, exact = StreamCall(NEWER, FIRST), StreamCall(NEWER, FIRST, exactly_once=True)
    staged = WriteReceipt(staging_id="42" if version == "3" else None)
    cases = {
        "close-write-stream": closing(second, plain),
        "create-write-stream": opening(OPENED, first, plain),
        "create-write-stream-exactly-once": opening(
            replace(OPENED, access_token=TOKEN), first, exact
        ),
        "get-write-stream-exactly-once": asking(EXACT, first, exact),
        "get-write-stream-resume": asking(
            replace(OPENED, state=StreamState.OPEN, n_rows=0), first, plain
        ),
        "write": writing(staged, first, stream=FIRST),
        "write-exactly-once-1": writing(
            WriteReceipt(row_offset=2), first, stream=FIRST, n_rows=2, row_offset=0
        ),
        "write-exactly-once-2": writing(
            WriteReceipt(row_offset=3), first, stream=FIRST, n_rows=1, row_offset=2
        ),
        "write-lz4": writing(WriteReceipt(), first),
        "write-zstd": writing(WriteReceipt(), first),
    }
    return {f"ms-v{version}-table-{name}": case for name, case in cases.items()}


OLDER_CALL = StreamCall(OLDER, FIRST)
IN_STREAMING = StreamCall(OLDER, FIRST, mode=STREAMING)
CASES: dict[str, Case] = {
    **both_versions("2"),
    **both_versions("3"),
    "ms-v2-delta-table-write": writing(WriteReceipt(), routed(1), stream=FIRST, n_rows=2),
    "ms-v3-blob-auto-upload-table-write": writing(WriteReceipt(), routed(1, THREE), stream=FIRST),
    "ms-v3-streaming-create-write-stream": opening(
        OPENED, THREE, StreamCall(NEWER, STREAMED, mode=STREAMING)
    ),
    "ms-v3-streaming-table-write": writing(
        WriteReceipt(staging_id="42"),
        routed(1, THREE),
        stream=STREAMED,
        n_rows=2,
        mode=STREAMING,
    ),
    "v2-table-close-write-stream": closing(routed(2), OLDER_CALL),
    "v2-table-create-write-stream": opening(OPENED, routed(1), OLDER_CALL),
    "v2-table-get-write-stream": asking(replace(OPEN, n_bytes=128), routed(2), OLDER_CALL),
    "v2-table-get-write-stream-exactly-once": asking(
        replace(EXACT, latest_schema_version="1"),
        routed(2),
        replace(OLDER_CALL, exactly_once=True),
    ),
    "v2-table-write-exactly-once": writing(
        WriteReceipt(row_offset=6), routed(1), table=OLDER, stream=FIRST, row_offset=3
    ),
    "v2-table-write-lz4": writing(WriteReceipt(), routed(2), table=OLDER, stream=FIRST),
    "v2-table-write-uncompressed": writing(
        WriteReceipt(commit_message="golden-commit-message"),
        routed(2),
        table=OLDER,
        stream=FIRST,
    ),
    "v2-table-write-zstd": writing(WriteReceipt(), routed(2), table=OLDER, stream=FIRST),
    "v3-table-close-write-stream": closing(routed(2, THREE), IN_STREAMING),
    "v3-table-create-write-stream-blob-schema": opening(
        replace(OPENED, schema=WriteSchema((ID, column("b", "blob", 2), NESTED))),
        routed(1, THREE),
        IN_STREAMING,
    ),
    "v3-table-get-write-stream": asking(replace(OPEN, n_rows=0), routed(1, THREE), IN_STREAMING),
    "v3-table-write": writing(
        WriteReceipt(staging_id="42"),
        routed(1, THREE),
        table=OLDER,
        stream=FIRST,
        mode=STREAMING,
    ),
}
COVERED = frozenset(CASES)


def encode(case: Case, body: Body) -> Request:
    envelope = case.envelope
    match case.call:
        case StreamCall(table=table, stream=stream, exactly_once=exact, mode=mode):
            if case.action is Action.CLOSE_WRITE_STREAM:
                return wire.encode_close(table, stream, mode, envelope)
            opening = case.action is Action.CREATE_WRITE_STREAM
            ask = wire.encode_open if opening else wire.encode_get_stream
            return ask(table, stream, exactly_once=exact, mode=mode, envelope=envelope)
        case WriteCall() as call:
            return wire.encode_write(
                call.table,
                call.stream,
                body,
                n_rows=call.n_rows or 0,
                row_offset=call.row_offset,
                access_token=call.access_token,
                table_id=call.table_id,
                schema_version=call.schema_version,
                mode=call.mode,
                envelope=envelope,
            )


DECODERS: dict[str, Callable[[Request], Call]] = {
    Action.CREATE_WRITE_STREAM: wire.decode_open,
    Action.GET_WRITE_STREAM: wire.decode_get_stream,
    Action.CLOSE_WRITE_STREAM: wire.decode_close,
    Action.WRITE: wire.decode_write,
}
ANSWERS: dict[str, Callable[[Response], Reply[Any]]] = {
    Action.CREATE_WRITE_STREAM: wire.decode_stream,
    Action.GET_WRITE_STREAM: wire.decode_stream,
    Action.CLOSE_WRITE_STREAM: wire.decode_done,
    Action.WRITE: wire.decode_receipt,
}

ASKED_BY_GET = frozenset(
    {
        # The older client asks by GET; both are taken, the newer form is sent.
        "v2-table-get-write-stream",
        "v2-table-get-write-stream-exactly-once",
        "v3-table-get-write-stream",
    }
)


@pytest.mark.parametrize("stem", sorted(COVERED))
def test_client_sends_what_was_recorded(golden: Golden, stem: str) -> None:
    case, recording = CASES[stem], golden[stem]
    content = recording.request.read_body()
    ours = encode(case, (lambda: [content]) if recording.streamed else content)
    as_get = replace(ours, method="GET", body=None)
    golden.assert_reproduced(stem, as_get if stem in ASKED_BY_GET else ours)
    assert ours.operation == case.action
    assert DECODERS[case.action](ours) == case.call


@pytest.mark.parametrize("stem", sorted(COVERED))
def test_service_reads_what_was_recorded(golden: Golden, stem: str) -> None:
    case, request = CASES[stem], golden[stem].request
    assert DECODERS[dict(request.query)["Action"]](request) == case.call
    assert Envelope.of(request) == case.envelope


@pytest.mark.parametrize("stem", sorted(COVERED))
def test_client_understands_what_was_answered(golden: Golden, stem: str) -> None:
    case, recording = CASES[stem], golden[stem]
    reply = ANSWERS[case.action](recording.response)
    assert reply.value == case.answer
    assert reply.request_id == recording.response.headers["x-odps-request-id"]
    assert reply.route_token == recording.response.headers.get("x-odps-max-storage-route-token")
    assert reply.warning == recording.parsed.get("warning_message")


NAMES = {
    "access_token": "access_token",
    "byte_size": "n_bytes",
    "error_code": "error_code",
    "error_message": "error_message",
    "exactly_once_row_offset": "row_offset",
    "latest_schema_version": "latest_schema_version",
    "record_count": "n_rows",
    "row_offset": "row_offset",
    "schema_version": "schema_version",
    "staging_id": "staging_id",
    "status": "state",
    "table_id": "table_id",
}


@pytest.mark.parametrize("stem", sorted(stem for stem in COVERED if CASES[stem].answer))
def test_client_understands_it_as_the_recorded_one_did(golden: Golden, stem: str) -> None:
    parsed = golden[stem].parsed
    value = ANSWERS[CASES[stem].action](golden[stem].response).value
    for key in parsed.keys() & NAMES.keys():
        theirs, ours = parsed[key], getattr(value, NAMES[key])
        assert ours == (str(theirs) if isinstance(ours, str) else theirs), key
    if "finish" in parsed:
        assert [value.commit_message, True] == parsed["finish"]


def answer_of_the_service(value: Answer) -> Response:
    envelope = {"request_id": "r", "route_token": "t", "warning": "w"}
    match value:
        case WriteStreamInfo():
            return wire.encode_stream(value, **envelope)
        case WriteReceipt():
            return wire.encode_receipt(value, **envelope)
        case None:
            return wire.encode_done(**envelope)


@pytest.mark.parametrize("stem", sorted(COVERED))
def test_what_the_service_answers_is_understood(stem: str) -> None:
    case = CASES[stem]
    reply = ANSWERS[case.action](answer_of_the_service(case.answer))
    assert reply.value == case.answer
    assert (reply.request_id, reply.route_token, reply.warning) == ("r", "t", "w")

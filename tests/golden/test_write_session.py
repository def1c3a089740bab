"""Recorded exchanges about write sessions."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from odps_frames.model.lifecycle import StreamState
from odps_frames.model.read import DataFormat
from odps_frames.model.table import TableRef
from odps_frames.model.types import parse_type
from odps_frames.model.write import StreamId, WriteMode, WriteSessionInfo, WriteSpec
from odps_frames.model.write_schema import WriteColumn, WriteSchema
from odps_frames.wire import write_session as wire
from odps_frames.wire.envelope import Envelope
from odps_frames.wire.names import Action
from odps_frames.wire.write_session import CommitCall, SessionCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.wire.http import Request, Response
    from odps_frames.wire.reply import Reply
    from tests.golden.conftest import Golden

Call = WriteSpec | SessionCall | CommitCall
Answer = WriteSessionInfo | WriteSchema | None

OLDER = TableRef("golden_project", "golden_table", "default")
NEWER = TableRef("golden_project", "golden_table")
SESSION = "golden-write-session-id"
FIRST, SECOND = StreamId(SESSION, "0", 1), StreamId(SESSION, "1", 2)
STREAMING = WriteMode.STREAMING
PLAIN = Envelope()
THREE = Envelope(api_version="3")
PARTITION = "pt=20240101"
CREATED = WriteSessionInfo(session_id=SESSION)


def routed(number: int, envelope: Envelope = PLAIN) -> Envelope:
    return replace(envelope, route_token=f"golden-route-token-{number}")


def column(name: str, type_: str, number: int, *children: WriteColumn) -> WriteColumn:
    return WriteColumn(name=name, type=parse_type(type_), column_id=number, children=children)


ID, BLOB = column("id", "bigint", 1), column("b", "blob", 2)
FILES = column("arr", "array<blob>", 3, column("element", "blob", 4))
INNER = column(
    "element", "struct<f1:string,f2:blob>", 4, column("f1", "string", 5), column("f2", "blob", 6)
)
NESTED = column("arr", "array<struct<f1:string,f2:blob>>", 3, INNER)


@dataclass(frozen=True, slots=True)
class Case:
    """What we make of one recording."""

    action: Action
    call: Call
    answer: Answer = None
    envelope: Envelope = PLAIN
    data_format: DataFormat | None = None


def create(answer: Answer, envelope: Envelope, spec: WriteSpec, *formats: DataFormat) -> Case:
    return Case(Action.CREATE_WRITE_SESSION, spec, answer, envelope, *formats)


def about(action: Action, answer: Answer, envelope: Envelope, call: SessionCall) -> Case:
    return Case(action, call, answer, envelope)


def commit(envelope: Envelope, call: CommitCall) -> Case:
    return Case(Action.COMMIT_WRITE_SESSION, call, None, envelope)


def both_versions(version: str) -> dict[str, Case]:
    """What the newer client does alike in both versions."""
    plain = Envelope(api_version=version)
    first, second = routed(1, plain), routed(2, plain)
    everything = WriteSpec(
        table=NEWER,
        partition=PARTITION,
        overwrite=True,
        quota="golden_quota",
        schema_evolution=True,
    )
    session = SessionCall(NEWER, SESSION)
    schema = WriteSchema((ID, BLOB, FILES))
    cases = {
        "abort-write-session": about(Action.ABORT_WRITE_SESSION, None, first, session),
        "commit-write-session": commit(first, CommitCall(NEWER, SESSION)),
        "commit-write-session-streams": commit(second, CommitCall(NEWER, SESSION, (FIRST,))),
        "create-write-session-default": create(CREATED, plain, WriteSpec(table=NEWER)),
        "create-write-session-full": create(CREATED, plain, everything, DataFormat()),
        "get-write-schema": about(Action.GET_WRITE_SCHEMA, schema, plain, session),
        "get-write-session-reload": about(
            Action.GET_WRITE_SESSION, WriteSessionInfo(), plain, session
        ),
    }
    return {f"ms-v{version}-table-{name}": case for name, case in cases.items()}


STAGED = WriteSessionInfo(min_uncommitted_staging_id="42")
IN_STREAMING = SessionCall(OLDER, SESSION, STREAMING)
CASES: dict[str, Case] = {
    **both_versions("2"),
    **both_versions("3"),
    "ms-v2-write-schema-struct-fails": about(
        Action.GET_WRITE_SCHEMA,
        WriteSchema((ID, BLOB, NESTED)),
        PLAIN,
        SessionCall(NEWER, SESSION),
    ),
    "ms-v3-streaming-get-write-session": about(
        Action.GET_WRITE_SESSION, STAGED, THREE, SessionCall(NEWER, "default", STREAMING)
    ),
    "v2-table-abort-write-session": about(
        Action.ABORT_WRITE_SESSION, None, routed(2), SessionCall(OLDER, SESSION)
    ),
    "v2-table-commit-write-session": commit(routed(2), CommitCall(OLDER, SESSION)),
    "v2-table-commit-write-session-streams": commit(
        routed(2), CommitCall(OLDER, SESSION, (FIRST, SECOND))
    ),
    "v2-table-create-write-session-default": create(CREATED, PLAIN, WriteSpec(table=OLDER)),
    "v2-table-create-write-session-full": create(
        CREATED, PLAIN, WriteSpec(table=OLDER, partition=PARTITION, overwrite=True)
    ),
    "v2-table-get-write-session": about(
        Action.GET_WRITE_SESSION,
        WriteSessionInfo(streams=((StreamId("", "0", 1), StreamState.OPEN),)),
        PLAIN,
        SessionCall(OLDER, SESSION),
    ),
    "v3-table-abort-write-session": about(
        Action.ABORT_WRITE_SESSION, None, routed(2, THREE), IN_STREAMING
    ),
    "v3-table-commit-write-session": commit(
        routed(2, THREE), CommitCall(OLDER, SESSION, None, STREAMING)
    ),
    "v3-table-create-write-session-batch-compatible": create(
        CREATED, THREE, WriteSpec(table=OLDER, mode=WriteMode.BATCH_COMPATIBLE)
    ),
    "v3-table-create-write-session-streaming": create(
        CREATED, THREE, WriteSpec(table=OLDER, partition=PARTITION, mode=STREAMING)
    ),
    "v3-table-get-write-session": about(
        Action.GET_WRITE_SESSION, STAGED, routed(1, THREE), IN_STREAMING
    ),
}
COVERED = frozenset(CASES)


def encode(case: Case) -> Request:
    envelope = case.envelope
    match case.call:
        case WriteSpec() as spec:
            return wire.encode_create(spec, envelope, data_format=case.data_format)
        case SessionCall(table=table, session_id=session, mode=mode):
            if case.action is Action.GET_WRITE_SCHEMA:
                return wire.encode_get_schema(table, session, envelope)
            get = case.action is Action.GET_WRITE_SESSION
            return (wire.encode_get if get else wire.encode_abort)(table, session, mode, envelope)
        case CommitCall(table=table, session_id=session, streams=streams, mode=mode):
            return wire.encode_commit(table, session, streams, mode, envelope)


DECODERS: dict[str, Callable[[Request], Call]] = {
    Action.CREATE_WRITE_SESSION: wire.decode_create,
    Action.GET_WRITE_SESSION: wire.decode_session_call,
    Action.ABORT_WRITE_SESSION: wire.decode_session_call,
    Action.GET_WRITE_SCHEMA: wire.decode_session_call,
    Action.COMMIT_WRITE_SESSION: wire.decode_commit,
}
ANSWERS: dict[str, Callable[[Response], Reply[Any]]] = {
    Action.CREATE_WRITE_SESSION: wire.decode_session,
    Action.GET_WRITE_SESSION: wire.decode_session,
    Action.ABORT_WRITE_SESSION: wire.decode_done,
    Action.GET_WRITE_SCHEMA: wire.decode_schema_reply,
    Action.COMMIT_WRITE_SESSION: wire.decode_done,
}


def overwrite_by_json(request: Request) -> Request:
    document = json.loads(request.read_body())
    document["Flags"]["overwrite"] = True
    return replace(request, body=json.dumps(document).encode())


DIFFERENT: dict[str, Callable[[Request], Request]] = {
    # A caller of the older client gave a JSON flag; the text of the newer one is sent.
    "v2-table-create-write-session-full": overwrite_by_json,
}


@pytest.mark.parametrize("stem", sorted(COVERED))
def test_client_sends_what_was_recorded(golden: Golden, stem: str) -> None:
    case = CASES[stem]
    ours = encode(case)
    golden.assert_reproduced(stem, DIFFERENT[stem](ours) if stem in DIFFERENT else ours)
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


@pytest.mark.parametrize("stem", sorted(COVERED))
def test_client_understands_it_as_the_recorded_one_did(golden: Golden, stem: str) -> None:
    case, parsed = CASES[stem], golden[stem].parsed
    if not isinstance(case.answer, WriteSessionInfo):
        return  # other clients read nothing out of these
    reply = wire.decode_session(golden[stem].response, SESSION)
    streams = reply.value.streams
    ours: dict[str, object] = {
        "session_id": reply.value.session_id,
        "min_uncommitted_staging_id": reply.value.min_uncommitted_staging_id,
        "staging": reply.value.min_uncommitted_staging_id,
        "warning_message": reply.warning,
        "request_id": reply.request_id,
        "route_token": reply.route_token,
        "streams": [
            {"StreamId": stream.stream, "StreamVersion": stream.version, "Status": state.value}
            for stream, state in streams
        ],
    }
    assert all(stream.session_id == SESSION for stream, _ in streams)
    assert parsed
    theirs = {key: value for key, value in parsed.items() if key != "id"}
    assert {key: ours[key] for key in theirs} == theirs


def answer_of_the_service(value: Answer) -> Response:
    envelope = {"request_id": "r", "route_token": "t", "warning": "w"}
    match value:
        case WriteSessionInfo():
            return wire.encode_session(value, **envelope)
        case WriteSchema():
            return wire.encode_schema_reply(value, **envelope)
        case None:
            return wire.encode_done(**envelope)


@pytest.mark.parametrize("stem", sorted(COVERED))
def test_what_the_service_answers_is_understood(stem: str) -> None:
    case = CASES[stem]
    reply = ANSWERS[case.action](answer_of_the_service(case.answer))
    assert reply.value == case.answer
    assert (reply.request_id, reply.route_token, reply.warning) == ("r", "t", "w")

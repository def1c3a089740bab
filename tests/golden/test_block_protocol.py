"""Recorded exchanges of the block protocol."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from odps_frames.model.lifecycle import SessionStatus
from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.table import TableRef
from odps_frames.model.types import parse_type
from odps_frames.model.write import (
    BlockOptions,
    StreamId,
    WriteMode,
    WriteReceipt,
    WriteSessionInfo,
    WriteSpec,
    WriteStreamInfo,
)
from odps_frames.wire import block_protocol as blocks
from odps_frames.wire import write_session as wire
from odps_frames.wire.block_protocol import BlockCall, BlockCommitCall, BlockId
from odps_frames.wire.envelope import Envelope
from odps_frames.wire.write_session import SessionCall, StreamCall

if TYPE_CHECKING:
    from odps_frames.wire.http import Request, Response
    from odps_frames.wire.reply import Reply
    from tests.golden.conftest import Golden

Call = WriteSpec | SessionCall | StreamCall | BlockCall | BlockCommitCall
Answer = WriteSessionInfo | WriteStreamInfo | WriteReceipt

TABLE = TableRef("golden_project", "golden_table")
SESSION = "golden-bc-session-id"
BLOCKS = WriteMode.BATCH_COMPATIBLE
MESSAGE = '{"BlockNumber": 0, "AttemptNumber": 0, "WriterStats": {"RecordNum": 1}}'
COLUMNS = TableSchema(
    (Column("id", parse_type("bigint")), Column("name", parse_type("string"))),
    (Column("pt", parse_type("string"), nullable=False),),
)
OPENED = WriteSessionInfo(
    session_id=SESSION,
    status=SessionStatus.NORMAL,
    schema=COLUMNS,
    max_blocks=20000,
    enhance_write_check=True,
)
SPEC = WriteSpec(
    table=TABLE,
    partition="pt=20240101",
    overwrite=True,
    mode=BLOCKS,
    blocks=BlockOptions(enhance_write_check=True, max_field_bytes=8 << 20, max_partitions=100),
)


@dataclass(frozen=True, slots=True)
class Case:
    """What we make of one recording."""

    call: Call
    answer: Answer
    envelope: Envelope


def both_versions(version: str) -> dict[str, Case]:
    plain = Envelope(api_version=version)
    first, second = (replace(plain, route_token=f"golden-route-token-{n}") for n in (1, 2))
    # Only the reservation says the mode in version 3 alone.
    reserving = StreamCall(
        TABLE,
        StreamId(SESSION, "block-0-attempt-0", 1),
        mode=BLOCKS if version == "3" else WriteMode.BATCH,
    )
    written = BlockCall(
        table=TABLE, session_id=SESSION, block=BlockId(0), quota_token="golden-quota-token"
    )
    committed = replace(OPENED, status=SessionStatus.COMMITTED)
    cases = {
        "1-create-session": Case(SPEC, OPENED, plain),
        "2-reserve": Case(reserving, WriteStreamInfo(quota_token="golden-quota-token"), first),
        "3-write-block": Case(written, WriteReceipt(commit_message=MESSAGE, n_rows=1), second),
        "4-commit": Case(BlockCommitCall(TABLE, SESSION, (MESSAGE,)), committed, first),
        "get-session": Case(SessionCall(TABLE, SESSION, BLOCKS), OPENED, plain),
    }
    return {f"ms-v{version}-batch-compatible-{name}": case for name, case in cases.items()}


CASES = {**both_versions("2"), **both_versions("3")}
COVERED = frozenset(CASES)


def encode(case: Case, content: bytes) -> Request:
    envelope = case.envelope
    match case.call:
        case WriteSpec() as spec:
            return blocks.encode_block_create(spec, envelope)
        case SessionCall(table=table, session_id=session, mode=mode):
            return wire.encode_get(table, session, mode, envelope)
        case StreamCall(table=table, stream=stream):
            return blocks.encode_reserve(table, stream.session_id, BlockId(0), envelope)
        case BlockCall() as call:
            return blocks.encode_block_write(call, content, envelope=envelope)
        case BlockCommitCall() as call:
            return blocks.encode_block_commit(call, envelope)


def decode(case: Case, request: Request) -> Call:
    match case.call:
        case WriteSpec():
            assert blocks.asks_for_blocks(request)
            return blocks.decode_block_create(request)
        case SessionCall():
            return wire.decode_session_call(request)
        case StreamCall():
            return wire.decode_open(request)
        case BlockCall():
            return blocks.decode_block_write(request)
        case BlockCommitCall():
            return blocks.decode_block_commit(request)


def read_answer(case: Case, response: Response) -> Reply[Any]:
    match case.answer:
        case WriteSessionInfo():
            return wire.decode_session(response)
        case WriteStreamInfo():
            return wire.decode_stream(response)
        case WriteReceipt():
            return wire.decode_receipt(response)


def answer_of_the_service(answer: Answer) -> Response:
    match answer:
        case WriteSessionInfo():
            return wire.encode_session(answer)
        case WriteStreamInfo():
            return wire.encode_stream(answer)
        case WriteReceipt():
            return wire.encode_receipt(answer)


@pytest.mark.parametrize("stem", sorted(COVERED))
def test_client_sends_what_was_recorded(golden: Golden, stem: str) -> None:
    case = CASES[stem]
    ours = encode(case, golden[stem].request.read_body())
    golden.assert_reproduced(stem, ours)
    assert decode(case, ours) == case.call


@pytest.mark.parametrize("stem", sorted(COVERED))
def test_service_reads_what_was_recorded(golden: Golden, stem: str) -> None:
    case, request = CASES[stem], golden[stem].request
    assert decode(case, request) == case.call
    assert Envelope.of(request) == case.envelope


@pytest.mark.parametrize("stem", sorted(COVERED))
def test_client_understands_what_was_answered(golden: Golden, stem: str) -> None:
    case, recording = CASES[stem], golden[stem]
    reply = read_answer(case, recording.response)
    assert reply.value == case.answer
    assert reply.route_token == recording.response.headers.get("x-odps-max-storage-route-token")


@pytest.mark.parametrize("stem", sorted(COVERED))
def test_client_understands_it_as_the_recorded_one_did(golden: Golden, stem: str) -> None:
    parsed, answer = golden[stem].parsed, CASES[stem].answer
    facts = {
        "id": SESSION,
        "max_block_number": OPENED.max_blocks,
        "record_count": 1,
        "commit_message": MESSAGE,
        "route_token": "golden-route-token-1",
    }
    assert {key: facts[key] for key in parsed} == parsed
    if "max_block_number" in parsed:
        assert isinstance(answer, WriteSessionInfo)
        assert answer.max_blocks == parsed["max_block_number"]


@pytest.mark.parametrize("stem", sorted(COVERED))
def test_what_the_service_answers_is_understood(stem: str) -> None:
    case = CASES[stem]
    assert read_answer(case, answer_of_the_service(case.answer)).value == case.answer

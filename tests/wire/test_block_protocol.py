"""Requests of the block protocol, in both directions."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.errors import ServiceError
from odps_frames.model.read import ArrowOptions, TimeUnit
from odps_frames.model.table import TableRef
from odps_frames.model.write import BlockOptions, WriteMode, WriteSpec
from odps_frames.wire import block_protocol as wire
from odps_frames.wire.block_protocol import BlockCall, BlockCommitCall, BlockId
from odps_frames.wire.envelope import Envelope
from odps_frames.wire.http import Repeat

if TYPE_CHECKING:
    from odps_frames.wire.http import Request

TABLE = TableRef("p", "t")
NUMBERS = st.integers(0, 1 << 31)
BLOCKS = st.builds(BlockId, NUMBERS, NUMBERS)
UNITS = st.sampled_from(TimeUnit)
OPTIONS = st.builds(
    BlockOptions,
    enhance_write_check=st.booleans(),
    max_field_bytes=st.none() | st.integers(1024, 1 << 40),
    max_partitions=st.none() | st.integers(1, 1 << 20),
    arrow=st.builds(ArrowOptions, UNITS, UNITS),
)
VERSIONS = st.sampled_from(["2", "3"])


@given(
    options=OPTIONS, overwrite=st.booleans(), partition=st.sampled_from(["", "a=1"]), of=VERSIONS
)
def test_specs_come_back(
    options: BlockOptions, partition: str, of: str, *, overwrite: bool
) -> None:
    spec = WriteSpec(
        table=TABLE,
        partition=partition,
        overwrite=overwrite,
        mode=WriteMode.BATCH_COMPATIBLE,
        blocks=options,
    )
    request = wire.encode_block_create(spec, Envelope(api_version=of))
    assert wire.asks_for_blocks(request)
    assert wire.decode_block_create(request) == spec


@given(block=BLOCKS, token=st.none() | st.text(min_size=1), of=VERSIONS)
def test_blocks_come_back(block: BlockId, token: str | None, of: str) -> None:
    call = BlockCall(table=TABLE, session_id="s", block=block, quota_token=token)
    request = wire.encode_block_write(call, b"rows", envelope=Envelope(api_version=of))
    assert wire.decode_block_write(request) == call
    assert request.repeat is Repeat.UNSENT  # nobody may bring it twice unasked


@given(messages=st.lists(st.text()).map(tuple), of=VERSIONS)
def test_commits_come_back(messages: tuple[str, ...], of: str) -> None:
    call = BlockCommitCall(TABLE, "s", messages)
    request = wire.encode_block_commit(call, Envelope(api_version=of))
    assert wire.decode_block_commit(request) == call


@given(block=BLOCKS, n_rows=NUMBERS)
def test_messages_come_back(block: BlockId, n_rows: int) -> None:
    message = wire.encode_commit_message(block, n_rows)
    assert wire.decode_commit_message(message) == (block.block, block.attempt, n_rows)


def test_a_message_says_what_it_likes() -> None:
    assert wire.decode_commit_message("{}") == (None, None, None)
    with pytest.raises(ValueError, match="not JSON"):
        wire.decode_commit_message("opaque")


def changed(**members: Any) -> Request:
    spec = WriteSpec(table=TABLE, mode=WriteMode.BATCH_COMPATIBLE)
    request = wire.encode_block_create(spec)
    document = json.loads(request.read_body()) | members
    return replace(request, body=json.dumps(document).encode())


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"Novelty": 1}, "'Novelty' is not known"),
        ({"SupportWriteCluster": True}, "SupportWriteCluster=true is not supported"),
        ({"SupportSaveToPangu": True}, "SupportSaveToPangu=true is not supported"),
        ({"DynamicPartitionOptions": {"InvalidStrategy": "Skip"}}, "InvalidStrategy='Skip'"),
        ({"DynamicPartitionOptions": {"InvalidLimit": 5}}, "InvalidLimit=5"),
        ({"DynamicPartitionOptions": {"Other": 5}}, "'Other' is not known"),
        ({"DynamicPartitionOptions": {"DynamicPartitionLimit": 0}}, "at least 1"),
        ({"MaxFieldSize": 7}, "at least 1024"),
        ({"ArrowOptions": {"TimestampUnit": "week"}}, "week"),
        ({"Overwrite": "perhaps"}, "perhaps"),
    ],
)
def test_what_nobody_can_do_is_refused_by_name(members: dict[str, Any], words: str) -> None:
    with pytest.raises(ServiceError, match=words) as refusal:
        wire.decode_block_create(changed(**members))
    assert (refusal.value.status, refusal.value.code) == (400, "InvalidArgument")


@pytest.mark.parametrize("name", ["BlockNumber", "AttemptNumber", "SessionId"])
def test_a_block_without_a_name_is_refused(name: str) -> None:
    call = BlockCall(table=TABLE, session_id="s", block=BlockId(1, 2))
    request = wire.encode_block_write(call, b"")
    lacking = replace(request, query=tuple(pair for pair in request.query if pair[0] != name))
    with pytest.raises(ServiceError, match=name):
        wire.decode_block_write(lacking)


@pytest.mark.parametrize("messages", [None, "one", [1], {"a": "b"}])
def test_a_commit_names_attempts_by_texts(messages: object) -> None:
    request = wire.encode_block_commit(BlockCommitCall(TABLE, "s", ()))
    said = replace(request, body=json.dumps({"CommitMessages": messages}).encode())
    with pytest.raises(ServiceError, match="expected a list of texts"):
        wire.decode_block_commit(said)

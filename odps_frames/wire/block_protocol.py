"""Requests of the block protocol: numbered blocks, each in one body (protocol.md §9).

Its answers are those of other write sessions, with more members (:mod:`.write_answers`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from odps_frames.model.write import BlockOptions, StreamId, WriteMode, WriteSpec
from odps_frames.wire import documents, names
from odps_frames.wire.arguments import (
    document_of,
    known_only,
    query_of,
    refusing,
    session_of,
    table_of,
)
from odps_frames.wire.envelope import Envelope, encode_target
from odps_frames.wire.http import Repeat
from odps_frames.wire.read_options import decode_arrow_options, encode_arrow_options
from odps_frames.wire.write_session import encode_open

if TYPE_CHECKING:
    from odps_frames.model.table import TableRef
    from odps_frames.wire.http import Body, Request

__all__ = [
    "BlockCall",
    "BlockCommitCall",
    "BlockId",
    "asks_for_blocks",
    "body_of_message",
    "decode_block_commit",
    "decode_block_create",
    "decode_block_write",
    "decode_commit_message",
    "encode_block_commit",
    "encode_block_create",
    "encode_block_write",
    "encode_commit_message",
    "encode_reserve",
]

_PLAIN = Envelope()
_MODE = (names.WRITE_MODE, WriteMode.BATCH_COMPATIBLE.value)
"""Said in version 2 too, by the calls that are of this protocol alone."""
_QUOTA_WANTED = "enableQuotaToken"
_QUOTA_TOKEN = "quotaToken"  # noqa: S105  a name
_STRATEGY = "Exception"
_BODY = "BodyDigest"
_MEMBERS = (
    "PartitionSpec",
    "Overwrite",
    "DynamicPartitionOptions",
    "ArrowOptions",
    "SupportWriteCluster",
    "MaxFieldSize",
    "EnhanceWriteCheck",
    "SupportSaveToPangu",
)
_DYNAMIC_MEMBERS = ("InvalidStrategy", "InvalidLimit", "DynamicPartitionLimit")


@dataclass(frozen=True, slots=True)
class BlockId:
    """One attempt at one block."""

    block: int
    attempt: int = 0

    @property
    def stream(self) -> str:
        """The name of the stream that reserves it."""
        return f"block-{self.block}-attempt-{self.attempt}"


def encode_block_create(spec: WriteSpec, envelope: Envelope = _PLAIN) -> Request:
    """Ask for a session that takes blocks."""
    options = spec.blocks or BlockOptions()
    limit = options.max_partitions
    document = {
        "PartitionSpec": spec.partition,
        "Overwrite": spec.overwrite,
        "DynamicPartitionOptions": {
            "InvalidStrategy": _STRATEGY,
            "InvalidLimit": documents.ABSENT,
            "DynamicPartitionLimit": documents.ABSENT if limit is None else limit,
        },
        "ArrowOptions": encode_arrow_options(options.arrow),
        "SupportWriteCluster": False,
        "MaxFieldSize": options.max_field_bytes or 0,
        "EnhanceWriteCheck": options.enhance_write_check,
        "SupportSaveToPangu": False,
    }
    return envelope.request(
        names.Action.CREATE_WRITE_SESSION,
        encode_target(spec.table),
        query=[_MODE, (_QUOTA_WANTED, "true")],
        document=document,
    )


def asks_for_blocks(request: Request) -> bool:
    """Tell a request for a session of blocks from one for a session of streams."""
    return documents.flag(query_of(request), _QUOTA_WANTED)


@refusing
def decode_block_create(request: Request) -> WriteSpec:
    """Read where blocks are to go, and refuse by name what nobody here could do."""
    document = document_of(request)
    known_only(document, _MEMBERS)
    for name in ("SupportWriteCluster", "SupportSaveToPangu"):
        if documents.flag(document, name):
            msg = f"{name}=true is not supported"
            raise ValueError(msg)
    return WriteSpec(
        table=table_of(request),
        partition=documents.text(document, "PartitionSpec") or "",
        overwrite=documents.flag(document, "Overwrite"),
        mode=WriteMode.BATCH_COMPATIBLE,
        blocks=BlockOptions(
            enhance_write_check=documents.flag(document, "EnhanceWriteCheck"),
            max_field_bytes=documents.number(document, "MaxFieldSize") or None,
            max_partitions=_partition_limit(document),
            arrow=decode_arrow_options(documents.section(document, "ArrowOptions")),
        ),
    )


def _partition_limit(document: dict[str, Any]) -> int | None:
    said = documents.section(document, "DynamicPartitionOptions")
    known_only(said, _DYNAMIC_MEMBERS)
    strategy = documents.text(said, "InvalidStrategy") or _STRATEGY
    if strategy != _STRATEGY:
        msg = f"InvalidStrategy={strategy!r} is not supported; expected {_STRATEGY!r}"
        raise ValueError(msg)
    if (invalid := documents.number(said, "InvalidLimit")) is not None:
        msg = f"InvalidLimit={invalid} is not supported; expected -1: no row may be invalid"
        raise ValueError(msg)
    return documents.number(said, "DynamicPartitionLimit")


def encode_reserve(
    table: TableRef, session_id: str, block: BlockId, envelope: Envelope = _PLAIN
) -> Request:
    """Ask for the right to write an attempt at a block; the answer holds its quota token."""
    stream = StreamId(session_id, block.stream, 1)
    return encode_open(table, stream, mode=WriteMode.BATCH_COMPATIBLE, envelope=envelope)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockCall:
    """A call that brings an attempt at a block in its body."""

    table: TableRef
    session_id: str
    block: BlockId
    quota_token: str | None = None


def encode_block_write(
    call: BlockCall,
    body: Body,
    *,
    content_length: int | None = None,
    envelope: Envelope = _PLAIN,
) -> Request:
    """Bring the rows of a block; another attempt at it is another call."""
    pairs = [
        _MODE,
        (names.SESSION_ID, call.session_id),
        ("BlockNumber", str(call.block.block)),
        ("AttemptNumber", str(call.block.attempt)),
    ]
    if call.quota_token is not None:
        pairs.append((_QUOTA_TOKEN, call.quota_token))
    return envelope.request(
        names.Action.WRITE,
        encode_target(call.table),
        query=pairs,
        body=body,
        content_length=content_length,
        headers={"Content-Type": names.ARROW_STREAM},
        repeat=Repeat.UNSENT,
    )


@refusing
def decode_block_write(request: Request) -> BlockCall:
    """Read which block a body is; the body itself is left alone."""
    query = query_of(request)
    return BlockCall(
        table=table_of(request),
        session_id=session_of(request),
        block=BlockId(_number(query, "BlockNumber"), _number(query, "AttemptNumber")),
        quota_token=documents.text(query, _QUOTA_TOKEN),
    )


def _number(fields: dict[str, Any], key: str) -> int:
    found = documents.number(fields, key)
    if found is None:
        msg = f"{key}={fields.get(key)!r}; expected a whole number from 0 on"
        raise ValueError(msg)
    return found


def encode_commit_message(block: BlockId, n_rows: int, body: str | None = None) -> str:
    """Write what a commit names an attempt by; ``body`` tells it from another of the same."""
    message: dict[str, object] = {
        "BlockNumber": block.block,
        "AttemptNumber": block.attempt,
        "WriterStats": {"RecordNum": n_rows},
    }
    return json.dumps(message if body is None else message | {_BODY: body})


def decode_commit_message(text: str) -> tuple[int | None, int | None, int | None]:
    """Read block, attempt and number of rows, as far as a message says them.

    Raises
    ------
    ValueError
        When it is no JSON object.
    """
    said = documents.load(text.encode())
    stats = documents.section(said, "WriterStats")
    numbers = (
        documents.number(said, "BlockNumber"),
        documents.number(said, "AttemptNumber"),
        documents.number(stats, "RecordNum"),
    )
    return numbers  # noqa: RET504  the tuple has a shape to keep


def body_of_message(text: str) -> str | None:
    """Read which body a message stands for, where it says so; clients read over it.

    Raises
    ------
    ValueError
        When it is no JSON object.
    """
    return documents.text(documents.load(text.encode()), _BODY)


@dataclass(frozen=True, slots=True)
class BlockCommitCall:
    """A call that makes the rows of these attempts visible."""

    table: TableRef
    session_id: str
    messages: tuple[str, ...]


def encode_block_commit(call: BlockCommitCall, envelope: Envelope = _PLAIN) -> Request:
    """Make the rows of blocks visible; never to be said twice unasked."""
    return envelope.request(
        names.Action.COMMIT_WRITE_SESSION,
        encode_target(call.table),
        query=[_MODE, (names.SESSION_ID, call.session_id)],
        document={"CommitMessages": list(call.messages)},
        repeat=Repeat.UNSENT,
    )


@refusing
def decode_block_commit(request: Request) -> BlockCommitCall:
    """Read which attempts are to become visible; a call that names none commits no rows."""
    document = document_of(request)
    known_only(document, ("CommitMessages",))
    messages = document.get("CommitMessages")
    if not isinstance(messages, list) or not all(isinstance(one, str) for one in messages):
        msg = f"CommitMessages={messages!r}; expected a list of texts"
        raise ValueError(msg)
    return BlockCommitCall(table_of(request), session_of(request), tuple(messages))

"""Requests of write sessions and write streams (protocol.md §8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from odps_frames.model.read import DataFormat
from odps_frames.model.write import StreamId, WriteMode, WriteSpec
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
from odps_frames.wire.read_options import decode_data_format, encode_data_format
from odps_frames.wire.write_answers import (
    decode_done,
    decode_receipt,
    decode_schema_reply,
    decode_session,
    decode_stream,
    encode_done,
    encode_receipt,
    encode_schema_reply,
    encode_session,
    encode_stream,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from odps_frames.model.table import TableRef
    from odps_frames.wire.http import Body, Request

__all__ = [
    "CommitCall",
    "SessionCall",
    "StreamCall",
    "WriteCall",
    "decode_close",
    "decode_commit",
    "decode_create",
    "decode_done",
    "decode_get_stream",
    "decode_open",
    "decode_receipt",
    "decode_schema_reply",
    "decode_session",
    "decode_session_call",
    "decode_stream",
    "decode_write",
    "encode_abort",
    "encode_close",
    "encode_commit",
    "encode_create",
    "encode_done",
    "encode_get",
    "encode_get_schema",
    "encode_get_stream",
    "encode_open",
    "encode_receipt",
    "encode_schema_reply",
    "encode_session",
    "encode_stream",
    "encode_write",
    "mode_of",
]

_PLAIN = Envelope()
_OVERWRITE = "overwrite"
_QUOTA = "quota_name"
_EVOLUTION = "enable_schema_evolution"
_EXACTLY_ONCE = "ExactlyOnceMode"
_OF_STREAMS = (names.SESSION_ID, names.STREAM_ID, names.STREAM_VERSION, _EXACTLY_ONCE, "TableId")


def _mode_pairs(mode: WriteMode, envelope: Envelope) -> list[tuple[str, str]]:
    """Name the write mode, which only version 3 knows (§4)."""
    return [] if envelope.api_version == "2" else [(names.WRITE_MODE, mode.value)]


@refusing
def mode_of(request: Request) -> WriteMode:
    """Read the write mode of a request; one that says none means Batch."""
    return WriteMode(documents.text(query_of(request), names.WRITE_MODE) or WriteMode.BATCH)


def encode_create(
    spec: WriteSpec, envelope: Envelope = _PLAIN, *, data_format: DataFormat | None = None
) -> Request:
    """Ask for a write session (§8.1); flags are text, also those that mean yes."""
    flags = {
        **({_OVERWRITE: "true"} if spec.overwrite else {}),
        **({_QUOTA: spec.quota} if spec.quota else {}),
        **({_EVOLUTION: "true"} if spec.schema_evolution else {}),
        **spec.flags,
    }
    document: dict[str, object] = {"PartialPartitionSpec": spec.partition, "Flags": flags}
    if data_format is not None:
        document["RequiredDataFormat"] = encode_data_format(data_format)
    return envelope.request(
        names.Action.CREATE_WRITE_SESSION,
        encode_target(spec.table),
        query=_mode_pairs(spec.mode, envelope),
        document=document,
    )


@refusing
def decode_create(request: Request) -> WriteSpec:
    """Read where rows are to go."""
    document = document_of(request)
    known_only(document, ("PartialPartitionSpec", "Flags", "RequiredDataFormat"))
    form = decode_data_format(documents.section(document, "RequiredDataFormat"))
    if form != DataFormat():
        msg = f"RequiredDataFormat={form.type} {form.version}; expected Arrow V5"
        raise ValueError(msg)
    flags = documents.section(document, "Flags")
    known = (_OVERWRITE, _QUOTA, _EVOLUTION)
    return WriteSpec(
        table=table_of(request),
        partition=documents.text(document, "PartialPartitionSpec") or "",
        overwrite=documents.flag(flags, _OVERWRITE),
        quota=documents.text(flags, _QUOTA),
        schema_evolution=documents.flag(flags, _EVOLUTION),
        mode=mode_of(request),
        flags={name: _flag_text(value) for name, value in flags.items() if name not in known},
    )


def _flag_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class SessionCall:
    """A call about a write session."""

    table: TableRef
    session_id: str
    mode: WriteMode = WriteMode.BATCH


def encode_get(
    table: TableRef,
    session_id: str,
    mode: WriteMode = WriteMode.BATCH,
    envelope: Envelope = _PLAIN,
) -> Request:
    """Ask how a write session stands (§8.2); of blocks, in every version alike (§9)."""
    in_any = Envelope(api_version="3") if mode is WriteMode.BATCH_COMPATIBLE else envelope
    pairs = [(names.SESSION_ID, session_id), *_mode_pairs(mode, in_any)]
    action = names.Action.GET_WRITE_SESSION
    return envelope.request(action, encode_target(table), query=pairs, document={})


def encode_abort(
    table: TableRef,
    session_id: str,
    mode: WriteMode = WriteMode.BATCH,
    envelope: Envelope = _PLAIN,
) -> Request:
    """Give a write session up (§8.7); that may be said twice."""
    pairs = [(names.SESSION_ID, session_id), *_mode_pairs(mode, envelope)]
    action = names.Action.ABORT_WRITE_SESSION
    return envelope.request(action, encode_target(table), query=pairs, document={})


def encode_get_schema(table: TableRef, session_id: str, envelope: Envelope = _PLAIN) -> Request:
    """Ask for the write schema (§8.8); no version has a write mode here."""
    pairs = [(names.SESSION_ID, session_id)]
    action = names.Action.GET_WRITE_SCHEMA
    return envelope.request(action, encode_target(table), query=pairs, document={})


@refusing
def decode_session_call(request: Request) -> SessionCall:
    """Read which session is to be shown, given up, or asked for its schema."""
    return SessionCall(table_of(request), session_of(request), mode_of(request))


@dataclass(frozen=True, slots=True)
class StreamCall:
    """A call about one attempt at a stream."""

    table: TableRef
    stream: StreamId
    exactly_once: bool = False
    mode: WriteMode = WriteMode.BATCH


def encode_open(
    table: TableRef,
    stream: StreamId,
    *,
    exactly_once: bool = False,
    mode: WriteMode = WriteMode.BATCH,
    envelope: Envelope = _PLAIN,
) -> Request:
    """Ask for a stream (§8.3)."""
    return envelope.request(
        names.Action.CREATE_WRITE_STREAM,
        encode_target(table),
        query=[(names.SESSION_ID, stream.session_id), *_mode_pairs(mode, envelope)],
        document=_stream_members(stream) | ({_EXACTLY_ONCE: True} if exactly_once else {}),
    )


def _stream_members(stream: StreamId) -> dict[str, object]:
    return {names.STREAM_ID: stream.stream, names.STREAM_VERSION: stream.version}


def _stream_pairs(
    stream: StreamId, mode: WriteMode, envelope: Envelope, *, n_rows: int | None = None
) -> list[tuple[str, str]]:
    return [
        (names.SESSION_ID, stream.session_id),
        (names.STREAM_ID, stream.stream),
        (names.STREAM_VERSION, str(stream.version)),
        *([("Count", str(n_rows))] if n_rows is not None else []),
        *_mode_pairs(mode, envelope),
    ]


def encode_get_stream(
    table: TableRef,
    stream: StreamId,
    *,
    exactly_once: bool = False,
    table_id: str | None = None,
    mode: WriteMode = WriteMode.BATCH,
    envelope: Envelope = _PLAIN,
) -> Request:
    """Ask how a stream stands (§8.4)."""
    pairs = _stream_pairs(stream, mode, envelope)
    if exactly_once:
        pairs.append((_EXACTLY_ONCE, "true"))
    document = _stream_members(stream) | {_EXACTLY_ONCE: exactly_once}
    if table_id is not None:
        document["TableId"] = table_id
    return envelope.request(
        names.Action.GET_WRITE_STREAM, encode_target(table), query=pairs, document=document
    )


def encode_close(
    table: TableRef,
    stream: StreamId,
    mode: WriteMode = WriteMode.BATCH,
    envelope: Envelope = _PLAIN,
) -> Request:
    """Say that all of a stream is written (§8.6)."""
    return envelope.request(
        names.Action.CLOSE_WRITE_STREAM,
        encode_target(table),
        query=[(names.SESSION_ID, stream.session_id), *_mode_pairs(mode, envelope)],
        document={names.SESSION_ID: stream.session_id, **_stream_members(stream)},
    )


@refusing
def decode_stream_call(request: Request) -> StreamCall:
    """Read which stream is meant, be it named in the query, in the body or in both."""
    document = document_of(request)
    known_only(document, _OF_STREAMS)
    said: Mapping[str, Any] = {**document, **query_of(request)}
    stream = _stream_of(request, said)
    return StreamCall(
        table_of(request), stream, documents.flag(said, _EXACTLY_ONCE), mode_of(request)
    )


def _stream_of(request: Request, said: Mapping[str, Any]) -> StreamId:
    version = documents.number(said, names.STREAM_VERSION) or 0
    return StreamId(session_of(request), documents.needed(said, names.STREAM_ID), version)


decode_open = decode_stream_call
decode_get_stream = decode_stream_call
decode_close = decode_stream_call


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteCall:
    """A call that brings rows in its body."""

    table: TableRef
    stream: StreamId
    n_rows: int | None = None
    """What the caller says of the number of rows; nobody may rely on it (§8.5)."""
    row_offset: int | None = None
    access_token: str | None = None
    table_id: str | None = None
    schema_version: str | None = None
    mode: WriteMode = WriteMode.BATCH


def encode_write(  # noqa: PLR0913  every one of them is a field of the request
    table: TableRef,
    stream: StreamId,
    body: Body,
    *,
    n_rows: int,
    content_length: int | None = None,
    row_offset: int | None = None,
    access_token: str | None = None,
    table_id: str | None = None,
    schema_version: str | None = None,
    mode: WriteMode = WriteMode.BATCH,
    envelope: Envelope = _PLAIN,
) -> Request:
    """Bring rows (§8.5); only those with an offset may be brought twice."""
    pairs = _stream_pairs(stream, mode, envelope, n_rows=n_rows)
    known = {"TableId": table_id, "SchemaVersion": schema_version, "RowOffset": row_offset}
    pairs += [(name, str(value)) for name, value in known.items() if value is not None]
    headers = {"Content-Type": names.OCTETS}
    if access_token is not None:
        headers[names.ACCESS_TOKEN] = access_token
    return envelope.request(
        names.Action.WRITE,
        encode_target(table),
        query=pairs,
        body=body,
        content_length=content_length,
        headers=headers,
        repeat=Repeat.UNSENT if row_offset is None else Repeat.ALWAYS,
    )


@refusing
def decode_write(request: Request) -> WriteCall:
    """Read where the rows of a body go; the body itself is left alone."""
    query = query_of(request)
    return WriteCall(
        table=table_of(request),
        stream=_stream_of(request, query),
        n_rows=documents.number(query, "Count") or None,  # 0 says that it is not known
        row_offset=documents.number(query, "RowOffset"),
        access_token=request.headers.get(names.ACCESS_TOKEN),
        table_id=documents.text(query, "TableId"),
        schema_version=documents.text(query, "SchemaVersion"),
        mode=mode_of(request),
    )


@dataclass(frozen=True, slots=True)
class CommitCall:
    """A call that makes rows visible: those of these streams, or of every closed one."""

    table: TableRef
    session_id: str
    streams: tuple[StreamId, ...] | None = None
    mode: WriteMode = WriteMode.BATCH


def encode_commit(
    table: TableRef,
    session_id: str,
    streams: tuple[StreamId, ...] | None = None,
    mode: WriteMode = WriteMode.BATCH,
    envelope: Envelope = _PLAIN,
) -> Request:
    """Make the rows of a session visible (§8.7); never to be said twice unasked."""
    document: dict[str, object] = {}
    if streams is not None:
        document["StreamIds"] = [stream.stream for stream in streams]
        document["StreamVersions"] = [stream.version for stream in streams]
    return envelope.request(
        names.Action.COMMIT_WRITE_SESSION,
        encode_target(table),
        query=[(names.SESSION_ID, session_id), *_mode_pairs(mode, envelope)],
        document=document,
        repeat=Repeat.UNSENT,
    )


@refusing
def decode_commit(request: Request) -> CommitCall:
    """Read what is to become visible."""
    document, session_id = document_of(request), session_of(request)
    known_only(document, ("StreamIds", "StreamVersions"))
    table, mode = table_of(request), mode_of(request)
    if document.get("StreamIds") is None and document.get("StreamVersions") is None:
        return CommitCall(table, session_id, None, mode)
    ids = documents.texts(document, "StreamIds") or ()
    versions = documents.texts(document, "StreamVersions") or ()
    if len(ids) != len(versions):
        msg = f"{len(ids)} StreamIds and {len(versions)} StreamVersions; expected as many"
        raise ValueError(msg)
    pairs = zip(ids, map(int, versions), strict=True)
    return CommitCall(table, session_id, tuple(StreamId(session_id, *pair) for pair in pairs), mode)

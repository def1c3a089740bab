"""Answers about write sessions and write streams (protocol.md §8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from odps_frames.model.lifecycle import SessionStatus, StreamState
from odps_frames.model.write import StreamId, WriteReceipt, WriteSessionInfo, WriteStreamInfo
from odps_frames.wire import documents, names
from odps_frames.wire.reply import decode_reply, encode_reply
from odps_frames.wire.schema import (
    decode_data_schema,
    decode_write_schema,
    encode_data_schema,
    encode_write_schema,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from odps_frames.model.write_schema import WriteSchema
    from odps_frames.wire.http import Response
    from odps_frames.wire.reply import Reply

__all__ = [
    "decode_done",
    "decode_receipt",
    "decode_schema_reply",
    "decode_session",
    "decode_stream",
    "encode_done",
    "encode_receipt",
    "encode_schema_reply",
    "encode_session",
    "encode_stream",
]


def encode_session(
    info: WriteSessionInfo,
    *,
    request_id: str = "",
    route_token: str | None = None,
    warning: str | None = None,
) -> Response:
    """Answer with a write session."""
    document: dict[str, object] = {
        "SessionId": info.session_id or None,
        "SessionStatus": None if info.status is SessionStatus.UNKNOWN else info.status.value,
        "Streams": [
            {
                names.STREAM_ID: stream.stream,
                names.STREAM_VERSION: stream.version,
                "Status": state.value,
            }
            for stream, state in info.streams
        ],
        "MinUncommittedStagingId": info.min_uncommitted_staging_id,
        "Message": info.message or None,
        "EnhanceWriteCheck": info.enhance_write_check,
    }
    if info.schema is not None:
        document["DataSchema"] = encode_data_schema(info.schema)
        document["MaxBlockNumber"] = info.max_blocks or 0
    return encode_reply(document, request_id=request_id, route_token=route_token, warning=warning)


def decode_session(response: Response, session_id: str | None = None) -> Reply[WriteSessionInfo]:
    """Read a write session; an answer about the session asked for may leave its id out."""

    def decode(document: dict[str, Any]) -> WriteSessionInfo:
        found = documents.text(document, "SessionId") or session_id
        if found is None and document.keys().isdisjoint({"Streams", "MinUncommittedStagingId"}):
            msg = "SessionId is missing"
            raise ValueError(msg)
        return WriteSessionInfo(
            session_id=found or "",
            status=SessionStatus.parse(documents.text(document, "SessionStatus", "Status")),
            streams=tuple(_decode_streams(document.get("Streams"), found or "")),
            min_uncommitted_staging_id=documents.text(document, "MinUncommittedStagingId"),
            message=documents.text(document, "Message") or "",
            **_decode_block_facts(document),
        )

    return decode_reply(response, decode)


def _decode_block_facts(document: Mapping[str, Any]) -> dict[str, Any]:
    """Read what only sessions of the block protocol say (§9); 0 blocks is no bound."""
    schema = documents.section(document, "DataSchema")
    if not schema:
        return {}
    return {
        "schema": decode_data_schema(schema),
        "max_blocks": documents.number(document, "MaxBlockNumber") or None,
        "enhance_write_check": documents.flag(document, "EnhanceWriteCheck"),
    }


def _decode_streams(streams: object, session_id: str) -> Iterator[tuple[StreamId, StreamState]]:
    """Read the streams of a session, which one source lists and another maps (§8.2)."""
    match streams:
        case list():
            entries: list[Mapping[str, Any]] = [item for item in streams if isinstance(item, dict)]
        case dict():
            entries = [
                {names.STREAM_ID: name, **item}
                for name, item in streams.items()
                if isinstance(item, dict)
            ]
        case _:
            return
    for entry in entries:
        name = documents.text(entry, names.STREAM_ID)
        if name is not None:
            version = documents.number(entry, names.STREAM_VERSION) or 0
            state = StreamState.parse(documents.text(entry, "Status", "status"))
            yield StreamId(session_id, name, version), state


def encode_stream(
    info: WriteStreamInfo,
    *,
    request_id: str = "",
    route_token: str | None = None,
    warning: str | None = None,
) -> Response:
    """Answer with a write stream; state and rows in both letter cases, as readers differ (§8.4)."""
    state = None if info.state is StreamState.UNKNOWN else info.state.value
    document = {
        "Status": state,
        "status": state,
        "RecordCount": info.n_rows,
        "recordCount": info.n_rows,
        "ByteSize": info.n_bytes,
        "ErrorCode": info.error_code,
        "ErrorMessage": info.error_message,
        "TableSchema": None if info.schema is None else encode_write_schema(info.schema),
        "TableId": info.table_id,
        "SchemaVersion": _encode_version(info.schema_version),
        "LatestSchemaVersion": _encode_version(info.latest_schema_version),
        "RowOffset": info.row_offset,
        "AccessToken": info.access_token,
        "QuotaToken": info.quota_token,
    }
    return encode_reply(document, request_id=request_id, route_token=route_token, warning=warning)


def _encode_version(version: str | None) -> int | str | None:
    """Write a version as the number that it usually is."""
    plain = version is not None and version.isascii() and version.isdecimal()
    return (
        int(version) if version is not None and plain and str(int(version)) == version else version
    )


def decode_stream(response: Response) -> Reply[WriteStreamInfo]:
    """Read a write stream, in either letter case."""
    return decode_reply(response, _decode_stream)


def _decode_stream(document: dict[str, Any]) -> WriteStreamInfo:
    schema = documents.section(document, "TableSchema")
    return WriteStreamInfo(
        state=StreamState.parse(documents.text(document, "Status", "status")),
        n_rows=documents.number(document, "RecordCount", "recordCount"),
        n_bytes=documents.rough_number(document, "ByteSize"),
        error_code=documents.text(document, "ErrorCode"),
        error_message=documents.text(document, "ErrorMessage"),
        schema=decode_write_schema(schema) if schema else None,
        table_id=documents.text(document, "TableId"),
        schema_version=documents.text(document, "SchemaVersion"),
        latest_schema_version=documents.text(document, "LatestSchemaVersion"),
        row_offset=documents.number(document, "RowOffset"),
        access_token=documents.text(document, "AccessToken"),
        quota_token=documents.text(document, "QuotaToken"),
    )


def encode_receipt(
    receipt: WriteReceipt,
    *,
    request_id: str = "",
    route_token: str | None = None,
    warning: str | None = None,
) -> Response:
    """Answer to a body of rows (§8.5)."""
    document = {
        "CommitMessage": receipt.commit_message,
        "ExactlyOnceRowOffset": receipt.row_offset,
        "StagingId": receipt.staging_id,
        "RecordCount": receipt.n_rows,
    }
    return encode_reply(document, request_id=request_id, route_token=route_token, warning=warning)


def decode_receipt(response: Response) -> Reply[WriteReceipt]:
    """Read the answer to a body of rows."""
    return decode_reply(
        response,
        lambda document: WriteReceipt(
            row_offset=documents.number(document, "ExactlyOnceRowOffset"),
            commit_message=documents.text(document, "CommitMessage"),
            staging_id=documents.text(document, "StagingId"),
            n_rows=documents.number(document, "RecordCount"),
        ),
    )


def encode_done(
    *, request_id: str = "", route_token: str | None = None, warning: str | None = None
) -> Response:
    """Answer that a stream is closed, or a session committed or given up."""
    return encode_reply({}, request_id=request_id, route_token=route_token, warning=warning)


def decode_done(response: Response) -> Reply[None]:
    """Read that something is done; not every service says it in a body."""
    return decode_reply(response, lambda _: None, may_be_empty=True)


def encode_schema_reply(
    schema: WriteSchema,
    *,
    request_id: str = "",
    route_token: str | None = None,
    warning: str | None = None,
) -> Response:
    """Answer with a write schema (§8.8)."""
    document = {"TableSchema": encode_write_schema(schema)}
    return encode_reply(document, request_id=request_id, route_token=route_token, warning=warning)


def decode_schema_reply(response: Response) -> Reply[WriteSchema]:
    """Read a write schema; an answer without one breaks the protocol."""

    def decode(document: dict[str, Any]) -> WriteSchema:
        schema = documents.section(document, "TableSchema")
        if not schema:
            msg = "TableSchema is missing"
            raise ValueError(msg)
        return decode_write_schema(schema)

    return decode_reply(response, decode)

"""Read sessions and read streams: create, get, read a split, preview (protocol.md §6, §7, §10)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from odps_frames.model.lifecycle import SessionStatus
from odps_frames.model.read import BatchOptions, DataFormat, ReadSessionInfo, ReadSpec, SessionStats
from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.splits import RowRange, Split
from odps_frames.model.table import InstanceRef
from odps_frames.wire import documents, names, read_members
from odps_frames.wire.arguments import (
    document_of,
    query_of,
    refusing,
    session_of,
    table_of,
    target_of,
)
from odps_frames.wire.envelope import Envelope, encode_target
from odps_frames.wire.instance_read import (
    decode_result_options,
    encode_create_result,
    encode_get_result,
    encode_read_result,
)
from odps_frames.wire.read_options import (
    IncrementalForm,
    asked_incremental,
    decode_arrow_options,
    decode_data_format,
    decode_incremental,
    decode_split_by,
    encode_arrow_options,
    encode_data_format,
    encode_incremental,
    encode_split_by,
)
from odps_frames.wire.reply import decode_reply, encode_reply
from odps_frames.wire.schema import (
    decode_data_schema,
    decode_system_columns,
    decode_write_schema,
    encode_data_schema,
    encode_write_schema,
    write_schema_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.model.read import Incremental
    from odps_frames.model.table import TableRef
    from odps_frames.wire.http import Request, Response
    from odps_frames.wire.reply import Reply

__all__ = [
    "GetReadSession",
    "PreviewCall",
    "ReadCall",
    "decode_create",
    "decode_get",
    "decode_info",
    "decode_preview",
    "decode_read",
    "encode_create",
    "encode_get",
    "encode_info",
    "encode_preview",
    "encode_read",
]

_PLAIN = Envelope()
_USUAL = BatchOptions()
_BUCKET = re.compile("[0-9]{1,9}")
ACCEPT_ENCODING = names.ACCEPT_ENCODING
ENCODINGS = {"zstd": "zstd", "x-lz4-frame": "x-lz4-frame", "lz4_frame": "x-lz4-frame"}
"""Encodings of streams by the names that clients ask for them (protocol.md §12)."""


def encode_create(
    spec: ReadSpec,
    envelope: Envelope = _PLAIN,
    *,
    incremental_form: IncrementalForm | None = None,
) -> Request:
    """Ask for a read session; every member is sent, as all known clients do (§6.1).

    Raises
    ------
    ValueError
        When a selection is empty: on the wire an empty list means all.
    """
    if isinstance(spec.table, InstanceRef):
        return encode_create_result(spec, spec.table, envelope)
    document: dict[str, object] = {
        "RequiredDataColumns": _selection("columns", spec.columns),
        "RequiredPartitionColumns": _selection("partition_columns", spec.partition_columns),
        "RequiredPartitions": _selection("partitions", spec.partitions),
        "RequiredBucketIds": [
            int(bucket) if _BUCKET.fullmatch(bucket) else bucket
            for bucket in _selection("buckets", spec.buckets)
        ],
        "SplitOptions": encode_split_by(spec.split_by),
        "ArrowOptions": encode_arrow_options(spec.arrow),
        "FilterPredicate": spec.row_filter or "",
        "FilterPredicateFallback": spec.row_filter_fallback,
        "SplitMaxFileNum": spec.max_files_per_split or 0,
        "IncrementalRead": spec.incremental is not None,
    }
    if spec.incremental is not None:
        document["IncrementalReadOptions"] = encode_incremental(spec.incremental, incremental_form)
    return envelope.request(
        names.Action.CREATE_READ_SESSION, encode_target(spec.table), document=document
    )


def _selection(name: str, items: tuple[str, ...] | None) -> list[str]:
    if items is not None and not items:
        msg = f"{name}=(); the wire cannot ask for none, and would bring all"
        raise ValueError(msg)
    return list(items or ())


@refusing
def decode_create(request: Request) -> ReadSpec:
    """Read what a session is to bring; a bare instance request asks for everything."""
    document = document_of(request, read_members.CREATE)
    return ReadSpec(
        table=target_of(request),
        columns=documents.texts(document, "RequiredDataColumns"),
        partition_columns=documents.texts(document, "RequiredPartitionColumns"),
        partitions=documents.texts(document, "RequiredPartitions"),
        buckets=documents.texts(document, "RequiredBucketIds"),
        split_by=decode_split_by(documents.section(document, "SplitOptions")),
        arrow=decode_arrow_options(documents.section(document, "ArrowOptions")),
        row_filter=documents.text(document, "FilterPredicate"),
        row_filter_fallback=documents.flag(document, "FilterPredicateFallback"),
        max_files_per_split=documents.number(document, "SplitMaxFileNum") or None,
        incremental=asked_incremental(document),
        result=decode_result_options(document),
    )


@dataclass(frozen=True, slots=True)
class GetReadSession:
    """A question after a read session; ``refresh`` makes it live longer."""

    table: TableRef | InstanceRef
    session_id: str
    refresh: bool = False


def encode_get(
    table: TableRef | InstanceRef,
    session_id: str,
    *,
    refresh: bool = False,
    envelope: Envelope = _PLAIN,
) -> Request:
    """Ask how a read session stands (§6.3)."""
    if isinstance(table, InstanceRef):
        return encode_get_result(table, session_id, envelope, refresh=refresh)
    refreshing = "true" if refresh else "false"
    return envelope.request(
        names.Action.GET_READ_SESSION,
        encode_target(table),
        query=[(names.SESSION_ID, session_id), (names.SESSION_REFRESH, refreshing)],
        document={},
    )


@refusing
def decode_get(request: Request) -> GetReadSession:
    """Read a question after a session, by POST or by GET."""
    refresh = documents.flag(query_of(request), names.SESSION_REFRESH)
    return GetReadSession(target_of(request), session_of(request), refresh)


@dataclass(frozen=True, slots=True)
class ReadCall:
    """A request for the rows of a split."""

    table: TableRef | InstanceRef
    split: Split
    options: BatchOptions = _USUAL


def encode_read(
    table: TableRef | InstanceRef,
    split: Split,
    options: BatchOptions = _USUAL,
    envelope: Envelope = _PLAIN,
) -> Request:
    """Ask for the rows of a split (§6.4)."""
    if isinstance(table, InstanceRef):
        return encode_read_result(table, split, options, envelope)
    query = [(names.SESSION_ID, split.session_id)]
    if split.index is not None:
        query.append(("Index", str(split.index)))
    if split.rows is not None:
        query += [("Offset", str(split.rows.offset)), ("Count", str(split.rows.count))]
    return envelope.request(
        names.Action.READ,
        encode_target(table),
        query=query,
        document={
            "MaxBatchRows": options.max_rows,
            "SkipRowNum": options.skip_rows,
            "MaxBatchRawSize": options.max_bytes or 0,
            "DataFormat": encode_data_format(options.format),
            "DataColumns": _selection("columns", options.columns),
            "DataColumnsUnordered": options.columns_unordered,
        },
        headers={ACCEPT_ENCODING: options.accept_encoding or "identity"},
    )


@refusing
def decode_read(request: Request) -> ReadCall:
    """Read which rows are wanted, and how they are to travel.

    An offset without a count means all rows from there on, which are those left after skipping.
    """
    query, document = query_of(request), document_of(request, read_members.READ)
    offset = documents.place(query, "Offset") or 0
    count = documents.number(query, "Count") or 0
    skip = documents.number(document, "SkipRowNum") or 0
    options = BatchOptions(
        max_rows=documents.number(document, "MaxBatchRows") or _USUAL.max_rows,
        max_bytes=documents.number(document, "MaxBatchRawSize") or None,
        skip_rows=skip if count else skip + offset,
        columns=documents.texts(document, "DataColumns") or documents.texts(document, "Columns"),
        columns_unordered=documents.flag(document, "DataColumnsUnordered"),
        format=decode_data_format(documents.section(document, "DataFormat")),
        accept_encoding=_encoding(request.headers.get(ACCEPT_ENCODING, "")),
        result=decode_result_options(document),
    )
    rows = RowRange(offset, count) if count else None
    split = Split(session_of(request), documents.place(query, "Index"), rows)
    return ReadCall(target_of(request), split, options)


def _encoding(asked: str) -> str | None:
    """Return the first encoding of streams that is asked for."""
    for item in asked.lower().split(","):
        name, _, weight = item.partition(";")
        refused = weight.replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000")
        if not refused and (found := ENCODINGS.get(name.strip())) is not None:
            return found
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewCall:
    """A request for the first rows of a table."""

    table: TableRef
    limit: int | None = None
    partition: str | None = None
    columns: tuple[str, ...] | None = None


def encode_preview(
    table: TableRef,
    *,
    limit: int | None = None,
    partition: str | None = None,
    columns: tuple[str, ...] | None = None,
    envelope: Envelope = _PLAIN,
) -> Request:
    """Ask for the first rows of a table (§6.5); each parameter goes only when given."""
    said: dict[str, object] = {}
    if limit is not None:
        said["Limit"] = limit
    if partition is not None:
        said["Partition"] = partition
    query = [(key, str(value)) for key, value in said.items()]
    if columns is not None:
        said["Columns"] = _selection("columns", columns)
    return envelope.request(
        names.Action.PREVIEW,
        encode_target(table),
        query=query,
        document=said,
        headers={ACCEPT_ENCODING: "identity"},
    )


@refusing
def decode_preview(request: Request) -> PreviewCall:
    """Read how much of a table is wanted; query and body say the same."""
    said = {**query_of(request), **document_of(request, read_members.PREVIEW)}
    return PreviewCall(
        table=table_of(request),
        limit=documents.number(said, "Limit"),
        partition=documents.text(said, "Partition"),
        columns=documents.texts(said, "Columns"),
    )


def encode_info(
    info: ReadSessionInfo,
    *,
    request_id: str = "",
    route_token: str | None = None,
    warning: str | None = None,
    instance: bool = False,
) -> Response:
    """Answer with a read session (§6.2), for an ``instance`` under its other names too (§10)."""
    document: dict[str, object] = {
        "SessionId": info.session_id,
        "SessionStatus": info.status.value,
        "SessionType": info.session_type,
        "ExpirationTime": documents.milliseconds(info.expires_at),
        "SplitsCount": documents.ABSENT if info.n_splits is None else info.n_splits,
        "RecordCount": documents.ABSENT if info.n_rows is None else info.n_rows,
        "DataSchema": encode_data_schema(info.schema, info.system_columns),
        "SupportedDataFormat": [encode_data_format(item) for item in info.formats],
        "SplitMode": info.split_mode,
        "SplitBucketId": list(info.bucket_ids) or None,
        "SessionStats": _encode_stats(info.stats),
        "LatestVersion": info.latest_version,
        "Message": info.message,
        "EnableLargeString": info.large_strings,
        # The clients that read this back know the named form (§6.1).
        "IncrementalReadOptions": info.incremental
        and encode_incremental(info.incremental, "named"),
    }
    if instance:
        document["DownloadID"] = info.session_id
        document["Status"] = info.status.value
        document["TableSchema"] = encode_write_schema(write_schema_of(info.schema))
    return encode_reply(document, request_id=request_id, route_token=route_token, warning=warning)


def decode_info(response: Response) -> Reply[ReadSessionInfo]:
    """Read a read session out of an answer about a table or an instance."""
    return decode_reply(response, _decode_info)


def _decode_info(document: dict[str, Any]) -> ReadSessionInfo:
    mode = documents.text(document, "SplitMode") or "Size"
    n_rows = documents.number(document, "RecordCount")
    n_splits = documents.number(document, "SplitsCount")
    if mode == "RowOffset" and n_rows is not None:
        n_splits = None  # a service may send 0 here, which would read as an empty table (§19.12)
    formats = documents.sections(document, "SupportedDataFormat")
    return ReadSessionInfo(
        # Instance sessions say DownloadID and Status (§10).
        session_id=documents.needed(document, "SessionId", "DownloadID"),
        status=SessionStatus.parse(documents.text(document, "SessionStatus", "Status")),
        schema=_decode_schema(document),
        session_type=documents.text(document, "SessionType") or "BATCH_READ",
        expires_at=documents.time(document, "ExpirationTime"),
        n_splits=n_splits,
        n_rows=n_rows,
        split_mode=mode,
        bucket_ids=tuple(map(int, documents.texts(document, "SplitBucketId") or ())),
        formats=tuple(map(decode_data_format, formats)) or (DataFormat(),),
        stats=_decode_stats(documents.section(document, "SessionStats")),
        latest_version=documents.rough_number(document, "LatestVersion"),
        message=documents.text(document, "Message") or "",
        large_strings=documents.flag(document, "EnableLargeString"),
        incremental=_decode_echo(document),
        system_columns=decode_system_columns(documents.section(document, "DataSchema")),
    )


def _decode_schema(document: Mapping[str, Any]) -> TableSchema:
    """Read the schema in either form; sessions that are not ready have none yet."""
    if document.get("DataSchema"):
        return decode_data_schema(documents.section(document, "DataSchema"))
    coded = decode_write_schema(documents.section(document, "TableSchema"))
    return TableSchema(
        tuple(Column(item.name, item.type, item.comment, item.nullable) for item in coded.columns)
    )


def _decode_echo(document: Mapping[str, Any]) -> Incremental | None:
    try:
        options = documents.section(document, "IncrementalReadOptions")
        return decode_incremental(options) if options else None
    except ValueError:
        return None  # only what was asked for comes back here, and nothing depends on it


def _encode_stats(stats: SessionStats) -> dict[str, object]:
    said = {"EstimatedSize": stats.estimated_bytes, "EstimatedRowCount": stats.estimated_rows}
    return {key: documents.ABSENT if value is None else value for key, value in said.items()}


def _decode_stats(document: Mapping[str, Any]) -> SessionStats:
    return SessionStats(
        documents.rough_number(document, "EstimatedSize"),
        documents.rough_number(document, "EstimatedRowCount"),
    )

"""Recorded exchanges of read sessions, read streams and previews."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from odps_frames.model.lifecycle import SessionStatus
from odps_frames.model.read import (
    ArrowOptions,
    BatchOptions,
    Incremental,
    ReadSessionInfo,
    ReadSpec,
    ResultOptions,
    SessionStats,
    TimeUnit,
)
from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.splits import ByBucket, ByParallelism, ByRows, BySize, RowRange, Split
from odps_frames.model.table import InstanceRef, TableRef
from odps_frames.model.types import parse_type
from odps_frames.wire import read_session
from odps_frames.wire.arrow_stream import ArrowStreamReader
from odps_frames.wire.compression import Compression, decompress
from odps_frames.wire.envelope import Envelope
from odps_frames.wire.names import Action
from odps_frames.wire.read_session import GetReadSession, PreviewCall, ReadCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.wire.http import Request
    from tests.golden.conftest import Golden

Call = ReadSpec | GetReadSession | ReadCall | PreviewCall

P = "golden_project"
OLDER = TableRef(P, "golden_table", "default")
"""How the older client says it; the newer one leaves the level out."""
NEWER = TableRef(P, "golden_table")
LEVELS = TableRef(P, "golden_table", "golden_schema")
RUN = InstanceRef(P, "20260102030405678ggolden1")
SESSION = "golden-read-session-id"
DOWNLOAD = "golden-download-id"
PLAIN = Envelope()
ROUTED = Envelope(route_token="golden-route-token-1")
EXPIRES = datetime(2026, 1, 3, 3, 4, 5, tzinfo=UTC)
ID, NAME = Column("id", parse_type("bigint")), Column("name", parse_type("string"))
SCHEMA = TableSchema((ID, NAME), (Column("pt", parse_type("string"), nullable=False),))
INFO = ReadSessionInfo(
    session_id=SESSION,
    status=SessionStatus.NORMAL,
    schema=SCHEMA,
    expires_at=EXPIRES,
    n_splits=2,
    stats=SessionStats(1024, 3),
)
BY_ROWS = replace(INFO, n_splits=None, split_mode="RowOffset")
NOT_READY = ReadSessionInfo(
    session_id=SESSION, status=SessionStatus.INIT, schema=TableSchema(()), expires_at=EXPIRES
)
RESULT = ReadSessionInfo(
    session_id=DOWNLOAD, status=SessionStatus.NORMAL, schema=TableSchema((ID, NAME)), n_rows=3
)
VERSIONS = Incremental(1, 5, "version")
CHOSEN = ReadSpec(
    table=NEWER,
    columns=("id", "name"),
    partition_columns=("pt",),
    partitions=("pt=20240101",),
    buckets=("0", "1"),
    split_by=BySize(67108864, cross_partition=False),
    arrow=ArrowOptions(TimeUnit.MICRO, TimeUnit.SECOND),
    row_filter="id > 1",
    row_filter_fallback=True,
    max_files_per_split=10,
    incremental=VERSIONS,
)


@dataclass(frozen=True, slots=True)
class Case:
    """What we make of one recording; a stream of rows has no ``answer``."""

    call: Call
    answer: ReadSessionInfo | None = None
    envelope: Envelope = PLAIN


def read(table: TableRef | InstanceRef, split: Split, **options: Any) -> Case:
    return Case(ReadCall(table, split, BatchOptions(**options)))


def routed(case: Case) -> Case:
    return replace(case, envelope=ROUTED)


BARE, ASKED, DEFAULT = (
    ReadSpec(table=NEWER),
    ReadSpec(table=OLDER),
    Case(ReadSpec(table=NEWER), INFO),
)
NARROW = {"max_rows": 1024, "columns": ("name",)}
CASES: dict[str, Case] = {
    "ms-v2-instance-create-read-session": Case(ReadSpec(table=RUN), RESULT),
    "ms-v2-instance-create-read-session-limit": Case(
        ReadSpec(table=RUN, result=ResultOptions(limited=True)), RESULT
    ),
    "ms-v2-instance-get-read-session": Case(GetReadSession(RUN, DOWNLOAD), RESULT),
    "ms-v2-instance-read": read(RUN, Split(DOWNLOAD)),
    "ms-v2-instance-read-full": read(
        RUN,
        Split(DOWNLOAD, rows=RowRange(1, 2)),
        columns=("name",),
        accept_encoding="zstd",
        result=ResultOptions(task="console_query_task_1", query_id=7, limited=True),
    ),
    "ms-v2-retry-429-2": DEFAULT,
    "ms-v2-retry-503-2": DEFAULT,
    "ms-v2-schema-create-read-session": Case(ReadSpec(table=LEVELS), INFO),
    "ms-v2-table-create-read-session-critical": Case(
        BARE, replace(INFO, status=SessionStatus.CRITICAL, message="plan failed")
    ),
    "ms-v2-table-create-read-session-default": DEFAULT,
    "ms-v2-table-create-read-session-full": Case(CHOSEN, replace(INFO, latest_version=5)),
    "ms-v2-table-create-read-session-parallelism-unsupported": Case(
        replace(BARE, split_by=ByParallelism(8)),
        replace(INFO, n_splits=8, split_mode="Parallelism"),
    ),
    "ms-v2-table-create-read-session-poll-1-create": Case(BARE, NOT_READY),
    "ms-v2-table-create-read-session-poll-2-get": Case(GetReadSession(NEWER, SESSION), INFO),
    "ms-v2-table-create-read-session-row-offset": Case(
        replace(BARE, split_by=ByRows(2)), replace(BY_ROWS, n_rows=5)
    ),
    "ms-v2-table-get-read-session-reload": Case(GetReadSession(NEWER, SESSION), INFO),
    "ms-v2-table-preview-default": Case(PreviewCall(table=NEWER)),
    "ms-v2-table-preview-full": Case(
        PreviewCall(table=NEWER, limit=10, partition="pt=20240101", columns=("id",))
    ),
    "ms-v2-table-read-index": routed(read(NEWER, Split(SESSION, 1))),
    "ms-v2-table-read-lz4": routed(read(NEWER, Split(SESSION, 0), accept_encoding="x-lz4-frame")),
    "ms-v2-table-read-offset-count": routed(
        read(
            NEWER,
            Split(SESSION, rows=RowRange(4, 1)),
            skip_rows=1,
            max_bytes=4096,
            columns_unordered=True,
            **NARROW,
        )
    ),
    "ms-v2-table-read-zstd": routed(read(NEWER, Split(SESSION, 0), accept_encoding="zstd")),
    "ms-v2-table-read-zstd-identity-fails": routed(
        read(NEWER, Split(SESSION, 0), accept_encoding="zstd")
    ),
    "ms-v2-v4-create-read-session": DEFAULT,
    "ms-v3-table-create-read-session-default": replace(DEFAULT, envelope=Envelope(api_version="3")),
    "v2-instance-create-read-session": Case(ReadSpec(table=RUN), RESULT),
    "v2-instance-get-read-session": Case(
        GetReadSession(RUN, DOWNLOAD), replace(RESULT, schema=TableSchema(()))
    ),
    "v2-instance-read": read(RUN, Split(DOWNLOAD, rows=RowRange(0, 3))),
    "v2-table-create-read-session-bucket": Case(
        replace(ASKED, split_by=ByBucket()),
        replace(INFO, n_splits=4, split_mode="Bucket", bucket_ids=(0, 1, 2, 3)),
    ),
    "v2-table-create-read-session-default": Case(ASKED, INFO),
    "v2-table-create-read-session-full": Case(
        replace(
            CHOSEN,
            table=OLDER,
            partitions=("pt=20240101", "pt=20240102"),
            row_filter="id > 1 and name = 'a'",
        ),
        replace(INFO, latest_version=5, incremental=VERSIONS),
    ),
    "v2-table-create-read-session-incremental-time": Case(
        replace(
            ASKED,
            incremental=Incremental("2024-01-01 00:00:00", "2024-01-02 00:00:00", "timestamp"),
        ),
        INFO,
    ),
    "v2-table-create-read-session-init": Case(ASKED, NOT_READY),
    "v2-table-create-read-session-parallelism": Case(
        replace(ASKED, split_by=ByParallelism(8)),
        replace(INFO, n_splits=8, split_mode="Parallelism"),
    ),
    "v2-table-create-read-session-quota-tags": Case(
        ASKED, INFO, Envelope(quota="golden_quota", tags=("tag1", "tag2"))
    ),
    "v2-table-create-read-session-row-offset": Case(
        replace(ASKED, split_by=ByRows(1)), replace(BY_ROWS, n_rows=3)
    ),
    "v2-table-get-read-session": Case(GetReadSession(OLDER, SESSION), INFO),
    "v2-table-get-read-session-refresh": Case(
        GetReadSession(OLDER, SESSION, refresh=True),
        replace(INFO, expires_at=EXPIRES + timedelta(days=1)),
    ),
    "v2-table-preview-default": Case(PreviewCall(table=OLDER)),
    "v2-table-preview-full": Case(
        PreviewCall(table=OLDER, limit=10, partition="pt=20240101", columns=("id", "name"))
    ),
    "v2-table-read-index": read(OLDER, Split(SESSION, 0)),
    "v2-table-read-lz4-ipc-body": read(OLDER, Split(SESSION, 1), accept_encoding="x-lz4-frame"),
    "v2-table-read-offset-count": routed(
        read(OLDER, Split(SESSION, rows=RowRange(0, 3)), skip_rows=5, max_bytes=1048576, **NARROW)
    ),
    "v2-table-read-zstd-http-fails": read(OLDER, Split(SESSION, 1), accept_encoding="zstd"),
    "v2-table-read-zstd-identity": read(OLDER, Split(SESSION, 1), accept_encoding="zstd"),
    "v2-target-with-schema": Case(ReadSpec(table=LEVELS), INFO),
    "v3-table-create-read-session-default": Case(ASKED, INFO, Envelope(api_version="3")),
}
COVERED = frozenset(CASES)
STREAMS = sorted(stem for stem, case in CASES.items() if case.answer is None)
SESSIONS = sorted(COVERED.difference(STREAMS))


def encode(call: Call, envelope: Envelope, form: Any = "range") -> Request:
    match call:
        case ReadSpec():
            return read_session.encode_create(call, envelope, incremental_form=form)
        case GetReadSession(table=table, session_id=session_id, refresh=refresh):
            return read_session.encode_get(table, session_id, refresh=refresh, envelope=envelope)
        case ReadCall(table=table, split=split, options=options):
            return read_session.encode_read(table, split, options, envelope)
        case PreviewCall(table=table, limit=limit, partition=partition, columns=columns):
            return read_session.encode_preview(
                table, limit=limit, partition=partition, columns=columns, envelope=envelope
            )


DECODERS: dict[str, Callable[[Request], Call]] = {
    Action.CREATE_READ_SESSION: read_session.decode_create,
    Action.CREATE_INSTANCE_SESSION: read_session.decode_create,
    Action.GET_READ_SESSION: read_session.decode_get,
    Action.GET_INSTANCE_SESSION: read_session.decode_get,
    Action.READ: read_session.decode_read,
    Action.READ_INSTANCE: read_session.decode_read,
    Action.PREVIEW: read_session.decode_preview,
}


def unchanged(request: Request) -> Request:
    return request


def strings_for_buckets(request: Request) -> Request:
    document = json.loads(request.read_body())
    document["RequiredBucketIds"] = [str(bucket) for bucket in document["RequiredBucketIds"]]
    return replace(request, body=json.dumps(document).encode())


def unit_of_rows(request: Request) -> Request:
    document = json.loads(request.read_body())
    document["SplitOptions"] |= {"SplitUnit": "RowOffset", "SplitNumber": 0}
    return replace(request, body=json.dumps(document).encode())


def no_refresh(request: Request) -> Request:
    query = tuple(pair for pair in request.query if pair != ("session_refresh", "false"))
    return replace(request, query=query)


DIFFERENT: dict[str, Callable[[Request], Request] | None] = {
    # The older client says buckets as text; both forms are taken, the newer one is sent.
    "v2-table-create-read-session-full": strings_for_buckets,
    # A caller of the older client put these two by hand; they mean nothing in this mode.
    "v2-table-create-read-session-row-offset": unit_of_rows,
    # The older client says nothing where the newer one says "false".
    "v2-table-get-read-session": no_refresh,
    # Older clients ask for results as they ask for tables; the newer form is sent, which has
    # members for that alone.
    "v2-instance-create-read-session": None,
    "v2-instance-get-read-session": None,
    "v2-instance-read": None,
}


@pytest.mark.parametrize("stem", sorted(COVERED))
def test_client_sends_what_was_recorded(golden: Golden, stem: str) -> None:
    case = CASES[stem]
    ours = encode(case.call, case.envelope, "named" if stem.startswith("v2-") else "range")
    adapt = DIFFERENT.get(stem, unchanged)
    if adapt is not None:
        golden.assert_reproduced(stem, adapt(ours))
    assert DECODERS[ours.operation](ours) == case.call


@pytest.mark.parametrize("stem", sorted(COVERED))
def test_service_reads_what_was_recorded(golden: Golden, stem: str) -> None:
    case, request = CASES[stem], golden[stem].request
    assert DECODERS[dict(request.query)["Action"]](request) == case.call
    assert Envelope.of(request) == case.envelope


@pytest.mark.parametrize("stem", SESSIONS)
def test_client_understands_what_was_answered(golden: Golden, stem: str) -> None:
    response = golden[stem].response
    reply = read_session.decode_info(response)
    assert reply.value == CASES[stem].answer
    assert reply.request_id == response.headers["x-odps-request-id"]
    assert reply.route_token == response.headers.get("x-odps-max-storage-route-token")
    assert reply.warning is None


@pytest.mark.parametrize("stem", SESSIONS)
def test_client_understands_it_as_the_recorded_one_did(golden: Golden, stem: str) -> None:
    recording = golden[stem]
    reply = read_session.decode_info(recording.response)
    info, call = reply.value, CASES[stem].call
    by = call.split_by if isinstance(call, ReadSpec) else BySize()
    # A session that is not ready cannot be cut yet; the recorded clients show no splits then.
    splits = () if info.status is SessionStatus.INIT else info.splits(by)
    expires = None if info.expires_at is None else int(info.expires_at.timestamp() * 1000)
    ours: dict[str, object] = {
        "id": info.session_id,
        "session_id": info.session_id,
        "download_id": info.session_id,
        "session_status": info.status.value,
        "status": info.status.value,
        "session_type": info.session_type,
        "splits_count": info.n_splits,
        "record_count": info.n_rows,
        "expiration_time": expires,
        "split_mode": info.split_mode,
        "split_bucket_id": list(info.bucket_ids) or None,
        "latest_version": info.latest_version,
        "message": info.message or None,
        "enable_large_string": info.large_strings,
        "columns": [[column.name, str(column.type)] for column in info.schema.columns],
        "splits": [pieces(split) for split in splits],
        "request_id": reply.request_id,
        "route_token": reply.route_token,
    }
    usual = {"session_type": "BATCH_READ", "split_mode": "Size", "enable_large_string": False}
    for key, value in recording.parsed.items():
        if key == "quota_name" or (key in {"download_id", "status"} and value is None):
            continue  # of no use to us, or the other name of what a table session says
        absent = value in (None, -1, "")
        assert ours[key] == (usual.get(key) if absent else value), key


def pieces(split: Split) -> list[list[object]]:
    if split.rows is None:
        return [["session_id", split.session_id], ["split_index", split.index]]
    return [
        ["session_id", split.session_id],
        ["offset", split.rows.offset],
        ["length", split.rows.count],
    ]


@pytest.mark.parametrize("stem", SESSIONS)
def test_what_the_service_answers_is_understood(stem: str) -> None:
    case = CASES[stem]
    assert case.answer is not None
    answer = read_session.encode_info(
        case.answer,
        request_id="r",
        route_token="t",
        instance=isinstance(getattr(case.call, "table", None), InstanceRef),
    )
    reply = read_session.decode_info(answer)
    assert (reply.value, reply.request_id, reply.route_token) == (case.answer, "r", "t")


@pytest.mark.parametrize("stem", STREAMS)
def test_rows_of_every_encoding_are_read(golden: Golden, stem: str) -> None:
    recording = golden[stem]
    response = recording.response
    compression = Compression.of_encoding(response.headers.get("Content-Encoding"))
    batches = list(ArrowStreamReader(decompress(response.body, compression)))
    # The recorded clients fail on two of these answers, and read the same rows from all others.
    assert [batch.num_rows for batch in batches] == recording.parsed.get("batch_rows", [2, 1])
    assert [column.to_pylist() for column in batches[0].columns] == [[1, 2], ["a", None]]

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.errors import ProtocolError, ServiceError
from odps_frames.model.lifecycle import SessionStatus
from odps_frames.model.read import (
    ArrowOptions,
    BatchOptions,
    DataFormat,
    Incremental,
    ReadSessionInfo,
    ReadSpec,
    SessionStats,
    TimeUnit,
)
from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.splits import ByBucket, ByParallelism, ByRows, BySize, RowRange, Split
from odps_frames.model.table import InstanceRef, TableRef
from odps_frames.model.types import parse_type
from odps_frames.wire import read_session as wire
from odps_frames.wire.envelope import Envelope
from odps_frames.wire.http import Headers, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

TABLE = TableRef("p", "t")
RUN = InstanceRef("p", "i")
TEXTS = st.text(min_size=1, max_size=5)
COUNTS = st.integers(1, 2**40)
SELECTIONS = st.none() | st.lists(TEXTS, min_size=1, max_size=3).map(tuple)
BUCKETS = st.none() | st.lists(st.integers(0, 99).map(str), min_size=1, max_size=3).map(tuple)
SPLITS_BY = (
    st.builds(BySize, COUNTS, st.booleans(), TEXTS)
    | st.builds(ByParallelism, COUNTS, st.booleans())
    | st.builds(ByRows, COUNTS, st.booleans())
    | st.builds(ByBucket, st.booleans())
)
UNITS = st.sampled_from(TimeUnit)
BOUNDS = st.integers(0, 2**40) | TEXTS
INCREMENTALS = st.builds(Incremental, BOUNDS, st.none() | BOUNDS, st.none() | TEXTS)
TABLES = st.sampled_from([TABLE, TableRef("p", "t", "s")])
TARGETS = TABLES | st.just(RUN)
SPECS = st.builds(
    ReadSpec,
    table=TABLES,
    columns=SELECTIONS,
    partition_columns=SELECTIONS,
    partitions=SELECTIONS,
    buckets=BUCKETS,
    split_by=SPLITS_BY,
    arrow=st.builds(ArrowOptions, UNITS, UNITS),
    row_filter=st.none() | TEXTS,
    row_filter_fallback=st.booleans(),
    max_files_per_split=st.none() | COUNTS,
    incremental=st.none() | INCREMENTALS,
)
OPTIONS = st.builds(
    BatchOptions,
    max_rows=COUNTS,
    max_bytes=st.none() | COUNTS,
    skip_rows=st.integers(0, 99),
    columns=SELECTIONS,
    columns_unordered=st.booleans(),
    format=st.builds(DataFormat, TEXTS, TEXTS),
    accept_encoding=st.sampled_from([None, "zstd", "x-lz4-frame"]),
)
SPLITS = st.builds(
    Split,
    TEXTS,
    st.none() | st.integers(0, 99),
    st.none() | st.builds(RowRange, st.integers(0, 2**40), COUNTS),
)
INFOS = st.builds(
    ReadSessionInfo,
    session_id=TEXTS,
    status=st.sampled_from(SessionStatus),
    schema=st.just(TableSchema((Column("a", parse_type("array<int>")),))),
    session_type=TEXTS,
    expires_at=st.none()
    | st.integers(0, 10**12).map(lambda s: datetime.fromtimestamp(s // 1000, UTC)),
    n_splits=st.none() | st.integers(0, 99),
    n_rows=st.none() | st.integers(0, 2**62),
    split_mode=st.sampled_from(["Size", "Parallelism", "Bucket"]),
    bucket_ids=st.lists(st.integers(0, 99), max_size=3).map(tuple),
    formats=st.lists(st.builds(DataFormat, TEXTS, TEXTS), min_size=1, max_size=2).map(tuple),
    stats=st.builds(SessionStats, st.none() | COUNTS, st.none() | COUNTS),
    latest_version=st.none() | COUNTS,
    message=st.text(max_size=5),
    large_strings=st.booleans(),
    incremental=st.none() | INCREMENTALS,
)


def request(
    body: object, method: str = "POST", target: str = "projects.p.tables.t", **query: str
) -> Request:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    pairs = {"Action": "Some", "Target": target, **query}
    return Request(method=method, path="/api/storage/v2", query=tuple(pairs.items()), body=content)


def answer(document: object) -> Response:
    return Response.of(json.dumps(document).encode(), headers={"x-odps-request-id": "r"})


@given(spec=SPECS, form=st.sampled_from(["range", "named"]))
def test_specs_come_back(spec: ReadSpec, form: Any) -> None:
    assert wire.decode_create(wire.encode_create(spec, incremental_form=form)) == spec


@given(split=SPLITS, options=OPTIONS, target=TABLES)
def test_reads_come_back(split: Split, options: BatchOptions, target: TableRef) -> None:
    call = wire.decode_read(wire.encode_read(target, split, options))
    assert call == wire.ReadCall(target, split, options)


@given(session=TEXTS, refresh=st.booleans(), target=TARGETS)
def test_questions_come_back(
    session: str, target: TableRef | InstanceRef, *, refresh: bool
) -> None:
    call = wire.decode_get(wire.encode_get(target, session, refresh=refresh))
    assert call == wire.GetReadSession(target, session, refresh)


@given(limit=st.none() | COUNTS, partition=st.none() | TEXTS, columns=SELECTIONS)
def test_previews_come_back(
    limit: int | None, partition: str | None, columns: tuple[str, ...] | None
) -> None:
    call = wire.PreviewCall(table=TABLE, limit=limit, partition=partition, columns=columns)
    sent = wire.encode_preview(TABLE, limit=limit, partition=partition, columns=columns)
    assert wire.decode_preview(sent) == call


@given(info=INFOS, instance=st.booleans())
def test_sessions_come_back(info: ReadSessionInfo, *, instance: bool) -> None:
    response = wire.encode_info(info, request_id="r", route_token="t", instance=instance)
    reply = wire.decode_info(response)
    assert (reply.value, reply.request_id, reply.route_token) == (info, "r", "t")


@pytest.mark.parametrize("name", ["columns", "partition_columns", "partitions", "buckets"])
def test_none_cannot_be_asked_for(name: str) -> None:
    nothing: dict[str, Any] = {name: ()}
    spec = replace(ReadSpec(table=TABLE), **nothing)
    with pytest.raises(ValueError, match=rf"^{name}=\(\); the wire cannot ask for none"):
        wire.encode_create(spec)


def test_neither_by_reads_nor_by_previews() -> None:
    with pytest.raises(ValueError, match="cannot ask for none"):
        wire.encode_read(TABLE, Split("s"), BatchOptions(columns=()))
    with pytest.raises(ValueError, match="cannot ask for none"):
        wire.encode_preview(TABLE, columns=())


def test_an_empty_request_asks_for_everything() -> None:
    assert wire.decode_create(request(b"")) == ReadSpec(table=TABLE)
    assert wire.decode_create(request({"SplitOptions": None})) == ReadSpec(table=TABLE)


@pytest.mark.parametrize(
    "options",
    [
        {"Mode": "m", "From": 1, "To": 5},
        {"Mode": "m", "From": "1", "To": "5"},
        {"Mode": "m", "StartVersion": 1, "EndVersion": 5},
        {"Mode": "m", "StartTimeStamp": "1", "EndTimeStamp": "5", "StartVersion": None},
    ],
)
def test_both_spellings_of_changes_are_read(options: dict[str, object]) -> None:
    body = {"IncrementalRead": "true", "IncrementalReadOptions": options}
    found = wire.decode_create(request(body)).incremental
    number = options.get("From", options.get("StartVersion")) == 1
    assert found == (Incremental(1, 5, "m") if number else Incremental("1", "5", "m"))


@pytest.mark.parametrize(
    ("number", "by"),
    [(0, ByRows(1)), (-1, ByRows(268435456)), (7, ByRows(7)), (None, ByRows(268435456))],
)
def test_readers_may_leave_the_rows_of_a_split_out(number: int | None, by: ByRows) -> None:
    body = {"SplitOptions": {"SplitMode": "RowOffset", "SplitNumber": number}}
    assert wire.decode_create(request(body)).split_by == by


BROKEN: list[tuple[Callable[[Request], object], Request]] = [
    (
        wire.decode_create,  # a caller who wants changes must not get all rows
        request({"IncrementalRead": False, "IncrementalReadOptions": {"From": 1}}),
    ),
    (wire.decode_create, request(b"{")),
    (wire.decode_create, request(b"[" * 100_000)),
    (wire.decode_create, request([])),
    (wire.decode_create, request({"RequiredDataColumns": "id"})),
    (wire.decode_create, request({"SplitOptions": {"SplitMode": "Random"}})),
    (wire.decode_create, request({"SplitOptions": {"SplitNumber": 0}})),
    (wire.decode_create, request({"SplitOptions": []})),
    (wire.decode_create, request({"ArrowOptions": {"TimestampUnit": "fortnight"}})),
    (wire.decode_create, request({"FilterPredicate": ["id > 1"]})),
    (wire.decode_create, request({"FilterPredicateFallback": "maybe"})),
    (wire.decode_create, request({"IncrementalRead": True})),
    (wire.decode_create, request({}, target="")),
    (wire.decode_create, request({}, target="projects.p")),
    (wire.decode_get, request({})),
    (wire.decode_get, request({}, SessionId="s", session_refresh="maybe")),
    (wire.decode_read, request({}, Index="0")),
    (wire.decode_read, request({}, SessionId="s", Index="first")),
    (wire.decode_read, request({}, SessionId="s", Index="-2")),
    (wire.decode_read, request({}, SessionId="s", Index="-1")),  # which is not: all of them
    (wire.decode_read, request({}, SessionId="s", Offset="-1", Count="3")),
    (wire.decode_read, request({"MaxBatchRows": "many"}, SessionId="s")),
    (wire.decode_preview, request({}, target="projects.p.instances.i")),
    (wire.decode_preview, request({"Limit": 1.5})),
]


@pytest.mark.parametrize(("decode", "broken"), BROKEN)
def test_malformed_requests_are_refused(
    decode: Callable[[Request], object], broken: Request
) -> None:
    with pytest.raises(ServiceError, match="cannot carry out 'Some': ") as raised:
        decode(broken)
    assert type(raised.value) is ServiceError
    assert (raised.value.status, raised.value.code) == (400, "InvalidArgument")


def test_every_row_is_read_without_index_and_range() -> None:
    assert wire.decode_read(request(b"", SessionId="s")) == wire.ReadCall(TABLE, Split("s"))


def test_an_offset_without_a_count_skips() -> None:
    call = wire.decode_read(request({"SkipRowNum": 2}, SessionId="s", Offset="5", Count="-1"))
    assert call == wire.ReadCall(TABLE, Split("s"), BatchOptions(skip_rows=7))


def test_index_and_range_may_stand_together() -> None:
    call = wire.decode_read(request({}, SessionId="s", Index="1", Offset="5", Count="2"))
    assert call.split == Split("s", 1, RowRange(5, 2))


@pytest.mark.parametrize(
    ("asked", "encoding"),
    [
        ("", None),
        ("identity", None),
        ("ZSTD", "zstd"),
        ("gzip, deflate, zstd;q=0.5", "zstd"),
        ("zstd;q=0, LZ4_FRAME", "x-lz4-frame"),
        ("gzip, br", None),
    ],
)
def test_the_first_encoding_that_is_known_counts(asked: str, encoding: str | None) -> None:
    call = replace(request({}, SessionId="s"), headers=Headers({"ACCEPT-ENCODING": asked}))
    assert wire.decode_read(call).options.accept_encoding == encoding


def test_streams_come_plain_unless_asked_for_otherwise() -> None:
    assert wire.encode_read(TABLE, Split("s")).headers["Accept-Encoding"] == "identity"
    assert wire.encode_preview(TABLE).headers["Accept-Encoding"] == "identity"


def test_a_preview_may_say_all_in_its_query() -> None:
    call = wire.decode_preview(request(b"", Limit="3", Partition="pt=1"))
    assert call == wire.PreviewCall(table=TABLE, limit=3, partition="pt=1")


def test_the_envelope_goes_with_every_request() -> None:
    envelope = Envelope(api_version="3", route_token="t", quota="q", tags=("a", "b"))
    for sent in (
        wire.encode_create(ReadSpec(table=TABLE), envelope),
        wire.encode_get(TABLE, "s", envelope=envelope),
        wire.encode_read(TABLE, Split("s"), envelope=envelope),
        wire.encode_preview(TABLE, envelope=envelope),
    ):
        assert Envelope.of(sent) == envelope


def test_a_session_needs_its_id() -> None:
    with pytest.raises(ProtocolError, match=r"SessionId is missing; it begins b'\{\"Ses") as raised:
        wire.decode_info(answer({"SessionStatus": "NORMAL"}))
    assert raised.value.request_id == "r"


def test_an_unknown_type_fails_by_name() -> None:
    schema = {"DataColumns": [{"Name": "id", "Type": "hyperint"}]}
    with pytest.raises(ProtocolError, match="column 'id': not a MaxCompute type: 'hyperint'"):
        wire.decode_info(answer({"SessionId": "s", "DataSchema": schema}))


@pytest.mark.parametrize("count", ["many", -2, 1.5, [], True])
def test_counts_are_never_guessed(count: object) -> None:
    with pytest.raises(ProtocolError, match="RecordCount="):
        wire.decode_info(answer({"SessionId": "s", "RecordCount": count}))


def test_what_nobody_depends_on_may_be_anything() -> None:
    document = {
        "SessionId": "s",
        "SessionStatus": "Dreaming",
        "ExpirationTime": "some day",
        "SessionStats": {"EstimatedSize": "big", "EstimatedRowCount": -1},
        "LatestVersion": -1,
        "IncrementalReadOptions": {"Mode": []},
        "Novelty": 1,
    }
    assert wire.decode_info(answer(document)).value == ReadSessionInfo(
        session_id="s", status=SessionStatus.UNKNOWN, schema=TableSchema(())
    )


def test_no_number_of_splits_hides_the_rows_of_a_session() -> None:
    document = {"SessionId": "s", "SplitMode": "RowOffset", "SplitsCount": 0, "RecordCount": 5}
    info = wire.decode_info(answer(document)).value
    assert info.splits(ByRows(3)) == (
        Split("s", rows=RowRange(0, 3)),
        Split("s", rows=RowRange(3, 2)),
    )


def test_an_instance_is_answered_in_both_tongues() -> None:
    info = ReadSessionInfo(
        session_id="d",
        status=SessionStatus.NORMAL,
        schema=TableSchema((Column("id", parse_type("bigint")),)),
        n_rows=3,
    )
    document = json.loads(wire.encode_info(info, instance=True).read())
    assert (document["DownloadID"], document["Status"], document["RecordCount"]) == (
        "d",
        "NORMAL",
        3,
    )
    assert document["TableSchema"]["DataColumns"][0]["columnType"]["Type"] == 0
    assert document["DataSchema"]["DataColumns"][0]["Type"] == "bigint"
    plain = json.loads(wire.encode_info(info).read())
    assert plain.keys().isdisjoint({"DownloadID", "Status", "TableSchema"})
    for key in ("SessionId", "SessionStatus", "DataSchema"):
        del document[key]
    assert wire.decode_info(answer(document)).value == info


@pytest.mark.parametrize(
    ("action", "document", "name"),
    [
        ("TableCreateReadSession", {"RequiredDataColumn": ["a"]}, "RequiredDataColumn"),
        ("TableCreateReadSession", {"SplitOptions": {"SplitModee": "Size"}}, "SplitModee"),
        ("TableCreateReadSession", {"ArrowOptions": {"DateTimeUnit": "milli"}}, "DateTimeUnit"),
        ("TableRead", {"SkipRows": 3}, "SkipRows"),
        ("TablePreview", {"Rows": 3}, "Rows"),
    ],
)
def test_members_that_nobody_knows_are_refused_by_name(
    action: str, document: dict[str, Any], name: str
) -> None:
    decoders: dict[str, Any] = {
        "TableCreateReadSession": wire.decode_create,
        "TableRead": wire.decode_read,
        "TablePreview": wire.decode_preview,
    }
    query = (("Action", action), ("Target", "projects.p.tables.t"), ("SessionId", "s"))
    request = Request(
        method="POST", path="/api/storage/v2", query=query, body=json.dumps(document).encode()
    )
    with pytest.raises(ServiceError, match=f"'{name}' is not known") as refused:
        decoders[action](request)
    assert (refused.value.status, refused.value.code) == (400, "InvalidArgument")

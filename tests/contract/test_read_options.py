"""Options of read sessions and read streams, from the public names to the service and back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames.client import Client
from odps_frames.config import Config
from odps_frames.emulator.app import Emulator
from odps_frames.emulator.preparing import Preparation
from odps_frames.model.lifecycle import SessionStatus
from odps_frames.model.schema import TableSchema
from odps_frames.model.types import parse_type
from odps_frames.read.session import ReadSession
from odps_frames.transport.retry import RetryPolicy
from odps_frames.wire import names
from odps_frames.wire.compression import Compression
from odps_frames.wire.read_session import decode_create, encode_get

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from odps_frames.local import LocalClient
    from odps_frames.wire.http import Request, Response

N_ROWS = 100
ROWS = pa.table(
    {
        "id": pa.array(range(N_ROWS), pa.int64()),
        "name": pa.array([f"n{n:03}" for n in range(N_ROWS)]),
        "raw": pa.array([bytes([n]) for n in range(N_ROWS)], pa.binary()),
        "pt": pa.array(["a"] * 60 + ["b"] * 40),
        "hh": pa.array([1] * 60 + [2] * 40, pa.int64()),
    }
)


class Clock:
    """The time of both sides; it goes on when somebody waits."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def policy(self) -> RetryPolicy:
        return RetryPolicy(sleep=self.sleep, clock=self.seconds, jitter=lambda: 0.5)


class Tap:
    """Carries requests to the service and keeps them; answers may be given another token."""

    def __init__(self, service: Emulator) -> None:
        self._service = service
        self.seen: list[Request] = []
        self.tokens: Iterator[str] | None = None
        self.given: list[str] = []

    def send(self, request: Request, /) -> Response:
        self.seen.append(request)
        response = self._service.send(request)
        if self.tokens is None or names.ROUTE_TOKEN not in response.headers:
            return response
        self.given.append(next(self.tokens))
        fresh = {names.ROUTE_TOKEN: self.given[-1]}
        return replace(response, headers=response.headers.adding(fresh))

    def last(self, operation: str) -> Request:
        return next(one for one in reversed(self.seen) if one.operation == operation)

    def tokens_sent(self) -> list[tuple[str, str | None]]:
        return [(one.operation, one.headers.get(names.ROUTE_TOKEN)) for one in self.seen]


class Stand:
    """A service with its clock, a client of it, and what passed between them."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.clock = Clock()
        config = {
            name: settings.pop(name)
            for name in ("api_version", "quota", "tags")
            if name in settings
        }
        self.service = Emulator(folder, clock=self.clock, **settings)
        self.tap = Tap(self.service)
        self.client = Client(
            Config(
                endpoint="http://service.test/api",
                project="demo",
                access_id="a",
                secret_access_key="s",
                **config,
            ),
            transport=self.tap,
            policy=self.clock.policy(),
        )
        of.to_odps(ROWS, "t", partition_cols=["pt", "hh"], create=True, client=self.client)
        self.tap.seen.clear()

    def session(self, **spec: Any) -> ReadSession:
        return self.client.read_session("t", **spec)

    def close(self) -> None:
        self.client.close()
        self.service.close()


@pytest.fixture
def open_stand(tmp_path: Path) -> Iterator[Callable[..., Stand]]:
    opened: list[Stand] = []

    def open_one(**settings: Any) -> Stand:
        opened.append(Stand(tmp_path / str(len(opened)), **settings))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


@pytest.fixture(params=["2", "3"])
def stand(open_stand: Callable[..., Stand], request: pytest.FixtureRequest) -> Stand:
    return open_stand(api_version=request.param)


def body_of(request: Request) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(request.read_body())
    return document


@pytest.mark.covers(
    "CreateReadSessionRequest.required_data_columns",
    "CreateReadSessionRequest.required_partition_columns",
    "CreateReadSessionRequest.required_partitions",
    "CreateReadSessionResponse.data_schema",
    "DataSchema.data_columns",
    "DataSchema.partition_columns",
    "Column.name",
    "Column.type",
)
def test_columns_and_partitions_come_in_the_order_asked_for(stand: Stand) -> None:
    session = stand.session(
        columns=["NAME", "id"], partition_columns=["hh", "pt"], partitions=["pt=b,hh=2"]
    )
    assert [str(c.type) for c in session.columns] == ["string", "bigint", "bigint", "string"]
    expected = ROWS.select(["name", "id", "hh", "pt"]).slice(60)
    assert session.to_arrow().equals(expected)
    sent = body_of(stand.tap.last("TableCreateReadSession"))
    assert sent["RequiredDataColumns"] == ["NAME", "id"]
    assert sent["RequiredPartitionColumns"] == ["hh", "pt"]
    assert sent["RequiredPartitions"] == ["pt=b,hh=2"]
    assert stand.tap.seen[-1].path == f"/api/storage/v{stand.client.config.api_version}"


def whole(session: ReadSession) -> of.Split:
    return of.Split(session.session_id)


@pytest.mark.covers(
    "ReadStreamRequest.session_id",
    "ReadStreamRequest.data_columns",
    "ReadStreamRequest.data_format",
    "DataFormat.type",
    "DataFormat.version",
    "CreateReadSessionResponse.supported_data_format",
)
@pytest.mark.parametrize("unordered", [False, True])
@pytest.mark.parametrize(
    "columns",
    [["name", "id"], ["raw"], ["pt", "name", "hh"], ["HH"], ["id", "name", "raw", "pt", "hh"]],
)
def test_a_stream_brings_some_columns_of_its_session(
    stand: Stand, columns: list[str], unordered: Any
) -> None:
    session = stand.session()
    options = of.BatchOptions(columns=tuple(columns), columns_unordered=unordered)
    found = pa.Table.from_batches(session.read(whole(session), options=options))
    assert found.equals(ROWS.select([name.lower() for name in columns]))
    assert body_of(stand.tap.last("TableRead"))["DataColumnsUnordered"] is unordered


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"columns": ("nmae",)}, of.SchemaMismatch, "'name'"),
        ({"columns": ("id", "ID")}, ValueError, "once"),
        ({"columns": "id"}, TypeError, r"\['id'\]"),
        ({"format": of.DataFormat("Parquet", "V1")}, ValueError, "Parquet.*Arrow V5"),
        ({"max_rows": 0}, ValueError, "max_rows=0"),
        ({"max_bytes": -1}, ValueError, "max_bytes=-1"),
        ({"skip_rows": -1}, ValueError, "skip_rows=-1"),
        ({"skip_rows": True}, ValueError, "skip_rows=True"),
        ({"max_rows": 1.5}, ValueError, "max_rows=1.5"),
    ],
)
def test_options_of_a_stream_that_make_no_sense_are_never_sent(
    stand: Stand, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    session = stand.session()
    stand.tap.seen.clear()
    with pytest.raises(error, match=words):
        list(session.read(whole(session), options=of.BatchOptions(**options)))
    assert stand.tap.seen == []


@pytest.mark.parametrize(
    ("spec", "error", "words"),
    [
        ({"columns": "id"}, TypeError, r"columns='id'; expected a list"),
        ({"columns": ()}, ValueError, "would bring all"),
        ({"partitions": "pt=a"}, TypeError, "partitions='pt=a'"),
        ({"arrow": "ms"}, TypeError, "ArrowOptions"),
        ({"split_by": 10}, TypeError, "BySize"),
        ({"row_filter": 3}, TypeError, "row_filter=3"),
        ({"row_filter_fallback": "yes"}, TypeError, "bool"),
        ({"max_files_per_split": 0}, ValueError, "at least 1"),
        ({"incremental": 7}, TypeError, "Incremental"),
        ({"kolumns": ["id"]}, TypeError, "kolumns"),
    ],
)
def test_options_of_a_session_that_make_no_sense_are_never_sent(
    stand: Stand, spec: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        stand.session(**spec)
    assert stand.tap.seen == []


@pytest.mark.parametrize("spec", [{"columns": ["nope"]}, {"partitions": ["zz=1"]}])
def test_names_that_are_not_there_are_refused_by_name(stand: Stand, spec: Any) -> None:
    with pytest.raises(of.ServiceError, match=r"nope|zz"):
        stand.session(**spec)


@pytest.mark.covers(
    "ReadStreamRequest.max_batch_rows",
    "ReadStreamRequest.max_batch_raw_size",
    "ReadStreamRequest.skip_row_num",
)
def test_batches_have_the_size_asked_for(stand: Stand) -> None:
    session = stand.session()
    batches = list(session.read(whole(session), options=of.BatchOptions(max_rows=7)))
    assert {batch.num_rows for batch in batches} <= set(range(1, 8))
    assert sum(batch.num_rows for batch in batches) == N_ROWS
    small = list(session.read(whole(session), options=of.BatchOptions(max_bytes=200)))
    assert len(small) > len(list(session.read(whole(session))))
    assert pa.Table.from_batches(small).equals(ROWS)
    sent = body_of(stand.tap.seen[-2])
    assert (sent["MaxBatchRawSize"], sent["MaxBatchRows"]) == (200, 4096)


@pytest.mark.covers(
    "ReadStreamRequest.split_index",
    "ReadStreamRequest.row_offset",
    "ReadStreamRequest.row_count",
    "CreateReadSessionResponse.record_count",
    "CreateReadSessionResponse.splits_count",
    "CreateReadSessionResponse.split_mode",
)
@pytest.mark.parametrize("skip", [0, 1, 59, 61, 99])
def test_rows_are_skipped_and_counted_in_any_way_of_reading(stand: Stand, skip: int) -> None:
    session = stand.session(split_by=of.BySize())
    assert (session.info.split_mode, session.info.n_rows) == ("Size", None)
    ways = [whole(session), *session.splits]
    options = of.BatchOptions(skip_rows=skip)
    for way in ways:
        assert pa.Table.from_batches(session.read(way, options=options)).equals(ROWS.slice(skip))
    ranged = stand.session(split_by=of.ByRows(N_ROWS))
    assert (ranged.info.n_splits, ranged.info.n_rows) == (None, N_ROWS)
    (only,) = ranged.splits
    assert pa.Table.from_batches(ranged.read(only, options=options)).equals(ROWS.slice(skip))
    sent = stand.tap.last("TableRead")
    assert (sent.parameter("Offset"), sent.parameter("Count")) == ("0", "100")
    assert body_of(sent)["SkipRowNum"] == skip
    part = of.Split(ranged.session_id, rows=of.RowRange(50, 20))
    found = pa.Table.from_batches(ranged.read(part, options=of.BatchOptions(skip_rows=5)))
    assert found.equals(ROWS.slice(55, 15))


@pytest.mark.covers(
    "Compression.UNCOMPRESSED",
    "Compression.ZSTD",
    "Compression.LZ4_FRAME",
    "Compression.to_compression_name",
    "ReadStreamRequest.compression",
)
@pytest.mark.parametrize(
    ("name", "encoding", "codec"),
    [(None, None, None), ("zstd", "zstd", "zstd"), ("lz4", "x-lz4-frame", "lz4")],
)
def test_rows_travel_compressed_where_that_is_asked_for(
    stand: Stand, name: Any, encoding: str | None, codec: str | None
) -> None:
    compression = Compression.of(name)
    assert (compression.content_encoding, compression.ipc_codec) == (encoding, codec)
    session = stand.session()
    options = of.BatchOptions(accept_encoding=encoding)
    assert pa.Table.from_batches(session.read(whole(session), options=options)).equals(ROWS)
    asked = stand.tap.last("TableRead")
    assert asked.headers["Accept-Encoding"] == (encoding or "identity")
    with stand.service.send(asked) as answer:
        assert answer.headers.get("Content-Encoding") == encoding
    frame = of.read_odps("t", compression=name, client=stand.client)
    assert frame["id"].tolist() == list(range(N_ROWS))
    assert stand.tap.last("TableRead").headers["Accept-Encoding"] == (encoding or "identity")


@pytest.mark.covers("Column.comment", "Column.nullable")
def test_columns_say_what_was_said_of_them(stand: Stand) -> None:
    told = TableSchema(
        (
            of.Column("id", parse_type("bigint"), "which one", nullable=False),
            of.Column("name", parse_type("string"), "what it's called"),
        )
    )
    stand.client.create_table("told", told)
    session = stand.client.read_session("told")
    assert session.columns == told.columns
    assert [field.nullable for field in session.arrow_schema] == [False, True]


@pytest.mark.covers("CreateReadSessionResponse.enable_large_string")
def test_large_strings_make_no_difference(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand(large_strings=True)
    nested = pa.table(
        {
            "l": pa.array([["a", None], [], None]),
            "m": pa.array([[("k", b"v")], [], None], pa.map_(pa.string(), pa.binary())),
            "s": pa.array([{"a": "x"}, None, {"a": None}], pa.struct([("a", pa.string())])),
        }
    )
    of.to_odps(nested, "nested", create=True, client=stand.client)
    for name, rows in (("t", ROWS), ("nested", nested)):
        session = stand.client.read_session(name)
        assert session.info.large_strings
        assert session.to_arrow().cast(rows.schema).equals(rows)
        stream = stand.service.send(stand.tap.last("TableRead"))
        raw = pa.ipc.open_stream(stream.read(1 << 20)).schema
        assert "large_string" in str(raw)
        assert "binary" not in str(raw).replace("large_binary", "")
    plain = open_stand().client.read_session("t")
    assert plain.info.large_strings is False
    frame = of.read_odps("t", client=stand.client)
    assert frame["name"].tolist() == ROWS["name"].to_pylist()


@pytest.mark.covers(
    "SessionStatus.INIT",
    "SessionStatus.NORMAL",
    "CreateReadSessionResponse.session_id",
    "CreateReadSessionResponse.session_status",
    "CreateReadSessionResponse.session_type",
)
def test_a_session_is_asked_after_until_it_is_ready(stand: Stand) -> None:
    stand.service.preparations.rule = Preparation(polls=5)
    started = stand.clock.now
    session = stand.session()
    assert session.info.status is SessionStatus.NORMAL
    assert session.info.session_type == "BATCH_READ"
    operations = [one.operation for one in stand.tap.seen]
    assert operations == ["TableCreateReadSession", *["TableGetReadSession"] * 5]
    assert stand.clock.now > started
    assert session.to_arrow().equals(ROWS)
    frame = of.read_odps("t", client=stand.client)
    assert len(frame) == N_ROWS


def test_a_session_that_is_not_ready_is_not_read(stand: Stand) -> None:
    stand.service.preparations.rule = Preparation(polls=3)
    spec = of.ReadSpec(table=stand.client.ref("t"))
    session = ReadSession.create(stand.client.transport, spec, policy=stand.clock.policy())
    assert session.info.status is SessionStatus.INIT
    with pytest.raises(of.Conflict, match="INIT"):
        list(session.read(whole(session)))
    assert session.wait().to_arrow().equals(ROWS)


def test_nobody_waits_for_ever(stand: Stand) -> None:
    stand.service.preparations.rule = Preparation(polls=10**6)
    with pytest.raises(of.ServiceUnavailable, match="not ready after 3600 s"):
        stand.session()


@pytest.mark.covers("SessionStatus.CRITICAL", "CreateReadSessionResponse.message")
@pytest.mark.parametrize("polls", [0, 2])
def test_why_a_session_failed_is_said(stand: Stand, polls: int) -> None:
    stand.service.preparations.rule = Preparation(polls=polls, failure="no slots in the quota")
    with pytest.raises(of.ServiceError, match="CRITICAL: no slots in the quota") as failure:
        of.read_odps("t", client=stand.client)
    assert failure.value.session_id
    stand.service.preparations.rule = Preparation()
    other = stand.session()
    info = replace(other.info, session_id=failure.value.session_id)
    failed = ReadSession(stand.client.transport, other.spec, info)
    with pytest.raises(of.Conflict, match="CRITICAL, not NORMAL: no slots"):
        list(failed.read(whole(failed)))


@pytest.mark.covers("SessionStatus.EXPIRED", "CreateReadSessionResponse.expiration_time")
def test_a_session_is_refreshed_before_its_end_and_revived_after_it(
    stand: Stand,
) -> None:
    session = stand.session()
    spec, info = session.spec, session.info
    assert info.expires_at == stand.clock.now + timedelta(days=1)
    session = ReadSession(stand.client.transport, spec, info, clock=stand.clock)
    stand.clock.sleep(timedelta(hours=23, minutes=49).total_seconds())
    assert pa.Table.from_batches(session.read(whole(session))).equals(ROWS)
    stand.tap.seen.clear()
    stand.clock.sleep(120)  # now there are nine minutes left
    assert pa.Table.from_batches(session.read(whole(session))).equals(ROWS)
    assert [one.operation for one in stand.tap.seen] == ["TableGetReadSession", "TableRead"]
    assert stand.tap.seen[0].parameter("session_refresh") == "true"
    assert session.info.expires_at == stand.clock.now + timedelta(days=1)
    stand.clock.sleep(timedelta(hours=36).total_seconds())
    asleep = ReadSession.attach(stand.client.transport, spec, session.session_id, clock=stand.clock)
    assert asleep.info.status is SessionStatus.EXPIRED
    with pytest.raises(of.SessionExpired, match="refresh"):
        asleep.wait()
    assert asleep.refresh().wait().to_arrow().equals(ROWS)


def test_a_session_that_ends_in_the_middle_of_a_read_is_revived(stand: Stand) -> None:
    session = stand.session(split_by=of.ByRows(10))
    # This client believes that there is time: its clock stands.
    stands = stand.clock.now
    session = ReadSession(stand.client.transport, session.spec, session.info, clock=lambda: stands)
    rows = session.batches(options=of.BatchOptions(max_rows=5), max_workers=1)
    came = [next(rows), next(rows), next(rows)]
    stand.clock.sleep(timedelta(hours=30).total_seconds())
    came += rows
    assert pa.Table.from_batches(came).equals(ROWS)
    refreshed = [one for one in stand.tap.seen if one.parameter("session_refresh") == "true"]
    assert len(refreshed) == 1


def test_a_session_past_all_use_is_an_error(stand: Stand) -> None:
    session = stand.session()
    stand.clock.sleep(timedelta(days=3).total_seconds())
    stand.session()
    stand.service._store.collect()  # noqa: SLF001  what the service does now and then
    with pytest.raises((of.NotFound, of.SessionExpired)):
        list(session.read(whole(session)))


@pytest.mark.covers(
    "CreateReadSessionResponse.request_id", "CreateReadSessionResponse.route_token", "route token"
)
def test_the_latest_route_token_goes_where_clients_send_it(stand: Stand) -> None:
    stand.tap.tokens = (f"token-{n}" for n in range(1000))
    stand.service.preparations.rule = Preparation(polls=1)
    session = stand.session()
    list(session.read(whole(session)))
    session.refresh()
    list(session.read(whole(session)))
    list(session.read(whole(session)))
    stand.client.preview("t", partition="pt=a,hh=1")
    assert [pair for pair in stand.tap.tokens_sent() if pair[0].startswith("Table")] == [
        ("TableCreateReadSession", None),
        ("TableGetReadSession", None),
        ("TableRead", "token-1"),
        ("TableGetReadSession", None),
        # Tokens that come with rows are not kept: other workers read the session, too.
        ("TableRead", "token-3"),
        ("TableRead", "token-3"),
        ("TablePreview", None),
    ]


@pytest.mark.covers("route token")
def test_writes_repeat_the_latest_route_token(stand: Stand) -> None:
    stand.tap.tokens = (f"token-{n}" for n in range(1000))
    of.to_odps(ROWS, "t", partition_cols=["pt", "hh"], client=stand.client)
    sent = [pair for pair in stand.tap.tokens_sent() if pair[0].startswith("Table")]
    first, *others = sent
    assert first == ("TableCreateWriteSession", None)
    given = stand.tap.given
    for operation, token in others:
        assert token in given, operation
    asked = {operation for operation, _ in others}
    assert asked >= {
        "TableCreateWriteStream",
        "TableWrite",
        "TableCloseWriteStream",
        "TableCommitWriteSession",
    }


def test_a_stale_route_token_does_no_harm(stand: Stand) -> None:
    session = stand.session()
    stand.tap.tokens = iter(["stale", "stale"])
    session.refresh()
    assert pa.Table.from_batches(session.read(whole(session))).equals(ROWS)
    assert stand.tap.last("TableRead").headers[names.ROUTE_TOKEN] == "stale"


@pytest.mark.covers("odps-tunnel-tags", "quota_name")
def test_quota_and_tags_are_said_in_every_storage_call(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand(quota="gold", tags=("nightly", "team-7"))
    of.to_odps(ROWS, "t", partition_cols=["pt", "hh"], client=stand.client)
    assert len(of.read_odps("t", client=stand.client)) == 2 * N_ROWS
    stand.client.preview("t", 5, partition="pt=a,hh=1")
    calls = [one for one in stand.tap.seen if one.path.startswith("/api/storage/")]
    assert {one.operation for one in calls} >= {
        "TableCreateReadSession",
        "TableRead",
        "TablePreview",
        "TableCreateWriteSession",
        "TableWrite",
        "TableCommitWriteSession",
    }
    for one in calls:
        assert one.parameter("quotaName") == "gold", one.operation
        assert one.headers["odps-tunnel-tags"] == "nightly,team-7", one.operation
    flags = body_of(stand.tap.last("TableCreateWriteSession"))["Flags"]
    assert flags["quota_name"] == "gold"
    rest = [one for one in stand.tap.seen if one not in calls]
    assert not [one for one in rest if "odps-tunnel-tags" in one.headers]


@pytest.mark.parametrize("tags", ["a,b", [""], ["é"], [1], {"a": "b"}, ["a\nb"]])
def test_tags_that_no_header_can_carry_are_refused(tags: Any) -> None:
    with pytest.raises(of.ConfigError, match="tags"):
        of.connect("http://service.test/api", project="p", tags=tags, set_as_default=False)


def test_quota_and_tags_come_from_options_too() -> None:
    options = {"tags": ["a", "b"], "quota": "q"}
    client = of.connect("http://service.test/api", storage_options=options, set_as_default=False)
    assert (client.config.tags, client.config.quota) == (("a", "b"), "q")
    one = of.connect("http://service.test/api", tags="solo", set_as_default=False)
    assert one.config.tags == ("solo",)


@pytest.mark.covers(
    "SessionStats.estimated_size",
    "SessionStats.estimated_row_count",
    "CreateReadSessionResponse.session_stats",
    "CreateReadSessionResponse.latest_version",
)
def test_a_session_says_what_it_will_bring(stand: Stand) -> None:
    info = stand.session().info
    assert info.stats.estimated_rows == N_ROWS
    assert (info.stats.estimated_bytes or 0) > N_ROWS
    assert info.latest_version == 1


@pytest.mark.parametrize("by", [of.BySize(), of.ByRows(10)])
def test_a_session_cut_into_nothing_is_read_whole_where_rows_are_expected(
    stand: Stand, by: Any
) -> None:
    session = stand.session(split_by=by)
    empty = {"n_splits": 0} if isinstance(by, of.BySize) else {"n_rows": 0}
    info = replace(session.info, **empty)  # type: ignore[arg-type]  # one of its fields
    doubtful = ReadSession(stand.client.transport, session.spec, info)
    assert doubtful.splits == (of.Split(session.session_id),)


def test_a_request_means_to_the_service_what_was_said(stand: Stand) -> None:
    spec = of.ReadSpec(
        table=stand.client.ref("t"),
        columns=("id",),
        partition_columns=("pt",),
        partitions=("pt=a,hh=1",),
        split_by=of.BySize(3000, cross_partition=False),
        arrow=of.ArrowOptions("us", "second"),  # type: ignore[arg-type]  # texts are taken too
        row_filter="id > 1",
        row_filter_fallback=True,
        max_files_per_split=2,
    )
    ReadSession.create(stand.client.transport, spec)
    assert decode_create(stand.tap.seen[-1]) == spec


def test_both_versions_read_and_refuse_alike(open_stand: Callable[..., Stand]) -> None:
    stand = open_stand()
    session = stand.session()
    for version in ("2", "3", "4"):
        request = encode_get(session.spec.table, session.session_id)
        asked = replace(request, path=f"/api/storage/v{version}")
        assert stand.service.send(asked).status == (400 if version == "4" else 200)


def test_columns_of_a_stream_of_changes(client: LocalClient, table: str) -> None:
    data = pa.table({"id": [1, 2], "name": ["a", "b"]})
    of.to_odps(data, table, create=True, client=client)
    session = client.read_session(table, incremental=of.Incremental(0))
    wanted: dict[tuple[str, ...], list[Any]] = {
        ("name",): [("a",), ("b",)],
        ("__operation", "id"): [(85, 1), (85, 2)],
    }
    for columns, expected in wanted.items():
        batches = session.batches(options=of.BatchOptions(columns=columns))
        rows = [tuple(row.values()) for batch in batches for row in batch.to_pylist()]
        assert sorted(rows) == expected


@pytest.mark.parametrize("bounds", [(1.5,), (None,), (True,), (0, 2.5), (0, -1)])
def test_changes_have_versions_or_texts_as_bounds(bounds: Any) -> None:
    with pytest.raises(ValueError, match="expected a version, 0 or more, or a time as text"):
        of.Incremental(*bounds)

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from odps_frames.errors import Conflict, NotFound, ServiceError, SessionExpired
from odps_frames.model.lifecycle import SessionStatus
from odps_frames.model.read import ArrowOptions, BatchOptions, DataFormat, Incremental, TimeUnit
from odps_frames.model.splits import ByBucket, ByParallelism, ByRows, BySize, RowRange, Split
from odps_frames.wire import read_session
from odps_frames.wire.arrow_stream import ArrowStreamReader

if TYPE_CHECKING:
    from collections.abc import Callable

at = datetime.fromisoformat  # times without a zone

LETTERS = pa.table({"a": list(range(10)), "s": list("abcdefghij")})


@pytest.fixture
def letters(service: Any) -> Any:
    service.sql("CREATE TABLE t (a BIGINT, s STRING)")
    service.write(LETTERS)
    return service


@pytest.fixture
def parted(service: Any) -> Any:
    service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING, n INT)")
    data = pa.table({"a": [1, 2, 3, 4], "pt": ["x", "x", "y", "y"], "n": [1, 2, 1, 2]})
    service.write(data)
    return service


def test_every_way_in_reads_what_was_written(any_service: Any) -> None:
    any_service.sql("CREATE TABLE t (a BIGINT, s STRING)")
    any_service.write(LETTERS)
    assert any_service.read().equals(LETTERS)


@pytest.mark.parametrize("encoding", [None, "zstd", "x-lz4-frame", "ZSTD", "gzip, lz4_frame"])
def test_encodings(letters: Any, encoding: str | None) -> None:
    split = Split(letters.open_read().session_id, 0)
    assert letters.read_split(split, accept_encoding=encoding).equals(LETTERS)


def test_a_session_keeps_its_version(letters: Any) -> None:
    session = letters.open_read()
    letters.write(LETTERS.slice(0, 1), overwrite=True)
    letters.write(LETTERS.slice(0, 2))
    assert letters.read_split(Split(session.session_id)).equals(LETTERS)
    assert session.latest_version == 1
    assert letters.open_read().latest_version == 3
    assert letters.read().num_rows == 3


def test_columns_come_in_the_order_asked_for(parted: Any) -> None:
    session = parted.open_read(columns=("A",), partition_columns=("n", "PT"))
    assert session.schema.names == ("a",)
    assert session.schema.partition_names == ("n", "pt")
    table = parted.read_split(Split(session.session_id))
    assert table.column_names == ["a", "n", "pt"]
    assert table.schema.field("n").type == pa.int32()


def test_all_columns_when_none_are_named(parted: Any) -> None:
    assert parted.read().column_names == ["a", "pt", "n"]


@pytest.mark.parametrize(
    ("partitions", "expected"),
    [
        (("pt=x",), [1, 2]),
        (("n=1",), [1, 3]),
        (("pt=x,n=2", "pt=y/n=1"), [2, 3]),
        (("pt='y',n='02'",), [4]),
        (("pt=x", "n=1"), [1, 2, 3]),
        (("pt=z",), []),
    ],
)
def test_partitions_are_a_union_of_full_and_partial_ones(
    parted: Any, partitions: tuple[str, ...], expected: list[int]
) -> None:
    assert parted.read(partitions=partitions)["a"].to_pylist() == expected


@pytest.mark.parametrize(
    ("spec", "code", "words"),
    [
        ({"columns": ("a", "nope")}, "InvalidArgument", "nope"),
        ({"columns": ("a", "a")}, "InvalidArgument", "twice"),
        ({"columns": ("pt",)}, "InvalidArgument", "'pt'"),
        ({"partition_columns": ("a",)}, "InvalidArgument", "'a'"),
        ({"partitions": ("pt=x,n=7",)}, "NoSuchPartition", "n='7'"),
        ({"partitions": ("zz=1",)}, "InvalidArgument", "pt, n"),
        ({"partitions": ("n=one",)}, "InvalidArgument", "one"),
        ({"incremental": Incremental(9)}, "InvalidArgument", "the start is version 9"),
        ({"buckets": ("1",)}, "InvalidArgument", "RequiredBucketIds"),
        ({"split_by": ByBucket()}, "InvalidArgument", "Bucket"),
        ({"split_by": BySize(unit="Pages")}, "InvalidArgument", "Pages"),
        ({"split_by": ByParallelism(10**6)}, "InvalidArgument", "100000"),
    ],
)
def test_refusals(parted: Any, spec: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(ServiceError, match=words) as refusal:
        parted.open_read(**spec)
    assert (refusal.value.code, refusal.value.status) == (code, 404 if "NoSuch" in code else 400)


def test_splits_by_size(letters: Any) -> None:
    session = letters.open_read(split_by=BySize(30))
    assert session.n_rows is None
    assert session.split_mode == "Size"
    tables = [letters.read_split(split) for split in session.splits(BySize(30))]
    assert len(tables) > 2
    assert pa.concat_tables(tables).equals(LETTERS)


def test_splits_by_parallelism(letters: Any) -> None:
    session = letters.open_read(split_by=ByParallelism(3))
    tables = [letters.read_split(split) for split in session.splits(ByParallelism(3))]
    assert [table.num_rows for table in tables] == [3, 3, 4]
    assert pa.concat_tables(tables).equals(LETTERS)


def test_splits_by_rows(letters: Any) -> None:
    by = ByRows(4)
    session = letters.open_read(split_by=by)
    assert (session.n_rows, session.n_splits, session.split_mode) == (10, None, "RowOffset")
    tables = [letters.read_split(split) for split in session.splits(by)]
    assert [table.num_rows for table in tables] == [4, 4, 2]
    assert pa.concat_tables(tables).equals(LETTERS)


@pytest.mark.parametrize("by", [BySize(), ByParallelism(4)])
def test_an_empty_table_has_no_splits(service: Any, by: BySize | ByParallelism) -> None:
    service.sql("CREATE TABLE t (a BIGINT)")
    session = service.open_read(split_by=by)
    assert session.n_splits == 0
    assert service.read_split(Split(session.session_id)).num_rows == 0


@pytest.mark.parametrize(
    ("split", "options"),
    [
        ({"index": 1}, {}),
        ({"rows": RowRange(8, 3)}, {}),
        ({"index": 0}, {"skip_rows": 11}),
        ({"index": 0}, {"columns": ("zz",)}),
        ({"index": 0}, {"columns": ("a", "A")}),
        ({"index": 0}, {"format": DataFormat("Arrow", "V4")}),
    ],
)
def test_splits_that_are_none(letters: Any, split: dict[str, Any], options: dict[str, Any]) -> None:
    session = letters.open_read()
    with pytest.raises(ServiceError) as refusal:
        letters.read_split(Split(session.session_id, **split), **options)
    assert refusal.value.code == "InvalidArgument"


def test_skipping_fewer_than_no_rows_is_refused(letters: Any) -> None:
    request = read_session.encode_read(letters.ref(), Split(letters.open_read().session_id, 0))
    body = request.read_body().replace(b'"SkipRowNum": 0', b'"SkipRowNum": -2')
    assert letters.send(replace(request, body=body)).status == 400


def test_an_index_in_a_session_of_row_ranges_is_refused(letters: Any) -> None:
    session = letters.open_read(split_by=ByRows(5))
    with pytest.raises(ServiceError, match="Offset"):
        letters.read_split(Split(session.session_id, 0))


def test_batches_have_the_size_asked_for(letters: Any) -> None:
    split = Split(letters.open_read().session_id, 0)
    assert _sizes(letters.read_split(split, max_rows=4)) == [4, 4, 2]
    assert _sizes(letters.read_split(split, max_bytes=1)) == [1] * 10
    assert letters.read_split(split, max_bytes=1).equals(LETTERS)


def _sizes(table: pa.Table) -> list[int]:
    return [batch.num_rows for batch in table.to_batches()]


@pytest.mark.parametrize("skipped", [0, 3, 10])
def test_skipping_rows(letters: Any, skipped: int) -> None:
    split = Split(letters.open_read().session_id, 0)
    assert letters.read_split(split, skip_rows=skipped).equals(LETTERS.slice(skipped))


def test_columns_of_one_stream(parted: Any) -> None:
    service = parted
    session = service.open_read(partition_columns=("n",))
    table = service.read_split(Split(session.session_id), columns=("a",))
    assert table.column_names == ["a", "n"]


def test_expired_sessions_come_back_with_a_refresh(letters: Any) -> None:
    session = letters.open_read()
    letters.clock.advance(hours=24)
    assert letters.get_read(session.session_id).status is SessionStatus.EXPIRED
    with pytest.raises(SessionExpired):
        letters.read_split(Split(session.session_id))
    revived = letters.get_read(session.session_id, refresh=True)
    assert revived.status is SessionStatus.NORMAL
    assert revived.expires_at > session.expires_at
    assert letters.read_split(Split(session.session_id)).equals(LETTERS)


def test_files_outlive_their_removal_while_a_session_may_need_them(letters: Any) -> None:
    session = letters.open_read()
    letters.write(LETTERS.slice(0, 1), overwrite=True)
    letters.clock.advance(hours=47)
    letters.write(LETTERS.slice(0, 1), overwrite=True)
    letters.get_read(session.session_id, refresh=True)
    assert letters.read_split(Split(session.session_id)).equals(LETTERS)


def test_sessions_are_forgotten_in_the_end(letters: Any) -> None:
    session = letters.open_read()
    letters.clock.advance(hours=49)
    letters.write(LETTERS, overwrite=True)
    with pytest.raises(NotFound):
        letters.get_read(session.session_id)


def test_unknown_sessions(letters: Any) -> None:
    letters.sql("CREATE TABLE u (a BIGINT)")
    session = letters.open_read()
    with pytest.raises(NotFound):
        letters.get_read("nobody")
    with pytest.raises(NotFound):
        letters.get_read(session.session_id, "u")
    with pytest.raises(NotFound):
        letters.open_read("nowhere")


def test_a_table_made_anew_is_not_the_one_of_the_session(letters: Any) -> None:
    session = letters.open_read()
    letters.sql("DROP TABLE t")
    with pytest.raises(NotFound):
        letters.read_split(Split(session.session_id))
    letters.sql("CREATE TABLE t (a BIGINT, s STRING)")
    with pytest.raises(Conflict, match="dropped"):
        letters.read_split(Split(session.session_id))


def test_a_stream_goes_on_when_its_rows_are_removed(letters: Any) -> None:
    """Even where its session is forgotten meanwhile."""
    split = Split(letters.open_read().session_id)
    request = read_session.encode_read(letters.ref(), split, BatchOptions(max_rows=1))
    with letters.send(request) as answer:
        letters.clock.advance(days=3)
        letters.write(LETTERS.slice(0, 1), overwrite=True)
        letters.sql("DROP TABLE t")
        assert sum(batch.num_rows for batch in ArrowStreamReader(answer.body)) == 10


def test_preview(parted: Any) -> None:
    assert parted.preview().to_pylist()[0] == {"a": 1, "pt": "x", "n": 1}
    assert parted.preview(limit=3)["a"].to_pylist() == [1, 2, 3]
    assert parted.preview(limit=0).num_rows == 0
    assert parted.preview(partition="pt=y,n=1")["a"].to_pylist() == [3]
    assert parted.preview(columns=("n", "a")).column_names == ["a", "n"]
    with pytest.raises(NotFound):
        parted.preview(partition="pt=y,n=9")


def test_a_preview_has_a_hundred_rows_unless_told_otherwise(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT)")
    service.write(pa.table({"a": list(range(250))}))
    assert service.preview().num_rows == 100


def test_columns_that_are_younger_than_the_rows_are_null(letters: Any) -> None:
    before = letters.open_read()
    letters.sql("ALTER TABLE t ADD COLUMNS (d ARRAY<TIMESTAMP>)")
    assert letters.rows()[0] == {"a": 0, "s": "a", "d": None}
    assert letters.read_split(Split(before.session_id)).equals(LETTERS)


TIMES = [at("2020-01-01"), None, at("2020-01-01T00:00:00.005000")]


def _timed(service: Any, times: list[datetime | None], kind: str = "TIMESTAMP") -> None:
    service.sql(f"CREATE TABLE t (a BIGINT, at {kind})")
    column = pa.array(times, pa.timestamp("us"))
    service.write(pa.table({"a": list(range(len(times))), "at": column}))


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_units_that_hold_every_time(service: Any, unit: str) -> None:
    _timed(service, TIMES)
    table = service.read(arrow=ArrowOptions(timestamp_unit=TimeUnit.of(unit)))
    assert str(table.schema.field("at").type) == f"timestamp[{unit}]"
    assert table["at"].cast(pa.timestamp("us")).to_pylist() == TIMES


def test_a_unit_without_the_digits_is_refused_before_a_byte_is_sent(service: Any) -> None:
    _timed(service, TIMES)
    options = ArrowOptions(timestamp_unit=TimeUnit.SECOND)
    with pytest.raises(ServiceError, match=r"'at'.*TimestampUnit='second'.*'milli'") as refusal:
        service.open_read(arrow=options)
    assert refusal.value.code == "InvalidArgument"
    assert service.read(columns=("a",), arrow=options).num_rows == 3


@pytest.mark.parametrize("year", [1, 9999])
def test_a_unit_without_the_range_is_refused(service: Any, year: int) -> None:
    _timed(service, [at(f"{year:04}-01-01")])
    with pytest.raises(ServiceError, match=r"'at'.*TimestampUnit='nano'.*'second'"):
        service.open_read()
    second = ArrowOptions(timestamp_unit=TimeUnit.SECOND)
    assert service.rows(arrow=second) == [{"a": 0, "at": at(f"{year:04}-01-01")}]
    assert service.preview().to_pylist()[0]["at"].keys() == {"sec", "nano"}


def test_times_that_no_unit_holds(service: Any) -> None:
    service.sql("CREATE TABLE t (at TIMESTAMP)")
    pair = pa.struct([("sec", pa.int64()), ("nano", pa.int32())])
    service.write(pa.table({"at": pa.array([{"sec": -(10**10), "nano": 1}], pair)}))
    with pytest.raises(ServiceError, match="no unit does"):
        service.open_read()


def test_partitions_with_other_times_do_not_count(service: Any) -> None:
    service.sql("CREATE TABLE t (at TIMESTAMP) PARTITIONED BY (pt STRING)")
    times = pa.array([at("2020-01-01"), at("0001-01-01")], pa.timestamp("s"))
    service.write(pa.table({"at": times, "pt": ["new", "old"]}))
    assert service.read(partitions=("pt=new",)).num_rows == 1
    with pytest.raises(ServiceError, match="'at'"):
        service.open_read()


@pytest.mark.parametrize(
    ("unit", "works"), [("s", False), ("ms", True), ("us", True), ("ns", False)]
)
def test_units_of_datetimes(service: Any, unit: str, works: bool) -> None:  # noqa: FBT001
    _timed(service, [at("9999-12-31T23:59:59.999000")], "DATETIME")
    options = ArrowOptions(datetime_unit=TimeUnit.of(unit))
    if works:
        found = service.read(arrow=options).schema.field("at").type
        assert str(found) == f"timestamp[{unit}]"
    else:
        with pytest.raises(ServiceError, match="DatetimeUnit"):
            service.open_read(arrow=options)


def test_times_inside_collections_count_too(service: Any) -> None:
    service.sql("CREATE TABLE t (m MAP<STRING, ARRAY<STRUCT<at: TIMESTAMP>>>)")
    inner = pa.struct([("at", pa.timestamp("s"))])
    rows = [[("k", [{"at": at("9999-01-01")}])], None, []]
    service.write(pa.table({"m": pa.array(rows, pa.map_(pa.string(), pa.list_(inner)))}))
    with pytest.raises(ServiceError, match="'m'"):
        service.open_read()
    second = ArrowOptions(timestamp_unit=TimeUnit.SECOND)
    assert service.read(arrow=second)["m"].to_pylist() == rows


def test_services_that_send_times_as_pairs(open_service: Callable[..., Any]) -> None:
    service = open_service(struct_timestamps=True)
    service.sql("CREATE TABLE t (at TIMESTAMP, n ARRAY<TIMESTAMP_NTZ>, d DATETIME)")
    times = [at("0001-01-01"), None, at("2020-01-01T00:00:00.000007")]
    nested = pa.array([[at("1969-12-31T23:59:59")], None, []], pa.list_(pa.timestamp("s")))
    days = pa.array([at("2020-01-01"), None, None], pa.timestamp("ms"))
    service.write(pa.table({"at": pa.array(times, pa.timestamp("us")), "n": nested, "d": days}))
    assert service.rows() == [
        {
            "at": {"sec": -62135596800, "nano": 0},
            "n": [{"sec": -1, "nano": 0}],
            "d": at("2020-01-01"),
        },
        {"at": None, "n": None, "d": None},
        {"at": {"sec": 1577836800, "nano": 7000}, "n": [], "d": None},
    ]


def test_the_estimate_counts_the_columns_asked_for(letters: Any) -> None:
    stats = letters.open_read().stats
    narrow = letters.open_read(columns=("a",)).stats
    assert (stats.estimated_rows, narrow.estimated_rows) == (10, 10)
    assert narrow.estimated_bytes == 80 < stats.estimated_bytes

"""Clustered tables: every row in its bucket, and buckets read apart."""

from __future__ import annotations

import string
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from odps_frames.errors import ServiceError
from odps_frames.model.buckets import Buckets
from odps_frames.model.read import ArrowOptions, TimeUnit
from odps_frames.model.splits import ByBucket, ByParallelism, ByRows, BySize, Split
from odps_frames.wire import catalog
from odps_frames.wire.instance import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Callable

NUMBERS = list(range(-20, 80))


def by_bucket(service: Any, table: str = "t", **spec: Any) -> dict[int, list[dict[str, Any]]]:
    """Read every split, and return the rows by the bucket that the session names for it."""
    info = service.open_read(table, split_by=spec.pop("split_by", ByBucket()), **spec)
    assert info.split_mode == "Bucket"
    assert info.n_rows is None
    found: dict[int, list[dict[str, Any]]] = {}
    splits = info.splits(ByBucket())
    assert tuple(split.bucket for split in splits) == info.bucket_ids
    for split in splits:
        found.setdefault(split.bucket, []).extend(service.read_split(split, table).to_pylist())
    return found


def buckets_of(found: dict[int, list[dict[str, Any]]], column: str = "a") -> dict[Any, int]:
    """Return the bucket of each value, which must be one."""
    places: dict[Any, int] = {}
    for bucket, rows in found.items():
        for row in rows:
            assert places.setdefault(row[column], bucket) == bucket
    return places


def test_rows_that_are_equal_share_a_bucket(any_service: Any) -> None:
    any_service.sql("CREATE TABLE t (a BIGINT, b STRING) CLUSTERED BY (a) INTO 8 BUCKETS")
    for name in ("x", "y"):
        any_service.write(pa.table({"a": NUMBERS, "b": [name] * len(NUMBERS)}))
    found = by_bucket(any_service)
    assert len(buckets_of(found)) == len(NUMBERS)
    assert set(found) == set(range(8))
    rows = [row for rows in found.values() for row in rows]
    assert Counter(row["a"] for row in rows) == dict.fromkeys(NUMBERS, 2)


def test_a_bucket_depends_on_nothing_but_the_values(open_service: Callable[..., Any]) -> None:
    first, second = open_service("one"), open_service("two")
    first.sql("CREATE TABLE t (a BIGINT, b STRING) CLUSTERED BY (a, b) INTO 5 BUCKETS")
    second.sql("CREATE TABLE t (b STRING, a BIGINT) CLUSTERED BY (a, b) INTO 5 BUCKETS")
    words = [f"{number % 7}" for number in NUMBERS]
    first.write(pa.table({"a": NUMBERS, "b": words}))
    for number, word in reversed(list(zip(NUMBERS, words, strict=True))):
        second.write(pa.table({"b": [word], "a": [number]}))
    assert buckets_of(by_bucket(first)) == buckets_of(by_bucket(second))


def test_the_hash_stays_what_it_is(service: Any) -> None:
    """Rows of an older folder stay in their buckets only while nobody changes the hash."""
    service.sql("CREATE TABLE t (a BIGINT) CLUSTERED BY (a) INTO 7 BUCKETS")
    service.sql("CREATE TABLE u (a STRING) CLUSTERED BY (a) INTO 7 BUCKETS")
    service.write(pa.table({"a": [0, 1, 2, -1, 2**62, None]}))
    service.write(pa.table({"a": ["", "a", "杭州", None]}), "u")
    assert buckets_of(by_bucket(service)) == EXPECTED_NUMBERS
    assert buckets_of(by_bucket(service, "u")) == EXPECTED_TEXTS


EXPECTED_NUMBERS = {0: 0, 1: 6, 2: 1, -1: 0, 2**62: 0, None: 2}
EXPECTED_TEXTS = {"": 0, "a": 2, "杭州": 1, None: 2}

VALUES: dict[str, list[Any]] = {
    "TINYINT": [1, 2, None],
    "SMALLINT": [1, 2, None],
    "INT": [1, 2, None],
    "BOOLEAN": [True, False, None],
    "STRING": ["x", "", None],
    "VARCHAR(5)": ["x", "y", None],
    "CHAR(5)": ["x", "y", None],
    "DATE": [date(2026, 1, 1), date(1, 1, 1), None],
    "DATETIME": [datetime(2026, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC), None],
    "TIMESTAMP": [datetime(2026, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC), None],
    "TIMESTAMP_NTZ": [datetime(2026, 1, 1), datetime(2025, 1, 1), None],  # noqa: DTZ001
    "DECIMAL(10,2)": [Decimal("1.50"), Decimal("-2.00"), None],
}


@pytest.mark.parametrize("kind", ["", "RANGE "])
@pytest.mark.parametrize("type_", VALUES)
def test_types_that_can_cluster(service: Any, type_: str, kind: str) -> None:
    service.sql(f"CREATE TABLE t (a {type_}, n INT) {kind}CLUSTERED BY (a) INTO 3 BUCKETS")
    values = VALUES[type_]
    array = pa.array(values)
    service.write(pa.table({"a": array, "n": pa.array(range(3), pa.int32())}))
    service.write(pa.table({"a": array, "n": pa.array(range(3, 6), pa.int32())}))
    found = by_bucket(service)
    buckets_of(found)
    rows = [row for rows in found.values() for row in rows]
    assert sorted(row["n"] for row in rows) == list(range(6))
    assert len({row["a"] for row in rows}) == 3


def test_timestamps_are_equal_in_whatever_form_they_are_kept(service: Any) -> None:
    service.sql("CREATE TABLE t (a TIMESTAMP) CLUSTERED BY (a) INTO 50 BUCKETS")
    near, far = datetime(2026, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
    micro = pa.timestamp("us", "UTC")
    service.write(pa.table({"a": pa.array([near], micro)}))
    service.write(pa.table({"a": pa.array([near, far], micro)}))  # as pairs
    found = by_bucket(service, arrow=ArrowOptions(timestamp_unit=TimeUnit.MICRO))
    assert len(buckets_of(found)) == 2


def test_blanks_at_the_end_of_char_are_no_part_of_it(service: Any) -> None:
    service.sql("CREATE TABLE t (a CHAR(5), n INT) CLUSTERED BY (a) INTO 50 BUCKETS")
    service.write(pa.table({"a": ["x", "x ", "x  "], "n": pa.array([1, 2, 3], pa.int32())}))
    assert len(by_bucket(service)) == 1


def test_ranges_follow_each_other(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT) RANGE CLUSTERED BY (a) SORTED BY (a) INTO 4 BUCKETS")
    values = [*range(400), None]
    service.write(pa.table({"a": values[::-1]}))
    found = by_bucket(service)
    assert set(found) == {0, 1, 2, 3}
    assert found[0][0] == {"a": None}
    read = [row["a"] for bucket in range(4) for row in found[bucket]]
    assert read == [None, *range(400)]
    assert all(len(rows) in (100, 101) for rows in found.values())


def test_ranges_stay_when_rows_are_added(open_service: Callable[..., Any]) -> None:
    service = open_service()
    service.sql(
        "CREATE TABLE t (a STRING, b DECIMAL(10,2)) "
        "RANGE CLUSTERED BY (a, b) SORTED BY (a ASC, b DESC) PARTITIONED BY (pt STRING)"
    )
    service.write(rows_of_words(list(string.ascii_lowercase), "x"))
    before = buckets_of(by_bucket(service))
    service.emulator.close()
    service = open_service()
    service.write(rows_of_words(list(string.ascii_lowercase), "y"))
    service.write(rows_of_words(["", "aa", "zz"], "y"))
    found = by_bucket(service)
    after = buckets_of(found)
    assert {word: after[word] for word in before} == before
    assert (after[""], after["zz"]) == (0, 15)
    assert after["a"] <= after["aa"] <= after["b"]
    assert sum(map(len, found.values())) == 26 * 2 + 3


def rows_of_words(words: list[str], partition: str) -> pa.Table:
    decimals = pa.array([Decimal("1.25")] * len(words), pa.decimal128(10, 2))
    return pa.table({"a": words, "b": decimals, "pt": [partition] * len(words)})


def test_rows_of_a_bucket_are_in_order(service: Any) -> None:
    service.sql(
        "CREATE TABLE t (a INT, b INT) CLUSTERED BY (a) SORTED BY (b DESC, a) INTO 2 BUCKETS"
    )
    numbers = pa.array(NUMBERS, pa.int32())
    service.write(pa.table({"a": numbers, "b": pa.array([n % 5 for n in NUMBERS], pa.int32())}))
    for rows in by_bucket(service).values():
        assert rows == sorted(rows, key=lambda row: (-row["b"], row["a"]))


def test_few_first_rows_make_bounds_too(service: Any) -> None:
    service.sql("CREATE TABLE t (a INT) RANGE CLUSTERED BY (a) INTO 4 BUCKETS")
    service.write(pa.table({"a": pa.array([], pa.int32())}))
    assert by_bucket(service) == {}
    service.write(pa.table({"a": pa.array([5], pa.int32())}))
    service.write(pa.table({"a": pa.array([4, 6, None], pa.int32())}))
    places = buckets_of(by_bucket(service))
    assert (places[None], places[4]) == (0, 0)
    assert places[5] == places[6] > 0


def test_a_table_says_how_it_is_clustered(service: Any) -> None:
    service.sql(
        "CREATE TABLE t (a INT, b INT) COMMENT 'c' PARTITIONED BY (pt STRING) "
        "CLUSTERED BY (`a`, B) SORTED BY (b desc) INTO 16 BUCKETS LIFECYCLE 3"
    )
    ref = service.ref()
    answer = service.send(catalog.encode_get_table(ref, extended=True))
    info = catalog.decode_table(answer, ref).value
    assert info.buckets == Buckets(columns=("a", "b"), n=16, sorted_by=("b DESC",))
    service.sql("ALTER TABLE t ADD COLUMNS (c INT)")
    again = service.send(catalog.encode_get_table(ref, extended=True))
    assert catalog.decode_table(again, ref).value.buckets == info.buckets


PARTED = "CREATE TABLE t (a INT) PARTITIONED BY (pt STRING) CLUSTERED BY (a) INTO 4 BUCKETS"


def write_parted(service: Any, *partitions: str) -> None:
    for partition in partitions:
        numbers = pa.array(range(40), pa.int32())
        service.write(pa.table({"a": numbers, "pt": [partition] * 40}))


def test_buckets_of_partitions(service: Any) -> None:
    service.sql(PARTED)
    write_parted(service, "x", "y", "x")
    assert service.open_read(split_by=ByBucket()).bucket_ids == (0, 1, 2, 3)
    apart = service.open_read(split_by=ByBucket(cross_partition=False))
    assert apart.bucket_ids == (0, 1, 2, 3, 0, 1, 2, 3)
    for split in apart.splits(ByBucket()):
        rows = service.read_split(split)
        assert len(set(rows["pt"].to_pylist())) == 1
    found = by_bucket(service, split_by=ByBucket(cross_partition=False))
    assert sum(map(len, found.values())) == 120
    one = by_bucket(service, partitions=("pt=y",))
    assert sum(map(len, one.values())) == 40


def test_files_of_a_bucket_may_be_read_apart(service: Any) -> None:
    service.sql(PARTED)
    write_parted(service, "x", "x", "x")
    info = service.open_read(split_by=ByBucket(), max_files_per_split=2)
    assert info.bucket_ids == (0, 0, 1, 1, 2, 2, 3, 3)
    assert sum(map(len, by_bucket(service, max_files_per_split=2).values())) == 120


@pytest.mark.parametrize(
    "split_by", [BySize(bytes=64), ByParallelism(3), ByRows(7), ByBucket()], ids=repr
)
@pytest.mark.covers("CreateReadSessionRequest.required_bucket_ids")
def test_buckets_are_chosen_in_every_mode(service: Any, split_by: Any) -> None:
    service.sql(PARTED)
    write_parted(service, "x", "y")
    every = by_bucket(service)
    info = service.open_read(split_by=split_by, buckets=(1, "3"))
    got = [row for s in info.splits(split_by) for row in service.read_split(s).to_pylist()]
    assert sorted(map(str, got)) == sorted(map(str, every[1] + every[3]))
    assert service.read_split(Split(info.session_id)).num_rows == len(got)


@pytest.mark.parametrize(
    ("table", "spec", "message"),
    [
        ("plain", {"split_by": ByBucket()}, "table demo.plain is not clustered"),
        ("plain", {"buckets": ("0",)}, "table demo.plain is not clustered"),
        ("t", {"buckets": ("4",)}, "expected 0 to 3"),
        ("t", {"buckets": ("-1",)}, "expected 0 to 3"),
        ("t", {"buckets": ("x",)}, "expected 0 to 3"),
        ("t", {"buckets": ("9" * 5000,)}, "expected 0 to 3"),
        ("t", {"split_by": ByRows(3, cross_partition=False)}, "CrossPartition=false"),
        ("t", {"split_by": ByRows(3), "max_files_per_split": 2}, "SplitMaxFileNum"),
    ],
)
def test_what_cannot_be_kept_is_refused(
    service: Any, table: str, spec: dict[str, Any], message: str
) -> None:
    service.sql(PARTED)
    service.sql("CREATE TABLE plain (a INT)")
    with pytest.raises(ServiceError, match=message) as refusal:
        service.open_read(table, **spec)
    assert refusal.value.status == 400


def test_a_session_keeps_its_splits_through_a_restart(open_service: Callable[..., Any]) -> None:
    service = open_service()
    service.sql(PARTED)
    write_parted(service, "x")
    info = service.open_read(split_by=ByBucket())
    before = [service.read_split(split).to_pylist() for split in info.splits(ByBucket())]
    service.emulator.close()
    service = open_service()
    write_parted(service, "x", "y")
    again = service.get_read(info.session_id)
    assert again.bucket_ids == info.bucket_ids
    assert [service.read_split(s).to_pylist() for s in again.splits(ByBucket())] == before


@pytest.mark.parametrize(
    ("clause", "code"),
    [
        ("CLUSTERED BY (a)", "ODPS-0130161"),
        ("CLUSTERED BY (a) INTO 0 BUCKETS", "ODPS-0130161"),
        ("CLUSTERED BY (a) INTO 5000 BUCKETS", "ODPS-0130161"),
        ("CLUSTERED BY (a, A) INTO 2 BUCKETS", "ODPS-0130161"),
        ("CLUSTERED BY () INTO 2 BUCKETS", "ODPS-0130161"),
        ("CLUSTERED BY (a) INTO 2", "ODPS-0130161"),
        ("CLUSTERED BY (a) INTO 2 SHARDS", "ODPS-0130161"),
        ("CLUSTERED BY (a) SORTED BY () INTO 2 BUCKETS", "ODPS-0130161"),
        ("CLUSTERED BY (a) INTO 2 BUCKETS CLUSTERED BY (a) INTO 2 BUCKETS", "ODPS-0130161"),
        ("CLUSTERED BY (missing) INTO 2 BUCKETS", "ODPS-0130071"),
        ("CLUSTERED BY (a) SORTED BY (missing) INTO 2 BUCKETS", "ODPS-0130071"),
        ("CLUSTERED BY (d) INTO 2 BUCKETS", "ODPS-0130071"),
        ("RANGE CLUSTERED BY (l)", "ODPS-0130071"),
    ],
)
def test_clauses_that_make_no_sense(service: Any, clause: str, code: str) -> None:
    status, text = service.run(f"CREATE TABLE t (a INT, d DOUBLE, l ARRAY<INT>) {clause}")
    assert status is TaskStatus.FAILED
    assert text.startswith(f"{code}:[1,")

"""All ways to cut a table: every row exactly once, whatever lies in it."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import odps_frames as of
from odps_frames.model.lifecycle import SessionStatus
from odps_frames.model.read import ReadSessionInfo
from odps_frames.model.schema import TableSchema

if TYPE_CHECKING:
    from odps_frames.model.splits import SplitBy

    Stand = Any  # a class of fixtures, which no test module can import

_NAMES = (f"cut_{number}" for number in itertools.count())
COUNTS = st.integers(1, 6)
PARTITIONS = ("x", "y", "z")

COMMITS = st.lists(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from(PARTITIONS)), min_size=1, max_size=12),
    max_size=4,
)


@st.composite
def cuts(draw: st.DrawFn) -> tuple[SplitBy, int | None]:
    crossing = draw(st.booleans())
    by = draw(
        st.one_of(
            st.builds(of.BySize, bytes=st.integers(1, 400), cross_partition=st.just(crossing)),
            st.builds(
                of.ByParallelism, splits=st.integers(1, 12), cross_partition=st.just(crossing)
            ),
            st.builds(of.ByRows, rows=st.integers(1, 9)),
            st.builds(of.ByBucket, cross_partition=st.just(crossing)),
        )
    )
    max_files = None if isinstance(by, of.ByRows) else draw(st.none() | st.integers(1, 3))
    return by, max_files


def put(stand: Stand, table: str, commits: list[list[tuple[int, str]]]) -> list[tuple[int, str]]:
    """Write rows with one commit each, numbered through, and return them."""
    rows: list[tuple[int, str]] = []
    for commit in commits:
        numbers = pa.array(range(len(rows), len(rows) + len(commit)))
        data = pa.table(
            {
                "n": numbers,
                "key": [key for key, _ in commit],
                "pt": [partition for _, partition in commit],
            }
        )
        of.to_odps(data, table, partition_cols=["pt"], client=stand.client, progress=False)
        rows += [(int(n.as_py()), pt) for n, (_, pt) in zip(numbers, commit, strict=True)]
    return rows


def clustered(stand: Stand, kind: Any, n: int) -> str:
    name = next(_NAMES)
    stand.client.create_table(
        name,
        {"n": "bigint", "key": "bigint"},
        partition_by={"pt": "string"},
        buckets=of.Buckets(columns=("key",), n=n, kind=kind),
    )
    return name


def rows_of(batches: Any) -> list[tuple[int, str]]:
    return [(row["n"], row["pt"]) for batch in batches for row in batch.to_pylist()]


@pytest.mark.covers(
    "SplitOptions.SplitMode.SIZE",
    "SplitOptions.SplitMode.PARALLELISM",
    "SplitOptions.SplitMode.ROW_OFFSET",
    "SplitOptions.SplitMode.BUCKET",
    "SplitOptions.split_mode",
    "SplitOptions.split_number",
    "SplitOptions.cross_partition",
    "CreateReadSessionRequest.split_options",
    "CreateReadSessionRequest.split_max_file_num",
    "CreateReadSessionResponse.splits_count",
    "CreateReadSessionResponse.split_mode",
    "ReadStreamRequest.session_id",
    "ReadStreamRequest.split_index",
    "ReadStreamRequest.row_offset",
    "ReadStreamRequest.row_count",
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    commits=COMMITS,
    kind=st.sampled_from(["hash", "range"]),
    n_buckets=COUNTS,
    cut=cuts(),
    chosen=st.none() | st.sets(st.sampled_from(PARTITIONS), min_size=1),
)
def test_every_row_comes_once(
    stand: Stand,
    commits: list[list[tuple[int, str]]],
    kind: str,
    n_buckets: int,
    cut: tuple[SplitBy, int | None],
    chosen: set[str] | None,
) -> None:
    table = clustered(stand, kind, n_buckets)
    rows = put(stand, table, commits)
    existing = {partition for _, partition in rows}
    named = None if chosen is None else sorted(chosen & existing)
    if named == []:
        return  # on the wire no partition means all
    by, max_files = cut
    session = stand.client.read_session(
        table,
        split_by=by,
        max_files_per_split=max_files,
        partitions=None if named is None else tuple(f"pt={value}" for value in named),
    )
    wanted = [row for row in rows if named is None or row[1] in named]
    parts = [rows_of(session.read(split)) for split in session.splits]
    assert Counter(row for part in parts for row in part) == Counter(wanted)
    assert all(parts)
    if not by.cross_partition:
        assert all(len({partition for _, partition in part}) == 1 for part in parts)
    if isinstance(by, of.ByRows):
        assert all(len(part) == by.rows for part in parts[:-1])
    if isinstance(by, of.ByParallelism) and by.cross_partition and max_files is None:
        assert len(parts) == min(by.splits, len(wanted))
    assert rows_of(session.batches()) == [row for part in parts for row in part]


@pytest.mark.covers("SplitOptions.SplitMode.PARALLELISM")
@pytest.mark.parametrize("n", [1, 3, 30, 31])
def test_as_many_splits_as_asked_for(stand: Stand, n: int) -> None:
    """The peer's newest client refuses this mode (protocol.md §7)."""
    table = clustered(stand, "hash", 4)
    rows = put(stand, table, [[(key, "x") for key in range(30)]])
    session = stand.client.read_session(table, split_by=of.ByParallelism(splits=n))
    parts = [rows_of(session.read(split)) for split in session.splits]
    assert len(parts) == min(n, 30)
    assert {len(part) for part in parts} <= {30 // n, 30 // n + 1, 1}
    assert sorted(row for part in parts for row in part) == rows


@pytest.mark.covers("SplitOptions.split_unit")
def test_a_unit_of_splits_that_nobody_has(stand: Stand) -> None:
    table = clustered(stand, "hash", 4)
    put(stand, table, [[(1, "x")]])
    usual = stand.client.read_session(table, split_by=of.BySize(bytes=9, unit="ByteSize"))
    assert len(usual.splits) == 1
    with pytest.raises(of.ServiceError, match="SplitUnit='Rows'"):
        stand.client.read_session(table, split_by=of.BySize(bytes=9, unit="Rows"))


@pytest.mark.covers(
    "SplitOptions.SplitMode.BUCKET",
    "CreateReadSessionResponse.split_bucket_id",
    "CreateReadSessionRequest.required_bucket_ids",
)
def test_splits_say_their_buckets(stand: Stand) -> None:
    table = clustered(stand, "hash", 5)
    rows = put(stand, table, [[(key, "x") for key in range(30)], [(3, "y")] * 4])
    keys: dict[int | None, set[int]] = {}
    session = stand.client.read_session(table, split_by=of.ByBucket())
    for split in session.splits:
        keys[split.bucket] = {
            row["key"] for batch in session.read(split) for row in batch.to_pylist()
        }
    assert set(keys) == set(range(5))
    assert sum(map(len, keys.values())) == 30  # no key is in two buckets
    place = next(bucket for bucket, found in keys.items() if 3 in found)
    assert place is not None
    some = stand.client.read_session(table, split_by=of.ByBucket(), buckets=[place])
    (split,) = some.splits
    assert split.bucket == place
    got = [row["n"] for batch in some.batches() for row in batch.to_pylist()]
    assert {n for n, partition in rows if partition == "y"} <= set(got)


def test_a_split_of_another_session_is_refused(stand: Stand) -> None:
    table = clustered(stand, "hash", 2)
    put(stand, table, [[(key, "x" if key else "y") for key in range(4)]])
    session = stand.client.read_session(table, partitions=["pt=x"])
    other = stand.client.read_session(table)
    since = len(stand.service.requests)
    with pytest.raises(ValueError, match="is not of session"):
        session.read(other.splits[0])
    with pytest.raises(ValueError, match="is not of session"):
        list(session.batches(other.splits))
    assert stand.operations(since) == []


def test_buckets_are_read_in_other_modes_too(stand: Stand) -> None:
    table = clustered(stand, "range", 3)
    rows = put(stand, table, [[(key, "x") for key in range(9)]])
    for by in (of.BySize(bytes=8), of.ByParallelism(splits=2), of.ByRows(rows=2)):
        session = stand.client.read_session(table, split_by=by, buckets=(0, 2))
        got = sorted(n for n, _ in rows_of(session.batches()))
        assert got == [0, 1, 2, 6, 7, 8]
    assert len(rows) == 9


@pytest.mark.parametrize(
    "by",
    [of.BySize(bytes=16), of.ByParallelism(splits=3), of.ByRows(rows=4), of.ByBucket()],
    ids=repr,
)
def test_scans_are_cut_as_asked(stand: Stand, by: SplitBy) -> None:
    table = clustered(stand, "hash", 4)
    rows = put(stand, table, [[(key, "x") for key in range(20)], [(1, "y")]])
    scan = of.scan_odps(table, split_by=by, client=stand.client).filter("n >= 5")
    since = len(stand.service.requests)
    assert Counter(scan.to_arrow()["n"].to_pylist()) == Counter(range(5, len(rows)))
    reads = [name for name in stand.operations(since) if name == "TableRead"]
    assert len(reads) > 1


def test_scans_of_tables_without_buckets(stand: Stand) -> None:
    name = next(_NAMES)
    table = stand.client.create_table(name, {"n": "bigint"})
    assert table.buckets is None
    with pytest.raises(of.ServiceError, match="is not clustered into buckets"):
        table.scan(split_by=of.ByBucket()).to_arrow()
    with pytest.raises(of.ServiceError, match="is not clustered into buckets"):
        stand.client.read_session(name, buckets=[0])


def test_ways_to_cut_that_make_no_sense(stand: Stand) -> None:
    name = next(_NAMES)
    stand.client.create_table(name, {"n": "bigint"})
    with pytest.raises(ValueError, match="expected one of them"):
        of.scan_odps(name, split_size=1, split_by=of.ByRows(rows=1), client=stand.client)
    wrong: Any = "Bucket"
    with pytest.raises(TypeError, match="expected BySize, ByParallelism, ByRows or ByBucket"):
        of.scan_odps(name, split_by=wrong, client=stand.client)
    with pytest.raises(TypeError, match="expected a list, such as"):
        stand.client.read_session(name, buckets="12")


@pytest.mark.parametrize(
    "buckets",
    [
        of.Buckets(columns=("id", "name"), n=7, sorted_by=("name DESC", "id")),
        of.Buckets(columns=("name",), n=3, kind="range"),
        {"columns": "id", "n": 2},
        {"columns": ["id"], "kind": "range", "sorted_by": "id"},
    ],
    ids=repr,
)
def test_clustered_tables_are_made_and_described(stand: Stand, buckets: Any) -> None:
    name = next(_NAMES)
    table = stand.client.create_table(
        name, {"id": "bigint", "name": "string"}, buckets=buckets, lifecycle=3, comment="c"
    )
    wanted = of.Buckets.of(buckets)
    found = table.buckets
    assert found is not None
    assert (found.columns, found.sorted_by, found.kind) == (
        wanted.columns,
        wanted.sorted_by,
        wanted.kind,
    )
    assert found.n == (wanted.n or 16)


@pytest.mark.parametrize(
    ("buckets", "error", "message"),
    [
        ({"columns": ["nowhere"], "n": 2}, ValueError, "are no data columns"),
        ({"columns": ["pt"], "n": 2}, ValueError, "are no data columns"),
        ({"columns": ["id"], "n": 2, "sorted_by": "x"}, ValueError, "are no data columns"),
        ({"columns": [], "n": 2}, ValueError, "expected one at least"),
        ({"columns": ["id", "ID"], "n": 2}, ValueError, "twice"),
        ({"columns": ["id"]}, ValueError, "expected 1 to 4096"),
        ({"columns": ["id"], "n": 0}, ValueError, "expected 1 to 4096"),
        ({"columns": ["id"], "n": True}, ValueError, "expected 1 to 4096"),
        ({"columns": ["id"], "n": 2, "sorted_by": "id UP"}, ValueError, "not an order"),
        ({"columns": ["id"], "n": 2, "kind": "list"}, ValueError, "'hash' or 'range'"),
        (16, TypeError, "expected Buckets"),
    ],
)
def test_buckets_that_make_no_sense(
    stand: Stand, buckets: Any, error: type[Exception], message: str
) -> None:
    since = len(stand.service.requests)
    with pytest.raises(error, match=message):
        stand.client.create_table(
            next(_NAMES), {"id": "bigint"}, partition_by={"pt": "string"}, buckets=buckets
        )
    assert stand.operations(since) == []


@pytest.mark.parametrize(
    ("mode", "bucket_ids", "message"),
    [("Size", (), "cut by Size"), ("Bucket", (0, 1, 2), "3 buckets for 2 splits")],
)
def test_answers_that_are_no_cut_by_buckets(
    mode: str, bucket_ids: tuple[int, ...], message: str
) -> None:
    info = ReadSessionInfo(
        session_id="s",
        status=SessionStatus.NORMAL,
        schema=TableSchema(()),
        n_splits=2,
        split_mode=mode,
        bucket_ids=bucket_ids,
    )
    with pytest.raises(of.ProtocolError, match=message):
        info.splits(of.ByBucket())
    assert len(info.splits(of.BySize())) == 2

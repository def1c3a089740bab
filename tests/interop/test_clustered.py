"""Clustered tables as an unmodified pyodps makes, describes, writes and reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from odps.maxstorage import SplitMode, SplitOptions  # type: ignore[import-untyped]
from odps.models.cluster_info import (  # type: ignore[import-untyped]
    ClusterInfo,
    ClusterSortCol,
    ClusterSortOrder,
    ClusterType,
)

import odps_frames as of

if TYPE_CHECKING:
    from odps_frames.client import Client

    Sides = Any  # a class of fixtures, which no test module can import

ROWS = pa.table({"id": list(range(100)), "name": [str(number % 7) for number in range(100)]})


def info_of(kind: Any, n: int | None, order: list[tuple[str, Any]]) -> Any:
    sort = [ClusterSortCol(name=name, order=direction) for name, direction in order]
    return ClusterInfo(cluster_type=kind, bucket_num=n, cluster_cols=["id"], sort_cols=sort)


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (
            info_of(ClusterType.HASH, 8, [("name", ClusterSortOrder.DESC)]),
            of.Buckets(columns=("id",), n=8, sorted_by=("name DESC",)),
        ),
        (
            info_of(ClusterType.RANGE, None, [("id", ClusterSortOrder.ASC)]),
            of.Buckets(columns=("id",), n=16, sorted_by=("id",), kind="range"),
        ),
    ],
)
def test_what_pyodps_makes_is_clustered(
    sides: Sides, table: str, info: Any, expected: of.Buckets
) -> None:
    sides.theirs.create_table(table, "id bigint, name string", cluster_info=info)
    assert sides.ours.table(table).buckets == expected
    sides.write(table, ROWS.to_batches())
    session = sides.ours.read_session(table, split_by=of.ByBucket())
    assert session.to_arrow().sort_by("id").equals(ROWS)
    assert len({split.bucket for split in session.splits}) == expected.n


def test_what_we_make_pyodps_describes(sides: Sides, table: str, ours: Client) -> None:
    ours.create_table(
        table,
        {"id": "bigint", "name": "string"},
        buckets=of.Buckets(columns=("id", "name"), n=3, sorted_by=("name DESC", "id")),
    )
    found = sides.theirs.get_table(table)
    info = found.cluster_info
    assert (info.cluster_type, info.bucket_num) == (ClusterType.HASH, 3)
    assert info.cluster_cols == ["id", "name"]
    assert [(one.name, one.order) for one in info.sort_cols] == [
        ("name", ClusterSortOrder.DESC),
        ("id", ClusterSortOrder.ASC),
    ]
    assert found.shard.shard_num == 3


@pytest.mark.parametrize(
    "options",
    [
        SplitOptions(split_mode=SplitMode.SIZE, split_number=256),
        SplitOptions(split_mode=SplitMode.ROW_OFFSET, split_number=7),
    ],
    ids=["size", "rows"],
)
def test_pyodps_reads_some_buckets(sides: Sides, table: str, ours: Client, options: Any) -> None:
    ours.create_table(table, {"id": "bigint", "name": "string"}, buckets={"columns": "id", "n": 4})
    of.to_odps(ROWS, table, client=ours, progress=False)
    wanted = ours.read_session(table, buckets=[1, 3]).to_arrow()
    assert 0 < wanted.num_rows < ROWS.num_rows
    got = sides.read(table, bucket_ids=[1, 3], split_options=options)
    assert got.sort_by("id").equals(wanted.sort_by("id"))
    whole = sides.read(table, split_options=options)
    assert whole.sort_by("id").equals(ROWS)

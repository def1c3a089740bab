"""Pieces of a scan: each row once, of one version, in any process, with no session of their own."""

from __future__ import annotations

import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import odps_frames as of

if TYPE_CHECKING:
    from odps_frames.local import LocalClient

ROWS = 10_000
FRAME = pd.DataFrame(
    {
        "id": np.arange(ROWS),
        "city": [f"city {n % 7}" for n in range(ROWS)],
        "pt": [f"2026010{n % 3}" for n in range(ROWS)],
    }
)


@pytest.fixture(scope="module")
def cities(shared_client: LocalClient) -> str:
    of.to_odps(FRAME, "cities", partition_cols=["pt"], create=True, client=shared_client)
    return "cities"


def ids_in(rows: pa.Table) -> list[int]:
    found: list[Any] = rows["id"].to_pylist()
    return found


def ids_of(splits: tuple[of.ScanSplit, ...]) -> list[int]:
    return sorted(i for split in splits for i in ids_in(split.to_arrow()))


def operations(client: LocalClient, since: int) -> list[str]:
    return [record.operation for record in client.service.requests[since:]]


@pytest.mark.parametrize(
    "by", [of.BySize(20_000), of.ByRows(3_000), of.ByParallelism(4), of.BySize()]
)
def test_splits_bring_each_row_once(client: LocalClient, cities: str, by: object) -> None:
    splits = of.scan_odps(cities, split_by=by, client=client).splits()  # type: ignore[arg-type]
    assert ids_of(splits) == list(range(ROWS))
    assert len({split.session_id for split in splits}) == 1


def test_splits_carry_projection_condition_and_partitions(client: LocalClient, cities: str) -> None:
    scan = (
        of.scan_odps(cities, split_by=of.ByRows(500), client=client)
        .partitions("pt=20260101")
        .filter("id < 100")
        .select("pt", "id")
    )
    table = pa.concat_tables(split.to_arrow() for split in scan.splits())
    assert table.column_names == ["pt", "id"]
    wanted = FRAME[(FRAME["pt"] == "20260101") & (FRAME["id"] < 100)]
    assert sorted(ids_in(table)) == wanted["id"].tolist()


def test_a_split_reads_the_columns_that_are_wanted_and_asks_for_no_others(
    client: LocalClient, cities: str
) -> None:
    split, *_ = of.scan_odps(cities, client=client).filter("id >= 0").splits()
    table = of.read_split(split, columns=["city"]).read_all()
    assert table.column_names == ["city"]
    assert table.num_rows == ROWS
    assert split.select([]).to_arrow().shape == (ROWS, 0)
    with pytest.raises(of.SchemaMismatch, match="town"):
        of.read_split(split, columns=["town"])


def test_the_rows_of_ranges_are_known_before_they_are_read(
    client: LocalClient, cities: str
) -> None:
    scan = of.scan_odps(cities, split_by=of.ByRows(4_000), client=client)
    assert [split.n_rows for split in scan.splits()] == [4_000, 4_000, 2_000]
    assert [split.n_rows for split in scan.filter("id > 5").splits()] == [None] * 3


def test_a_limit_cuts_the_splits(client: LocalClient, cities: str) -> None:
    scan = of.scan_odps(cities, split_by=of.ByRows(30), client=client).limit(70)
    assert [split.to_arrow().num_rows for split in scan.splits()] == [30, 30, 10]
    assert scan.limit(0).splits() == ()
    with pytest.raises(ValueError, match="limit=70 and a condition"):
        scan.filter("id > 3").splits()


def test_nothing_to_read_is_no_split(client: LocalClient, cities: str) -> None:
    assert of.scan_odps(cities, partitions="pt=1999", client=client).splits() == ()


def test_the_result_of_a_query_has_splits_too(client: LocalClient, cities: str) -> None:
    scan = of.scan_odps(f"SELECT id FROM {cities} WHERE id < 10", client=client)
    assert ids_of(scan.splits()) == list(range(10))


def read_in_process(split: of.ScanSplit) -> list[int]:
    return ids_in(of.read_split(split, columns=["id"]).read_all())


def test_other_processes_read_without_a_session_of_their_own(
    client: LocalClient, cities: str
) -> None:
    since = len(client.service.requests)
    splits = of.scan_odps(cities, split_by=of.ByRows(2_500), client=client).splits()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        found = [i for part in pool.map(read_in_process, splits) for i in part]
    assert sorted(found) == list(range(ROWS))
    assert operations(client, since).count("TableCreateReadSession") == 1


def test_splits_are_of_one_version_whatever_becomes_of_the_table(
    client: LocalClient, table: str
) -> None:
    of.to_odps(FRAME[["id"]], table, create=True, client=client)
    splits = of.scan_odps(table, split_by=of.ByRows(2_000), client=client).splits()
    first = ids_in(splits[0].to_arrow())
    of.to_odps(FRAME[["id"]] + ROWS, table, mode="overwrite", client=client)
    assert sorted(first + ids_of(splits[1:])) == list(range(ROWS))


def test_splits_hold_no_secret_that_was_not_to_travel(client: LocalClient, cities: str) -> None:
    secret = client.config.secret_access_key
    assert secret is not None
    careful = of.connect(
        client.config.endpoint,
        project=client.config.project,
        access_id=client.config.access_id,
        secret_access_key=secret,
        set_as_default=False,
    )
    splits = of.scan_odps(cities, client=careful).splits()
    assert secret.encode() not in pickle.dumps(splits)
    assert secret not in repr(splits)
    assert len(pickle.dumps(splits[0])) < 5_000


def test_what_is_no_split_is_refused() -> None:
    with pytest.raises(TypeError, match=r"expected one of the splits of a scan"):
        of.read_split(of.Split("session"))

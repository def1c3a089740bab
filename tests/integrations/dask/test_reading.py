"""Tables as Dask DataFrames: what pandas reads, of one version, and no more than is asked for."""

from __future__ import annotations

import pickle
import sys
from typing import TYPE_CHECKING, Any

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import odps_frames as of
from tests.integrations.wire import client_over

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.local import LocalClient

ROWS = 6_000
BY = of.ByRows(1_000)
FRAME = pd.DataFrame(
    {
        "id": np.arange(ROWS),
        "text": [f"a text of number {n}" for n in range(ROWS)],
        "pt": [f"2026010{n // 2_000}" for n in range(ROWS)],
    }
)


@pytest.fixture(autouse=True)
def here() -> Iterator[None]:
    with dask.config.set({"scheduler": "sync", "tokenize.ensure-deterministic": True}):
        yield


@pytest.fixture(scope="module")
def sales(shared_client: LocalClient) -> str:
    of.to_odps(FRAME, "dask_sales", partition_cols=["pt"], create=True, client=shared_client)
    return "dask_sales"


def read(client: of.Client, table: str, **options: Any) -> dd.DataFrame:
    found: dd.DataFrame = of.dask.read_odps(table, client=client, **({"split_by": BY} | options))
    return found


def name(ddf: dd.DataFrame) -> str:
    (key, *_), *_ = ddf.__dask_keys__()
    return str(key)


def last(client: LocalClient) -> int:
    return max((record.id for record in client.service.requests), default=0)


def operations(client: LocalClient, since: int) -> list[str]:
    return [record.operation for record in client.service.requests.select(since=since)]


def sent(client: LocalClient) -> int:
    """Bytes of rows that the service sent; to be looked at where no socket lies between."""
    return client.service.counters.n_bytes_sent.get("TableRead", 0)


def ids(rows: Any) -> list[int]:
    found: list[int] = sorted(rows["id"].tolist())
    return found


def test_each_split_is_a_partition_and_all_of_them_are_the_table(
    client: LocalClient, sales: str
) -> None:
    ddf = read(client, sales)
    assert ddf.npartitions == 6
    assert not ddf.known_divisions
    whole = of.read_odps(sales, client=client)
    pd.testing.assert_frame_equal(ddf.compute().reset_index(drop=True), whole)


@pytest.mark.parametrize("backend", [None, "pyarrow", "numpy_nullable", "numpy"])
def test_dtypes_are_known_before_a_row_is_read(asked_client: LocalClient, backend: Any) -> None:
    since = last(asked_client)
    options: dict[str, Any] = {"filters": "id = 1", "dtype_backend": backend}
    ddf = read(asked_client, "q_types", **options)
    planned = ddf.dtypes
    assert "TableRead" not in operations(asked_client, since)
    whole = of.read_odps("q_types", client=asked_client, **options)
    pd.testing.assert_series_equal(planned, whole.dtypes)
    pd.testing.assert_frame_equal(ddf.compute(), whole)
    assert ddf.compute().columns.equals(ddf.columns)


def test_units_zones_and_mappers_are_those_of_pandas(asked_client: LocalClient) -> None:
    def mapper(kind: pa.DataType) -> Any:
        return pd.ArrowDtype(kind) if pa.types.is_integer(kind) else None

    options: dict[str, Any] = {
        "columns": ["id", "moment", "day"],
        "tz": "Asia/Shanghai",
        "timestamp_unit": "us",
        "datetime_unit": "s",
        "types_mapper": mapper,
    }
    with dask.config.set({"tokenize.ensure-deterministic": False}):  # a function has no name
        ddf = read(asked_client, "q_types", **options)
        whole = of.read_odps("q_types", client=asked_client, **options)
        pd.testing.assert_series_equal(ddf.dtypes, whole.dtypes)
        pd.testing.assert_frame_equal(ddf.compute(), whole)
    with pytest.raises(ValueError, match="dtype_backend is 'arrow'"):
        read(asked_client, "q_types", dtype_backend="arrow")


def test_partitions_columns_and_filters_choose_rows(client: LocalClient, sales: str) -> None:
    ddf = read(client, sales, partitions="pt=20260101", filters="id < 2100", columns=["pt", "id"])
    found = ddf.compute()
    assert list(found.columns) == ["pt", "id"]
    assert ids(found) == list(range(2_000, 2_100))


def test_an_index_is_made_of_columns(client: LocalClient, sales: str) -> None:
    ddf = read(client, sales, index_col="id")
    assert ddf.index.name == "id"
    found = ddf["pt"].compute()
    assert found.index.tolist() == list(range(ROWS))
    assert ddf.index.compute().tolist() == list(range(ROWS))
    with pytest.raises(ValueError, match=r"index_col=\['ids'\]"):
        read(client, sales, index_col="ids")


@pytest.mark.parametrize("options", [{"partitions": "pt=1999"}, {"limit": 0}])
def test_an_empty_selection_is_one_partition_with_its_dtypes(
    client: LocalClient, sales: str, options: dict[str, Any]
) -> None:
    ddf = read(client, sales, index_col="id", **options)
    assert (ddf.npartitions, len(ddf)) == (1, 0)
    empty = of.read_odps(sales, client=client, index_col="id", **options)
    pd.testing.assert_frame_equal(ddf.compute(), empty)
    assert ddf["text"].compute().dtype == empty["text"].dtype


def test_an_empty_table_is_one_partition(client: LocalClient, table: str) -> None:
    client.create_table(table, {"id": "bigint", "text": "string"})
    ddf = read(client, table)
    assert (ddf.npartitions, len(ddf)) == (1, 0)
    pd.testing.assert_frame_equal(ddf.compute(), of.read_odps(table, client=client))


def test_a_limit_is_exact(client: LocalClient, sales: str) -> None:
    ddf = read(client, sales, limit=2_500)
    assert len(ddf) == len(ddf.compute()) == 2_500
    with pytest.raises(ValueError, match="limit=5 and a condition"):
        read(client, sales, limit=5, filters="id > 3")


def test_a_query_is_read_too(client: LocalClient, sales: str) -> None:
    ddf = of.dask.read_odps(f"select id + 1 as id from {sales} where id < 10", client=client)
    assert len(ddf) == 10
    assert ids(ddf.compute()) == list(range(1, 11))


def test_a_scan_becomes_a_dask_frame(client: LocalClient, sales: str) -> None:
    scan = of.scan_odps(sales, split_by=BY, client=client).filter("id < 5").select("id")
    ddf = scan.to_dask()
    assert isinstance(ddf, dd.DataFrame)
    assert ids(ddf.compute()) == [0, 1, 2, 3, 4]


def test_one_query_opens_one_session(client: LocalClient, sales: str) -> None:
    since = last(client)
    ddf = read(client, sales, filters="id >= 10")
    assert ddf[ddf["text"] != ""]["id"].sum().compute(scheduler="threads") == sum(range(10, ROWS))
    asked = operations(client, since)
    assert asked.count("TableCreateReadSession") == 1
    assert asked.count("TableRead") == ddf.npartitions


def test_the_planned_version_is_read_whatever_becomes_of_the_table(
    client: LocalClient, table: str
) -> None:
    of.to_odps(FRAME[["id"]], table, create=True, client=client)
    ddf = read(client, table)
    of.to_odps(FRAME[["id"]] + ROWS, table, mode="overwrite", client=client)
    assert ids(ddf.compute()) == list(range(ROWS))
    assert ids(read(client, table).compute()) == list(range(ROWS, 2 * ROWS))


def test_counting_reads_nothing_where_the_rows_are_known(client: LocalClient, sales: str) -> None:
    ddf = read(client, sales)
    since = last(client)
    assert len(ddf) == ddf.shape[0].compute() == ROWS
    assert len(ddf.partitions[1:3]) == 2_000
    assert len(ddf[["id"]]) == ROWS
    assert operations(client, since) == []


def test_counting_reads_one_column_where_they_are_not(client: LocalClient, sales: str) -> None:
    other, _ = client_over(client)
    ddf = read(other, sales, filters="id >= 10")
    before = sent(client)
    assert len(ddf) == ROWS - 10
    counted = sent(client) - before
    ddf.compute()
    assert counted < (sent(client) - before - counted) / 2


def test_fewer_bytes_come_for_fewer_columns_and_rows(client: LocalClient, sales: str) -> None:
    other, wire = client_over(client)

    def cost(ddf: Any) -> int:
        before = sent(client)
        ddf.compute()
        return sent(client) - before

    everything = read(other, sales)
    whole = cost(everything)
    assert cost(everything[["id"]]) < whole / 2
    assert cost(everything["id"].sum()) < whole / 2
    assert cost(everything.index) < whole / 2
    by_size = {"split_by": of.BySize(2_000)}  # to ranges of rows no filter is said
    few, many = (read(other, sales, filters=f"id < {n}", **by_size) for n in (100, ROWS))
    assert few.npartitions > 1
    assert cost(few) < cost(many) / 4
    assert cost(everything.head(3, compute=False)) < whole / 20
    assert not wire.open


def test_what_is_used_twice_is_read_once(client: LocalClient, sales: str) -> None:
    ddf = read(client, sales, index_col="id", filters="id >= 0")
    since = last(client)
    found = ddf.assign(place=ddf.index).compute()
    assert (found["place"] == found.index).all()
    assert operations(client, since).count("TableRead") == ddf.npartitions


def test_head_reads_the_rows_that_it_shows(client: LocalClient, sales: str) -> None:
    ddf = read(client, sales)
    since = last(client)
    assert ddf.head(3)["id"].tolist() == [0, 1, 2]
    assert operations(client, since).count("TableRead") == 1
    assert ids(ddf.head(1_500, npartitions=2)) == list(range(1_500))
    assert ddf[ddf["id"] > 5]["id"].head(2).tolist() == [6, 7]
    assert ddf.tail(2)["id"].tolist() == [ROWS - 2, ROWS - 1]


def test_names_are_of_a_version_and_of_what_is_asked(client: LocalClient, sales: str) -> None:
    first, second = read(client, sales), read(client, sales)
    assert name(first) != name(second)
    assert name(pickle.loads(pickle.dumps(first))) == name(first)  # noqa: S301  our own
    pinned = of.scan_odps(sales, client=client, split_by=BY).snapshot()
    same = [of.dask.read_odps(sales, snapshot=pinned, client=client) for _ in range(2)]
    assert name(same[0]) == name(same[1])
    others = [
        of.dask.read_odps(sales, snapshot=pinned, client=client, **more)
        for more in (
            {"filters": "id > 3"},
            {"filters": "id > 4"},
            {"filters": pc.field("id").isin([*range(99), 99, *range(100, 200)])},
            {"filters": pc.field("id").isin([*range(99), -1, *range(100, 200)])},
            {"columns": ["id"]},
            {"partitions": "pt=20260101"},
            {"partitions": "pt=20260102"},
            {"dtype_backend": "pyarrow"},
            {"index_col": "id"},
            {"tz": "Asia/Shanghai"},
        )
    ]
    assert len({name(ddf) for ddf in (*same, *others)}) == 1 + len(others)


def test_empty_reads_of_two_versions_have_two_names(client: LocalClient, sales: str) -> None:
    one, other = (read(client, sales, partitions="pt=1999") for _ in range(2))
    assert name(one) != name(other)


def test_no_secret_is_in_what_travels_or_shows(client: LocalClient, sales: str) -> None:
    secret = client.config.secret_access_key
    assert secret is not None
    careful = of.connect(
        client.config.endpoint,
        project=client.config.project,
        access_id=client.config.access_id,
        secret_access_key=secret,
        set_as_default=False,
    )
    ddf = read(careful, sales)[["id"]]
    graph = ddf.optimize().dask
    assert secret.encode() not in pickle.dumps(ddf)
    assert secret.encode() not in pickle.dumps(dict(graph))
    assert secret not in repr(dict(graph)) + str(ddf) + str(list(graph)) + ddf.expr.tree_repr()


def test_references_of_blobs_stay_marked(client: LocalClient, table: str) -> None:
    client.create_table(table, {"photo": "blob"})
    of.to_odps(pd.DataFrame({"photo": [b"one", b"two"]}), table, client=client)
    ddf = read(client, table)
    assert ddf.compute().attrs["odps"]["blobs"] == {"photo": "refs"}
    found = read(client, table, blobs="bytes")["photo"].compute()
    assert sorted(found) == [b"one", b"two"]
    with pytest.raises(ValueError, match="blobs='files'"):
        read(client, table, blobs="files")


def test_without_dask_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [*sys.modules]:
        if module.startswith("odps_frames.integrations.dask"):
            monkeypatch.delitem(sys.modules, module)
        elif module.partition(".")[0] == "dask":
            monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"pip install 'odps-frames\[dask\]'"):
        _ = of.dask


def test_what_dask_decides_is_no_option() -> None:
    for option in ("preserve_order", "max_workers", "progress", "chunksize"):
        with pytest.raises(TypeError, match=option):
            of.dask.read_odps("t", **{option: 1})

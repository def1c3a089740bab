from __future__ import annotations

import pickle
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import odps_frames as of

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.local import LocalClient

ROWS = 1000
TWO = ("city 1", "city 2")
FRAME = pd.DataFrame(
    {
        "id": pd.array(range(ROWS), "Int64"),
        "amount": [None if n % 7 == 0 else n / 4 for n in range(ROWS)],
        "city": [None if n % 11 == 0 else f"city {n % 5}" for n in range(ROWS)],
        "pt": [f"2026{n % 4:02d}" for n in range(ROWS)],
        "hh": [f"{n % 3}" for n in range(ROWS)],
    }
)


@pytest.fixture(scope="module")
def sales(shared_client: LocalClient) -> str:
    result = of.to_odps(
        FRAME, "sales", partition_cols=["pt", "hh"], create=True, client=shared_client
    )
    assert result.rows == ROWS
    return "sales"


def ids(frame: pd.DataFrame) -> list[int]:
    return sorted(frame["id"].tolist())


def expected(keep: Callable[[Any], bool]) -> list[int]:
    rows: Any = FRAME.itertuples()
    return sorted(int(row.id) for row in rows if keep(row))


@pytest.mark.parametrize(
    ("selection", "keep"),
    [
        (None, lambda _: True),
        ("pt=202601", lambda r: r.pt == "202601"),
        ("pt=202601,hh=2", lambda r: r.pt == "202601" and r.hh == "2"),
        ("pt='202601'/hh='2'", lambda r: r.pt == "202601" and r.hh == "2"),
        ("hh=2", lambda r: r.hh == "2"),
        ("pt=20260[12]", lambda r: r.pt in ("202601", "202602")),
        ("pt=2026*,hh=?", lambda _: True),
        ({"pt": "202603"}, lambda r: r.pt == "202603"),
        (
            {"pt": ["202603", "202600"], "hh": 1},
            lambda r: r.pt in ("202603", "202600") and r.hh == "1",
        ),
        (
            ["pt=202601", {"pt": "202602", "hh": "0"}],
            lambda r: r.pt == "202601" or (r.pt == "202602" and r.hh == "0"),
        ),
        ("pt >= '202602'", lambda r: r.pt >= "202602"),
        ("pt > '202600' and hh <> '1'", lambda r: r.pt > "202600" and r.hh != "1"),
        ("PT in ('202600', '202603')", lambda r: r.pt in ("202600", "202603")),
        (of.latest(), lambda r: r.pt == "202603" and r.hh == "2"),
        (of.latest(2), lambda r: r.pt == "202603" and r.hh in ("1", "2")),
        (lambda spec: spec["hh"] == "0", lambda r: r.hh == "0"),
        (of.Partition.of("pt=202601,hh=1"), lambda r: r.pt == "202601" and r.hh == "1"),
    ],
)
def test_partitions(
    client: LocalClient, sales: str, selection: Any, keep: Callable[[Any], bool]
) -> None:
    frame = of.read_odps(sales, partitions=selection, client=client)
    assert ids(frame) == expected(keep)
    assert list(frame.columns) == list(FRAME.columns)


@pytest.mark.parametrize("selection", ["pt=209901", [], "pt > '9'", lambda _: False])
def test_no_partition_is_an_empty_frame_of_the_same_dtypes(
    client: LocalClient, sales: str, selection: Any
) -> None:
    whole = of.read_odps(sales, client=client)
    none = of.read_odps(sales, partitions=selection, client=client)
    assert len(none) == 0
    pd.testing.assert_series_equal(none.dtypes, whole.dtypes)


@pytest.mark.parametrize(
    ("selection", "error", "complaint"),
    [
        ("pr=1", ValueError, "no partition column 'pr'.*did you mean 'pt'"),
        ({"id": 1}, ValueError, "no partition column 'id'"),
        ("nonsense", ValueError, "not a partition"),
        (7, TypeError, "not a selection of partitions: 7"),
        ("id >= 1", of.SchemaMismatch, "no column 'id'"),
    ],
)
def test_selections_that_mean_nothing(
    client: LocalClient, sales: str, selection: Any, error: type[Exception], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        of.read_odps(sales, partitions=selection, client=client)


def test_partitions_of_a_table_without_any(client: LocalClient, table: str) -> None:
    of.to_odps(FRAME[["id"]], table, create=True, client=client)
    with pytest.raises(ValueError, match="has no partitions"):
        of.read_odps(table, partitions="pt=1", client=client)


@pytest.mark.parametrize(
    "columns",
    [["id"], ["pt", "id"], ["hh"], ["pt", "hh"], ["amount", "pt", "city"], ["ID", "Pt"], []],
)
def test_columns_come_in_the_order_wanted(
    client: LocalClient, sales: str, columns: list[str]
) -> None:
    frame = of.read_odps(sales, columns=columns, client=client)
    assert list(frame.columns) == [name.lower() for name in columns]
    assert len(frame) == ROWS
    if "pt" in frame:
        assert frame["pt"].value_counts().to_dict() == FRAME["pt"].value_counts().to_dict()


def test_an_unknown_column_names_those_that_come_near(client: LocalClient, sales: str) -> None:
    with pytest.raises(of.SchemaMismatch, match="no column 'amuont'; did you mean 'amount'"):
        of.read_odps(sales, columns=["id", "amuont"], client=client)
    with pytest.raises(TypeError, match=r"expected a list of names, such as \['id'\]"):
        of.read_odps(sales, columns="id", client=client)
    with pytest.raises(ValueError, match="twice"):
        of.read_odps(sales, columns=["id", "ID"], client=client)


@pytest.mark.parametrize(
    ("filters", "keep"),
    [
        ("amount > 100", lambda r: r.amount > 100),
        ("not (amount > 100)", lambda r: r.amount <= 100),
        ("city = 'city 1' or amount < 3", lambda r: r.city == "city 1" or r.amount < 3),
        ("amount is null", lambda r: r.amount != r.amount),
        ("city not in ('city 1', 'city 2')", lambda r: r.city in ("city 0", "city 3", "city 4")),
        (
            "pt = '202601' and id between 10 and 500",
            lambda r: r.pt == "202601" and 10 <= r.id <= 500,
        ),
        ([("id", "<", 7)], lambda r: r.id < 7),
        (
            [[("id", "<", 7)], [("pt", "==", "202603"), ("id", ">", 900)]],
            lambda r: r.id < 7 or (r.pt == "202603" and r.id > 900),
        ),
        ([("amount", "is", None), ("city", "is not", None)], lambda r: r.id % 7 == 0 and r.id % 11),
        (pc.field("id") >= 990, lambda r: r.id >= 990),
        (~(pc.field("city").isin(["city 1", "city 2"])), lambda r: r.city not in TWO),
    ],
)
def test_filters(
    client: LocalClient, sales: str, filters: Any, keep: Callable[[Any], bool]
) -> None:
    frame = of.read_odps(sales, columns=["city", "id"], filters=filters, client=client)
    assert ids(frame) == expected(keep)
    assert list(frame.columns) == ["city", "id"]


def test_filters_of_polars(client: LocalClient, sales: str) -> None:
    polars = pytest.importorskip("polars")
    wanted = polars.col("amount").is_null() & (polars.col("pt") == "202601")
    frame = of.read_odps(sales, columns=["city", "id"], filters=wanted, client=client)
    assert ids(frame) == expected(lambda r: r.id % 28 == 21)
    assert list(frame.columns) == ["city", "id"]


def test_bad_filters_are_refused_before_anything_is_read(client: LocalClient, sales: str) -> None:
    with pytest.raises(of.SchemaMismatch, match="no column 'amuont'"):
        of.read_odps(sales, filters="amuont > 3", client=client)
    with pytest.raises(ValueError, match="amount >"):
        of.read_odps(sales, filters="amount >", client=client)


@pytest.mark.parametrize("limit", [0, 1, 10, 999, 1000, 5000])
def test_limits_are_exact(client: LocalClient, sales: str, table: str, limit: int) -> None:
    of.to_odps(FRAME.drop(columns=["pt", "hh"]), table, create=True, client=client)
    assert len(of.read_odps(table, limit=limit, client=client)) == min(limit, ROWS)
    assert len(of.read_odps(sales, limit=limit, client=client)) == min(limit, ROWS)
    some = of.read_odps(sales, limit=limit, filters="pt = '202601'", client=client)
    assert len(some) == min(limit, ROWS // 4)


@pytest.mark.parametrize("limit", [-1, 1.5, True, "3"])
def test_limits_that_are_none(client: LocalClient, sales: str, limit: Any) -> None:
    with pytest.raises(ValueError, match="limit="):
        of.read_odps(sales, limit=limit, client=client)


@pytest.mark.parametrize("chunksize", [1, 64, 999, 1000, 5000])
def test_chunks(client: LocalClient, sales: str, chunksize: int) -> None:
    whole = of.read_odps(sales, client=client)
    with of.read_odps(sales, chunksize=chunksize, client=client) as frames:
        pieces = list(frames) if chunksize > 1 else [next(frames) for _ in range(3)]
    assert {len(piece) for piece in pieces[:-1]} <= {chunksize}
    if chunksize > 1:
        pd.testing.assert_frame_equal(pd.concat(pieces), whole)


def test_chunks_of_an_empty_table_are_one_empty_frame(client: LocalClient, table: str) -> None:
    client.create_table(table, {"id": "bigint"})
    with of.read_odps(table, chunksize=10, client=client) as frames:
        (frame,) = frames
    assert len(frame) == 0
    assert str(frame["id"].dtype) == "Int64"


@pytest.mark.parametrize("limit", [0, 1, 64, 65, 300])
def test_chunks_of_the_first_rows(client: LocalClient, sales: str, limit: int) -> None:
    with of.read_odps(sales, chunksize=64, limit=limit, client=client) as frames:
        sizes = [len(frame) for frame in frames]
    assert sizes == ([64] * (limit // 64) + [limit % 64] * (limit % 64 > 0) or [0])
    kept = "amount > 100"
    with of.read_odps(sales, chunksize=64, limit=limit, filters=kept, client=client) as frames:
        some = pd.concat(list(frames))
    assert len(some) == limit
    assert set(some["id"]) <= set(expected(lambda r: r.amount > 100))


def test_leaving_chunks_early_leaves_nothing_behind(client: LocalClient, sales: str) -> None:
    before = set(threading.enumerate())
    with of.read_odps(sales, chunksize=10, split_size=2000, client=client) as frames:
        first = next(frames)
        assert next(iter(frames)).index.tolist() == list(range(10, 20))
    assert len(first) == 10
    assert list(frames) == []
    assert {
        t.name for t in set(threading.enumerate()) - before if t.name.startswith("odps-read")
    } == set()
    with (
        pytest.raises(KeyError, match="the body"),
        of.read_odps(sales, chunksize=10, client=client) as frames,
    ):
        raise KeyError("the body")
    with pytest.raises(StopIteration):
        next(frames)


def test_the_index(client: LocalClient, sales: str) -> None:
    frame = of.read_odps(sales, columns=["city", "id"], index_col="id", client=client)
    assert frame.index.name == "id"
    assert str(frame.index.dtype) == "Int64"
    assert list(frame.columns) == ["city"]
    assert frame.attrs["odps"]["rows"] == ROWS
    several = of.read_odps(sales, index_col=["PT", "Id"], limit=5, client=client)
    assert several.index.names == ["pt", "id"]
    assert list(several.columns) == ["amount", "city", "hh"]
    none = of.read_odps(sales, filters="id < 0", index_col="id", client=client)
    assert (len(none), none.index.name, str(none.index.dtype)) == (0, "id", "Int64")


def test_the_index_of_chunks(client: LocalClient, sales: str) -> None:
    whole = of.read_odps(sales, index_col=["pt", "id"], client=client)
    with of.read_odps(sales, index_col=["pt", "id"], chunksize=300, client=client) as frames:
        pieces = list(frames)
    assert [len(piece) for piece in pieces] == [300, 300, 300, 100]
    pd.testing.assert_frame_equal(pd.concat(pieces), whole)
    assert pieces[0].attrs["odps"]["rows"] == 300


@pytest.mark.parametrize(
    ("index", "complaint"),
    [
        (5, "index_col=5; expected the name of a column"),
        (["id", 5], r"index_col=\['id', 5\]; expected the name"),
        ({"id": 1}, "expected the name of a column, or a list of names"),
        (["id", "ID"], "a column stands twice"),
    ],
)
def test_what_is_no_index_is_refused_before_anything_is_sent(
    client: LocalClient, sales: str, index: Any, complaint: str
) -> None:
    before = len(client.service.requests)
    with pytest.raises((TypeError, ValueError), match=complaint):
        of.read_odps(sales, index_col=index, client=client)
    assert len(client.service.requests) == before


@pytest.mark.parametrize("chunksize", [None, 10])
def test_an_index_that_is_not_read_is_refused(
    client: LocalClient, sales: str, chunksize: Any
) -> None:
    with pytest.raises(ValueError, match=r"index_col=\['id'\] are not among .*\['city'\]"):
        of.read_odps(sales, columns=["city"], index_col="id", chunksize=chunksize, client=client)


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize("preserve_order", [True, False])
@pytest.mark.parametrize("split_size", [None, 2000])
def test_how_it_is_read_changes_no_row(
    client: LocalClient,
    sales: str,
    compression: Any,
    preserve_order: bool,  # noqa: FBT001  a row of the table
    split_size: int | None,
) -> None:
    whole = of.read_odps(sales, client=client)
    frame = of.read_odps(
        sales,
        compression=compression,
        preserve_order=preserve_order,
        split_size=split_size,
        max_workers=3,
        client=client,
    )
    if preserve_order:
        pd.testing.assert_frame_equal(frame, whole)
    else:
        assert ids(frame) == ids(whole)


def test_max_bytes(client: LocalClient, sales: str) -> None:
    with pytest.raises(of.ReadTooLarge, match=r"max_bytes=100.*chunksize="):
        of.read_odps(sales, max_bytes=100, client=client)
    assert len(of.read_odps(sales, max_bytes=10_000_000, client=client)) == ROWS


def test_where_a_frame_came_from(client: LocalClient, sales: str) -> None:
    facts = of.read_odps(sales, client=client).attrs["odps"]
    assert facts["source"] == "demo.sales"
    assert facts["rows"] == ROWS
    assert facts["session_id"]
    assert facts["bytes"] > 0
    assert facts["retries"] == 0


def test_a_scan_is_a_stream_for_anything(client: LocalClient, sales: str) -> None:
    scan = of.scan_odps(sales, columns=["id"], client=client)
    assert pa.table(scan).num_rows == ROWS
    assert pa.table(scan).num_rows == ROWS
    assert pa.schema(scan).names == ["id"]  # type: ignore[arg-type]  # what it has is enough
    assert scan.limit(3).to_arrow().num_rows == 3
    assert scan.filter("id < 5").filter("id > 2").to_arrow()["id"].to_pylist() == [
        4,
        3,
    ]  # the order of partitions


def test_a_scan_travels(client: LocalClient, sales: str) -> None:
    scan = pickle.loads(pickle.dumps(of.scan_odps(sales, client=client)))  # noqa: S301  our own bytes
    assert scan.to_arrow().num_rows == ROWS


def test_unknown_tables_and_names(client: LocalClient) -> None:
    with pytest.raises(of.NotFound, match="nowhere"):
        of.read_odps("nowhere", client=client)
    with pytest.raises(FileNotFoundError):
        of.read_odps("nowhere", client=client)
    with pytest.raises(of.NotFound):
        of.read_odps("no_project.t", client=client)
    with pytest.raises(ValueError, match="neither the name of a table nor a query"):
        of.read_odps("my table", client=client)
    with pytest.raises(TypeError, match="expected its name"):
        of.read_odps(7, client=client)  # type: ignore[call-overload]  # that is the point


@pytest.mark.parametrize(
    "options",
    [
        {"chunksize": 0},
        {"max_workers": 0},
        {"split_size": -1},
        {"timestamp_unit": "minutes"},
        {"compression": "gzip"},
        {"dtype_backend": "polars"},
        {"progress": "loud"},
        {"tz": "Mars/Olympus"},
        {"tz": 5},
        {"chunksize": 2.5},
        {"limit": -1},
        {"limit": "3"},
        {"max_workers": "2"},
        {"split_size": "1"},
        {"max_bytes": "1GB"},
        {"preserve_order": "no"},
        {"types_mapper": {"int": "Int8"}},
    ],
)
def test_bad_options_are_refused(client: LocalClient, sales: str, options: dict[str, Any]) -> None:
    before = len(client.service.requests)
    with pytest.raises((ValueError, KeyError, TypeError)) as caught:
        of.read_odps(sales, client=client, **options)
    assert str(next(iter(options.values()))) in str(caught.value)
    assert len(client.service.requests) == before


def test_whole_numbers_of_any_kind(client: LocalClient, sales: str) -> None:
    three: Any = np.int64(3)
    assert len(of.read_odps(sales, limit=three, max_workers=three, client=client)) == 3
    with of.read_odps(sales, chunksize=three, limit=three, client=client) as chunks:
        assert [len(chunk) for chunk in chunks] == [3]


def test_names_of_columns_are_texts(client: LocalClient, sales: str) -> None:
    wrong: Any = [1]
    with pytest.raises(TypeError, match="expected names, which 1 is not"):
        of.read_odps(sales, columns=wrong, client=client)


def test_unknown_options_are_refused(client: LocalClient, sales: str) -> None:
    with pytest.raises(TypeError, match="colums"):
        of.read_odps(sales, colums=["id"], client=client)  # type: ignore[call-overload]  # that is the point


def test_progress_is_told(client: LocalClient, sales: str) -> None:
    told: list[of.Progress] = []
    of.read_odps(sales, progress=told.append, client=client)
    assert told[-1].rows == ROWS
    assert told[-1].splits_done == told[-1].splits_total


def test_pandas_has_the_calls(client: LocalClient, sales: str) -> None:
    with of.local() as other:
        FRAME.to_odps("here", partition_cols=["pt", "hh"], create=True)  # type: ignore[operator]  # added on import
        assert len(pd.read_odps("here")) == ROWS  # type: ignore[attr-defined]  # added on import
        assert other.exists("here")
    assert not client.exists("here")
    assert client.exists(sales)


def test_registration_never_replaces_what_others_made(monkeypatch: pytest.MonkeyPatch) -> None:
    of.register()
    assert getattr(pd, "read_odps", None) is of.read_odps
    of.unregister()
    assert not hasattr(pd, "read_odps")
    assert not hasattr(pd.DataFrame, "to_odps")
    monkeypatch.setattr(pd, "read_odps", "theirs", raising=False)
    with pytest.warns(UserWarning, match=r"pandas\.read_odps is not that of odps_frames"):
        of.register()
    assert getattr(pd, "read_odps", None) == "theirs"
    of.unregister()
    assert getattr(pd, "read_odps", None) == "theirs"
    monkeypatch.undo()
    of.register()
    assert getattr(pd, "read_odps", None) is of.read_odps

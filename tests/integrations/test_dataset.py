"""Scans as datasets of pyarrow."""

from __future__ import annotations

from collections import Counter
from io import UnsupportedOperation
from random import Random
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest

import odps_frames as of
from tests.integrations.questions import plain_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from odps_frames.integrations.dataset import OdpsDataset
    from odps_frames.local import LocalClient
    from tests.integrations.questions import Tables

f: Any = pc.field  # comparing with it makes an expression, not a truth value


@pytest.fixture
def events(plans: Tables) -> OdpsDataset:
    found: OdpsDataset = plans.events.dataset()
    return found


@pytest.fixture(scope="module")
def whole(plans: Tables) -> ds.Dataset:
    """The same rows, as pyarrow has them in memory."""
    found: ds.Dataset = ds.dataset(plans.events.to_arrow())
    return found


def random_filter(random: Random) -> pc.Expression:
    n = random.randrange
    terms: list[Callable[[], pc.Expression]] = [
        lambda: f("id") > n(3_000),
        lambda: f("visitor") != n(8),
        lambda: f("visitor").isin([n(8), n(8)]),
        lambda: f("ratio") > random.choice([0.5, float("nan"), float("inf")]),
        lambda: f("text") == random.choice(["it's", "Hangzhou", "%_", ""]),
        lambda: f("text").isin(["it's", None]),
        lambda: f("flag"),
        lambda: f("pt") >= random.choice(["20260101", "20260103", "x"]),
        lambda: f(random.choice(["text", "amount", "ratio"])).is_null(),
        lambda: pc.starts_with(f("text"), "H"),
    ]
    term = random.choice(terms)()
    match random.random():
        case turn if turn < 0.2:
            return ~term
        case turn if turn < 0.4:
            return term | random_filter(random)
        case turn if turn < 0.5:
            return term & random_filter(random)
    return term


@pytest.mark.parametrize("part", range(4))
def test_random_filters_and_columns_give_what_pyarrow_gives(
    events: OdpsDataset, whole: ds.Dataset, part: int
) -> None:
    for seed in range(part * 25, part * 25 + 25):
        random = Random(seed)  # noqa: S311  no secret
        where = random_filter(random)
        columns = random.sample(whole.schema.names, random.randrange(1, 5))
        wanted = whole.to_table(columns=columns, filter=where)
        found = events.to_table(columns=columns, filter=where)
        assert found.schema.equals(wanted.schema)
        assert plain_rows(found) == plain_rows(wanted), (seed, where)
        assert events.count_rows(filter=where) == wanted.num_rows


def test_it_is_a_dataset_with_the_schema_of_the_scan(plans: Tables, events: OdpsDataset) -> None:
    assert isinstance(events, ds.Dataset)
    assert events.schema.equals(plans.events.arrow_schema)
    assert pa.table(events).schema.equals(events.schema)
    assert str(events.partition_expression) == "true"
    assert "q_events" in repr(events.filter(f("id") > 3))


def test_columns_are_chosen_twice_and_computed_and_none_of_them(events: OdpsDataset) -> None:
    assert events.to_table(columns=["id", "id"]).column_names == ["id", "id"]
    made = events.to_table(columns={"n": f("id") * 2, "id": f("id")}, filter=f("id") < 3)
    assert set(made["n"].to_pylist()) == {0, 2, 4}
    assert events.to_table(columns=[]).num_rows == 3_000
    scanner = events.scanner(columns=["hh"], filter=f("id") < 3)
    assert scanner.projected_schema.names == ["hh"]
    assert scanner.dataset_schema.equals(events.schema)


def test_batches_are_no_larger_than_was_asked(events: OdpsDataset) -> None:
    sizes = [batch.num_rows for batch in events.to_batches(batch_size=100, columns=["id"])]
    assert max(sizes) == 100
    assert sum(sizes) == 3_000
    with pytest.raises(ValueError, match="batch_size=0"):
        events.scanner(batch_size=0)


def test_the_first_rows_and_rows_by_place(events: OdpsDataset, whole: ds.Dataset) -> None:
    assert events.head(7).num_rows == 7
    assert events.head(0).num_rows == 0
    assert events.head(7, filter=f("id") > 2_995).num_rows == 4
    places = [5, 0, 2_999]
    assert plain_rows(events.take(places)) == plain_rows(whole.take(places))


def test_filters_of_the_dataset_add_up_and_stay_behind_a_limit(plans: Tables) -> None:
    dataset = plans.events.limit(100).dataset().filter(f("id") > 10).filter(f("id") < 9_999)
    first = plans.events.limit(100).to_arrow().filter(f("id") > 10)
    assert plain_rows(dataset.to_table()) == plain_rows(first)
    assert dataset.count_rows() == first.num_rows
    assert dataset.head(3).num_rows == 3


def test_pieces_are_read_one_by_one(events: OdpsDataset, whole: ds.Dataset) -> None:
    pieces = list(events.get_fragments(f("id") < 2_000))
    assert len(pieces) == 5
    assert {piece.split.session_id for piece in pieces} == {pieces[0].split.session_id}
    found = pa.concat_tables([piece.to_table(columns=["id"]) for piece in pieces])
    assert Counter(found["id"].to_pylist()) == Counter(range(2_000))
    assert sum(piece.count_rows(filter=f("pt") == "20260101") for piece in pieces) == 667
    assert pieces[0].head(2, filter=f("id") >= 0).num_rows == 2
    assert pieces[0].physical_schema.equals(whole.schema)
    counted = list(events.get_fragments())
    assert sum(piece.count_rows() for piece in counted) == 3_000


def test_other_tools_read_it(events: OdpsDataset, tmp_path: Path) -> None:
    ds.write_dataset(events, tmp_path, format="parquet", partitioning=["pt"])
    assert ds.dataset(tmp_path, format="parquet").count_rows() == 3_000
    scanned = pl.scan_pyarrow_dataset(events).filter(pl.col("id") < 9).select("id")
    assert scanned.collect().height == 9
    assert pa.table(events).num_rows == 3_000
    assert pl.DataFrame(events).height == 3_000


def test_it_is_written_to_another_table(
    client: LocalClient, events: OdpsDataset, table: str
) -> None:
    result = of.to_odps(events.filter(f("id") < 50), table, create=True, client=client)
    assert result.rows == 50


def test_it_is_sorted_and_joined_in_memory(plans: Tables, events: OdpsDataset) -> None:
    few = events.filter(f("id") < 5)
    assert few.sort_by([("id", "descending")]).head(1)["id"].to_pylist() == [4]
    cities = plans.cities.dataset()
    assert few.join(cities, "text", join_type="inner").count_rows() == 3
    asof = (
        plans.events.select("id")
        .filter("id < 5 and pt = '20260101'")
        .dataset()
        .join_asof(ds.dataset(pa.table({"id": [0, 3], "x": [1, 2]})), on="id", by=[], tolerance=-5)
    )
    assert asof.to_table()["x"].to_pylist() == [1, 2]


def test_columns_get_other_types_as_far_as_no_value_changes(
    plans: Tables, events: OdpsDataset
) -> None:
    kinds: Any = {"id": pa.int16(), "pt": pa.large_string()}
    narrow = pa.schema(kinds)
    dataset = events.replace_schema(narrow)
    assert dataset.to_table().schema.equals(narrow)
    assert dataset.to_table(filter=f("id") == pa.scalar(7, pa.int16()))["id"].to_pylist() == [7]
    with pytest.raises(of.CastError, match="leave it out"):
        events.replace_schema(pa.schema([pa.field("id", pa.int8())])).to_table()
    limited = plans.events.limit(9).dataset().filter(f("id") > 3)
    with pytest.raises(ValueError, match="replace them first"):
        limited.replace_schema(narrow)
    with pytest.raises(KeyError, match="nowhere"):
        events.replace_schema(pa.schema([pa.field("nowhere", pa.int8())]))


def past_it(events: OdpsDataset) -> list[Any]:
    return [
        lambda: ds.Scanner.from_dataset(events).to_table(),
        lambda: ds.UnionDataset(events.schema, [events]).to_table(),  # type: ignore[call-arg]  # stubs
        lambda: ds.dataset(pa.table({"id": [1]})).join(events, "id"),
    ]


@pytest.mark.parametrize("way", range(3))
def test_what_reads_past_its_methods_is_told_how_to_read(events: OdpsDataset, way: int) -> None:
    with pytest.raises(UnsupportedOperation, match=r"in no file .* dataset\.to_table\(\)"):
        past_it(events)[way]()


def test_what_is_not_there_is_refused_before_anything_is_read(
    client: LocalClient, events: OdpsDataset
) -> None:
    since = len(client.service.requests)
    for asked in ({"columns": ["nope"]}, {"filter": f("nope") > 1}, {"filter": f("id") > "x"}):
        with pytest.raises((pa.ArrowInvalid, pa.ArrowNotImplementedError)):
            events.to_table(**asked)
    with pytest.raises(TypeError, match="cache_metadata"):
        events.scanner(cache_metadata=True)  # type: ignore[call-arg]  # on purpose
    assert len(client.service.requests) == since

"""What pyodps can ask of a read session beyond columns and splits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import odps  # type: ignore[import-untyped]
import pyarrow as pa
import pytest
from odps.maxstorage import (  # type: ignore[import-untyped]
    MaxStorageClient,
    SplitMode,
    SplitOptions,
)

import odps_frames as of
from odps_frames.emulator.preparing import Preparation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.client import Client

    Sides = Any  # the class of a fixture, which no test module can import
    Stand = Any

ROWS = pa.table(
    {
        "id": pa.array([*range(100), None], pa.int64()),
        "name": pa.array([*(f"it's {n}" for n in range(100)), None]),
        "at": pa.array([*(n * 1_000_000_000 for n in range(100)), None], pa.timestamp("ns")),
        "pt": pa.array(["a"] * 50 + ["b"] * 51),
    }
)


@pytest.fixture
def written(ours: Client, table: str) -> str:
    of.to_odps(ROWS, table, partition_cols="pt", create=True, client=ours)
    return table


@pytest.mark.parametrize(
    ("predicate", "ids"),
    [
        ("`id` >= 97", [97, 98, 99]),
        ("`id` in (1, 60) and `pt` = 'b'", [60]),
        ("`name` = 'it\\'s 7'", [7]),
        ("`id` is null", [None]),
        ("not (`id` > 1)", [0, 1]),
        ("`at` = TIMESTAMP_NTZ'1970-01-01 00:00:42'", [42]),
        ("", [*range(100), None]),
    ],
)
def test_rows_are_left_out_by_a_predicate(
    sides: Sides, written: str, predicate: str, ids: list[int | None]
) -> None:
    rows = sides.read(written, columns=["id"], filter_predicate=predicate)
    assert rows["id"].to_pylist() == ids
    ranged = sides.storage.create_table_read_session(
        written,
        filter_predicate=predicate,
        split_options=SplitOptions(SplitMode.ROW_OFFSET, split_number=10),
    )
    assert ranged.record_count == len(ids)
    assert sides.read_session(ranged)["id"].to_pylist() == ids


def test_a_predicate_that_nobody_understands(sides: Sides, written: str) -> None:
    with pytest.raises(odps.errors.InvalidArgument, match="FilterPredicate"):
        sides.read(written, filter_predicate="sounds_like(name, 'a')")
    rows = sides.read(
        written, filter_predicate="sounds_like(name, 'a')", filter_predicate_fallback=True
    )
    assert rows.num_rows == 101
    with pytest.raises(odps.errors.InvalidArgument, match="number"):
        sides.read(written, filter_predicate="id = 'x'", filter_predicate_fallback=True)


@pytest.mark.parametrize(
    ("said", "unit"), [("second", "s"), ("milli", "ms"), ("micro", "us"), ("nano", "ns")]
)
def test_times_come_in_the_unit_asked_for(sides: Sides, written: str, said: str, unit: Any) -> None:
    rows = sides.read(written, columns=["at"], arrow_options={"TimestampUnit": said})
    assert rows.schema.field("at").type == pa.timestamp(unit)
    assert rows["at"].cast(pa.timestamp("ns")).combine_chunks().equals(ROWS["at"].combine_chunks())


@pytest.fixture
def failing(stand: Stand) -> Iterator[None]:
    rule = stand.service.preparations.rule
    stand.service.preparations.rule = Preparation(failure="the plan is too large")
    yield
    stand.service.preparations.rule = rule


@pytest.mark.usefixtures("failing")
def test_a_session_that_failed_is_an_error_at_once(sides: Sides, written: str) -> None:
    with pytest.raises(odps.maxstorage.MaxStorageError, match="CRITICAL"):
        sides.storage.create_table_read_session(written)


def test_files_of_a_split_are_limited(sides: Sides, ours: Client, written: str) -> None:
    of.to_odps(ROWS, written, partition_cols="pt", client=ours)
    one = sides.storage.create_table_read_session(written)
    many = sides.storage.create_table_read_session(written, split_max_file_num=1)
    assert (len(one.splits), len(many.splits)) == (1, 4)
    assert sides.read_session(many).equals(sides.read_session(one))


@pytest.mark.parametrize("version", ["2", "3"])
def test_a_session_of_ours_is_joined_through_either_version(
    sides: Sides, ours: Client, written: str, version: str
) -> None:
    session = ours.read_session(written, row_filter="id < 3")
    storage = MaxStorageClient(sides.theirs, api_version=version, quota_name="gold")
    joined = storage.create_table_read_session(written, session_id=session.session_id)
    assert joined.id == session.session_id
    assert sides.read_session(joined)["id"].to_pylist() == [0, 1, 2]

"""Tables with a primary key, and what changed: pyodps and we see the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import odps  # type: ignore[import-untyped]
import pandas as pd
import pyarrow as pa
import pytest
from odps.maxstorage import (  # type: ignore[import-untyped]
    IncrementalReadOptions,
    SplitMode,
    SplitOptions,
)

import odps_frames as of

if TYPE_CHECKING:
    from odps_frames.client import Client

    Sides = Any  # classes of fixtures, which no test module can import

U, D = 85, 68
NAMES = ["id", "v", "__operation"]


def content(rows: pa.Table) -> dict[int, Any]:
    found = {row["id"]: row["v"] for row in rows.to_pylist()}
    assert len(found) == rows.num_rows
    return found


@pytest.fixture
def keyed(theirs: Any, table: str) -> str:
    """A table that pyodps made."""
    schema = odps.models.TableSchema.from_lists(["id", "v"], ["bigint", "string"])
    schema.columns[0].nullable = False
    theirs.create_table(table, schema, primary_key=["id"], transactional=True)
    return table


@pytest.fixture
def filled(sides: Sides, keyed: str) -> str:
    """The same with two versions, written by records."""
    for writes, deletes in (([[1, "a"], [2, "b"], [3, "c"]], []), ([[2, "x"], [4, "y"]], [3])):
        session = sides.storage.create_table_write_session(keyed)
        with session.open_arrow_writer("0").get_as_record_writer() as writer:
            for record in writes:
                writer.write(record)
            for number in deletes:
                writer.delete([number, None])
        session.commit()
    return keyed


def test_a_table_says_its_key(sides: Sides, keyed: str) -> None:
    found = sides.theirs.get_table(keyed)
    assert (found.primary_key, found.is_transactional) == (["id"], True)
    info = sides.ours.describe(keyed, extended=True)
    assert (info.primary_key, info.transactional) == (("id",), True)


def test_we_make_one_for_them(theirs: Any, ours: Client, table: str) -> None:
    ours.create_table(table, {"id": "bigint", "v": "string"}, primary_key=["id"])
    assert theirs.get_table(table).primary_key == ["id"]
    assert not theirs.get_table(table).table_schema["id"].nullable


def test_records_are_upserted_and_deleted(sides: Sides, filled: str) -> None:
    expected = {1: "a", 2: "x", 4: "y"}
    assert content(sides.read(filled)) == expected
    assert content(sides.stored(filled)) == expected


@pytest.mark.parametrize("mode", [SplitMode.SIZE, SplitMode.ROW_OFFSET])
def test_they_read_in_all_their_ways(sides: Sides, filled: str, mode: Any) -> None:
    options = SplitOptions(mode, split_number=2)
    session = sides.storage.create_table_read_session(filled, split_options=options)
    assert content(sides.read_session(session)) == {1: "a", 2: "x", 4: "y"}


@pytest.mark.parametrize("compress", [None, "zstd", "lz4"])
def test_arrow_with_operations(sides: Sides, filled: str, compress: str | None) -> None:
    columns: list[Any] = [
        pa.array([1, 5, 5, 2]),
        pa.array([None, "p", "q", "z"]),
        pa.array([D, U, U, None], pa.int8()),
    ]
    batch = pa.record_batch(columns, names=NAMES)
    sides.write(filled, [batch], compress=compress)
    expected = {2: "z", 4: "y", 5: "q"}
    assert content(sides.stored(filled)) == expected
    assert content(sides.read(filled)) == expected


def test_they_read_what_we_upserted(sides: Sides, filled: str) -> None:
    changes = pd.DataFrame({"id": [4, 6], "v": ["", "new"], "__operation": ["D", "U"]})
    of.to_odps(changes, filled, mode="upsert", client=sides.ours)
    assert content(sides.read(filled)) == {1: "a", 2: "x", 6: "new"}


def test_partitions(sides: Sides, table: str) -> None:
    sides.ours.create_table(
        table, {"id": "bigint", "v": "string"}, partition_by={"pt": "string"}, primary_key=["id"]
    )
    for partition in ("pt=x", "pt=y"):
        session = sides.storage.create_table_write_session(table, partition_spec=partition)
        with session.open_arrow_writer("0").get_as_record_writer() as writer:
            writer.write([1, partition])
            writer.write([2, partition])
            if partition == "pt=y":
                writer.delete([1, None])
        session.commit()
    rows = [(row["id"], row["v"]) for row in sides.read(table).to_pylist()]
    assert sorted(rows) == [(1, "pt=x"), (2, "pt=x"), (2, "pt=y")]


@pytest.mark.covers(
    "CreateReadSessionRequest.incremental_read",
    "CreateReadSessionRequest.incremental_read_options",
    "IncrementalReadOptions.mode",
    "IncrementalReadOptions.start_version",
    "IncrementalReadOptions.end_version",
    "CreateReadSessionResponse.latest_version",
    "SystemColumns",
)
@pytest.mark.parametrize("mode", [SplitMode.SIZE, SplitMode.ROW_OFFSET])
def test_changes_by_version(sides: Sides, filled: str, mode: Any) -> None:
    session = sides.storage.create_table_read_session(
        filled,
        incremental_read_enabled=True,
        incremental_read_options=IncrementalReadOptions(version="version", from_=1, to=2),
        split_options=SplitOptions(mode, split_number=2),
    )
    assert [column.name for column in session.table_schema.system_columns] == ["__operation"]
    assert session.latest_version == 2
    rows = sides.read_session(session)
    assert rows.column_names == ["id", "v", "__operation"]
    assert sorted(map(tuple, (row.values() for row in rows.to_pylist()))) == [
        (2, "b", D),
        (2, "x", U),
        (3, "c", D),
        (4, "y", U),
    ]
    ours = of.read_odps_changes(filled, since=1, until=2, client=sides.ours).frame
    assert sorted(ours.itertuples(index=False, name=None)) == [
        (2, "x", "update"),
        (3, "c", "delete"),
        (4, "y", "insert"),
    ]


@pytest.mark.covers(
    "IncrementalReadOptions.start_time_stamp", "IncrementalReadOptions.end_time_stamp"
)
def test_changes_by_time(sides: Sides, filled: str) -> None:
    def read(**bounds: str) -> int:
        session = sides.storage.create_table_read_session(
            filled,
            incremental_read_enabled=True,
            incremental_read_options=IncrementalReadOptions(**bounds),
        )
        return int(sides.read_session(session).num_rows)

    assert read(from_="2024-01-01 00:00:00") == 3
    assert read(from_="2024-01-01 00:00:00", to="2024-01-02 00:00:00") == 0


def test_a_plain_table_tells_too(sides: Sides, table: str) -> None:
    frame = pd.DataFrame({"id": [1, 2], "v": ["a", "b"]})
    of.to_odps(frame, table, create=True, client=sides.ours)
    of.to_odps(frame[:1], table, mode="overwrite", client=sides.ours)
    session = sides.storage.create_table_read_session(
        table,
        incremental_read_enabled=True,
        incremental_read_options=IncrementalReadOptions(from_=1),
    )
    marks = sides.read_session(session)["__operation"].to_pylist()
    assert marks == [D, D, U]


def test_a_gap_is_an_error(sides: Sides, filled: str) -> None:
    sides.ours.drop_table(filled)
    sides.ours.create_table(filled, {"id": "bigint", "v": "string"}, primary_key=["id"])
    with pytest.raises(Exception, match="not all kept any more"):
        sides.storage.create_table_read_session(
            filled,
            incremental_read_enabled=True,
            incremental_read_options=IncrementalReadOptions(from_=1),
        )


def test_one_key_in_two_streams_is_refused(sides: Sides, keyed: str) -> None:
    columns: list[Any] = [pa.array([1]), pa.array(["a"]), pa.array([U], pa.int8())]
    batch = pa.record_batch(columns, names=NAMES)
    with pytest.raises(Exception, match="several streams"):
        sides.write(keyed, [batch, batch], streams=2)
    assert content(sides.stored(keyed)) == {}

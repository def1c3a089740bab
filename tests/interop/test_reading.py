"""An unmodified pyodps reads what we wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import odps  # type: ignore[import-untyped]
import pyarrow as pa
import pytest
from odps.maxstorage import SplitMode, SplitOptions  # type: ignore[import-untyped]

import odps_frames as of

if TYPE_CHECKING:
    from odps_frames.client import Client

    Sides = Any  # the class of a fixture, which no test module can import

N_ROWS = 1000
ROWS = pa.table({"id": pa.array(range(N_ROWS)), "name": pa.array([f"n{n}" for n in range(N_ROWS)])})
PARTED = ROWS.append_column("pt", pa.array(["a", "b"] * (N_ROWS // 2)))
BY_PARTITION = PARTED.sort_by([("pt", "ascending"), ("id", "ascending")])


@pytest.fixture
def written(ours: Client, table: str) -> str:
    of.to_odps(ROWS, table, create=True, client=ours)
    return table


@pytest.fixture
def parted(ours: Client, table: str) -> str:
    of.to_odps(PARTED, table, partition_cols="pt", create=True, client=ours)
    return table


@pytest.mark.parametrize("compress", [None, "zstd", "lz4"])
@pytest.mark.parametrize(
    ("options", "n_splits"),
    [
        (SplitOptions(), 1),
        (SplitOptions(SplitMode.SIZE, split_number=4000), 4),
        (SplitOptions(SplitMode.ROW_OFFSET, split_number=300), 4),
        (SplitOptions(SplitMode.ROW_OFFSET, split_number=N_ROWS), 1),
    ],
    ids=["one by size", "some by size", "some by rows", "one by rows"],
)
def test_splits_hold_every_row_once(
    sides: Sides, written: str, options: Any, n_splits: int, compress: str | None
) -> None:
    session = sides.storage.create_table_read_session(written, split_options=options)
    assert session.split_mode is options.split_mode
    # How many splits a size makes is the service's business; how many a number of rows makes, not.
    if options.split_mode is SplitMode.ROW_OFFSET or n_splits == 1:
        assert len(session.splits) == n_splits
    else:
        assert len(session.splits) >= n_splits
    if options.split_mode is SplitMode.ROW_OFFSET:
        assert session.record_count == N_ROWS
    # Having asked for a compressed stream, pyodps fails on any other.
    assert sides.read_session(session, compress_algo=compress).equals(ROWS)


@pytest.mark.parametrize("ahead", [False, True])
def test_options_of_a_reader_are_kept(sides: Sides, written: str, ahead: bool) -> None:  # noqa: FBT001  a parameter of pytest
    session = sides.storage.create_table_read_session(
        written, split_options=SplitOptions(SplitMode.ROW_OFFSET, split_number=400)
    )
    with session.open_arrow_reader(
        session.splits[1],
        max_batch_rows=64,
        skip_row_num=10,
        data_columns=["name"],
        async_read=ahead,
    ) as reader:
        batches = list(reader)
    assert max(batch.num_rows for batch in batches) == 64
    assert pa.Table.from_batches(batches).equals(ROWS.select(["name"]).slice(410, 390))


@pytest.mark.parametrize("skip", [0, 1, 999, 1000])
def test_rows_are_skipped(sides: Sides, written: str, skip: int) -> None:
    session = sides.storage.create_table_read_session(written)
    assert sides.read_session(session, skip_row_num=skip).equals(ROWS.slice(skip))


def test_all_columns_come_unless_some_are_named(sides: Sides, parted: str) -> None:
    session = sides.storage.create_table_read_session(parted)
    assert [column.name for column in session.table_schema.columns] == ["id", "name", "pt"]
    assert session.arrow_schema.equals(BY_PARTITION.schema)
    assert sides.read_session(session).equals(BY_PARTITION)


@pytest.mark.parametrize("columns", [["name"], ["name", "id"], ["id", "name"]])
def test_columns_come_in_the_order_asked_for(sides: Sides, parted: str, columns: list[str]) -> None:
    rows = sides.read(parted, columns=columns, partition_columns=["pt"])
    assert rows.equals(BY_PARTITION.select([*columns, "pt"]))


@pytest.mark.parametrize(
    ("partitions", "wanted"), [(["pt=a"], "a"), (["pt='b'"], "b"), (["pt=b", "pt=a"], "ab")]
)
def test_partitions_are_selected(
    sides: Sides, parted: str, partitions: list[str], wanted: str
) -> None:
    rows = sides.read(parted, partitions=partitions)
    expected = [pt for pt in wanted for _ in range(N_ROWS // 2)]
    assert rows["pt"].to_pylist() == expected
    assert sorted(rows["id"].to_pylist()) == [n for n in range(N_ROWS) if "ab"[n % 2] in wanted]


def test_a_session_shows_the_table_as_it_was(sides: Sides, ours: Client, written: str) -> None:
    session = sides.storage.create_table_read_session(written)
    of.to_odps(ROWS.slice(0, 1), written, mode="overwrite", client=ours)
    assert sides.read_session(session).equals(ROWS)
    again = sides.storage.create_table_read_session(written, session_id=session.id)
    assert again.id == session.id
    assert again.expiration_time == session.expiration_time
    assert sides.read_session(again).equals(ROWS)
    assert sides.read(written).num_rows == 1


@pytest.mark.parametrize(
    "options", [SplitOptions(), SplitOptions(SplitMode.ROW_OFFSET, split_number=10)]
)
def test_an_empty_table_has_no_split(sides: Sides, ours: Client, table: str, options: Any) -> None:
    ours.create_table(table, {"id": "bigint", "name": "string"})
    session = sides.storage.create_table_read_session(table, split_options=options)
    assert session.splits == []
    assert session.arrow_schema.equals(ROWS.schema)


@pytest.mark.parametrize(("limit", "n_rows"), [(1, 1), (17, 17), (5000, N_ROWS)])
def test_a_preview_shows_the_first_rows(
    sides: Sides, written: str, limit: int, n_rows: int
) -> None:
    batches = list(sides.storage.preview_table(written, limit=limit))
    assert pa.Table.from_batches(batches).equals(ROWS.slice(0, n_rows))


def test_a_preview_of_a_partition_and_of_columns(sides: Sides, parted: str) -> None:
    with sides.storage.preview_table(
        parted, partition_spec="pt=b", columns=["name"], limit=2
    ) as reader:
        assert reader.read().to_pylist() == [{"name": "n1"}, {"name": "n3"}]


def test_records_are_read(sides: Sides, parted: str) -> None:
    session = sides.storage.create_table_read_session(parted, partitions=["pt=b"])
    with session.open_arrow_reader(session.splits[0]) as reader:
        records = list(reader.get_as_record_reader())
    assert [record.values for record in records[:2]] == [[1, "n1", "b"], [3, "n3", "b"]]
    assert len(records) == N_ROWS // 2


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ({"partitions": ["pt=nowhere"]}, odps.errors.NoSuchPartition),
        ({"columns": ["nothing"]}, odps.errors.InvalidArgument),
        ({"session_id": "nobody"}, odps.errors.NoSuchObject),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_not_there_is_refused_at_once(
    sides: Sides, parted: str, spec: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        sides.storage.create_table_read_session(parted, **spec)
    with pytest.raises(odps.errors.NoSuchTable):
        sides.storage.create_table_read_session(parted + "_not")


def test_pyodps_has_no_splits_by_number(sides: Sides, written: str) -> None:
    # The service makes them, and pyodps says that it cannot use them.
    options = SplitOptions(SplitMode.PARALLELISM, split_number=3)
    with pytest.raises(NotImplementedError, match="PARALLELISM"):
        sides.storage.create_table_read_session(written, split_options=options)

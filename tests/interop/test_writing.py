"""We read what an unmodified pyodps wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import odps  # type: ignore[import-untyped]
import pyarrow as pa
import pytest
from odps.config import option_context  # type: ignore[import-untyped]
from odps.maxstorage import MaxStorageClient  # type: ignore[import-untyped]

import odps_frames as of
from odps_frames.emulator.faults import Fault, Reset

if TYPE_CHECKING:
    from odps_frames.client import Client

    Sides = Any  # classes of fixtures, which no test module can import
    Stand = Any

N_ROWS = 1000
ROWS = pa.table({"id": pa.array(range(N_ROWS)), "name": pa.array([f"n{n}" for n in range(N_ROWS)])})
(BATCH,) = ROWS.to_batches()
BATCHES = ROWS.to_batches(max_chunksize=100)


def in_order(rows: pa.Table) -> pa.Table:
    return rows.select(ROWS.column_names).sort_by("id")


def add_pt(rows: pa.Table, values: list[str | None]) -> list[pa.RecordBatch]:
    return rows.append_column("pt", pa.array(values, pa.string())).to_batches()


@pytest.fixture
def plain(ours: Client, table: str) -> str:
    ours.create_table(table, {"id": "bigint", "name": "string"})
    return table


@pytest.fixture
def parted(ours: Client, table: str) -> str:
    ours.create_table(table, {"id": "bigint", "name": "string"}, partition_by={"pt": "string"})
    return table


@pytest.mark.parametrize("streams", [1, 3])
@pytest.mark.parametrize("compress", [None, "zstd", "lz4"])
def test_rows_arrive(sides: Sides, parted: str, compress: str | None, streams: int) -> None:
    sides.write(parted, BATCHES, partition_spec="pt=x", streams=streams, compress=compress)
    stored = sides.stored(parted)
    assert in_order(stored).equals(ROWS)
    assert stored["pt"].unique().to_pylist() == ["x"]
    assert in_order(sides.read(parted)).equals(ROWS)


@pytest.mark.parametrize("api_version", ["2", "3"])
def test_a_stream_may_come_in_many_requests(
    stand: Stand, sides: Sides, plain: str, api_version: str
) -> None:
    storage = MaxStorageClient(sides.theirs, api_version=api_version)
    session = storage.create_table_write_session(plain)
    before = len(stand.service.requests)
    with session.open_arrow_writer("some text", buffer_size=1) as writer:
        for batch in BATCHES:
            writer.write_batch(batch)
    session.commit()
    sent = [one.operation for one in stand.service.requests[before:]]
    assert sent.count("TableWrite") == len(BATCHES)
    assert sides.stored(plain).equals(ROWS)


def test_nothing_shows_before_the_commit(sides: Sides, plain: str) -> None:
    session = sides.storage.create_table_write_session(plain)
    sides.send(session, BATCHES)
    assert sides.stored(plain).num_rows == 0
    session.commit()
    assert sides.stored(plain).num_rows == N_ROWS


def test_what_is_aborted_never_shows(sides: Sides, plain: str) -> None:
    sides.write(plain, [BATCH])
    session = sides.storage.create_table_write_session(plain, overwrite=True)
    sides.send(session, BATCHES)
    session.abort()
    assert sides.stored(plain).equals(ROWS)
    with pytest.raises(odps.errors.ODPSError, match="StatusConflict"):
        session.open_arrow_writer("1")
    assert sides.stored(plain).equals(ROWS)


def test_rows_are_appended_or_replaced(sides: Sides, ours: Client, parted: str) -> None:
    for value in ("x", "x", "y"):
        sides.write(parted, [BATCH], partition_spec=f"pt={value}")
    sides.write(parted, [BATCH.slice(0, 1)], partition_spec="pt=x", overwrite=True)
    counted = of.read_odps(parted, client=ours).value_counts("pt").to_dict()
    assert counted == {"x": 1, "y": N_ROWS}


def test_a_plain_table_is_replaced(sides: Sides, plain: str) -> None:
    sides.write(plain, BATCHES)
    sides.write(plain, [BATCH.slice(5, 2)], overwrite=True)
    assert sides.stored(plain)["id"].to_pylist() == [5, 6]


def test_rows_say_their_partitions(sides: Sides, ours: Client, parted: str) -> None:
    sides.write(parted, [BATCH.slice(0, 1)], partition_spec="pt=a")
    sides.write(parted, [BATCH.slice(0, 1)], partition_spec="pt=c")
    # Only partitions in the data are replaced.
    batches = add_pt(ROWS.slice(1, 4), ["a", "b", "a", "b"])
    sides.write(parted, batches, overwrite=True)
    frame = of.read_odps(parted, client=ours)
    found = frame.groupby("pt")["id"].apply(sorted).to_dict()
    assert found == {"a": [1, 3], "b": [2, 4], "c": [0]}


def test_part_of_a_partition_may_be_said_beforehand(sides: Sides, ours: Client, table: str) -> None:
    levels = {"pt": "string", "hh": "bigint"}
    ours.create_table(table, {"id": "bigint"}, partition_by=levels)
    batch = pa.RecordBatch.from_pydict({"id": [1, 2, 3], "hh": [7, 8, 7]})
    sides.write(table, [batch], partition_spec="pt=x")
    sides.write(table, [batch.select(["id"])], partition_spec=[("pt", "y"), ("hh", 9)])
    found = [str(one) for one in ours.table(table).partitions()]
    assert found == ["pt=x,hh=7", "pt=x,hh=8", "pt=y,hh=9"]
    assert sides.stored(table, partitions="pt=x,hh=7")["id"].to_pylist() == [1, 3]


def test_one_who_knows_the_session_commits(sides: Sides, plain: str) -> None:
    session = sides.storage.create_table_write_session(plain)
    sides.send(session, BATCHES, streams=2)
    sides.storage.create_table_write_session(plain, session_id=session.id).commit()
    assert in_order(sides.stored(plain)).equals(ROWS)


def test_a_commit_may_name_its_streams(sides: Sides, plain: str) -> None:
    session = sides.storage.create_table_write_session(plain)
    for stream, version in (("a", 1), ("a", 2), ("b", 1)):
        with session.open_arrow_writer(stream, version) as writer:
            writer.write_batch(BATCH.slice(len(stream) * version, 1))
    session.commit(["a"], [2])
    assert sides.stored(plain)["id"].to_pylist() == [2]


def test_writers_learn_the_schema(sides: Sides, ours: Client, table: str) -> None:
    types = {"a": "bigint", "b": "decimal(10,2)", "c": "array<map<string,date>>", "d": "char(3)"}
    ours.create_table(table, types)
    session = sides.storage.create_table_write_session(table)
    writer = session.open_arrow_writer("0")
    found = {column.name: str(column.type).lower() for column in writer.write_schema.columns}
    assert found == types
    session.abort()


def test_records_are_written(sides: Sides, plain: str) -> None:
    session = sides.storage.create_table_write_session(plain)
    writer = session.open_arrow_writer("0").get_as_record_writer()
    for record in ([1, "x"], [None, "杭州"], [2, None]):
        writer.write(record)
    writer.close()
    session.commit()
    expected = [{"id": 1, "name": "x"}, {"id": None, "name": "杭州"}, {"id": 2, "name": None}]
    assert sides.stored(plain).to_pylist() == expected


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ({"id": ["1"], "name": ["x"], "pt": ["a"]}, "'id'.*bigint"),
        ({"id": [1], "pt": ["a"]}, "'name' is missing"),
        ({"id": [1], "name": ["x"], "pt": ["a"], "more": [1]}, "'more' is not expected"),
        ({"id": [1], "name": ["x"]}, "'pt' is missing"),
        ({"id": [1], "name": ["x"], "pt": pa.array([None], pa.string())}, "'pt': 1 NULL"),
    ],
    ids=["type", "missing", "extra", "no partition", "NULL partition"],
)
def test_rows_that_do_not_fit_are_refused(
    sides: Sides, ours: Client, parted: str, batch: dict[str, Any], message: str
) -> None:
    session = sides.storage.create_table_write_session(parted)
    writer = session.open_arrow_writer("0")
    writer.write_batch(pa.RecordBatch.from_pydict(batch))
    with pytest.raises(odps.errors.InvalidArgument, match=message):
        writer.close()
    session.abort()
    assert list(ours.table(parted).partitions()) == []


def test_exactly_once_counts_the_rows(sides: Sides, plain: str) -> None:
    session = sides.storage.create_table_write_session(plain)
    writer = session.open_arrow_writer("0", exactly_once_mode=True)
    assert writer.get_row_offset() == 0
    writer.write_batch(BATCH)
    writer.flush()
    assert writer.get_row_offset() == N_ROWS
    # A second process takes the stream over where the service says that it is.
    attached = sides.storage.create_table_write_session(plain, session_id=session.id)
    heir = attached.open_arrow_writer("0", exactly_once_mode=True, resume=True)
    assert heir.get_row_offset() == N_ROWS
    heir.write_batch(BATCH.slice(0, 1))
    heir.close()
    attached.commit()
    assert sides.stored(plain).num_rows == N_ROWS + 1


@pytest.mark.parametrize(
    ("exactly_once", "n_rows"), [(False, 2 * N_ROWS), (True, N_ROWS)], ids=["plain", "exactly once"]
)
def test_a_lost_answer_doubles_rows_unless_exactly_once(
    stand: Stand,
    sides: Sides,
    plain: str,
    exactly_once: bool,  # noqa: FBT001  a parameter of pytest
    n_rows: int,
) -> None:
    session = sides.storage.create_table_write_session(plain)
    writer = session.open_arrow_writer("0", exactly_once_mode=exactly_once)
    writer.write_batch(BATCH)
    target = f"projects.demo.tables.{plain}"
    stand.service.faults.add(
        Fault(effect=Reset(), action="TableWrite", target=target, when="after")
    )
    # pyodps sends rows again when the connection breaks, whether they have arrived or not.
    with option_context({"retry_delay": 0}):
        writer.close()
    session.commit()
    assert sides.stored(plain).num_rows == n_rows

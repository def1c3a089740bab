"""An unmodified pyodps writes in each of its modes, and we read; sessions change hands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import odps  # type: ignore[import-untyped]
import pyarrow as pa
import pytest
from odps.config import option_context  # type: ignore[import-untyped]
from odps.maxstorage import MaxStorageClient  # type: ignore[import-untyped]
from odps.maxstorage.models.enums import WriteMode  # type: ignore[import-untyped]
from odps.maxstorage.options import BatchCompatibleOptions  # type: ignore[import-untyped]

import odps_frames as of
from odps_frames.client import Client
from odps_frames.emulator.faults import Fault, Reset, Warn

if TYPE_CHECKING:
    from collections.abc import Iterator

    Sides = Any  # classes of fixtures, which no test module can import
    Stand = Any

FIELDS: list[pa.Field[Any]] = [pa.field("id", pa.int64()), pa.field("name", pa.string())]
SCHEMA = pa.schema(FIELDS)
STREAMING = [WriteMode.STREAMING, WriteMode.STREAMING_REALTIME]


def rows(*numbers: int) -> pa.RecordBatch:
    columns: dict[str, list[Any]] = {
        "id": list(numbers),
        "name": [f"n{number}" for number in numbers],
    }
    return pa.RecordBatch.from_pydict(columns, schema=SCHEMA)


def numbers(sides: Sides, table: str) -> list[int]:
    return sorted(sides.stored(table)["id"].to_pylist())


@pytest.fixture
def plain(ours: Client, table: str) -> str:
    ours.create_table(table, {"id": "bigint", "name": "string"})
    return table


@pytest.fixture
def parted(ours: Client, table: str) -> str:
    ours.create_table(table, {"id": "bigint", "name": "string"}, partition_by={"pt": "string"})
    return table


@pytest.fixture(params=["2", "3"])
def storage(sides: Sides, request: pytest.FixtureRequest) -> Any:
    """Their storage client, in each version of the API."""
    return MaxStorageClient(sides.theirs, api_version=request.param)


@pytest.fixture
def third(sides: Sides) -> Any:
    """Their storage client in version 3."""
    return MaxStorageClient(sides.theirs, api_version="3")


@pytest.fixture
def ours_third(stand: Stand) -> Iterator[Client]:
    """Our client in version 3."""
    made = Client(stand.config(api_version="3"))
    yield made
    made.close()


# Streams


def test_exactly_once_in_many_bodies(storage: Any, sides: Sides, plain: str) -> None:
    session = storage.create_table_write_session(plain)
    with session.open_arrow_writer("0", exactly_once_mode=True, buffer_size=1) as writer:
        for number in range(6):
            writer.write_batch(rows(number))
        writer.flush()
        assert writer.get_row_offset() == 6
    session.commit()
    assert numbers(sides, plain) == list(range(6))


def test_a_stream_is_handed_over_to_us(storage: Any, sides: Sides, plain: str) -> None:
    theirs = storage.create_table_write_session(plain)
    writer = theirs.open_arrow_writer("0", exactly_once_mode=True)
    writer.write_batch(rows(1, 2))
    writer.flush()
    session = sides.ours.write_session(plain, session_id=theirs.id, exactly_once=True)
    resumed = session.resume_stream("0", 1, schema=SCHEMA)
    assert resumed.row_offset == 2
    resumed.write(rows(3))
    resumed.close()
    session.commit()
    assert numbers(sides, plain) == [1, 2, 3]


def test_a_stream_is_handed_over_to_them(storage: Any, sides: Sides, plain: str) -> None:
    session = sides.ours.write_session(plain, exactly_once=True)
    writer = session.open_stream("0", schema=SCHEMA, version=1)
    writer.write(rows(1, 2))
    writer.flush()
    theirs = storage.create_table_write_session(plain, session_id=session.session_id)
    heir = theirs.open_arrow_writer("0", exactly_once_mode=True, resume=True)
    assert heir.get_row_offset() == 2
    heir.write_batch(rows(3))
    heir.close()
    theirs.commit(["0"], [1])
    assert numbers(sides, plain) == [1, 2, 3]


def test_records_are_numbered_too(storage: Any, sides: Sides, plain: str) -> None:
    session = storage.create_table_write_session(plain)
    writer = session.open_arrow_writer("0", exactly_once_mode=True)
    records = writer.get_as_record_writer()
    for record in ([1, "x"], [None, "杭州"], [2, None]):
        records.write(record)
    records.close()
    assert writer.get_row_offset() == 3
    session.commit()
    assert sides.stored(plain)["name"].to_pylist() == ["x", "杭州", None]


def test_a_gap_is_refused(storage: Any, sides: Sides, plain: str) -> None:
    session = storage.create_table_write_session(plain)
    writer = session.open_arrow_writer("0", exactly_once_mode=True)
    writer.write_batch(rows(1))
    writer.flush()
    writer.set_row_offset(5)
    writer.write_batch(rows(2))
    with pytest.raises(odps.errors.ODPSError, match="RowOffset=5; the next row is 1"):
        writer.flush()
    session.abort()
    assert numbers(sides, plain) == []


def test_newer_versions_fence_older_ones(storage: Any, sides: Sides, plain: str) -> None:
    session = storage.create_table_write_session(plain)
    old = session.open_arrow_writer("0", 1)
    old.write_batch(rows(1))
    old.flush()
    with session.open_arrow_writer("0", 2) as new:
        new.write_batch(rows(2))
    old.write_batch(rows(3))
    with pytest.raises(odps.errors.ODPSError, match="abandoned"):
        old.flush()
    session.commit()
    assert numbers(sides, plain) == [2]


def test_the_stream_that_they_do_not_close_is_committed(
    storage: Any, sides: Sides, plain: str
) -> None:
    session = storage.create_table_write_session(plain)
    with session.open_arrow_writer("default") as writer:
        writer.write_batch(rows(1))
    session.commit()
    assert numbers(sides, plain) == [1]


def test_columns_are_added_under_way(storage: Any, sides: Sides, plain: str) -> None:
    session = storage.create_table_write_session(plain, enable_schema_evolution=True)
    with session.open_arrow_writer("0") as writer:
        writer.write_batch(rows(1))
        writer.flush()
        sides.ours.run(f"ALTER TABLE {plain} ADD COLUMNS (s STRING)")
        writer.write_batch(rows(2))
    with session.open_arrow_writer("1") as writer:
        assert [column.name for column in writer.write_schema.columns] == ["id", "name", "s"]
        writer.write_batch(rows(3).append_column("s", pa.array(["x"])))
    session.commit()
    assert sides.stored(plain).sort_by("id")["s"].to_pylist() == [None, None, "x"]


def test_they_log_what_they_are_warned_of(
    stand: Stand, storage: Any, sides: Sides, plain: str, caplog: pytest.LogCaptureFixture
) -> None:
    target = f"projects.demo.tables.{plain}"
    stand.service.faults.add(Fault(effect=Warn("mind the gap"), target=target, times=None))
    session = storage.create_table_write_session(plain)
    with session.open_arrow_writer("0") as writer:
        writer.write_batch(rows(1))
    session.commit()
    stand.service.faults.clear()
    assert "mind the gap" in caplog.text
    assert numbers(sides, plain) == [1]


# Streaming


@pytest.mark.parametrize("mode", STREAMING)
def test_rows_show_as_they_stream(third: Any, sides: Sides, parted: str, mode: Any) -> None:
    session = third.create_table_write_session(parted, write_mode=mode)
    assert session.id == "default"
    writer = session.open_arrow_writer("0")
    writer.write_batch(rows(1).append_column("pt", pa.array(["x"])))
    writer.flush()
    first = writer.get_last_staging_id()
    assert numbers(sides, parted) == [1]
    writer.write_batch(rows(2).append_column("pt", pa.array(["y"])))
    writer.close()
    assert int(writer.get_last_staging_id()) > int(first)
    assert session.get_min_uncommitted_staging_id() is None
    session.commit()
    assert numbers(sides, parted) == [1, 2]
    session.abort()
    assert numbers(sides, parted) == [1, 2]


@pytest.mark.parametrize("mode", STREAMING)
def test_they_go_on_with_our_streaming_session(
    third: Any, ours_third: Client, sides: Sides, plain: str, mode: Any
) -> None:
    ours = ours_third.write_session(plain, mode=mode.value, autocommit=False)
    session = third.create_table_write_session(plain, session_id=ours.session_id, write_mode=mode)
    with session.open_arrow_writer("0") as writer:
        writer.write_batch(rows(1))
        writer.flush()
        staged = writer.get_last_staging_id()
        assert staged == session.get_min_uncommitted_staging_id()
        assert staged == ours.min_uncommitted_staging_id()
    assert numbers(sides, plain) == []
    session.commit()
    assert numbers(sides, plain) == [1]


def test_streams_are_shared_with_them(
    third: Any, ours_third: Client, sides: Sides, plain: str
) -> None:
    session = third.create_table_write_session(plain, write_mode=WriteMode.STREAMING)
    writer = session.open_arrow_writer("0", exactly_once_mode=True)
    writer.write_batch(rows(1))
    writer.flush()
    ours = ours_third.write_session(plain, mode="streaming", exactly_once=True)
    resumed = ours.resume_stream("0", 1, schema=SCHEMA)
    resumed.write(rows(2))
    resumed.close()
    assert numbers(sides, plain) == [1, 2]


# Blocks


def block_session(storage: Any, table: str, **options: Any) -> Any:
    return storage.create_table_write_session(
        table, write_mode=WriteMode.BATCH_COMPATIBLE, **options
    )


@pytest.mark.parametrize("compress", [None, "zstd", "lz4"])
def test_blocks_arrive(storage: Any, sides: Sides, parted: str, compress: str | None) -> None:
    options = BatchCompatibleOptions(
        enhance_write_check=True, max_field_size=1024, dynamic_partition_limit=1
    )
    session = block_session(
        storage, parted, partition_spec="pt=x", batch_compatible_options=options
    )
    assert session.max_block_number == 20_000
    results = []
    for number in (1, 0):
        writer = session.open_block_writer(number, 0, compress_algo=compress)
        assert writer.schema.names == ["id", "name", "pt"]
        table = pa.Table.from_batches([rows(number, number + 10)])
        table = table.append_column("pt", pa.array(["x", "x"])).cast(writer.schema)
        for batch in table.to_batches():
            writer.write_batch(batch)
        results.append(writer.commit())
    assert [result.record_count for result in results] == [2, 2]
    assert numbers(sides, parted) == []
    session.commit(block_results=results)
    assert sides.stored(parted)["id"].to_pylist() == [0, 10, 1, 11]


def test_an_attempt_is_repeated(storage: Any, sides: Sides, plain: str) -> None:
    session = block_session(storage, plain)
    results = []
    for attempt in range(2):
        writer = session.open_block_writer(0, attempt)
        writer.write_batch(rows(attempt))
        results.append(writer.commit())
    with session.open_block_writer(1, 0) as left:
        left.write_batch(rows(7))
    session.commit(block_results=results[1:])
    assert numbers(sides, plain) == [1]


def test_a_block_whose_answer_was_lost(
    stand: Stand, storage: Any, sides: Sides, plain: str
) -> None:
    session = block_session(storage, plain)
    writer = session.open_block_writer(0, 0)
    writer.write_batch(rows(1, 2))
    target = f"projects.demo.tables.{plain}"
    fault = Fault(effect=Reset(), action="TableWrite", target=target, when="after")
    stand.service.faults.add(fault)
    with option_context({"retry_delay": 0}):
        result = writer.commit()
    session.commit(block_results=[result])
    stand.service.faults.clear()
    assert numbers(sides, plain) == [1, 2]


def test_partitions_come_with_the_rows(storage: Any, sides: Sides, parted: str) -> None:
    of.to_odps(pa.table({"id": [7], "name": ["n"], "pt": ["x"]}), parted, client=sides.ours)
    session = block_session(storage, parted, overwrite=True)
    writer = session.open_block_writer(0, 0)
    table = pa.Table.from_batches([rows(1, 2)]).append_column("pt", pa.array(["x", "y"]))
    writer.write_batch(table.cast(writer.schema))
    session.commit(block_results=[writer.commit()])
    found = sides.stored(parted).sort_by("id").to_pydict()
    assert (found["id"], found["pt"]) == ([1, 2], ["x", "y"])


def test_blocks_that_are_refused(storage: Any, sides: Sides, parted: str) -> None:
    options = BatchCompatibleOptions(max_field_size=1024, dynamic_partition_limit=1)
    session = block_session(storage, parted, batch_compatible_options=options)
    cases: dict[str, dict[str, list[Any]]] = {
        "MaxFieldSize is 1024": {"id": [1], "name": ["x" * 1025], "pt": ["x"]},
        "DynamicPartitionLimit is 1": {"id": [1, 2], "name": ["x", "y"], "pt": ["x", "y"]},
    }
    for number, (words, columns) in enumerate(cases.items()):
        writer = session.open_block_writer(number, 0)
        writer.write_batch(pa.table(columns).cast(writer.schema))
        with pytest.raises(OSError, match=words):
            writer.commit()
    session.abort()
    with pytest.raises(odps.errors.ODPSError, match="aborted"):
        block_session(storage, parted, session_id=session.id).open_block_writer(0, 0)
    assert numbers(sides, parted) == []


def test_blocks_of_both_clients_in_one_session(storage: Any, sides: Sides, plain: str) -> None:
    ours = sides.ours.write_session(plain, mode="batch_compatible")
    assert isinstance(ours, of.BlockSession)
    theirs = block_session(storage, plain, session_id=ours.session_id)
    writer = theirs.open_block_writer(1, 0)
    writer.write_batch(rows(1))
    result = writer.commit()
    receipt = ours.write_block(0, rows(0))
    theirs._stub.commit_batch_compatible_session(  # noqa: SLF001  it takes results of its own only
        theirs._table_id,  # noqa: SLF001
        theirs.id,
        theirs.route_token,
        [receipt.message, result.commit_message],
    )
    assert numbers(sides, plain) == [0, 1]

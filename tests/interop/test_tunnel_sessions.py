"""Uploads and downloads of the older tunnel, as pyodps opens, fills, reads and resumes them."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import odps  # type: ignore[import-untyped]
import pandas as pd
import pyarrow as pa
import pytest
from odps.config import option_context  # type: ignore[import-untyped]
from odps.tunnel import InstanceTunnel, TableTunnel  # type: ignore[import-untyped]

import odps_frames as of
from odps_frames.client import Client
from odps_frames.emulator.app import Emulator
from odps_frames.emulator.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Sides = Any  # classes of fixtures, which no test module can import
    Stand = Any

ROWS = pa.table({"id": pa.array(range(10)), "name": pa.array([f"n{n}" for n in range(10)])})
RECORDS = [[row["id"], row["name"]] for row in ROWS.to_pylist()]
NAMES = ROWS.column_names
N_MANY = 100_000


@pytest.fixture
def one_side(all_sides: dict[str, Sides]) -> Sides:
    """One pair of clients, where the way of signing says nothing."""
    return all_sides["V4"]


@pytest.fixture
def plain(ours: Client, table: str) -> str:
    ours.create_table(table, {"id": "bigint", "name": "string"})
    return table


@pytest.fixture
def parted(ours: Client, table: str) -> str:
    columns = {"id": "bigint", "name": "string"}
    ours.create_table(table, columns, partition_by={"pt": "string", "hh": "bigint"})
    return table


def ordered(rows: pa.Table) -> list[list[Any]]:
    return sorted([row["id"], row["name"]] for row in rows.to_pylist())


def upload(theirs: Any, table: str, **settings: Any) -> Any:
    return TableTunnel(theirs).create_upload_session(table, **settings)


def fill(session: Any, block: int, records: list[list[Any]], **options: Any) -> None:
    with session.open_record_writer(block, **options) as output:
        for record in records:
            output.write(session.new_record(record))


def values(rows: Any) -> list[list[Any]]:
    return [list(record.values) for record in rows]


def test_rows_by_the_front_doors(sides: Sides, theirs: Any, plain: str) -> None:
    theirs.write_table(plain, RECORDS)
    assert ordered(sides.stored(plain)) == RECORDS
    assert values(theirs.read_table(plain)) == RECORDS
    assert values(theirs.read_table(plain, limit=3)) == RECORDS[:3]
    theirs.write_table(plain, RECORDS[:2], overwrite=True)
    assert ordered(sides.stored(plain)) == RECORDS[:2]


def test_frames_by_the_front_doors(sides: Sides, theirs: Any, plain: str) -> None:
    theirs.write_table(plain, ROWS.to_pandas())
    assert ordered(sides.stored(plain)) == RECORDS
    frame = theirs.get_table(plain).to_pandas()
    pd.testing.assert_frame_equal(frame, ROWS.to_pandas(), check_dtype=False)
    with theirs.get_table(plain).open_reader() as rows:
        pd.testing.assert_frame_equal(rows.to_pandas(), frame, check_dtype=False)
    parts = list(theirs.get_table(plain).iter_pandas(batch_size=4))
    assert [len(part) for part in parts] == [4, 4, 2]
    assert pd.concat(parts)["id"].tolist() == list(range(10))


def test_partitions(sides: Sides, theirs: Any, parted: str) -> None:
    specs = ["pt=a,hh=1", "pt=杭 州+1,hh=-2"]
    for number, spec in enumerate(specs):
        records = RECORDS[number * 5 : number * 5 + 5]
        theirs.write_table(parted, records, partition=spec, create_partition=True)
        assert values(theirs.read_table(parted, partition=spec, columns=NAMES)) == records
        seen = values(theirs.read_table(parted, partition=spec))
        pt, hh = spec.removeprefix("pt=").split(",hh=")
        assert seen == [[*record, pt, hh] for record in records]  # pyodps adds texts by itself
        with theirs.get_table(parted).open_reader(partition=spec, arrow=True) as rows:
            assert ordered(rows.read_all()) == records
        part = theirs.get_table(parted).get_partition(spec)
        with part.open_reader() as rows:
            assert values(rows.read(columns=NAMES)) == records
        assert part.to_pandas(columns=NAMES)["id"].tolist() == [record[0] for record in records]
    assert ordered(sides.stored(parted)) == RECORDS
    assert sorted(set(sides.stored(parted)["pt"].to_pylist())) == ["a", "杭 州+1"]


def test_overwriting_one_partition_leaves_the_others(
    one_side: Sides, theirs: Any, parted: str
) -> None:
    for name in "ab":
        theirs.write_table(parted, RECORDS[:3], partition=f"pt={name},hh=1", create_partition=True)
    theirs.write_table(parted, RECORDS[3:5], partition="pt=a,hh=1", overwrite=True)
    stored = one_side.stored(parted).to_pylist()
    assert sorted((row["pt"], row["id"]) for row in stored) == [
        ("a", 3),
        ("a", 4),
        ("b", 0),
        ("b", 1),
        ("b", 2),
    ]


def test_partitions_that_are_not_there(theirs: Any, parted: str) -> None:
    with pytest.raises(odps.errors.NoSuchPartition):
        upload(theirs, parted, partition_spec="pt=a,hh=1")
    with pytest.raises(odps.errors.NoSuchPartition):
        TableTunnel(theirs).create_download_session(parted, partition_spec="pt=a,hh=1")
    upload(theirs, parted, partition_spec="pt=a,hh=1", create_partition=True)
    assert theirs.get_table(parted).exist_partition("pt=a,hh=1")


@pytest.mark.parametrize("spec", [None, "pt=a", "pt=a,hh=x", "nothing=1"])
def test_partitions_that_are_none(theirs: Any, parted: str, spec: str | None) -> None:
    for open_session in (
        TableTunnel(theirs).create_upload_session,
        TableTunnel(theirs).create_download_session,
    ):
        with pytest.raises(odps.errors.ODPSError, match=r"partition"):
            open_session(parted, partition_spec=spec)


def test_a_table_without_partitions_is_given_none(theirs: Any, plain: str) -> None:
    with pytest.raises(odps.errors.ODPSError, match="has no partitions"):
        upload(theirs, plain, partition_spec="pt=a")


@pytest.mark.parametrize("arrow", [False, True])
@pytest.mark.parametrize("algo", ["raw", "zlib", "zstd", "lz4"])
def test_compression(one_side: Sides, theirs: Any, plain: str, algo: str, *, arrow: bool) -> None:
    session = upload(theirs, plain, compress_algo=algo)
    if arrow:
        with session.open_arrow_writer(0, compress=True) as output:
            output.write(ROWS)
    else:
        fill(session, 0, RECORDS, compress=True)
    session.commit([0])
    assert ordered(one_side.stored(plain)) == RECORDS
    download = TableTunnel(theirs).create_download_session(plain, compress_algo=algo)
    if arrow:
        with download.open_arrow_reader(0, download.count, compress=True) as rows:
            assert ordered(rows.read()) == RECORDS
    else:
        with download.open_record_reader(0, download.count, compress=True) as rows:
            assert values(rows) == RECORDS


def test_unknown_compression_is_refused_by_name(theirs: Any, plain: str) -> None:
    theirs.write_table(plain, RECORDS)
    download = TableTunnel(theirs).create_download_session(plain, compress_algo="snappy")
    with option_context() as chosen:
        chosen.retry_times = 0
        rows = download.open_record_reader(0, download.count, compress=True)
        with pytest.raises(odps.errors.InvalidArgument, match="x-snappy-framed"):
            rows.read()


def test_many_blocks_in_any_order(one_side: Sides, theirs: Any, plain: str) -> None:
    session = upload(theirs, plain)
    for block in (7, 0, 3):
        fill(session, block, RECORDS[block : block + 1])
    assert sorted(map(int, session.get_block_list())) == [0, 3, 7]
    session.commit([0, 3, 7])
    assert session.status.value == "CLOSED"
    stored = one_side.stored(plain)
    assert [row["id"] for row in stored.to_pylist()] == [0, 3, 7]  # in the order of the blocks


def test_a_block_replaces_what_came_under_its_number(
    one_side: Sides, theirs: Any, plain: str
) -> None:
    session = upload(theirs, plain)
    fill(session, 1, RECORDS[:5])
    fill(session, 1, RECORDS[5:7])
    fill(session, 2, RECORDS[7:8])
    session.commit([1, 2])
    assert ordered(one_side.stored(plain)) == RECORDS[5:8]


def test_blocks_by_the_table(one_side: Sides, theirs: Any, plain: str) -> None:
    with theirs.get_table(plain).open_writer(blocks=[0, 1]) as output:
        output.write(0, RECORDS[:4])
        output.write(1, RECORDS[4:])
    assert ordered(one_side.stored(plain)) == RECORDS


@pytest.mark.parametrize("arrow", [False, True])
def test_threads_fill_blocks_of_their_own(
    one_side: Sides, theirs: Any, plain: str, *, arrow: bool
) -> None:
    with theirs.get_table(plain).open_writer(arrow=arrow) as output:

        def write(start: int) -> None:
            part = ROWS.slice(start, 2)
            output.write(part if arrow else [[row["id"], row["name"]] for row in part.to_pylist()])

        threads = [threading.Thread(target=write, args=[start]) for start in range(0, 10, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert ordered(one_side.stored(plain)) == RECORDS


def test_an_upload_is_taken_up_again(one_side: Sides, theirs: Any, plain: str) -> None:
    with theirs.get_table(plain).open_writer(commit=False) as output:
        output.write(RECORDS[:4])
        upload_id = output.upload_id
    assert not ordered(one_side.stored(plain))
    with theirs.get_table(plain).open_writer(upload_id=upload_id) as output:
        assert output.upload_id == upload_id
        output.write(RECORDS[4:])
    assert ordered(one_side.stored(plain)) == RECORDS
    with theirs.get_table(plain).open_writer(reopen=True) as output:
        assert output.upload_id != upload_id


def test_a_download_keeps_to_its_version(one_side: Sides, theirs: Any, plain: str) -> None:
    theirs.write_table(plain, RECORDS[:3])
    download = TableTunnel(theirs).create_download_session(plain)
    theirs.write_table(plain, RECORDS[3:], overwrite=True)
    again = TableTunnel(theirs).create_download_session(plain, download_id=download.id)
    assert again.count == 3
    with again.open_record_reader(0, 3) as rows:
        assert values(rows) == RECORDS[:3]
    assert ordered(one_side.stored(plain)) == RECORDS[3:]


def test_an_upload_that_failed_is_never_seen(one_side: Sides, theirs: Any, plain: str) -> None:
    with pytest.raises(ZeroDivisionError), theirs.get_table(plain).open_writer() as output:  # noqa: PT012  rows come before
        output.write(RECORDS)
        raise ZeroDivisionError
    session = upload(theirs, plain)
    fill(session, 0, RECORDS)
    assert not ordered(one_side.stored(plain))


def test_a_commit_twice_is_one(one_side: Sides, theirs: Any, plain: str) -> None:
    session = upload(theirs, plain)
    fill(session, 0, RECORDS)
    session.commit([0])
    session._complete_upload()  # noqa: SLF001  so it is sent again when its answer was lost
    assert ordered(one_side.stored(plain)) == RECORDS
    with pytest.raises(odps.errors.ODPSError, match="closed already"):
        fill(session, 1, RECORDS)


def test_an_empty_upload(one_side: Sides, theirs: Any, plain: str) -> None:
    theirs.write_table(plain, RECORDS)
    with theirs.get_table(plain).open_writer() as output:
        assert output.status.value == "NORMAL"
    session = upload(theirs, plain)
    fill(session, 0, [])
    with session.open_arrow_writer(1):
        pass
    session.commit([0, 1])
    assert ordered(one_side.stored(plain)) == RECORDS
    upload(theirs, plain, overwrite=True).commit([])
    assert not ordered(one_side.stored(plain))


@pytest.mark.parametrize("arrow", [False, True])
def test_columns_are_chosen(theirs: Any, plain: str, *, arrow: bool) -> None:
    theirs.write_table(plain, RECORDS)
    with theirs.get_table(plain).open_reader(columns=["name", "id"], arrow=arrow) as rows:
        found = rows.read_all().to_pylist() if arrow else [dict(record) for record in rows]
    assert [(row["name"], row["id"]) for row in found] == [(name, id_) for id_, name in RECORDS]
    with theirs.get_table(plain).open_reader(columns=["name"], arrow=arrow) as rows:
        found = rows.read_all().to_pylist() if arrow else [dict(record) for record in rows]
    assert found == [{"name": name} for _, name in RECORDS]


def test_ranges(theirs: Any, plain: str) -> None:
    theirs.write_table(plain, RECORDS)
    with theirs.get_table(plain).open_reader() as rows:
        assert values(rows[2:5]) == RECORDS[2:5]
        assert values(rows[8:20]) == RECORDS[8:]
        assert values(rows[::3]) == RECORDS[::3]
        assert values([rows[7]]) == [RECORDS[7]]
    frame = theirs.get_table(plain).to_pandas(n_thread=4)  # asks for more than there is
    assert frame["id"].tolist() == list(range(10))
    part = theirs.get_table(plain).to_pandas(start=3, count=4)
    assert part["id"].tolist() == [3, 4, 5, 6]


def test_an_empty_table(theirs: Any, plain: str) -> None:
    with theirs.get_table(plain).open_reader() as rows:
        assert rows.count == 0
        assert values(rows) == []
    assert theirs.get_table(plain).to_pandas().empty


@pytest.mark.parametrize("arrow", [False, True])
def test_many_rows(one_side: Sides, theirs: Any, plain: str, *, arrow: bool) -> None:
    many = pa.table(
        {"id": pa.array(range(N_MANY)), "name": pa.array([str(n) for n in range(N_MANY)])}
    )
    with option_context() as chosen, theirs.get_table(plain).open_writer(arrow=arrow) as output:
        chosen.tunnel.block_buffer_size = 1 << 18  # several blocks
        if arrow:
            for batch in many.to_batches(max_chunksize=30_000):
                output.write(batch)
        else:
            output.write([number, str(number)] for number in range(N_MANY))
    assert one_side.stored(plain).sort_by("id").equals(many)
    with theirs.get_table(plain).open_reader(arrow=arrow) as rows:
        if arrow:
            seen = rows.read_all()
        else:
            found = values(rows)
            seen = pa.table({"id": [row[0] for row in found], "name": [row[1] for row in found]})
    assert seen.sort_by("id").equals(many)


def test_buffered_reading(theirs: Any, plain: str) -> None:
    theirs.write_table(plain, RECORDS)
    with option_context() as chosen:
        chosen.tunnel.read_row_batch_size = 3
        with theirs.get_table(plain).open_reader(buffered=True) as rows:
            assert values(rows) == RECORDS


@pytest.mark.parametrize("arrow", [False, True])
def test_a_wrong_checksum_is_refused(
    one_side: Sides, theirs: Any, plain: str, *, arrow: bool
) -> None:
    session = upload(theirs, plain)
    with pytest.raises(odps.errors.ODPSError, match="checksum"):  # noqa: PT012  it is told at the end
        if arrow:
            with session.open_arrow_writer(0) as output:
                output.write(ROWS)
                output._crccrc.update(b"x")  # noqa: SLF001  nothing public makes it wrong
        else:
            with session.open_record_writer(0) as output:
                output.write(session.new_record(RECORDS[0]))
                output._crccrc.update(b"x")  # noqa: SLF001  nothing public makes it wrong
    assert not session.get_block_list()
    session.commit([])
    assert not ordered(one_side.stored(plain))


def test_values_that_do_not_fit_are_refused(
    one_side: Sides, theirs: Any, ours: Client, table: str
) -> None:
    ours.create_table(table, {"v": "varchar(3)"})
    wider = f"{table}_wider"
    ours.create_table(wider, {"v": "varchar(9)"})
    theirs.write_table(wider, [["123456789"]])
    session = upload(theirs, table)
    session.schema = upload(theirs, wider).schema
    with pytest.raises(odps.errors.InvalidArgument, match="longer than 3"):
        fill(session, 0, [["123456789"]])
    assert not one_side.stored(table).num_rows


def test_sessions_that_nobody_opened(theirs: Any, plain: str, ours: Client) -> None:
    tunnel = TableTunnel(theirs)
    with pytest.raises(odps.errors.ODPSError, match="'nothing' does not exist"):
        tunnel.create_upload_session(plain, upload_id="nothing")
    with pytest.raises(odps.errors.ODPSError, match="'nothing' does not exist"):
        tunnel.create_download_session(plain, download_id="nothing")
    # Sessions of the Storage API are others.
    with ours.write_session(plain) as session:
        assert session.session_id
        with pytest.raises(odps.errors.ODPSError, match="does not exist"):
            tunnel.create_upload_session(plain, upload_id=session.session_id)


def test_other_sessions_of_the_tunnel_are_refused_by_name(theirs: Any, plain: str) -> None:
    with option_context() as chosen:
        chosen.retry_times = 0
        with pytest.raises(odps.errors.InvalidArgument, match="stream sessions"):
            TableTunnel(theirs).create_stream_upload_session(plain)
        with pytest.raises(odps.errors.InvalidArgument, match="upsert sessions"):
            TableTunnel(theirs).create_upsert_session(plain)


@pytest.mark.parametrize("as_text", [False, True])
def test_the_first_rows(theirs: Any, parted: str, *, as_text: bool) -> None:
    for spec, records in (("pt=a,hh=1", RECORDS[:5]), ("pt=b,hh=2", RECORDS[5:])):
        theirs.write_table(parted, records, partition=spec, create_partition=True)
    head = theirs.get_table(parted).head
    assert values(head(3, partition="pt=b,hh=2", columns=NAMES, use_legacy=as_text)) == RECORDS[5:8]
    some = head(2, partition="pt=a,hh=1", columns=["name"], use_legacy=as_text)
    assert [record["name"] for record in some] == ["n0", "n1"]
    whole = [list(record.values) for record in head(9, use_legacy=as_text)]
    assert sorted(row[:2] for row in whole) == RECORDS[:9]
    assert {str(row[2]) for row in whole} == {"a", "b"}


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("usual", [None, "other"])
def test_the_first_rows_of_a_table_of_a_schema(
    stand: Stand, ours: Client, table: str, usual: str | None, *, as_text: bool
) -> None:
    for schema in ("first", "other"):
        ours.create_schema(schema, if_not_exists=True)
    for number, schema in enumerate(["default", "first", "other"]):
        of.to_odps(pa.table({"id": [number]}), f"demo.{schema}.{table}", create=True, client=ours)
    found = stand.entry(schema=usual).get_table(table, schema="first")
    assert values(found.head(9, use_legacy=as_text)) == [[1]]


def test_first_rows_as_text(theirs: Any, ours: Client, table: str) -> None:
    ours.create_table(table, {"s": "string", "n": "double", "l": "array<bigint>", "d": "date"})
    rows = [['a,"b"\n\\', 0.1, [1, 2], date(2024, 2, 29)], [None, None, None, None]]
    theirs.write_table(table, rows)
    assert [list(record.values) for record in theirs.get_table(table).head(9)] == rows
    with pytest.raises(odps.errors.InvalidArgument, match="expected 0 to 10000"):
        list(theirs.get_table(table).head(10_001))


@pytest.fixture
def restarted(tmp_path: Path, stand: Stand) -> Callable[[], Any]:
    """Open one folder again and again; what is open ends with the block."""
    moments = [datetime(2026, 1, 2, tzinfo=UTC)]

    @contextmanager
    def open_again(later: timedelta = timedelta()) -> Iterator[Any]:
        moments.append(moments[-1] + later)
        service = Emulator(tmp_path / "tables", clock=lambda: moments[-1])
        with service, Server(service) as server:
            there = type(stand)(service, server.endpoint)
            with Client(there.config()) as client:
                yield client, there.entry()

    return open_again


@pytest.mark.usefixtures("no_client_left")
def test_a_restart_forgets_nothing(restarted: Callable[..., Any], table: str) -> None:
    with restarted() as (ours, theirs):
        ours.create_table(table, {"id": "bigint", "name": "string"})
        theirs.write_table(table, RECORDS[:2])
        download_id = TableTunnel(theirs).create_download_session(table).id
        done = theirs.execute_sql(f"SELECT id, name FROM {table}")
        result_id = InstanceTunnel(theirs).create_download_session(done).id
        session = upload(theirs, table, overwrite=True)
        fill(session, 0, RECORDS[2:5])
    with restarted() as (ours, theirs):
        again = upload(theirs, table, upload_id=session.id)
        assert list(map(int, again.blocks)) == [0]
        fill(again, 1, RECORDS[5:])
        again.commit([0, 1])
        assert ordered(of.scan_odps(table, client=ours).to_arrow()) == RECORDS[2:]
    with restarted() as (_, theirs):
        download = TableTunnel(theirs).create_download_session(table, download_id=download_id)
        with download.open_record_reader(0, download.count) as rows:
            assert values(rows) == RECORDS[:2]
        instance = theirs.get_instance(done.id)
        result = InstanceTunnel(theirs).create_download_session(instance, download_id=result_id)
        with result.open_record_reader(0, result.count) as rows:
            assert sorted(values(rows)) == RECORDS[:2]


@pytest.mark.usefixtures("no_client_left")
def test_sessions_that_are_past_their_life(restarted: Callable[..., Any], table: str) -> None:
    with restarted() as (ours, theirs):
        ours.create_table(table, {"id": "bigint", "name": "string"})
        session = upload(theirs, table)
        fill(session, 0, RECORDS)
        download_id = TableTunnel(theirs).create_download_session(table).id
    with restarted(timedelta(hours=25)) as (ours, theirs):
        again = upload(theirs, table, upload_id=session.id)
        assert again.status.value == "EXPIRED"
        with pytest.raises(odps.errors.ODPSError, match="past its life"):
            again._complete_upload()  # noqa: SLF001  commit asks for the blocks first
        download = TableTunnel(theirs).create_download_session(table, download_id=download_id)
        assert download.status.value == "EXPIRED"
        assert not of.scan_odps(table, client=ours).to_arrow().num_rows


def test_a_table_that_is_another_one_now(theirs: Any, ours: Client, plain: str) -> None:
    session = upload(theirs, plain)
    download = TableTunnel(theirs).create_download_session(plain)
    theirs.delete_table(plain)
    ours.create_table(plain, {"id": "bigint", "name": "string"})
    with pytest.raises(odps.errors.TableModified):
        fill(session, 0, RECORDS)
    with pytest.raises(odps.errors.TableModified):
        download.reload()

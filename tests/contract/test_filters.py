"""Random conditions over random rows: the service, the client and DuckDB agree.

DuckDB is told in words of its own what is exact: wide types for constants, and NaN that is
neither below nor above anything (``docs/assumptions.md``).
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames import filters as row_filters
from odps_frames.emulator.faults import Cut, Fault, Refuse
from odps_frames.model.splits import ByRows
from tests.filters.random_conditions import COLUMNS, PARTITIONS, Writer, plain, some_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.local import LocalClient

duckdb = pytest.importorskip("duckdb")

N_ROWS = 150
SEEDS, CASES = range(10), 200
FRONT_CASES = 40
FRONT_SEEDS = [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 50))]


@dataclass(frozen=True)
class World:
    """The same rows in a table of the service and in DuckDB."""

    client: LocalClient
    name: str
    rows: pa.Table
    db: Any

    def expected(self, condition: str) -> list[int]:
        sql = f"SELECT id FROM rows WHERE {condition} ORDER BY id"
        found = self.db.execute(sql).fetchall()
        return [row[0] for row in found]


@pytest.fixture(scope="module")
def world(shared_client: LocalClient) -> Iterator[World]:
    rows = some_rows(random.Random(7), N_ROWS)  # noqa: S311  no secret
    types = {"id": "bigint"} | {name: known[0] for name, known in COLUMNS.items()}
    parts = {name: known[0] for name, known in PARTITIONS.items()}
    shared_client.create_table("random_filters", types, partition_by=parts)
    for start in range(0, N_ROWS, 40):
        of.to_odps(rows.slice(start, 40), "random_filters", client=shared_client)
    with duckdb.connect() as db:
        db.register("given", rows)
        db.execute("CREATE TABLE rows AS SELECT * FROM given")
        yield World(shared_client, "random_filters", rows, db)


def ids(table: pa.Table) -> list[int]:
    found: Any = table["id"].to_pylist()
    return sorted(found)


@pytest.mark.covers("CreateReadSessionRequest.filter_predicate")
@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_service_keeps_the_rows_that_duckdb_keeps(world: World, seed: int) -> None:
    writer = Writer(random.Random(seed))  # noqa: S311  no secret
    kept = 0
    for case in range(CASES):
        ours, theirs = writer.condition(case % 4)
        session = world.client.read_session(
            world.name, columns=("id",), row_filter=ours, split_by=ByRows(1000)
        )
        found = ids(session.to_arrow())
        assert found == world.expected(theirs), (ours, theirs)
        assert session.info.n_rows == len(found)
        kept += len(found)
    assert N_ROWS * CASES * 0.2 < kept < N_ROWS * CASES * 0.8


@pytest.mark.parametrize("seed", FRONT_SEEDS)
def test_pushing_a_condition_down_changes_no_row(world: World, seed: int) -> None:
    writer = Writer(random.Random(1000 + seed))  # noqa: S311  no secret
    pushed = 0
    for case in range(FRONT_CASES):
        ours, theirs = writer.condition(case % 4)
        expected = world.expected(theirs)
        for push_down in (True, False):
            scan = world.client.table(world.name).scan(push_down=push_down).filter(ours)
            assert ids(scan.select("id").to_arrow()) == expected, ours
            few = scan.select("id").limit(5).to_arrow()["id"].to_pylist()
            assert len(few) == len(set(few)) == min(5, len(expected)), ours
            assert set(few) <= set(expected), ours
            if scan.condition is not None:
                pushed += row_filters.pushed(scan.condition, scan.info.schema) is not None
    assert pushed > FRONT_CASES // 4


LITERAL = re.compile(r"(DATETIME|TIMESTAMP_NTZ|TIMESTAMP|DATE|X)?'((?:[^'\\]|\\.)*)'|`(\w+)`")


def elsewhere(text: str, hours: int) -> str:
    """Write what is pushed for DuckDB, which puts NaN above all and here reads times in a zone."""

    def translated(match: re.Match[str]) -> str:
        kind, value, name = match.groups()
        if name is not None:
            return f'"{name}"'
        if kind == "X":
            return "'" + "".join(rf"\x{byte:02X}" for byte in bytes.fromhex(value)) + "'::BLOB"
        if kind is None:
            return plain(value.replace("\\'", "'"))
        if kind in {"DATETIME", "TIMESTAMP"}:
            whole, point, digits = value.partition(".")
            shifted = datetime.fromisoformat(whole) - timedelta(hours=hours)
            value = f"{shifted}{point}{digits}"
        return f"CAST('{value}' AS TIMESTAMP_NS)"

    return LITERAL.sub(translated, text)


@pytest.mark.parametrize("hours", [-12, 0, 14])
def test_what_is_pushed_lets_every_right_row_through_in_another_dialect(
    world: World, hours: int
) -> None:
    writer = Writer(random.Random(5000 + hours))  # noqa: S311  no secret
    schema = world.client.table(world.name).schema
    pushed = 0
    for case in range(300):
        ours, theirs = writer.condition(case % 4)
        condition = row_filters.parse(ours, schema)
        assert condition is not None
        text = row_filters.pushed(condition, schema)
        if text is not None:
            found = world.expected(elsewhere(text, hours))
            assert set(world.expected(theirs)) <= set(found), (ours, text)
            pushed += len(found) < N_ROWS
    assert pushed > 75


def test_less_travels_when_a_condition_is_pushed(world: World) -> None:
    bytes_read = []
    for push_down in (True, False):
        scan = world.client.table(world.name).scan(push_down=push_down)
        frame = scan.filter("i = 7 and name is not null").to_pandas()
        assert sorted(frame["id"]) == world.expected("i = 7 AND name IS NOT NULL")
        bytes_read.append(frame.attrs["odps"]["bytes"])
    assert bytes_read[0] < bytes_read[1]


def test_a_partition_that_goes_meanwhile_is_no_error_for_a_filter(
    client: LocalClient, table: str
) -> None:
    client.create_table(table, {"v": "bigint"}, partition_by={"pt": "string"})
    of.to_odps(pa.table({"v": [1, 2], "pt": ["a", "b"]}), table, client=client)
    gone = Fault(
        effect=Refuse(404, code="NoSuchPartition"), action="TableCreateReadSession", times=1
    )
    scan = client.table(table).scan().filter("pt = 'a'")
    client.service.faults.add(gone)
    assert scan.to_arrow()["v"].to_pylist() == [1]
    assert client.service.faults.hits == ((gone, 1),)
    client.service.faults.add(gone)
    with pytest.raises(of.NotFound):
        scan.partitions("pt=a").to_arrow()


def test_who_may_not_list_partitions_may_filter(client: LocalClient, table: str) -> None:
    client.create_table(table, {"v": "bigint"}, partition_by={"pt": "string"})
    of.to_odps(pa.table({"v": [1, 2], "pt": ["a", "b"]}), table, client=client)
    scan = client.table(table).scan().filter("pt = 'b'")
    client.service.faults.add(
        Fault(effect=Refuse(403, code="NoPermission"), action="ListPartitions", times=None)
    )
    assert scan.to_arrow()["v"].to_pylist() == [2]
    with pytest.raises(of.PermissionDenied):
        scan.partitions("pt=b").to_arrow()


def test_a_filtered_split_that_breaks_off_is_read_again_from_its_start(world: World) -> None:
    service = world.client.service
    session = world.client.read_session(world.name, columns=("id",), row_filter="id >= 20")
    (split,) = session.splits
    whole = pa.Table.from_batches(session.read(split))
    expected = whole["id"].to_pylist()
    assert ids(whole) == list(range(20, N_ROWS))
    for at_byte in range(200, 2200, 150):
        cut = Fault(effect=Cut(), action="TableRead", when="at_byte", at_byte=at_byte)
        service.faults.add(cut)
        options = of.BatchOptions(max_rows=9)
        found = pa.Table.from_batches(session.read(split, options=options))
        assert found["id"].to_pylist() == expected
        assert service.faults.hits == ((cut, 1),)
        service.faults.clear()


@pytest.mark.parametrize("refused", [1, 2])
def test_words_that_a_service_refuses_are_left_out(world: World, refused: int) -> None:
    scan = world.client.table(world.name).scan().select("id").filter("i = 7 and ts is not null")
    world.client.service.faults.add(
        Fault(effect=Refuse(400), action="TableCreateReadSession", times=refused)
    )
    try:
        assert ids(scan.to_arrow()) == world.expected("i = 7 AND ts IS NOT NULL")
    finally:
        world.client.service.faults.clear()


def test_partitions_are_left_out_by_a_condition_on_them(world: World) -> None:
    scan = world.client.table(world.name).scan()
    assert scan.filter("pt = 'nowhere'").to_pandas().attrs["odps"]["session_id"] is None
    frame = scan.filter("n > 1 and id >= 0").to_pandas()
    assert set(frame["pt"]) == {"it is"}
    assert sorted(frame["id"]) == world.expected("n > 1")

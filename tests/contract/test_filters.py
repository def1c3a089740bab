"""Random conditions over random rows: the service, the client and DuckDB agree.

DuckDB is told in words of its own what is exact: wide types for constants, and NaN that is
neither below nor above anything (``docs/assumptions.md``).
"""

from __future__ import annotations

import math
import random
import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames import filters as row_filters
from odps_frames.emulator.faults import Cut, Fault, Refuse
from odps_frames.model.splits import ByRows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from odps_frames.local import LocalClient

duckdb = pytest.importorskip("duckdb")

N_ROWS = 150
SEEDS, CASES = range(10), 200
FRONT_SEEDS, FRONT_CASES = range(4), 40
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  as stored
TEXTS = [
    "",
    "a",
    "ab",
    "b",
    "it's",
    'say "x"',
    "back\\slash",
    "100%",
    "a_b",
    "杭州",
    "🚀",
    "Z",
    "é",
]
BYTES = [b"", b"\x00", b"\x7f", b"\x80", b"a", b"ab", b"\xff\xff"]
FLOATS = [0.0, -0.0, 1.5, 0.1, -2.25, 1e300, float("inf"), float("-inf"), float("nan")]
COLUMNS: dict[str, tuple[str, Any, str]] = {
    # By name: the type in MaxCompute, in Arrow, and the exact form for DuckDB.
    "i": ("bigint", pa.int64(), "CAST({} AS DECIMAL(38,6))"),
    "tiny": ("tinyint", pa.int8(), "CAST({} AS DECIMAL(38,6))"),
    "name": ("string", pa.string(), "{}"),
    "v": ("varchar(20)", pa.string(), "{}"),
    "flag": ("boolean", pa.bool_(), "{}"),
    "raw": ("binary", pa.binary(), "{}"),
    "amount": ("decimal(10,2)", pa.decimal128(10, 2), "CAST({} AS DECIMAL(38,6))"),
    "big": ("decimal(30,5)", pa.decimal128(30, 5), "CAST({} AS DECIMAL(38,6))"),
    "x": ("double", pa.float64(), "{}"),
    "f": ("float", pa.float32(), "CAST({} AS DOUBLE)"),
    "day": ("date", pa.date32(), "CAST({} AS TIMESTAMP_NS)"),
    "d": ("datetime", pa.timestamp("ms"), "CAST({} AS TIMESTAMP_NS)"),
    "ts": ("timestamp", pa.timestamp("ns"), "{}"),
    "wall": ("timestamp_ntz", pa.timestamp("ns"), "{}"),
}
PARTITIONS: dict[str, tuple[str, Any, str]] = {
    "pt": ("string", pa.string(), "{}"),
    "n": ("int", pa.int32(), "CAST({} AS DECIMAL(38,6))"),
}
ALL = COLUMNS | PARTITIONS
LIKES = ["%", "a%", "%b", "_", "%'%", "a_b", "%杭%", "", "100%", "%x%"]
COMPARATORS = ["=", "!=", "<>", "<", "<=", ">", ">="]
FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def some_time(chance: random.Random) -> datetime:
    return EPOCH + timedelta(days=chance.randint(-2, 2), milliseconds=chance.randint(0, 2))


def some_nanoseconds(chance: random.Random) -> int:
    return chance.randint(-2, 2) * 43_200_000_000_000 + chance.randint(0, 2)


def some_decimal(chance: random.Random) -> Decimal:
    return Decimal(chance.choice([10**24, 1, -1])) + Decimal(chance.randint(-9, 9)) / 10**5


VALUES: dict[str, Callable[[random.Random], Any]] = {
    # Few enough that equal ones meet.
    "i": lambda chance: chance.choice([-3, 0, 1, 2, 7, 2**53 + 1, 2**53, -(2**63), 2**63 - 1]),
    "tiny": lambda chance: chance.randint(-3, 3),
    "name": lambda chance: chance.choice(TEXTS),
    "v": lambda chance: chance.choice(TEXTS),
    "flag": lambda chance: chance.random() < 0.5,
    "raw": lambda chance: chance.choice(BYTES),
    "amount": lambda chance: Decimal(chance.randint(-500, 500)) / 100,
    "big": some_decimal,
    "x": lambda chance: chance.choice(FLOATS),
    "f": lambda chance: chance.choice([value for value in FLOATS if value != 1e300]),
    "day": lambda chance: date(2026, 1, 1) + timedelta(days=chance.randint(-3, 3)),
    "d": some_time,
    "ts": some_nanoseconds,
    "wall": some_nanoseconds,
    "pt": lambda chance: chance.choice(TEXTS[1:]),
    "n": lambda chance: chance.randint(-3, 3),
}


def some_rows(chance: random.Random, n: int) -> pa.Table:
    """Draw rows, a fifth of the values NULL."""
    columns: dict[str, Any] = {"id": pa.array(range(n), pa.int64())}
    for name, (_, type_, _) in COLUMNS.items():
        values = [None if chance.random() < 0.2 else VALUES[name](chance) for _ in range(n)]
        columns[name] = pa.array(values, type_)
    places = [("a", 1), ("it is", 2), ("杭州", -3)]
    chosen = [chance.choice(places) for _ in range(n)]
    columns["pt"] = pa.array([pt for pt, _ in chosen])
    columns["n"] = pa.array([number for _, number in chosen], pa.int32())
    return pa.table(columns)


@dataclass
class Writer:
    """Writes a random condition twice: for the service, and for DuckDB."""

    chance: random.Random
    columns: list[str] = field(default_factory=lambda: list(ALL))

    def condition(self, depth: int) -> tuple[str, str]:
        roll = self.chance.random()
        if depth == 0 or roll < 0.35:
            return self.question()
        if roll < 0.5:
            ours, theirs = self.condition(depth - 1)
            return f"not ({ours})", f"NOT ({theirs})"
        word = self.chance.choice(["and", "or"])
        parts = [self.condition(depth - 1) for _ in range(self.chance.randint(2, 3))]
        return (
            f" {word} ".join(f"({ours})" for ours, _ in parts),
            f" {word} ".join(f"({theirs})" for _, theirs in parts),
        )

    def question(self) -> tuple[str, str]:
        name = self.chance.choice(self.columns)
        quoted = f"`{name}`" if self.chance.random() < 0.7 else name.upper()
        known = COLUMNS.get(name) or PARTITIONS[name]
        theirs = known[2].format(f'"{name}"')
        kind = self.chance.random()
        if kind < 0.1:
            word = self.chance.choice(["is null", "is not null"])
            return f"{quoted} {word}", f'"{name}" {word}'
        if kind < 0.15:
            constant = self.chance.choice(["true", "false", "null"])
            return constant, f"CAST({constant} AS BOOLEAN)"
        if name == "flag":
            return self.truth(quoted)
        if kind < 0.35:
            return self.member(name, quoted, theirs)
        if kind < 0.45:
            return self.between(name, quoted, theirs)
        if kind < 0.55 and name in {"name", "v", "pt"}:
            pattern, word = self.chance.choice(LIKES), self.chance.choice(["like", "not like"])
            return f"{quoted} {word} {self.text(pattern)}", f"{theirs} {word} {plain(pattern)}"
        sign = self.chance.choice(COMPARATORS)
        ours, value = self.constant(name)
        if self.chance.random() < 0.2:
            return f"{ours} {FLIPPED.get(sign, sign)} {quoted}", ordered(name, theirs, sign, value)
        return f"{quoted} {sign} {ours}", ordered(name, theirs, sign, value)

    def truth(self, quoted: str) -> tuple[str, str]:
        form = self.chance.choice(["{}", "{} = true", "{} != true", "{} in (false)", "not {}"])
        return form.format(quoted), form.format('"flag"')

    def member(self, name: str, quoted: str, theirs: str) -> tuple[str, str]:
        values = [self.constant(name) for _ in range(self.chance.randint(1, 3))]
        if self.chance.random() < 0.15:
            values.append(("null", "NULL"))
        word = self.chance.choice(["in", "not in"])
        return (
            f"{quoted} {word} ({', '.join(ours for ours, _ in values)})",
            f"{theirs} {word} ({', '.join(value for _, value in values)})",
        )

    def between(self, name: str, quoted: str, theirs: str) -> tuple[str, str]:
        low, high = self.constant(name), self.constant(name)
        word = self.chance.choice(["between", "not between"])
        both = f"{ordered(name, theirs, '>=', low[1])} AND {ordered(name, theirs, '<=', high[1])}"
        return (
            f"{quoted} {word} {low[0]} and {high[0]}",
            f"NOT ({both})" if word.startswith("not") else f"({both})",
        )

    def constant(self, name: str) -> tuple[str, str]:
        """Write a constant for the service, and for DuckDB."""
        value = VALUES[name](self.chance)
        while isinstance(value, float) and not math.isfinite(value):
            value = VALUES[name](self.chance)
        match value:
            case str():
                return self.text(value), plain(value)
            case bytes():
                escaped = "".join(rf"\x{byte:02X}" for byte in value)
                return f"X'{value.hex()}'", f"'{escaped}'::BLOB"
            case float():
                return repr(value), f"CAST('{value!r}' AS DOUBLE)"
            case Decimal():
                return format(value, "f"), f"CAST('{value:f}' AS DECIMAL(38,6))"
            case int() if name in {"ts", "wall"}:
                return self.time(name, EPOCH + timedelta(microseconds=value // 1000), value % 1000)
            case int():
                return self.number(value)
            case datetime():
                return self.time(name, value, 0)
            case _:
                return f"DATE'{value}'", f"CAST('{value}' AS TIMESTAMP_NS)"

    def number(self, value: int) -> tuple[str, str]:
        text = f"{value}.5" if self.chance.random() < 0.2 and abs(value) < 10 else str(value)
        return text, f"CAST('{text}' AS DECIMAL(38,6))"

    def time(self, name: str, wall: datetime, nanos: int) -> tuple[str, str]:
        text = f"{wall:%Y-%m-%d %H:%M:%S}.{wall.microsecond:06d}{nanos:03d}"
        return f"{ALL[name][0].upper()}'{text}'", f"CAST('{text}' AS TIMESTAMP_NS)"

    def text(self, value: str) -> str:
        quote = self.chance.choice(["\\'", "''"])
        return "'" + value.replace("\\", "\\\\").replace("'", quote) + "'"


def plain(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def ordered(name: str, theirs: str, sign: str, value: str) -> str:
    compared = f"{theirs} {sign} {value}"
    if name in {"x", "f"} and sign in {">", ">="}:
        return f"({compared} AND NOT isnan({theirs}))"
    return compared


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

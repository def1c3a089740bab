"""Random rows with all that is hard to compare, and random conditions on them, from one seed.

A condition is written twice: for us, and for DuckDB in words of its own that are exact: wide types
for constants, and NaN that is neither below nor above anything (``docs/assumptions.md``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.types import parse_type

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

__all__ = [
    "ALL",
    "COLUMNS",
    "EPOCH",
    "PARTITIONS",
    "SCHEMA",
    "VALUES",
    "Writer",
    "plain",
    "some_rows",
]

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
FLOATS = [
    0.0,
    -0.0,
    1.5,
    0.1,
    -2.25,
    2.0**24,
    2.0**53,
    1e300,
    float("inf"),
    float("-inf"),
    float("nan"),
]
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
LIKES += ["100\\%", "a\\_b", "back\\\\%", "%\\\\%", "🚀", "é%"]
COMPARATORS = ["=", "!=", "<>", "<", "<=", ">", ">="]
FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def schema_of() -> TableSchema:
    def columns(known: dict[str, tuple[str, Any, str]]) -> tuple[Column, ...]:
        return tuple(Column(name, parse_type(text)) for name, (text, _, _) in known.items())

    return TableSchema((Column("id", parse_type("bigint")), *columns(COLUMNS)), columns(PARTITIONS))


SCHEMA = schema_of()


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
            like = f"{theirs} {word} {plain(pattern)} ESCAPE '\\'"
            return f"{quoted} {word} {self.text(pattern)}", like
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

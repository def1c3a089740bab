"""Masks against a reference that knows nothing of Arrow: Python's exact numbers, row by row."""

from __future__ import annotations

import math
import operator
import re
import struct
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odps_frames import filters

if TYPE_CHECKING:
    from odps_frames.model.schema import TableSchema

COMPARE = {
    "=": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
DAY = 86_400 * 10**9
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Constant:
    """A constant as SQL writes it, and what it means."""

    sql: str
    value: Any


@dataclass(frozen=True)
class Kind:
    """A column: what it holds, how Arrow holds it, and the constants it can be compared with."""

    name: str
    type: pa.DataType
    values: st.SearchStrategy[Any]
    constants: st.SearchStrategy[Constant]
    ordered: bool = True

    def array(self, values: list[Any]) -> pa.Array[Any]:
        """Make a column; times come as whole counts of their unit."""
        if pa.types.is_date32(self.type):
            return pa.array([_days(v) for v in values], pa.int32()).cast(self.type)
        if pa.types.is_timestamp(self.type):
            unit = {"ms": 10**6, "ns": 1}[self.type.unit]
            return pa.array([_count(v, unit) for v in values], pa.int64()).cast(self.type)
        return pa.array(values, self.type)


def _days(value: int | None) -> int | None:
    return None if value is None else value // DAY


def _count(value: int | None, unit: int) -> int | None:
    return None if value is None else value // unit


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def number(value: Decimal | int) -> Constant:
    return Constant(format(value, "f") if isinstance(value, Decimal) else str(value), value)


def clock(nanoseconds: int) -> str:
    days, rest = divmod(nanoseconds, DAY)
    seconds, fraction = divmod(rest, 10**9)
    time = timedelta(seconds=seconds)
    text = f"{EPOCH + timedelta(days=days)} {str(time).rjust(8, '0')}"
    return f"{text}.{fraction:09d}" if fraction else text


def moments(words: list[str], step: int) -> st.SearchStrategy[Constant]:
    some = st.integers(-3, 3).map(lambda n: n * step) | st.integers(-2 * DAY, 2 * DAY)
    return st.tuples(st.sampled_from(words), some).map(
        lambda pair: Constant(f"{pair[0]}'{clock(pair[1])}'", pair[1])
    )


def days() -> st.SearchStrategy[Constant]:
    return st.tuples(st.sampled_from(["", "DATE", "date "]), st.integers(-3, 3)).map(
        lambda pair: Constant(f"{pair[0]}'{EPOCH + timedelta(days=pair[1])}'", pair[1] * DAY)
    )


def single(value: float) -> float:
    found: float = struct.unpack("f", struct.pack("f", value))[0]
    return found


WHOLE = st.integers(-3, 3) | st.sampled_from([-129, -128, 127, 128, 2**63, -(2**63), 10**30])
PARTS = st.decimals(-3, 3, places=3) | st.sampled_from([Decimal("0.005"), Decimal("1e30")])
NUMBERS = (WHOLE | PARTS).map(number) | WHOLE.map(lambda n: Constant(f"' {n} '", n))
FLOATS = st.sampled_from([0.0, -0.0, 0.1, 1.5, 2.0**53, 1e300, math.inf, -math.inf, math.nan])
FLOAT_CONSTANTS = (
    st.sampled_from([0, 1, 2**53, 2**53 + 1, -(2**63), 10**400, -(10**400)]).map(number)
    | st.sampled_from(["0.1", "1.5", "-0.0", "1e300", ".5", "2."]).map(
        lambda text: Constant(text, float(text))
    )
    | st.just(Constant("-.5E-1", -0.05))
)
LETTERS = st.sampled_from("ab%_\\'\n é😀")
TEXTS = st.text(LETTERS, max_size=3)

KINDS = [
    Kind("tiny", pa.int8(), st.integers(-128, 127) | st.integers(-3, 3), NUMBERS),
    Kind("id", pa.int64(), st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3), NUMBERS),
    Kind("amount", pa.decimal128(10, 2), st.decimals(-3, 3, places=2), NUMBERS),
    Kind("big", pa.decimal256(60, 5), st.decimals(-3, 3, places=3), NUMBERS),
    Kind("x", pa.float64(), FLOATS, FLOAT_CONSTANTS),
    Kind("f", pa.float32(), FLOATS.filter(lambda v: v != 1e300).map(single), FLOAT_CONSTANTS),
    Kind("name", pa.string(), TEXTS, TEXTS.map(lambda text: Constant(quoted(text), text))),
    Kind("pt", pa.large_string(), TEXTS, TEXTS.map(lambda text: Constant(quoted(text), text))),
    Kind(
        "flag",
        pa.bool_(),
        st.booleans(),
        st.booleans().map(lambda value: Constant(str(value), value)),
        ordered=False,
    ),
    Kind(
        "raw",
        pa.binary(),
        st.binary(max_size=2),
        st.binary(max_size=2).map(lambda data: Constant(f"X'{data.hex()}'", data)),
    ),
    Kind(
        "day",
        pa.date32(),
        st.integers(-3, 3).map(lambda n: n * DAY),
        days() | moments(["", "DATETIME"], DAY),
    ),
    Kind(
        "dt",
        pa.timestamp("ms"),
        st.integers(-3, 3).map(lambda n: n * 10**6),
        days() | moments(["", "DATETIME", "timestamp "], 10**6),
    ),
    Kind("ts", pa.timestamp("ns"), st.integers(-3, 3), days() | moments(["", "TIMESTAMP"], 1)),
    Kind("wall", pa.timestamp("ns"), st.integers(-3, 3), moments(["", "TIMESTAMP_NTZ"], 1)),
]
BY_NAME = {kind.name: kind for kind in KINDS}
NULL = Constant("null", None)

Row = dict[str, Any]
Truth = bool | None


@dataclass(frozen=True)
class Asked:
    """A condition as SQL, and its truth for a row."""

    sql: str
    tree: tuple[Any, ...]

    def truth(self, row: Row) -> Truth:
        """Evaluate by definition."""
        return truth(self.tree, row)


def truth(tree: tuple[Any, ...], row: Row) -> Truth:
    match tree:
        case ("constant", value):
            return bool(value) if value is not None else None
        case ("compare", name, sign, value):
            return compared(row[name], sign, value)
        case ("in", name, values):
            return any_true([compared(row[name], "=", value) for value in values])
        case ("null", name):
            return row[name] is None
        case ("like", name, pattern):
            return None if row[name] is None else matches(row[name], pattern)
        case ("not", term):
            found = truth(term, row)
            return None if found is None else not found
        case ("and", *terms):
            negated = any_true([negate(truth(term, row)) for term in terms])
            return negate(negated)
        case ("or", *terms):
            return any_true([truth(term, row) for term in terms])
        case _:
            raise AssertionError(tree)


def compared(left: Any, sign: str, right: Any) -> Truth:
    if left is None or right is None:
        return None
    if isinstance(left, str):
        left, right = left.encode(), right.encode()
    return bool(COMPARE[sign](left, right))


def any_true(truths: list[Truth]) -> Truth:
    if True in truths:
        return True
    return None if None in truths else False


def negate(found: Truth) -> Truth:
    return None if found is None else not found


def matches(text: str, pattern: str) -> bool:
    if not pattern:
        return not text
    head, rest = pattern[0], pattern[1:]
    if head == "%":
        return any(matches(text[cut:], rest) for cut in range(len(text) + 1))
    if head == "\\" and rest[:1] in {"%", "_", "\\"} and rest:
        head, rest = rest[0], rest[1:]
    elif head == "_":
        return bool(text) and matches(text[1:], rest)
    return text[:1] == head and matches(text[1:], rest)


KIND = st.sampled_from(KINDS)


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    kind = draw(KIND)
    constants = kind.constants | st.just(NULL)
    shape = draw(st.sampled_from(["compare", "flip", "in", "null", "between", "like", "constant"]))
    if shape == "constant":
        value = draw(st.sampled_from([True, False, None]))
        return Asked({True: "TRUE", False: "false", None: "null"}[value], ("constant", value))
    if shape == "null":
        return Asked(f"`{kind.name}` IS NULL", ("null", kind.name))
    if shape == "in":
        some = draw(st.lists(constants, min_size=1, max_size=3))
        sql = f"{kind.name} in ({', '.join(c.sql for c in some)})"
        return Asked(sql, ("in", kind.name, [c.value for c in some]))
    if shape == "between" and kind.ordered:
        low, high = draw(constants), draw(constants)
        least = ("compare", kind.name, ">=", low.value)
        most = ("compare", kind.name, "<=", high.value)
        return Asked(f"{kind.name} between {low.sql} AND {high.sql}", ("and", least, most))
    if shape == "like":
        name = draw(st.sampled_from(["name", "pt"]))
        pattern = draw(TEXTS)
        return Asked(f"{name} like {quoted(pattern)}", ("like", name, pattern))
    sign = draw(st.sampled_from(sorted(COMPARE) if kind.ordered else ["=", "!="]))
    constant = draw(constants)
    if shape == "flip" and constant is not NULL and not isinstance(constant.value, bool):
        flipped = sign.translate(str.maketrans("<>", "><")) if sign != "<>" else sign
        return Asked(
            f"{constant.sql} {flipped} {kind.name}", ("compare", kind.name, sign, constant.value)
        )
    tree = ("compare", kind.name, sign, constant.value)
    return Asked(f"{kind.name.upper()} {sign} {constant.sql}", tree)


def negated(asked: Asked) -> Asked:
    sql = asked.sql
    if re.search(r"IS NULL$", sql):
        sql = re.sub(r"IS NULL$", "is not null", sql)
    else:
        sql = re.sub(r"^(\w+) (in|like|between) ", r"\1 not \2 ", sql)
    return Asked(sql if sql != asked.sql else f"NOT ({sql})", ("not", asked.tree))


def joined(word: str) -> Any:
    def join(terms: list[Asked]) -> Asked:
        sql = f" {word} ".join(f"({term.sql})" for term in terms)
        return Asked(sql, (word, *(term.tree for term in terms)))

    return join


CONDITIONS = st.recursive(
    questions(),
    lambda inner: (
        inner.map(negated)
        | st.lists(inner, min_size=2, max_size=3).map(joined("and"))
        | st.lists(inner, min_size=2, max_size=3).map(joined("or"))
    ),
    max_leaves=6,
)
ROWS = st.lists(
    st.fixed_dictionaries({kind.name: st.none() | kind.values for kind in KINDS}), max_size=5
)


def batch_of(rows: list[Row]) -> pa.RecordBatch:
    arrays = [kind.array([row[kind.name] for row in rows]) for kind in KINDS]
    numbers = pa.array(range(len(rows)), pa.int64())
    names = [*(kind.name for kind in KINDS), "number"]
    return pa.RecordBatch.from_arrays([*arrays, numbers], names=names)


@settings(max_examples=400)
@given(asked=CONDITIONS, rows=ROWS)
def test_a_mask_is_what_three_valued_logic_says(
    schema: TableSchema, asked: Asked, rows: list[Row]
) -> None:
    condition = filters.parse(asked.sql, schema)
    assert condition is not None
    batch = batch_of(rows)
    expected = [asked.truth(row) is True for row in rows]
    assert filters.mask(condition, batch).to_pylist() == expected
    kept = filters.apply(condition, batch).column("number").to_pylist()
    assert kept == [number for number, keep in enumerate(expected) if keep]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@settings(max_examples=150)
@given(data=st.data())
def test_every_comparison_of_every_type_is_exact(
    schema: TableSchema, kind: Kind, data: st.DataObject
) -> None:
    constants = data.draw(st.lists(kind.constants, min_size=1, max_size=2))
    values = data.draw(st.lists(st.none() | kind.values, min_size=1, max_size=8))
    batch = pa.RecordBatch.from_arrays([kind.array(values)], names=[kind.name])
    first = constants[0]
    asked: list[tuple[str, tuple[Any, ...]]] = [
        (f"{kind.name} {sign} {first.sql}", ("compare", kind.name, sign, first.value))
        for sign in (COMPARE if kind.ordered else ("=", "!="))
    ]
    members = ("in", kind.name, [constant.value for constant in constants])
    asked.append((f"{kind.name} in ({', '.join(c.sql for c in constants)})", members))
    for sql, tree in asked:
        for text, question in ((sql, tree), (f"not ({sql})", ("not", tree))):
            condition = filters.parse(text, schema)
            assert condition is not None
            expected = [truth(question, {kind.name: value}) is True for value in values]
            assert filters.mask(condition, batch).to_pylist() == expected, text


@settings(max_examples=500)
@given(
    text=st.text(st.sampled_from("ab\n%_\\é"), max_size=4),
    pattern=st.text(st.sampled_from("a\n%_\\é"), max_size=4),
)
def test_patterns_match_whole_texts(schema: TableSchema, text: str, pattern: str) -> None:
    condition = filters.parse(f"name like {quoted(pattern)}", schema)
    assert condition is not None
    batch = pa.RecordBatch.from_arrays([pa.array([text])], names=["name"])
    assert filters.mask(condition, batch).to_pylist() == [matches(text, pattern)]


@settings(max_examples=300)
@given(asked=CONDITIONS)
def test_what_is_said_in_sql_is_read_as_the_same(schema: TableSchema, asked: Asked) -> None:
    condition = filters.parse(asked.sql, schema)
    assert condition is not None
    text = filters.to_sql(condition)
    if text is not None:
        assert filters.parse(text, schema) == condition
        assert filters.to_sql(condition) == text


@given(asked=CONDITIONS, rows=ROWS)
def test_columns_that_are_not_named_change_nothing(
    schema: TableSchema, asked: Asked, rows: list[Row]
) -> None:
    condition = filters.parse(asked.sql, schema)
    assert condition is not None
    names = filters.columns_of(condition)
    assert names is not None
    assert names <= {kind.name for kind in KINDS}
    batch = batch_of(rows)
    fewer = batch.select(sorted(names)) if names else batch
    assert filters.mask(condition, fewer).equals(filters.mask(condition, batch))

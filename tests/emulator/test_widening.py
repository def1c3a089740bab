"""Changes of types that keep every value, whatever it is."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.convert.arrow import arrow_type
from odps_frames.emulator.widening import as_declared, can_widen
from odps_frames.model.types import parse_type

INTEGERS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}
NARROW = [*INTEGERS, "float", "decimal(5,2)", "varchar(3)"]
WIDE = [
    *INTEGERS,
    *("float", "double", "string", "boolean", "date", "datetime", "timestamp", "binary", "json"),
    *("decimal(5,2)", "decimal(10,0)", "decimal(21,2)", "decimal(38,18)", "decimal(38,19)"),
    *("varchar(3)", "varchar(4)", "char(3)", "array<int>"),
]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("bigint", "double"),
        ("int", "float"),
        ("bigint", "decimal(20,2)"),
        ("bigint", "decimal(38,20)"),
        ("double", "string"),
        ("double", "float"),
        ("string", "varchar(10)"),
        ("varchar(3)", "varchar(2)"),
        ("char(3)", "string"),
        ("decimal(5,2)", "decimal(5,1)"),
        ("decimal(5,2)", "decimal(5,3)"),
        ("decimal(5,2)", "double"),
        ("datetime", "timestamp"),
        ("date", "string"),
        ("array<int>", "array<bigint>"),
        ("string", "json"),
    ],
)
def test_what_might_lose_a_value_is_no_widening(old: str, new: str) -> None:
    assert not can_widen(parse_type(old), parse_type(new))


@given(st.sampled_from(NARROW), st.sampled_from(WIDE), st.data())
def test_what_is_a_widening_keeps_every_value(old: str, new: str, data: st.DataObject) -> None:
    narrow, wide = parse_type(old), parse_type(new)
    if not can_widen(narrow, wide):
        return
    if old in INTEGERS:
        limit = 1 << INTEGERS[old] - 1
        value: object = data.draw(st.integers(-limit, limit - 1))
    elif old == "float":
        value = data.draw(st.floats(width=32, allow_nan=False))
    elif old == "varchar(3)":
        value = data.draw(st.text(st.characters(codec="utf-8"), max_size=3))
    else:
        value = Decimal(data.draw(st.integers(-99999, 99999))).scaleb(-2)
    kept = pa.array([value, None], arrow_type(narrow))
    found = as_declared(kept, wide)
    assert found.type == arrow_type(wide)
    said = str(value) if new == "string" and old in INTEGERS else value
    assert found.to_pylist() == [said, None]


def test_columns_of_the_type_itself_are_not_copied() -> None:
    kept = pa.array([1, 2])
    assert as_declared(kept, parse_type("bigint")) is kept

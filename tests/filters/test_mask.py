from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from odps_frames import filters

if TYPE_CHECKING:
    from odps_frames.filters import Condition
    from odps_frames.model.schema import TableSchema

EXPRESSION: Any = pc.Expression  # with a way to ask for any function, which has no public name
BATCH = pa.RecordBatch.from_arrays(
    [pa.array([1, None, 3]), pa.array(["a", "b", None])], names=["id", "name"]
)


def read(some: str | pc.Expression, schema: TableSchema) -> Condition:
    condition = filters.parse(some, schema)
    assert condition is not None
    return condition


def test_expressions_follow_the_rules_of_arrow(schema: TableSchema) -> None:
    condition = read((pc.field("id") > 1) | (pc.field("name") == "b"), schema)
    assert filters.mask(condition, BATCH).to_pylist() == [False, True, True]
    kept = filters.apply(read(~(pc.field("id") > 1), schema), BATCH)
    assert kept.to_pylist() == [{"id": 1, "name": "a"}]


def test_expressions_and_text_are_joined(schema: TableSchema) -> None:
    joined = filters.both(read(pc.field("id") > 1, schema), read("name is null", schema))
    assert filters.mask(joined, BATCH).to_pylist() == [False, False, True]


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        (pc.field("id") > "x", "cannot be asked of the columns id: int64: Function 'greater'"),
        (pc.field("id") + 1, "gives int64; expected a condition"),
        (EXPRESSION._call("soundex", [pc.field("name")]), "name: string: "),  # noqa: SLF001  no public word
        (pc.field(0) > 1, "name its columns, as in pyarrow.compute.field('id')"),
        (pc.field("ts") > datetime(2026, 1, 1, tzinfo=UTC), "ts: timestamp[ns]: "),
    ],
)
def test_expressions_that_are_no_condition_on_the_rows_are_refused(
    schema: TableSchema, expression: pc.Expression, complaint: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        filters.parse(expression, schema)


def test_rows_that_an_expression_cannot_take_are_an_error(schema: TableSchema) -> None:
    condition = read(pc.field("id").cast(pa.int8()) > 1, schema)
    assert filters.mask(condition, BATCH).to_pylist() == [False, False, True]
    with pytest.raises(
        ValueError, match=r"cannot be asked of the columns id: int64: .*not in range"
    ):
        filters.mask(condition, pa.RecordBatch.from_pydict({"id": [300]}))


@pytest.mark.parametrize("some", ["id > 1", pc.field("id") > 1])
def test_tables_of_many_pieces_and_of_none(schema: TableSchema, some: str | pc.Expression) -> None:
    condition = read(some, schema)
    table = pa.Table.from_batches([BATCH, BATCH.slice(1), BATCH.slice(0, 0)])
    assert filters.mask(condition, table).to_pylist() == [False, False, True, False, True]
    assert filters.mask(condition, BATCH.slice(1)).to_pylist() == [False, True]
    none = filters.mask(condition, table.slice(0, 0))
    assert (len(none), none.type) == (0, pa.bool_())
    assert filters.mask(condition, pa.Table.from_batches([], BATCH.schema)).to_pylist() == []


def test_a_missing_column_is_named(schema: TableSchema) -> None:
    with pytest.raises(ValueError, match="needs the column 'x'; the rows have the columns"):
        filters.mask(read("x > 1", schema), BATCH)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("name = 'a'", pa.array([1])),
        ("id = 1", pa.array(["1"])),
        ("id in (1)", pa.array(["1"])),
        ("name in ('1')", pa.array([1])),
        ("flag", pa.array([1])),
        ("raw = X'00'", pa.array(["a"])),
        ("x > 1.5", pa.array(["a"])),
        ("code = 'a'", pa.array([1])),
        ("name like 'a'", pa.array([1])),
    ],
)
def test_a_column_of_another_type_is_refused(
    schema: TableSchema, text: str, column: pa.Array[pa.Scalar[pa.DataType]]
) -> None:
    condition = read(text, schema)
    (name,) = filters.columns_of(condition) or frozenset()
    with pytest.raises(ValueError, match="where the condition compares with"):
        filters.mask(condition, pa.record_batch({name: column}))


def test_letter_case_of_columns_does_not_count(schema: TableSchema) -> None:
    batch = pa.record_batch({"ID": [1, 2]})
    assert filters.mask(read("id = 2", schema), batch).to_pylist() == [False, True]


def test_padding_of_char_is_no_part_of_the_value(schema: TableSchema) -> None:
    batch = pa.record_batch({"code": ["ab", "ab  ", " ab", "ab\t", None]})
    for text in ("code = 'ab '", "code in ('ab')", "code like 'ab'"):
        found = filters.mask(read(text, schema), batch).to_pylist()
        assert found == [True, True, False, False, False]


def test_dictionaries_are_compared_by_their_values(schema: TableSchema) -> None:
    batch = pa.record_batch({"pt": pa.array(["a", "b", None, "a"]).dictionary_encode()})
    assert filters.mask(read("pt = 'a'", schema), batch).to_pylist() == [True, False, False, True]
    assert filters.mask(read("pt in ('b')", schema), batch).to_pylist() == [
        False,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "Asia/Shanghai"])
def test_units_of_time_do_not_change_the_answer(
    schema: TableSchema, unit: str, zone: str | None
) -> None:
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    ends = [-per_second, 0, per_second, 2**63 - 1, -(2**63)]
    array = pa.array(ends, pa.int64()).cast(pa.timestamp(unit, zone))
    batch = pa.record_batch({"ts": array})

    def found(text: str) -> list[bool | None]:
        return filters.mask(read(text, schema), batch).to_pylist()

    assert found("ts <= '1970-01-01 00:00:00.5'") == [True, True, False, False, True]
    assert found("ts = '1970-01-01 00:00:00.000000001'") == [False] * 5
    assert found("ts != '1970-01-01 00:00:00.000000001'") == [True] * 5
    assert found("ts in ('1970-01-01', '1970-01-01 00:00:00.1')") == [
        False,
        True,
        False,
        False,
        False,
    ]
    assert found("ts > '9999-12-31'") == [False, False, False, unit != "ns", False]
    assert found("ts >= '0001-01-01'") == [True, True, True, True, unit == "ns"]


def test_wide_decimals_compare_digit_by_digit(schema: TableSchema) -> None:
    text = "9" * 20 + "." + "9" * 5
    array = pa.array([text, None, "-" + text]).cast(pa.decimal256(60, 5))
    batch = pa.record_batch({"big": array})
    assert filters.mask(read(f"big = {text}", schema), batch).to_pylist() == [True, False, False]
    assert filters.mask(read(f"big > {text}1", schema), batch).to_pylist() == [False] * 3
    assert filters.mask(read(f"big in ({text}, 1)", schema), batch).to_pylist() == [
        True,
        False,
        False,
    ]

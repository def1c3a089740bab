from __future__ import annotations

import math
import pickle
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from odps_frames import filters
from odps_frames.filters.condition import Constant, Not

if TYPE_CHECKING:
    from odps_frames.model.schema import TableSchema

CHINA = timezone(timedelta(hours=8))


def said(some: Any, schema: TableSchema, timezone: str = "UTC") -> str | None:
    condition = filters.parse(some, schema, timezone=timezone)
    return None if condition is None else filters.to_sql(condition)


@pytest.mark.parametrize(
    ("tuples", "sql"),
    [
        ([("id", "=", 1)], "`id` = 1"),
        ([("ID", "==", 1), ("name", "!=", "a")], "`id` = 1 and `name` != 'a'"),
        (
            [[("id", "<", 1)], [("id", ">", 5), ("x", ">=", 0.1)]],
            "`id` < 1 or (`id` > 5 and `x` >= 0.1)",
        ),
        ([("id", "in", [1, 2])], "`id` in (1, 2)"),
        ([("id", "in", (n for n in (1, 2)))], "`id` in (1, 2)"),
        ([("pt", "not in", {"a"})], "`pt` not in ('a')"),
        ([("id", " NOT  IN ", np.array([1, 2]))], "`id` not in (1, 2)"),
        ((("id", "<=", 1),), "`id` <= 1"),
        ([("id", "is", None)], "`id` is null"),
        ([("doc", "IS NOT", pd.NA)], "`doc` is not null"),
        ([], None),
    ],
)
def test_tuples_are_read_as_pandas_reads_them(
    schema: TableSchema, tuples: Any, sql: str | None
) -> None:
    assert said(tuples, schema) == sql


@pytest.mark.parametrize(
    ("column", "value", "literal"),
    [
        ("id", np.int32(3), "3"),
        ("id", np.uint64(2**63 - 1), "9223372036854775807"),
        ("id", 3.0, "3"),
        ("id", 2.5, "2.5"),
        ("id", Decimal("2.5"), "2.5"),
        ("id", pa.scalar(7), "7"),
        ("amount", 0.1, "0.1"),
        ("amount", np.float64(0.1), "0.1"),
        ("x", 0.1, "0.1"),
        ("x", Decimal("0.1"), "0.1"),
        ("x", 2**53, "9007199254740992.0"),
        ("x", np.float32(0.1), "0.10000000149011612"),
        ("name", np.str_("a"), "'a'"),
        ("flag", np.array([True])[0], "true"),
        ("raw", bytearray(b"\x01"), "X'01'"),
        ("day", date(2026, 1, 2), "DATE'2026-01-02'"),
        ("day", np.datetime64("2026-01-02"), "DATE'2026-01-02'"),
        ("day", datetime(2026, 1, 2), "DATE'2026-01-02'"),  # noqa: DTZ001  without a zone
        ("dt", date(2026, 1, 2), "DATETIME'2026-01-02 00:00:00'"),
        ("dt", datetime(2026, 1, 2, 8, tzinfo=CHINA), "DATETIME'2026-01-02 00:00:00'"),
        ("ts", datetime(2026, 1, 2, 8, 0, 0, 5), "TIMESTAMP'2026-01-02 08:00:00.000005'"),  # noqa: DTZ001  without a zone
        (
            "ts",
            pd.Timestamp("2026-01-02 08:00:00.123456789", tz=CHINA),
            "TIMESTAMP'2026-01-02 00:00:00.123456789'",
        ),
        (
            "ts",
            np.datetime64("2026-01-02T00:00:00.123456789"),
            "TIMESTAMP'2026-01-02 00:00:00.123456789'",
        ),
        (
            "ts",
            pa.scalar(-1, pa.timestamp("ns", tz="Asia/Shanghai")),
            "TIMESTAMP'1969-12-31 23:59:59.999999999'",
        ),
        ("ts", pa.scalar(1500, pa.timestamp("ms")), "TIMESTAMP'1970-01-01 00:00:01.5'"),
        ("wall", pd.Timestamp("2026-01-02"), "TIMESTAMP_NTZ'2026-01-02 00:00:00'"),
        (
            "wall",
            datetime(9999, 12, 31, 23, 59, 59, 999999),  # noqa: DTZ001  without a zone
            "TIMESTAMP_NTZ'9999-12-31 23:59:59.999999'",
        ),
    ],
)
def test_values_of_python_numpy_pandas_and_arrow(
    schema: TableSchema, column: str, value: Any, literal: str
) -> None:
    assert said([(column, "=", value)], schema) == f"`{column}` = {literal}"
    assert said([(column, "in", [value])], schema) == f"`{column}` in ({literal})"


@pytest.mark.parametrize(
    ("tuples", "complaint"),
    [
        ("=", "cannot read the filter"),
        ([("id", "=")], "expected a tuple"),
        ([("id", "~", 1)], "unknown operator '~'"),
        ([("id", 3, 1)], "unknown operator 3"),
        ([(3, "=", 1)], "expected a tuple"),
        ([[]], "not filters"),
        ([[("id", "=", 1)], ("id", "=", 1)], "not filters"),
        ([["id", "=", 1]], "not a filter: 'id'"),
        (("id", "=", 1), "not filters"),
        ([("id", "in", 3)], "needs a list of values"),
        ([("name", "in", "abc")], "needs a list of values"),
        ([("id", "=", None)], r"write \('id', 'is', None\), or 'is not'"),
        ([("id", "in", [1, pd.NA])], "compares with NULL, which is never true"),
        ([("ts", "<", pd.NaT)], "compares with NULL, which is never true"),
        ([("id", "is", 1)], "compares by 'is'; expected None behind it, or '='"),
        ([("x", "=", math.nan)], "NaN, which is equal to nothing"),
        ([("pt", "=", 20260101)], "column 'pt' is string and cannot be compared with 20260101"),
        ([("id", "=", True)], "cannot be compared with True"),
        ([("wall", "=", datetime(2026, 1, 2, tzinfo=UTC))], "knows no zones"),
        ([("name", "=", "\ud800")], "half of a surrogate pair"),
    ],
)
def test_what_tuples_cannot_mean_is_refused(
    schema: TableSchema, tuples: Any, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        filters.parse(tuples, schema)


def test_tuples_name_known_columns(schema: TableSchema) -> None:
    with pytest.raises(KeyError, match="no column 'nmae'; did you mean 'name'"):
        filters.parse([("nmae", "=", 1)], schema)


@pytest.mark.parametrize("some", [3, b"id = 1", {"id": 1}, object()])
def test_anything_else_is_no_condition(schema: TableSchema, some: Any) -> None:
    with pytest.raises(TypeError, match="expected SQL text, a list of tuples"):
        filters.parse(some, schema)


@pytest.mark.parametrize("some", [None, "", "  \n"])
def test_nothing_is_no_condition(schema: TableSchema, some: str | None) -> None:
    assert filters.parse(some, schema) is None


def test_nothing_is_among_nothing(schema: TableSchema) -> None:
    nothing = Constant(value=False)
    assert filters.parse([("id", "in", [])], schema) == nothing
    assert filters.parse([("id", "not in", [])], schema) == Not(nothing)


def test_times_without_a_zone_are_those_of_the_zone_given(schema: TableSchema) -> None:
    options = {"timezone": "Asia/Shanghai"}
    assert said("dt = '2026-01-02 08:00:00'", schema, **options) == (
        "`dt` = DATETIME'2026-01-02 00:00:00'"
    )
    assert said([("ts", "=", date(2026, 1, 2))], schema, **options) == (
        "`ts` = TIMESTAMP'2026-01-01 16:00:00'"
    )
    assert said("ts = '2026-01-02 08:00:00Z'", schema, **options) == (
        "`ts` = TIMESTAMP'2026-01-02 08:00:00'"
    )
    for column in ("day", "wall"):
        text = f"{column} = '2026-01-02'"
        assert said(text, schema, **options) == said(text, schema)


def test_conditions_travel_to_other_processes(schema: TableSchema) -> None:
    condition = filters.parse("id in (1, 2) and name like 'a%' and ts > '2026-01-01'", schema)
    assert pickle.loads(pickle.dumps(condition)) == condition  # noqa: S301  our own bytes
    assert hash(condition) == hash(pickle.loads(pickle.dumps(condition)))  # noqa: S301  the same

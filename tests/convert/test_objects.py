from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.convert.misfit import Misfit
from odps_frames.convert.objects import from_numpy, from_objects
from odps_frames.model.types import DataType, parse_type

MISSING = [None, np.nan, pd.NA, pd.NaT, Decimal("NaN"), np.datetime64("NaT")]
EAST = dt.timezone(dt.timedelta(hours=8))
NANO = pd.Timestamp("2024-01-01 00:00:00.000000001")
FIRST = dt.datetime.min  # noqa: DTZ901  no zone is the point
LAST = dt.datetime.max  # noqa: DTZ901  the same
NAIVE = dt.datetime(2024, 1, 1)  # noqa: DTZ001  no zone is the point


def objects(*values: object) -> Any:
    return np.fromiter(values, dtype=object, count=len(values))


def convert(*values: object, hint: str | None = None) -> Any:
    kind: DataType | None = parse_type(hint) if hint else None
    found = from_objects(objects(*values), kind)
    found.validate(full=True)
    return found


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ([True, np.array([False])[0]], pa.bool_()),
        ([1, np.int8(2), np.uint64(3)], pa.int64()),
        ([2**63 - 1, -(2**63)], pa.int64()),
        ([0, 2**64 - 1], pa.uint64()),
        ([1.5, np.float32(2.5)], pa.float64()),
        ([np.float32(1.5)], pa.float32()),
        ([Decimal("1.50"), Decimal("-1E+3")], pa.decimal128(6, 2)),
        (["a", "日本", np.str_("x"), ""], pa.large_string()),
        ([b"a", b"\xff"], pa.large_binary()),
        ([dt.date(1, 1, 1), dt.date(9999, 12, 31)], pa.date32()),
        ([FIRST, LAST], pa.timestamp("us")),
        ([dt.time(1, 2, 3, 4)], pa.time64("us")),
        ([dt.timedelta(days=-1, microseconds=1)], pa.duration("us")),
        ([[1, None], [], (2,), np.array([3])], pa.list_(pa.int64())),
        ([["a"], [None]], pa.list_(pa.large_string())),
        (
            [{"a": 1, "b": None}, {"a": None, "b": "x"}],
            pa.struct([("a", pa.int64()), ("b", pa.large_string())]),
        ),
    ],
)
@pytest.mark.parametrize("missing", MISSING, ids=repr)
def test_values_of_one_kind_become_arrow_and_the_missing_null(
    values: list[Any], type_: Any, missing: object
) -> None:
    found = convert(missing, *values, missing)
    assert found.type == type_
    plain = [list(value) if isinstance(value, tuple | np.ndarray) else value for value in values]
    assert found.to_pylist() == [None, *plain, None]
    assert convert(*values).to_pylist() == plain


@given(st.lists(st.none() | st.integers()))
def test_integers_of_any_size_keep_their_digits(values: list[int | None]) -> None:
    present = [value for value in values if value is not None]
    if any(abs(value) >= 10**76 for value in present):
        return
    assert [None if v is None else int(v) for v in convert(*values).to_pylist()] == values


def test_a_column_of_nothing_has_no_type_yet() -> None:
    assert convert(*MISSING).equals(pa.nulls(len(MISSING)))
    assert convert().type == pa.null()


@pytest.mark.parametrize(
    ("values", "row"),
    [
        ([1, 2.5], 1),
        ([True, 1], 1),
        ([1, 1, True], 2),
        (["a", b"b"], 1),
        (["a", None, 5], 2),
        ([dt.date(2024, 1, 1), NAIVE], 1),
        ([NAIVE, dt.date(2024, 1, 1)], 1),
        ([Decimal(1), 1], 1),
        ([[1], {"a": 1}], 1),
        ([[1], None, ["a"]], 2),
        ([{"a": 1}, {"a": "x"}], 1),
        ([NAIVE, None, NAIVE.replace(tzinfo=EAST)], 2),
        ([np.timedelta64(1, "s"), 1], 1),
    ],
)
def test_kinds_do_not_mix(values: list[Any], row: int) -> None:
    with pytest.raises(Misfit) as caught:
        convert(*values)
    assert caught.value.position == row


@pytest.mark.parametrize(
    "value", [uuid4(), 1j, {1, 2}, object(), pd.Period("2024"), pd.Interval(0, 1), range(3)]
)
def test_what_no_column_can_hold_is_refused_by_name(value: object) -> None:
    with pytest.raises(Misfit, match=type(value).__name__):
        convert(None, value)


@pytest.mark.parametrize(
    ("values", "row"),
    [
        ([Decimal(1), Decimal("Infinity")], 1),
        ([Decimal(1), Decimal(10) ** 80], 1),
        (["a", "\ud800"], 1),
        ([dt.timedelta(0), dt.timedelta.max], 1),
        ([NANO, LAST], 1),
        ([{}, {}], 0),
        ([{"a": 1}, {2: 1}], 1),
        ([[1], np.array(5)], 1),
        ([np.datetime64(1, "s"), np.datetime64(1, "ns")], 0),
    ],
)
def test_a_value_beyond_arrow_is_found(values: list[Any], row: int) -> None:
    with pytest.raises(Misfit) as caught:
        convert(*values)
    assert caught.value.position == row


def test_nanoseconds_are_kept() -> None:
    found = convert(NANO, NAIVE)
    assert found.type == pa.timestamp("ns")
    assert found[0].as_py() == NANO
    assert convert(pd.Timedelta(1, "ns")).cast(pa.int64()).to_pylist() == [1]
    numpy = convert(np.datetime64(5, "ns"), np.datetime64("NaT", "ns"))
    assert numpy.cast(pa.int64()).to_pylist() == [5, None]


def test_zones_become_one_moment() -> None:
    utc = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    found = convert(utc, utc.astimezone(EAST), pd.Timestamp(utc))
    assert found.type == pa.timestamp("us", "UTC")
    assert len(set(found.to_pylist())) == 1


def test_arrays_of_numbers_are_joined_whole() -> None:
    found = convert(np.array([1.5, np.nan], np.float32), None, np.array([], np.float32))
    assert found.type == pa.list_(pa.float32())
    assert found.to_pylist() == [[1.5, None], None, []]
    grid = convert(np.array([[1, 2], [3, 4]]))
    assert grid.to_pylist() == [[[1, 2], [3, 4]]]


@pytest.mark.parametrize(
    "values", [[{"a": [1]}, None, {}], [[("a", [1])], None, []], [(["a", [1]],), None, ()]]
)
def test_a_hint_makes_maps(values: list[Any]) -> None:
    found = convert(*values, hint="map<string,array<int>>")
    assert found.type == pa.map_(pa.large_string(), pa.list_(pa.int64()))
    assert found.to_pylist() == [[("a", [1])], None, []]


def test_hints_reach_into_lists_structs_and_maps() -> None:
    found = convert([{"M": {1: {2: "x"}}}, None], hint="array<struct<m:map<int,map<int,string>>>>")
    assert found.to_pylist() == [[{"M": [(1, [(2, "x")])]}, None]]


@pytest.mark.parametrize(
    ("values", "row"),
    [
        ([[("a", 1)], [("a",)]], 1),
        ([[("a", 1)], [5]], 1),
        ([{"a": 1}, {None: 1}], 1),
        ([{"a": 1}, {"b": "x"}], 1),
        ([{"a": 1}, {1: 1}], 1),
    ],
)
def test_a_bad_entry_of_a_map_is_found(values: list[Any], row: int) -> None:
    with pytest.raises(Misfit) as caught:
        convert(*values, hint="map<string,int>")
    assert caught.value.position == row


def test_numbers_of_another_byte_order_are_turned() -> None:
    assert from_numpy(np.array([1, 2], dtype=">i4")).to_pylist() == [1, 2]

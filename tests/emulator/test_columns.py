from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from odps_frames.convert.misfit import Misfit
from odps_frames.emulator.columns import (
    Keeper,
    WrongType,
    can_keep,
    time_paths,
    times_in,
    travel_type,
    wired,
)
from odps_frames.model.read import ArrowOptions, TimeUnit
from odps_frames.model.types import parse_type

at = datetime.fromisoformat  # times without a zone
PAIR = pa.struct([("sec", pa.int64()), ("nano", pa.int32())])
DAY = at("2020-02-29T01:02:03")


def keep(array: Any, type_: str) -> Any:
    return Keeper().keep(array, parse_type(type_), "c")


def back(kept: Any, type_: str, **options: Any) -> Any:
    parsed = parse_type(type_)
    target = travel_type(parsed, "c", ArrowOptions(**options), lambda *_: False)
    return wired(kept, parsed, target)


@pytest.mark.parametrize(
    ("type_", "array"),
    [
        ("tinyint", pa.array([-128, None, 127], pa.int8())),
        ("bigint", pa.array([-(2**63), None, 2**63 - 1])),
        ("float", pa.array([0.5, float("nan"), None, float("inf")], pa.float32())),
        ("double", pa.array([1e308, float("nan"), None])),
        ("boolean", pa.array([True, None, False])),
        ("string", pa.array(["", None, "日本🦆"])),
        ("binary", pa.array([b"\0\xff", None])),
        ("json", pa.array(['{"a": 1}', None])),
        ("char(3)", pa.array(["日本🦆", None])),
        ("date", pa.array([date(1, 1, 1), None, date(9999, 12, 31)])),
        (
            "decimal(38,18)",
            pa.array([Decimal("9" * 20 + "." + "9" * 18), None], pa.decimal128(38, 18)),
        ),
        ("interval_day_time", pa.array([{"sec": -1, "nano": 5}, None], PAIR)),
        ("datetime", pa.array([DAY, None], pa.timestamp("ms"))),
        ("timestamp", pa.array([DAY, None], pa.timestamp("ns"))),
    ],
)
def test_what_fits_is_kept_as_it_came(type_: str, array: Any) -> None:
    kept = keep(array, type_)
    assert back(kept, type_) is kept
    assert str(kept.to_pylist()) == str(array.to_pylist())  # NaN is not equal to itself
    sliced = keep(array.slice(1), type_)
    assert str(sliced.to_pylist()) == str(array.slice(1).to_pylist())


NESTED = "struct<k: string, l: array<map<string, timestamp>>>"
NESTED_ARROW = pa.struct(
    [("L", pa.large_list(pa.map_(pa.large_string(), pa.timestamp("s")))), ("K", pa.string())]
)
NESTED_ROWS = [
    {"L": [[("x", DAY)], [], None], "K": "a"},
    None,
    {"L": None, "K": None},
    {"L": [[("y", at("9999-01-01")), ("z", None)]], "K": ""},
]


@pytest.mark.parametrize("start", [0, 1, 3])
def test_nested_columns(start: int) -> None:
    array = pa.array([None, *NESTED_ROWS], NESTED_ARROW).slice(1).slice(start)
    kept = keep(array, NESTED)
    second = back(kept, NESTED, timestamp_unit=TimeUnit.SECOND)
    assert second.to_pylist() == [
        row and {"k": row["K"], "l": row["L"]} for row in NESTED_ROWS[start:]
    ]
    second.validate(full=True)


def test_columns_of_nothing_are_null() -> None:
    assert keep(pa.nulls(2), NESTED).to_pylist() == [None, None]
    assert back(keep(pa.nulls(1), NESTED), NESTED).type.field("l").type.value_type


@pytest.mark.parametrize(
    ("type_", "array", "words"),
    [
        ("tinyint", pa.array([0, 128]), "128"),
        ("float", pa.array([0.1]), "digits"),
        ("varchar(2)", pa.array(["abc"]), "2 characters"),
        ("decimal(3,1)", pa.array([Decimal("1.25")]), "1.25"),
        ("decimal(3,1)", pa.array([Decimal(100)], pa.decimal128(5, 0)), "100"),
        ("date", pa.array([3_000_000], pa.date32()), "calendar"),
        ("datetime", pa.array([1], pa.timestamp("us")), "digits finer"),
        ("datetime", pa.array([2**62], pa.timestamp("s")), "calendar"),
        ("timestamp", pa.array([-(2**62)], pa.timestamp("ms")), "calendar"),
        ("timestamp", pa.array([{"sec": 0, "nano": 10**9}], PAIR), "nano"),
        ("timestamp", pa.array([{"sec": 10**12, "nano": 0}], PAIR), "calendar"),
        ("timestamp", pa.array([{"sec": 1, "nano": None}], PAIR), "half"),
        ("array<tinyint>", pa.array([[1], [2, 300]]), "300"),
    ],
)
def test_values_that_do_not_fit(type_: str, array: Any, words: str) -> None:
    with pytest.raises(Misfit, match=words) as misfit:
        keep(array, type_)
    assert misfit.value.position == len(array) - 1


@pytest.mark.parametrize(
    ("type_", "array"),
    [
        ("bigint", pa.array(["1"])),
        ("bigint", pa.array([1.0])),
        ("string", pa.array([b"x"])),
        ("string", pa.array(["x"]).dictionary_encode()),
        ("boolean", pa.array([1])),
        ("date", pa.array([DAY])),
        ("timestamp", pa.array([date(2020, 1, 1)])),
        ("timestamp_ntz", pa.array([1], pa.timestamp("s", "UTC"))),
        ("array<int>", pa.array([1])),
        ("map<string,int>", pa.array([[1]])),
        ("struct<a:int>", pa.array([{"b": 1}])),
        ("struct<a:int>", pa.array([{"a": 1, "b": 1}])),
        ("decimal(3,1)", pa.array([1])),
        ("binary", pa.array(["x"])),
        ("interval_day_time", pa.array([1])),
    ],
)
def test_types_that_are_others(type_: str, array: Any) -> None:
    with pytest.raises(WrongType, match="it came as"):
        keep(array, type_)


@pytest.mark.parametrize(
    "array",
    [
        pa.array([DAY, None], pa.timestamp("s")),
        pa.array([DAY, None], pa.timestamp("us", "Asia/Shanghai")),
        pa.array([{"sec": 1582938123, "nano": 0}, None], PAIR),
    ],
    ids=["seconds", "zoned", "pairs"],
)
def test_times_in_other_units(array: Any) -> None:
    for type_ in ("timestamp", "datetime"):
        kept = keep(array, type_)
        assert kept.cast(pa.timestamp("s")).to_pylist() == [DAY, None]


ENDS = [
    {"sec": -9223372037, "nano": 145224192},
    {"sec": 9223372036, "nano": 854775807},
    {"sec": -1, "nano": 999999999},
]


def test_the_ends_of_nanoseconds() -> None:
    kept = keep(pa.array(ENDS, PAIR), "timestamp")
    assert kept.type == pa.timestamp("ns")
    assert kept.cast(pa.int64()).to_pylist() == [-(2**63), 2**63 - 1, -1]
    beyond = [{"sec": -9223372037, "nano": 145224191}, {"sec": 9223372036, "nano": 854775808}]
    for pair in beyond:
        assert keep(pa.array([pair], PAIR), "timestamp").type == PAIR


def test_pairs_stay_for_the_rest_of_a_body() -> None:
    keeper = Keeper()
    near = pa.array([DAY], pa.timestamp("us"))
    far = pa.array([at("0001-01-01")], pa.timestamp("us"))
    types = [keeper.keep(array, parse_type("timestamp"), "c").type for array in (near, far, near)]
    assert types == [pa.timestamp("ns"), PAIR, PAIR]


def test_durations_are_intervals() -> None:
    array = pa.array([timedelta(days=-1, microseconds=1)])
    assert keep(array, "interval_day_time").to_pylist() == [{"sec": -86400, "nano": 1000}]


def test_where_the_times_are() -> None:
    parsed = parse_type(NESTED)
    assert list(time_paths(parsed, "c")) == ["c.1.element.value"]
    kept = keep(pa.array(NESTED_ROWS, NESTED_ARROW), NESTED)
    ((path, times),) = times_in(kept, parsed, "c")
    assert path == "c.1.element.value"
    assert len(times) == 3


@pytest.mark.parametrize(
    "type_",
    ["geography", "variant", "interval_year_month", "vector(float,3)", "array<variant>"],
)
def test_types_that_are_not_kept(type_: str) -> None:
    assert not can_keep(parse_type(type_))
    assert can_keep(parse_type("map<string,struct<a:array<json>>>"))

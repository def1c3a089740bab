from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from odps_frames.convert.timestamps import PAIR
from odps_frames.errors import CastError, ConfigError, SchemaMismatch

if TYPE_CHECKING:
    from collections.abc import Callable

    Fit = Callable[..., Any]

FIRST, END = -62_135_596_800, 253_402_300_800
"""Seconds of 0001-01-01 and 10000-01-01."""
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
UNITS: Any = st.sampled_from(list(PER_SECOND))
ZONES = st.sampled_from(["Asia/Shanghai", "America/New_York", "Europe/Berlin", "+08:00"])


def ticks(array: Any) -> list[int | None]:
    found: list[int | None] = array.cast(pa.int64()).to_pylist()
    return found


@given(UNITS, st.data(), st.sampled_from(["datetime", "timestamp", "timestamp_ntz"]), st.booleans())
def test_times_keep_their_moment_or_are_refused(
    fit_one: Fit,
    unit: Any,
    data: st.DataObject,
    target: str,
    zoned: bool,  # noqa: FBT001  drawn
) -> None:
    per = PER_SECOND[unit]
    edges = st.sampled_from([FIRST * per - 1, FIRST * per, END * per - 1, END * per])
    value = data.draw((st.integers() | edges).filter(lambda n: -(2**63) < n < 2**63))
    zoned = zoned and target != "timestamp_ntz"
    array = pa.array([None, value], pa.timestamp(unit, "Asia/Shanghai" if zoned else None))
    aim: Any = "ms" if target == "datetime" else "ns" if unit == "ns" else "us"
    exact, rest = divmod(value * PER_SECOND[aim], per)
    if rest == 0 and FIRST * per <= value < END * per:
        found = fit_one(target, array)
        assert found.type == pa.timestamp(aim)
        assert ticks(found) == [None, exact]
    else:
        with pytest.raises(CastError, match=r"row 101 "):
            fit_one(target, array)


@pytest.mark.parametrize("unit", PER_SECOND)
def test_the_type_of_a_timestamp_follows_from_the_type_of_the_data(fit_one: Fit, unit: Any) -> None:
    for values in ([], [None], [0]):
        found = fit_one("timestamp", pa.array(values, pa.timestamp(unit)))
        assert found.type == pa.timestamp("ns" if unit == "ns" else "us")


@given(st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 1, 1)), ZONES)  # noqa: DTZ001  no zone is the point
@example(dt.datetime(1900, 1, 1), "Asia/Shanghai")  # noqa: DTZ001  local mean time
@example(dt.datetime(2024, 11, 3, 1, 30), "America/New_York")  # noqa: DTZ001  twice
@example(dt.datetime(2024, 3, 10, 2, 30), "America/New_York")  # noqa: DTZ001  never
@example(dt.datetime(2038, 4, 1), "America/New_York")  # noqa: DTZ001  where Arrow errs
@example(dt.datetime(9000, 7, 1), "Europe/Berlin")  # noqa: DTZ001  the same
def test_times_without_zone_are_read_in_the_zone_given(
    fit_one: Fit, local: dt.datetime, zone: str
) -> None:
    tz: dt.tzinfo = dt.timezone(dt.timedelta(hours=8)) if zone == "+08:00" else ZoneInfo(zone)
    early, late = (local.replace(tzinfo=tz, fold=fold) for fold in (0, 1))
    array = pa.array([None, local])
    if early.utcoffset() == late.utcoffset():
        found = fit_one("timestamp", array, tz=zone)
        assert found.cast(pa.timestamp("us", "UTC")).to_pylist() == [None, early]
        wall = fit_one("timestamp_ntz", array, tz=zone)
        assert wall.to_pylist() == [None, local]
    else:
        with pytest.raises(CastError, match=rf"row 101 .*no such time in {zone}, or there are two"):
            fit_one("timestamp", array, tz=zone)


def test_times_on_a_day_of_change_are_looked_at_one_by_one(fit_one: Fit) -> None:
    local = [f"2024-03-10T{hour}:30:00" for hour in ("01", "03", "23")]
    array: Any = pa.array([*local, None, "2024-03-11T00:00:00"]).cast(pa.timestamp("s"))
    found = fit_one("timestamp", array, tz="America/New_York").cast(pa.string())
    assert found.to_pylist() == [
        "2024-03-10 06:30:00.000000",
        "2024-03-10 07:30:00.000000",
        "2024-03-11 03:30:00.000000",
        None,
        "2024-03-11 04:00:00.000000",
    ]


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63) + 1])
def test_a_zone_never_wraps_a_time_at_the_end_of_its_unit(fit_one: Fit, value: int) -> None:
    array = pa.array([0, value], pa.timestamp("ns"))
    assert ticks(fit_one("timestamp", array)) == [0, value]
    with pytest.raises(CastError, match=r"row 101 .*within a day of the end"):
        fit_one("timestamp", array, tz="Asia/Shanghai")


def test_a_local_time_must_be_in_the_calendar_before_and_after(fit_one: Fit) -> None:
    first = pa.array([FIRST], pa.timestamp("s"))
    assert ticks(fit_one("datetime", first)) == [FIRST * 1000]
    assert ticks(fit_one("datetime", first, tz="America/New_York")) > [FIRST * 1000]
    with pytest.raises(CastError, match="calendar"):
        fit_one("datetime", first, tz="Asia/Shanghai")


def test_an_unknown_zone_is_refused_at_once(fit_one: Fit) -> None:
    with pytest.raises(ConfigError, match="no time zone 'Mars/Base'"):
        fit_one("int", pa.array([1]), tz="Mars/Base")


def test_a_zone_is_never_dropped_in_silence(fit_one: Fit) -> None:
    for target in ("timestamp_ntz", "date"):
        with pytest.raises(SchemaMismatch, match=r"\.dt\.tz_localize\(None\)"):
            fit_one(target, pa.array([0], pa.timestamp("s", "UTC")))


@given(st.integers(-(2**31), 2**31 - 1))
@example(-719_163)
@example(-719_162)
@example(2_932_896)
@example(2_932_897)
def test_dates_of_every_form(fit_one: Fit, day: int) -> None:
    array = pa.array([None, day], pa.int32())
    forms = {
        pa.date32(): array.view(pa.date32()),
        pa.date64(): pa.array([None, day * 86_400_000]).view(pa.date64()),
        pa.timestamp("s"): pa.array([None, day * 86_400], pa.timestamp("s")),
    }
    for form in forms.values():
        if -719_162 <= day <= 2_932_896:
            found = fit_one("date", form)
            assert found.type == pa.date32()
            assert found.cast(pa.int32()).to_pylist() == [None, day]
        else:
            with pytest.raises(CastError, match=r"row 101 .*0001-01-01 to 9999-12-31"):
                fit_one("date", form)


@pytest.mark.parametrize("ticks_", [1, -1, 86_399_999])
def test_a_time_of_day_is_never_dropped_in_silence(fit_one: Fit, ticks_: int) -> None:
    for array in (
        pa.array([0, ticks_], pa.timestamp("ms")),
        pa.array([0, ticks_]).view(pa.date64()),
    ):
        with pytest.raises(CastError, match=r"row 101 .*time of day"):
            fit_one("date", array)


@given(UNITS, st.integers(-(2**63), 2**63 - 1))
def test_durations_become_pairs(fit_one: Fit, unit: Any, value: int) -> None:
    found = fit_one("interval_day_time", pa.array([value, None], pa.duration(unit)))
    assert found.type == PAIR
    sec, rest = divmod(value, PER_SECOND[unit])
    expected = {"sec": sec, "nano": rest * (10**9 // PER_SECOND[unit])}
    assert found.to_pylist() == [expected, None]
    assert fit_one("interval_day_time", found).equals(found)


def test_a_pair_with_too_many_nanoseconds_is_refused(fit_one: Fit) -> None:
    with pytest.raises(CastError, match=r"row 100 .*less than 10"):
        fit_one("interval_day_time", pa.array([{"sec": 0, "nano": 10**9}], PAIR))


@pytest.mark.parametrize(
    "target", ["date", "datetime", "timestamp", "timestamp_ntz", "interval_day_time"]
)
def test_numbers_are_no_times(fit_one: Fit, target: str) -> None:
    with pytest.raises(SchemaMismatch, match=f"int64 .*{target} .*never fits: cast it"):
        fit_one(target, pa.array([0]))

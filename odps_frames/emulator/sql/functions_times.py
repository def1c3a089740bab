"""Functions of dates and times: their parts, sums and differences, in the zone of the query."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from odps_frames.emulator.sql.functions_time_texts import TIME_TEXT_FUNCTIONS
from odps_frames.emulator.sql.time_values import (
    CLOCK_MILLIS,
    kept,
    unit_of,
    wall,
    wall_of_text,
    zone_text,
)
from odps_frames.emulator.sql.values import (
    BIGINT,
    DATE,
    DATETIME,
    DOUBLE,
    INT,
    STRING,
    TIMESTAMP,
    Value,
    engine_type,
    family,
    text_literal,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.calls import Call, Function
    from odps_frames.model.types import DataType

__all__ = ["TIME_FUNCTIONS"]

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_EXTRACTED = frozenset({"year", "month", "day", "hour", "minute", "second"})


def _part(form: str, type_: DataType = INT, *, clock: bool = False) -> Function:
    """Make a function of a part; a text that says no date has none."""

    def carry_out(call: Call) -> Value:
        call.count(1)
        if clock and family(call.args[0].type) == "date":
            raise call.fault(f"{call.name} of a date is not supported here; cast it to datetime")
        time = wall_of_text(call, 0, "mc_clock" if clock else "mc_lax")
        return Value(f"CAST({form.format(time)} AS {engine_type(type_)})", type_)

    return carry_out


def _extract(call: Call) -> Value:
    """Take a part that is named first, as ``extract(year from x)`` is read."""
    call.count(2)
    word = str(call.args[0].constant).lower()
    if word not in _EXTRACTED:
        raise call.fault(f"extract({word} from ...) is not supported here")
    time = wall_of_text(call, 1, "mc_clock" if word in CLOCK_MILLIS else "mc_lax")
    return Value(f"CAST({word}({time}) AS INTEGER)", INT)


def _no_unit(call: Call, place: int) -> bool:
    return call.args[place].type is None


def _dateadd(call: Call) -> Value:
    call.count(3)
    n = call.sql(1, "bigint")
    if _no_unit(call, 2):
        return kept(call, "CAST(NULL AS TIMESTAMP)")
    unit = unit_of(call, 2)
    if unit in CLOCK_MILLIS:
        return _moved(call, f"{n} * {CLOCK_MILLIS[unit]}", unit)
    return kept(call, f"({wall(call, 0)} + CAST({n} AS INTEGER) * INTERVAL 1 {unit})")


def _moved(call: Call, millis: str, unit: str) -> Value:
    """Add to the instant, so that an hour is an hour where clocks are changed, too."""
    value = call.args[0]
    match family(value.type):
        case "date":
            message = f"dateadd of {unit}s to a date is not supported here; cast it to datetime"
            raise call.fault(message)
        case "timestamp" | "timestamp_ntz":
            return Value(f"({value.sql} + ({millis})::HUGEINT * 1000000)", value.type)
        case _:
            return Value(f"({call.sql(0, 'datetime')} + {millis})", DATETIME)


def _datediff(call: Call) -> Value:
    call.count(2, 3)
    unit = "day"
    if len(call.args) == 3:  # noqa: PLR2004  the unit is said
        if _no_unit(call, 2):
            return Value("CAST(NULL AS BIGINT)", BIGINT)
        unit = unit_of(call, 2, without=("week",))
    return Value(f"CAST(date_diff('{unit}', {wall(call, 1)}, {wall(call, 0)}) AS BIGINT)", BIGINT)


def _datetrunc(call: Call) -> Value:
    call.count(2, 3)
    if _no_unit(call, 1):
        return kept(call, "CAST(NULL AS TIMESTAMP)")
    zone = None
    if len(call.args) == 3:  # noqa: PLR2004  with a time zone
        if family(call.args[0].type) != "timestamp":
            raise call.fault("datetrunc takes a time zone only with a timestamp")
        zone = zone_text(call, 2)
    return kept(call, _truncated(call, wall(call, 0, zone)), zone, rest=False)


def _truncated(call: Call, time: str) -> str:
    word = str(call.constant(1, str, "a unit of time")).lower()
    week = re.fullmatch(r"week\((\w+)\)", word)
    if week and week[1] in _DAYS:
        days = (7 - _DAYS.index(week[1])) % 7
        moved = f"date_trunc('week', {time} + INTERVAL {days} day) - INTERVAL {days} day"
        return f"CAST({moved} AS TIMESTAMP)"
    unit = "week" if word == "isoweek" else unit_of(call, 1)
    return f"CAST(date_trunc('{unit}', {time}) AS TIMESTAMP)"


def _datepart(call: Call) -> Value:
    call.count(2)
    if _no_unit(call, 1):
        return Value("CAST(NULL AS BIGINT)", BIGINT)
    unit = unit_of(call, 1, without=("week", "quarter"))
    below = " % 1000" if unit == "millisecond" else ""
    return Value(f"CAST(date_part('{unit}', {wall(call, 0)}){below} AS BIGINT)", BIGINT)


def _days(sign: str) -> Function:
    def carry_out(call: Call) -> Value:
        call.count(2)
        day = f"CAST({wall_of_text(call, 0)} AS DATE)"
        return Value(f"CAST({day} {sign} CAST({call.sql(1, 'bigint')} AS INTEGER) AS DATE)", DATE)

    return carry_out


def _add_months(call: Call) -> Value:
    call.count(2)
    n = f"CAST({call.sql(1, 'bigint')} AS INTEGER)"
    time = f"{wall_of_text(call, 0)} + {n} * INTERVAL 1 month"
    return Value(f"strftime({time}, '%Y-%m-%d')", STRING)


def _last_day(call: Call) -> Value:
    call.count(1)
    return Value(f"strftime(mc_last_day({wall_of_text(call, 0)}), '%Y-%m-%d')", STRING)


def _lastday(call: Call) -> Value:
    call.count(1)
    return Value(f"mc_instant(mc_last_day({wall(call, 0)}))", DATETIME)


def _next_day(call: Call) -> Value:
    call.count(2)
    if call.args[1].type is None:
        return Value("CAST(NULL AS VARCHAR)", STRING)
    word = str(call.constant(1, str, "a day of the week")).lower()
    names = [name for name in _DAYS if word in (name[:2], name[:3], name)]
    if not names:
        raise call.fault(f"{word!r} of next_day is no day of the week; expected such as MO or MON")
    number = _DAYS.index(names[0]) + 1
    return Value(f"mc_next_day({wall_of_text(call, 0)}, {number})", STRING)


def _months_between(call: Call) -> Value:
    call.count(2)
    times = ", ".join(wall_of_text(call, place) for place in (0, 1))
    return Value(f"mc_months({times})", DOUBLE)


def _trunc_time(call: Call) -> Value:
    """Cut a time off, as UTC shows it, and write down what is left."""
    call.count(2)
    words = {"year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d", "hour": "%Y-%m-%d %H:00:00"}
    word = str(call.constant(1, str, "a unit of time")).lower()
    if word not in words:
        raise call.fault(f"unit {word!r} of trunc_time is unknown; expected {', '.join(words)}")
    if word == "hour" and family(call.args[0].type) == "date":
        raise call.fault("trunc_time of a date by the hour is not supported here")
    time = wall(call, 0, text_literal("UTC"))
    return Value(f"strftime({time}, '{words[word]}')", STRING)


def _now(type_: str) -> Function:
    def carry_out(call: Call) -> Value:
        call.count(0)
        if type_ == "datetime":
            return Value(f"CAST({call.context.now} AS BIGINT)", DATETIME)
        return Value(f"CAST({call.context.now * 1_000_000} AS HUGEINT)", TIMESTAMP)

    return carry_out


def _current_date(call: Call) -> Value:
    call.count(0, 1)
    if call.args and call.args[0].type is None:
        return Value("CAST(NULL AS DATE)", DATE)
    now = f"CAST({call.context.now} AS BIGINT)"
    if not call.args:
        return Value(f"CAST(mc_local({now}) AS DATE)", DATE)
    zoned = f"timezone({zone_text(call, 0)}, make_timestamptz({now} * 1000))"
    return Value(f"CAST({zoned} AS DATE)", DATE)


TIME_FUNCTIONS: Mapping[str, Function] = {
    "year": _part("year({})"),
    "quarter": _part("quarter({})"),
    "month": _part("month({})"),
    "day": _part("day({})"),
    "dayofmonth": _part("day({})"),
    "dayofweek": _part("dayofweek({}) + 1"),
    "dayofyear": _part("dayofyear({})"),
    "hour": _part("hour({})", clock=True),
    "minute": _part("minute({})", clock=True),
    "second": _part("second({})", clock=True),
    "weekday": _part("isodow({}) - 1", BIGINT),
    "weekofyear": _part("weekofyear({})", BIGINT),
    "extract": _extract,
    "dateadd": _dateadd,
    "datediff": _datediff,
    "datetrunc": _datetrunc,
    "datepart": _datepart,
    "date_add": _days("+"),
    "date_sub": _days("-"),
    "add_months": _add_months,
    "last_day": _last_day,
    "lastday": _lastday,
    "next_day": _next_day,
    "months_between": _months_between,
    "trunc_time": _trunc_time,
    "getdate": _now("datetime"),
    "now": _now("datetime"),
    "current_timestamp": _now("timestamp"),
    "current_date": _current_date,
    **TIME_TEXT_FUNCTIONS,
}

"""Functions of dates and times, in the time zone of the query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.values import (
    BIGINT,
    BOOLEAN,
    DATE,
    DATETIME,
    STRING,
    TIMESTAMP,
    Value,
    family,
    text_literal,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.calls import Call, Function

__all__ = ["TIME_FUNCTIONS"]

_UNITS = {
    "yyyy": "year",
    "year": "year",
    "month": "month",
    "mon": "month",
    "mm": "month",
    "dd": "day",
    "day": "day",
    "hh": "hour",
    "hour": "hour",
    "mi": "minute",
    "ss": "second",
}
_PATTERN = {"yyyy": "%Y", "mm": "%m", "dd": "%d", "hh": "%H", "mi": "%M", "ss": "%S"}
_JAVA_PATTERN = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}


def _wall(call: Call, place: int) -> str:
    """Return an argument as the wall clock of the query's zone shows it."""
    value = call.args[place]
    match family(value.type):
        case "date":
            return f"CAST({value.sql} AS TIMESTAMP)"
        case "timestamp_ntz":
            return f"mc_wall({value.sql})"
        case "timestamp":
            return f"mc_local(CAST(mc_div({value.sql}, 1000000) AS BIGINT))"
        case _:
            return f"mc_local({call.sql(place, 'datetime')})"


def _part(unit: str) -> Function:
    def carry_out(call: Call) -> Value:
        call.count(1)
        return Value(f"CAST({unit}({_wall(call, 0)}) AS BIGINT)", BIGINT)

    return carry_out


def _unit(call: Call, place: int) -> str:
    word = str(call.constant(place, str, "a unit of time"))
    if word.lower() not in _UNITS:
        raise call.fault(f"unit {word!r} of {call.name} is not supported here")
    return _UNITS[word.lower()]


def _kept(call: Call, wall: str) -> Value:
    """Return a time in the type that the first argument has."""
    match family(call.args[0].type):
        case "date":
            return Value(f"CAST({wall} AS DATE)", DATE)
        case "timestamp" | "timestamp_ntz":
            raise call.fault(
                f"{call.name} of a timestamp is not supported here; cast it to datetime"
            )
        case _:
            return Value(f"mc_instant({wall})", DATETIME)


def _dateadd(call: Call) -> Value:
    call.count(3)
    unit, n, wall = _unit(call, 2), call.sql(1, "bigint"), _wall(call, 0)
    if family(call.args[0].type) == "date" and unit in ("hour", "minute", "second"):
        raise call.fault(f"dateadd of {unit}s to a date is not supported here; cast it to datetime")
    return _kept(call, f"({wall} + CAST({n} AS INTEGER) * INTERVAL 1 {unit})")


def _datediff(call: Call) -> Value:
    call.count(2, 3)
    unit = _unit(call, 2) if len(call.args) > 2 else "day"  # noqa: PLR2004  the unit is said
    return Value(f"CAST(date_diff('{unit}', {_wall(call, 1)}, {_wall(call, 0)}) AS BIGINT)", BIGINT)


def _datetrunc(call: Call) -> Value:
    call.count(2)
    return _kept(call, f"CAST(date_trunc('{_unit(call, 1)}', {_wall(call, 0)}) AS TIMESTAMP)")


def _datepart(call: Call) -> Value:
    call.count(2)
    return Value(f"CAST(date_part('{_unit(call, 1)}', {_wall(call, 0)}) AS BIGINT)", BIGINT)


def _days(sign: str) -> Function:
    def carry_out(call: Call) -> Value:
        call.count(2)
        n = call.sql(1, "bigint")
        return Value(
            f"CAST(CAST({_wall(call, 0)} AS DATE) {sign} CAST({n} AS INTEGER) AS DATE)", DATE
        )

    return carry_out


def _format(call: Call, place: int, words: Mapping[str, str], *, ignore_case: bool) -> str:
    """Translate a pattern that is written out; what is no pattern must be a sign."""
    pattern = str(call.constant(place, str, "a pattern"))
    found, rest = "", pattern
    while rest:
        for word, code in sorted(words.items(), key=lambda item: -len(item[0])):
            head = rest[: len(word)]
            if (head.lower() if ignore_case else head) == word:
                found, rest = found + code, rest[len(word) :]
                break
        else:
            if (rest[0].isascii() and rest[0].isalpha()) or rest[0] in "%'":
                raise call.fault(f"pattern {pattern!r} of {call.name} is not supported here")
            found, rest = found + rest[0], rest[1:]
    return text_literal(found)


def _to_date(call: Call) -> Value:
    call.count(1, 2)
    if len(call.args) == 1:
        return Value(f"CAST({_wall(call, 0)} AS DATE)", DATE)
    pattern = _format(call, 1, _PATTERN, ignore_case=True)
    return Value(f"mc_instant(try_strptime({call.sql(0, 'string')}, {pattern}))", DATETIME)


def _to_char(call: Call) -> Value:
    call.count(1, 2)
    if len(call.args) == 1:
        return call.to(0, STRING)
    return Value(
        f"strftime({_wall(call, 0)}, {_format(call, 1, _PATTERN, ignore_case=True)})", STRING
    )


def _date_format(call: Call) -> Value:
    call.count(2)
    pattern = _format(call, 1, _JAVA_PATTERN, ignore_case=False)
    return Value(f"strftime({_wall(call, 0)}, {pattern})", STRING)


def _now(type_: str) -> Function:
    def carry_out(call: Call) -> Value:
        call.count(0)
        if type_ == "datetime":
            return Value(f"CAST({call.context.now} AS BIGINT)", DATETIME)
        return Value(f"CAST({call.context.now * 1_000_000} AS HUGEINT)", TIMESTAMP)

    return carry_out


def _from_unixtime(call: Call) -> Value:
    call.count(1)
    return Value(f"({call.sql(0, 'bigint')} * 1000)", DATETIME)


def _unix_timestamp(call: Call) -> Value:
    call.count(1)
    return Value(f"CAST(mc_div({call.sql(0, 'datetime')}, 1000) AS BIGINT)", BIGINT)


def _isdate(call: Call) -> Value:
    call.count(2)
    pattern = _format(call, 1, _PATTERN, ignore_case=True)
    return Value(f"(try_strptime({call.sql(0, 'string')}, {pattern}) IS NOT NULL)", BOOLEAN)


TIME_FUNCTIONS: Mapping[str, Function] = {
    "year": _part("year"),
    "month": _part("month"),
    "day": _part("day"),
    "dayofmonth": _part("day"),
    "hour": _part("hour"),
    "minute": _part("minute"),
    "second": _part("second"),
    "quarter": _part("quarter"),
    "weekofyear": _part("weekofyear"),
    "dateadd": _dateadd,
    "datediff": _datediff,
    "datetrunc": _datetrunc,
    "datepart": _datepart,
    "date_add": _days("+"),
    "date_sub": _days("-"),
    "to_date": _to_date,
    "to_char": _to_char,
    "date_format": _date_format,
    "isdate": _isdate,
    "getdate": _now("datetime"),
    "now": _now("datetime"),
    "current_timestamp": _now("timestamp"),
    "from_unixtime": _from_unixtime,
    "unix_timestamp": _unix_timestamp,
}

"""Functions that make times out of texts and numbers, and texts and numbers out of times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.time_patterns import format_text, percent_format, read_text
from odps_frames.emulator.sql.time_values import wall, wall_of_text, zone_text
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

__all__ = ["TIME_TEXT_FUNCTIONS"]

_NO_TEXT = Value("CAST(NULL AS VARCHAR)", STRING)
_ZONED = ("timestamp", "timestamp_ntz")


def _to_date(call: Call) -> Value:
    """Read a date; a text that does not meet its pattern is an error, as the documentation says."""
    call.count(1, 2)
    if len(call.args) == 1:
        if family(call.args[0].type) == "text":
            return Value(f"mc_day({call.args[0].sql})", DATE)
        return Value(f"CAST({wall(call, 0)} AS DATE)", DATE)
    if call.args[1].type is None or call.args[0].type is None:
        return Value("CAST(NULL AS BIGINT)", DATETIME)
    read = read_text(call, 1)
    if read is None:
        return Value("CAST(NULL AS BIGINT)", DATETIME)
    text, pattern = call.sql(0, "string"), str(call.args[1].constant)
    said = text_literal(f" is no date of the pattern {pattern!r}")
    fault = f"CAST(error('''' || {text} || '''' || {said}) AS BIGINT)"
    return Value(
        f"(CASE WHEN {text} IS NOT NULL THEN coalesce(mc_instant({read}), {fault}) END)", DATETIME
    )


def _isdate(call: Call) -> Value:
    call.count(2)
    if call.args[1].type is None or call.args[0].type is None:
        return Value("CAST(NULL AS BOOLEAN)", BOOLEAN)
    read = read_text(call, 1)
    if read is None:
        raise call.fault("isdate by a pattern without yyyy is not supported here")
    text = call.sql(0, "string")
    return Value(f"(CASE WHEN {text} IS NOT NULL THEN ({read}) IS NOT NULL END)", BOOLEAN)


def _to_char(call: Call) -> Value:
    call.count(1, 3)
    if len(call.args) == 1:
        if call.args[0].type == BOOLEAN:
            raise call.fault("to_char of a boolean is not supported here; cast it to string")
        return call.to(0, STRING)
    if call.args[1].type is None:
        return _NO_TEXT
    zoned = family(call.args[0].type) in _ZONED
    if len(call.args) == 3 and family(call.args[0].type) != "timestamp":  # noqa: PLR2004
        raise call.fault("to_char takes a time zone only with a timestamp")
    zone = zone_text(call, 2) if len(call.args) == 3 else None  # noqa: PLR2004  the third one
    code = percent_format(call, 1) if zoned else None
    return Value(f"strftime({wall(call, 0, zone)}, {code or format_text(call, 1)})", STRING)


def _date_format(call: Call) -> Value:
    """Write a time by a pattern in which ``mm`` is the month, wherever it stands.

    So the documentation has it without ``odps.sql.hive.compatible``.
    """
    call.count(2)
    if call.args[1].type is None:
        return _NO_TEXT
    return Value(f"strftime({wall_of_text(call, 0)}, {format_text(call, 1, java=True)})", STRING)


def _from_unixtime(call: Call) -> Value:
    if len(call.args) == 2:  # noqa: PLR2004  with a pattern
        raise call.fault(
            "from_unixtime with a pattern needs odps.sql.hive.compatible, "
            "which is not supported here; use to_char"
        )
    call.count(1)
    return Value(f"({call.sql(0, 'bigint')} * 1000)", DATETIME)


def _unix_timestamp(call: Call) -> Value:
    call.count(1)
    if family(call.args[0].type) == "timestamp":
        return Value(f"CAST(mc_div({call.args[0].sql}, 1000000000) AS BIGINT)", BIGINT)
    return Value(f"CAST(mc_div({call.sql(0, 'datetime')}, 1000) AS BIGINT)", BIGINT)


def _to_millis(call: Call) -> Value:
    call.count(1)
    if family(call.args[0].type) == "timestamp":
        return Value(f"mc_millis({call.args[0].sql})", BIGINT)
    if family(call.args[0].type) not in ("datetime", "null"):
        given = call.args[0].type
        raise call.fault(f"argument 1 of to_millis is {given}; expected datetime or timestamp")
    return Value(call.sql(0, "datetime"), BIGINT)


def _from_utc_timestamp(call: Call) -> Value:
    """Read the clock of the query's zone as if it showed UTC, and show another zone's instead."""
    call.count(2)
    if call.args[1].type is None:
        return Value("CAST(NULL AS HUGEINT)", TIMESTAMP)
    value = call.args[0]
    if family(value.type) == "integer":
        clock = f"mc_local(CAST({value.sql} AS BIGINT))"
    else:
        clock = wall(call, 0)
    moved = f"timezone({zone_text(call, 1)}, timezone('UTC', {clock}))"
    below = f" + mc_mod({value.sql}, 1000000)" if family(value.type) in _ZONED else ""
    return Value(f"(mc_instant({moved})::HUGEINT * 1000000{below})", TIMESTAMP)


def _current_timezone(call: Call) -> Value:
    call.count(0)
    return Value(text_literal(call.context.zone), STRING)


TIME_TEXT_FUNCTIONS: Mapping[str, Function] = {
    "to_date": _to_date,
    "isdate": _isdate,
    "to_char": _to_char,
    "date_format": _date_format,
    "from_unixtime": _from_unixtime,
    "unix_timestamp": _unix_timestamp,
    "to_millis": _to_millis,
    "from_utc_timestamp": _from_utc_timestamp,
    "current_timezone": _current_timezone,
}

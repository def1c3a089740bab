"""Dates and times of every type as wall clocks, and back; units of time; time zones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from odps_frames.emulator.sql.values import (
    DATE,
    DATETIME,
    NTZ,
    TIMESTAMP,
    Value,
    family,
    text_literal,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.calls import Call

__all__ = ["CLOCK_MILLIS", "UNITS", "kept", "unit_of", "wall", "wall_of_text", "zone_text"]

UNITS: Mapping[str, str] = {
    "yyyy": "year",
    "year": "year",
    "quarter": "quarter",
    "q": "quarter",
    "month": "month",
    "mon": "month",
    "mm": "month",
    "week": "week",
    "dd": "day",
    "day": "day",
    "hh": "hour",
    "hour": "hour",
    "mi": "minute",
    "ss": "second",
    "ff3": "millisecond",
}
"""Units as MaxCompute writes them, in any letter case, with the words of DuckDB."""

CLOCK_MILLIS: Mapping[str, int] = {
    "hour": 3_600_000,
    "minute": 60_000,
    "second": 1000,
    "millisecond": 1,
}
"""Units that are as long everywhere, in milliseconds."""

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)
_JAVA_ZONES = frozenset({"PST", "CST"})
"""Short names that the documentation uses, which are no names of the zone database."""


def wall(call: Call, place: int, zone: str | None = None) -> str:
    """Return an argument as the wall clock shows it in a zone, which is that of the query."""
    value = call.args[place]
    match family(value.type):
        case "date":
            return f"CAST({value.sql} AS TIMESTAMP)"
        case "timestamp_ntz":
            return f"mc_wall({value.sql})"
        case "timestamp":
            return _local(f"mc_millis({value.sql})", zone)
        case _:
            return _local(call.sql(place, "datetime"), zone)


def wall_of_text(call: Call, place: int, word: str = "mc_lax") -> str:
    """Return an argument as ``wall`` does; a text that says no date is NULL."""
    if family(call.args[place].type) == "text":
        return f"{word}({call.args[place].sql})"
    return wall(call, place)


def _local(millis: str, zone: str | None) -> str:
    if zone is None:
        return f"mc_local({millis})"
    return f"timezone({zone}, make_timestamptz({millis} * 1000))"


def kept(call: Call, clock: str, zone: str | None = None, *, rest: bool = True) -> Value:
    """Return a wall clock in the type of the first argument, with the digits below microseconds.

    Digits that the clock does not show are those of the argument, unless ``rest`` is false.
    """
    value = call.args[0]
    instant = f"mc_instant({clock})" if zone is None else f"epoch_ms(timezone({zone}, {clock}))"
    match family(value.type):
        case "date":
            return Value(f"CAST({clock} AS DATE)", DATE)
        case "timestamp":
            below = f" + mc_mod({value.sql}, 1000000)" if rest else ""
            return Value(f"({instant}::HUGEINT * 1000000{below})", TIMESTAMP)
        case "timestamp_ntz":
            below = f" + mc_mod({value.sql}, 1000)" if rest else ""
            return Value(f"(mc_civil({clock}){below})", NTZ)
        case _:
            return Value(instant, DATETIME)


def unit_of(call: Call, place: int, *, without: tuple[str, ...] = ()) -> str:
    """Return the unit that an argument names.

    Raises
    ------
    SqlFault
        For a word that is no unit, or none of this function.
    """
    word = str(call.constant(place, str, "a unit of time"))
    found = UNITS.get(word.lower().removeprefix("-"))
    if found is None or found in without:
        known = ", ".join(name for name, unit in UNITS.items() if unit not in without)
        raise call.fault(f"unit {word!r} of {call.name} is not supported here; expected {known}")
    return found


def zone_text(call: Call, place: int) -> str:
    """Return the DuckDB text of an argument that is a time zone, such as Asia/Shanghai or +8.

    Raises
    ------
    SqlFault
        For a literal that is no time zone.
    """
    said = call.args[place].constant
    if not isinstance(said, str):
        return call.sql(place, "string")
    offset = _OFFSET.fullmatch(said)
    if offset:
        sign, hours, minutes = offset.groups()
        return text_literal(f"GMT{sign}{int(hours):02}:{minutes or '00'}")
    if said not in _JAVA_ZONES:
        try:
            ZoneInfo(said)
        except (KeyError, ValueError, OSError):
            raise call.fault(f"{said!r} of {call.name} is no time zone") from None
    return text_literal(said)

"""INTERVAL literals, and times to which they are added."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from odps_frames.emulator.sql.scopes import only
from odps_frames.emulator.sql.values import INTERVAL, Value, family
from odps_frames.model.types import Kind, PrimitiveType

if TYPE_CHECKING:
    from odps_frames.emulator.sql.scopes import Context

__all__ = ["interval", "is_interval", "months_later", "with_interval"]

_MONTHS = PrimitiveType(Kind.INTERVAL_YEAR_MONTH)
_SECOND = 1_000_000_000
_UNITS = {"DAY": 86_400 * _SECOND, "HOUR": 3_600 * _SECOND, "MINUTE": 60 * _SECOND}
_MONTH_UNITS = {"YEAR": 12, "MONTH": 1}
_DAY_TIME = re.compile(r"(-?)(\d+) (\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9}))?")
_YEAR_MONTH = re.compile(r"(-?)(\d+)-(\d{1,2})")
_MILLISECOND = 1_000_000

_MONTHS_LATER = {
    "date": "CAST({0} + to_months({1}) AS DATE)",
    "datetime": "mc_instant(mc_local({0}) + to_months({1}))",
    "timestamp": (
        "(mc_instant(mc_local(CAST(mc_div({0}, 1000000) AS BIGINT)) + to_months({1}))::HUGEINT "
        "* 1000000 + mc_mod({0}, 1000000))"
    ),
    "timestamp_ntz": "(mc_civil(mc_wall({0}) + to_months({1})) + mc_mod({0}, 1000))",
}
"""A time {0} when the calendar shows {1} months more, or the last day of a shorter month."""


def interval(context: Context, node: exp.Expr) -> Value:
    """Bind ``INTERVAL '1' DAY`` and its like.

    Raises
    ------
    SqlFault
        For units that are not known here, and texts that say no interval.
    """
    only(context, node, "this", "unit", what="INTERVAL")
    text, unit = node.this, node.args.get("unit")
    if not isinstance(text, exp.Literal) or unit is None:
        raise context.unsupported(node, "INTERVAL of anything but a literal with a unit")
    said, name = str(text.this), unit.sql().upper()
    months, nanos = _months(said, name), _nanos(said, name)
    if months is not None:
        return Value(f"CAST({months} AS BIGINT)", _MONTHS, months)
    if nanos is not None:
        return Value(f"CAST({nanos} AS HUGEINT)", INTERVAL, nanos)
    raise context.unsupported(node, f"INTERVAL {said!r} {name}")


def _months(text: str, unit: str) -> int | None:
    if unit in _MONTH_UNITS and re.fullmatch(r"-?\d+", text):
        return int(text) * _MONTH_UNITS[unit]
    match = _YEAR_MONTH.fullmatch(text) if unit == "YEAR TO MONTH" else None
    if match is None or int(match[3]) >= 12:  # noqa: PLR2004  months of a year
        return None
    return (-1 if match[1] else 1) * (12 * int(match[2]) + int(match[3]))


def _nanos(text: str, unit: str) -> int | None:
    if unit in _UNITS and re.fullmatch(r"-?\d+", text):
        return int(text) * _UNITS[unit]
    if unit == "SECOND" and (match := re.fullmatch(r"(-?)(\d+)(?:\.(\d{1,9}))?", text)):
        return _signed(match[1], int(match[2]) * _SECOND + _fraction(match[3]))
    match = _DAY_TIME.fullmatch(text) if unit == "DAY TO SECOND" else None
    if match is None or int(match[3]) > 23 or int(match[4]) > 59 or int(match[5]) > 59:  # noqa: PLR2004  a clock
        return None
    whole = int(match[2]) * _UNITS["DAY"] + int(match[3]) * _UNITS["HOUR"]
    seconds = int(match[4]) * 60 + int(match[5])
    return _signed(match[1], whole + seconds * _SECOND + _fraction(match[6]))


def _signed(sign: str, number: int) -> int:
    return -number if sign else number


def _fraction(digits: str | None) -> int:
    return int((digits or "").ljust(9, "0"))


def is_interval(value: Value) -> bool:
    """Whether a value is an interval."""
    return value.type in (INTERVAL, _MONTHS)


def months_later(value: Value, months: str) -> str | None:
    """Return a time some months later, the last day of a shorter month; None for other types."""
    form = _MONTHS_LATER.get(family(value.type))
    return None if form is None else form.format(value.sql, f"CAST({months} AS INTEGER)")


def with_interval(context: Context, node: exp.Expr, sign: str, a: Value, b: Value) -> Value:
    """Add an interval to a time or to another interval, or take it away.

    Raises
    ------
    SqlFault
        Where the calculation is none, or not known here.
    """
    if sign == "+" and is_interval(a) and not is_interval(b):
        a, b = b, a
    message = f"{a.type or 'null'} {sign} {b.type or 'null'}"
    if sign not in ("+", "-") or not is_interval(b):
        raise context.unsupported(node, message)
    if a.type == INTERVAL == b.type or (b.type == INTERVAL and family(a.type) in _INSTANTS):
        return Value(f"({a.sql} {sign} {b.sql})", a.type)
    if b.type == INTERVAL and family(a.type) == "datetime":
        nanos = b.constant if isinstance(b.constant, int) else 1
        if nanos % _MILLISECOND:
            raise context.unsupported(node, f"{message} of such an interval; cast to timestamp")
        return Value(f"({a.sql} {sign} CAST({nanos // _MILLISECOND} AS BIGINT))", a.type)
    form = _MONTHS_LATER.get(family(a.type)) if b.type == _MONTHS else None
    if form is None:
        raise context.unsupported(node, message)
    months = f"CAST({sign}({b.sql}) AS INTEGER)"
    return Value(form.format(a.sql, months), a.type)


_INSTANTS = frozenset({"timestamp", "timestamp_ntz"})

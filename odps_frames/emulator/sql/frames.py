"""Frames of windows: ROWS, RANGE or GROUPS, from one bound to another, and what is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from odps_frames.emulator.sql.casts import implicit
from odps_frames.emulator.sql.scopes import only
from odps_frames.emulator.sql.values import Value, engine_type, family

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odps_frames.emulator.sql.expressions import Binder
    from odps_frames.model.types import DataType

__all__ = ["frame"]

_KINDS = ("ROWS", "RANGE", "GROUPS")
_SIDES = ("PRECEDING", "FOLLOWING")
_EXCLUDED = ("CURRENT ROW", "GROUP", "TIES", "NO OTHERS")
_ORDER = {"UNBOUNDED PRECEDING": 0, "PRECEDING": 1, "CURRENT ROW": 2, "FOLLOWING": 3}
_MEASURED = frozenset({"integer", "float", "decimal"})


def frame(binder: Binder, spec: exp.Expr, keys: Sequence[DataType | None]) -> str:
    """Write a frame.

    Raises
    ------
    SqlFault
        For bounds that are no bounds, or cannot be measured by the keys of the order.
    """
    parts = ("kind", "start", "start_side", "end", "end_side", "exclude")
    only(binder.context, spec, *parts, what="OVER")
    kind = str(spec.args.get("kind") or "").upper()
    if kind not in _KINDS:
        raise binder.context.unsupported(spec, f"{kind} in OVER")
    if kind == "GROUPS" and not keys:
        raise binder.context.fault(spec, "a window by GROUPS needs ORDER BY")
    start, first = _bound(binder, spec, "start", kind, keys)
    end, last = "CURRENT ROW", _ORDER["CURRENT ROW"]
    if spec.args.get("end"):
        end, last = _bound(binder, spec, "end", kind, keys)
    if start == "UNBOUNDED FOLLOWING" or end == "UNBOUNDED PRECEDING" or first > last:
        message = f"a window from {start} to {end}; the start comes first"
        raise binder.context.fault(spec, message)
    return f"{kind} BETWEEN {start} AND {end}{_excluded(binder, spec)}"


def _excluded(binder: Binder, spec: exp.Expr) -> str:
    clause = spec.args.get("exclude")
    if clause is None:
        return ""
    what = clause.name.upper()
    if what not in _EXCLUDED:
        raise binder.context.unsupported(spec, f"EXCLUDE {what}")
    return f" EXCLUDE {what}"


def _bound(
    binder: Binder, spec: exp.Expr, which: str, kind: str, keys: Sequence[DataType | None]
) -> tuple[str, int]:
    """Return a bound, with its place among kinds of bounds."""
    bound, side = spec.args.get(which), str(spec.args.get(f"{which}_side") or "").upper()
    if bound == "CURRENT ROW":
        return "CURRENT ROW", _ORDER["CURRENT ROW"]
    if side not in _SIDES:
        raise binder.context.unsupported(spec, f"such an end of a window by {kind}")
    if bound == "UNBOUNDED":
        text = f"UNBOUNDED {side}"
        return text, _ORDER.get(text, _ORDER["FOLLOWING"])
    number = bound.this if isinstance(bound, exp.Literal) and not bound.is_string else ""
    if kind == "RANGE":
        distance = _distance(binder, spec, bound, keys)
    elif number.isdecimal():
        distance = str(int(number))
    else:
        raise binder.context.unsupported(spec, f"such an end of a window by {kind}")
    return f"{distance} {side}", _ORDER[side]


def _distance(
    binder: Binder, spec: exp.Expr, bound: object, keys: Sequence[DataType | None]
) -> str:
    """Return how far a RANGE goes, in the type of the one key that it is measured by."""
    what = "such an end of a window by RANGE"
    if len(keys) != 1 or family(keys[0]) not in _MEASURED or not isinstance(bound, exp.Literal):
        raise binder.context.unsupported(spec, what)
    value = binder.bind(bound)
    found = implicit(value, keys[0]) if keys[0] is not None else None
    if found is None or isinstance(value.constant, str):
        raise binder.context.unsupported(spec, what)
    return Value(f"CAST({found.sql} AS {engine_type(keys[0])})", keys[0]).sql

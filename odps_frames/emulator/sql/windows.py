"""Functions over windows: ``f(x) OVER (PARTITION BY … ORDER BY … ROWS …)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from odps_frames.emulator.sql.aggregates import AGGREGATES, RANKINGS
from odps_frames.emulator.sql.calls import Call
from odps_frames.emulator.sql.scopes import only
from odps_frames.emulator.sql.values import Value

if TYPE_CHECKING:
    from odps_frames.emulator.sql.expressions import Binder
    from odps_frames.emulator.sql.scopes import Context

__all__ = ["ordering", "window"]

_FRAMED_RANKINGS = frozenset({"first_value", "last_value"})
_NEED_ORDER = frozenset(RANKINGS) - _FRAMED_RANKINGS
_USUAL_FRAME = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
"""Of an order without a frame: a row does not see others of its place that come after it."""


def window(binder: Binder, node: exp.Expr) -> Value:
    """Bind a function with OVER.

    Raises
    ------
    SqlFault
        Where none may stand, and for clauses that are not known here.
    """
    context = binder.context
    if not binder.windows:
        raise context.fault(node, "a window function is not allowed here")
    only(context, node, "this", "partition_by", "order", "spec", "over", what="OVER")
    function = node.this
    if not isinstance(function, exp.Anonymous):
        raise context.unsupported(node, f"{type(function).__name__} with OVER")
    name = function.name.lower()
    framed = name in AGGREGATES or name in _FRAMED_RANKINGS
    over = f" OVER ({_over(binder, node, framed=framed)})"
    if name in AGGREGATES:
        return binder.aggregate(function, over)
    if name in RANKINGS:
        only(context, function, "this", "expressions", what=name)
        arguments = tuple(binder.bind(argument) for argument in function.expressions)
        if name in _NEED_ORDER and node.args.get("order") is None:
            raise context.fault(node, f"function {name} needs ORDER BY in OVER")
        value = RANKINGS[name](Call(name, arguments, context, function))
        return Value(f"({value.sql}{over})", value.type)
    raise context.unsupported(function, f"function {name} with OVER")


def _over(binder: Binder, node: exp.Expr, *, framed: bool) -> str:
    clauses = []
    if keys := node.args.get("partition_by"):
        clauses.append("PARTITION BY " + ", ".join(binder.bind(key).sql for key in keys))
    if order := node.args.get("order"):
        items = [
            ordering(binder.context, item, binder.bind(item.this).sql) for item in order.expressions
        ]
        clauses.append("ORDER BY " + ", ".join(items))
    if spec := node.args.get("spec"):
        clauses.append(_frame(binder.context, spec))
    elif order and framed:
        clauses.append(_USUAL_FRAME)
    return " ".join(clauses)


def ordering(context: Context, node: exp.Expr, sql: str) -> str:
    """Write one item of ORDER BY; NULL is smaller than everything."""
    only(context, node, "this", "desc", "nulls_first", what="ORDER BY")
    way = "DESC" if node.args.get("desc") else "ASC"
    nulls = "FIRST" if node.args.get("nulls_first") else "LAST"
    return f"{sql} {way} NULLS {nulls}"


def _frame(context: Context, spec: exp.Expr) -> str:
    only(context, spec, "kind", "start", "start_side", "end", "end_side", what="OVER")
    kind = str(spec.args.get("kind") or "").upper()
    if kind not in ("ROWS", "RANGE"):
        raise context.unsupported(spec, f"{kind} in OVER")
    start = _bound(context, spec, "start", kind)
    end = _bound(context, spec, "end", kind) if spec.args.get("end") else "CURRENT ROW"
    return f"{kind} BETWEEN {start} AND {end}"


def _bound(context: Context, spec: exp.Expr, which: str, kind: str) -> str:
    bound, side = spec.args.get(which), str(spec.args.get(f"{which}_side") or "").upper()
    if bound == "CURRENT ROW":
        return "CURRENT ROW"
    if bound == "UNBOUNDED" and side in ("PRECEDING", "FOLLOWING"):
        return f"UNBOUNDED {side}"
    number = bound.this if isinstance(bound, exp.Literal) and not bound.is_string else ""
    if not number.isdecimal() or kind != "ROWS" or side not in ("PRECEDING", "FOLLOWING"):
        raise context.unsupported(spec, f"such an end of a window by {kind}")
    return f"{int(number)} {side}"

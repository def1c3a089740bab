"""Functions over windows: ``f(x) OVER (PARTITION BY … ORDER BY … ROWS …)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from odps_frames.emulator.sql.aggregates import AGGREGATES
from odps_frames.emulator.sql.calls import Call
from odps_frames.emulator.sql.frames import frame
from odps_frames.emulator.sql.operators import as_key
from odps_frames.emulator.sql.orders import ordering
from odps_frames.emulator.sql.rankings import RANKINGS, Nulls
from odps_frames.emulator.sql.scopes import only
from odps_frames.emulator.sql.values import Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.expressions import Binder
    from odps_frames.emulator.sql.scopes import Context

__all__ = ["called", "named_windows", "window"]

_FRAMED_RANKINGS = frozenset({"first_value", "last_value", "nth_value"})
_NEED_ORDER = frozenset(RANKINGS) - _FRAMED_RANKINGS
_BY_ROWS = frozenset({"avg", "count", "max", "min", "stddev", "stddev_pop", "stddev_samp", "sum"})
_ROWS_FRAME = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
"""Of these with an order but no frame: a row does not see those of its place that come later."""
_WRAPPERS = (exp.Filter, exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls)


def called(node: exp.Expr) -> exp.Expr:
    """Return the function inside FILTER, WITHIN GROUP and IGNORE NULLS."""
    while isinstance(node, _WRAPPERS):
        node = node.this
    return node


def named_windows(context: Context, select: exp.Expr) -> Mapping[str, exp.Expr]:
    """Return what WINDOW says, by the names in small letters.

    Raises
    ------
    SqlFault
        For a name that stands twice, or that builds on another.
    """
    found: dict[str, exp.Expr] = {}
    for node in select.args.get("windows") or ():
        name = node.name.lower()
        if name in found:
            raise context.fault(node, f"window {name} stands twice")
        if node.args.get("alias"):
            raise context.unsupported(node, f"window {name}, which builds on another one,")
        found[name] = node
    return found


def window(binder: Binder, node: exp.Expr) -> Value:
    """Bind a function with OVER.

    Raises
    ------
    SqlFault
        Where none may stand, and for clauses that are not known here.
    """
    context = binder.context
    if binder.windows is None:
        raise context.fault(node, "a window function is not allowed here")
    only(context, node, *("this", "partition_by", "order", "spec", "over", "alias"), what="OVER")
    function = called(node.this)
    if not isinstance(function, exp.Anonymous):
        raise context.unsupported(node, f"{type(function).__name__} with OVER")
    name = function.name.lower()
    over = f" OVER ({_over(binder, node, name)})"
    if name in AGGREGATES:
        return binder.aggregate(node.this, over)
    if name in RANKINGS:
        return _ranking(binder, node, function, over)
    raise context.unsupported(function, f"function {name} with OVER")


def _ranking(binder: Binder, node: exp.Expr, function: exp.Expr, over: str) -> Value:
    context, name = binder.context, function.name.lower()
    only(context, function, "this", "expressions", what=name)
    if isinstance(node.this, exp.Filter | exp.WithinGroup):
        raise context.unsupported(node, f"{type(node.this).__name__.upper()} of function {name}")
    if name in _NEED_ORDER and _clauses(binder, node).get("order") is None:
        raise context.fault(node, f"function {name} needs ORDER BY in OVER")
    nulls = Nulls.IGNORED if isinstance(node.this, exp.IgnoreNulls) else Nulls.RESPECTED
    arguments = tuple(binder.bind(argument) for argument in function.expressions)
    value = RANKINGS[name](Call(name, arguments, context, function), nulls)
    return Value(f"({value.sql}{over})", value.type)


def _clauses(binder: Binder, node: exp.Expr) -> dict[str, object]:
    """Return the clauses of a window, those of the name that it builds on among them."""
    own = {key: node.args.get(key) for key in ("partition_by", "order", "spec")}
    alias = node.args.get("alias")
    if alias is None:
        return own
    base = (binder.windows or {}).get(alias.name.lower())
    if base is None:
        raise binder.context.fault(node, f"window {alias.name} cannot be resolved")
    only(binder.context, base, "this", "partition_by", "order", "spec", what="WINDOW")
    for key, clause in own.items():
        if clause and (base.args.get(key) or key == "partition_by"):
            word = {"partition_by": "PARTITION BY", "order": "ORDER BY", "spec": "a frame"}[key]
            raise binder.context.fault(node, f"{word} beside window {alias.name}, which says it")
    return {key: clause or base.args.get(key) for key, clause in own.items()}


def _key(binder: Binder, node: exp.Expr) -> Value:
    return as_key(binder.context, node, binder.bind(node))


def _over(binder: Binder, node: exp.Expr, name: str) -> str:
    found, texts = _clauses(binder, node), []
    if keys := found["partition_by"]:
        texts.append("PARTITION BY " + ", ".join(_key(binder, key).sql for key in keys))  # type: ignore[attr-defined]  # a list
    order, spec, keys_bound = found["order"], found["spec"], []
    if isinstance(order, exp.Expr):
        keys_bound = [(item, _key(binder, item.this)) for item in order.expressions]
        items = [ordering(binder.context, item, value.sql) for item, value in keys_bound]
        texts.append("ORDER BY " + ", ".join(items))
    if isinstance(spec, exp.Expr):
        texts.append(frame(binder, spec, [value.type for _, value in keys_bound]))
    elif keys_bound and name in _BY_ROWS:
        texts.append(_ROWS_FRAME)
    return " ".join(texts)

"""Calls of aggregates, with DISTINCT, FILTER and WITHIN GROUP, and of GROUPING."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from odps_frames.emulator.sql.aggregates import AGGREGATES
from odps_frames.emulator.sql.calls import Call
from odps_frames.emulator.sql.names import name_of
from odps_frames.emulator.sql.orders import ordering
from odps_frames.emulator.sql.scopes import only
from odps_frames.emulator.sql.shapes import Shape
from odps_frames.emulator.sql.values import BIGINT, Value

if TYPE_CHECKING:
    from odps_frames.emulator.sql.aggregate import Aggregate
    from odps_frames.emulator.sql.expressions import Binder

__all__ = ["aggregate", "grouping"]


def aggregate(binder: Binder, node: exp.Expr, over: str = "") -> Value:
    """Bind a function of a group, or, given its OVER, of a window.

    Raises
    ------
    SqlFault
        Where no aggregate may stand, and for what the function does not take.
    """
    context = binder.context
    if not over and not binder.aggregates:
        raise context.fault(node, f"function {name_of(_inside(node))} is not allowed here")
    inner = binder if over else binder.plain()
    where = order = ""
    while isinstance(node, exp.Filter | exp.WithinGroup):
        if isinstance(node, exp.Filter):
            where = inner.condition(node.expression.this)
        else:
            order = _order(inner, node.expression)
        node = node.this
    name = name_of(node)
    found = AGGREGATES.get(name) if isinstance(node, exp.Anonymous) else None
    if found is None:
        raise context.unsupported(node, f"FILTER or WITHIN GROUP of {name or type(node).__name__}")
    if order and not found.ordered:
        raise context.unsupported(node, f"function {name} with WITHIN GROUP")
    only(context, node, "this", "expressions", what=name)
    arguments, distinct = _arguments(binder, node, found)
    shape = Shape(distinct=distinct, where=where, order=order, over=over)
    if name == "count" and not distinct and len(arguments) == 1 and _is_star(arguments[0]):
        return Value(shape.call("count", "*"), BIGINT)
    values = tuple(inner.bind(argument) for argument in arguments)
    return found.make(Call(name, values, context, node), shape)


def _inside(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Filter | exp.WithinGroup):
        node = node.this
    return node


def _order(inner: Binder, clause: exp.Expr) -> str:
    only(inner.context, clause, "expressions", what="WITHIN GROUP")
    return ", ".join(
        ordering(inner.context, item, inner.bind(item.this).sql) for item in clause.expressions
    )


def _arguments(binder: Binder, node: exp.Expr, found: Aggregate) -> tuple[list[exp.Expr], str]:
    arguments = list(node.expressions)
    first = arguments[0] if arguments else None
    if not isinstance(first, exp.Distinct):
        return arguments, ""
    only(binder.context, first, "expressions", what="DISTINCT")
    if not found.distinct:
        raise binder.context.unsupported(node, f"{name_of(node)} with DISTINCT")
    return [*first.expressions, *arguments[1:]], "DISTINCT "


def _is_star(node: exp.Expr) -> bool:
    return isinstance(node, exp.Star) and not any(node.args.values())


def grouping(binder: Binder, node: exp.Expr) -> Value:
    """Bind GROUPING and GROUPING_ID: a bit for each key, 1 where rows are not grouped by it.

    Raises
    ------
    SqlFault
        For arguments that are no keys of GROUP BY.
    """
    name, context = name_of(node), binder.context
    only(context, node, "this", "expressions", what=name)
    if not binder.groups:
        raise context.fault(node, f"function {name} without keys of GROUP BY")
    least, most = (1, 1) if name == "grouping" else (1, 63)
    if not least <= len(node.expressions) <= most:
        raise context.fault(node, f"function {name} takes {least} to {most} keys of GROUP BY")
    keys = [binder.plain().bind(item).sql for item in node.expressions]
    if any(key not in binder.groups for key in keys):
        raise context.fault(node, f"function {name} takes keys of GROUP BY only")
    return Value(f"CAST(grouping({', '.join(keys)}) AS BIGINT)", BIGINT)

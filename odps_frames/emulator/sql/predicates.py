"""Conditions with words: IN, LIKE, RLIKE, BETWEEN, IS, EXISTS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from odps_frames.emulator.sql import operators
from odps_frames.emulator.sql.calls import Call
from odps_frames.emulator.sql.functions_patterns import pattern_matches
from odps_frames.emulator.sql.scopes import PARSE, only
from odps_frames.emulator.sql.values import BOOLEAN, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from odps_frames.emulator.sql.expressions import Binder

__all__ = ["between", "exists", "is_among", "is_like", "is_what", "matches"]


def is_what(binder: Binder, node: exp.Expr) -> Value:
    """Bind ``IS NULL``, ``IS TRUE`` and ``IS FALSE``."""
    value, what = binder.bind(node.this), node.expression
    if isinstance(what, exp.Null):
        return Value(f"({value.sql} IS NULL)", BOOLEAN)
    if isinstance(what, exp.Boolean):
        said = operators.truth(binder.context, node, value)
        return Value(f"({said} IS NOT DISTINCT FROM {str(what.this).upper()})", BOOLEAN)
    raise binder.context.unsupported(node, "IS with such a value")


def between(binder: Binder, node: exp.Expr) -> Value:
    """Bind BETWEEN, both ends of which belong to it."""
    only(binder.context, node, "this", "low", "high", what="BETWEEN")
    value = binder.bind(node.this)
    low, high = binder.bind(node.args["low"]), binder.bind(node.args["high"])
    above = operators.compare(binder.context, node, ">=", value, low)
    below = operators.compare(binder.context, node, "<=", value, high)
    return Value(f"({above.sql} AND {below.sql})", BOOLEAN)


def exists(binder: Binder, node: exp.Expr) -> Value:
    """Bind EXISTS."""
    return Value(f"EXISTS ({binder.query(node.this, binder.scope).sql})", BOOLEAN)


def is_among(binder: Binder, node: exp.Expr) -> Value:
    """Bind IN of a list or of a query, of one value or of several at once."""
    only(binder.context, node, "this", "expressions", "query", what="IN")
    inner = node.args.get("query")
    if isinstance(node.this, exp.Tuple):
        values = [binder.bind(item) for item in node.this.expressions]
        if inner is not None:
            return _several_in_query(binder, node, values, inner)
        return _several_in_list(binder, node, values)
    value = binder.bind(node.this)
    if inner is not None:
        return _one_in_query(binder, node, value, inner)
    if not node.expressions:
        raise binder.context.fault(node, "Parse exception - IN ()", PARSE)
    pairs = [
        operators.comparable(binder.context, item, value, binder.bind(item))
        for item in node.expressions
    ]
    by_left: dict[str, list[str]] = {}
    for left, right in pairs:
        by_left.setdefault(left.sql, []).append(right.sql)
    among = [f"{left} IN ({', '.join(items)})" for left, items in by_left.items()]
    return Value("(" + " OR ".join(among) + ")", BOOLEAN)


def _one_in_query(binder: Binder, node: exp.Expr, value: Value, inner: exp.Expr) -> Value:
    bound = binder.query(inner, binder.scope)
    if len(bound.columns) != 1:
        raise binder.context.fault(node, "a query after IN has one column")
    alias = binder.context.alias()
    found = Value(f"{alias}.c0", bound.columns[0][1])
    left, right = operators.comparable(binder.context, node, value, found)
    inside = f"SELECT {right.sql} FROM ({bound.sql}) AS {alias}"
    return Value(f"({left.sql} IN ({inside}))", BOOLEAN)


def _all_same(
    binder: Binder, node: exp.Expr, values: Sequence[Value], others: Sequence[Value]
) -> str:
    if len(values) != len(others):
        message = f"IN of {len(values)} values against {len(others)}"
        raise binder.context.fault(node, message)
    pairs = zip(values, others, strict=True)
    return " AND ".join(operators.compare(binder.context, node, "=", *pair).sql for pair in pairs)


def _several_in_list(binder: Binder, node: exp.Expr, values: Sequence[Value]) -> Value:
    found = []
    for item in node.expressions:
        if not isinstance(item, exp.Tuple):
            raise binder.context.fault(item, f"IN of {len(values)} values against one")
        others = [binder.bind(other) for other in item.expressions]
        found.append(f"({_all_same(binder, item, values, others)})")
    if not found:
        raise binder.context.fault(node, "Parse exception - IN ()", PARSE)
    return Value(f"({' OR '.join(found)})", BOOLEAN)


def _several_in_query(
    binder: Binder, node: exp.Expr, values: Sequence[Value], inner: exp.Expr
) -> Value:
    """Compare by hand: DuckDB takes a row with a NULL as different from any other."""
    bound = binder.query(inner, binder.scope)
    alias = binder.context.alias()
    others = [Value(f"{alias}.c{i}", type_) for i, (_, type_) in enumerate(bound.columns)]
    same = _all_same(binder, node, values, others)
    rows = f"EXISTS (SELECT 1 FROM ({bound.sql}) AS {alias} WHERE"
    return Value(
        f"(CASE WHEN {rows} {same}) THEN TRUE WHEN {rows} ({same}) IS NULL) THEN "
        "CAST(NULL AS BOOLEAN) ELSE FALSE END)",
        BOOLEAN,
    )


def is_like(binder: Binder, node: exp.Expr) -> Value:
    """Bind LIKE, with ESCAPE, ANY or ALL."""
    context, escape = binder.context, "\\"
    if isinstance(node, exp.Escape):
        escape = str(node.expression.this)
        node = node.this
    if not isinstance(node, exp.Like) or len(escape) != 1:
        raise context.unsupported(node, "ESCAPE here")
    only(context, node, "this", "expression", "negate", what="LIKE")
    value = operators.text_of(context, node, binder.bind(node.this))
    word = "NOT LIKE" if node.args.get("negate") else "LIKE"
    quoted = "''''" if escape == "'" else f"'{escape}'"
    patterns, joint = [node.expression], ""
    if isinstance(node.expression, exp.Any | exp.All):
        joint = " OR " if isinstance(node.expression, exp.Any) else " AND "
        if word != "LIKE":
            what = f"{word} {type(node.expression).__name__.upper()}"
            raise context.unsupported(node, what)
        patterns = list(_listed(node.expression.this))
    found = [
        f"({value} {word} {operators.text_of(context, node, binder.bind(pattern))} ESCAPE {quoted})"
        for pattern in patterns
    ]
    return Value(found[0] if len(found) == 1 else f"({joint.join(found)})", BOOLEAN)


def _listed(node: exp.Expr) -> Iterable[exp.Expr]:
    if isinstance(node, exp.Tuple):
        return list(node.expressions)
    return [node.this if isinstance(node, exp.Paren) else node]


def matches(binder: Binder, node: exp.Expr) -> Value:
    """Bind RLIKE: whether a pattern is found in a text."""
    only(binder.context, node, "this", "expression", what="RLIKE")
    sides = binder.bind(node.this), binder.bind(node.expression)
    return pattern_matches(Call("rlike", sides, binder.context, node))

"""Operators: arithmetic, comparison, logic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from odps_frames.emulator.sql.casts import cast, common, compared, implicit
from odps_frames.emulator.sql.decimals import decimals
from odps_frames.emulator.sql.intervals import is_interval, with_interval
from odps_frames.emulator.sql.values import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    STRING,
    Value,
    family,
)
from odps_frames.model.types import DecimalType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.scopes import Context

__all__ = [
    "ARITHMETIC",
    "BITWISE",
    "COMPARISONS",
    "arithmetic",
    "as_key",
    "bitwise",
    "comparable",
    "compare",
    "text_of",
    "truth",
]

COMPARISONS: Mapping[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM",
    exp.NullSafeNEQ: "IS DISTINCT FROM",
}
ARITHMETIC: Mapping[type[exp.Expr], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
    exp.IntDiv: "//",
}
BITWISE: Mapping[type[exp.Expr], str] = {
    exp.BitwiseAnd: "{} & {}",
    exp.BitwiseOr: "{} | {}",
    exp.BitwiseXor: "xor({}, {})",
}
_NUMBERS = frozenset({"integer", "float", "decimal"})


def truth(context: Context, node: exp.Expr, value: Value) -> str:
    """Return the text of a condition.

    Raises
    ------
    SqlFault
        For what is no BOOLEAN.
    """
    if value.type is None:
        return "CAST(NULL AS BOOLEAN)"
    if value.type != BOOLEAN:
        raise context.fault(node, f"a condition is {value.type}; expected boolean")
    return value.sql


def comparable(context: Context, node: exp.Expr, a: Value, b: Value) -> tuple[Value, Value]:
    """Bring two values to the type in which they are compared.

    Raises
    ------
    SqlFault
        When there is none.
    """
    pair = compared(a, b)
    if pair is None:
        raise context.fault(node, f"{a.type or 'null'} and {b.type or 'null'} cannot be compared")
    return pair


def compare(context: Context, node: exp.Expr, sign: str, a: Value, b: Value) -> Value:
    """Compare two values."""
    left, right = comparable(context, node, a, b)
    return Value(f"({left.sql} {sign} {right.sql})", BOOLEAN)


def arithmetic(context: Context, node: exp.Expr, sign: str, a: Value, b: Value) -> Value:
    """Calculate with two numbers, or texts that say numbers."""
    if is_interval(a) or is_interval(b):
        return with_interval(context, node, sign, a, b)
    a, b = (_number(context, node, value) for value in (a, b))
    type_ = common([a.type, b.type]) or BIGINT
    if sign == "/" and not isinstance(type_, DecimalType):
        type_ = DOUBLE
    if sign == "//" and family(type_) != "integer":
        raise context.unsupported(node, f"DIV of {type_}")
    if isinstance(type_, DecimalType):
        return decimals(context, node, sign, a, b)
    left, right = cast(a, type_), cast(b, type_)
    if left is None or right is None:
        raise context.fault(node, f"{a.type} and {b.type} cannot be calculated with")
    divided = f"nullif({right.sql}, 0)" if sign in ("/", "%", "//") else right.sql
    return Value(f"({left.sql} {sign} {divided})", type_)


def _number(context: Context, node: exp.Expr, value: Value) -> Value:
    if value.type is None or family(value.type) in _NUMBERS:
        return value
    found = implicit(value, DOUBLE) if family(value.type) == "text" else None
    if found is None:
        raise context.fault(node, f"{value.type} is no number that can be calculated with")
    return found


def bitwise(context: Context, node: exp.Expr, form: str, a: Value, b: Value) -> Value:
    """Calculate with the bits of two whole numbers, which become BIGINT."""
    for value in (a, b):
        if family(value.type) not in ("integer", "null"):
            raise context.fault(node, f"{value.type} is no whole number")
    left, right = cast(a, BIGINT), cast(b, BIGINT)
    if left is None or right is None:
        raise context.fault(node, "expected whole numbers")
    return Value(f"({form.format(left.sql, right.sql)})", BIGINT)


def as_key(context: Context, node: exp.Expr, value: Value) -> Value:
    """Return a value that rows are grouped, ordered or told apart by.

    Raises
    ------
    SqlFault
        For JSON, which has no order and is not compared.
    """
    if family(value.type) == "json":
        raise context.fault(node, "json cannot be compared; take a value out of it and cast it")
    return value


def text_of(context: Context, node: exp.Expr, value: Value) -> str:
    """Return a value as text, as ``LIKE`` and ``||`` take it."""
    found = implicit(value, STRING)
    if found is None:
        raise context.fault(node, f"{value.type} does not become string by itself; cast it")
    return found.sql

"""Exact calculation with decimals, whose results keep at most 18 digits behind the point.

DuckDB divides decimals as doubles. So numbers are taken without their points, as whole numbers of
128 bits, and what does not fit these is an error, never another digit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.casts import common
from odps_frames.emulator.sql.values import Value, engine_type
from odps_frames.model.types import DecimalType

if TYPE_CHECKING:
    from sqlglot import exp

    from odps_frames.emulator.sql.scopes import Context
    from odps_frames.model.types import DataType

__all__ = ["decimals", "mean_type", "quotient", "unscaled"]

MAX_DIGITS = 38
USUAL_SCALE = 18
_MORE_SCALE = "odps.sql.decimal2.extended.scale.enable"
_MEAN_DIGITS = 4
"""So many digits a mean has more than its numbers."""
_LEAST_SCALE = 6
"""A quotient has so many digits behind the point at least."""
_HALF = 19
"""Two numbers of so many digits have a product that 128 bits hold."""


def decimals(context: Context, node: exp.Expr, sign: str, a: Value, b: Value) -> Value:
    """Calculate with two numbers of which one is a decimal and the other no double."""
    most = MAX_DIGITS if context.on(_MORE_SCALE) else USUAL_SCALE
    one, other = _typed(a), _typed(b)
    match sign:
        case "+" | "-":
            return _added(sign, one, other)
        case "*":
            return _multiplied(context, node, one, other, most)
        case "/":
            return _divided(context, node, one, other, most)
        case _:
            return _remainder(one, other)


def mean_type(type_: DecimalType) -> DecimalType:
    """Return the type of a mean of decimals."""
    scale = max(min(type_.scale + _MEAN_DIGITS, USUAL_SCALE), type_.scale)
    return DecimalType(min(type_.precision + _MEAN_DIGITS, MAX_DIGITS), scale)


def unscaled(sql: str) -> str:
    """Return a decimal without its point, as a whole number."""
    return f"mc_unscaled({sql})"


def quotient(a: str, b: str, tens: int, type_: DecimalType, *, rounded: bool = True) -> Value:
    """Divide two whole numbers and shift the point; digits beyond it are rounded or cut."""
    steps = [10**6] * (tens // 6) + [10 ** (tens % 6)] * (tens % 6 > 0)
    listed = "[" + ", ".join(f"{step}::HUGEINT" for step in steps) + "]::HUGEINT[]"
    return _scaled(f"mc_quotient({a}, {b}, {listed}, {str(rounded).upper()})", type_)


def _scaled(sql: str, type_: DecimalType) -> Value:
    """Give a whole number its point."""
    text = f"CAST({sql} AS DECIMAL({MAX_DIGITS},0))"
    if type_.scale:
        unit = f"0.{'0' * (type_.scale - 1)}1"
        text = f"{text} * CAST('{unit}' AS DECIMAL({type_.scale},{type_.scale}))"
    return Value(f"CAST({text} AS {engine_type(type_)})", type_)


def _typed(value: Value) -> tuple[Value, DecimalType]:
    """Return a number as a decimal that is wide enough for it."""
    found: DataType | None = value.type
    if not isinstance(found, DecimalType):
        found = common([value.type, DecimalType(1, 0)])
    type_ = found if isinstance(found, DecimalType) else DecimalType(1, 0)
    return Value(f"CAST({value.sql} AS {engine_type(type_)})", type_), type_


def _added(sign: str, one: tuple[Value, DecimalType], other: tuple[Value, DecimalType]) -> Value:
    (a, first), (b, second) = one, other
    scale = max(first.scale, second.scale)
    whole = max(first.precision - first.scale, second.precision - second.scale)
    type_ = DecimalType(min(whole + scale + 1, MAX_DIGITS), scale)
    target = engine_type(type_)
    return Value(f"(CAST({a.sql} AS {target}) {sign} CAST({b.sql} AS {target}))::{target}", type_)


def _multiplied(
    context: Context,
    node: exp.Expr,
    one: tuple[Value, DecimalType],
    other: tuple[Value, DecimalType],
    most: int,
) -> Value:
    (a, first), (b, second) = one, other
    digits = min(first.precision + second.precision + 1, MAX_DIGITS)
    scale = first.scale + second.scale
    if scale <= most:
        type_ = DecimalType(digits, scale)
        wide = engine_type(DecimalType(MAX_DIGITS, first.scale))  # or DuckDB stops at 18 digits
        return Value(f"CAST(CAST({a.sql} AS {wide}) * {b.sql} AS {engine_type(type_)})", type_)
    cut = scale - most
    if cut > _HALF:
        raise context.unsupported(node, f"a product of {first} and {second}; cast them")
    tens = ", ".join(f"{10**n}::HUGEINT" for n in (2 * _HALF - cut, _HALF - cut, cut))
    product = f"mc_product({unscaled(a.sql)}, {unscaled(b.sql)}, {tens})"
    return _scaled(product, DecimalType(digits, most))


def _divided(
    context: Context,
    node: exp.Expr,
    one: tuple[Value, DecimalType],
    other: tuple[Value, DecimalType],
    most: int,
) -> Value:
    (a, first), (b, second) = one, other
    wanted = max(_LEAST_SCALE, first.scale + second.precision + 1)
    whole = first.precision - first.scale + second.scale
    scale = min(wanted, most)
    tens = scale + second.scale - first.scale
    if tens < 0:
        raise context.unsupported(node, f"a quotient of {first} and {second}; cast them")
    type_ = DecimalType(min(whole + scale, MAX_DIGITS), scale)
    return quotient(unscaled(a.sql), unscaled(b.sql), tens, type_, rounded=wanted <= most)


def _remainder(one: tuple[Value, DecimalType], other: tuple[Value, DecimalType]) -> Value:
    (a, first), (b, second) = one, other
    scale = max(first.scale, second.scale)
    whole = [type_.precision - type_.scale for type_ in (first, second)]
    wide = engine_type(DecimalType(min(max(whole) + scale, MAX_DIGITS), scale))
    type_ = DecimalType(max(min(min(whole) + scale, MAX_DIGITS), 1), scale)
    rest = f"CAST({a.sql} AS {wide}) % nullif(CAST({b.sql} AS {wide}), 0)"
    return Value(f"CAST({rest} AS {engine_type(type_)})", type_)

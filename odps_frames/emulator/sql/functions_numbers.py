"""Functions of numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from odps_frames.emulator.sql.calls import simple
from odps_frames.emulator.sql.operators import arithmetic
from odps_frames.emulator.sql.values import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    INTEGERS,
    STRING,
    Value,
    engine_type,
    family,
)
from odps_frames.model.types import DecimalType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.calls import Call, Function

__all__ = ["NUMBER_FUNCTIONS"]

_NUMBERS = ("integer", "float", "decimal")
_MOST_DIGITS = 22
"""So many digits behind the point a DOUBLE is rounded to exactly."""


def _number(call: Call, place: int) -> Value:
    """Return an argument that is a number, or text that says one."""
    value = call.args[place]
    return value if family(value.type) in _NUMBERS else call.to(place, DOUBLE)


def _real(form: str) -> Function:
    """Make a function of a double that takes no decimals."""

    def carry_out(call: Call) -> Value:
        call.count(1)
        if isinstance(call.args[0].type, DecimalType):
            raise call.fault(f"{call.name} of decimals is not supported here; cast them to double")
        return Value(f"({form.format(call.sql(0, 'double'))})", DOUBLE)

    return carry_out


def _doubles(form: str, words: str = "double") -> Function:
    """Make a function of doubles, which decimals become."""
    return simple((words, "double", form))


def _constant(number: float) -> Function:
    return simple(("", "double", f"CAST('{number!r}' AS DOUBLE)"))


def _signed(form: str) -> Function:
    def carry_out(call: Call) -> Value:
        call.count(1)
        value = call.args[0]
        if family(value.type) not in (*_NUMBERS, "null"):
            raise call.fault(
                f"argument 1 of function {call.name} is {value.type}; expected a number"
            )
        return Value(f"({form.format(value.sql)})", value.type)

    return carry_out


def _abs(call: Call) -> Value:
    call.count(1)
    value = _number(call, 0)
    return Value(f"abs({value.sql})", value.type)


def _whole(word: str) -> Function:
    def carry_out(call: Call) -> Value:
        call.count(1)
        value = _number(call, 0)
        if family(value.type) == "integer":
            return Value(f"CAST({value.sql} AS BIGINT)", BIGINT)
        return Value(f"CAST({word}({value.sql}) AS BIGINT)", BIGINT)

    return carry_out


def _digits(call: Call) -> int | None:
    """Return the number of digits that is written out; None where it is NULL."""
    call.count(1, 2)
    if len(call.args) == 1:
        return 0
    if call.args[1].type is None:
        return None
    return int(str(call.constant(1, int, "a whole number")))


def _round(call: Call) -> Value:
    digits, value = _digits(call), _number(call, 0)
    if digits is not None and isinstance(value.type, DecimalType):
        if digits < 0:
            raise call.fault("round of decimals before the point is not supported here")
        type_ = DecimalType(value.type.precision, min(digits, value.type.scale))
        return Value(f"CAST(round({value.sql}, {type_.scale}) AS {engine_type(type_)})", type_)
    return _rounded(call, value, digits, "mc_half_up", "round")


def _trunc(call: Call) -> Value:
    digits, value = _digits(call), _number(call, 0)
    if digits is not None and isinstance(value.type, DecimalType):
        kept = f"trunc({value.sql}, {digits})" if digits < value.type.scale else value.sql
        return Value(f"CAST({kept} AS {engine_type(value.type)})", value.type)
    return _rounded(call, value, digits, "mc_cut", "trunc")


def _rounded(call: Call, value: Value, digits: int | None, word: str, whole: str) -> Value:
    if digits is None:
        return Value("CAST(NULL AS DOUBLE)", DOUBLE)
    real = f"CAST({value.sql} AS DOUBLE)"
    if family(value.type) == "integer" and digits >= 0:
        return Value(real, DOUBLE)
    if digits > _MOST_DIGITS:
        raise call.fault(f"{call.name} to more than {_MOST_DIGITS} digits is not supported here")
    if digits >= 0:
        return Value(f"{word}({real}, {digits})", DOUBLE)
    return Value(f"mc_whole_{whole}({real}, {digits})", DOUBLE)


def _integer(call: Call, place: int) -> Value:
    value = call.args[place]
    if family(value.type) not in ("integer", "null"):
        raise call.fault(
            f"argument {place + 1} of function {call.name} is {value.type}; expected a whole number"
        )
    return value


def _shift(word: str) -> Function:
    def carry_out(call: Call) -> Value:
        call.count(2)
        value, n = _integer(call, 0), _integer(call, 1)
        type_ = BIGINT if value.type in (BIGINT, None) else INTEGERS[2]
        bits = 64 if type_ == BIGINT else 32
        target = engine_type(type_)
        return Value(f"CAST({word}({value.sql}, {n.sql}, {bits}) AS {target})", type_)

    return carry_out


def _of_integer(form: str, result: str) -> Function:
    type_ = STRING if result == "string" else BIGINT

    def carry_out(call: Call) -> Value:
        call.count(1)
        return Value(form.format(f"CAST({_integer(call, 0).sql} AS BIGINT)"), type_)

    return carry_out


def _bit_count(call: Call) -> Value:
    call.count(1)
    value = call.args[0]
    if value.type is None:
        raise call.fault("argument 1 of function bit_count is NULL; expected a whole number")
    if value.type == BOOLEAN:
        return Value(f"CAST({value.sql} AS BIGINT)", BIGINT)
    return Value(f"CAST(bit_count({_integer(call, 0).sql}) AS BIGINT)", BIGINT)


def _isnan(call: Call) -> Value:
    call.count(1)
    return Value(f"coalesce(isnan({call.sql(0, 'double')}), FALSE)", BOOLEAN)


def _rand(call: Call) -> Value:
    call.count(0, 1)
    if call.args:
        raise call.fault(
            "rand with a seed, whose numbers are the service's own, is not supported here"
        )
    return Value("random()", DOUBLE)


def _conv(call: Call) -> Value:
    call.count(3)
    if family(call.args[0].type) not in ("text", "null"):
        raise call.fault(f"argument 1 of function conv is {call.args[0].type}; expected string")
    bases = [call.args[1], call.args[2]]
    for place, base in enumerate(bases, 2):
        if base.type is not None and base.constant not in (2, 8, 10, 16):
            raise call.fault(
                f"argument {place} of function conv must be 2, 8, 10 or 16 written out"
            )
    items = [call.sql(0, "string"), call.sql(1, "bigint"), call.sql(2, "bigint")]
    return Value(f"mc_py_conv({', '.join(items)})", STRING)


def _mod(call: Call) -> Value:
    call.count(2)
    return arithmetic(call.context, call.node, "%", call.args[0], call.args[1])


def _pmod(call: Call) -> Value:
    call.count(2)
    rest = _mod(call)
    if isinstance(rest.type, DecimalType):
        raise call.fault("pmod of decimals is not supported here; cast them to double")
    added = arithmetic(call.context, call.node, "+", rest, call.args[1])
    return arithmetic(call.context, call.node, "%", added, call.args[1])


NUMBER_FUNCTIONS: Mapping[str, Function] = {
    "abs": _abs,
    "ceil": _whole("ceil"),
    "ceiling": _whole("ceil"),
    "floor": _whole("floor"),
    "round": _round,
    "trunc": _trunc,
    "negative": _signed("-{0}"),
    "positive": _signed("{0}"),
    "sign": _real("CAST(sign({0}) AS DOUBLE)"),
    "mod": _mod,
    "pmod": _pmod,
    "pow": _doubles("pow({0}, {1})", "double double"),
    "power": _doubles("pow({0}, {1})", "double double"),
    "sqrt": _doubles("CASE WHEN {0} >= 0 THEN sqrt({0}) END"),
    "cbrt": _real("cbrt({0})"),
    "exp": _doubles("exp({0})"),
    "ln": _doubles("CASE WHEN {0} > 0 THEN ln({0}) END"),
    "log": _doubles(
        "CASE WHEN {0} > 0 AND {0} <> 1 AND {1} > 0 THEN ln({1}) / ln({0}) END", "double double"
    ),
    "log2": _doubles("CASE WHEN {0} > 0 THEN ln({0}) / ln(2) END"),
    "log10": _doubles("CASE WHEN {0} > 0 THEN log10({0}) END"),
    "e": _constant(math.e),
    "pi": _constant(math.pi),
    "degrees": _doubles("{0} * 180 / pi()"),
    "radians": _doubles("radians({0})"),
    "sin": _doubles("sin({0})"),
    "cos": _doubles("cos({0})"),
    "tan": _doubles("tan({0})"),
    "cot": _doubles("cot({0})"),
    "asin": _doubles("CASE WHEN {0} BETWEEN -1 AND 1 THEN asin({0}) END"),
    "acos": _doubles("CASE WHEN {0} BETWEEN -1 AND 1 THEN acos({0}) END"),
    "atan": _doubles("atan({0})"),
    "atan2": _doubles("atan2({0}, {1})", "double double"),
    "sinh": _doubles("sinh({0})"),
    "cosh": _doubles("cosh({0})"),
    "tanh": _doubles("tanh({0})"),
    "isnan": _isnan,
    "rand": _rand,
    "factorial": _of_integer("mc_factorial({0})", "bigint"),
    "bin": _of_integer("bin({0})", "string"),
    "conv": _conv,
    "width_bucket": simple(
        ("double double double bigint", "bigint", "mc_bucket({0}, {1}, {2}, {3})")
    ),
    "bit_count": _bit_count,
    "bitand": simple(("bigint bigint", "bigint", "{0} & {1}")),
    "bitor": simple(("bigint bigint", "bigint", "{0} | {1}")),
    "bitxor": simple(("bigint bigint", "bigint", "xor({0}, {1})")),
    "shiftleft": _shift("mc_shiftleft"),
    "shiftright": _shift("mc_shiftright"),
    "shiftrightunsigned": _shift("mc_shiftunsigned"),
}

"""Functions of numbers, texts and conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.calls import simple
from odps_frames.emulator.sql.casts import compared
from odps_frames.emulator.sql.values import BIGINT, BOOLEAN, DOUBLE, STRING, Value, family
from odps_frames.model.types import ArrayType, DecimalType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.calls import Call, Function
    from odps_frames.model.types import DataType

__all__ = ["PLAIN_FUNCTIONS"]

_NUMBERS = ("integer", "float", "decimal")


def _number(call: Call, place: int) -> Value:
    """Return an argument that is a number, or text that says one."""
    value = call.args[place]
    return value if family(value.type) in _NUMBERS else call.to(place, DOUBLE)


def _abs(call: Call) -> Value:
    call.count(1)
    value = _number(call, 0)
    return Value(f"abs({value.sql})", value.type)


def _whole(word: str) -> Function:
    def carry_out(call: Call) -> Value:
        call.count(1)
        value = _number(call, 0)
        if family(value.type) == "integer":
            return Value(value.sql, BIGINT)
        return Value(f"CAST({word}({value.sql}) AS BIGINT)", BIGINT)

    return carry_out


def _round(call: Call) -> Value:
    call.count(1, 2)
    digits = int(str(call.constant(1, int, "a whole number"))) if len(call.args) > 1 else 0
    value = _number(call, 0)
    if family(value.type) == "integer" and digits >= 0:
        return Value(f"CAST({value.sql} AS DOUBLE)", DOUBLE)
    if isinstance(value.type, DecimalType):
        if not 0 <= digits <= value.type.scale:
            raise call.fault("round to such a digit is not supported here")
        type_ = DecimalType(value.type.precision, digits)
        return Value(f"CAST(round({value.sql}, {digits}) AS {_engine(type_)})", type_)
    if not 0 <= digits <= 15:  # noqa: PLR2004  digits of a double
        raise call.fault("round to such a digit is not supported here")
    return Value(f"mc_half_up(CAST({value.sql} AS DOUBLE), {digits})", DOUBLE)


def _engine(type_: DecimalType) -> str:
    return f"DECIMAL({type_.precision},{type_.scale})"


def _trunc(call: Call) -> Value:
    call.count(1, 2)
    digits = int(str(call.constant(1, int, "a whole number"))) if len(call.args) > 1 else 0
    value = _number(call, 0)
    if isinstance(value.type, DecimalType) or not 0 <= digits <= 15:  # noqa: PLR2004
        raise call.fault("trunc of such a number is not supported here")
    return Value(f"mc_cut(CAST({value.sql} AS DOUBLE), {digits})", DOUBLE)


def _extreme(word: str) -> Function:
    def carry_out(call: Call) -> Value:
        call.count(2, 100)
        type_, values = _ordered(call)
        text = f"{word}({', '.join(value.sql for value in values)})"
        if word == "least":  # NULL is smaller than everything
            nulls = " OR ".join(f"{value.sql} IS NULL" for value in values)
            text = f"(CASE WHEN {nulls} THEN NULL ELSE {text} END)"
        return Value(text, type_)

    return carry_out


def _ordered(call: Call) -> tuple[DataType | None, list[Value]]:
    """Return arguments in the type in which the greatest of them is sought."""
    families = {family(value.type) for value in call.args} - {"null"}
    if len(families) > 1 and "text" in families and families <= {"text", "integer", "float"}:
        return DOUBLE, [call.to(place, DOUBLE) for place in range(len(call.args))]
    if len(families) > 1 and ("text" in families or families >= {"decimal", "float"}):
        kinds = ", ".join(sorted({str(value.type) for value in call.args if value.type}))
        raise call.fault(f"{call.name} of {kinds} is not supported here; cast them to one type")
    return call.meeting(*range(len(call.args)))


def _coalesce(call: Call) -> Value:
    call.count(1, 100)
    type_, values = call.meeting(*range(len(call.args)))
    return Value(f"coalesce({', '.join(value.sql for value in values)})", type_)


def _nvl(call: Call) -> Value:
    call.count(2)
    return _coalesce(call)


def _nvl2(call: Call) -> Value:
    call.count(3)
    type_, (yes, no) = call.meeting(1, 2)
    return Value(
        f"(CASE WHEN {call.args[0].sql} IS NOT NULL THEN {yes.sql} ELSE {no.sql} END)", type_
    )


def _nullif(call: Call) -> Value:
    call.count(2)
    pair = compared(call.args[0], call.args[1])
    if pair is None:
        raise call.fault("arguments of nullif cannot be compared")
    first = call.args[0]
    return Value(
        f"(CASE WHEN {pair[0].sql} = {pair[1].sql} THEN NULL ELSE {first.sql} END)", first.type
    )


def _concat(call: Call) -> Value:
    call.count(1, 1000)
    if isinstance(call.args[0].type, ArrayType):
        raise call.fault("concat of arrays is not supported here")
    items = [call.sql(place, "string") for place in range(len(call.args))]
    return Value("(" + " || ".join(items) + ")", STRING)


def _concat_ws(call: Call) -> Value:
    call.count(3, 1000)
    separator, *items = [call.sql(place, "string") for place in range(len(call.args))]
    return Value("(" + f" || {separator} || ".join(items) + ")", STRING)


def _trim(word: str) -> Function:
    def carry_out(call: Call) -> Value:
        call.count(1, 2)
        items = [call.sql(place, "string") for place in range(len(call.args))]
        return Value(f"{word}({', '.join(items)})", STRING)

    return carry_out


def _instr(call: Call) -> Value:
    call.count(2, 4)
    start = call.sql(2, "bigint") if len(call.args) > 2 else "1"  # noqa: PLR2004  the third one
    nth = call.sql(3, "bigint") if len(call.args) > 3 else "1"  # noqa: PLR2004  the fourth one
    if len(call.args) > 2 and not _positive(call.args[2].constant):  # noqa: PLR2004
        raise call.fault("instr from a place that is no positive number is not supported here")
    if len(call.args) > 3 and not _positive(call.args[3].constant):  # noqa: PLR2004
        raise call.fault("instr counts occurrences by a positive number")
    text, sought = call.sql(0, "string"), call.sql(1, "string")
    places = f"mc_places({text}, {sought}, {start})"
    return Value(
        f"(CASE WHEN {text} IS NULL OR {sought} IS NULL THEN NULL "
        f"ELSE coalesce({places}[{nth}], CAST(0 AS BIGINT)) END)",
        BIGINT,
    )


def _positive(constant: object) -> bool:
    return isinstance(constant, int) and constant > 0


def _split_part(call: Call) -> Value:
    call.count(3, 4)
    text, separator = call.sql(0, "string"), call.sql(1, "string")
    first = call.constant(2, int, "a number other than 0")
    if first == 0:
        raise call.fault("split_part counts from 1; 0 is no part")
    if not call.constant(1, str, "a separator"):
        return Value(text, STRING)
    if len(call.args) == 3:  # noqa: PLR2004  without a last part
        return Value(f"split_part({text}, {separator}, {first})", STRING)
    last = call.constant(3, int, "a number from the first one on")
    if not (isinstance(first, int) and isinstance(last, int) and 0 < first <= last):
        raise call.fault("split_part of such parts is not supported here")
    parts = f"list_slice(string_split({text}, {separator}), {first}, {last})"
    return Value(f"array_to_string({parts}, {separator})", STRING)


def _substr(call: Call) -> Value:
    call.count(2, 3)
    items = [call.sql(0, "string"), *(call.sql(i, "bigint") for i in range(1, len(call.args)))]
    word = "mc_substr" if len(items) == 2 else "mc_substr3"  # noqa: PLR2004  without a length
    return Value(f"{word}({', '.join(items)})", STRING)


def _is(what: str) -> Function:
    def carry_out(call: Call) -> Value:
        call.count(1)
        return Value(f"({call.args[0].sql} IS {what})", BOOLEAN)

    return carry_out


def _math(word: str) -> Function:
    return simple(("double", "double", word + "({0})"))


PLAIN_FUNCTIONS: Mapping[str, Function] = {
    "abs": _abs,
    "ceil": _whole("ceil"),
    "ceiling": _whole("ceil"),
    "floor": _whole("floor"),
    "round": _round,
    "trunc": _trunc,
    "greatest": _extreme("greatest"),
    "least": _extreme("least"),
    "pow": simple(("double double", "double", "pow({0}, {1})")),
    "power": simple(("double double", "double", "pow({0}, {1})")),
    "sqrt": simple(("double", "double", "CASE WHEN {0} >= 0 THEN sqrt({0}) END")),
    "exp": _math("exp"),
    "ln": simple(("double", "double", "CASE WHEN {0} > 0 THEN ln({0}) END")),
    "sin": _math("sin"),
    "cos": _math("cos"),
    "tan": _math("tan"),
    "atan": _math("atan"),
    "bitand": simple(("bigint bigint", "bigint", "{0} & {1}")),
    "bitor": simple(("bigint bigint", "bigint", "{0} | {1}")),
    "bitxor": simple(("bigint bigint", "bigint", "xor({0}, {1})")),
    "coalesce": _coalesce,
    "nvl": _nvl,
    "nvl2": _nvl2,
    "nullif": _nullif,
    "concat": _concat,
    "concat_ws": _concat_ws,
    "length": simple(("string", "bigint", "length({0})")),
    "lengthb": simple(("string", "bigint", "strlen({0})")),
    "lower": simple(("string", "string", "lower({0})")),
    "tolower": simple(("string", "string", "lower({0})")),
    "upper": simple(("string", "string", "upper({0})")),
    "toupper": simple(("string", "string", "upper({0})")),
    "trim": _trim("trim"),
    "ltrim": _trim("ltrim"),
    "rtrim": _trim("rtrim"),
    "reverse": simple(("string", "string", "reverse({0})")),
    "repeat": simple(("string bigint", "string", "repeat({0}, {1})")),
    "replace": simple(
        (
            "string string string",
            "string",
            "CASE WHEN {1} = '' THEN {0} ELSE replace({0}, {1}, {2}) END",
        )
    ),
    "lpad": simple(("string bigint string", "string", "lpad({0}, CAST({1} AS INTEGER), {2})")),
    "rpad": simple(("string bigint string", "string", "rpad({0}, CAST({1} AS INTEGER), {2})")),
    "substr": _substr,
    "substring": _substr,
    "instr": _instr,
    "split_part": _split_part,
    "md5": simple(("string", "string", "md5({0})")),
    "sha": simple(("string", "string", "sha1({0})")),
    "sha1": simple(("string", "string", "sha1({0})")),
    "base64": simple(("binary", "string", "to_base64({0})")),
    "unbase64": simple(("string", "binary", "from_base64({0})")),
    "isnull": _is("NULL"),
    "isnotnull": _is("NOT NULL"),
}

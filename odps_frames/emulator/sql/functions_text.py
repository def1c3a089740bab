"""Functions of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.calls import simple
from odps_frames.emulator.sql.values import (
    BIGINT,
    DOUBLE,
    STRING,
    Value,
    engine_type,
    family,
    text_literal,
)
from odps_frames.model.types import ArrayType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.calls import Call, Function

__all__ = ["TEXT_FUNCTIONS"]

_NULL_TEXT = "CAST(NULL AS VARCHAR)"


def _concat(call: Call) -> Value:
    if not call.args:
        return Value(_NULL_TEXT, STRING)
    if any(isinstance(value.type, ArrayType) for value in call.args):
        return _concat_arrays(call)
    items = [call.sql(place, "string") for place in range(len(call.args))]
    return Value("(" + " || ".join(items) + ")", STRING)


def _concat_arrays(call: Call) -> Value:
    type_, values = call.meeting(*range(len(call.args)))
    if not isinstance(type_, ArrayType):
        raise call.fault("function concat takes texts only, or arrays only")
    items = [f"CAST({value.sql} AS {engine_type(type_)})" for value in values]
    return Value("(" + " || ".join(items) + ")", type_)


def _concat_ws(call: Call) -> Value:
    if len(call.args) == 2 and isinstance(call.args[1].type, ArrayType):  # noqa: PLR2004
        return _concat_elements(call)
    call.count(3, 1000)
    separator, *items = [call.sql(place, "string") for place in range(len(call.args))]
    return Value("(" + f" || {separator} || ".join(items) + ")", STRING)


def _concat_elements(call: Call) -> Value:
    separator, array = call.sql(0, "string"), call.args[1]
    if not isinstance(array.type, ArrayType) or family(array.type.element) != "text":
        raise call.fault(f"argument 2 of function concat_ws is {array.type}; expected texts")
    nulls = f"len({array.sql}) > list_count({array.sql})"
    fault = "error('concat_ws of an array with a NULL in it is not supported here')"
    joined = f"CASE len({array.sql}) WHEN 0 THEN '' ELSE mc_joined({array.sql}, {separator}) END"
    return Value(
        f"(CASE WHEN {separator} IS NULL OR {array.sql} IS NULL THEN NULL "
        f"WHEN {nulls} THEN {fault} ELSE {joined} END)",
        STRING,
    )


def _trim(word: str) -> Function:
    def carry_out(call: Call) -> Value:
        call.count(1, 2)
        items = [call.sql(place, "string") for place in range(len(call.args))]
        return Value(f"{word}({', '.join(items)})", STRING)

    return carry_out


def _pad(side: str) -> Function:
    return simple(("string bigint string", "string", f"mc_padded('{side}', {{0}}, {{1}}, {{2}})"))


def _substr(call: Call) -> Value:
    call.count(2, 3)
    items = [call.sql(0, "string"), *(call.sql(i, "bigint") for i in range(1, len(call.args)))]
    word = "mc_substr" if len(items) == 2 else "mc_substr3"  # noqa: PLR2004  without a length
    return Value(f"{word}({', '.join(items)})", STRING)


def _split_part(call: Call) -> Value:
    call.count(3, 4)
    text, separator = call.sql(0, "string"), call.sql(1, "string")
    if any(value.type is None for value in (call.args[0], *call.args[2:])):
        return Value(_NULL_TEXT, STRING)
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
    return Value(
        f"(CASE WHEN {text} IS NOT NULL THEN array_to_string({parts}, {separator}) END)", STRING
    )


def _instr(call: Call) -> Value:
    call.count(2, 4)
    items = [call.sql(0, "string"), call.sql(1, "string")]
    if len(items) == len(call.args):
        return Value(f"CAST(instr({', '.join(items)}) AS BIGINT)", BIGINT)
    items += [call.sql(i, "bigint") if len(call.args) > i else "1" for i in (2, 3)]
    return Value(f"CAST(mc_instr({', '.join(items)}) AS BIGINT)", BIGINT)


def _keyvalue(call: Call) -> Value:
    if len(call.args) not in (2, 4):
        raise call.fault(f"function keyvalue takes 2 or 4 arguments, not {len(call.args)}")
    items = [call.sql(place, "string") for place in range(len(call.args))]
    if len(items) == 2:  # noqa: PLR2004  without separators
        items[1:1] = ["';'", "':'"]
    elif "" in (call.args[1].constant, call.args[2].constant):
        raise call.fault("separators of keyvalue must not be empty")
    return Value(f"mc_keyvalue({', '.join(items)})", STRING)


_URL_PARTS: Mapping[str, str] = {
    "PROTOCOL": "mc_url({0}, 1)",
    "AUTHORITY": "mc_url({0}, 2)",
    "HOST": "mc_url_host({0})",
    "USERINFO": "mc_url_user({0})",
    "PATH": "mc_url_path({0})",
    "QUERY": "mc_url({0}, 4)",
    "FILE": "(mc_url_path({0}) || coalesce('?' || mc_url({0}, 4), ''))",
    "REF": "mc_url({0}, 5)",
}


def _parse_url(call: Call) -> Value:
    call.count(2, 3)
    if call.args[1].type is None:
        return Value(_NULL_TEXT, STRING)
    part = str(call.constant(1, str, "a part of a URL")).upper()
    if part not in _URL_PARTS:
        raise call.fault(f"{part!r} is no part of a URL; expected {', '.join(_URL_PARTS)}")
    found = _URL_PARTS[part].format(call.sql(0, "string"))
    if len(call.args) == 3:  # noqa: PLR2004  a key of the query
        if part != "QUERY":
            raise call.fault(f"parse_url takes a key with QUERY, not with {part}")
        found = f"mc_url_key({found}, {call.sql(2, 'string')})"
    return Value(found, STRING)


def _format_number(call: Call) -> Value:
    call.count(2)
    value, form = call.args
    if family(value.type) not in ("integer", "float", "decimal"):
        value = call.to(0, DOUBLE)
    if family(form.type) == "text":
        shape = text_literal(str(call.constant(1, str, "a format such as '#,###.##'")))
    else:
        shape = f"CAST({call.sql(1, 'bigint')} AS VARCHAR)"
    return Value(f"mc_py_format_number(CAST({value.sql} AS VARCHAR), {shape})", STRING)


def _text(form: str) -> Function:
    return simple(("string", "string", form))


_LOWER, _UPPER = _text("mc_lower({0})"), _text("mc_upper({0})")

TEXT_FUNCTIONS: Mapping[str, Function] = {
    "ascii": simple(("string", "bigint", "mc_ascii({0})")),
    "chr": simple(("bigint", "string", "mc_chr({0})")),
    "char_matchcount": simple(("string string", "bigint", "mc_matchcount({0}, {1})")),
    "concat": _concat,
    "concat_ws": _concat_ws,
    "find_in_set": simple(
        ("string string", "bigint", "mc_find_in_set({0}, {1}, ',')"),
        ("string string string", "bigint", "mc_find_in_set({0}, {1}, {2})"),
    ),
    "format_number": _format_number,
    "initcap": _text("mc_titled({0})"),
    "instr": _instr,
    "keyvalue": _keyvalue,
    "length": simple(("string", "bigint", "length({0})")),
    "lengthb": simple(("string", "bigint", "strlen({0})")),
    "locate": simple(
        ("string string", "bigint", "instr({1}, {0})"),
        ("string string bigint", "bigint", "CAST(mc_locate({0}, {1}, {2}) AS BIGINT)"),
    ),
    "lower": _LOWER,
    "tolower": _LOWER,
    "upper": _UPPER,
    "toupper": _UPPER,
    "lpad": _pad("left"),
    "rpad": _pad("right"),
    "trim": _trim("trim"),
    "ltrim": _trim("ltrim"),
    "rtrim": _trim("rtrim"),
    "parse_url": _parse_url,
    "repeat": simple(("string bigint", "string", "mc_repeated({0}, {1})")),
    "replace": simple(
        (
            "string string string",
            "string",
            "CASE WHEN {1} = '' THEN {0} ELSE replace({0}, {1}, {2}) END",
        )
    ),
    "reverse": _text("reverse({0})"),
    "soundex": _text("mc_py_soundex({0})"),
    "space": simple(("bigint", "string", "mc_repeated(' ', {0})")),
    "split_part": _split_part,
    "substr": _substr,
    "substring": _substr,
    "substring_index": simple(
        ("string string bigint", "string", "mc_substring_index({0}, {1}, {2})")
    ),
    "translate": simple(("string string string", "string", "translate({0}, {1}, {2})")),
    "url_encode": simple(
        ("string", "string", "mc_py_url_encode({0}, 'UTF-8')"),
        ("string string", "string", "mc_py_url_encode({0}, {1})"),
    ),
    "url_decode": simple(
        ("string", "string", "mc_py_url_decode({0}, 'UTF-8')"),
        ("string string", "string", "mc_py_url_decode({0}, {1})"),
    ),
}

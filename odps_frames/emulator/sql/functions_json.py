"""Functions of JSON, the type and the text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.casts import cast
from odps_frames.emulator.sql.json_paths import Every, parse_path, parse_text_path
from odps_frames.emulator.sql.json_types import json_of, json_parsed, value_of
from odps_frames.emulator.sql.values import (
    BIGINT,
    BOOLEAN,
    JSON,
    STRING,
    Value,
    engine_type,
    family,
    text_literal,
)
from odps_frames.model.types import ArrayType, MapType, StructType, parse_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.calls import Call, Function
    from odps_frames.model.types import DataType

__all__ = ["JSON_FUNCTIONS"]


def _json(call: Call, place: int) -> str:
    value = call.args[place]
    if family(value.type) not in ("json", "null"):
        raise call.fault(
            f"argument {place + 1} of function {call.name} is {value.type}; expected json"
        )
    return f"CAST({value.sql} AS VARCHAR)"


def _text(call: Call, place: int) -> str:
    value = call.args[place]
    if family(value.type) not in ("text", "null"):
        raise call.fault(
            f"argument {place + 1} of function {call.name} is {value.type}; expected string"
        )
    return f"CAST({value.sql} AS VARCHAR)"


def _json_parse(call: Call) -> Value:
    call.count(1)
    return json_parsed(_text(call, 0))


def _json_valid(call: Call) -> Value:
    call.count(1)
    text = _text(call, 0)
    return Value(f"(CASE WHEN {text} IS NOT NULL THEN mc_py_json({text}) IS NOT NULL END)", BOOLEAN)


def _json_format(call: Call) -> Value:
    call.count(1)
    return Value(f"mc_py_json({_json(call, 0)})", STRING)


def _json_pretty(call: Call) -> Value:
    call.count(1)
    return Value(f"mc_py_json_pretty({_json(call, 0)})", STRING)


def _json_type(call: Call) -> Value:
    call.count(1)
    return Value(f"mc_kind({_json(call, 0)})", STRING)


def _json_length(call: Call) -> Value:
    call.count(1, 2)
    if len(call.args) == 2 and call.args[1].type is None:  # noqa: PLR2004  a path
        return Value("CAST(NULL AS BIGINT)", BIGINT)
    json = _json(call, 0)
    if len(call.args) == 2:  # noqa: PLR2004  a path
        json = f"mc_py_json_at({json}, {_path(call)})"
    return Value(f"CAST(mc_length({json}) AS BIGINT)", BIGINT)


def _json_unquote(call: Call) -> Value:
    call.count(1)
    json = _json(call, 0)
    return Value(
        f"(CASE WHEN mc_kind({json}) = 'string' THEN {json} ->> '$' ELSE mc_py_json({json}) END)",
        STRING,
    )


def _path(call: Call) -> str:
    path = str(call.constant(1, str, "a path"))
    if parse_path(path) is None:
        raise call.fault(f"Invalid argument - Param json path {path} is invalid")
    return text_literal(path)


def _json_extract(call: Call) -> Value:
    call.count(2)
    return Value(f"mc_py_json_at({_json(call, 0)}, {_path(call)})", JSON)


def _json_exists(call: Call) -> Value:
    call.count(2)
    return Value(f"mc_py_json_exists({_json(call, 0)}, {_path(call)})", BOOLEAN)


def _member(call: Call, place: int) -> str:
    value = call.args[place]
    found = json_of(value) if _goes_in(value.type) else None
    if found is None:
        raise call.fault(
            f"argument {place + 1} of function {call.name} is {value.type}; "
            "expected string, bigint, int, boolean or json"
        )
    return f"coalesce({found}, 'null')"


def _goes_in(type_: DataType | None) -> bool:
    return family(type_) in ("text", "integer", "boolean", "json", "null")


def _json_object(call: Call) -> Value:
    if not call.args or len(call.args) % 2:
        raise call.fault("function json_object takes names and values by turns")
    members = " || ',' || ".join(
        f"CAST(to_json({_text(call, place)}) AS VARCHAR) || ':' || {_member(call, place + 1)}"
        for place in range(0, len(call.args), 2)
    )
    return Value(f"mc_py_json('{{' || {members} || '}}')", JSON)


def _json_array(call: Call) -> Value:
    items = [_member(call, place) for place in range(len(call.args))]
    joined = " || ',' || ".join(items) or "''"
    return Value(f"mc_py_json('[' || {joined} || ']')", JSON)


def _to_json(call: Call) -> Value:
    call.count(1)
    value = call.args[0]
    if not isinstance(value.type, ArrayType | MapType | StructType):
        raise call.fault(f"argument 1 of function to_json is {value.type}; expected a nested type")
    found = json_of(value)
    if found is None:
        raise call.fault(f"to_json of {value.type} is not supported here")
    return Value(found, STRING)


def _from_json(call: Call) -> Value:
    call.count(2)
    schema = str(call.constant(1, str, "a type"))
    type_ = _schema(call, schema)
    text = _text(call, 0)
    json = f"(CASE WHEN json_valid({text}) THEN CAST({text} AS JSON) END)"
    found = value_of(json, type_)
    if found is None:
        raise call.fault(f"from_json to {type_} is not supported here")
    return Value(f"CAST({found} AS {engine_type(type_)})", type_)


def _schema(call: Call, text: str) -> DataType:
    """Read a type, or the fields of a struct alone."""
    colons = text if "<" in text.split(maxsplit=1)[0] else None
    try:
        return parse_type(colons or f"struct<{_fields(text)}>")
    except ValueError as error:
        raise call.fault(f"{text!r} of from_json is no type: {error}") from None


def _fields(text: str) -> str:
    """Write ``a int, b double`` as ``a:int,b:double``."""
    fields, depth, start = [], 0, 0
    for place, sign in enumerate(text + ","):
        depth += (sign in "<(") - (sign in ">)")
        if sign == "," and not depth:
            name, _, type_ = text[start:place].strip().partition(" ")
            fields.append(f"{name}:{type_.strip()}" if type_ else name)
            start = place + 1
    return ",".join(fields)


def _get_json_object(call: Call) -> Value:
    """Take a value out of JSON by a path, as text."""
    call.count(2)
    if family(call.args[0].type) == "json":
        path = parse_path(str(call.constant(1, str, "a path")))
        if path is None:
            return Value("CAST(NULL AS VARCHAR)", STRING)
        found = f"mc_py_json_at({_json(call, 0)}, {text_literal(str(call.args[1].constant))})"
        kind = f"json_type({found})"
        return Value(f"(CASE WHEN {kind} <> 'NULL' THEN {found} ->> '$' END)", STRING)
    given = str(call.constant(1, str, "a path"))
    steps = parse_text_path(given)
    if steps is None:
        raise call.fault(f"path {given!r} of get_json_object is not supported here")
    text = cast(call.args[0], STRING)
    if text is None or family(call.args[0].type) not in ("text", "null"):
        raise call.fault(f"argument 1 of get_json_object is {call.args[0].type}; expected string")
    slow = f"mc_py_json_in_text({text.sql}, {text_literal(given)})"
    if any(isinstance(step, Every) or '"' in str(step) for step in steps):
        return Value(slow, STRING)
    return Value(_fast(text.sql, steps, slow), STRING)


def _fast(text: str, steps: tuple[object, ...], slow: str) -> str:
    """Leave what has no number to DuckDB whose digits it would write otherwise."""
    path = "$" + "".join(f'."{s}"' if isinstance(s, str) else f"[{s}]" for s in steps)
    found = f"json_extract_string({text}, {text_literal(path)})"
    return (
        f"(CASE WHEN NOT json_valid({text}) THEN NULL "
        f"WHEN regexp_matches({found}, '[0-9][.eE][-+0-9]') THEN {slow} ELSE {found} END)"
    )


JSON_FUNCTIONS: Mapping[str, Function] = {
    "get_json_object": _get_json_object,
    "json_parse": _json_parse,
    "json_valid": _json_valid,
    "json_format": _json_format,
    "json_pretty": _json_pretty,
    "json_type": _json_type,
    "json_unquote": _json_unquote,
    "json_extract": _json_extract,
    "json_exists": _json_exists,
    "json_length": _json_length,
    "json_object": _json_object,
    "json_array": _json_array,
    "to_json": _to_json,
    "from_json": _from_json,
}

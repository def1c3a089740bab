"""Functions of arrays, maps, structs and JSON texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.casts import cast
from odps_frames.emulator.sql.values import (
    BIGINT,
    BOOLEAN,
    STRING,
    Value,
    engine_type,
    family,
    quoted,
    text_literal,
)
from odps_frames.model.types import ArrayType, Field, MapType, StructType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.calls import Call, Function

__all__ = ["NESTED_FUNCTIONS"]


def _array(call: Call) -> Value:
    type_, values = call.meeting(*range(len(call.args)))
    made = ArrayType(type_ or STRING)
    items = ", ".join(value.sql for value in values)
    return Value(f"CAST([{items}] AS {engine_type(made)})", made)


def _map(call: Call) -> Value:
    if not call.args or len(call.args) % 2:
        raise call.fault("function map takes keys and values by turns")
    keys, key_items = call.meeting(*range(0, len(call.args), 2))
    values, value_items = call.meeting(*range(1, len(call.args), 2))
    made = MapType(keys or STRING, values or STRING)
    entries = [", ".join(item.sql for item in items) for items in (key_items, value_items)]
    return Value(f"CAST(map([{entries[0]}], [{entries[1]}]) AS {engine_type(made)})", made)


def _struct_of(names: list[str], values: list[Value]) -> Value:
    made = StructType(
        tuple(Field(name, value.type or STRING) for name, value in zip(names, values, strict=True))
    )
    items = ", ".join(
        f"{quoted(name)} := {value.sql}" for name, value in zip(names, values, strict=True)
    )
    return Value(f"CAST(struct_pack({items}) AS {engine_type(made)})", made)


def _struct(call: Call) -> Value:
    call.count(1, 1000)
    return _struct_of([f"col{i}" for i in range(1, len(call.args) + 1)], list(call.args))


def _named_struct(call: Call) -> Value:
    if not call.args or len(call.args) % 2:
        raise call.fault("function named_struct takes names and values by turns")
    names = [str(call.constant(i, str, "a name")) for i in range(0, len(call.args), 2)]
    if len({name.lower() for name in names}) != len(names):
        raise call.fault(f"names stand twice in named_struct: {', '.join(names)}")
    return _struct_of(names, list(call.args[1::2]))


def _nested(call: Call, place: int, kind: type, what: str) -> Value:
    value = call.args[place]
    if not isinstance(value.type, kind):
        raise call.fault(
            f"argument {place + 1} of function {call.name} is {value.type}; expected {what}"
        )
    return value


def _size(call: Call) -> Value:
    call.count(1)
    value = call.args[0]
    word = {"array": "len", "map": "cardinality"}.get(family(value.type))
    if word is None:
        raise call.fault(f"argument 1 of function size is {value.type}; expected an array or a map")
    return Value(f"coalesce(CAST({word}({value.sql}) AS BIGINT), CAST(-1 AS BIGINT))", BIGINT)


def _array_contains(call: Call) -> Value:
    call.count(2)
    array = _nested(call, 0, ArrayType, "an array")
    element = array.type.element if isinstance(array.type, ArrayType) else STRING
    sought = call.to(1, element)
    return Value(
        f"(CASE WHEN {array.sql} IS NOT NULL AND {sought.sql} IS NOT NULL "
        f"THEN list_contains({array.sql}, {sought.sql}) END)",
        BOOLEAN,
    )


def _sort_array(call: Call) -> Value:
    call.count(1, 2)
    array = _nested(call, 0, ArrayType, "an array")
    ascending = True
    if len(call.args) > 1:
        said = call.args[1].constant
        if not isinstance(said, bool):
            raise call.fault("argument 2 of function sort_array must be true or false")
        ascending = said
    order = "'ASC', 'NULLS FIRST'" if ascending else "'DESC', 'NULLS LAST'"
    return Value(f"list_sort({array.sql}, {order})", array.type)


def _keys(call: Call) -> Value:
    call.count(1)
    found = _nested(call, 0, MapType, "a map")
    type_ = ArrayType(found.type.key if isinstance(found.type, MapType) else STRING)
    return Value(f"map_keys({found.sql})", type_)


def _values(call: Call) -> Value:
    call.count(1)
    found = _nested(call, 0, MapType, "a map")
    type_ = ArrayType(found.type.value if isinstance(found.type, MapType) else STRING)
    return Value(f"map_values({found.sql})", type_)


def _str_to_map(call: Call) -> Value:
    call.count(1, 3)
    outer = str(call.constant(1, str, "a separator")) if len(call.args) > 1 else ","
    inner = str(call.constant(2, str, "a separator")) if len(call.args) > 2 else "="  # noqa: PLR2004
    if not outer or not inner:
        raise call.fault("separators of str_to_map must not be empty")
    pairs = f"string_split({call.sql(0, 'string')}, {text_literal(outer)})"
    sign = text_literal(inner)
    entry = (
        f"lambda p: struct_pack(k := split_part(p, {sign}, 1), v := CASE WHEN contains(p, {sign}) "
        f"THEN substr(p, instr(p, {sign}) + {len(inner)}) END)"
    )
    return Value(f"map_from_entries(list_transform({pairs}, {entry}))", MapType(STRING, STRING))


def _get_json_object(call: Call) -> Value:
    """Take a value out of a JSON text by a path of names and places."""
    call.count(2)
    path = str(call.constant(1, str, "a path"))
    if not path.startswith("$") or any(sign in path for sign in "*?@:#'\"") or "[-" in path:
        raise call.fault(f"path {path!r} of get_json_object is not supported here")
    text = cast(call.args[0], STRING)
    if text is None or family(call.args[0].type) not in ("text", "json", "null"):
        raise call.fault(f"argument 1 of get_json_object is {call.args[0].type}; expected string")
    checked = f"(CASE WHEN json_valid({text.sql}) THEN {text.sql} END)"
    return Value(f"json_extract_string({checked}, {text_literal(path)})", STRING)


NESTED_FUNCTIONS: Mapping[str, Function] = {
    "array": _array,
    "map": _map,
    "struct": _struct,
    "named_struct": _named_struct,
    "size": _size,
    "array_contains": _array_contains,
    "sort_array": _sort_array,
    "map_keys": _keys,
    "map_values": _values,
    "str_to_map": _str_to_map,
    "get_json_object": _get_json_object,
}

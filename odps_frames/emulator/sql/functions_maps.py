"""Functions of maps and structs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from odps_frames.emulator.sql.names import member
from odps_frames.emulator.sql.values import (
    STRING,
    Value,
    engine_type,
    quoted,
    text_literal,
)
from odps_frames.model.types import ArrayType, Field, MapType, StructType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.calls import Call, Function
    from odps_frames.model.types import DataType

__all__ = ["MAP_FUNCTIONS", "made_map", "policy"]

_POLICY = "odps.sql.map.key.dedup.policy"
_POLICIES = ("last_win", "exception")


def policy(call: Call) -> tuple[str, Call]:
    """Return what becomes of keys that stand twice, and the call without the word for it.

    Raises
    ------
    SqlFault
        For another word than last_win and exception.
    """
    hints = {name.lower(): value for name, value in call.context.hints.items()}
    word = hints.get(_POLICY, "last_win")
    said = call.args[0].constant if call.args else None
    if isinstance(said, str) and call.args[0].type == STRING:
        functions = {place - 1: function for place, function in call.functions.items()}
        word, call = said, replace(call, args=call.args[1:], functions=functions)
    if word.strip().lower() not in _POLICIES:
        raise call.fault(f"{word!r} is no policy of keys; expected last_win or exception")
    return word.strip().lower(), call


def made_map(entries: str, word: str) -> str:
    """Return a map of entries, each a struct of key and value."""
    return f"mc_map({entries})" if word == "last_win" else f"map_from_entries({entries})"


def _map(call: Call) -> Value:
    if not call.args or len(call.args) % 2:
        raise call.fault("function map takes keys and values by turns")
    keys, key_items = call.meeting(*range(0, len(call.args), 2))
    values, value_items = call.meeting(*range(1, len(call.args), 2))
    made = MapType(keys or STRING, values or STRING)
    hint = call.context.hints.get(_POLICY, "last_win").strip().lower()
    constants = [item.constant for item in key_items]
    if None not in constants and len(set(constants)) == len(constants):
        entries = [", ".join(item.sql for item in items) for items in (key_items, value_items)]
        return Value(f"CAST(map([{entries[0]}], [{entries[1]}]) AS {engine_type(made)})", made)
    pairs = ", ".join(
        f"struct_pack(key := CAST({key.sql} AS {engine_type(made.key)}), "
        f"value := CAST({value.sql} AS {engine_type(made.value)}))"
        for key, value in zip(key_items, value_items, strict=True)
    )
    return Value(made_map(f"[{pairs}]", hint), made)


def _map_concat(call: Call) -> Value:
    word, call = policy(call)
    call.count(2, 100)
    maps = [call.map(place) for place in range(len(call.args))]
    made = maps[0][1]
    if other := next((type_ for _, type_ in maps if type_ != made), None):
        raise call.fault(f"arguments of function map_concat differ: {made} and {other}")
    entries = [f"map_entries({found.sql})" for found, _ in maps]
    known = " AND ".join(f"{found.sql} IS NOT NULL" for found, _ in maps)
    joined = made_map(f"list_concat({', '.join(entries)})", word)
    return Value(f"(CASE WHEN {known} THEN {joined} END)", made)


def _map_entries(call: Call) -> Value:
    call.count(1)
    found, type_ = call.map(0)
    entry = StructType((Field("key", type_.key), Field("value", type_.value)))
    return Value(f"map_entries({found.sql})", ArrayType(entry))


def _map_from_arrays(call: Call) -> Value:
    word, call = policy(call)
    call.count(2)
    (keys, key), (values, value) = call.array(0), call.array(1)
    made = MapType(key, value)
    entries = (
        f"list_transform(generate_series(1, CAST(len({keys.sql}) AS BIGINT)), "
        f"lambda p: struct_pack(key := {keys.sql}[p], value := {values.sql}[p]))"
    )
    fault = f"CAST(error('keys and values of a map differ in number') AS {engine_type(made)})"
    return Value(
        f"(CASE WHEN {keys.sql} IS NULL OR {values.sql} IS NULL THEN NULL "
        f"WHEN len({keys.sql}) <> len({values.sql}) THEN {fault} "
        f"ELSE {made_map(entries, word)} END)",
        made,
    )


def _pairs(call: Call) -> tuple[str, DataType, DataType]:
    """Return an array of structs of two fields as entries, with the types of key and value."""
    call.count(1)
    array, element = call.array(0)
    if not isinstance(element, StructType) or len(element.fields) != 2:  # noqa: PLR2004
        raise call.fault(
            f"argument 1 of function {call.name} is {array.type}; "
            "expected an array of structs of two fields"
        )
    key, value = element.fields
    entry = f"struct_pack(key := p.{quoted(key.name)}, value := p.{quoted(value.name)})"
    return f"list_transform({array.sql}, lambda p: {entry})", key.type, value.type


def _map_from_entries(call: Call) -> Value:
    word, call = policy(call)
    entries, key, value = _pairs(call)
    return Value(made_map(entries, word), MapType(key, value))


def _multimap_from_entries(call: Call) -> Value:
    entries, key, value = _pairs(call)
    keys = f"mc_distinct(list_transform({entries}, lambda p: p.key))"
    same = f"list_filter({entries}, lambda p: p.key = k)"
    values = f"list_transform({same}, lambda p: p.value)"
    pairs = f"list_transform({keys}, lambda k: struct_pack(key := k, value := {values}))"
    return Value(f"map_from_entries({pairs})", MapType(key, ArrayType(value)))


def _keys(call: Call) -> Value:
    call.count(1)
    found, type_ = call.map(0)
    return Value(f"map_keys({found.sql})", ArrayType(type_.key))


def _values(call: Call) -> Value:
    call.count(1)
    found, type_ = call.map(0)
    return Value(f"map_values({found.sql})", ArrayType(type_.value))


def _str_to_map(call: Call) -> Value:
    word = call.context.hints.get(_POLICY, "last_win").strip().lower()
    if call.args and call.args[0].constant in _POLICIES and len(call.args) > 1:
        word, call = policy(call)
    call.count(1, 3)
    outer = str(call.constant(1, str, "a separator")) if len(call.args) > 1 else ","
    inner = str(call.constant(2, str, "a separator")) if len(call.args) > 2 else "="  # noqa: PLR2004
    if not outer or not inner:
        raise call.fault("separators of str_to_map must not be empty")
    pairs = f"string_split({call.sql(0, 'string')}, {text_literal(outer)})"
    sign = text_literal(inner)
    entry = (
        f"lambda p: struct_pack(key := split_part(p, {sign}, 1), value := CASE WHEN "
        f"contains(p, {sign}) THEN substr(p, instr(p, {sign}) + {len(inner)}) END)"
    )
    return Value(made_map(f"list_transform({pairs}, {entry})", word), MapType(STRING, STRING))


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


def _field(call: Call) -> Value:
    call.count(2)
    return member(call.context, call.node, call.args[0], str(call.constant(1, str, "a name")))


MAP_FUNCTIONS: Mapping[str, Function] = {
    "map": _map,
    "map_concat": _map_concat,
    "map_entries": _map_entries,
    "map_from_arrays": _map_from_arrays,
    "map_from_entries": _map_from_entries,
    "map_keys": _keys,
    "map_values": _values,
    "multimap_from_entries": _multimap_from_entries,
    "str_to_map": _str_to_map,
    "struct": _struct,
    "named_struct": _named_struct,
    "field": _field,
}

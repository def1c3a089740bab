"""Aggregates that gather values: into arrays, maps and texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.aggregate import Aggregate
from odps_frames.emulator.sql.values import BIGINT, STRING, Value, engine_type, family, text_literal
from odps_frames.model.types import ArrayType, MapType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from odps_frames.emulator.sql.calls import Call
    from odps_frames.emulator.sql.shapes import Shape
    from odps_frames.model.types import DataType

__all__ = ["NESTED_AGGREGATES"]

_KEYS = frozenset({"integer", "text", "boolean", "date", "datetime", "decimal", "null"})
"""Of what a key of a map is made here: values with one form each."""


def _collect(distinct: str | None) -> Callable[[Call, Shape], Value]:
    def carry_out(call: Call, shape: Shape) -> Value:
        call.count(1)
        value = call.args[0]
        type_ = ArrayType(value.type or STRING)
        listed = shape.call("list", value.sql, distinct=distinct, where=f"{value.sql} IS NOT NULL")
        return Value(f"coalesce({listed}, CAST([] AS {engine_type(type_)}))", type_)

    return carry_out


def _wm_concat(call: Call, shape: Shape) -> Value:
    call.count(2)
    separator = text_literal(str(call.constant(0, str, "a separator")))
    text = call.sql(1, "string")
    if shape.distinct and shape.order and not shape.order.startswith(f"{text} "):
        raise call.fault("wm_concat with DISTINCT in another order is not supported here")
    return Value(shape.call("string_agg", text, separator), STRING)


def _map_agg(call: Call, shape: Shape) -> Value:
    call.count(2)
    key, value = call.args
    type_ = MapType(_key_type(call, key), value.type or STRING)
    entry = f"struct_pack(k := {key.sql}, v := {value.sql})"
    listed = shape.call("list", entry, where=f"{key.sql} IS NOT NULL")
    return Value(f"CAST(mc_first_entries({listed}) AS {engine_type(type_)})", type_)


def _multimap_agg(call: Call, shape: Shape) -> Value:
    call.count(2)
    key, value = call.args
    type_ = MapType(_key_type(call, key), ArrayType(value.type or STRING))
    entry = f"struct_pack(k := {key.sql}, v := {value.sql})"
    listed = shape.call("list", entry, where=f"{key.sql} IS NOT NULL")
    return Value(f"CAST(mc_all_entries({listed}) AS {engine_type(type_)})", type_)


def _map_union(call: Call, shape: Shape) -> Value:
    call.count(1)
    value = call.args[0]
    if not isinstance(value.type, MapType):
        raise call.fault(f"argument 1 of function map_union is {value.type}; expected a map")
    entries = f"mc_entries({value.sql})"
    listed = shape.call("list", entries, where=f"{value.sql} IS NOT NULL")
    text = f"CAST(mc_first_entries(flatten({listed})) AS {engine_type(value.type)})"
    return Value(text, value.type)


def _histogram(call: Call, shape: Shape) -> Value:
    call.count(1)
    value = call.args[0]
    type_ = MapType(_key_type(call, value), BIGINT)
    return Value(f"CAST({shape.call('histogram', value.sql)} AS {engine_type(type_)})", type_)


def _key_type(call: Call, value: Value) -> DataType:
    if family(value.type) not in _KEYS:
        raise call.fault(f"a map with keys of {value.type} is not supported here")
    return value.type or STRING


NESTED_AGGREGATES: Mapping[str, Aggregate] = {
    "collect_list": Aggregate(_collect(None), distinct=True, ordered=True),
    "collect_set": Aggregate(_collect("DISTINCT ")),
    "histogram": Aggregate(_histogram),
    "map_agg": Aggregate(_map_agg),
    "map_union": Aggregate(_map_union),
    "multimap_agg": Aggregate(_multimap_agg),
    "wm_concat": Aggregate(_wm_concat, distinct=True, ordered=True),
}

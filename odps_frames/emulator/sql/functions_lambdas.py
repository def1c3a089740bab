"""Functions that take functions: of the elements of arrays, and of the entries of maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.casts import implicit
from odps_frames.emulator.sql.functions_maps import made_map, policy
from odps_frames.emulator.sql.operators import truth
from odps_frames.emulator.sql.values import BIGINT, BOOLEAN, STRING, Value, engine_type
from odps_frames.model.types import ArrayType, MapType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.calls import Call, Function
    from odps_frames.emulator.sql.lambdas import Lambda
    from odps_frames.model.types import DataType

__all__ = ["LAMBDA_FUNCTIONS"]


def _typed(value: Value) -> tuple[str, DataType]:
    """Return a result as DuckDB must see it, with its type; a bare NULL is a text."""
    type_ = value.type or STRING
    return f"CAST({value.sql} AS {engine_type(type_)})", type_


def _predicate(call: Call, function: Lambda, *values: Value) -> str:
    return truth(call.context, call.node, function.of(*values))


def _filter(call: Call) -> Value:
    call.count(2)
    array, element = call.array(0)
    function = call.function(1, 1)
    x = function.variable(0)
    kept = _predicate(call, function, Value(x, element))
    return Value(f"list_filter({array.sql}, lambda {x}: {kept})", array.type)


def _transform(call: Call) -> Value:
    call.count(2)
    array, element = call.array(0)
    function = call.function(1, 1)
    x = function.variable(0)
    sql, type_ = _typed(function.of(Value(x, element)))
    return Value(f"list_transform({array.sql}, lambda {x}: {sql})", ArrayType(type_))


def _match(decides: str, otherwise: str) -> Function:
    """Make a function that one element decides, and NULL leaves open."""

    def carry_out(call: Call) -> Value:
        call.count(2)
        array, element = call.array(0)
        function = call.function(1, 1)
        x = function.variable(0)
        said = _predicate(call, function, Value(x, element))
        return Value(
            f"(CASE WHEN {array.sql} IS NULL THEN NULL "
            f"WHEN len(list_filter({array.sql}, lambda {x}: {said} = {decides})) > 0 "
            f"THEN {decides} "
            f"WHEN len(list_filter({array.sql}, lambda {x}: ({said}) IS NULL)) > 0 THEN NULL "
            f"ELSE {otherwise} END)",
            BOOLEAN,
        )

    return carry_out


def _array_reduce(call: Call) -> Value:
    """Fold an array: the state and the element go along together, as DuckDB folds one type."""
    call.count(4)
    array, element = call.array(0)
    state = call.args[1].type or STRING
    merge, final = call.function(2, 2), call.function(3, 1)
    a, x, result = (merge.variable(number) for number in range(3))
    merged = implicit(merge.of(Value(f"{a}.b", state), Value(f"{x}.e", element)), state)
    if merged is None:
        raise call.fault(f"the second function of array_reduce does not give {state}")
    first = f"CAST({call.to(1, state).sql} AS {engine_type(state)})"
    none = f"CAST(NULL AS {engine_type(element)})"
    items = (
        f"list_transform({array.sql}, lambda {x}: "
        f"struct_pack(b := CAST(NULL AS {engine_type(state)}), e := {x}))"
    )
    folded = (
        f"list_reduce({items}, lambda {a}, {x}: struct_pack(b := CAST({merged.sql} AS "
        f"{engine_type(state)}), e := {x}.e), struct_pack(b := {first}, e := {none})).b"
    )
    sql, type_ = _typed(final.of(Value(result, state)))
    given = f"list_transform([{folded}], lambda {result}: {sql})[1]"
    return Value(f"(CASE WHEN {array.sql} IS NOT NULL THEN {given} END)", type_)


def _array_sort(call: Call) -> Value:
    """Sort by insertion: each element goes behind those that are not greater than it."""
    call.count(2)
    array, element = call.array(0)
    function = call.function(1, 2)
    done, new, x = (function.variable(number) for number in range(3))
    order = implicit(function.of(Value(x, element), Value(f"{new}[1]", element)), BIGINT)
    if order is None:
        raise call.fault("the function of array_sort does not give a whole number")
    fault = "CAST(error('the function of array_sort gave NULL') AS BIGINT)"
    above = f"coalesce({order.sql}, {fault}) > 0"
    single = f"list_transform({array.sql}, lambda {x}: [{x}])"
    placed = (
        f"list_concat(list_filter({done}, lambda {x}: NOT ({above})), {new}, "
        f"list_filter({done}, lambda {x}: {above}))"
    )
    empty = f"CAST([] AS {engine_type(array.type)})"
    sql = f"list_reduce({single}, lambda {done}, {new}: {placed}, {empty})"
    return Value(sql, array.type)


def _zip_with(call: Call) -> Value:
    call.count(3)
    (one, first), (other, second) = call.array(0), call.array(1)
    function = call.function(2, 2)
    i = function.variable(0)
    result = function.of(Value(f"{one.sql}[{i}]", first), Value(f"{other.sql}[{i}]", second))
    sql, type_ = _typed(result)
    length = f"CAST(greatest(len({one.sql}), len({other.sql})) AS BIGINT)"
    zipped = f"list_transform(generate_series(1, {length}), lambda {i}: {sql})"
    known = f"{one.sql} IS NOT NULL AND {other.sql} IS NOT NULL"
    return Value(f"(CASE WHEN {known} THEN {zipped} END)", ArrayType(type_))


def _map_filter(call: Call) -> Value:
    call.count(2)
    found, type_ = call.map(0)
    function = call.function(1, 2)
    e = function.variable(0)
    kept = _predicate(call, function, *_entry(e, type_))
    entries = f"list_filter(map_entries({found.sql}), lambda {e}: {kept})"
    return Value(f"map_from_entries({entries})", type_)


def _entry(variable: str, type_: MapType) -> tuple[Value, Value]:
    return Value(f"{variable}.key", type_.key), Value(f"{variable}.value", type_.value)


def _transform_values(call: Call) -> Value:
    call.count(2)
    found, type_ = call.map(0)
    function = call.function(1, 2)
    e = function.variable(0)
    sql, value = _typed(function.of(*_entry(e, type_)))
    entry = f"struct_pack(key := {e}.key, value := {sql})"
    entries = f"list_transform(map_entries({found.sql}), lambda {e}: {entry})"
    return Value(f"map_from_entries({entries})", MapType(type_.key, value))


def _transform_keys(call: Call) -> Value:
    word, call = policy(call)
    call.count(2)
    found, type_ = call.map(0)
    function = call.function(1, 2)
    e = function.variable(0)
    sql, key = _typed(function.of(*_entry(e, type_)))
    entry = f"struct_pack(key := {sql}, value := {e}.value)"
    entries = f"list_transform(map_entries({found.sql}), lambda {e}: {entry})"
    return Value(made_map(entries, word), MapType(key, type_.value))


def _map_zip_with(call: Call) -> Value:
    call.count(3)
    (one, first), (other, second) = call.map(0), call.map(1)
    if first.key != second.key:
        raise call.fault(f"keys of the maps of map_zip_with differ: {first.key} and {second.key}")
    function = call.function(2, 3)
    k = function.variable(0)
    result = function.of(
        Value(k, first.key),
        Value(f"{one.sql}[{k}]", first.value),
        Value(f"{other.sql}[{k}]", second.value),
    )
    sql, type_ = _typed(result)
    keys = f"mc_union(map_keys({one.sql}), map_keys({other.sql}))"
    entry = f"struct_pack(key := {k}, value := {sql})"
    entries = f"list_transform({keys}, lambda {k}: {entry})"
    return Value(f"map_from_entries({entries})", MapType(first.key, type_))


LAMBDA_FUNCTIONS: Mapping[str, Function] = {
    "all_match": _match("false", "true"),
    "any_match": _match("true", "false"),
    "array_reduce": _array_reduce,
    "array_sort": _array_sort,
    "filter": _filter,
    "transform": _transform,
    "zip_with": _zip_with,
    "map_filter": _map_filter,
    "map_zip_with": _map_zip_with,
    "transform_keys": _transform_keys,
    "transform_values": _transform_values,
}

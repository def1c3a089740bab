"""Functions of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.casts import cast, common
from odps_frames.emulator.sql.values import (
    BIGINT,
    BOOLEAN,
    INT,
    STRING,
    Value,
    engine_type,
    family,
    quoted,
)
from odps_frames.model.types import ArrayType, Field, MapType, StructType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.calls import Call, Function
    from odps_frames.model.types import DataType

__all__ = ["ARRAY_FUNCTIONS", "array_overloads"]

_MAX_CHOSEN = 5
_UNORDERED = frozenset({"map", "json", "blob", "vector"})


def _array(call: Call) -> Value:
    type_, values = call.meeting(*range(len(call.args)))
    made = ArrayType(type_ or STRING)
    items = ", ".join(value.sql for value in values)
    return Value(f"CAST([{items}] AS {engine_type(made)})", made)


def _pair(call: Call) -> tuple[str, str, DataType]:
    """Return two arrays, and the type of their elements."""
    call.count(2)
    types = [call.array(place)[1] for place in (0, 1) if call.args[place].type]
    try:
        element = common(types) or STRING
    except TypeError as error:
        raise call.fault(f"arguments of function {call.name} differ: {error}") from None
    one, other = (cast(call.args[place], ArrayType(element)) for place in (0, 1))
    if one is None or other is None:
        raise call.fault(f"arguments of function {call.name} do not become {ArrayType(element)}")
    return one.sql, other.sql, element


def _of_pair(word: str) -> Function:
    def carry_out(call: Call) -> Value:
        one, other, element = _pair(call)
        return Value(f"{word}({one}, {other})", ArrayType(element))

    return carry_out


def _arrays_overlap(call: Call) -> Value:
    one, other, _ = _pair(call)
    return Value(f"mc_overlap({one}, {other})", BOOLEAN)


def _array_contains(call: Call) -> Value:
    array, sought, _ = _and_element(call)
    return Value(
        f"(CASE WHEN {array} IS NOT NULL AND {sought} IS NOT NULL "
        f"THEN list_contains({array}, {sought}) END)",
        BOOLEAN,
    )


def _and_element(call: Call) -> tuple[str, str, DataType]:
    call.count(2)
    array, element = call.array(0)
    return array.sql, f"CAST({call.to(1, element).sql} AS {engine_type(element)})", element


def _array_position(call: Call) -> Value:
    array, sought, _ = _and_element(call)
    return Value(f"mc_position({array}, {sought})", BIGINT)


def _array_remove(call: Call) -> Value:
    array, sought, element = _and_element(call)
    return Value(f"mc_remove({array}, {sought})", ArrayType(element))


def _array_distinct(call: Call) -> Value:
    call.count(1)
    array, element = call.array(0)
    return Value(f"mc_distinct({array.sql})", ArrayType(element))


def _array_join(call: Call) -> Value:
    call.count(2, 3)
    array, element = call.array(0)
    text = cast(Value("p", element), STRING)
    if text is None:
        raise call.fault(f"array_join of {array.type} is not supported here")
    items = text.sql
    if len(call.args) == 3:  # noqa: PLR2004  with a text for NULL
        items = f"coalesce({items}, {call.sql(2, 'string')})"
    texts = f"list_transform({array.sql}, lambda p: {items})"
    return Value(f"array_to_string({texts}, {call.sql(1, 'string')})", STRING)


def _extreme(word: str) -> Function:
    def carry_out(call: Call) -> Value:
        call.count(1)
        array, element = call.array(0)
        if family(element) in _UNORDERED | {"array", "struct"}:
            raise call.fault(f"{call.name} of {array.type} is not supported here")
        return Value(f"{word}({array.sql})", element)

    return carry_out


def _array_repeat(call: Call) -> Value:
    call.count(2)
    type_ = call.args[0].type or STRING
    item = f"CAST({call.to(0, type_).sql} AS {engine_type(type_)})"
    return Value(f"mc_repeat({item}, {call.sql(1, 'bigint')})", ArrayType(type_))


def _arrays_zip(call: Call) -> Value:
    call.count(2, 100)
    arrays = [call.array(place) for place in range(len(call.args))]
    made = StructType(tuple(Field(str(i), element) for i, (_, element) in enumerate(arrays)))
    items = ", ".join(f"{quoted(str(i))} := {array.sql}[p]" for i, (array, _) in enumerate(arrays))
    lengths = ", ".join(f"len({array.sql})" for array, _ in arrays)
    known = " AND ".join(f"{array.sql} IS NOT NULL" for array, _ in arrays)
    zipped = (
        f"list_transform(generate_series(1, CAST(greatest({lengths}) AS BIGINT)), "
        f"lambda p: struct_pack({items}))"
    )
    return Value(f"(CASE WHEN {known} THEN {zipped} END)", ArrayType(made))


def _flatten(call: Call) -> Value:
    call.count(1)
    array, element = call.array(0)
    if not isinstance(element, ArrayType):
        raise call.fault(f"argument 1 of function flatten is {array.type}; expected array<array>")
    return Value(f"flatten({array.sql})", element)


def _ngrams(call: Call) -> Value:
    call.count(2)
    array, element = call.array(0)
    made = ArrayType(ArrayType(element))
    sql = f"mc_ngrams({array.sql}, {call.sql(1, 'bigint')})"
    return Value(f"CAST({sql} AS {engine_type(made)})", made)


def _combinations(call: Call) -> Value:
    """Choose so many elements: by the place of the last one, then of the one before it."""
    call.count(2)
    array, element = call.array(0)
    n = int(str(call.constant(1, int, "a number of elements")))
    if not 1 <= n <= _MAX_CHOSEN:
        raise call.fault(f"combinations of {n} elements; expected 1 to {_MAX_CHOSEN}")
    places = [f"p{number}" for number in range(1, n + 1)]
    made = f"[{', '.join(f'{array.sql}[{place}]' for place in places)}]"
    for number, place in enumerate(places):
        last = f"{places[number + 1]} - 1" if number + 1 < n else f"len({array.sql})"
        series = f"generate_series(1, CAST({last} AS BIGINT))"
        made = f"list_transform({series}, lambda {place}: {made})"
        if number:
            made = f"flatten({made})"
    type_ = ArrayType(ArrayType(element))
    return Value(f"CAST({made} AS {engine_type(type_)})", type_)


def _slice(call: Call) -> Value:
    call.count(3)
    array, _ = call.array(0)
    places = f"{call.sql(1, 'bigint')}, {call.sql(2, 'bigint')}"
    sql = f"mc_slice({array.sql}, {places})"
    return Value(f"CAST({sql} AS {engine_type(array.type)})", array.type)


def _sort_array(call: Call) -> Value:
    call.count(1, 2)
    array, element = call.array(0)
    if family(element) in _UNORDERED:
        raise call.fault(f"sort_array of {array.type} is not supported here")
    ascending = True
    if len(call.args) > 1:
        said = call.args[1].constant
        if not isinstance(said, bool):
            raise call.fault("argument 2 of function sort_array must be true or false")
        ascending = said
    order = "'ASC', 'NULLS FIRST'" if ascending else "'DESC', 'NULLS LAST'"
    return Value(f"list_sort({array.sql}, {order})", array.type)


def _size(call: Call) -> Value:
    call.count(1)
    value = call.args[0]
    word = {"array": "len", "map": "cardinality"}.get(family(value.type))
    if word is None:
        raise call.fault(f"argument 1 of function size is {value.type}; expected an array or a map")
    return Value(f"coalesce(CAST({word}({value.sql}) AS INTEGER), -1)", INT)


def _shuffle(call: Call) -> Value:
    raise call.fault("shuffle, whose result differs each time, is not supported here")


def _reverse(call: Call) -> Value:
    call.count(1)
    array, _ = call.array(0)
    return Value(f"list_reverse({array.sql})", array.type)


def _is_nested(call: Call) -> bool:
    return any(isinstance(value.type, ArrayType | MapType) for value in call.args)


def _or_else(function: Function, otherwise: Function) -> Function:
    """Make a function that has another meaning for arrays."""

    def carry_out(call: Call) -> Value:
        return function(call) if _is_nested(call) else otherwise(call)

    return carry_out


def array_overloads(plain: Mapping[str, Function]) -> Mapping[str, Function]:
    """Return functions of texts that arrays have, too."""
    return {
        "reverse": _or_else(_reverse, plain["reverse"]),
    }


ARRAY_FUNCTIONS: Mapping[str, Function] = {
    "array": _array,
    "array_contains": _array_contains,
    "array_distinct": _array_distinct,
    "array_except": _of_pair("mc_except"),
    "array_intersect": _of_pair("mc_intersect"),
    "array_join": _array_join,
    "array_max": _extreme("list_max"),
    "array_min": _extreme("list_min"),
    "array_position": _array_position,
    "array_remove": _array_remove,
    "array_repeat": _array_repeat,
    "array_union": _of_pair("mc_union"),
    "arrays_overlap": _arrays_overlap,
    "arrays_zip": _arrays_zip,
    "combinations": _combinations,
    "flatten": _flatten,
    "ngrams": _ngrams,
    "shuffle": _shuffle,
    "size": _size,
    "slice": _slice,
    "sort_array": _sort_array,
}

"""Values on their way into DuckDB and out of it: times become numbers and pairs again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.emulator.sql.values import engine_type, family, quoted
from odps_frames.model.types import ArrayType, MapType, StructType

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.convert.untyped import AnyType
    from odps_frames.model.types import DataType

__all__ = ["has_numbers", "loaded", "unloaded"]

_NANOS = 1_000_000_000
_PAIRED = frozenset({"timestamp", "timestamp_ntz", "interval_day_time"})


def has_numbers(type_: DataType) -> bool:
    """Whether values of a type, or values inside them, are numbers in DuckDB only."""
    match type_:
        case ArrayType(element=element):
            return has_numbers(element)
        case MapType(key=key, value=value):
            return has_numbers(key) or has_numbers(value)
        case StructType(fields=fields):
            return any(has_numbers(field.type) for field in fields)
        case _:
            return family(type_) in _PAIRED | {"datetime"}


def loaded(sql: str, type_: DataType, travels: AnyType, depth: int = 0) -> str:
    """Return what DuckDB calculates with, out of a column as rows travel."""
    if not has_numbers(type_):
        return sql

    def inner(part: DataType, form: AnyType) -> Callable[[str], str]:
        return lambda item: loaded(item, part, form, depth + 1)

    match type_:
        case ArrayType(element=element):
            return _list(sql, inner(element, travels.value_type), depth)
        case MapType(key=key, value=value):
            return _map(sql, inner(key, travels.key_type), inner(value, travels.item_type), depth)
        case StructType():
            members = [travels.field(i).type for i in range(travels.num_fields)]
            return _struct(
                sql, type_, lambda i, item: loaded(item, type_.fields[i].type, members[i], depth)
            )
        case _:
            if family(type_) == "datetime":
                return f"epoch_ms({sql})"
            if pa.types.is_timestamp(travels):
                return f"CAST(epoch_ns({sql}) AS HUGEINT)"
            return f"(({sql}).sec::HUGEINT * {_NANOS} + ({sql}).nano)"


def unloaded(sql: str, type_: DataType, depth: int = 0) -> str:
    """Return a column as the service keeps it, out of what DuckDB calculated."""
    if not has_numbers(type_):
        return f"CAST({sql} AS {engine_type(type_)})"

    def inner(part: DataType) -> Callable[[str], str]:
        return lambda item: unloaded(item, part, depth + 1)

    match type_:
        case ArrayType(element=element):
            return _list(sql, inner(element), depth)
        case MapType(key=key, value=value):
            return _map(sql, inner(key), inner(value), depth)
        case StructType():
            return _struct(sql, type_, lambda i, item: unloaded(item, type_.fields[i].type, depth))
        case _:
            if family(type_) == "datetime":
                return f"make_timestamp_ms({sql})"
            seconds = f"CAST(mc_div({sql}, {_NANOS}) AS BIGINT)"
            nanos = f"CAST(mc_mod({sql}, {_NANOS}) AS INTEGER)"
            pair = f"struct_pack(sec := {seconds}, nano := {nanos})"
            return f"(CASE WHEN {sql} IS NOT NULL THEN {pair} END)"


def _list(sql: str, inner: Callable[[str], str], depth: int) -> str:
    item = f"x{depth}"
    return f"list_transform({sql}, lambda {item}: {inner(item)})"


def _map(sql: str, key: Callable[[str], str], value: Callable[[str], str], depth: int) -> str:
    item = f"x{depth}"
    entry = f"struct_pack(key := {key(f'{item}.key')}, value := {value(f'{item}.value')})"
    return f"map_from_entries(list_transform(map_entries({sql}), lambda {item}: {entry}))"


def _struct(sql: str, type_: StructType, inner: Callable[[int, str], str]) -> str:
    members = ", ".join(
        f"{quoted(field.name)} := {inner(i, f'({sql}).{quoted(field.name)}')}"
        for i, field in enumerate(type_.fields)
    )
    return f"(CASE WHEN {sql} IS NOT NULL THEN struct_pack({members}) END)"

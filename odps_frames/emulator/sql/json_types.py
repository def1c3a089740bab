"""Values of MaxCompute's types as JSON texts, and JSON as values of a type."""

from __future__ import annotations

from odps_frames.emulator.sql.casts import cast
from odps_frames.emulator.sql.values import (
    JSON,
    STRING,
    Value,
    engine_type,
    family,
    quoted,
    text_literal,
)
from odps_frames.model.types import ArrayType, DataType, MapType, StructType

__all__ = ["json_element", "json_of", "json_parsed", "value_of"]

_VALID = "Invalid input syntax for type json"


def json_parsed(text: str) -> Value:
    """Return a text as a value of the JSON type; one that is no JSON is an error."""
    fault = f"error({text_literal(_VALID + ', detail: ')} || {text})"
    return Value(
        f"(CASE WHEN {text} IS NOT NULL THEN coalesce(mc_py_json({text}), {fault}) END)", JSON
    )


def json_element(value: Value, place: Value) -> Value | None:
    """Take a member or an element of a JSON value; None where ``place`` names none."""
    if family(place.type) == "text":
        return Value(f"mc_py_json_member({value.sql}, {place.sql})", JSON)
    if family(place.type) == "integer":
        return Value(f"mc_py_json_element({value.sql}, CAST({place.sql} AS BIGINT))", JSON)
    return None


def json_of(value: Value, depth: int = 0) -> str | None:
    """Return the JSON text of a value, NULL of NULL; None where a type has none here."""
    type_ = value.type
    match type_:
        case ArrayType(element=element):
            return _array(value.sql, element, depth)
        case MapType():
            return _map(value.sql, type_, depth)
        case StructType():
            return _struct(value.sql, type_, depth)
        case _:
            return _scalar(value)


def _scalar(value: Value) -> str | None:
    type_ = value.type
    kind = family(type_)
    if kind == "null":
        return "CAST(NULL AS VARCHAR)"
    if kind == "json":
        return f"mc_py_json({value.sql})"
    if kind == "float":  # DuckDB writes as many digits as the number needs
        return f"CAST(to_json({value.sql}) AS VARCHAR)" if str(type_) == "double" else None
    if kind in ("boolean", "integer", "decimal"):
        text = cast(value, STRING)
        return None if text is None else text.sql
    return f"CAST(to_json({value.sql}) AS VARCHAR)" if kind == "text" else None


def _array(sql: str, element: DataType, depth: int) -> str | None:
    item = f"j{depth}"
    inner = json_of(Value(item, element), depth + 1)
    if inner is None:
        return None
    items = f"list_transform({sql}, lambda {item}: coalesce({inner}, 'null'))"
    return f"('[' || array_to_string({items}, ',') || ']')"


def _map(sql: str, type_: MapType, depth: int) -> str | None:
    item = f"j{depth}"
    name = cast(Value(f"{item}.key", type_.key), STRING)
    inner = json_of(Value(f"{item}.value", type_.value), depth + 1)
    if name is None or inner is None:
        return None
    member = f"CAST(to_json({name.sql}) AS VARCHAR) || ':' || coalesce({inner}, 'null')"
    members = f"list_transform(map_entries({sql}), lambda {item}: {member})"
    return f"('{{' || array_to_string({members}, ',') || '}}')"


def _struct(sql: str, type_: StructType, depth: int) -> str | None:
    """Write names in small letters, and leave members that are NULL out."""
    members = []
    for field in type_.fields:
        inner = json_of(Value(f"({sql}).{quoted(field.name)}", field.type), depth)
        if inner is None:
            return None
        name = text_literal(f'"{field.name.lower()}":')
        members.append(f"{name} || {inner}")
    written = f"array_to_string([{', '.join(members)}], ',')"
    return f"(CASE WHEN {sql} IS NOT NULL THEN '{{' || {written} || '}}' END)"


def value_of(json: str, type_: DataType, depth: int = 0) -> str | None:
    """Return a JSON value as a value of a type, NULL where it does not fit; None for no such type.

    Elements of an array that do not fit are left out, as the documentation has it.
    """
    match type_:
        case ArrayType(element=element):
            return _elements(json, element, depth)
        case MapType():
            return _entries(json, type_, depth)
        case StructType():
            return _fields(json, type_, depth)
        case _:
            return _of_scalar(json, type_)


def _of_scalar(json: str, type_: DataType) -> str | None:
    kind = family(type_)
    scalar = f"{json} ->> '$'"
    if kind in ("integer", "float", "decimal"):
        wanted = "'UBIGINT', 'BIGINT'" + ("" if kind == "integer" else ", 'DOUBLE'")
        number = f"TRY_CAST({scalar} AS {engine_type(type_)})"
        return f"(CASE WHEN json_type({json}) IN ({wanted}) THEN {number} END)"
    if kind == "boolean":
        return f"(CASE WHEN json_type({json}) = 'BOOLEAN' THEN CAST({scalar} AS BOOLEAN) END)"
    if type_ == STRING:
        return f"(CASE WHEN json_type({json}) <> 'NULL' THEN {scalar} END)"
    if kind in ("text", "date", "datetime", "binary"):
        found = cast(Value(f"({scalar})", STRING), type_)
        if found is not None:
            return f"(CASE WHEN json_type({json}) = 'VARCHAR' THEN {found.sql} END)"
    return None


def _elements(json: str, element: DataType, depth: int) -> str | None:
    item = f"j{depth}"
    inner = value_of(item, element, depth + 1)
    if inner is None:
        return None
    fits = f"{item} IS NULL OR json_type({item}) = 'NULL' OR {inner} IS NOT NULL"
    items = f"list_filter(CAST({json} AS JSON[]), lambda {item}: {fits})"
    made = f"list_transform({items}, lambda {item}: {inner})"
    return f"(CASE WHEN json_type({json}) = 'ARRAY' THEN {made} END)"


def _entries(json: str, type_: MapType, depth: int) -> str | None:
    item = f"j{depth}"
    key = cast(Value(f"{item}.key", STRING), type_.key)
    inner = value_of(f"{item}.value", type_.value, depth + 1)
    if key is None or inner is None:
        return None
    entry = f"struct_pack(key := {key.sql}, value := {inner})"
    entries = f"map_entries(CAST({json} AS MAP(VARCHAR, JSON)))"
    made = f"map_from_entries(list_transform({entries}, lambda {item}: {entry}))"
    return f"(CASE WHEN json_type({json}) = 'OBJECT' THEN {made} END)"


def _fields(json: str, type_: StructType, depth: int) -> str | None:
    members = []
    for field in type_.fields:
        if '"' in field.name:
            return None
        path = text_literal(f'$."{field.name}"')
        inner = value_of(f"json_extract({json}, {path})", field.type, depth)
        if inner is None:
            return None
        members.append(f"{quoted(field.name)} := {inner}")
    made = f"struct_pack({', '.join(members)})"
    return f"(CASE WHEN json_type({json}) = 'OBJECT' THEN {made} END)"

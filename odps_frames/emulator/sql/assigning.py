"""What becomes of a value that goes into a column: converted where nothing can be lost.

MaxCompute refuses in an INSERT what it converts in an expression, such as a STRING in a BIGINT.
Whole numbers go into narrower columns here, because literals are BIGINT; one that does not fit
fails, and so does a text that is longer than its column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.casts import cast
from odps_frames.emulator.sql.values import STRING, Value, engine_type, family, quoted
from odps_frames.model.types import ArrayType, CharType, MapType, StructType, VarcharType

if TYPE_CHECKING:
    from sqlglot import exp

    from odps_frames.emulator.sql.scopes import Context
    from odps_frames.emulator.sql.tokens import SqlFault
    from odps_frames.model.schema import Column
    from odps_frames.model.types import DataType

__all__ = ["assigned", "incompatible"]

_GOES_INTO = frozenset(
    {("integer", other) for other in ("integer", "float", "decimal", "text")}
    | {("float", "float"), ("decimal", "decimal"), ("decimal", "text")}
    | {("date", other) for other in ("datetime", "timestamp", "text")}
    | {("datetime", other) for other in ("timestamp", "text")}
    | {("timestamp", "text"), ("timestamp_ntz", "text")}
)


def assigned(value: Value, type_: DataType, depth: int = 0) -> Value | None:
    """Convert a value to the type of its column; None where it does not go in."""
    if value.type is None:
        return cast(value, type_)
    match value.type, type_:
        case given, wanted if given == wanted:
            return Value(value.sql, type_)
        case ArrayType() as given, ArrayType() as wanted:
            return _list(value, given, wanted, depth)
        case MapType() as given, MapType() as wanted:
            return _map(value, given, wanted, depth)
        case StructType() as given, StructType() as wanted:
            return _struct(value, given, wanted, depth)
        case _:
            return _plain(value, type_)


def _plain(value: Value, type_: DataType) -> Value | None:
    families = family(value.type), family(type_)
    if families == ("text", "text"):
        return Value(value.sql, type_)  # its length is looked at when it is kept
    if families not in _GOES_INTO:
        return None
    if isinstance(type_, CharType | VarcharType):
        text = cast(value, STRING)
        return text and Value(text.sql, type_)
    return cast(value, type_)


def _list(value: Value, given: ArrayType, wanted: ArrayType, depth: int) -> Value | None:
    item = f"e{depth}"
    inner = assigned(Value(item, given.element), wanted.element, depth + 1)
    return inner and Value(f"list_transform({value.sql}, lambda {item}: {inner.sql})", wanted)


def _map(value: Value, given: MapType, wanted: MapType, depth: int) -> Value | None:
    item = f"e{depth}"
    key = assigned(Value(f"{item}.key", given.key), wanted.key, depth + 1)
    inner = assigned(Value(f"{item}.value", given.value), wanted.value, depth + 1)
    if key is None or inner is None:
        return None
    entry = f"struct_pack(key := {key.sql}, value := {inner.sql})"
    entries = f"list_transform(map_entries({value.sql}), lambda {item}: {entry})"
    return Value(f"map_from_entries({entries})", wanted)


def _struct(value: Value, given: StructType, wanted: StructType, depth: int) -> Value | None:
    if [field.name.lower() for field in given.fields] != [f.name.lower() for f in wanted.fields]:
        return None
    members = []
    for have, want in zip(given.fields, wanted.fields, strict=True):
        member = assigned(Value(f"({value.sql}).{quoted(have.name)}", have.type), want.type, depth)
        if member is None:
            return None
        members.append(f"{quoted(want.name)} := CAST({member.sql} AS {engine_type(want.type)})")
    packed = f"struct_pack({', '.join(members)})"
    return Value(f"(CASE WHEN {value.sql} IS NOT NULL THEN {packed} END)", wanted)


def incompatible(
    context: Context, node: exp.Expr | None, given: tuple[str, DataType | None], column: Column
) -> SqlFault:
    """Make the error of a value, of a name and a type, that does not go into its column."""
    name, type_ = given
    return context.fault(
        node,
        f"column {name} in source has incompatible type {str(type_).upper()} with destination "
        f"column {column.name}, which has type {str(column.type).upper()}; cast it",
    )

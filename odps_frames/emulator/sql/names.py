"""Columns, members of structs, and places in arrays and maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from odps_frames.emulator.sql.casts import implicit
from odps_frames.emulator.sql.json_types import json_element
from odps_frames.emulator.sql.values import BIGINT, Value, engine_type, family, quoted
from odps_frames.model.types import ArrayType, MapType, StructType

if TYPE_CHECKING:
    from odps_frames.emulator.sql.scopes import Context, Named, Relation, Scope

__all__ = ["column", "index", "member", "name_of"]


def column(context: Context, scope: Scope, node: exp.Expr) -> tuple[Value, int]:
    """Find a column, with how many queries lie between it and the place that names it.

    Raises
    ------
    SqlFault
        When there is none of that name, or more than one.
    """
    parts = [part for part in node.parts if isinstance(part, exp.Identifier)]  # type: ignore[attr-defined]  # of Column
    names = [part.name for part in parts]
    if len(names) != len(node.parts):  # type: ignore[attr-defined]  # of Column
        raise context.unsupported(node, "such a name")
    depth = 0
    looked: Scope | None = scope
    while looked is not None:
        found = _here(context, looked, node, names)
        if found is not None:
            value, rest = found
            for name in rest:
                value = member(context, node, value, name)
            return value, depth
        looked, depth = looked.parent, depth + 1
    raise context.fault(node, f"column {'.'.join(names)} cannot be resolved")


def _here(
    context: Context, scope: Scope, node: exp.Expr, names: list[str]
) -> tuple[Value, list[str]] | None:
    """Look in one query; a relation's alias comes before a column of that name."""
    for length in (3, 2, 1):
        for relation in scope.relations:
            if len(names) > length and _is_called(relation, names[:length]):
                found = _pick(context, node, relation.columns, names[length])
                if found is not None:
                    return found, names[length + 1 :]
    candidates = [c for c in scope.merged if c.name.lower() == names[0].lower()]
    if not candidates:
        lower = names[0].lower()
        candidates = [c for r in scope.relations for c in r.columns if c.name.lower() == lower]
    found = _pick(context, node, tuple(candidates), names[0])
    return None if found is None else (found, names[1:])


def _is_called(relation: Relation, names: list[str]) -> bool:
    lower = [name.lower() for name in names]
    if lower == [relation.alias.lower()]:
        return True
    ref = relation.table
    if ref is None or relation.alias.lower() != ref.table.lower():
        return False
    full = [part.lower() for part in (ref.project, ref.schema, ref.table) if part]
    return lower in (full, full[-2:])


def _pick(context: Context, node: exp.Expr, columns: tuple[Named, ...], name: str) -> Value | None:
    found = [column for column in columns if column.name.lower() == name.lower()]
    if len(found) > 1:
        raise context.fault(node, f"column {name} is ambiguous; say of which relation it is")
    return found[0].value if found else None


def member(context: Context, node: exp.Expr, value: Value, name: str) -> Value:
    """Take a member of a struct."""
    if isinstance(value.type, StructType):
        for field in value.type.fields:
            if field.name.lower() == name.lower():
                return Value(f"struct_extract({value.sql}, {_text(field.name)})", field.type)
        names = ", ".join(field.name for field in value.type.fields)
        raise context.fault(node, f"field {name} cannot be resolved; there are: {names}")
    raise context.fault(node, f"field {name} cannot be resolved: {value.type} is no struct")


def _text(name: str) -> str:
    return "'" + quoted(name)[1:-1].replace('""', '"').replace("'", "''") + "'"


def index(context: Context, node: exp.Expr, value: Value, place: Value) -> Value:
    """Take an element of an array, counted from 0, or the value of a key of a map."""
    if isinstance(value.type, ArrayType):
        at = implicit(place, BIGINT)
        if at is None:
            raise context.fault(node, f"{place.type} is no place in an array")
        sql = f"(CASE WHEN {at.sql} >= 0 THEN {value.sql}[{at.sql} + 1] END)"
        return Value(sql, value.type.element)
    if isinstance(value.type, MapType):
        key = implicit(place, value.type.key)
        if key is None:
            raise context.fault(node, f"{place.type} is no key of {value.type}")
        keyed = f"CAST({key.sql} AS {engine_type(value.type.key)})"
        return Value(f"{value.sql}[{keyed}]", value.type.value)
    if family(value.type) == "json":
        found = json_element(value, place)
        if found is None:
            raise context.fault(node, f"{place.type} is neither a name nor a place in JSON")
        return found
    raise context.fault(node, f"{value.type} has no elements")


def name_of(node: exp.Expr) -> str:
    """Return the name of a function, in small letters."""
    return node.name.lower()

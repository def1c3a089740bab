"""Functions that make several rows of one, for LATERAL VIEW and for SELECT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from odps_frames.emulator.sql.calls import Call
from odps_frames.emulator.sql.casts import common, implicit
from odps_frames.emulator.sql.functions import FUNCTIONS
from odps_frames.emulator.sql.scopes import only
from odps_frames.emulator.sql.values import (
    BIGINT,
    STRING,
    Value,
    engine_type,
    quoted,
    text_literal,
)
from odps_frames.model.types import ArrayType, MapType, StructType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlglot import exp

    from odps_frames.emulator.sql.expressions import Binder
    from odps_frames.emulator.sql.scopes import Context
    from odps_frames.model.types import DataType

__all__ = ["TABLE_FUNCTIONS", "Rows", "rows_of"]


@dataclass(frozen=True, slots=True)
class Rows:
    """What a function makes of one row."""

    listed: str
    """A list of structs with the members ``c0``, ``c1``, …; NULL is no row, too."""
    columns: tuple[tuple[str, DataType | None], ...]
    """Usual names and types."""
    function: str

    def query(self, alias: str, *, outer: bool = False) -> str:
        """Return a query of them, for the right side of a join; ``outer`` makes NULL of no row.

        DuckDB keeps the order of lists in this form of it, and in no other.
        """
        listed = self.listed
        if outer:
            listed = f"mc_some({listed})"
        shown = ", ".join(f"{alias}.u.c{number}" for number in range(len(self.columns)))
        return f"SELECT {shown} FROM (SELECT unnest({listed}) AS u) AS {alias}"

    def named(
        self, context: Context, node: exp.Expr, names: Sequence[str]
    ) -> tuple[tuple[str, DataType | None], ...]:
        """Return the columns under other names, where these are given.

        Raises
        ------
        SqlFault
            When they are not as many as the columns.
        """
        if names and len(names) != len(self.columns):
            message = f"{self.function} gives {len(self.columns)} columns, not {len(names)}"
            raise context.fault(node, message)
        if not names:
            return self.columns
        return tuple((name, type_) for name, (_, type_) in zip(names, self.columns, strict=True))


def rows_of(binder: Binder, node: exp.Expr) -> Rows:
    """Bind a call of such a function.

    Raises
    ------
    SqlFault
        For what it does not take, and for functions that are not known here.
    """
    name = node.name.lower()
    function = TABLE_FUNCTIONS.get(name)
    if function is None:
        raise binder.context.unsupported(node, f"LATERAL VIEW of {name or 'such a thing'}")
    only(binder.context, node, "this", "expressions", what=name)
    arguments = tuple(binder.bind(argument) for argument in node.expressions)
    return function(Call(name, arguments, binder.context, node))


def _struct(items: Sequence[str]) -> str:
    return f"struct_pack({', '.join(f'c{number} := {item}' for number, item in enumerate(items))})"


def _explode(call: Call) -> Rows:
    call.count(1)
    value, item = call.args[0], call.context.alias()
    columns: list[tuple[str, DataType | None]]
    if isinstance(value.type, ArrayType):
        elements, items = value.sql, [item]
        columns = [("col", value.type.element)]
    elif isinstance(value.type, MapType):
        elements, items = f"map_entries({value.sql})", [f"{item}.key", f"{item}.value"]
        columns = [("key", value.type.key), ("value", value.type.value)]
    else:
        raise call.fault(f"{call.name} of {value.type}; expected an array or a map")
    place = f"{item}p"
    if call.name == "posexplode":
        items, columns = [f"{place} - 1", *items], [("pos", BIGINT), *columns]
    listed = f"list_transform({elements}, lambda {item}, {place}: {_struct(items)})"
    return Rows(listed, tuple(columns), call.name)


def _inline(call: Call) -> Rows:
    call.count(1)
    value, item = call.args[0], call.context.alias()
    element = value.type.element if isinstance(value.type, ArrayType) else None
    if not isinstance(element, StructType):
        raise call.fault(f"inline of {value.type}; expected an array of structs")
    items = [f"({item}).{quoted(field.name)}" for field in element.fields]
    columns = tuple((field.name, field.type) for field in element.fields)
    listed = f"list_transform({value.sql}, lambda {item}: {_struct(items)})"
    return Rows(listed, columns, call.name)


def _stack(call: Call) -> Rows:
    """Cut values into rows; the last row is filled up with NULL."""
    call.count(2, 1000)
    n_rows = call.constant(0, int, "a number of rows")
    if not isinstance(n_rows, int) or n_rows < 1:
        raise call.fault("stack takes a number of rows from 1 on")
    values = call.args[1:]
    n_columns = -(-len(values) // n_rows)
    types = []
    for column in range(n_columns):
        try:
            types.append(common(value.type for value in values[column::n_columns]) or STRING)
        except TypeError as error:
            raise call.fault(f"column {column} of stack has different types: {error}") from None
    rows = [
        _struct([_of_type(call, values, row * n_columns + i, types[i]) for i in range(n_columns)])
        for row in range(n_rows)
    ]
    columns = tuple((f"col{i}", type_) for i, type_ in enumerate(types))
    return Rows(f"[{', '.join(rows)}]", columns, call.name)


def _of_type(call: Call, values: Sequence[Value], place: int, type_: DataType) -> str:
    if place >= len(values):
        return f"CAST(NULL AS {engine_type(type_)})"
    found = implicit(values[place], type_)
    if found is None:
        raise call.fault(f"{values[place].type} does not become {type_} by itself")
    return found.sql


def _json_tuple(call: Call) -> Rows:
    """Return members of a JSON text; each is what ``get_json_object`` gives."""
    call.count(2, 1000)
    items = []
    for place in range(1, len(call.args)):
        key = str(call.constant(place, str, "a key"))
        if not key.replace("_", "").isalnum():
            raise call.fault(f"key {key!r} of json_tuple is not supported here")
        path = Value(text_literal(f"$.{key}"), STRING, f"$.{key}")
        inner = Call("get_json_object", (call.args[0], path), call.context, call.node)
        items.append(FUNCTIONS["get_json_object"](inner))
    return _one_row(call, items)


def _parse_url_tuple(call: Call) -> Rows:
    """Return parts of a URL; each is what ``parse_url`` gives."""
    call.count(2, 1000)
    items = []
    for place in range(1, len(call.args)):
        said = str(call.constant(place, str, "a part"))
        words = said.split(":", 1)
        parts = tuple(Value(text_literal(word), STRING, word) for word in words)
        inner = Call("parse_url", (call.args[0], *parts), call.context, call.node)
        items.append(FUNCTIONS["parse_url"](inner))
    return _one_row(call, items)


def _keyvalue_tuple(call: Call) -> Rows:
    """Return values of keys in a text; each is what ``keyvalue`` gives."""
    call.count(4, 1000)
    items = []
    for place in range(3, len(call.args)):
        inner = Call("keyvalue", (*call.args[:3], call.args[place]), call.context, call.node)
        items.append(FUNCTIONS["keyvalue"](inner))
    return _one_row(call, items)


def _one_row(call: Call, items: Sequence[Value]) -> Rows:
    columns = tuple((f"c{number}", item.type) for number, item in enumerate(items))
    return Rows(f"[{_struct([item.sql for item in items])}]", columns, call.name)


def _keys(call: Call, first: int) -> list[Value]:
    """Return the values that every row repeats, whose number is the first argument."""
    number = call.constant(0, int, "a number of keys")
    if not isinstance(number, int) or not 0 <= number < len(call.args) - first:
        raise call.fault(f"{call.name} takes a number of keys, with values behind the keys")
    return list(call.args[first : first + number])


def _trans_array(call: Call) -> Rows:
    """Cut texts at a separator into rows; shorter ones are filled up with NULL."""
    call.count(3, 1000)
    keys = _keys(call, 2)
    separator = str(call.constant(1, str, "a separator"))
    if not separator:
        raise call.fault("trans_array takes a separator of one letter at least")
    cut, row, place = text_literal(separator), call.context.alias(), call.context.alias()
    texts = [call.sql(i, "string") for i in range(2 + len(keys), len(call.args))]
    lists = _struct([f"string_split({text}, {cut})" for text in texts])
    parts = [f"{row}.c{number}" for number in range(len(texts))]
    count = f"greatest({', '.join(f'coalesce(len({part}), 0)' for part in parts)})"
    types = [*(key.type for key in keys), *(STRING for _ in parts)]
    items = [*(key.sql for key in keys), *(f"({part})[{place}]" for part in parts)]
    numbers = f"generate_series(1, CAST({count} AS BIGINT))"
    rows = f"list_transform({numbers}, lambda {place}: {_struct(items)})"
    columns = tuple((f"col{number}", type_) for number, type_ in enumerate(types))
    return Rows(f"list_transform([{lists}], lambda {row}: {rows})[1]", columns, call.name)


def _trans_cols(call: Call) -> Rows:
    """Turn columns into rows, with the number of the column in front."""
    call.count(2, 1000)
    keys = _keys(call, 1)
    places = range(1 + len(keys), len(call.args))
    type_, values = call.meeting(*places)
    rows = [
        _struct([f"CAST({number} AS BIGINT)", *(key.sql for key in keys), value.sql])
        for number, value in enumerate(values, 1)
    ]
    kinds = [BIGINT, *(key.type for key in keys), type_]
    columns = tuple((f"col{number}", kind) for number, kind in enumerate(kinds))
    return Rows(f"[{', '.join(rows)}]", columns, call.name)


TableFunction: TypeAlias = "Callable[[Call], Rows]"

TABLE_FUNCTIONS: Mapping[str, TableFunction] = {
    "explode": _explode,
    "inline": _inline,
    "json_tuple": _json_tuple,
    "keyvalue_tuple": _keyvalue_tuple,
    "parse_url_tuple": _parse_url_tuple,
    "posexplode": _explode,
    "stack": _stack,
    "trans_array": _trans_array,
    "trans_cols": _trans_cols,
}

"""What a Polars expression says, in our terms as far as there are certain ones.

The tree is read from the form in which Polars writes expressions as JSON. That form changes with
its releases: whatever does not look as expected is opaque. Polars itself reads the literals back.
"""

from __future__ import annotations

import importlib
import io
import json
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from odps_frames.filters.condition import (
    Comparator,
    Condition,
    Constant,
    IsNull,
    Not,
    Opaque,
    all_of,
    any_of,
)
from odps_frames.filters.engine_terms import (
    UNKNOWN,
    compared,
    contained,
    literal_text,
    matching,
    true_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.model.schema import Column

__all__ = ["said"]

Known: TypeAlias = "Mapping[str, tuple[Column, Any]]"
"""The columns by the names that the expression has for them, with their Arrow types."""

MAX_DEPTH = 100
_COMPARATORS = {
    "Eq": Comparator.EQUAL,
    "NotEq": Comparator.NOT_EQUAL,
    "Lt": Comparator.LESS,
    "LtEq": Comparator.AT_MOST,
    "Gt": Comparator.GREATER,
    "GtEq": Comparator.AT_LEAST,
}
_JOINS = {"And": "and", "LogicalAnd": "and", "Or": "or", "LogicalOr": "or"}
_CLOSED = {
    "Both": (Comparator.AT_LEAST, Comparator.AT_MOST),
    "Left": (Comparator.AT_LEAST, Comparator.LESS),
    "Right": (Comparator.GREATER, Comparator.AT_MOST),
    "None": (Comparator.GREATER, Comparator.LESS),
}
_BELOW_NAN = {Comparator.GREATER: Comparator.AT_MOST, Comparator.AT_LEAST: Comparator.LESS}
"""Polars puts NaN above all: above is what is not at most."""
_UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def said(expression: Any, known: Known) -> Condition:  # noqa: ANN401  a polars.Expr
    """Say a condition in our terms; what has no certain ones is opaque."""
    polars: Any = importlib.import_module("polars")
    try:
        tree = json.loads(expression.meta.serialize(format="json"))
    except (polars.exceptions.PolarsError, ValueError, RecursionError):
        return Opaque()
    return _condition(tree, known, 0)


def _condition(node: Any, known: Known, depth: int) -> Condition:  # noqa: ANN401  a part of JSON
    if depth > MAX_DEPTH:
        return Opaque()
    match node:
        case {"Alias": [inner, str()]}:
            return _condition(inner, known, depth + 1)
        case {"Column": str(name)} if name in known:
            return _truth(*known[name])
        case {"Literal": _}:
            values = _values(node)
            whole = values is not None and len(values) == 1 and pa.types.is_boolean(values.type)
            return Constant(values[0].as_py()) if whole else Opaque()
        case {"BinaryExpr": {"left": left, "op": str(op), "right": right}}:
            return _binary(op, left, right, known, depth)
        case {"Function": {"input": [subject, *others], "function": {"Boolean": name}}}:
            return _boolean(name, subject, others, known, depth)
        case {"Function": {"input": [subject, pattern], "function": {"StringExpr": str(name)}}}:
            return _text(name, subject, pattern, known)
        case _:
            return Opaque()


def _truth(column: Column, type_: Any) -> Condition:  # noqa: ANN401  an Arrow type
    return true_of(column, type_) if pa.types.is_boolean(type_) else Opaque()


def _binary(op: str, left: Any, right: Any, known: Known, depth: int) -> Condition:  # noqa: ANN401  parts of JSON
    if op in _JOINS:
        join = all_of if _JOINS[op] == "and" else any_of
        return join([_condition(term, known, depth + 1) for term in (left, right)])
    comparator = _COMPARATORS.get(op.removesuffix("Validity"))
    if comparator is None:
        return Opaque()
    if _is_constant(left):
        comparator, left, right = comparator.flipped, right, left
    return _compared(comparator, left, right, known, missing=op.endswith("Validity"))


def _compared(
    comparator: Comparator,
    subject: Any,  # noqa: ANN401  a part of JSON
    literal: Any,  # noqa: ANN401  a part of JSON
    known: Known,
    *,
    missing: bool = False,
) -> Condition:
    found, values = _column(subject, known), _values(literal)
    if found is None or values is None or len(values) != 1 or pa.types.is_nested(values.type):
        return Opaque()
    column, type_ = found
    scalar = values[0]
    equal = comparator is Comparator.EQUAL
    if missing and not scalar.is_valid:
        return IsNull(column) if equal else Not(IsNull(column))
    plain = _question(column, type_, comparator, scalar)
    if not missing:
        return plain
    if equal:
        return all_of((plain, Not(IsNull(column))))
    return any_of((plain, IsNull(column)))


def _question(column: Column, type_: Any, comparator: Comparator, scalar: Any) -> Condition:  # noqa: ANN401  Arrow's
    if not scalar.is_valid:
        return UNKNOWN
    if not _is_exact(type_, scalar):
        return Opaque()
    if pa.types.is_floating(type_) and comparator in _BELOW_NAN:
        return Not(compared(column, type_, _BELOW_NAN[comparator], scalar))
    return compared(column, type_, comparator, scalar)


def _is_exact(type_: Any, scalar: Any) -> bool:  # noqa: ANN401  Arrow's
    """Whether Polars compares two types without rounding one of them."""
    other = scalar.type
    if pa.types.is_signed_integer(type_):
        return bool(pa.types.is_signed_integer(other)) and _fits_whole(type_, scalar.as_py())
    if pa.types.is_timestamp(type_) and pa.types.is_timestamp(other):
        # The finer one of the two is cut to the unit of the other. And where a service cannot
        # say times in nanoseconds, they come in microseconds.
        mine = max(_UNITS[type_.unit], _UNITS["us"])
        nanoseconds = scalar.value * _UNITS[other.unit]
        return _UNITS[type_.unit] >= _UNITS[other.unit] and bool(nanoseconds % mine == 0)
    return True


def _fits_whole(type_: Any, value: int) -> bool:  # noqa: ANN401  an Arrow type
    half: int = 2 ** (type_.bit_width - 1)
    return -half <= value < half


def _boolean(
    name: Any,  # noqa: ANN401  a part of JSON
    subject: Any,  # noqa: ANN401  a part of JSON
    others: list[Any],
    known: Known,
    depth: int,
) -> Condition:
    if name == "Not" and not others:
        return Not(_condition(subject, known, depth + 1))
    found = _column(subject, known)
    if found is None:
        return Opaque()
    column, type_ = found
    match name, others:
        case "IsNull", []:
            return IsNull(column)
        case "IsNotNull", []:
            return Not(IsNull(column))
        case {"IsIn": {"nulls_equal": bool(nulls_equal)}}, [literal]:
            return _among(column, type_, _values(literal), nulls_equal=nulls_equal)
        case {"IsBetween": {"closed": str(closed)}}, [low, high] if closed in _CLOSED:
            least, most = _CLOSED[closed]
            return all_of(
                (_compared(least, subject, low, known), _compared(most, subject, high, known))
            )
        case _:
            return Opaque()


def _among(column: Column, type_: Any, values: Any, *, nulls_equal: bool) -> Condition:  # noqa: ANN401  Arrow's
    if values is None:
        return Opaque()
    if pa.types.is_nested(values.type):
        if len(values) != 1 or not values[0].is_valid:
            return Opaque()
        values = values[0].values
    if not all(_is_exact(type_, scalar) for scalar in values if scalar.is_valid):
        return Opaque()
    return contained(column, type_, values, null=values.null_count > 0 if nulls_equal else None)


def _text(name: str, subject: Any, pattern: Any, known: Known) -> Condition:  # noqa: ANN401  parts of JSON
    found, values = _column(subject, known), _values(pattern)
    if (
        found is None
        or values is None
        or len(values) != 1
        or name not in {"StartsWith", "EndsWith"}
    ):
        return Opaque()
    text = values[0].as_py()
    if not isinstance(text, str):
        return Opaque()
    text = literal_text(text)
    return matching(found[0], text + "%" if name == "StartsWith" else "%" + text)


def _is_constant(node: Any) -> bool:  # noqa: ANN401  a part of JSON
    match node:
        case {"Literal": _} | {"Cast": {"expr": {"Literal": _}}}:
            return True
        case _:
            return False


def _column(node: Any, known: Known) -> tuple[Column, Any] | None:  # noqa: ANN401  a part of JSON
    match node:
        case {"Column": str(name)}:
            return known.get(name)
        case _:
            return None


def _values(node: Any) -> Any:  # noqa: ANN401  a part of JSON; an Arrow array, or None
    """The value or values of a literal, as Polars reads them."""
    if not _is_constant(node):
        return None
    polars: Any = importlib.import_module("polars")
    try:
        literal = polars.Expr.deserialize(io.StringIO(json.dumps(node)), format="json")
        return polars.select(literal).to_series().to_arrow()
    except (polars.exceptions.PolarsError, ValueError):
        return None

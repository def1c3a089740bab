"""What an Arrow expression says, in our terms as far as there are certain ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from odps_frames.filters.arrow_serial import Call, Literal, Reference
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
from odps_frames.filters.engine_terms import compared, contained, literal_text, matching, true_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.filters.arrow_serial import Node
    from odps_frames.model.schema import Column

__all__ = ["said"]

Known: TypeAlias = "Mapping[str, tuple[Column, Any]]"
"""The columns by the names that the expression has for them, with their Arrow types."""

MAX_DEPTH = 100
_COMPARATORS = {
    "equal": Comparator.EQUAL,
    "not_equal": Comparator.NOT_EQUAL,
    "less": Comparator.LESS,
    "less_equal": Comparator.AT_MOST,
    "greater": Comparator.GREATER,
    "greater_equal": Comparator.AT_LEAST,
}
# Without Kleene's rules, less is known; that does not matter here.
_JOINS = {"and_kleene": "and", "and": "and", "or_kleene": "or", "or": "or"}
_MATCH, _SKIP = 0, 1
"""How ``is_in`` takes NULL: as a value like others, or as one that is never in a set."""


def said(node: Node, known: Known, depth: int = 0) -> Condition:
    """Say a condition in our terms; what has no certain ones is opaque."""
    if depth > MAX_DEPTH:
        return Opaque()
    match node:
        case Literal(scalar):
            truth = pa.types.is_boolean(scalar.type)
            return Constant(scalar.as_py()) if truth else Opaque()
        case Reference():
            found = _column(node, known)
            return Opaque() if found is None else true_of(*found)
        case Call():
            return _called(node, known, depth)


def _called(call: Call, known: Known, depth: int) -> Condition:
    match call.function, call.arguments:
        case name, (left, right) if name in _COMPARATORS:
            return _compared(_COMPARATORS[name], left, right, known)
        case name, (_, _) if name in _JOINS:
            join = all_of if _JOINS[name] == "and" else any_of
            return join([said(term, known, depth + 1) for term in _flat(call)])
        case "and_not" | "and_not_kleene", (left, right):
            return all_of((said(left, known, depth + 1), Not(said(right, known, depth + 1))))
        case "invert", (term,):
            return Not(said(term, known, depth + 1))
        case _, (subject,):
            found = _column(subject, known)
            return Opaque() if found is None else _about(call, *found)
        case _:
            return Opaque()


def _flat(call: Call) -> list[Node]:
    """The terms of a join, which may be as long as somebody's list is."""
    found: list[Node] = []
    left: list[Node] = [call]
    while left:
        node = left.pop()
        if isinstance(node, Call) and node.function == call.function:
            left.extend(reversed(node.arguments))
        else:
            found.append(node)
    return found


def _compared(comparator: Comparator, left: Node, right: Node, known: Known) -> Condition:
    if _scalar(left) is not None:
        comparator, left, right = comparator.flipped, right, left
    found, scalar = _column(left, known), _scalar(right)
    if found is None or scalar is None:
        return Opaque()
    return compared(*found, comparator, scalar)


def _about(call: Call, column: Column, type_: Any) -> Condition:  # noqa: ANN401  an Arrow type
    """A function of one column."""
    options = call.options.as_py() if call.options is not None else {}
    match call.function:
        case "is_valid":
            return Not(IsNull(column))
        case "is_null":
            plain = options.get("nan_is_null") is False or not pa.types.is_floating(type_)
            return IsNull(column) if plain else Opaque()
        case "is_in" if call.options is not None:
            return _among(call.options, column, type_)
        case "starts_with" | "ends_with" | "match_substring" | "match_like":
            return _matching(call.function, options, column)
        case _:
            return Opaque()


def _among(options: Any, column: Column, type_: Any) -> Condition:  # noqa: ANN401  Arrow's
    how = options["null_matching_behavior"].as_py()
    if how not in {_MATCH, _SKIP}:
        return Opaque()
    values = options["value_set"].values
    return contained(column, type_, values, null=how == _MATCH and values.null_count > 0)


def _matching(function: str, options: Mapping[str, Any], column: Column) -> Condition:
    pattern = options.get("pattern")
    if isinstance(pattern, bytes):
        pattern = pattern.decode()
    if not isinstance(pattern, str) or options.get("ignore_case") is not False:
        return Opaque()
    if function == "match_like":
        return Opaque() if "\\" in pattern else matching(column, pattern)
    before = "" if function == "starts_with" else "%"
    behind = "" if function == "ends_with" else "%"
    return matching(column, before + literal_text(pattern) + behind)


def _column(node: Node, known: Known) -> tuple[Column, Any] | None:
    """The column that a node is, also through a cast to the type that it has."""
    match node:
        case Reference(path=(name,)):
            return known[name]
        case Call(function="cast", arguments=(subject,), options=options) if options is not None:
            found = _column(subject, known)
            return found if found is not None and options["to_type"].type == found[1] else None
        case _:
            return None


def _scalar(node: Node) -> Any:  # noqa: ANN401  a scalar of any type, or None
    """The constant that a node is, also through a cast that loses nothing."""
    match node:
        case Literal(scalar):
            return scalar
        case Call(function="cast", arguments=(Literal(scalar),), options=options):
            allowed = [
                name for name, on in options.items() if name.startswith("allow") and on.as_py()
            ]
            try:
                return None if allowed else scalar.cast(options["to_type"].type)
            except pa.ArrowException:
                return None
        case _:
            return None

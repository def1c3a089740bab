"""Conditions as lists of tuples, as ``pandas.read_parquet`` takes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from odps_frames.filters.condition import (
    Comparator,
    Comparison,
    Condition,
    Constant,
    In,
    IsNull,
    Not,
    all_of,
    any_of,
)
from odps_frames.filters.literals import is_missing, literal_of

if TYPE_CHECKING:
    from datetime import tzinfo

    from odps_frames.model.schema import TableSchema

__all__ = ["parse_tuples"]

_COMPARATORS = {**{c.value: c for c in Comparator}, "==": Comparator.EQUAL}
_OPERATORS = (*_COMPARATORS, "in", "not in", "is", "is not")
_PARTS = 3


def parse_tuples(filters: Sequence[object], schema: TableSchema, zone: tzinfo) -> Condition | None:
    """Read ``[(column, operator, value), …]`` as AND, a list of such lists as OR of ANDs.

    Raises
    ------
    ValueError, KeyError
        For another form, another operator, a value that the column has not; an unknown column.
    """
    if not filters:
        return None
    if all(isinstance(term, tuple) for term in filters):
        return all_of(_term(term, schema, zone) for term in filters)
    if all(isinstance(group, list) and group for group in filters):
        return any_of(
            all_of(_term(term, schema, zone) for term in group)
            for group in filters
            if isinstance(group, list)
        )
    msg = (
        f"not filters: {filters!r}; expected a list of tuples (column, operator, value), "
        "or a list of such lists"
    )
    raise ValueError(msg)


def _term(term: object, schema: TableSchema, zone: tzinfo) -> Condition:
    if not isinstance(term, tuple) or len(term) != _PARTS or not isinstance(term[0], str):
        msg = f"not a filter: {term!r}; expected a tuple (column, operator, value)"
        raise ValueError(msg)
    name, operator, value = term
    column = schema.column(name)
    sign = " ".join(operator.lower().split()) if isinstance(operator, str) else None
    if sign in {"in", "not in"}:
        values = tuple(literal_of(column, _present(term, each), zone) for each in _many(term))
        found: Condition = In(column, values) if values else Constant(value=False)
        return found if sign == "in" else Not(found)
    if sign in {"is", "is not"}:
        if not is_missing(value):
            msg = f"the filter {term!r} compares by {sign!r}; expected None behind it, or '='"
            raise ValueError(msg)
        return IsNull(column) if sign == "is" else Not(IsNull(column))
    if sign not in _COMPARATORS:
        msg = f"unknown operator {operator!r} in the filter {term!r}; expected one of {_OPERATORS}"
        raise ValueError(msg)
    return Comparison(column, _COMPARATORS[sign], literal_of(column, _present(term, value), zone))


def _many(term: tuple[object, ...]) -> Iterable[object]:
    values = term[2]
    if not isinstance(values, Iterable) or isinstance(values, str | bytes | dict):
        msg = f"the filter {term!r} needs a list of values, such as [1, 2]"
        raise ValueError(msg)  # noqa: TRY004  a wrong form is a ValueError, whichever it is
    return values


def _present(term: tuple[object, ...], value: object) -> object:
    if is_missing(value):
        msg = (
            f"the filter {term!r} compares with NULL, which is never true; "
            f"for the rows without a value write ({term[0]!r}, 'is', None), or 'is not'"
        )
        raise ValueError(msg)
    return value

"""Conditions as the text of a FilterPredicate (protocol.md §15)."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING

from odps_frames.filters.condition import (
    And,
    Comparison,
    Condition,
    Constant,
    Expression,
    In,
    IsNull,
    Like,
    Moment,
    Not,
    Opaque,
    Or,
)
from odps_frames.filters.literals import is_floating
from odps_frames.filters.times import write_date, write_time
from odps_frames.model.types import Kind, PrimitiveType

if TYPE_CHECKING:
    from odps_frames.filters.condition import Value
    from odps_frames.model.schema import Column

__all__ = ["described", "quote_name", "quote_text", "to_sql"]

_MAX_WHOLE = 2**63 - 1
_MAX_DIGITS = 38
_DIGITS = {Kind.DATETIME: 3, Kind.TIMESTAMP: 9, Kind.TIMESTAMP_NTZ: 9}


class _Unsayable(Exception):
    """The grammar, or what is known of its meaning, has no words for it."""


def to_sql(condition: Condition) -> str | None:
    """Say a condition in SQL; None when its words would not mean the same to the service.

    Expressions of engines cannot be said, nor constants beyond the service's types. The opposite of
    an order of floats is not said either, because services differ on where NaN stands.
    """
    try:
        return _say(condition)
    except _Unsayable:
        return None


def described(condition: Condition) -> str:
    """Say a condition for people: in SQL, as far as there are words for it."""
    said = to_sql(condition)
    if said is not None:
        return said
    match condition:
        case And(terms):
            return " and ".join(map(described, terms))
        case Or(terms):
            return "(" + " or ".join(map(described, terms)) + ")"
        case Not(term):
            return f"not ({described(term)})"
        case Expression(expression=expression):
            return str(expression)
        case _:
            return "null" if isinstance(condition, Constant) else repr(condition)


def quote_name(name: str) -> str:
    """Write the name of a column."""
    return "`" + name.replace("`", "``") + "`"


def quote_text(text: str) -> str:
    """Write a text constant."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _say(condition: Condition) -> str:
    match condition:
        case Constant(True):
            return "true"
        case Constant(False):
            return "false"
        case Comparison(column, comparator, value):
            return f"{quote_name(column.name)} {comparator.value} {_literal(column, value)}"
        case Not(term):
            return _say_not(term)
        case And(terms):
            return " and ".join(
                _nested(term) if isinstance(term, Or) else _say(term) for term in terms
            )
        case Or(terms):
            return " or ".join(
                _nested(term) if isinstance(term, And) else _say(term) for term in terms
            )
        case In() | IsNull() | Like():
            return _say_member(condition, "")
        case Constant() | Opaque() | Expression():
            raise _Unsayable


def _nested(term: Condition) -> str:
    return f"({_say(term)})"


def _say_not(term: Condition) -> str:
    if isinstance(term, In | IsNull | Like):
        return _say_member(term, "not ")
    if _orders_floats(term):
        raise _Unsayable
    return f"not {_nested(term)}"


def _say_member(condition: In | IsNull | Like, negation: str) -> str:
    name = quote_name(condition.column.name)
    match condition:
        case In(column, values):
            return f"{name} {negation}in ({', '.join(_literal(column, v) for v in values)})"
        case IsNull():
            return f"{name} is {negation}null"
        case Like(pattern=pattern):
            return f"{name} {negation}like {quote_text(pattern)}"


def _orders_floats(condition: Condition) -> bool:
    match condition:
        case Comparison(column, comparator):
            return comparator.orders and is_floating(column.type)
        case Not(term):
            return _orders_floats(term)
        case And(terms) | Or(terms):
            return any(map(_orders_floats, terms))
        case _:
            return False


def _literal(column: Column, value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return _whole(value)
        case float():
            return _float(value)
        case Decimal():
            return _decimal(value)
        case str():
            return quote_text(value)
        case bytes():
            return f"X'{value.hex()}'"
        case Moment():
            return _moment(column, value)


def _whole(value: int) -> str:
    if abs(value) > _MAX_WHOLE:
        raise _Unsayable
    return str(value)


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise _Unsayable
    return repr(value)


def _decimal(value: Decimal) -> str:
    text = format(value, "f")
    if sum(map(str.isdigit, text)) > _MAX_DIGITS:
        raise _Unsayable
    return text


def _moment(column: Column, value: Moment) -> str:
    kind = column.type.kind if isinstance(column.type, PrimitiveType) else None
    if kind is Kind.DATE:
        text = write_date(value.nanoseconds)
    elif kind in _DIGITS:
        text = write_time(value.nanoseconds, digits=_DIGITS[kind])
    else:
        text = None
    if kind is None or text is None:
        raise _Unsayable
    return f"{kind.name}'{text}'"

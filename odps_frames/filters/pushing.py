"""The part of a condition that certainly lets the right rows through where a service applies it.

What is pushed may let more rows through than the condition, never fewer: the whole condition is
applied again here. So a term is pushed only where its words mean the same to every service that
speaks SQL, or where they can be widened until they do (``docs/assumptions.md``).
"""

from __future__ import annotations

import datetime as dt
import math
import struct
from decimal import Decimal
from typing import TYPE_CHECKING

from odps_frames.filters.condition import (
    And,
    Comparator,
    Comparison,
    Condition,
    Constant,
    In,
    IsNull,
    Moment,
    Not,
    Or,
    all_of,
    any_of,
    columns_of,
)
from odps_frames.filters.printing import to_sql
from odps_frames.filters.times import DAY, HOUR, SECOND
from odps_frames.model.types import CharType, DecimalType, Kind, PrimitiveType, VarcharType

if TYPE_CHECKING:
    from odps_frames.filters.condition import Value
    from odps_frames.model.schema import Column, TableSchema

__all__ = ["about_partitions", "pushed"]

MAX_VALUES = 1000
MAX_LETTERS = 60_000
_ZONES = 26 * HOUR
"""Between the first and the last zone of the world: literals may be read in any of them."""
_INTEGERS = frozenset({Kind.TINYINT, Kind.SMALLINT, Kind.INT, Kind.BIGINT})
_EXACT_DIGITS = 15
"""So many digits stay apart, and in order, also where decimals are compared as floats."""
_FIRST_DAY = dt.date(1583, 1, 1).toordinal() - dt.date(1970, 1, 1).toordinal()
"""Before it, calendars differ."""
_OPPOSITE = {
    Comparator.EQUAL: Comparator.NOT_EQUAL,
    Comparator.NOT_EQUAL: Comparator.EQUAL,
    Comparator.LESS: Comparator.AT_LEAST,
    Comparator.AT_LEAST: Comparator.LESS,
    Comparator.GREATER: Comparator.AT_MOST,
    Comparator.AT_MOST: Comparator.GREATER,
}


def pushed(condition: Condition, schema: TableSchema) -> str | None:
    """Say in SQL what a service can be asked of a condition; None when that is nothing.

    Conditions on partition columns are left to the choice of partitions.
    """
    partitions = {name.lower() for name in schema.partition_names}
    terms = [
        wider
        for term in _conjuncts(condition)
        if _data_only(term, partitions) and (wider := _wider(term)) is not None
    ]
    text = to_sql(all_of(terms)) if terms else None
    return None if text is None or len(text) > MAX_LETTERS else text


def about_partitions(condition: Condition, schema: TableSchema) -> Condition | None:
    """Return the part of a condition that partitions as a whole meet or do not."""
    partitions = {name.lower() for name in schema.partition_names}
    terms = []
    for term in _conjuncts(condition):
        names = columns_of(term)
        if names and {name.lower() for name in names} <= partitions:
            terms.append(term)
    return all_of(terms) if terms else None


def _conjuncts(condition: Condition) -> tuple[Condition, ...]:
    return condition.terms if isinstance(condition, And) else (condition,)


def _data_only(term: Condition, partitions: set[str]) -> bool:
    names = columns_of(term)
    return names is not None and not {name.lower() for name in names} & partitions


def _wider(condition: Condition) -> Condition | None:
    """Return what is true at least where the condition is; None when only TRUE certainly is."""
    match condition:
        case Comparison(column, comparator, value):
            return _compared(column, comparator, value)
        case In(column, values):
            return _contained(column, values)
        case IsNull():
            return condition
        case And(terms):
            found = [wider for term in terms if (wider := _wider(term)) is not None]
            return all_of(found) if found else None
        case Or(terms):
            return _either(terms)
        case Not(term):
            return _wider_not(term)
        case _:
            return None


def _either(terms: tuple[Condition, ...]) -> Condition | None:
    # False and unknown let no row through, whatever stands beside them.
    open_terms = [t for t in terms if not (isinstance(t, Constant) and t.value is not True)]
    found = [wider for term in open_terms if (wider := _wider(term)) is not None]
    return any_of(found) if found and len(found) == len(open_terms) else None


def _wider_not(term: Condition) -> Condition | None:
    """Move NOT to the single questions, where it is certain."""
    match term:
        case Comparison(column, comparator, value):
            if comparator.orders and _is_float(column):
                return None  # services differ on where NaN stands
            return _compared(column, _OPPOSITE[comparator], value)
        case In(column, values):
            certain = len(values) <= MAX_VALUES and all(
                _certain(column, Comparator.NOT_EQUAL, value) for value in values
            )
            return Not(term) if certain else None
        case IsNull():
            return Not(term)
        case Not(inner):
            return _wider(inner)
        case And(terms):
            return _either(tuple(map(_opposite, terms)))
        case Or(terms):
            return _wider(And(tuple(map(_opposite, terms))))
        case _:
            return None


def _opposite(term: Condition) -> Condition:
    if isinstance(term, Constant):
        return Constant(None if term.value is None else not term.value)
    return Not(term)


def _compared(column: Column, comparator: Comparator, value: Value) -> Condition | None:
    if _is_zoned(column) and isinstance(value, Moment):
        return _between(column, comparator, (value, value))
    if _certain(column, comparator, value):
        return Comparison(column, comparator, value)
    return None


def _contained(column: Column, values: tuple[Value, ...]) -> Condition | None:
    moments = [value for value in values if isinstance(value, Moment)]
    if _is_zoned(column) and moments:
        ends = sorted(moments, key=lambda moment: moment.nanoseconds)
        return _between(column, Comparator.EQUAL, (ends[0], ends[-1]))
    certain = len(values) <= MAX_VALUES and all(
        _certain(column, Comparator.EQUAL, value) for value in values
    )
    return In(column, values) if certain else None


def _between(
    column: Column, comparator: Comparator, ends: tuple[Moment, Moment]
) -> Condition | None:
    """Bound a column of instants so far out that it is right in every zone."""
    low = Moment((ends[0].nanoseconds - _ZONES) // SECOND * SECOND)
    high = Moment(-(-(ends[1].nanoseconds + _ZONES) // SECOND) * SECOND)
    found: list[Condition] = []
    if comparator in {Comparator.EQUAL, Comparator.GREATER, Comparator.AT_LEAST} and _dated(low):
        found.append(Comparison(column, Comparator.AT_LEAST, low))
    if comparator in {Comparator.EQUAL, Comparator.LESS, Comparator.AT_MOST} and _dated(high):
        found.append(Comparison(column, Comparator.AT_MOST, high))
    said = [term for term in found if to_sql(term) is not None]
    return all_of(said) if said else None


def _certain(column: Column, comparator: Comparator, value: Value) -> bool:  # noqa: PLR0911  one line a type
    """Whether a comparison means the same to every service."""
    question = Comparison(column, comparator, value)
    if to_sql(question) is None:
        return False
    match column.type, value:
        case ((VarcharType() | PrimitiveType(Kind.STRING)), str()):
            # Orders of texts beyond ASCII differ by encoding; backslashes are escaped or not.
            return "\\" not in value and value.isprintable() and _ordered(comparator, value)
        case CharType(), _:
            return False  # padding counts, or does not
        case DecimalType(precision=precision, scale=scale), (int() | Decimal()):
            return precision <= _EXACT_DIGITS and _fits(value, scale)
        case PrimitiveType(kind), int() if kind in _INTEGERS:
            return True
        case PrimitiveType(Kind.DOUBLE), float():
            return _plain(value) and not _parts_zeros(comparator, value)
        case PrimitiveType(Kind.FLOAT), float():
            return _plain(value) and _is_single(value) and not _parts_zeros(comparator, value)
        case PrimitiveType(Kind.BOOLEAN | Kind.BINARY), (bool() | bytes()):
            return not comparator.orders
        case PrimitiveType(Kind.DATE | Kind.TIMESTAMP_NTZ), Moment():
            return _dated(value)
        case _:
            return False


def _ordered(comparator: Comparator, value: str) -> bool:
    return value.isascii() or not comparator.orders


def _fits(value: int | Decimal, scale: int) -> bool:
    digits = Decimal(value).as_tuple()
    exponent = digits.exponent
    return isinstance(exponent, int) and exponent >= -scale and len(digits.digits) <= _EXACT_DIGITS


def _plain(value: float) -> bool:
    return math.isfinite(value) and "e" not in repr(value)


def _parts_zeros(comparator: Comparator, value: float) -> bool:
    """Whether a row is lost where -0.0 is below 0.0, instead of being the same."""
    return value == 0 and comparator in {
        Comparator.EQUAL,
        Comparator.AT_LEAST,
        Comparator.AT_MOST,
    }


def _is_single(value: float) -> bool:
    """Whether four bytes hold a number, so that no service rounds it."""
    try:
        return bool(struct.unpack("<f", struct.pack("<f", value))[0] == value)
    except OverflowError:
        return False


def _dated(moment: Moment) -> bool:
    return moment.nanoseconds >= _FIRST_DAY * DAY


def _is_float(column: Column) -> bool:
    return column.type in (PrimitiveType(Kind.FLOAT), PrimitiveType(Kind.DOUBLE))


def _is_zoned(column: Column) -> bool:
    return column.type in (PrimitiveType(Kind.DATETIME), PrimitiveType(Kind.TIMESTAMP))

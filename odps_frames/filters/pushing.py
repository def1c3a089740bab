"""The part of a condition that certainly lets the right rows through where a service applies it.

What is pushed may let more rows through than the condition, never fewer: the whole condition is
applied again here. So a term is pushed only where its words mean the same to every service that
speaks SQL, or where they can be widened until they do (``docs/assumptions.md``).
"""

from __future__ import annotations

import datetime as dt
import math
import re
import struct
from decimal import Decimal
from typing import TYPE_CHECKING, TypeGuard

from odps_frames.filters.condition import (
    And,
    Comparator,
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

__all__ = ["about_partitions", "possible", "pushed"]

MAX_VALUES = 1000
MAX_LETTERS = 60_000
_ZONES = 26 * HOUR
"""Between the first and the last zone of the world: literals may be read in any of them."""
_INTEGERS = frozenset({Kind.TINYINT, Kind.SMALLINT, Kind.INT, Kind.BIGINT})
_EXACT_DIGITS = 15
"""So many digits stay apart, and in order, also where decimals are compared as floats."""
_FIRST_DAY = dt.date(1583, 1, 1).toordinal() - dt.date(1970, 1, 1).toordinal()
"""Before it, calendars differ."""
_BEGINNING = re.compile(r"(?:[^%_\\]|\\[%_])*", re.DOTALL)
"""Of a pattern: what is taken as said."""
_ESCAPED = re.compile(r"\\([%_])")
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
    wider = _wider(_about(condition, frozenset(map(str.lower, schema.names))))
    text = None if wider is None else to_sql(wider)
    return None if text is None or len(text) > MAX_LETTERS else text


def about_partitions(condition: Condition, schema: TableSchema) -> Condition | None:
    """Return what partitions as a whole must meet for rows of theirs to meet the condition.

    Where the condition asks about nothing else, it is the condition itself.
    """
    partitions = frozenset(map(str.lower, schema.partition_names))
    terms = []
    for term in _conjuncts(condition):
        names = columns_of(term)
        if names is not None and {name.lower() for name in names} <= partitions:
            terms.append(term)
        else:
            terms.append(possible(_about(term, partitions)))
    found = all_of(term for term in terms if term != Constant(value=True))
    return found if columns_of(found) else None


def _conjuncts(condition: Condition) -> tuple[Condition, ...]:
    return condition.terms if isinstance(condition, And) else (condition,)


def _about(condition: Condition, columns: frozenset[str]) -> Condition:
    """Take the questions about other columns for opaque ones."""
    match condition:
        case Comparison() | In() | IsNull() | Like():
            return condition if condition.column.name.lower() in columns else Opaque()
        case Not(term):
            return Not(_about(term, columns))
        case And(terms):
            return And(tuple(_about(term, columns) for term in terms))
        case Or(terms):
            return Or(tuple(_about(term, columns) for term in terms))
        case Expression(implied=implied):
            return _about(implied, columns)
        case Constant() | Opaque():
            return condition


def possible(condition: Condition) -> Condition:
    """Return what is true wherever the condition is, whatever its opaque parts are."""
    return _bound(condition, upper=True)


def _bound(condition: Condition, *, upper: bool) -> Condition:
    """Return the most, or the least, that a condition can be, whatever its opaque parts are."""
    match condition:
        case Opaque():
            return Constant(upper)
        case Not(term):
            found = _bound(term, upper=not upper)
            return Constant(not found.value) if _is_known(found) else Not(found)
        case And(terms):
            return _joined(terms, upper=upper, ends=False)
        case Or(terms):
            return _joined(terms, upper=upper, ends=True)
        case _:
            return condition


def _joined(terms: tuple[Condition, ...], *, upper: bool, ends: bool) -> Condition:
    """Bound the terms of a join, which a term that is ``ends`` decides."""
    found = [_bound(term, upper=upper) for term in terms]
    if Constant(ends) in found:
        return Constant(ends)
    left = [term for term in found if term != Constant(not ends)]
    if not left:
        return Constant(not ends)
    return any_of(left) if ends else all_of(left)


def _is_known(condition: Condition) -> TypeGuard[Constant]:
    return isinstance(condition, Constant) and condition.value is not None


def _wider(condition: Condition) -> Condition | None:
    """Return what is true at least where the condition is; None when only TRUE certainly is."""
    match condition:
        case Comparison(column, comparator, value):
            return _compared(column, comparator, value)
        case In(column, values):
            return _contained(column, values)
        case IsNull():
            return condition
        case Like(column, pattern):
            return _begins(column, pattern)
        case And(terms):
            found = [wider for term in terms if (wider := _wider(term)) is not None]
            return all_of(found) if found else None
        case Or(terms):
            return _either(terms)
        case Not(term):
            return _wider_not(term)
        case _:
            return None


def _begins(column: Column, pattern: str) -> Condition | None:
    """Bound the texts that begin as a pattern does; patterns themselves differ by service."""
    match = _BEGINNING.match(pattern)
    beginning = _ESCAPED.sub(r"\1", match.group()) if match else ""
    if match and match.end() == len(pattern):
        return _compared(column, Comparator.EQUAL, beginning)
    # Beyond ASCII, orders differ by encoding, and blanks at the end may not count.
    beginning = re.split(r"[^ -}]", beginning, maxsplit=1)[0].rstrip(" ")
    if not beginning:
        return None
    behind = beginning[:-1] + chr(ord(beginning[-1]) + 1)
    ends = (
        _compared(column, Comparator.AT_LEAST, beginning),
        _compared(column, Comparator.LESS, behind),
    )
    found = [end for end in ends if end is not None]
    return all_of(found) if found else None


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

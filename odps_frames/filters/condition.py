"""A condition on the rows of a table: a tree of frozen values, true, false or unknown for a row."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odps_frames.model.schema import Column

__all__ = [
    "And",
    "Comparator",
    "Comparison",
    "Condition",
    "Constant",
    "Expression",
    "In",
    "IsNull",
    "Like",
    "Moment",
    "Not",
    "Opaque",
    "Or",
    "Value",
    "all_of",
    "any_of",
    "both",
    "columns_of",
    "is_whole",
]


@dataclass(frozen=True, slots=True)
class Moment:
    """A date or time: nanoseconds since 1970, in UTC or on the clock as the column has it."""

    nanoseconds: int


Value: TypeAlias = bool | int | Decimal | float | str | bytes | Moment
"""A constant in the form that its column calls for; numbers that are whole are int."""


class Comparator(StrEnum):
    """How two values are compared; the value is its sign in SQL."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="

    @property
    def flipped(self) -> Comparator:
        """The sign that says the same with the sides exchanged."""
        return _FLIPPED.get(self, self)

    @property
    def orders(self) -> bool:
        """Whether it asks for more than being the same."""
        return self in _FLIPPED


_FLIPPED = {
    Comparator.LESS: Comparator.GREATER,
    Comparator.AT_MOST: Comparator.AT_LEAST,
    Comparator.GREATER: Comparator.LESS,
    Comparator.AT_LEAST: Comparator.AT_MOST,
}


@dataclass(frozen=True, slots=True)
class Constant:
    """True, false or, for None, unknown."""

    value: bool | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A column against a constant."""

    column: Column
    comparator: Comparator
    value: Value


@dataclass(frozen=True, slots=True)
class In:
    """Whether a column has one of some values."""

    column: Column
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class IsNull:
    """Whether a column is NULL; never unknown."""

    column: Column


@dataclass(frozen=True, slots=True)
class Like:
    r"""Whether a text has a form: ``%`` is any text, ``_`` any letter, ``\`` takes both as said."""

    column: Column
    pattern: str


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite; of unknown, unknown."""

    term: Condition


@dataclass(frozen=True, slots=True)
class And:
    """False when one term is, else unknown when one term is, else true."""

    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """True when one term is, else unknown when one term is, else false."""

    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Opaque:
    """A part of an expression that has no words here: it may be true, false or unknown."""


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A condition of Arrow or Polars, kept as it is; equal to itself only, as both build."""

    expression: Any
    """A ``pyarrow.compute.Expression`` or a ``polars.Expr``; its own engine decides on the rows."""
    names: tuple[tuple[str, Column], ...] | None
    """The columns by the names that it has for them; None when nobody can tell."""
    implied: Condition
    """The same in terms of ours: for no row false or unknown where the expression is true."""


Condition: TypeAlias = (
    Constant | Comparison | In | IsNull | Like | Not | And | Or | Opaque | Expression
)


def all_of(terms: Iterable[Condition]) -> Condition:
    """Join by AND; a single term stays itself."""
    flat = [t for term in terms for t in (term.terms if isinstance(term, And) else (term,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(terms: Iterable[Condition]) -> Condition:
    """Join by OR; a single term stays itself."""
    flat = [t for term in terms for t in (term.terms if isinstance(term, Or) else (term,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def both(first: Condition, second: Condition) -> Condition:
    """Join two conditions by AND."""
    return all_of((first, second))


def columns_of(condition: Condition) -> frozenset[str] | None:
    """Return the columns that a condition needs; None when nobody can tell."""
    match condition:
        case Constant() | Opaque():
            return frozenset()
        case Comparison(column=column) | In(column=column) | IsNull(column) | Like(column=column):
            return frozenset({column.name})
        case Not(term):
            return columns_of(term)
        case And(terms) | Or(terms):
            found: frozenset[str] = frozenset()
            for term in terms:
                names = columns_of(term)
                if names is None:
                    return None
                found |= names
            return found
        case Expression(names=known):
            return None if known is None else frozenset(column.name for _, column in known)


def is_whole(condition: Condition) -> bool:
    """Whether no part of a condition is opaque."""
    match condition:
        case Opaque():
            return False
        case Not(term):
            return is_whole(term)
        case And(terms) | Or(terms):
            return all(map(is_whole, terms))
        case Expression(implied=implied):
            return is_whole(implied)
        case _:
            return True

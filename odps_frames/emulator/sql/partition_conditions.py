"""Which partitions a statement means: those named in full, or those that meet conditions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, TypeAlias

from odps_frames.emulator.specs import canonical
from odps_frames.emulator.sql.tokens import SqlFault, TokenKind
from odps_frames.model.types import CharType, Kind, PrimitiveType, VarcharType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from odps_frames.emulator.specs import Values
    from odps_frames.emulator.sql.statements import Spec
    from odps_frames.emulator.sql.tokens import Token
    from odps_frames.model.schema import Column

__all__ = ["Chosen", "Compared", "Condition", "Joined", "Matched", "Negated", "Operand", "matching"]


@dataclass(frozen=True, slots=True)
class Operand:
    """A partition column, or a part of its text: ``substr(column, start, length)``."""

    column: str
    token: Token
    part: tuple[int, int | None] | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """An operand beside a value: ``=``, ``<>``, ``<``, ``<=``, ``>`` or ``>=``."""

    operand: Operand
    sign: str
    value: Token
    """Its place; a number that is negative has its sign in the text."""


@dataclass(frozen=True, slots=True)
class Matched:
    """An operand beside a pattern of LIKE or RLIKE."""

    operand: Operand
    word: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Joined:
    """Conditions of which all (AND) or one (OR) must hold."""

    word: str
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negated:
    """A condition that must not hold."""

    part: Condition


Condition: TypeAlias = Compared | Matched | Joined | Negated


@dataclass(frozen=True, slots=True)
class Chosen:
    """One ``PARTITION (…)``: conditions of which all must hold."""

    conditions: tuple[Condition, ...]
    token: Token

    @property
    def spec(self) -> Spec | None:
        """Columns with values, where nothing else is said."""
        found = []
        for condition in self.conditions:
            plain = isinstance(condition, Compared) and condition.operand.part is None
            if not plain or condition.sign != "=":  # type: ignore[union-attr]  # it is Compared
                return None
            found.append((condition.operand.column, condition.value.value))  # type: ignore[union-attr]  # so it is
        return tuple(found)


def matching(
    chosen: Chosen, columns: Sequence[Column], partitions: Iterable[Values]
) -> list[Values]:
    """Return the partitions that meet all conditions.

    Raises
    ------
    SqlFault
        For a condition over no partition column or several, or a value of another type.
    """
    tests = [_test_of(condition, columns) for condition in chosen.conditions]
    return [values for values in partitions if all(test(values) for test in tests)]


def _test_of(condition: Condition, columns: Sequence[Column]) -> Callable[[Values], bool]:
    operands = list(_operands(condition))
    first = operands[0]
    for other in operands:
        if other.column != first.column:
            raise SqlFault(
                "ODPS-0130071",
                f"Semantic analysis exception - invalid column reference {other.column}, "
                "partition expression must have one and only one column reference",
                other.token,
            )
    names = [column.name.lower() for column in columns]
    if first.column not in names:
        raise SqlFault(
            "ODPS-0130071",
            f"Semantic analysis exception - {first.column} is no partition column; expected one "
            f"of: {', '.join(names) or 'none'}",
            first.token,
        )
    place = names.index(first.column)
    test = _holds(condition, columns[place])
    return lambda values: test(values[place])


def _operands(condition: Condition) -> Iterable[Operand]:
    match condition:
        case Compared(operand=operand) | Matched(operand=operand):
            yield operand
        case Negated(part=part):
            yield from _operands(part)
        case Joined(parts=parts):
            for part in parts:
                yield from _operands(part)


def _holds(condition: Condition, column: Column) -> Callable[[str], bool]:
    match condition:
        case Negated(part=part):
            inner = _holds(part, column)
            return lambda text: not inner(text)
        case Joined(word=word, parts=parts):
            tests = [_holds(part, column) for part in parts]
            quantifier = all if word == "AND" else any
            return lambda text: quantifier(test(text) for test in tests)
        case Matched(operand=operand, word=word, pattern=pattern):
            _need_text(operand, column, word)
            found = _pattern(word, pattern, operand)
            cut = _part(operand)
            return lambda text: found.search(cut(text)) is not None
        case Compared(operand=operand, sign=sign, value=value):
            return _compare(operand, sign, value, column)


def _compare(operand: Operand, sign: str, value: Token, column: Column) -> Callable[[str], bool]:
    if operand.part is not None:
        _need_text(operand, column, "substr")
    textual = _is_text(column)
    if textual and value.kind is not TokenKind.TEXT and sign != "=":
        raise _wrong(value, f"{value}; expected a text to compare {column.type} with")
    try:
        plain = value.value if operand.part is not None else canonical(column, value.value)
        order = _order(column)
        wanted = order(plain)
    except ValueError as error:
        raise _wrong(
            value, f"partition column {column.name} of type {column.type}: {error}"
        ) from None
    part = _part(operand)
    signs: dict[str, Callable[[str], bool]] = {
        "=": lambda text: order(part(text)) == wanted,
        "<>": lambda text: order(part(text)) != wanted,
        "<": lambda text: order(part(text)) < wanted,
        "<=": lambda text: order(part(text)) <= wanted,
        ">": lambda text: order(part(text)) > wanted,
        ">=": lambda text: order(part(text)) >= wanted,
    }
    return signs[sign]


def _order(column: Column) -> Callable[[str], tuple[int, str]]:
    """Return what gives the texts of a column their order."""
    if _is_text(column):
        return lambda text: (0, text)
    if column.type == PrimitiveType(Kind.DATE):
        return lambda text: (date.fromisoformat(text).toordinal(), "")
    return lambda text: (int(text), "")


def _is_text(column: Column) -> bool:
    return isinstance(column.type, CharType | VarcharType) or column.type == PrimitiveType(
        Kind.STRING
    )


def _need_text(operand: Operand, column: Column, word: str) -> None:
    if not _is_text(column):
        raise _wrong(operand.token, f"{word} of partition column {column.name}, a {column.type}")


def _part(operand: Operand) -> Callable[[str], str]:
    if operand.part is None:
        return lambda text: text
    start, length = operand.part

    def cut(text: str) -> str:
        begin = start - 1 if start > 0 else max(len(text) + start, 0) if start < 0 else 0
        return text[begin:] if length is None else text[begin : begin + max(length, 0)]

    return cut


def _pattern(word: str, pattern: str, operand: Operand) -> re.Pattern[str]:
    if word == "RLIKE":
        try:
            return re.compile(pattern)
        except re.error as error:
            raise _wrong(operand.token, f"RLIKE {pattern!r}: {error}") from None
    pieces = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    text = "".join(wild.get(piece) or re.escape(piece[-1]) for piece in pieces)
    return re.compile(rf"\A{text}\Z", re.DOTALL)


def _wrong(token: Token, message: str) -> SqlFault:
    return SqlFault("ODPS-0130071", f"Semantic analysis exception - {message}", token)

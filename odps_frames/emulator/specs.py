"""Partitions as texts say them, read with the columns of the table at hand.

The protocol has no escapes (protocol.md §14), so a text is cut only where a partition column of
this very table follows; a value may then hold commas, slashes and equals signs.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, TypeAlias

from odps_frames.emulator.refusals import invalid
from odps_frames.model.table import Partition
from odps_frames.model.types import CharType, Kind, PrimitiveType, VarcharType

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from odps_frames.model.schema import Column
    from odps_frames.model.types import DataType

__all__ = [
    "Selector",
    "Values",
    "can_part",
    "canonical",
    "chosen",
    "parse_partition",
    "parse_selector",
    "partition_of",
    "selector_of",
    "spelled",
]

Values: TypeAlias = tuple[str, ...]
"""A partition: a value for each partition column, in their order."""

Selector: TypeAlias = tuple[str | None, ...]
"""A choice of partitions; None leaves a column open."""

_NAME = re.compile(r"\s*`?(\w+)`?\s*=")
_INTEGERS = {Kind.TINYINT: 8, Kind.SMALLINT: 16, Kind.INT: 32, Kind.BIGINT: 64}


def can_part(type_: DataType) -> bool:
    """Whether a column of this type can part a table."""
    match type_:
        case CharType() | VarcharType():
            return True
        case PrimitiveType(kind=kind):
            return kind in _INTEGERS or kind in (Kind.STRING, Kind.DATE)
        case _:
            return False


def canonical(column: Column, text: str) -> str:
    """Return the one text that stands for a value, so that ``01`` and ``1`` are one number.

    Raises
    ------
    ValueError
        When the text is no value of the column's type.
    """
    match column.type:
        case PrimitiveType(kind=Kind.DATE):
            return date.fromisoformat(text).isoformat()
        case PrimitiveType(kind=kind) if kind in _INTEGERS:
            if not re.fullmatch(r"[+-]?[0-9]+", text):
                msg = f"not a whole number: {text!r}"
                raise ValueError(msg)
            number = int(text)
            if not -(1 << _INTEGERS[kind] - 1) <= number < 1 << _INTEGERS[kind] - 1:
                msg = f"{text} does not fit {column.type}"
                raise ValueError(msg)
            return str(number)
        case CharType(length=length) | VarcharType(length=length) if len(text) > length:
            msg = f"{text!r} is longer than {column.type}"
            raise ValueError(msg)
        case _:
            return text


def spelled(items: Iterable[tuple[str, str]]) -> str:
    """Return a partition as a statement says it."""
    return ", ".join(f"{name}={value!r}" for name, value in items)


def _partition_columns(columns: Sequence[Column]) -> str:
    names = ", ".join(column.name for column in columns)
    return f"the partition columns are: {names}" if names else "the table has no partitions"


def selector_of(items: Iterable[tuple[str, str]], columns: Sequence[Column]) -> Selector:
    """Make a choice of partitions out of names and values.

    Raises
    ------
    ServiceError
        When a name is no partition column, or a value none of its type.
    """
    said = list(items)
    by_name = {name.lower(): value for name, value in said}
    unknown = by_name.keys() - {column.name.lower() for column in columns}
    if unknown or len(by_name) != len(said):
        raise invalid(f"partition {spelled(said)}; {_partition_columns(columns)}")
    try:
        Partition(tuple(by_name.items()))
        return tuple(
            canonical(column, by_name[name]) if (name := column.name.lower()) in by_name else None
            for column in columns
        )
    except ValueError as error:
        raise invalid(f"partition {spelled(said)}: {error}") from None


def parse_selector(text: str, columns: Sequence[Column]) -> Selector:
    """Read ``pt=1,hh=2``, ``pt=1/hh=2`` or ``pt='1',hh='2'``; columns may be left out.

    Raises
    ------
    ServiceError
        When the text is no such choice, or could be read in two ways.
    """
    names = {column.name.lower() for column in columns}
    left = set(names)
    items: list[tuple[str, str]] = []
    position = 0
    while text[position:].strip():
        match = _NAME.match(text, position)
        if match is None or match.group(1).lower() not in left:
            expected = ", ".join(column.name for column in columns) or "none"
            raise invalid(
                f"partition {text!r} at {text[position:]!r}; expected 'name=value' with each of "
                f"the partition columns at most once: {expected}"
            )
        left.discard(match.group(1).lower())
        start = match.end()
        quoted = _quoted(text, start, left)
        value, position = quoted or _plain(text, start, left)
        if quoted is None and _cut(names).search(value):
            raise invalid(
                f"partition {text!r} can be read in more than one way; put the values in quotes"
            )
        items.append((match.group(1), value))
    return selector_of(items, columns)


def parse_partition(text: str, columns: Sequence[Column]) -> Values:
    """Read a text that names every partition column.

    Raises
    ------
    ServiceError
        When it does not.
    """
    values = tuple(value for value in parse_selector(text, columns) if value is not None)
    if not columns or len(values) != len(columns):
        names = ", ".join(column.name for column in columns) or "none"
        raise invalid(f"partition {text!r}; expected a value for each partition column: {names}")
    return values


def chosen(values: Values, selectors: Sequence[Selector] | None) -> bool:
    """Whether a partition is among those chosen; None chooses all."""
    return selectors is None or any(
        all(want in (None, have) for want, have in zip(selector, values, strict=True))
        for selector in selectors
    )


def partition_of(values: Values, columns: Sequence[Column]) -> Partition:
    """Give the values their names."""
    return Partition(tuple(zip((column.name for column in columns), values, strict=True)))


def _cut(names: Iterable[str]) -> re.Pattern[str]:
    either = "|".join(map(re.escape, names)) or "(?!)"
    return re.compile(rf"\s*[,/](?=\s*`?(?:{either})`?\s*=)", re.IGNORECASE)


def _quoted(text: str, start: int, left: set[str]) -> tuple[str, int] | None:
    """Return a value in quotes and where the next pair begins, or None.

    Quotes inside may be escaped or not; the closing one is followed by the end or the next pair.
    """
    while text[start : start + 1].isspace():
        start += 1
    quote = text[start : start + 1]
    position = start + 1
    while quote in ("'", '"') and position < len(text):
        if text[position] == "\\" and text[position + 1 : position + 2] in ("\\", quote):
            position += 2
            continue
        if text[position] == quote:
            end = len(text) if not text[position + 1 :].strip() else None
            if end is None and (cut := _cut(left).match(text, position + 1)):
                end = cut.end()
            if end is not None:
                return _unescape(text[start + 1 : position], quote), end
        position += 1
    return None


def _plain(text: str, start: int, left: set[str]) -> tuple[str, int]:
    cut = _cut(left).search(text, start)
    return text[start : cut.start() if cut else None].strip(), cut.end() if cut else len(text)


def _unescape(value: str, quote: str) -> str:
    return re.sub(rf"\\([\\{quote}])", r"\1", value)

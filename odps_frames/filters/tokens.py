"""SQL text cut into tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Sort", "Token", "Unreadable", "complaint", "tokens", "unescape"]

_SHOWN = 80


class Unreadable(ValueError):
    """A text that is not in the grammar, whatever columns there are."""


class Sort(Enum):
    """What a token is."""

    WORD = auto()
    """A word as it stands, a column or a keyword."""
    NAME = auto()
    """A column in back-quotes."""
    TEXT = auto()
    BYTES = auto()
    NUMBER = auto()
    SIGN = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text; ``value`` has quotes and escapes undone."""

    sort: Sort
    value: str
    position: int

    def __str__(self) -> str:
        return "the end" if self.sort is Sort.END else repr(self.value)


_TOKEN = re.compile(
    r"""
    (?P<BYTES>[xX]'[^']*')
  | (?P<TEXT>'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*")
  | (?P<NAME>`(?:[^`]|``)+`)
  | (?P<NUMBER>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?!\w))
  | (?P<WORD>[^\W\d]\w*)
  | (?P<SIGN><=|>=|<>|!=|==|[=<>(),+-])
    """,
    re.VERBOSE | re.DOTALL,
)
_QUOTES = "'\"`"
_BLANK = re.compile(r"\s*")
_ESCAPED = re.compile(r"\\(.)|''|\"\"", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "\\": "\\", "'": "'", '"': '"'}
_PATTERN_ESCAPES = {"%": "\\%", "_": "\\_"}
"""These keep their backslash, which is for LIKE to read."""


def tokens(text: str) -> Iterator[Token]:
    """Cut a text; the last token is the end.

    Raises
    ------
    ValueError
        At the first character that begins nothing.
    """
    position = _skip(text, 0)
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            found = text[position]
            wanted = "a column, a value or an operator"
            raise complaint(
                text, position, "a closing quote" if found in _QUOTES else wanted, found
            )
        sort = Sort[match.lastgroup or ""]
        yield Token(sort, _value(text, sort, match.group(), position), position)
        position = _skip(text, match.end())
    yield Token(Sort.END, "", len(text))


def _skip(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position


def _value(text: str, sort: Sort, piece: str, position: int) -> str:
    if sort is Sort.NAME:
        return piece[1:-1].replace("``", "`")
    if sort is Sort.BYTES:
        return piece[2:-1]
    if sort is Sort.TEXT:
        try:
            return unescape(piece)
        except ValueError as error:
            raise complaint(text, position, str(error), piece) from None
    return piece


def unescape(quoted: str) -> str:
    r"""Read a text in quotes: a doubled quote is one, ``\`` takes what follows.

    Raises
    ------
    ValueError
        For an escape that is not known.
    """
    quote = quoted[0]

    def undo(match: re.Match[str]) -> str:
        letter = match.group(1)
        if letter is None:
            return quote if match.group() == quote * 2 else match.group()
        known = _ESCAPES.get(letter) or _PATTERN_ESCAPES.get(letter)
        if known is None:
            raise ValueError(f"one of the escapes {[*_ESCAPES, *_PATTERN_ESCAPES]} behind '\\'")
        return known

    return _ESCAPED.sub(undo, quoted[1:-1])


def complaint(text: str, position: int, expected: str, found: object) -> Unreadable:
    """Make the error that says what was expected where."""
    start = max(0, position - _SHOWN // 2)
    shown = text[start : start + _SHOWN]
    cut = "…" if len(shown) < len(text) else ""
    return Unreadable(
        f"cannot read the filter at character {position + 1}: expected {expected}, "
        f"found {found if isinstance(found, Token) else repr(found)}; near {shown!r}{cut}"
    )

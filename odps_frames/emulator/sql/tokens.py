"""SQL text in pieces, each with its place, for messages that point at it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SqlFault", "Token", "TokenKind", "tokens_of"]


class SqlFault(Exception):
    """A statement that fails; the text begins with the code that clients look for."""

    def __init__(self, code: str, message: str, token: Token | None = None) -> None:
        self.code, self.message = code, message
        place = f"[{token.line},{token.column}] " if token else " "
        super().__init__(f"{code}:{place}{message}")


class TokenKind(Enum):
    """What a piece of SQL is."""

    WORD = "word"
    QUOTED_NAME = "name in back-quotes"
    TEXT = "text"
    NUMBER = "number"
    SIGN = "sign"
    END = "end of the statement"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SQL; ``value`` is without quotes and escapes."""

    kind: TokenKind
    value: str
    line: int
    column: int
    start: int
    end: int

    def is_word(self, *words: str) -> bool:
        """Whether this is one of some words, in any letter case."""
        return self.kind is TokenKind.WORD and self.value.upper() in words

    def is_sign(self, sign: str) -> bool:
        """Whether this is a sign."""
        return self.kind is TokenKind.SIGN and self.value == sign

    def __str__(self) -> str:
        return self.kind.value if self.kind is TokenKind.END else repr(self.value)


_PIECE = re.compile(
    r"""
    (?P<blank> \s+ | --[^\n]* | /\*.*?\*/ )
  | (?P<raw> [Rr]'\(.*?\)' | [Rr]"\(.*?\)" )
  | (?P<word> [^\W\d]\w* )
  | (?P<number> \d+(?:\.\d+)? )
  | (?P<name> `(?:[^`]|``)*` )
  | (?P<text> '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" )
  | (?P<sign> <>|<=|>=|!=|[-+*/%=<>(),.;:\[\]{}@&|^~?!] )
    """,
    re.VERBOSE | re.DOTALL,
)
_KINDS = {
    "word": TokenKind.WORD,
    "number": TokenKind.NUMBER,
    "name": TokenKind.QUOTED_NAME,
    "text": TokenKind.TEXT,
    "raw": TokenKind.TEXT,
    "sign": TokenKind.SIGN,
}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "0": "\0", "Z": "\x1a"}


def tokens_of(sql: str) -> list[Token]:
    """Take a statement apart; the last piece is its end.

    Raises
    ------
    SqlFault
        For what is no SQL at all, as a text without its closing quote.
    """
    return list(_pieces(sql))


def _pieces(sql: str) -> Iterator[Token]:
    position, line, line_start = 0, 1, 0
    while position < len(sql):
        match = _PIECE.match(sql, position)
        column = position - line_start + 1
        if match is None:
            stray = Token(TokenKind.SIGN, sql[position], line, column, position, position + 1)
            raise SqlFault("ODPS-0130161", f"Parse exception - unexpected {stray}", stray)
        group = match.lastgroup or "blank"
        if group != "blank":
            value = _value(group, match.group())
            yield Token(_KINDS[group], value, line, column, position, match.end())
        if newlines := match.group().count("\n"):
            line += newlines
            line_start = match.start() + match.group().rindex("\n") + 1
        position = match.end()
    yield Token(TokenKind.END, "", line, position - line_start + 1, position, position)


def _value(group: str, text: str) -> str:
    if group == "name":
        return text[1:-1].replace("``", "`")
    if group == "raw":
        return text[3:-2]
    if group == "text":
        return _unescape(text[1:-1], text[0])
    return text


def _unescape(text: str, quote: str) -> str:
    def plain(match: re.Match[str]) -> str:
        escaped = match.group(1)
        if escaped is None:
            return quote
        return _ESCAPES.get(escaped, escaped)

    return re.sub(rf"\\(.)|{quote}{quote}", plain, text, flags=re.DOTALL)

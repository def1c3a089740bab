"""Pieces of a statement, read one after the other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from odps_frames.emulator.sql.statements import TableName
from odps_frames.emulator.sql.tokens import SqlFault, TokenKind, tokens_of

if TYPE_CHECKING:
    from odps_frames.emulator.sql.tokens import Token

__all__ = ["TokenReader", "unsupported"]

_MAX_PARTS = 3


class TokenReader:
    """Reads the head of a statement whose rest sqlglot reads."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.tokens = tokens_of(sql)
        self.position = 0

    @property
    def next(self) -> Token:
        """The piece that comes next."""
        return self.tokens[self.position]

    def words(self, *words: str) -> bool:
        """Pass over these words where all of them follow."""
        following = self.tokens[self.position : self.position + len(words)]
        if len(following) == len(words) and all(
            token.is_word(word) for token, word in zip(following, words, strict=True)
        ):
            self.position += len(words)
            return True
        return False

    def accept(self, sign: str) -> bool:
        """Pass over a sign where it follows."""
        if self.next.is_sign(sign):
            self.position += 1
            return True
        return False

    def sign(self, sign: str) -> None:
        """Pass over a sign that must follow."""
        if not self.accept(sign):
            raise self.unexpected(repr(sign))

    def take(self, expected: str, *kinds: TokenKind) -> Token:
        """Pass over a piece of some kind."""
        token = self.next
        if token.kind not in kinds:
            raise self.unexpected(expected)
        self.position += 1
        return token

    def name(self, of_what: str) -> str:
        """Read a name, in small letters."""
        token = self.take(f"the name of {of_what}", TokenKind.WORD, TokenKind.QUOTED_NAME)
        return token.value.lower()

    def names(self, of_what: str) -> tuple[str, ...]:
        """Read names in brackets."""
        self.sign("(")
        found = [self.name(of_what)]
        while self.accept(","):
            found.append(self.name(of_what))
        self.sign(")")
        return tuple(found)

    def table_name(self) -> TableName:
        """Read the name of a table, of three parts at most."""
        token = self.next
        parts = [self.name("a table")]
        while self.accept("."):
            parts.append(self.name("a table"))
        if len(parts) > _MAX_PARTS:
            message = f"Parse exception - the name of a table with more than {_MAX_PARTS} parts"
            raise SqlFault("ODPS-0130161", message, token)
        return TableName(tuple(parts), token)

    def rest(self, start: int, end: int, before: tuple[int, int] = (0, 0)) -> str:
        """Return a part of the text, and one before it, in their places; the rest is blank."""
        text, (first, last) = self.sql, before
        between = _blank(text[last:start])
        return _blank(text[:first]) + text[first:last] + between + text[start:end]

    def unexpected(self, expected: str) -> SqlFault:
        """Make the error of the piece that comes next."""
        message = f"Parse exception - unexpected {self.next}; expected {expected}"
        return SqlFault("ODPS-0130161", message, self.next)


def _blank(text: str) -> str:
    return re.sub(r"[^\r\n]", " ", text)


def unsupported(what: str, token: Token | None) -> SqlFault:
    """Make the error of something that MaxCompute has and this service has not."""
    return SqlFault(
        "ODPS-0130071", f"Semantic analysis exception - {what} is not supported here", token
    )

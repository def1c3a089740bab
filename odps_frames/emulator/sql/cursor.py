"""A place in a statement that moves over its pieces, and the errors of what stands there."""

from __future__ import annotations

import re

from odps_frames.emulator.sql.statements import TableName
from odps_frames.emulator.sql.tokens import SqlFault, Token, TokenKind, tokens_of

__all__ = ["Cursor", "unsupported"]

MAX_NAME_BYTES = 128
MAX_COMMENT_BYTES = 1024
_RESERVED = frozenset(
    {
        *("ALL", "ALTER", "AND", "AS", "ASC", "BETWEEN", "BY", "CASE", "CAST", "CREATE"),
        *("DISTINCT", "DROP", "ELSE", "FALSE", "FROM", "FULL", "GROUP", "IN", "INSERT", "INTO"),
        *("IS", "JOIN", "LEFT", "LIKE", "LIMIT", "NOT", "NULL", "ON", "OR", "ORDER", "OUTER"),
        *("PARTITION", "RIGHT", "SELECT", "TABLE", "THEN", "TRUE", "UNION", "WHEN", "WHERE"),
    }
)
"""Words that are names only in back-quotes."""


class Cursor:
    """Where the reader of a statement is.

    Raises
    ------
    SqlFault
        ``ODPS-0130161`` for what is no SQL at all.
    """

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.tokens = tokens_of(sql)
        self.position = 0

    @property
    def next(self) -> Token:
        """The piece that comes next; at the end, the end."""
        return self.tokens[self.position]

    @property
    def at_end(self) -> bool:
        """Whether nothing comes any more."""
        return self.next.kind is TokenKind.END

    def ahead(self, n: int) -> Token:
        """Return a piece further on; behind the end, the end."""
        return self.tokens[min(self.position + n, len(self.tokens) - 1)]

    def advance(self) -> Token:
        """Pass over the next piece."""
        token = self.next
        if token.kind is not TokenKind.END:
            self.position += 1
        return token

    def words(self, *words: str) -> bool:
        """Pass over these words where all of them follow."""
        if all(self.ahead(n).is_word(word) for n, word in enumerate(words)):
            self.position += len(words)
            return True
        return False

    def need_words(self, *words: str) -> None:
        """Pass over words that must follow."""
        for word in words:
            if not self.words(word):
                raise self.unexpected(word)

    def accept(self, sign: str) -> bool:
        """Pass over a sign where it follows."""
        if self.next.is_sign(sign):
            self.advance()
            return True
        return False

    def sign(self, sign: str) -> None:
        """Pass over a sign that must follow."""
        if not self.accept(sign):
            raise self.unexpected(repr(sign))

    def take(self, expected: str, *kinds: TokenKind) -> Token:
        """Pass over a piece that must be of a kind."""
        if self.next.kind not in kinds:
            raise self.unexpected(expected)
        return self.advance()

    def text(self) -> str:
        """Read a text in quotes."""
        return self.take("a text", TokenKind.TEXT).value

    def comment(self) -> str:
        """Read the text of a comment."""
        token = self.next
        found = self.text()
        if len(found.encode()) > MAX_COMMENT_BYTES:
            message = f"a comment of {len(found.encode())} bytes; expected {MAX_COMMENT_BYTES}"
            raise SqlFault("ODPS-0130161", f"Parse exception - {message} at most", token)
        return found

    def whole_number(self, of_what: str) -> int:
        """Read a number that is whole."""
        token = self.take(of_what, TokenKind.NUMBER)
        if not token.value.isdigit():
            message = f"Parse exception - unexpected {token}; expected {of_what}"
            raise SqlFault("ODPS-0130161", message, token)
        return int(token.value)

    def name(self, of_what: str) -> str:
        """Read a name, in lower case."""
        token = self.next
        if token.kind not in (TokenKind.WORD, TokenKind.QUOTED_NAME):
            raise self.unexpected(f"the name of {of_what}")
        if token.is_word(*_RESERVED):
            raise SqlFault(
                "ODPS-0130161",
                f"Parse exception - {token} is a reserved word; expected the name of {of_what}: "
                f"put it in back-quotes, `{token.value}`",
                token,
            )
        self.advance()
        if not re.fullmatch(r"\w+", token.value) or len(token.value.encode()) > MAX_NAME_BYTES:
            raise SqlFault(
                "ODPS-0130161",
                f"Parse exception - {token.value!r} is no name of {of_what}; expected letters, "
                f"digits and underscores, {MAX_NAME_BYTES} bytes at most",
                token,
            )
        return token.value.lower()

    def names(self, of_what: str) -> tuple[str, ...]:
        """Read names in brackets."""
        self.sign("(")
        found = [self.name(of_what)]
        while self.accept(","):
            found.append(self.name(of_what))
        self.sign(")")
        return tuple(found)

    def table_name(self, of_what: str = "a table", most: int = 3) -> TableName:
        """Read a name of some parts."""
        token = self.next
        parts = [self.name(of_what)]
        while self.accept("."):
            parts.append(self.name(of_what))
        if len(parts) > most:
            message = f"Parse exception - the name of {of_what} with more than {most} parts"
            raise SqlFault("ODPS-0130161", message, token)
        return TableName(tuple(parts), token)

    def if_exists(self) -> bool:
        """Pass over IF EXISTS."""
        return self.words("IF", "EXISTS")

    def if_not_exists(self) -> bool:
        """Pass over IF NOT EXISTS."""
        return self.words("IF", "NOT", "EXISTS")

    def unexpected(self, expected: str) -> SqlFault:
        """Make the error of what stands here."""
        return SqlFault(
            "ODPS-0130161",
            f"Parse exception - unexpected {self.next}; expected {expected}",
            self.next,
        )


def unsupported(what: str, token: Token | None) -> SqlFault:
    """Make the error of SQL that MaxCompute has and this service has not."""
    return SqlFault(
        "ODPS-0130071", f"Semantic analysis exception - {what} is not supported here", token
    )

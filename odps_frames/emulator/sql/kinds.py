"""What kind of statement a text is, by the words that stand outside of its brackets."""

from __future__ import annotations

from itertools import pairwise, takewhile
from typing import TYPE_CHECKING

from odps_frames.emulator.sql.tokens import TokenKind, tokens_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odps_frames.emulator.sql.tokens import Token

__all__ = ["is_change", "outside"]

_CHANGES = ("INSERT", "UPDATE", "DELETE", "MERGE")
_BEFORE_INSERT = ("WITH", "FROM")


def is_change(sql: str) -> bool:
    """Whether a statement changes rows with what a query gives: INSERT, CREATE TABLE AS, …."""
    first_one = takewhile(lambda token: not token.is_sign(";"), outside(tokens_of(sql)))
    words = [token for token in first_one if token.kind is TokenKind.WORD]
    if not words:
        return False
    first = words[0]
    if first.is_word(*_BEFORE_INSERT):
        return any(word.is_word("INSERT") for word in words)
    if first.is_word("CREATE"):
        second = words[3:4] if len(words) > 1 and words[1].is_word("OR") else words[1:2]
        return any(w.is_word("TABLE") for w in second) and _has_query(words)
    return first.is_word(*_CHANGES)


def _has_query(words: Sequence[Token]) -> bool:
    """Whether the word AS stands there for a query, which it does not in STORED AS."""
    return any(
        word.is_word("AS") and not before.is_word("STORED") for before, word in pairwise(words)
    )


def outside(tokens: Sequence[Token]) -> list[Token]:
    """Return the pieces that stand in no brackets."""
    found, depth = [], 0
    for token in tokens:
        if token.kind is TokenKind.SIGN and token.value in "()":
            depth += 1 if token.value == "(" else -1
        elif depth == 0:
            found.append(token)
    return found

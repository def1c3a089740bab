"""Settings of statements: ``SET a=b;`` before them, and the hints that came with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.settings_known import allowed_values, is_known
from odps_frames.emulator.sql.tokens import SqlFault, TokenKind, tokens_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.tokens import Token

__all__ = ["SUBMIT_MODE", "check_hints", "is_query", "split_settings"]

SUBMIT_MODE = "odps.sql.submit.mode"
"""Where this is ``script``, several statements may follow each other."""
_QUERY_WORDS = ("SELECT", "WITH", "VALUES", "FROM")


def split_settings(sql: str) -> tuple[dict[str, str], str]:
    """Return the settings before a statement, and the statement.

    The statement keeps its place: what stood before it becomes blanks.

    Raises
    ------
    SqlFault
        For a SET that sets nothing.
    """
    tokens = tokens_of(sql)
    settings: dict[str, str] = {}
    position = 0
    while tokens[position].is_word("SET"):
        first = position + 1
        while tokens[position].kind is not TokenKind.END and not tokens[position].is_sign(";"):
            position += 1
        name, value = _setting(sql, tokens[first], tokens[position])
        settings[name] = value
        while tokens[position].is_sign(";"):
            position += 1
    start = tokens[position].start
    blank = "".join(sign if sign in "\r\n" else " " for sign in sql[:start])
    return settings, blank + sql[start:]


def _setting(sql: str, first: Token, end: Token) -> tuple[str, str]:
    name, equals, value = sql[first.start : end.start].partition("=")
    if not equals or not name.strip():
        raise SqlFault("ODPS-0130161", "Parse exception - expected SET name=value", first)
    return name.strip(), value.strip().strip("'\"")


def is_query(sql: str) -> bool:
    """Whether a statement gives rows, by the word with which it begins."""
    for token in tokens_of(sql):
        if not token.is_sign("("):
            return token.is_word(*_QUERY_WORDS)
    return False


def check_hints(hints: Mapping[str, str]) -> None:
    """Refuse settings that give a query a meaning that it has not here, or that nobody knows.

    Raises
    ------
    SqlFault
        Naming the setting.
    """
    for name, value in hints.items():
        allowed = allowed_values(name)
        if allowed is not None and value.strip().lower() not in allowed:
            message = f"Semantic analysis exception - {name}={value} is not supported here"
            raise SqlFault("ODPS-0130071", message)
        if not is_known(name):
            message = (
                f"Semantic analysis exception - setting {name} is not known here; leave it out"
            )
            raise SqlFault("ODPS-0130071", message)

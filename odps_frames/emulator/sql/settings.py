"""Settings of statements: ``SET a=b;`` before them, and the hints that came with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.tokens import SqlFault, TokenKind, tokens_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.tokens import Token

__all__ = ["SUBMIT_MODE", "check_hints", "is_query", "split_settings"]

SUBMIT_MODE = "odps.sql.submit.mode"
"""Where this is ``script``, several statements may follow each other."""
_QUERY_WORDS = ("SELECT", "WITH", "VALUES", "FROM")
_OTHER_MEANING = frozenset(
    {
        "odps.sql.hive.compatible",
        "odps.sql.udf.strict.mode",
        "odps.sql.python.version",
        "odps.sql.bigint.division.as.double",
    }
)
"""With these on, MaxCompute gives a query another meaning than this service has."""


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
    """Refuse settings that would give a query a meaning that this service does not have.

    Raises
    ------
    SqlFault
        Naming the setting.
    """
    for name, value in hints.items():
        if name.lower() in _OTHER_MEANING and value.strip().lower() not in ("false", ""):
            message = f"Semantic analysis exception - {name}={value} is not supported here"
            raise SqlFault("ODPS-0130071", message)

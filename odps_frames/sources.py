"""What a reader is given: the name of a table, or the text of a query."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["QueryText", "TableName", "gives_no_rows", "query_in", "refuse", "table_name"]

_BLANK = r"(?>\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*+"
"""Possessive: many comments before what is no query would else be read in every way."""
_SETTING = r"SET\b[^;]*;"
_BEGINS = re.compile(
    rf"{_BLANK}(?:{_SETTING}{_BLANK})*(?:\({_BLANK})*(?:SELECT|WITH|VALUES|FROM)\b",
    re.IGNORECASE | re.DOTALL,
)
_PIECE = re.compile(
    r"""--[^\n]*|/\*.*?\*/|`(?:[^`]|``)*`|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^'"`]""", re.DOTALL
)
_QUOTED = r"--[^\n]*|/\*.*?\*/|`(?:[^`]|``)*`|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_PART = re.compile(rf"(?P<quoted>{_QUOTED})|[()]|[^-/`'\"()]+|.", re.DOTALL)
_CHANGE = re.compile(
    r"\s*(?:SET\b[^;]*;\s*)*(?:(?:INSERT|UPDATE|DELETE|MERGE|CREATE|DROP|ALTER|TRUNCATE)\b[^;]*"
    r"|(?:WITH|FROM)\b[^;]*\bINSERT\s+(?:INTO|OVERWRITE)\b[^;]*)[;\s]*",
    re.IGNORECASE,
)
_CLOSES = {")": "(", "]": "["}


class QueryText(str):
    """A text that is a query, whatever it looks like."""

    __slots__ = ()


class TableName(str):
    """A text that is the name of a table, whatever it looks like."""

    __slots__ = ()


def query_in(source: object) -> str | None:
    """Return the query that a source is, or None when it names a table.

    It is a query when it has white space and reads as one: it begins as queries do, and its
    quotes and brackets are closed.

    Raises
    ------
    ValueError
        For white space in what is no query.
    """
    if isinstance(source, QueryText):
        _check(source)
        return str(source)
    if (
        not isinstance(source, str)
        or isinstance(source, TableName)
        or not re.search(r"\s", source.strip())
    ):
        return None
    _check(source)
    return source


def gives_no_rows(text: str) -> bool:
    """Whether a text is one statement that changes tables, so that there is nothing to read."""
    outside, depth = [], 0
    for match in _PART.finditer(text):
        part = " " if match["quoted"] else match.group()
        depth += {"(": 1, ")": -1}.get(part, 0)
        if depth == 0:
            outside.append(" " if part == ")" else part)
    return _CHANGE.fullmatch("".join(outside)) is not None


def _check(text: str) -> None:
    wrong = None
    if not _BEGINS.match(text):
        wrong = "it begins with none of SELECT, WITH, VALUES, FROM"
    elif gives_no_rows(text):
        wrong = "it inserts rows"
    else:
        wrong = _open_end(text)
    if wrong is not None:
        msg = (
            f"neither the name of a table nor a query: {text[:80]!r}; {wrong}. Statements that "
            "give no rows are run by client.sql"
        )
        raise ValueError(msg)


def _open_end(text: str) -> str | None:
    """Return what is not closed, or None."""
    waiting: list[str] = []
    position = 0
    while position < len(text):
        match = _PIECE.match(text, position)
        if match is None:
            return f"the quote {text[position]!r} is not closed"
        piece = match.group()
        if piece in "([":
            waiting.append(piece)
        elif piece in _CLOSES and (not waiting or waiting.pop() != _CLOSES[piece]):
            return f"{piece!r} closes nothing"
        position = match.end()
    return f"{waiting[-1]!r} is not closed" if waiting else None


def table_name(source: object) -> str:
    """Return a name without blanks around it.

    Raises
    ------
    TypeError, ValueError
        When it is no text, or none that could name a table.
    """
    if not isinstance(source, str):
        msg = f"a table of type {type(source).__name__}; expected its name, 'project.table'"
        raise TypeError(msg)
    if "://" in source or any(letter.isspace() for letter in source.strip()):
        msg = f"not a table name: {source!r}; expected 'table' or 'project.table'"
        raise ValueError(msg)
    return str(source).strip()


def refuse(options: Mapping[str, object], source: str, why: str) -> None:
    """Refuse options that a source cannot have.

    Raises
    ------
    ValueError
        Naming the first that was given.
    """
    for name, value in options.items():
        if value is not None:
            msg = f"{name}={value!r} was given for {source}; {why}"
            raise ValueError(msg)

"""Columns, types, properties and buckets, as CREATE and ALTER say them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from odps_frames.emulator.sql.cursor import unsupported
from odps_frames.emulator.sql.tokens import SqlFault, TokenKind
from odps_frames.model.buckets import Buckets
from odps_frames.model.schema import Column
from odps_frames.model.types import parse_type
from odps_frames.wire.ddl import quote_text

if TYPE_CHECKING:
    from odps_frames.emulator.sql.cursor import Cursor
    from odps_frames.emulator.sql.tokens import Token
    from odps_frames.model.types import DataType

__all__ = [
    "Definition",
    "buckets_of",
    "columns_of",
    "keyed_columns",
    "properties_of",
    "type_of",
]


@dataclass(frozen=True, slots=True)
class Definition:
    """Columns in brackets, with what stands among them."""

    columns: tuple[Column, ...]
    defaults: dict[str, str]
    primary_key: tuple[str, ...] = ()


def columns_of(cursor: Cursor, *, brackets: bool = True) -> tuple[Column, ...]:
    """Read columns that have no defaults; the brackets may be left out where they may."""
    bare = not brackets and not cursor.next.is_sign("(")
    if not bare:
        cursor.sign("(")
    columns = [_column(cursor)[0]]
    while cursor.accept(","):
        columns.append(_column(cursor)[0])
    if not bare:
        cursor.sign(")")
    return tuple(columns)


def keyed_columns(cursor: Cursor) -> Definition:
    """Read columns, with a PRIMARY KEY (…) among or behind them."""
    cursor.sign("(")
    columns: list[Column] = []
    defaults: dict[str, str] = {}
    key: tuple[str, ...] = ()
    while True:
        token = cursor.next
        if not cursor.words("PRIMARY", "KEY"):
            column, default = _column(cursor, with_default=True)
            columns.append(column)
            if default is not None:
                defaults[column.name] = default
        elif key:
            raise SqlFault("ODPS-0130161", "Parse exception - a second PRIMARY KEY", token)
        else:
            key = cursor.names("a column")
        if not cursor.accept(","):
            break
    cursor.sign(")")
    return Definition(tuple(columns), defaults, key)


def _column(cursor: Cursor, *, with_default: bool = False) -> tuple[Column, str | None]:
    if cursor.next.is_word("PRIMARY") and cursor.ahead(1).is_word("KEY"):
        raise unsupported("a PRIMARY KEY", cursor.next)
    name = cursor.name("a column")
    found = type_of(cursor)
    nullable, comment, default = True, "", None
    while cursor.next.kind is TokenKind.WORD:
        token = cursor.next
        if cursor.words("NOT", "NULL"):
            nullable = False
        elif cursor.words("NULL"):
            nullable = True
        elif cursor.words("COMMENT"):
            comment = cursor.comment()
        elif with_default and cursor.words("DEFAULT"):
            default = _literal(cursor)
        else:
            raise unsupported(f"{token.value.upper()} of a column", token)
    return Column(name, found, comment, nullable), default


def _literal(cursor: Cursor) -> str:
    """Read a literal and return it as it was written, but texts with the escapes of queries."""
    first = cursor.next
    if not (cursor.accept("-") or cursor.accept("+")) and cursor.next.is_word(
        "TRUE", "FALSE", "NULL"
    ):
        return cursor.advance().value.upper()
    if cursor.next.kind not in (TokenKind.TEXT, TokenKind.NUMBER):
        raise unsupported("DEFAULT of anything but a number, a text, TRUE, FALSE or NULL", first)
    if first.kind is TokenKind.TEXT:
        return quote_text(cursor.advance().value)
    return cursor.sql[first.start : cursor.advance().end]


def type_of(cursor: Cursor) -> DataType:
    """Read a type: a word, with what stands in brackets of either kind after it."""
    first = cursor.take("a type", TokenKind.WORD)
    end, depth = first.end, 0
    while cursor.next.is_sign("<") or cursor.next.is_sign("(") or depth:
        token = cursor.advance()
        if token.kind is TokenKind.END:
            raise SqlFault("ODPS-0130161", "Parse exception - a type without its end", first)
        if token.kind is TokenKind.SIGN:
            depth += (token.value in ("<", "(")) - (token.value in (">", ")"))
        end = token.end
    try:
        return parse_type(cursor.sql[first.start : end])
    except ValueError as error:
        raise SqlFault("ODPS-0130161", f"Parse exception - {error}", first) from None


def buckets_of(cursor: Cursor, kind: Literal["hash", "range"], token: Token) -> Buckets:
    """Read what stands after CLUSTERED BY."""
    columns = cursor.names("a column")
    order: list[str] = []
    if cursor.words("SORTED", "BY"):
        cursor.sign("(")
        while not order or cursor.accept(","):
            name = cursor.name("a column")
            falling = not cursor.words("ASC") and cursor.words("DESC")
            order.append(f"{name} DESC" if falling else name)
        cursor.sign(")")
    number = None
    if cursor.words("INTO"):
        number = cursor.whole_number("a number of buckets")
        cursor.need_words("BUCKETS")
    elif kind == "hash":
        raise cursor.unexpected("INTO")
    try:
        return Buckets(columns=columns, n=number, sorted_by=tuple(order), kind=kind)
    except ValueError as error:
        raise SqlFault("ODPS-0130161", f"Parse exception - {error}", token) from None


def properties_of(cursor: Cursor) -> dict[str, str]:
    """Read names with values, in brackets."""
    cursor.sign("(")
    found = dict([_property(cursor)])
    while cursor.accept(","):
        found.update([_property(cursor)])
    cursor.sign(")")
    return found


def _property(cursor: Cursor) -> tuple[str, str]:
    name = cursor.text()
    cursor.sign("=")
    return name, cursor.text()

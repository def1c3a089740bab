"""CREATE TABLE, VIEW and SCHEMA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from odps_frames.emulator.sql.column_parser import (
    buckets_of,
    columns_of,
    keyed_columns,
    properties_of,
)
from odps_frames.emulator.sql.cursor import unsupported
from odps_frames.emulator.sql.statements import CreateLike, CreateSchema, CreateTable, CreateView
from odps_frames.emulator.sql.tokens import SqlFault, TokenKind

if TYPE_CHECKING:
    from odps_frames.emulator.sql.cursor import Cursor
    from odps_frames.emulator.sql.statements import Statement
    from odps_frames.emulator.sql.tokens import Token

__all__ = ["clause_of", "read_create"]


def read_create(cursor: Cursor) -> Statement | None:
    """Read what stands after CREATE; None where it is something else."""
    token = cursor.next
    replace = cursor.words("OR", "REPLACE")
    if cursor.words("TABLE"):
        return _table(cursor, replace=token if replace else None)
    if cursor.words("VIEW"):
        return _view(cursor, replace=replace)
    if not replace and cursor.words("SCHEMA"):
        if_not_exists = cursor.if_not_exists()
        return CreateSchema(cursor.table_name("a schema", 2), if_not_exists)
    if cursor.next.is_word("EXTERNAL", "TEMPORARY", "MATERIALIZED"):
        second = cursor.ahead(1).value.upper()
        raise unsupported(f"CREATE {cursor.next.value.upper()} {second}".strip(), token)
    return None


def _table(cursor: Cursor, *, replace: Token | None) -> Statement:
    token = cursor.next
    if_not_exists = cursor.if_not_exists()
    if if_not_exists and replace is not None:
        message = "Parse exception - OR REPLACE and IF NOT EXISTS exclude each other"
        raise SqlFault("ODPS-0130161", message, token)
    name = cursor.table_name()
    token = cursor.next
    if cursor.words("LIKE"):
        if replace is not None:
            raise unsupported("CREATE OR REPLACE TABLE ... LIKE", replace)
        source = cursor.table_name()
        days = _days(cursor) if cursor.words("LIFECYCLE") else None
        return CreateLike(name=name, source=source, if_not_exists=if_not_exists, lifecycle=days)
    if not token.is_sign("("):
        raise unsupported(f"CREATE TABLE ... {token.value.upper()}", token)
    definition = keyed_columns(cursor)
    clauses: dict[str, Any] = {}
    while cursor.next.kind is TokenKind.WORD:
        token = cursor.next
        clause, value = clause_of(cursor)
        if clause in clauses:
            raise SqlFault(
                "ODPS-0130161", f"Parse exception - {token.value.upper()} stands twice", token
            )
        clauses[clause] = value
    return CreateTable(
        name=name,
        columns=definition.columns,
        defaults=definition.defaults,
        primary_key=definition.primary_key,
        if_not_exists=if_not_exists,
        replace=replace is not None,
        **clauses,
    )


def clause_of(cursor: Cursor) -> tuple[str, object]:
    """Read what may stand behind the columns of a table: which member it is, and its value."""
    token = cursor.next
    if cursor.words("COMMENT"):
        return "comment", cursor.comment()
    if cursor.words("PARTITIONED", "BY"):
        return "partition_columns", columns_of(cursor)
    if cursor.words("CLUSTERED", "BY"):
        return "buckets", buckets_of(cursor, "hash", token)
    if cursor.words("RANGE", "CLUSTERED", "BY"):
        return "buckets", buckets_of(cursor, "range", token)
    if cursor.words("TBLPROPERTIES"):
        return "properties", properties_of(cursor)
    if cursor.words("LIFECYCLE"):
        return "lifecycle", _days(cursor)
    named = token.value.upper()
    if token.is_word("AUTO", "ROW", "STORED", "WITH"):
        named = f"{named} {cursor.ahead(1).value.upper()}".strip()
    raise unsupported(f"CREATE TABLE ... {named}", token)


def _days(cursor: Cursor) -> int:
    token = cursor.next
    days = cursor.whole_number("a number of days")
    if days < 1:
        message = f"Parse exception - LIFECYCLE {days}; expected one day at least"
        raise SqlFault("ODPS-0130161", message, token)
    return days


def _view(cursor: Cursor, *, replace: bool) -> CreateView:
    if_not_exists = cursor.if_not_exists()
    name = cursor.table_name("a view")
    columns: list[tuple[str, str]] = []
    if cursor.accept("("):
        while not columns or cursor.accept(","):
            if cursor.next.is_sign("@"):
                raise unsupported("a view with parameters", cursor.next)
            column = cursor.name("a column")
            columns.append((column, cursor.comment() if cursor.words("COMMENT") else ""))
        cursor.sign(")")
    comment = cursor.comment() if cursor.words("COMMENT") else ""
    if not cursor.next.is_word("AS"):
        if cursor.next.kind is TokenKind.WORD:
            raise unsupported(f"CREATE VIEW ... {cursor.next.value.upper()}", cursor.next)
        raise cursor.unexpected("AS")
    cursor.advance()
    return CreateView(
        name=name,
        query=_rest(cursor),
        columns=tuple(columns),
        comment=comment,
        if_not_exists=if_not_exists,
        replace=replace,
    )


def _rest(cursor: Cursor) -> str:
    """Pass over the query that ends the statement and return its text."""
    first = cursor.next
    if not (first.is_sign("(") or first.is_word("SELECT", "WITH", "VALUES", "FROM")):
        raise cursor.unexpected("a query")
    end = first.end
    while cursor.next.kind is not TokenKind.END and not cursor.next.is_sign(";"):
        end = cursor.advance().end
    return cursor.sql[first.start : end]

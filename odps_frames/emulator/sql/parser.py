"""SQL text into statements, by recursive descent; each family of them has its own file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.alter_parser import read_alter
from odps_frames.emulator.sql.create_parser import read_create
from odps_frames.emulator.sql.cursor import Cursor, unsupported
from odps_frames.emulator.sql.partition_parser import choices
from odps_frames.emulator.sql.show_parser import read_describe, read_show
from odps_frames.emulator.sql.statements import (
    Describe,
    DropSchema,
    DropTable,
    ShowCreateTable,
    ShowPartitions,
    ShowSchemas,
    ShowTables,
    TruncateTable,
)

if TYPE_CHECKING:
    from odps_frames.emulator.sql.statements import Statement

__all__ = ["parse", "parse_script"]

_VERBS = (
    *("ADD", "ALTER", "ANALYZE", "CLONE", "CREATE", "DELETE", "DESC", "DESCRIBE", "DROP"),
    *("EXPLAIN", "EXPORT", "FREEZE", "FROM", "GRANT", "INSERT", "KILL", "LIST", "LOAD", "MERGE"),
    *("MSCK", "OPTIMIZE", "PURGE", "READ", "REFRESH", "REMOVE", "RESTORE", "REVOKE", "SELECT"),
    *("SET", "SETPROJECT", "SHOW", "STATUS", "TRUNCATE", "UNDO", "UNLOAD", "UNSET", "UPDATE"),
    *("USE", "VALUES", "WHOAMI", "WITH"),
)
"""With these, statements of MaxCompute begin."""
_ASKING = (Describe, ShowCreateTable, ShowPartitions, ShowSchemas, ShowTables)


def parse(sql: str) -> Statement:
    """Read one statement, with or without its semicolon.

    Raises
    ------
    SqlFault
        ``ODPS-0130161`` for what is no SQL, ``ODPS-0130071`` for SQL that this service does not
        carry out; it names the statement.
    """
    cursor = Cursor(sql)
    found = _statement(cursor)
    ended = cursor.next.is_sign(";")
    while cursor.accept(";"):
        pass
    if not cursor.at_end:
        several = "; several statements need the setting odps.sql.submit.mode=script"
        raise cursor.unexpected(f"the end of the statement{several if ended else ''}")
    return found


def parse_script(sql: str) -> tuple[Statement, ...]:
    """Read the statements of a script, which are definitions.

    Raises
    ------
    SqlFault
        As `parse` does, and for a statement in the midst of others that only asks.
    """
    cursor = Cursor(sql)
    found: list[Statement] = []
    while not cursor.at_end:
        token = cursor.next
        found.append(_statement(cursor))
        if isinstance(found[-1], _ASKING):
            raise unsupported(f"{token.value.upper()} in a script", token)
        if not cursor.accept(";") and not cursor.at_end:
            raise cursor.unexpected("';', or the end of the script")
        while cursor.accept(";"):
            pass
    return tuple(found)


def _statement(cursor: Cursor) -> Statement:
    first, second = cursor.next, cursor.ahead(1)
    found = _known(cursor)
    if found is None:
        if not first.is_word(*_VERBS):
            raise cursor.unexpected("a statement")
        objects = first.is_word("CREATE", "ALTER", "DROP", "SHOW", "DESC", "DESCRIBE")
        named = f" {second.value.upper()}" if objects and second.value else ""
        raise unsupported(first.value.upper() + named, first)
    return found


def _known(cursor: Cursor) -> Statement | None:
    if cursor.words("CREATE"):
        return read_create(cursor)
    if cursor.words("DROP"):
        return _drop(cursor)
    if cursor.words("ALTER"):
        return read_alter(cursor)
    if cursor.words("TRUNCATE", "TABLE"):
        return TruncateTable(cursor.table_name(), choices(cursor))
    if cursor.words("SHOW"):
        return read_show(cursor)
    if cursor.words("DESC") or cursor.words("DESCRIBE"):
        return read_describe(cursor)
    return None


def _drop(cursor: Cursor) -> Statement | None:
    if cursor.next.is_word("TABLE", "VIEW"):
        is_view = cursor.advance().is_word("VIEW")
        if_exists = cursor.if_exists()
        name = cursor.table_name("a view" if is_view else "a table")
        cursor.words("PURGE")  # nothing that is dropped is kept here
        return DropTable(name=name, if_exists=if_exists, is_view=is_view)
    if cursor.words("SCHEMA"):
        if_exists = cursor.if_exists()
        return DropSchema(cursor.table_name("a schema", 2), if_exists)
    return None

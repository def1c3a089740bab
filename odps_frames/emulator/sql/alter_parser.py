"""ALTER TABLE and ALTER VIEW."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.column_parser import buckets_of, columns_of, properties_of, type_of
from odps_frames.emulator.sql.cursor import unsupported
from odps_frames.emulator.sql.partition_parser import (
    need_choices,
    need_specs,
    one_spec,
    spec_of,
)
from odps_frames.emulator.sql.statements import (
    AddColumns,
    AddPartitions,
    ChangeColumn,
    ChangeOwner,
    Compact,
    DropColumns,
    DropPartitions,
    MergePartitions,
    RenamePartition,
    RenameTable,
    SetBuckets,
    SetComment,
    SetLifecycle,
    SetProperties,
    SwitchLifecycle,
    Touch,
    UnsetProperties,
)
from odps_frames.emulator.sql.tokens import SqlFault, TokenKind

if TYPE_CHECKING:
    from odps_frames.emulator.sql.cursor import Cursor
    from odps_frames.emulator.sql.statements import Spec, Statement, TableName
    from odps_frames.emulator.sql.tokens import Token

__all__ = ["read_alter"]


def read_alter(cursor: Cursor) -> Statement | None:
    """Read what stands after ALTER; None where it is something else."""
    if cursor.words("TABLE"):
        name = cursor.table_name()
        of_partition = cursor.next.is_word("PARTITION")
        return _of_partition(cursor, name) if of_partition else _of_table(cursor, name)
    if cursor.words("VIEW"):
        return _of_view(cursor, cursor.table_name("a view"))
    return None


def _of_view(cursor: Cursor, name: TableName) -> Statement:
    token = cursor.next
    if cursor.words("RENAME", "TO"):
        return RenameTable(name, cursor.table_name("a view"), is_view=True)
    if cursor.words("CHANGEOWNER", "TO"):
        return ChangeOwner(name, cursor.text(), is_view=True)
    if cursor.words("SET", "COMMENT"):
        return SetComment(name, cursor.comment(), is_view=True)
    raise _unknown(cursor, token, "ALTER VIEW")


def _of_partition(cursor: Cursor, name: TableName) -> Statement:
    cursor.need_words("PARTITION")
    spec = spec_of(cursor)
    action = cursor.next
    if cursor.words("RENAME", "TO"):
        cursor.need_words("PARTITION")
        return RenamePartition(name, spec, spec_of(cursor))
    found = _for_one_or_all(cursor, name, spec)
    if found is None:
        raise _unknown(cursor, action, "ALTER TABLE ... PARTITION")
    return found


def _for_one_or_all(cursor: Cursor, name: TableName, spec: Spec | None) -> Statement | None:
    """Read what may be said of a table as of one of its partitions."""
    if cursor.next.is_word("ENABLE", "DISABLE") and cursor.ahead(1).is_word("LIFECYCLE"):
        enabled = cursor.advance().is_word("ENABLE")
        cursor.advance()
        return SwitchLifecycle(name, enabled, spec)
    if cursor.words("MERGE", "SMALLFILES"):
        return Compact(name, spec, "MERGE SMALLFILES")
    if cursor.words("COMPACT", "MINOR"):
        return Compact(name, spec, "COMPACT MINOR")
    if cursor.words("COMPACT", "MAJOR"):
        return Compact(name, spec, "COMPACT MAJOR")
    return None


def _of_table(cursor: Cursor, name: TableName) -> Statement:
    token = cursor.next
    found = (
        _columns(cursor, name)
        or _partitions(cursor, name)
        or _attribute(cursor, name)
        or _set(cursor, name)
        or _clustering(cursor, name)
        or _for_one_or_all(cursor, name, None)
    )
    if found is None:
        raise _unknown(cursor, token, "ALTER TABLE")
    return found


def _columns(cursor: Cursor, name: TableName) -> Statement | None:
    if cursor.words("ADD", "COLUMNS") or cursor.words("ADD", "COLUMN"):
        if_not_exists = cursor.if_not_exists()
        return AddColumns(name, columns_of(cursor, brackets=False), if_not_exists)
    if cursor.words("DROP", "COLUMNS") or cursor.words("DROP", "COLUMN"):
        return DropColumns(name, _dropped(cursor))
    if cursor.words("CHANGE"):
        cursor.words("COLUMN")
        return _change(cursor, name)
    return None


def _partitions(cursor: Cursor, name: TableName) -> Statement | None:
    of_table = cursor.ahead(1).is_word("CONSTRAINT", "PRIMARY", "SMALLFILES")
    if of_table or not cursor.next.is_word("ADD", "DROP", "MERGE"):
        return None
    if cursor.words("ADD"):
        if_not_exists = cursor.if_not_exists()
        return AddPartitions(name, need_specs(cursor), if_not_exists)
    if cursor.words("DROP"):
        if_exists = cursor.if_exists()
        chosen = need_choices(cursor)
        cursor.words("PURGE")  # nothing that is dropped is kept here
        return DropPartitions(name, chosen, if_exists)
    cursor.need_words("MERGE")
    if_exists = cursor.if_exists()
    chosen = need_choices(cursor)
    cursor.need_words("OVERWRITE", "PARTITION")
    into = spec_of(cursor)
    cursor.words("PURGE")
    return MergePartitions(name, chosen, into, if_exists)


def _dropped(cursor: Cursor) -> tuple[str, ...]:
    if cursor.next.is_sign("("):
        return cursor.names("a column")
    names = [cursor.name("a column")]
    while cursor.accept(","):
        names.append(cursor.name("a column"))
    return tuple(names)


def _change(cursor: Cursor, name: TableName) -> ChangeColumn:
    column = cursor.name("a column")
    if cursor.words("RENAME", "TO"):
        return ChangeColumn(name=name, column=column, new_name=cursor.name("a column"))
    if cursor.next.is_word("COMMENT") and cursor.ahead(1).kind is TokenKind.TEXT:
        cursor.advance()
        return ChangeColumn(name=name, column=column, comment=cursor.comment())
    if cursor.words("NULL"):
        return ChangeColumn(name=name, column=column, nullable=True)
    if cursor.next.is_word("NOT"):
        raise unsupported("ALTER TABLE ... CHANGE COLUMN ... NOT NULL", cursor.next)
    new_name, type_ = cursor.name("a column"), type_of(cursor)
    comment = nullable = after = None
    while cursor.next.kind is TokenKind.WORD:
        token = cursor.next
        if cursor.words("COMMENT"):
            comment = cursor.comment()
        elif cursor.words("NOT", "NULL"):
            nullable = False
        elif cursor.words("NULL"):
            nullable = True
        elif cursor.words("AFTER"):
            after = cursor.name("a column")
        else:
            raise unsupported(f"ALTER TABLE ... CHANGE COLUMN ... {token.value.upper()}", token)
    return ChangeColumn(
        name=name,
        column=column,
        new_name=new_name,
        type=type_,
        comment=comment,
        nullable=nullable,
        after=after,
    )


def _attribute(cursor: Cursor, name: TableName) -> Statement | None:
    """Read what changes what is said of the table itself."""
    if cursor.words("RENAME", "TO"):
        return RenameTable(name, cursor.table_name())
    if cursor.words("CHANGEOWNER", "TO"):
        return ChangeOwner(name, cursor.text())
    if cursor.words("TOUCH"):
        return Touch(name, one_spec(cursor))
    if cursor.words("UNSET", "TBLPROPERTIES"):
        cursor.sign("(")
        names = [cursor.text()]
        while cursor.accept(","):
            names.append(cursor.text())
        cursor.sign(")")
        return UnsetProperties(name, tuple(names))
    return None


def _set(cursor: Cursor, name: TableName) -> Statement | None:
    token = cursor.next
    if cursor.words("SET", "COMMENT"):
        return SetComment(name, cursor.comment())
    if cursor.words("SET", "TBLPROPERTIES"):
        return SetProperties(name, properties_of(cursor))
    if cursor.words("SET", "LIFECYCLE"):
        days = cursor.whole_number("a number of days")
        if days < 1:
            message = f"Parse exception - LIFECYCLE {days}; expected one day at least, or DISABLE"
            raise SqlFault("ODPS-0130161", f"{message} LIFECYCLE", token)
        return SetLifecycle(name, days)
    return None


def _clustering(cursor: Cursor, name: TableName) -> Statement | None:
    token = cursor.next
    if cursor.words("CLUSTERED", "BY"):
        return SetBuckets(name, buckets_of(cursor, "hash", token))
    if cursor.words("RANGE", "CLUSTERED", "BY"):
        return SetBuckets(name, buckets_of(cursor, "range", token))
    if cursor.words("NOT", "CLUSTERED"):
        return SetBuckets(name, None)
    return None


def _unknown(cursor: Cursor, token: Token, what: str) -> SqlFault:
    """Name an action by its first words."""
    if token.kind is not TokenKind.WORD:
        return cursor.unexpected("what to alter")
    second = cursor.ahead(1)
    said = token.value.upper()
    if second.kind is TokenKind.WORD:
        said = f"{said} {second.value.upper()}"
    return unsupported(f"{what} ... {said}", token)

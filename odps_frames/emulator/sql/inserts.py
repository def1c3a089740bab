"""INSERT and CREATE TABLE AS: their heads read here, and their queries left to the dialect."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from odps_frames.emulator.sql.cursor import Cursor, unsupported
from odps_frames.emulator.sql.kinds import outside
from odps_frames.emulator.sql.statements import CreateTable
from odps_frames.emulator.sql.tokens import SqlFault, TokenKind

if TYPE_CHECKING:
    from odps_frames.emulator.sql.statements import TableName

__all__ = ["CreateTableAs", "Insert", "Inserts", "Items", "parse_inserts"]

Items: TypeAlias = tuple[tuple[str, str | None], ...]
"""A PARTITION clause: columns with their values as texts, None where the rows tell them."""

MAX_OUTPUTS = 255
_QUERY_WORDS = ("SELECT", "WITH", "VALUES", "FROM")


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert:
    """One INSERT; of a statement with several, each has a text of its own."""

    target: TableName
    overwrite: bool
    partition: Items | None
    if_not_exists: bool
    columns: tuple[str, ...] | None
    query: str
    """The text of its query, in its place; other parts of the statement are blank."""


@dataclass(frozen=True, slots=True)
class Inserts:
    """A statement with one INSERT, or with several after a FROM that they share."""

    outputs: tuple[Insert, ...]
    source: str | None = None
    """The text of that FROM, in its place."""


@dataclass(frozen=True, slots=True)
class CreateTableAs:
    """CREATE TABLE … AS; the columns of the table are those of the query."""

    table: CreateTable
    query: str


def parse_inserts(sql: str) -> Inserts | CreateTableAs:
    """Read INSERT, FROM … INSERT … INSERT, WITH … INSERT, or CREATE TABLE … AS.

    Raises
    ------
    SqlFault
        With the place where it is none of these, or for what this service does not carry out.
    """
    reader = _Reader(sql)
    if reader.next.is_word("CREATE"):
        return reader.create_table_as()
    return reader.inserts()


class _Reader(Cursor):
    """Reads heads; `outside` tells where the next one begins."""

    def inserts(self) -> Inserts:
        outer = outside(self.tokens)
        starts = [token.start for token in outer if token.is_word("INSERT")]
        first = self.next
        ends = [*starts[1:], self._end()]
        if first.is_word("INSERT", "WITH"):
            # After WITH, or in its query, the word INSERT has no place but the first.
            if len(starts) > 1:
                self._go_to(starts[1])
                raise self.unexpected("a query")
            before = (first.start, starts[0])
            return Inserts((self._insert(starts[0], self._end(), before),))
        if len(starts) > MAX_OUTPUTS:
            message = (
                f"Parse exception - {len(starts)} INSERT in one statement; expected "
                f"{MAX_OUTPUTS} at most"
            )
            raise SqlFault("ODPS-0130161", message, first)
        source = self.rest(first.start, starts[0])
        outputs = [
            self._insert(start, end, (0, 0)) for start, end in zip(starts, ends, strict=True)
        ]
        return Inserts(tuple(outputs), source)

    def rest(self, start: int, end: int, before: tuple[int, int] = (0, 0)) -> str:
        """Return a part of the text, and one before it, in their places; the rest is blank."""
        text, (first, last) = self.sql, before
        between = _blank(text[last:start])
        return _blank(text[:first]) + text[first:last] + between + text[start:end]

    def _end(self) -> int:
        """Return the place of the end, before which semicolons may stand."""
        last = len(self.tokens) - 1
        while last and self.tokens[last - 1].is_sign(";"):
            last -= 1
        return self.tokens[last].start

    def _go_to(self, start: int) -> None:
        self.position = next(n for n, token in enumerate(self.tokens) if token.start == start)

    def _insert(self, start: int, end: int, before: tuple[int, int]) -> Insert:
        self._go_to(start)
        self.words("INSERT")
        overwrite = self.words("OVERWRITE")
        if not overwrite and not self.words("INTO"):
            raise self.unexpected("INTO or OVERWRITE")
        if self.next.is_word("DIRECTORY", "LOCAL"):
            raise unsupported("INSERT OVERWRITE DIRECTORY", self.next)
        self.words("TABLE")
        target = self.table_name()
        partition, if_not_exists = None, False
        if self.words("PARTITION"):
            partition = self._partition()
            if_not_exists = self.words("IF", "NOT", "EXISTS")
        columns = self._columns()
        self._need_query()
        return Insert(
            target=target,
            overwrite=overwrite,
            partition=partition,
            if_not_exists=if_not_exists,
            columns=columns,
            query=self.rest(self.next.start, end, before),
        )

    def _need_query(self) -> None:
        if not self.next.is_word(*_QUERY_WORDS) and not self.next.is_sign("("):
            raise self.unexpected("SELECT, WITH or VALUES")

    def _columns(self) -> tuple[str, ...] | None:
        """Read the list of columns; a query in brackets is none."""
        after = self.tokens[self.position + 1 : self.position + 2]
        is_query = any(token.is_word(*_QUERY_WORDS) or token.is_sign("(") for token in after)
        return self.names("a column") if self.next.is_sign("(") and not is_query else None

    def _partition(self) -> Items:
        self.sign("(")
        items = [self._item()]
        while self.accept(","):
            items.append(self._item())
        self.sign(")")
        return tuple(items)

    def _item(self) -> tuple[str, str | None]:
        name = self.name("a partition column")
        if not self.accept("="):
            return name, None
        sign = "-" if self.accept("-") else ""
        if self.next.kind is TokenKind.WORD:
            raise unsupported(
                f"PARTITION({name}={self.next.value}…), which is no constant", self.next
            )
        return name, sign + self.take("a value", TokenKind.TEXT, TokenKind.NUMBER).value

    def create_table_as(self) -> CreateTableAs:
        self.words("CREATE")
        if self.next.is_word("OR"):
            raise unsupported("CREATE OR REPLACE TABLE ... AS", self.next)
        self.words("TABLE")
        if_not_exists = self.words("IF", "NOT", "EXISTS")
        name = self.table_name()
        if self.next.is_sign("("):
            raise unsupported("CREATE TABLE with both columns and AS", self.next)
        clauses: dict[str, object] = {}
        while not self.words("AS"):
            token = self.next
            clause, value = self._clause()
            if clause in clauses:
                message = f"Parse exception - {token.value.upper()} stands twice"
                raise SqlFault("ODPS-0130161", message, token)
            clauses[clause] = value
        self._need_query()
        table = CreateTable(name=name, columns=(), if_not_exists=if_not_exists, **clauses)  # type: ignore[arg-type]  # of `_clause`
        return CreateTableAs(table, self.rest(self.next.start, self._end()))

    def _clause(self) -> tuple[str, object]:
        if self.words("LIFECYCLE"):
            return "lifecycle", self.whole_number("a number of days")
        if self.words("COMMENT"):
            return "comment", self.comment()
        if self.words("TBLPROPERTIES"):
            self.sign("(")
            found = dict([self._property()])
            while self.accept(","):
                found.update([self._property()])
            self.sign(")")
            return "properties", found
        if self.next.kind is TokenKind.WORD:
            raise unsupported(f"CREATE TABLE ... {self.next.value.upper()} ... AS", self.next)
        raise self.unexpected("AS")

    def _property(self) -> tuple[str, str]:
        name = self.text()
        self.sign("=")
        return name, self.text()


def _blank(text: str) -> str:
    return re.sub(r"[^\r\n]", " ", text)

"""SQL text into statements, by recursive descent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from odps_frames.emulator.sql.statements import (
    AddColumns,
    AddPartitions,
    CreateSchema,
    CreateTable,
    DropPartitions,
    DropSchema,
    DropTable,
    ShowSchemas,
    TableName,
    TruncateTable,
)
from odps_frames.emulator.sql.tokens import SqlFault, Token, TokenKind, tokens_of
from odps_frames.model.buckets import Buckets
from odps_frames.model.schema import Column
from odps_frames.model.types import parse_type

if TYPE_CHECKING:
    from odps_frames.emulator.sql.statements import Spec, Statement
    from odps_frames.model.types import DataType

__all__ = ["parse"]

_MAX_NAME = 128
_VERBS = (
    *("ALTER", "ANALYZE", "CLONE", "CREATE", "DELETE", "DESC", "DESCRIBE", "DROP", "EXPLAIN"),
    *("FROM", "GRANT", "INSERT", "LIST", "LOAD", "MERGE", "MSCK", "PURGE", "REVOKE", "SELECT"),
    *("SET", "SHOW", "TRUNCATE", "UNLOAD", "UPDATE", "USE", "VALUES", "WITH"),
)
"""With these, statements of MaxCompute begin."""


def parse(sql: str) -> Statement:
    """Read one statement, with or without its semicolon.

    Raises
    ------
    SqlFault
        ``ODPS-0130161`` for what is no SQL, ``ODPS-0130071`` for SQL that this service does not
        carry out; it names the statement.
    """
    return _Parser(sql).statement()


class _Parser:
    """One pass over the pieces of a statement."""

    def __init__(self, sql: str) -> None:
        self._sql = sql
        self._tokens = tokens_of(sql)
        self._position = 0

    @property
    def _next(self) -> Token:
        return self._tokens[self._position]

    def statement(self) -> Statement:
        first = self._next
        found = self._known()
        if found is None:
            if not first.is_word(*_VERBS):
                raise self._unexpected("a statement")
            second = self._tokens[1]
            objects = first.is_word("CREATE", "ALTER", "DROP", "SHOW")
            named = f" {second.value.upper()}" if objects and second.value else ""
            raise _unsupported(first.value.upper() + named, first)
        while self._accept(";"):
            pass
        if self._next.kind is not TokenKind.END:
            raise self._unexpected("the end of the statement")
        return found

    def _known(self) -> Statement | None:
        if self._words("CREATE", "TABLE"):
            return self._create_table()
        if self._words("DROP", "TABLE"):
            if_exists = self._words("IF", "EXISTS")
            return DropTable(self._table_name(), if_exists)
        if self._words("ALTER", "TABLE"):
            return self._alter_table()
        if self._words("TRUNCATE", "TABLE"):
            return TruncateTable(self._table_name(), self._specs())
        return self._schema_statement()

    def _schema_statement(self) -> Statement | None:
        if self._words("CREATE", "SCHEMA"):
            if_not_exists = self._words("IF", "NOT", "EXISTS")
            return CreateSchema(self._table_name("a schema", 2), if_not_exists)
        if self._words("DROP", "SCHEMA"):
            if_exists = self._words("IF", "EXISTS")
            return DropSchema(self._table_name("a schema", 2), if_exists)
        if self._words("SHOW", "SCHEMAS"):
            named = self._words("IN") or self._words("FROM")
            return ShowSchemas(self._table_name("a project", 1) if named else None)
        return None

    def _create_table(self) -> CreateTable:
        if_not_exists = self._words("IF", "NOT", "EXISTS")
        name = self._table_name()
        if not self._next.is_sign("("):
            raise _unsupported(f"CREATE TABLE ... {self._next.value.upper()}", self._next)
        columns, primary_key = self._keyed_columns()
        clauses: dict[str, Any] = {}
        while self._next.kind is TokenKind.WORD:
            token = self._next
            clause, value = self._clause()
            if clause in clauses:
                raise SqlFault(
                    "ODPS-0130161", f"Parse exception - {token.value.upper()} stands twice", token
                )
            clauses[clause] = value
        return CreateTable(
            name=name,
            columns=columns,
            primary_key=primary_key,
            if_not_exists=if_not_exists,
            **clauses,
        )

    def _clause(self) -> tuple[str, object]:
        token = self._next
        if self._words("COMMENT"):
            return "comment", self._text()
        if self._words("PARTITIONED", "BY"):
            return "partition_columns", self._columns()
        if self._words("CLUSTERED", "BY"):
            return "buckets", self._buckets("hash", token)
        if self._words("RANGE", "CLUSTERED", "BY"):
            return "buckets", self._buckets("range", token)
        if self._words("TBLPROPERTIES"):
            return "properties", self._properties()
        if self._words("LIFECYCLE"):
            return "lifecycle", int(self._take(TokenKind.NUMBER, "a number of days").value)
        raise _unsupported(f"CREATE TABLE ... {token.value.upper()}", token)

    def _buckets(self, kind: Literal["hash", "range"], token: Token) -> Buckets:
        columns = self._names("a column")
        order: list[str] = []
        if self._words("SORTED", "BY"):
            self._sign("(")
            while not order or self._accept(","):
                name = self._name("a column")
                falling = not self._words("ASC") and self._words("DESC")
                order.append(f"{name} DESC" if falling else name)
            self._sign(")")
        number = None
        if self._words("INTO"):
            number = int(self._take(TokenKind.NUMBER, "a number of buckets").value)
            if not self._words("BUCKETS"):
                raise self._unexpected("BUCKETS")
        elif kind == "hash":
            raise self._unexpected("INTO")
        try:
            return Buckets(columns=columns, n=number, sorted_by=tuple(order), kind=kind)
        except ValueError as error:
            raise SqlFault("ODPS-0130161", f"Parse exception - {error}", token) from None

    def _alter_table(self) -> Statement:
        name = self._table_name()
        token = self._next
        if self._words("ADD", "COLUMNS"):
            if_not_exists = self._words("IF", "NOT", "EXISTS")
            return AddColumns(name, self._columns(), if_not_exists)
        if self._words("ADD"):
            if_not_exists = self._words("IF", "NOT", "EXISTS")
            return AddPartitions(name, self._some_specs(), if_not_exists)
        if self._words("DROP"):
            if self._next.is_word("COLUMN", "COLUMNS"):
                raise _unsupported("ALTER TABLE ... DROP COLUMNS", token)
            if_exists = self._words("IF", "EXISTS")
            return DropPartitions(name, self._some_specs(), if_exists)
        raise _unsupported(f"ALTER TABLE ... {token.value.upper()}", token)

    def _columns(self) -> tuple[Column, ...]:
        self._sign("(")
        columns = [self._column()]
        while self._accept(","):
            columns.append(self._column())
        self._sign(")")
        return tuple(columns)

    def _keyed_columns(self) -> tuple[tuple[Column, ...], tuple[str, ...]]:
        """Read columns, with a PRIMARY KEY (…) among or behind them."""
        self._sign("(")
        columns: list[Column] = []
        key: tuple[str, ...] = ()
        while True:
            token = self._next
            if not self._words("PRIMARY", "KEY"):
                columns.append(self._column())
            elif key:
                raise SqlFault("ODPS-0130161", "Parse exception - a second PRIMARY KEY", token)
            else:
                key = self._names("a column")
            if not self._accept(","):
                break
        self._sign(")")
        return tuple(columns), key

    def _names(self, of_what: str) -> tuple[str, ...]:
        self._sign("(")
        names = [self._name(of_what)]
        while self._accept(","):
            names.append(self._name(of_what))
        self._sign(")")
        return tuple(names)

    def _column(self) -> Column:
        if self._next.is_word("PRIMARY"):
            raise _unsupported("a PRIMARY KEY", self._next)
        name = self._name("a column")
        found = self._type()
        nullable, comment = True, ""
        while self._next.kind is TokenKind.WORD:
            token = self._next
            if self._words("NOT", "NULL"):
                nullable = False
            elif self._words("NULL"):
                nullable = True
            elif self._words("COMMENT"):
                comment = self._text()
            else:
                raise _unsupported(f"{token.value.upper()} of a column", token)
        return Column(name, found, comment, nullable)

    def _type(self) -> DataType:
        """Read a type: a word, with what stands in brackets of either kind after it."""
        first = self._take(TokenKind.WORD, "a type")
        end, depth = first.end, 0
        while self._next.is_sign("<") or self._next.is_sign("(") or depth:
            token = self._advance()
            if token.kind is TokenKind.END:
                raise SqlFault("ODPS-0130161", "Parse exception - a type without its end", first)
            if token.kind is TokenKind.SIGN:
                depth += (token.value in ("<", "(")) - (token.value in (">", ")"))
            end = token.end
        try:
            return parse_type(self._sql[first.start : end])
        except ValueError as error:
            raise SqlFault("ODPS-0130161", f"Parse exception - {error}", first) from None

    def _specs(self) -> tuple[Spec, ...]:
        specs = []
        while self._words("PARTITION"):
            specs.append(self._spec())
            self._accept(",")
        return tuple(specs)

    def _some_specs(self) -> tuple[Spec, ...]:
        if not self._next.is_word("PARTITION"):
            raise self._unexpected("PARTITION")
        return self._specs()

    def _spec(self) -> Spec:
        self._sign("(")
        items = [self._item()]
        while self._accept(","):
            items.append(self._item())
        self._sign(")")
        return tuple(items)

    def _item(self) -> tuple[str, str]:
        name = self._name("a partition column")
        token = self._next
        if not self._accept("="):
            if token.kind is TokenKind.SIGN and token.value in ("<", ">", "<=", ">=", "<>", "!="):
                raise _unsupported(f"PARTITION with {token.value}", token)
            raise self._unexpected("=")
        sign = "-" if self._accept("-") else ""
        if self._next.kind not in (TokenKind.TEXT, TokenKind.NUMBER):
            raise self._unexpected("a value")
        return name, sign + self._advance().value

    def _properties(self) -> dict[str, str]:
        self._sign("(")
        found = dict([self._property()])
        while self._accept(","):
            found.update([self._property()])
        self._sign(")")
        return found

    def _property(self) -> tuple[str, str]:
        name = self._text()
        self._sign("=")
        return name, self._text()

    def _table_name(self, of_what: str = "a table", most: int = 3) -> TableName:
        token = self._next
        parts = [self._name(of_what)]
        while self._accept("."):
            parts.append(self._name(of_what))
        if len(parts) > most:
            message = f"Parse exception - the name of {of_what} with more than {most} parts"
            raise SqlFault("ODPS-0130161", message, token)
        return TableName(tuple(parts), token)

    def _name(self, of_what: str) -> str:
        token = self._next
        if token.kind not in (TokenKind.WORD, TokenKind.QUOTED_NAME):
            raise self._unexpected(f"the name of {of_what}")
        self._advance()
        if not re.fullmatch(r"\w+", token.value) or len(token.value) > _MAX_NAME:
            raise SqlFault(
                "ODPS-0130161",
                f"Parse exception - {token.value!r} is no name of {of_what}; expected letters, "
                f"digits and underscores, {_MAX_NAME} at most",
                token,
            )
        return token.value.lower()

    def _text(self) -> str:
        return self._take(TokenKind.TEXT, "a text").value

    def _take(self, kind: TokenKind, expected: str) -> Token:
        if self._next.kind is not kind:
            raise self._unexpected(expected)
        return self._advance()

    def _sign(self, sign: str) -> None:
        if not self._accept(sign):
            raise self._unexpected(repr(sign))

    def _accept(self, sign: str) -> bool:
        if self._next.is_sign(sign):
            self._advance()
            return True
        return False

    def _words(self, *words: str) -> bool:
        """Pass over these words where all of them follow."""
        following = self._tokens[self._position : self._position + len(words)]
        if len(following) == len(words) and all(
            token.is_word(word) for token, word in zip(following, words, strict=True)
        ):
            self._position += len(words)
            return True
        return False

    def _advance(self) -> Token:
        token = self._next
        if token.kind is not TokenKind.END:
            self._position += 1
        return token

    def _unexpected(self, expected: str) -> SqlFault:
        return SqlFault(
            "ODPS-0130161",
            f"Parse exception - unexpected {self._next}; expected {expected}",
            self._next,
        )


def _unsupported(what: str, token: Token) -> SqlFault:
    return SqlFault(
        "ODPS-0130071", f"Semantic analysis exception - {what} is not supported here", token
    )

"""What names mean in a query: relations, their columns, and the queries around them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from odps_frames.emulator.sql.dialect import place_of
from odps_frames.emulator.sql.tokens import SqlFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlglot import exp

    from odps_frames.emulator.sql.queries import BoundQuery
    from odps_frames.emulator.sql.values import Value
    from odps_frames.model.table import TableRef
    from odps_frames.model.types import DataType

__all__ = ["PARSE", "SEMANTIC", "Context", "Named", "Relation", "Scope", "only", "refuse_rest"]

PARSE = "ODPS-0130161"
SEMANTIC = "ODPS-0130071"


@dataclass(frozen=True, slots=True)
class Named:
    """A column of a relation."""

    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class Relation:
    """Something that stands after FROM."""

    alias: str
    """As the query says it."""
    columns: tuple[Named, ...]
    table: TableRef | None = None


def _no_view(_: Context, __: exp.Expr, ___: Sequence[str]) -> None:
    """Find no view, where there is none to find."""


@dataclass(slots=True)
class Context:
    """What is the same all over a query."""

    sql: str
    zone: str
    now: int
    """Milliseconds since 1970, the same in all of the query."""
    hints: Mapping[str, str]
    find_table: Callable[[Sequence[str]], tuple[TableRef, Sequence[tuple[str, DataType]]] | None]
    """Looks a table up by the parts of its name."""
    find_partitions: Callable[[Sequence[str]], Sequence[tuple[tuple[str, ...], int]] | None]
    """Lists the partitions of a table with the numbers of their rows; None where it has none."""
    tables: list[TableRef] = field(default_factory=list)
    """The tables that are read, in the order of their aliases ``r0``, ``r1``, …"""
    parts: list[tuple[str, str]] = field(default_factory=list)
    """Aliases and DuckDB text of the queries of WITH."""
    bind_view: Callable[[Context, exp.Expr, Sequence[str]], BoundQuery | None] = _no_view
    """Binds the query of a view, by the parts of its name; None where there is none."""
    inside: tuple[TableRef, ...] = ()
    """The views around this query, from the outermost one."""
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    """Shared with the queries of views."""

    def alias(self) -> str:
        """Return a name that nothing else in the DuckDB text has."""
        return f"s{next(self.numbers)}"

    def on(self, setting: str) -> bool:
        """Whether a setting says true."""
        return self.hints.get(setting, "").strip().lower() == "true"

    def fault(self, node: exp.Expr | None, message: str, code: str = SEMANTIC) -> SqlFault:
        """Make the error of a place in the query."""
        said = f"Semantic analysis exception - {message}" if code == SEMANTIC else message
        return SqlFault(code, said, place_of(node, self.sql))

    def unsupported(self, node: exp.Expr | None, what: str) -> SqlFault:
        """Make the error of something that MaxCompute has and this service has not."""
        return self.fault(node, f"{what} is not supported here")


@dataclass(frozen=True, slots=True)
class Scope:
    """The relations that an expression may name columns of."""

    relations: tuple[Relation, ...] = ()
    merged: tuple[Named, ...] = ()
    """Columns of USING, which belong to no relation alone."""
    parent: Scope | None = None

    def beside(self, other: Scope) -> Scope:
        """Return a scope with the relations of another one behind its own."""
        return replace(
            self,
            relations=(*self.relations, *other.relations),
            merged=(*self.merged, *other.merged),
        )

    def merging(self, columns: tuple[Named, ...]) -> Scope:
        """Return a scope in which columns of several relations are one."""
        hidden = {column.name.lower() for column in columns}
        kept = tuple(column for column in self.merged if column.name.lower() not in hidden)
        return replace(self, merged=(*columns, *kept))

    def star(self) -> Iterator[Named]:
        """Yield what ``*`` stands for."""
        hidden = {column.name.lower() for column in self.merged}
        yield from self.merged
        for relation in self.relations:
            yield from (c for c in relation.columns if c.name.lower() not in hidden)

    def relation(self, alias: str) -> Relation | None:
        """Return the relation of an alias, here or around."""
        for found in self.relations:
            if found.alias.lower() == alias.lower():
                return found
        return self.parent.relation(alias) if self.parent else None

    def columns(self, name: str) -> list[Named]:
        """Return every column of a name, in the nearest query that has one."""
        lower = name.lower()
        for column in self.merged:
            if column.name.lower() == lower:
                return [column]
        found = [c for r in self.relations for c in r.columns if c.name.lower() == lower]
        if found or self.parent is None:
            return found
        return self.parent.columns(name)


def only(context: Context, node: exp.Expr, *known: str, what: str) -> None:
    """Refuse a node that says more than what is known, so that nothing is passed over.

    Raises
    ------
    SqlFault
        Naming the first clause that is not known.
    """
    for key, value in node.args.items():
        if key in known or value is None or value is False or value in ([], ""):
            continue
        clause = key.strip("_").replace("_", " ").upper()
        raise context.unsupported(node, f"{what} ... {clause}")


def refuse_rest(context: Context, node: exp.Expr) -> SqlFault:
    """Make the error of an expression that nobody here knows."""
    return context.unsupported(node, type(node).__name__.upper())

"""The table of an UPDATE, DELETE or MERGE, and what its columns may be set to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from odps_frames.emulator.sql.assigning import assigned, incompatible
from odps_frames.emulator.sql.expressions import Binder
from odps_frames.emulator.sql.planning import FILE_COLUMN, ROW_COLUMN
from odps_frames.emulator.sql.queries import Queries
from odps_frames.emulator.sql.relations import Relations
from odps_frames.emulator.sql.scopes import PARSE, only
from odps_frames.emulator.sql.values import NULL, Value, engine_type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.sql.planning import Planning
    from odps_frames.emulator.sql.queries import Parts
    from odps_frames.emulator.sql.scopes import Relation, Scope
    from odps_frames.model.schema import Column

__all__ = ["RowTarget"]


@dataclass(frozen=True, slots=True)
class RowTarget:
    """The table whose rows change."""

    planning: Planning
    table: Table
    number: int
    """Which of the tables that the statement reads it is."""
    alias: str
    queries: Queries
    scope: Scope
    """What the statement may name: the table, and what stands beside it."""
    source: str
    """What stands after FROM."""

    @classmethod
    def bind(
        cls, planning: Planning, verb: str, select: exp.Select, parts: Parts | None = None
    ) -> RowTarget:
        """Bind the FROM of a statement, in which its table comes first.

        Raises
        ------
        SqlFault
            Where there is no such table, or its rows cannot be changed.
        """
        node = select.args["from_"].this
        if not isinstance(node, exp.Table):
            raise planning.context.fault(node, f"{verb} takes the name of a table")
        only(planning.context, node, "this", "db", "catalog", "alias", what=verb)
        queries = Queries(planning.context, parts or {})
        number = len(planning.tables)

        def binder(scope: Scope) -> Binder:
            return Binder(context=planning.context, scope=scope, query=queries.bind)

        relations = Relations(planning.context, queries.parts, queries.bind, binder, None)
        source, scope = relations.bind(select)
        if scope.relations[0].table is None:
            raise planning.context.fault(node, f"{verb} takes a table, and this is a view")
        table = planning.tables[number]
        if not table.transactional:
            raise planning.context.fault(
                node,
                f"table {table.ref} is not transactional, and {verb} takes only tables that are "
                'made with tblproperties ("transactional"="true"); write it anew with INSERT '
                "OVERWRITE, or make a transactional table and copy the rows",
            )
        return cls(planning, table, number, scope.relations[0].alias, queries, scope, source)

    @property
    def place(self) -> str:
        """The columns that tell where a row is, for a SELECT."""
        return ", ".join(f"r{self.number}.{name} AS {name}" for name in (FILE_COLUMN, ROW_COLUMN))

    @property
    def columns(self) -> list[Column]:
        """All columns, those of partitions last."""
        return list(self.table.schema.all_columns)

    @property
    def relation(self) -> Relation:
        """The table, as expressions name it."""
        return self.scope.relations[0]

    def binder(self, scope: Scope | None = None) -> Binder:
        """Return a binder of expressions over the table and what stands beside it."""
        return Binder(
            context=self.planning.context,
            scope=self.scope if scope is None else scope,
            query=self.queries.bind,
        )

    def current(self) -> list[Value]:
        """Return the values that a row has."""
        return [named.value for named in self.relation.columns]

    def key(self) -> list[Value]:
        """Return what tells which row goes away; other values do not matter then."""
        kept = {name.lower() for name in self.table.primary_key}
        kept |= {name.lower() for name in self.table.schema.partition_names}
        return [
            named.value if named.name.lower() in kept else NULL for named in self.relation.columns
        ]

    def place_of(self, node: exp.Expr) -> int:
        """Return which column of the table a SET names, and make sure that it may change."""
        context = self.planning.context
        names = [part.name for part in node.parts] if isinstance(node, exp.Column) else []
        by_name = {column.name.lower(): n for n, column in enumerate(self.columns)}
        known = len(names) == 1 or (len(names) == 2 and names[0].lower() == self.alias.lower())  # noqa: PLR2004  an alias before the name
        if not known or names[-1].lower() not in by_name:
            said = ".".join(names) or node.sql()
            raise context.fault(
                node,
                f"column {said} cannot be resolved in {self.table.ref}; expected one of: "
                f"{', '.join(column.name for column in self.columns)}",
            )
        name = names[-1].lower()
        if name in {key.lower() for key in self.table.primary_key}:
            raise context.fault(node, f"column {name} of the PRIMARY KEY cannot be updated")
        if by_name[name] >= len(self.table.columns):
            raise context.fault(node, f"partition column {name} cannot be updated")
        return by_name[name]

    def assigned(self, value: Value, column: Column, node: exp.Expr | None = None) -> str:
        """Return a value in the type of its column."""
        target = engine_type(column.type)
        if target is None:
            raise self.planning.context.unsupported(
                node, f"changing rows of a table with column {column.name} of type {column.type}"
            )
        found = assigned(value, column.type)
        if found is None:
            given = (column.name, value.type)
            raise incompatible(self.planning.context, node, given, column)
        return f"CAST({found.sql} AS {target})"

    def updates(self, items: Sequence[exp.Expr], binder: Binder) -> Mapping[int, Value]:
        """Return what SET gives to which columns."""
        if not items:
            raise self.planning.context.fault(None, "Parse exception - expected SET", PARSE)
        found: dict[int, Value] = {}
        for item in items:
            if not isinstance(item, exp.EQ):
                raise self.planning.context.unsupported(item, f"SET {item.sql()}")
            nodes = _several(item.this)
            values = (
                [binder.bind(item.expression)]
                if nodes is None
                else self._values(item, len(nodes), binder)
            )
            pairs = zip([item.this] if nodes is None else nodes, values, strict=True)
            for node, value in pairs:
                place = self.place_of(node)
                if place in found:
                    name = self.columns[place].name
                    raise self.planning.context.fault(node, f"column {name} is set twice")
                found[place] = value
        return found

    def _values(self, item: exp.Expr, wanted: int, binder: Binder) -> list[Value]:
        """Return the values of ``(a, b) = (…)``, where a query may stand."""
        given = item.expression
        if isinstance(given, exp.Subquery):
            bound = binder.query(given, binder.scope)
            alias = self.planning.context.alias()
            values = [
                Value(f"(SELECT {alias}.c{n} FROM ({bound.sql}) AS {alias})", type_)
                for n, (_, type_) in enumerate(bound.columns)
            ]
        else:
            nodes = _several(given)
            values = [binder.bind(node) for node in ([given] if nodes is None else nodes)]
        if len(values) != wanted:
            raise self.planning.context.fault(
                item, f"{len(values)} values are given for {wanted} columns"
            )
        return values


def _several(node: exp.Expr) -> list[exp.Expr] | None:
    """Return what stands in brackets, or None where there are none."""
    if isinstance(node, exp.Paren):
        return [node.this]
    return list(node.expressions) if isinstance(node, exp.Tuple) else None

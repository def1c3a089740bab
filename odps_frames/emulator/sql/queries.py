"""Whole queries: SELECT with its clauses, UNION and its like, VALUES, WITH."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlglot import exp

from odps_frames.emulator.sql.bound import BoundQuery, Part, Parts
from odps_frames.emulator.sql.casts import cast, common
from odps_frames.emulator.sql.clauses import limits, without_parts
from odps_frames.emulator.sql.expressions import Binder
from odps_frames.emulator.sql.orders import ORDER_PLACES, ordering, place
from odps_frames.emulator.sql.scopes import Scope, only
from odps_frames.emulator.sql.selects import Select
from odps_frames.emulator.sql.values import STRING, Value, engine_type, family

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odps_frames.emulator.sql.scopes import Context
    from odps_frames.model.types import DataType

__all__ = ["BoundQuery", "Part", "Parts", "Queries", "typed"]

_SETS = {exp.Union: "UNION", exp.Except: "EXCEPT", exp.Intersect: "INTERSECT"}


@dataclass(frozen=True, slots=True)
class Queries:
    """Binds queries; what WITH defines is seen by the queries inside."""

    context: Context
    parts: Parts

    def bind(self, node: exp.Expr, parent: Scope | None = None) -> BoundQuery:
        """Bind a query.

        Raises
        ------
        SqlFault
            With the place, for whatever is wrong with it or not known here.
        """
        if isinstance(node, exp.Query) and node.args.get("with_"):
            return self._with(node).bind(without_parts(node), parent)
        if isinstance(node, exp.Select):
            return Select(self.context, self.parts, self.bind, node, parent).bind()
        if isinstance(node, exp.SetOperation):
            return self._set(node, parent)
        if isinstance(node, exp.Subquery):
            return self._bracketed(node, parent)
        if isinstance(node, exp.Values):
            return self._values(node, parent)
        raise self.context.unsupported(node, f"{type(node).__name__} as a query")

    def _with(self, node: exp.Expr) -> Queries:
        clause = node.args["with_"]
        only(self.context, clause, "expressions", what="WITH")
        inside = self
        for part in clause.expressions:
            only(self.context, part, "this", "alias", what="WITH")
            alias = part.args["alias"]
            bound = inside.bind(part.this)
            inner = f"w{len(self.context.parts)}"
            self.context.parts.append((inner, bound.sql))
            known = Part(inner, self._renamed(part, bound, alias.args.get("columns") or ()))
            inside = replace(inside, parts={**inside.parts, alias.name.lower(): known})
        return inside

    def _renamed(
        self, node: exp.Expr, bound: BoundQuery, names: Sequence[exp.Expr]
    ) -> tuple[tuple[str, DataType | None], ...]:
        if names and len(names) != len(bound.columns):
            given, count = len(names), len(bound.columns)
            message = f"{given} names are given for {count} columns of {node.alias}"
            raise self.context.fault(node, message)
        if not names:
            return bound.columns
        return tuple(
            (name.name, type_) for name, (_, type_) in zip(names, bound.columns, strict=True)
        )

    def _bracketed(self, node: exp.Expr, parent: Scope | None) -> BoundQuery:
        only(self.context, node, "this", "order", "limit", "offset", what="a query in brackets")
        bound = self.bind(node.this, parent)
        return self._ended(node, bound)

    def _set(self, node: exp.Expr, parent: Scope | None) -> BoundQuery:
        only(
            self.context,
            node,
            *("this", "expression", "distinct", "order", "limit", "offset"),
            what="UNION",
        )
        word = next(word for kind, word in _SETS.items() if isinstance(node, kind))
        sides = [self.bind(node.this, parent), self.bind(node.expression, parent)]
        counts = [len(side.columns) for side in sides]
        if counts[0] != counts[1]:
            message = f"{word} of queries with {counts[0]} and {counts[1]} columns"
            raise self.context.fault(node, message)
        columns = tuple(
            (name, self._united(node, name, first, second))
            for (name, first), (_, second) in zip(*(side.columns for side in sides), strict=True)
        )
        texts = [self._converted(node, side, columns) for side in sides]
        every = "" if node.args.get("distinct") else " ALL"
        return self._ended(node, BoundQuery(f"{texts[0]} {word}{every} {texts[1]}", columns))

    def _united(
        self, node: exp.Expr, name: str, first: DataType | None, second: DataType | None
    ) -> DataType | None:
        """Return the type of a column of a set; STRING and others do not meet there."""
        if "text" in {family(first), family(second)} != {"text"} and first and second:
            message = f"column {name} has different types: {first} and {second}; cast one of them"
            raise self.context.fault(node, message)
        return self._common(node, name, [first, second])

    def _common(
        self, node: exp.Expr, name: str, types: Sequence[DataType | None]
    ) -> DataType | None:
        try:
            return common(types)
        except TypeError as error:
            message = f"column {name} has different types: {error}"
            raise self.context.fault(node, message) from None

    def _converted(
        self,
        node: exp.Expr,
        side: BoundQuery,
        columns: Sequence[tuple[str, DataType | None]],
    ) -> str:
        alias = self.context.alias()
        items = []
        for number, ((_, given), (name, wanted)) in enumerate(
            zip(side.columns, columns, strict=True)
        ):
            value = Value(f"{alias}.c{number}", given)
            found = value if wanted is None else cast(value, wanted)
            if found is None:
                raise self.context.fault(node, f"column {name} does not become {wanted}")
            items.append(f"{found.sql} AS c{number}")
        return f"(SELECT {', '.join(items)} FROM ({side.sql}) AS {alias})"

    def _ended(self, node: exp.Expr, bound: BoundQuery) -> BoundQuery:
        """Add ORDER BY and LIMIT to a query whose columns can be named only."""
        order, tail = node.args.get("order"), limits(self.context, node)
        if order is None and not tail:
            return bound
        alias = self.context.alias()
        keys = [self._ordinal(item, bound, alias) for item in (order.expressions if order else ())]
        by = f" ORDER BY {', '.join(keys)}" if keys else ""
        return BoundQuery(
            f"SELECT {alias}.* FROM ({bound.sql}) AS {alias}{by}{tail}", bound.columns
        )

    def _ordinal(self, item: exp.Expr, bound: BoundQuery, alias: str) -> str:
        names = [name.lower() for name, _ in bound.columns]
        key = item.this
        if isinstance(key, exp.Literal):
            number = place(self.context, key, "ORDER BY", ORDER_PLACES, len(names))
            return ordering(self.context, item, f"{alias}.c{number}")
        if not isinstance(key, exp.Column) or key.name.lower() not in names:
            message = "ORDER BY of a set of queries takes names of its columns"
            raise self.context.fault(item, message)
        return ordering(self.context, item, f"{alias}.c{names.index(key.name.lower())}")

    def _values(self, node: exp.Expr, parent: Scope | None) -> BoundQuery:
        only(self.context, node, "expressions", what="VALUES")
        binder = Binder(context=self.context, scope=Scope(parent=parent), query=self.bind)
        rows = [
            [binder.bind(item) for item in row.expressions]
            if isinstance(row, exp.Tuple)
            else [binder.bind(row)]
            for row in node.expressions
        ]
        if len({len(row) for row in rows}) != 1:
            raise self.context.fault(node, "rows of VALUES are of different lengths")
        columns = tuple(
            (f"_c{number}", self._common(node, str(number), [value.type for value in column]))
            for number, column in enumerate(zip(*rows, strict=True))
        )
        lines = []
        for row in rows:
            found = [
                value.sql if type_ is None else (cast(value, type_) or value).sql
                for value, (_, type_) in zip(row, columns, strict=True)
            ]
            lines.append("(" + ", ".join(found) + ")")
        alias = self.context.alias()
        names = ", ".join(f"c{number}" for number in range(len(columns)))
        return BoundQuery(
            f"SELECT {alias}.* FROM (VALUES {', '.join(lines)}) AS {alias}({names})", columns
        )


def typed(bound: BoundQuery, context: Context) -> BoundQuery:
    """Give every column a type; a bare NULL becomes STRING.

    Raises
    ------
    SqlFault
        For a name that stands twice.
    """
    names = [name.lower() for name, _ in bound.columns]
    for name in names:
        if names.count(name) > 1:
            raise context.fault(None, f"column {name} stands twice in the result; give it an alias")
    columns = tuple((name, type_ or STRING) for name, type_ in bound.columns)
    for name, type_ in columns:
        if engine_type(type_) is None:
            raise context.unsupported(None, f"column {name} of type {type_} in a result")
    items = ", ".join(
        f"CAST(q.c{number} AS {engine_type(type_)}) AS c{number}"
        for number, (_, type_) in enumerate(columns)
    )
    return BoundQuery(f"SELECT {items} FROM ({bound.sql}) AS q", columns)

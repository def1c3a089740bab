"""Whole queries: SELECT with its clauses, UNION and its like, VALUES, WITH."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from sqlglot import exp

from odps_frames.emulator.sql.casts import cast, common
from odps_frames.emulator.sql.clauses import (
    has_aggregate,
    limits,
    refuse_ambiguous,
    unaliased,
    without_parts,
)
from odps_frames.emulator.sql.expressions import Binder, name_of
from odps_frames.emulator.sql.relations import Relations
from odps_frames.emulator.sql.scopes import Scope, only
from odps_frames.emulator.sql.values import STRING, Value, engine_type, family
from odps_frames.emulator.sql.windows import ordering

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from odps_frames.emulator.sql.scopes import Context, Named
    from odps_frames.model.types import DataType

__all__ = ["BoundQuery", "Part", "Parts", "Queries"]

_SETS = {exp.Union: "UNION", exp.Except: "EXCEPT", exp.Intersect: "INTERSECT"}
_HINTS = frozenset({"mapjoin", "skewjoin", "distmapjoin", "broadcast"})
_CLAUSES = (
    *("expressions", "from_", "joins", "laterals", "where", "group", "having", "distinct"),
    *("order", "limit", "offset", "with_", "hint", "qualify"),
)


@dataclass(frozen=True, slots=True)
class BoundQuery:
    """A query for DuckDB, whose columns are ``c0``, ``c1``, …, with names and types."""

    sql: str
    columns: tuple[tuple[str, DataType | None], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A query of WITH, under the alias that DuckDB knows it by."""

    alias: str
    columns: tuple[tuple[str, DataType | None], ...]


Parts: TypeAlias = Mapping[str, Part]


@dataclass(frozen=True, slots=True)
class _Output:
    name: str
    value: Value


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
            return _Select(self, node, parent).bind()
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
            if alias.args.get("columns"):
                raise self.context.unsupported(part, "names of columns in WITH")
            bound = inside.bind(part.this)
            inner = f"w{len(self.context.parts)}"
            self.context.parts.append((inner, bound.sql))
            known = Part(inner, bound.columns)
            inside = replace(inside, parts={**inside.parts, alias.name.lower(): known})
        return inside

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


class _Select:
    """One SELECT."""

    def __init__(self, queries: Queries, node: exp.Select, parent: Scope | None) -> None:
        self._queries = queries
        self._context = queries.context
        self._node = node
        self._parent = parent

    def bind(self) -> BoundQuery:
        node = self._node
        only(self._context, node, *_CLAUSES, what="SELECT")
        self._check_hints()
        source, scope = Relations(
            self._context, self._queries.parts, self._queries.bind, self._binder, self._parent
        ).bind(node)
        plain = self._binder(scope)
        clauses = [f"FROM {source}"] if source else []
        if where := node.args.get("where"):
            clauses.append(f"WHERE {plain.condition(where.this)}")
        keys = self._keys(plain)
        binder = replace(plain, groups=keys, aggregates=True, windows=True)
        outputs = list(self._outputs(binder))
        if keys:
            clauses.append(f"GROUP BY {', '.join(keys)}")
        clauses += self._filters(binder, outputs)
        distinct = "DISTINCT " if node.args.get("distinct") else ""
        order = self._order(binder, outputs, distinct=bool(distinct))
        shown = ", ".join(f"{output.value.sql} AS c{i}" for i, output in enumerate(outputs))
        body = " ".join([f"SELECT {distinct}{shown}", *clauses])
        columns = tuple((output.name, output.value.type) for output in outputs)
        return BoundQuery(body + order + limits(self._context, node), columns)

    def _binder(self, scope: Scope) -> Binder:
        return Binder(context=self._context, scope=scope, query=self._queries.bind)

    def _check_hints(self) -> None:
        hint = self._node.args.get("hint")
        for item in hint.expressions if hint else ():
            if name_of(item) not in _HINTS:
                raise self._context.unsupported(self._node, f"hint {item.sql()}")
        distinct = self._node.args.get("distinct")
        if distinct is not None:
            only(self._context, distinct, what="DISTINCT")

    def _keys(self, plain: Binder) -> frozenset[str] | None:
        """Return the keys of the groups; None where rows are not grouped."""
        group = self._node.args.get("group")
        if group is None:
            parts = [*self._node.expressions, self._node.args.get("having")]
            grouped = any(part is not None and has_aggregate(part) for part in parts)
            return frozenset() if grouped else None
        only(self._context, group, "expressions", what="GROUP BY")
        return frozenset(self._key(plain, key) for key in group.expressions)

    def _key(self, plain: Binder, key: exp.Expr) -> str:
        if isinstance(key, exp.Literal):
            raise self._context.unsupported(key, "GROUP BY of a place or a literal")
        if isinstance(key, exp.Column) and len(key.parts) == 1:
            lower = key.name.lower()
            if not plain.scope.columns(lower):
                for item in self._node.expressions:
                    if isinstance(item, exp.Alias) and item.alias.lower() == lower:
                        return plain.bind(item.this).sql
        return plain.bind(key).sql

    def _outputs(self, binder: Binder) -> Iterator[_Output]:
        for number, item in enumerate(self._node.expressions):
            if isinstance(item, exp.Star) or (
                isinstance(item, exp.Column) and isinstance(item.this, exp.Star)
            ):
                for column in self._star(binder, item):
                    yield _Output(column.name, column.value)
            elif isinstance(item, exp.Alias):
                if not isinstance(item.args.get("alias"), exp.Identifier):
                    raise self._context.unsupported(item, "such an alias")
                yield _Output(item.alias, binder.bind(item.this))
            else:
                name = item.name if isinstance(item, exp.Column | exp.Dot) else ""
                if isinstance(item, exp.Dot):
                    name = item.expression.name
                yield _Output(name or f"_c{number}", binder.bind(item))

    def _star(self, binder: Binder, item: exp.Expr) -> Iterator[Named]:
        star = item if isinstance(item, exp.Star) else item.this
        only(self._context, star, "except_", what="*")
        if isinstance(item, exp.Column) and len(item.parts) > 1:
            relation = binder.scope.relation(item.parts[-2].name)
            if relation is None:
                name = item.parts[-2].name
                raise self._context.fault(item, f"relation {name} cannot be resolved")
            columns: list[Named] = list(relation.columns)
        else:
            columns = list(binder.scope.star())
        if not columns:
            raise self._context.fault(self._node, "* without FROM")
        left_out = {column.name.lower() for column in star.args.get("except_") or ()}
        names = {column.name.lower() for column in columns}
        if missing := left_out - names:
            message = f"column {min(missing)} of EXCEPT cannot be resolved"
            raise self._context.fault(self._node, message)
        for column in columns:
            if column.name.lower() in left_out:
                continue
            if binder.groups is not None and column.value.sql not in binder.groups:
                message = (
                    f"column {column.name} is neither a key of GROUP BY nor inside an aggregate"
                )
                raise self._context.fault(self._node, message)
            yield column

    def _filters(self, binder: Binder, outputs: Sequence[_Output]) -> Iterator[str]:
        if having := self._node.args.get("having"):
            if binder.groups is None:
                raise self._context.fault(having, "HAVING without groups")
            inner = replace(binder, windows=False)
            yield f"HAVING {inner.condition(unaliased(having.this, self._node, binder))}"
        if qualify := self._node.args.get("qualify"):
            del outputs
            condition = unaliased(qualify.this, self._node, binder)
            yield f"QUALIFY {binder.condition(condition)}"

    def _order(self, binder: Binder, outputs: Sequence[_Output], *, distinct: bool) -> str:
        order = self._node.args.get("order")
        if order is None:
            return ""
        only(self._context, order, "expressions", what="ORDER BY")
        by_text = {output.value.sql: number for number, output in enumerate(outputs, 1)}
        keys = []
        for item in order.expressions:
            value = self._order_value(binder, outputs, item)
            place = by_text.get(value.sql)
            if place is None and distinct:
                message = "ORDER BY of SELECT DISTINCT takes its columns only"
                raise self._context.fault(item, message)
            keys.append(ordering(self._context, item, str(place) if place else value.sql))
        return f" ORDER BY {', '.join(keys)}"

    def _order_value(self, binder: Binder, outputs: Sequence[_Output], item: exp.Expr) -> Value:
        key = item.this
        if isinstance(key, exp.Literal):
            raise self._context.unsupported(item, "ORDER BY of a place or a literal")
        if isinstance(key, exp.Column) and len(key.parts) == 1:
            named = [output for output in outputs if output.name.lower() == key.name.lower()]
            if len({output.value.sql for output in named}) == 1:
                return named[0].value
        refuse_ambiguous(key, self._node, binder)
        return binder.bind(unaliased(key, self._node, binder))


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
    items = ", ".join(
        f"CAST(q.c{number} AS {engine_type(type_)}) AS c{number}"
        for number, (_, type_) in enumerate(columns)
    )
    return BoundQuery(f"SELECT {items} FROM ({bound.sql}) AS q", columns)

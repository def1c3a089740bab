"""What stands after FROM: tables, queries, joins, lateral views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from odps_frames.emulator.sql.dialect import place_of
from odps_frames.emulator.sql.operators import comparable
from odps_frames.emulator.sql.scopes import Named, Relation, Scope, only
from odps_frames.emulator.sql.values import BIGINT, Value
from odps_frames.model.types import ArrayType, MapType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from odps_frames.emulator.sql.expressions import Binder
    from odps_frames.emulator.sql.queries import BoundQuery, Parts
    from odps_frames.emulator.sql.scopes import Context
    from odps_frames.model.types import DataType

__all__ = ["Relations"]

_JOINS = {
    ("", ""): "INNER JOIN",
    ("", "INNER"): "INNER JOIN",
    ("", "CROSS"): "CROSS JOIN",
    ("LEFT", ""): "LEFT JOIN",
    ("LEFT", "OUTER"): "LEFT JOIN",
    ("RIGHT", ""): "RIGHT JOIN",
    ("RIGHT", "OUTER"): "RIGHT JOIN",
    ("FULL", ""): "FULL JOIN",
    ("FULL", "OUTER"): "FULL JOIN",
    ("LEFT", "SEMI"): "SEMI JOIN",
    ("LEFT", "ANTI"): "ANTI JOIN",
}
_MAX_PARTS = 3


class Relations:
    """Binds the FROM clause of one SELECT."""

    def __init__(
        self,
        context: Context,
        parts: Parts,
        bind_query: Callable[[exp.Expr, Scope | None], BoundQuery],
        binder: Callable[[Scope], Binder],
        parent: Scope | None,
    ) -> None:
        self._context = context
        self._parts = parts
        self._bind_query = bind_query
        self._binder = binder
        self._parent = parent

    def bind(self, select: exp.Expr) -> tuple[str, Scope]:
        """Return the text after FROM, with what it brings; without FROM there is one row."""
        scope = Scope(parent=self._parent)
        source = select.args.get("from_")
        if source is None:
            if select.args.get("joins") or select.args.get("laterals"):
                raise self._context.unsupported(select, "a join without FROM")
            return "", scope
        only(self._context, source, "this", what="FROM")
        sql, relation, inner = self._item(source.this)
        scope = self._with(scope, relation, inner)
        for part in self._following(select, source.this):
            add = self._join if isinstance(part, exp.Join) else self._lateral
            sql, scope = add(sql, scope, part)
        return sql, scope

    def _following(self, select: exp.Expr, first: exp.Expr) -> list[exp.Expr]:
        """Return joins and lateral views as they follow each other; sqlglot keeps them apart."""
        joins = [*_joins_of(first), *_joins_of(select)]
        laterals = [*_laterals_of(first), *_laterals_of(select)]
        if not joins or not laterals:
            return [*joins, *laterals]
        placed = [(place_of(part, self._context.sql), part) for part in [*joins, *laterals]]
        if any(place is None for place, _ in placed):
            raise self._context.unsupported(select, "JOIN with LATERAL VIEW without any name")
        return [part for _, part in sorted(placed, key=lambda pair: pair[0].start)]  # type: ignore[union-attr]  # none is None

    def _with(self, scope: Scope, relation: Relation, node: exp.Expr) -> Scope:
        if any(known.alias.lower() == relation.alias.lower() for known in scope.relations):
            raise self._context.fault(node, f"relation {relation.alias} stands twice in FROM")
        return scope.adding(relation)

    def _item(self, node: exp.Expr) -> tuple[str, Relation, exp.Expr]:
        if isinstance(node, exp.Table):
            return *self._table(node), node
        if isinstance(node, exp.Subquery | exp.Values):
            return *self._subquery(node), node
        raise self._context.unsupported(node, f"{type(node).__name__} after FROM")

    def _table(self, node: exp.Expr) -> tuple[str, Relation]:
        only(
            self._context, node, "this", "db", "catalog", "alias", "joins", "laterals", what="FROM"
        )
        names = [node.args[key] for key in ("catalog", "db", "this") if node.args.get(key)]
        if not all(isinstance(name, exp.Identifier) for name in names) or len(names) > _MAX_PARTS:
            raise self._context.unsupported(node, "such a relation after FROM")
        parts = [name.name for name in names]
        alias, columns = _alias_of(self._context, node)
        said = alias or parts[-1]
        inner = self._context.alias()
        if len(parts) == 1 and parts[0].lower() in self._parts:
            known = self._parts[parts[0].lower()]
            return f"{known.alias} AS {inner}", self._relation(
                node, said, inner, known.columns, columns
            )
        bound = self._context.bind_view(self._context, node, parts)
        if bound is not None:
            relation = self._relation(node, said, inner, bound.columns, columns)
            return f"({bound.sql}) AS {inner}", relation
        found = self._context.find_table(parts)
        if found is None:
            name = ".".join(parts)
            message = f"Table not found - table {name} cannot be resolved"
            raise self._context.fault(node, message, "ODPS-0130131")
        ref, described = found
        number = len(self._context.tables)
        self._context.tables.append(ref)
        relation = self._relation(node, said, f"r{number}", described, columns)
        return f"r{number}", Relation(relation.alias, relation.columns, ref)

    def _subquery(self, node: exp.Expr) -> tuple[str, Relation]:
        only(
            self._context,
            node,
            *("this", "alias", "joins", "laterals", "expressions"),
            what="a query after FROM",
        )
        alias, columns = _alias_of(self._context, node)
        inner = self._context.alias()
        body = node.copy() if isinstance(node, exp.Values) else node.this
        if isinstance(body, exp.Values):
            body.set("alias", None)
        bound = self._bind_query(body, self._parent)
        relation = self._relation(node, alias or inner, inner, bound.columns, columns)
        return f"({bound.sql}) AS {inner}", relation

    def _relation(
        self,
        node: exp.Expr,
        alias: str,
        inner: str,
        described: Sequence[tuple[str, DataType | None]],
        names: Sequence[str],
    ) -> Relation:
        if names and len(names) != len(described):
            raise self._context.fault(
                node, f"{len(names)} names are given for {len(described)} columns of {alias}"
            )
        shown = names or [name for name, _ in described]
        return Relation(
            alias,
            tuple(
                Named(name, Value(f"{inner}.c{number}", type_))
                for number, (name, (_, type_)) in enumerate(zip(shown, described, strict=True))
            ),
        )

    def _join(self, sql: str, scope: Scope, join: exp.Expr) -> tuple[str, Scope]:
        only(self._context, join, "this", "on", "side", "kind", "using", what="JOIN")
        kind = (str(join.args.get("side") or ""), str(join.args.get("kind") or ""))
        word = _JOINS.get((kind[0].upper(), kind[1].upper()))
        if word is None:
            raise self._context.unsupported(join, f"{' '.join(kind).strip()} JOIN")
        text, relation, inner = self._item(join.this)
        if _joins_of(join.this) or _laterals_of(join.this):
            raise self._context.unsupported(
                join, "a join inside a join, not in a query of its own,"
            )
        joined = self._with(scope, relation, inner)
        condition = join.args.get("on")
        using = join.args.get("using") or []
        if word == "CROSS JOIN" and condition is not None:
            word = "INNER JOIN"
        said = "TRUE"
        merged: tuple[Named, ...] = ()
        if condition is not None:
            said = self._binder(joined).condition(condition)
        elif using:
            merged, said = self._using(join, scope, relation, word)
        elif word not in ("CROSS JOIN", "INNER JOIN"):
            raise self._context.fault(join, f"{word} needs a condition")
        kept = scope if word in ("SEMI JOIN", "ANTI JOIN") else joined
        if merged and kept is joined:
            kept = scope.adding(relation, merged)
        tail = "" if word == "CROSS JOIN" else f" ON {said}"
        return f"{sql} {word} {text}{tail}", kept

    def _using(
        self, join: exp.Expr, scope: Scope, relation: Relation, word: str
    ) -> tuple[tuple[Named, ...], str]:
        merged, conditions = [], []
        for name in (identifier.name for identifier in join.args["using"]):
            left = [c for c in scope.star() if c.name.lower() == name.lower()]
            right = [c for c in relation.columns if c.name.lower() == name.lower()]
            if len(left) != 1 or len(right) != 1:
                raise self._context.fault(join, f"column {name} of USING cannot be resolved")
            one, other = comparable(self._context, join, left[0].value, right[0].value)
            conditions.append(f"{one.sql} = {other.sql}")
            value = {"RIGHT JOIN": other, "FULL JOIN": None}.get(word, one)
            if value is None:
                value = Value(f"coalesce({one.sql}, {other.sql})", one.type)
            merged.append(Named(name, value))
        return tuple(merged), " AND ".join(conditions)

    def _lateral(self, sql: str, scope: Scope, node: exp.Expr) -> tuple[str, Scope]:
        only(self._context, node, "this", "view", "outer", "alias", "ordinality", what="LATERAL")
        function = node.this
        name = function.name.lower() if isinstance(function, exp.Anonymous) else ""
        if name not in ("explode", "posexplode") or not node.args.get("view"):
            raise self._context.unsupported(node, f"LATERAL VIEW of {name or 'such a thing'}")
        if len(function.expressions) != 1:
            raise self._context.fault(function, f"function {name} takes 1 argument")
        value = self._binder(scope).bind(function.expressions[0])
        inner = self._context.alias()
        items, types = self._exploded(function, name, value)
        alias, names = _alias_of(self._context, node)
        default = [("pos", BIGINT)] if name == "posexplode" else []
        usual = ["key", "value"] if isinstance(value.type, MapType) else ["col"]
        shown = names or [word for word, _ in default] + usual
        described = list(zip(shown, types, strict=False))
        if len(shown) != len(types):
            raise self._context.fault(node, f"{name} gives {len(types)} columns")
        relation = self._relation(node, alias or inner, inner, described, ())
        word = "LEFT JOIN" if node.args.get("outer") else "INNER JOIN"
        text = f"{sql} {word} LATERAL ({items}) AS {inner} ON TRUE"
        return text, self._with(scope, relation, node)

    def _exploded(
        self, node: exp.Expr, name: str, value: Value
    ) -> tuple[str, list[DataType | None]]:
        series = self._context.alias()
        place = f"{series}.p"
        if isinstance(value.type, ArrayType):
            items, count = [f"({value.sql})[{place}]"], f"len({value.sql})"
            types: list[DataType | None] = [value.type.element]
        elif isinstance(value.type, MapType):
            items = [f"map_keys({value.sql})[{place}]", f"map_values({value.sql})[{place}]"]
            types, count = [value.type.key, value.type.value], f"cardinality({value.sql})"
        else:
            raise self._context.fault(node, f"{name} of {value.type}; expected an array or a map")
        if name == "posexplode":
            items, types = [f"{place} - 1", *items], [BIGINT, *types]
        shown = ", ".join(f"{item} AS c{number}" for number, item in enumerate(items))
        numbers = f"SELECT unnest(generate_series(1, CAST({count} AS BIGINT))) AS p"
        return f"SELECT {shown} FROM ({numbers}) AS {series}", types


def _alias_of(context: Context, node: exp.Expr) -> tuple[str, list[str]]:
    alias = node.args.get("alias")
    if alias is None:
        return "", []
    only(context, alias, "this", "columns", what="AS")
    named = alias.args.get("this")
    return (named.name if named else ""), [
        column.name for column in alias.args.get("columns") or ()
    ]


def _joins_of(node: exp.Expr) -> Sequence[exp.Expr]:
    found: Sequence[exp.Expr] = node.args.get("joins") or ()
    return found


def _laterals_of(node: exp.Expr) -> Sequence[exp.Expr]:
    found: Sequence[exp.Expr] = node.args.get("laterals") or ()
    return found

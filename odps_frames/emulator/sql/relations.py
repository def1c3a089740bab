"""What stands after FROM: tables, queries, joins, lateral views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from odps_frames.emulator.sql.dialect import place_of
from odps_frames.emulator.sql.operators import comparable
from odps_frames.emulator.sql.scopes import Named, Relation, Scope, only
from odps_frames.emulator.sql.table_functions import rows_of
from odps_frames.emulator.sql.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from odps_frames.emulator.sql.bound import BoundQuery, Parts
    from odps_frames.emulator.sql.expressions import Binder
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
        sql, found = self._item(source.this)
        following = self._following(source.this, select)
        return self._all(sql, self._beside(scope, found, source.this), following)

    def _all(self, sql: str, scope: Scope, parts: Sequence[exp.Expr]) -> tuple[str, Scope]:
        for part in parts:
            add = self._join if isinstance(part, exp.Join) else self._lateral
            sql, scope = add(sql, scope, part)
        return sql, scope

    def _following(self, *nodes: exp.Expr) -> list[exp.Expr]:
        """Return joins and lateral views as they follow each other; sqlglot keeps them apart."""
        joins = [join for node in nodes for join in _joins_of(node)]
        laterals = [lateral for node in nodes for lateral in _laterals_of(node)]
        if not joins or not laterals:
            return [*joins, *laterals]
        placed = [(place_of(part, self._context.sql), part) for part in [*joins, *laterals]]
        if any(place is None for place, _ in placed):
            raise self._context.unsupported(nodes[0], "JOIN with LATERAL VIEW without any name")
        return [part for _, part in sorted(placed, key=lambda pair: pair[0].start)]  # type: ignore[union-attr]  # none is None

    def _beside(self, scope: Scope, found: Scope, node: exp.Expr) -> Scope:
        """Return a scope with the relations of another one beside its own."""
        known = {relation.alias.lower() for relation in scope.relations}
        for relation in found.relations:
            if relation.alias.lower() in known:
                message = f"relation {relation.alias} stands twice in FROM"
                raise self._context.fault(node, message)
        return scope.beside(found)

    def _item(self, node: exp.Expr) -> tuple[str, Scope]:
        if isinstance(node, exp.Table):
            if pivots := node.args.get("pivots"):
                word = "UNPIVOT" if pivots[0].args.get("unpivot") else "PIVOT"
                raise self._context.unsupported(node, word)
            if node.args.get("sample"):
                raise self._context.unsupported(node, "TABLESAMPLE")
            sql, relation = self._table(node)
        elif isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table):
            return self._brackets(node)
        elif isinstance(node, exp.Subquery | exp.Values):
            sql, relation = self._subquery(node)
        else:
            raise self._context.unsupported(node, f"{type(node).__name__} after FROM")
        return sql, Scope((relation,))

    def _brackets(self, node: exp.Expr) -> tuple[str, Scope]:
        """Bind joins in brackets, whose relations are known outside."""
        only(self._context, node, "this", "joins", "laterals", what="a join in brackets")
        sql, found = self._item(node.this)
        scope = self._beside(Scope(parent=self._parent), found, node.this)
        text, inside = self._all(sql, scope, self._following(node.this))
        return f"({text})", Scope(inside.relations, inside.merged)

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
        parts = ("this", "on", "side", "kind", "using", "method")
        only(self._context, join, *parts, what="JOIN")
        kind = (str(join.args.get("side") or ""), str(join.args.get("kind") or ""))
        word = _JOINS.get((kind[0].upper(), kind[1].upper()))
        method = str(join.args.get("method") or "").upper()
        if word is None or method not in ("", "NATURAL"):
            raise self._context.unsupported(join, f"{method} {' '.join(kind)}".strip() + " JOIN")
        text, found = self._inner(join.this)
        joined = self._beside(scope, found, join.this)
        condition, using = join.args.get("on"), join.args.get("using") or []
        if method:
            using = _natural(scope, found)
        if word == "CROSS JOIN" and condition is not None:
            word = "INNER JOIN"
        said = "TRUE"
        merged: tuple[Named, ...] = ()
        if using:
            names = [name if isinstance(name, str) else name.name for name in using]
            merged, said = self._using(join, names, (scope, found), word)
        elif condition is not None:
            said = self._binder(joined).condition(condition)
        elif word not in ("CROSS JOIN", "INNER JOIN") and not method:
            raise self._context.fault(join, f"{word} needs a condition")
        kept = scope if word in ("SEMI JOIN", "ANTI JOIN") else joined
        if merged and kept is joined:
            kept = joined.merging(merged)
        tail = "" if word == "CROSS JOIN" else f" ON {said}"
        return f"{sql} {word} {text}{tail}", kept

    def _inner(self, node: exp.Expr) -> tuple[str, Scope]:
        """Bind the right side of a join; joins that follow it come first, as its own."""
        text, found = self._item(node)
        following = self._following(node)
        if not following:
            return text, found
        inside = self._beside(Scope(parent=self._parent), found, node)
        text, inside = self._all(text, inside, following)
        return f"({text})", Scope(inside.relations, inside.merged)

    def _using(
        self, join: exp.Expr, names: Sequence[str], sides: tuple[Scope, Scope], word: str
    ) -> tuple[tuple[Named, ...], str]:
        merged, conditions = [], []
        for name in names:
            left, right = (
                [c for c in side.star() if c.name.lower() == name.lower()] for side in sides
            )
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
        if not isinstance(node.this, exp.Anonymous) or not node.args.get("view"):
            raise self._context.unsupported(node, "LATERAL VIEW of such a thing")
        rows = rows_of(self._binder(scope), node.this)
        inner = self._context.alias()
        alias, names = _alias_of(self._context, node)
        described = rows.named(self._context, node, names)
        relation = self._relation(node, alias or inner, inner, described, ())
        query = rows.query(self._context.alias(), outer=bool(node.args.get("outer")))
        columns = ", ".join(f"c{number}" for number in range(len(rows.columns)))
        text = f"{sql} INNER JOIN LATERAL ({query}) AS {inner}({columns}) ON TRUE"
        return text, self._beside(scope, Scope((relation,)), node)


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


def _natural(left: Scope, right: Scope) -> list[str]:
    """Return the names that columns of both sides have."""
    others = {column.name.lower() for column in right.star()}
    return [column.name for column in left.star() if column.name.lower() in others]

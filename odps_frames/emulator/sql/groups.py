"""GROUP BY: keys, and the sets of them that GROUPING SETS, CUBE and ROLLUP make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from odps_frames.emulator.sql.clauses import has_aggregate
from odps_frames.emulator.sql.operators import as_key
from odps_frames.emulator.sql.orders import GROUP_PLACES, place
from odps_frames.emulator.sql.scopes import only

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from odps_frames.emulator.sql.expressions import Binder

__all__ = ["Groups", "groups_of"]

_SETS: Mapping[type[exp.Expr], str] = {
    exp.Cube: "CUBE",
    exp.Rollup: "ROLLUP",
    exp.GroupingSets: "GROUPING SETS",
}


@dataclass(frozen=True, slots=True)
class Groups:
    """How rows are grouped."""

    keys: frozenset[str] | None = None
    """The texts of the keys; None where rows are not grouped."""
    sql: str = ""
    """What stands after GROUP BY."""


def groups_of(binder: Binder, select: exp.Select) -> Groups:
    """Bind GROUP BY; a SELECT with aggregates and without it has one group."""
    group = select.args.get("group")
    if group is None:
        parts = [*select.expressions, select.args.get("having")]
        grouped = any(part is not None and has_aggregate(part) for part in parts)
        return Groups(frozenset() if grouped else None)
    only(binder.context, group, "expressions", "rollup", "cube", what="GROUP BY")
    bound = _Bound(binder, select)
    items = [bound.item(item) for item in group.expressions]
    for clause, word in (("rollup", "ROLLUP"), ("cube", "CUBE")):
        if group.args.get(clause):
            items = [f"{word} ({', '.join(items)})"]  # GROUP BY … WITH ROLLUP
    return Groups(frozenset(bound.keys), ", ".join(items))


class _Bound:
    """Binds keys and keeps their texts."""

    def __init__(self, binder: Binder, select: exp.Select) -> None:
        self._binder = binder
        self._select = select
        self.keys: set[str] = set()

    def item(self, node: exp.Expr) -> str:
        word = _SETS.get(type(node))
        if word is None:
            return self._key(node)
        only(self._binder.context, node, "expressions", what=word)
        if not node.expressions:
            raise self._binder.context.fault(node, f"{word} without keys")
        return f"{word} ({', '.join(self._sets(word, node.expressions))})"

    def _sets(self, word: str, nodes: Iterable[exp.Expr]) -> Iterator[str]:
        for node in nodes:
            if type(node) in _SETS:
                what = f"{_SETS[type(node)]} inside {word}"
                raise self._binder.context.unsupported(node, what)
            if isinstance(node, exp.Tuple):
                yield f"({', '.join(self._key(key) for key in node.expressions)})"
            else:
                yield self._key(node)

    def _key(self, node: exp.Expr) -> str:
        value = self._binder.bind(self._meant(node))
        found = as_key(self._binder.context, node, value).sql
        self.keys.add(found)
        return found

    def _meant(self, node: exp.Expr) -> exp.Expr:
        """Return what a key stands for: a place or an alias of a column of SELECT, or itself."""
        while isinstance(node, exp.Paren):
            node = node.this
        items: list[exp.Expr] = self._select.expressions
        if isinstance(node, exp.Literal):
            number = place(self._binder.context, node, "GROUP BY", GROUP_PLACES, len(items))
            item = items[number]
            if item.is_star:
                raise self._binder.context.fault(node, "GROUP BY of the place of *")
            return _unaliased(item)
        if isinstance(node, exp.Column) and len(node.parts) == 1:
            lower = node.name.lower()
            if not self._binder.scope.columns(lower):
                for item in items:
                    if isinstance(item, exp.Alias) and item.alias.lower() == lower:
                        return _unaliased(item)
        return node


def _unaliased(item: exp.Expr) -> exp.Expr:
    found: exp.Expr = item.this if isinstance(item, exp.Alias) else item
    return found

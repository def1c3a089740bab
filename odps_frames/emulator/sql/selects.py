"""One SELECT with its clauses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from odps_frames.emulator.sql.bound import BoundQuery, Output
from odps_frames.emulator.sql.clauses import limits, unaliased
from odps_frames.emulator.sql.expressions import Binder
from odps_frames.emulator.sql.groups import groups_of
from odps_frames.emulator.sql.hints import check_query_hints
from odps_frames.emulator.sql.operators import as_key
from odps_frames.emulator.sql.orders import order_of
from odps_frames.emulator.sql.relations import Relations
from odps_frames.emulator.sql.scopes import Scope, only
from odps_frames.emulator.sql.stars import is_pattern, is_star, matching, star
from odps_frames.emulator.sql.table_functions import TABLE_FUNCTIONS, rows_of
from odps_frames.emulator.sql.values import Value
from odps_frames.emulator.sql.windows import named_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from odps_frames.emulator.sql.bound import Parts
    from odps_frames.emulator.sql.scopes import Context

__all__ = ["Select"]

_CLAUSES = (
    *("expressions", "from_", "joins", "laterals", "where", "group", "having", "distinct"),
    *("order", "limit", "offset", "with_", "hint", "qualify", "windows"),
    *("distribute", "sort", "cluster"),
)


class Select:
    """Binds one SELECT."""

    def __init__(
        self,
        context: Context,
        parts: Parts,
        query: Callable[[exp.Expr, Scope | None], BoundQuery],
        node: exp.Select,
        parent: Scope | None,
    ) -> None:
        self._context = context
        self._parts = parts
        self._query = query
        self._node = node
        self._parent = parent

    def bind(self) -> BoundQuery:
        """Return the query for DuckDB."""
        node, context = self._node, self._context
        only(context, node, *_CLAUSES, what="SELECT")
        check_query_hints(context, node)
        source, scope = Relations(
            context, self._parts, self._query, self._binder, self._parent
        ).bind(node)
        plain = self._binder(scope)
        clauses = [f"FROM {source}"] if source else []
        if where := node.args.get("where"):
            clauses.append(f"WHERE {plain.condition(where.this)}")
        made = self._rows_of_function(plain, " ".join(clauses))
        if made is not None:
            clauses, plain = [made[0]], self._binder(Scope(parent=self._parent))
        groups = groups_of(plain, node)
        binder = replace(
            plain, groups=groups.keys, aggregates=True, windows=named_windows(context, node)
        )
        outputs = made[1] if made else list(self._outputs(binder))
        if groups.sql:
            clauses.append(f"GROUP BY {groups.sql}")
        clauses += self._filters(binder)
        distinct = "DISTINCT " if self._distinct() else ""
        for output in outputs if distinct else ():
            as_key(context, node, output.value)
        order = order_of(binder, node, outputs, distinct=bool(distinct))
        shown = ", ".join(f"{output.value.sql} AS c{i}" for i, output in enumerate(outputs))
        body = " ".join([f"SELECT {distinct}{shown}", *clauses])
        columns = tuple((output.name, output.value.type) for output in outputs)
        return BoundQuery(body + order + limits(context, node), columns)

    def _binder(self, scope: Scope) -> Binder:
        return Binder(context=self._context, scope=scope, query=self._query)

    def _distinct(self) -> bool:
        distinct = self._node.args.get("distinct")
        if distinct is not None:
            only(self._context, distinct, what="DISTINCT")
        return distinct is not None

    def _rows_of_function(self, plain: Binder, rest: str) -> tuple[str, list[Output]] | None:
        """Bind a function that makes several rows of one, which stands alone in SELECT."""
        calls = [_call_of(item) for item in self._node.expressions]
        if not any(_is_table_function(call) for call in calls):
            return None
        (item, *more), call = self._node.expressions, calls[0]
        name = next(call.name.lower() for call in calls if _is_table_function(call))
        if more:
            message = f"function {name} stands alone in SELECT; use LATERAL VIEW for more columns"
            raise self._context.fault(self._node, message)
        for clause in ("group", "having", "qualify", "distribute", "sort", "cluster"):
            if self._node.args.get(clause) is not None:
                message = f"function {name} in SELECT with {clause.upper()}; use LATERAL VIEW"
                raise self._context.fault(self._node, message)
        rows = rows_of(plain, call)
        context = self._context
        alias = context.alias()
        names = rows.named(context, item, _aliases_of(item))
        outputs = [
            Output(shown, Value(f"{alias}.u.c{number}", type_))
            for number, (shown, type_) in enumerate(names)
        ]
        return f"FROM (SELECT unnest({rows.listed}) AS u {rest}) AS {alias}", outputs

    def _outputs(self, binder: Binder) -> Iterator[Output]:
        for number, item in enumerate(self._node.expressions):
            if is_star(item) or is_pattern(item):
                taken = star(binder, item) if is_star(item) else matching(binder, item)
                yield from (Output(column.name, column.value) for column in taken)
            elif isinstance(item, exp.Alias):
                if not isinstance(item.args.get("alias"), exp.Identifier):
                    raise self._context.unsupported(item, "such an alias")
                yield Output(item.alias, binder.bind(item.this))
            elif isinstance(item, exp.Aliases):
                what = f"{len(item.expressions)} aliases of one value"
                raise self._context.fault(
                    item, f"{what}; only functions of several columns take so"
                )
            else:
                name = item.name if isinstance(item, exp.Column | exp.Dot) else ""
                if isinstance(item, exp.Dot):
                    name = item.expression.name
                yield Output(name or f"_c{number}", binder.bind(item))

    def _filters(self, binder: Binder) -> Iterator[str]:
        if having := self._node.args.get("having"):
            if binder.groups is None:
                raise self._context.fault(having, "HAVING without groups")
            inner = replace(binder, windows=None)
            yield f"HAVING {inner.condition(unaliased(having.this, self._node, binder))}"
        if qualify := self._node.args.get("qualify"):
            condition = unaliased(qualify.this, self._node, binder)
            yield f"QUALIFY {binder.condition(condition)}"


def _call_of(item: exp.Expr) -> exp.Expr:
    return item.this if isinstance(item, exp.Alias | exp.Aliases) else item


def _is_table_function(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() in TABLE_FUNCTIONS


def _aliases_of(item: exp.Expr) -> Sequence[str]:
    if isinstance(item, exp.Aliases):
        return [alias.name for alias in item.expressions]
    return [item.alias] if isinstance(item, exp.Alias) else []

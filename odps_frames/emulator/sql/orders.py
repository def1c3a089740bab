"""ORDER BY, SORT BY and the places that they may name columns by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from odps_frames.emulator.sql.clauses import refuse_ambiguous, unaliased
from odps_frames.emulator.sql.operators import as_key
from odps_frames.emulator.sql.scopes import only

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odps_frames.emulator.sql.bound import Output
    from odps_frames.emulator.sql.expressions import Binder
    from odps_frames.emulator.sql.scopes import Context
    from odps_frames.emulator.sql.values import Value

__all__ = ["GROUP_PLACES", "ORDER_PLACES", "order_of", "ordering", "place"]

_BOTH_PLACES = "odps.sql.groupby.orderby.position.alias"
GROUP_PLACES = ("odps.sql.groupby.position.alias", _BOTH_PLACES)
"""With one of these, whole numbers in GROUP BY are places of the columns of SELECT."""
ORDER_PLACES = ("odps.sql.orderby.position.alias", _BOTH_PLACES)
_MUST_LIMIT = "odps.sql.validate.orderby.limit"


def ordering(context: Context, node: exp.Expr, sql: str) -> str:
    """Write one item of ORDER BY; NULL is smaller than everything."""
    only(context, node, "this", "desc", "nulls_first", what="ORDER BY")
    way = "DESC" if node.args.get("desc") else "ASC"
    nulls = "FIRST" if node.args.get("nulls_first") else "LAST"
    return f"{sql} {way} NULLS {nulls}"


def place(
    context: Context, node: exp.Expr, clause: str, settings: Sequence[str], count: int
) -> int:
    """Return the place, from 0, that a whole number in GROUP BY or ORDER BY names.

    Raises
    ------
    SqlFault
        Where no setting says that numbers are places, and for places that are not there.
    """
    if not any(context.on(name) for name in settings):
        what = f"{clause} of a place or a literal without the setting {settings[0]}=true"
        raise context.unsupported(node, what)
    text = "" if node.is_string else str(node.this)
    if not text.isdecimal() or not 1 <= int(text) <= count:
        message = f"{clause} of place {node.this}; expected 1 to {count}"
        raise context.fault(node, message)
    return int(text) - 1


def order_of(
    binder: Binder, select: exp.Select, outputs: Sequence[Output], *, distinct: bool
) -> str:
    """Write the order of a SELECT.

    SORT BY orders what each worker gives. Here one worker gives all rows, so that it orders them
    all; DISTRIBUTE BY, which deals rows to workers, then has nothing to do.
    """
    context = binder.context
    order, sort, dealt = (select.args.get(key) for key in ("order", "sort", "distribute"))
    cluster = select.args.get("cluster")
    if order is not None and (sort or dealt or cluster):
        raise context.fault(select, "ORDER BY beside DISTRIBUTE BY, SORT BY or CLUSTER BY")
    if cluster is not None and (sort or dealt):
        raise context.fault(select, "CLUSTER BY beside DISTRIBUTE BY or SORT BY")
    if order is not None and context.on(_MUST_LIMIT) and select.args.get("limit") is None:
        message = f"ORDER BY must be used with a LIMIT clause, as {_MUST_LIMIT}=true says"
        raise context.fault(order, message)
    if dealt is not None:
        only(context, dealt, "expressions", what="DISTRIBUTE BY")
        _keys(binder, select, outputs, dealt.expressions, distinct=distinct)
    clause = order or sort or cluster
    if clause is None:
        return ""
    only(context, clause, "expressions", what="ORDER BY")
    keys = _keys(binder, select, outputs, clause.expressions, distinct=distinct)
    return f" ORDER BY {', '.join(keys)}"


def _keys(
    binder: Binder,
    select: exp.Select,
    outputs: Sequence[Output],
    items: Sequence[exp.Expr],
    *,
    distinct: bool,
) -> list[str]:
    by_text = {output.value.sql: number for number, output in enumerate(outputs, 1)}
    keys = []
    for item in items:
        key = item if isinstance(item, exp.Ordered) else exp.Ordered(this=item, nulls_first=True)
        value = as_key(binder.context, item, _value(binder, select, outputs, key))
        shown = by_text.get(value.sql)
        if shown is None and distinct:
            message = "ORDER BY of SELECT DISTINCT takes its columns only"
            raise binder.context.fault(item, message)
        keys.append(ordering(binder.context, key, str(shown) if shown else value.sql))
    return keys


def _value(binder: Binder, select: exp.Select, outputs: Sequence[Output], item: exp.Expr) -> Value:
    key = item.this
    if isinstance(key, exp.Literal):
        number = place(binder.context, key, "ORDER BY", ORDER_PLACES, len(outputs))
        return outputs[number].value
    if isinstance(key, exp.Column) and len(key.parts) == 1:
        named = [output for output in outputs if output.name.lower() == key.name.lower()]
        if len({output.value.sql for output in named}) == 1:
            return named[0].value
    refuse_ambiguous(key, select, binder)
    return binder.bind(unaliased(key, select, binder))

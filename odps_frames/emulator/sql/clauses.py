"""Small parts of queries: aliases, aggregates, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from odps_frames.emulator.sql.aggregates import AGGREGATES, GROUPINGS
from odps_frames.emulator.sql.names import name_of
from odps_frames.emulator.sql.scopes import only

if TYPE_CHECKING:
    from odps_frames.emulator.sql.expressions import Binder
    from odps_frames.emulator.sql.scopes import Context

__all__ = ["has_aggregate", "limits", "refuse_ambiguous", "unaliased", "without_parts"]


def without_parts(node: exp.Expr) -> exp.Expr:
    """Return a query without its WITH."""
    bare: exp.Expr = node.copy()
    bare.set("with_", None)
    return bare


def unaliased(node: exp.Expr, select: exp.Select, binder: Binder) -> exp.Expr:
    """Put what an alias stands for in its place, where no column has that name."""
    aliases = {
        item.alias.lower(): item.this for item in select.expressions if isinstance(item, exp.Alias)
    }

    def resolved(part: exp.Expr) -> exp.Expr:
        if isinstance(part, exp.Column) and len(part.parts) == 1:
            meant = aliases.get(part.name.lower())
            if meant is not None and not binder.scope.columns(part.name):
                copied: exp.Expr = meant.copy()
                return copied
        return part

    found: exp.Expr = node.transform(resolved)
    return found


def refuse_ambiguous(key: exp.Expr, select: exp.Select, binder: Binder) -> None:
    """Refuse an expression of ORDER BY in which a name is an alias and another column as well.

    Raises
    ------
    SqlFault
        Naming it.
    """
    if isinstance(key, exp.Anonymous) and name_of(key) in AGGREGATES:
        return  # its columns are those of the rows
    if isinstance(key, exp.Column) and len(key.parts) == 1 and binder.scope.columns(key.name):
        for item in select.expressions:
            same = isinstance(item.this, exp.Column) and item.this.name.lower() == key.name.lower()
            if isinstance(item, exp.Alias) and item.alias.lower() == key.name.lower() and not same:
                what = f"ORDER BY of {key.name}, a column and an alias of something else,"
                raise binder.context.unsupported(key, what)
    for child in key.iter_expressions():
        refuse_ambiguous(child, select, binder)


def has_aggregate(node: exp.Expr) -> bool:
    """Whether an expression has a function of a group, itself and not in a query inside."""
    if isinstance(node, exp.Query):
        return False
    if isinstance(node, exp.Window):
        over = [*(node.args.get("partition_by") or ()), node.args.get("order")]
        function = node.find(exp.Anonymous)
        inside = [*(function.expressions if function else ()), *over]
        return any(has_aggregate(part) for part in inside if part is not None)
    if isinstance(node, exp.Anonymous) and name_of(node) in {*AGGREGATES, *GROUPINGS}:
        return True
    return any(has_aggregate(child) for child in node.iter_expressions())


def limits(context: Context, node: exp.Expr) -> str:
    """Write LIMIT and OFFSET."""
    text = ""
    for key, word in (("limit", "LIMIT"), ("offset", "OFFSET")):
        clause = node.args.get(key)
        if clause is None:
            continue
        only(context, clause, "expression", what=word)
        number = clause.expression
        if not isinstance(number, exp.Literal) or number.is_string or not number.this.isdecimal():
            raise context.fault(clause, f"{word} takes a whole number")
        text += f" {word} {int(number.this)}"
    return text

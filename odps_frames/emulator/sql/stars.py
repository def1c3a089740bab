"""The columns that SELECT takes by ``*``, and by patterns of their names."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from odps_frames.emulator.sql.scopes import Named, only

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from odps_frames.emulator.sql.expressions import Binder

__all__ = ["is_pattern", "is_star", "matching", "star"]

_PATTERN = re.compile(r"[\w()|?+*.\[\]^$-]+")
"""Signs that mean the same in the patterns of Java and Python."""


def is_star(node: exp.Expr) -> bool:
    """Whether an item of SELECT is ``*`` or ``t.*``."""
    return isinstance(node, exp.Star) or (
        isinstance(node, exp.Column) and isinstance(node.this, exp.Star)
    )


def is_pattern(node: exp.Expr) -> bool:
    """Whether an item of SELECT is a name in back-quotes that can only be a pattern."""
    if not isinstance(node, exp.Column) or not isinstance(node.this, exp.Identifier):
        return False
    return bool(node.this.args.get("quoted")) and re.fullmatch(r"\w+", node.name) is None


def star(binder: Binder, node: exp.Expr) -> Iterator[Named]:
    """Yield the columns of ``*``, without those of EXCEPT and with those of REPLACE."""
    context = binder.context
    found = node if isinstance(node, exp.Star) else node.this
    only(context, found, "except_", "replace", what="*")
    columns = _columns(binder, node)
    if not columns:
        raise context.fault(node, "* without FROM")
    names = {column.name.lower() for column in columns}
    left_out = {column.name.lower() for column in found.args.get("except_") or ()}
    others = {
        item.alias.lower(): binder.bind(item.this) for item in found.args.get("replace") or ()
    }
    for what, named in (("EXCEPT", left_out), ("REPLACE", set(others))):
        if missing := named - names:
            message = f"column {min(missing)} of {what} cannot be resolved"
            raise context.fault(node, message)
    for column in columns:
        lower = column.name.lower()
        if lower in left_out:
            continue
        if lower in others:
            yield replace(column, value=others[lower])
            continue
        yield _of_group(binder, node, column)


def matching(binder: Binder, node: exp.Expr) -> Iterator[Named]:
    """Yield the columns whose whole names a pattern matches.

    Raises
    ------
    SqlFault
        For signs that other readers of patterns take otherwise, and where no name matches.
    """
    context, text = binder.context, node.name
    if _PATTERN.fullmatch(text) is None:
        raise context.unsupported(node, f"the pattern of columns `{text}`")
    try:
        pattern = re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise context.fault(node, f"`{text}` is no pattern of columns: {error}") from None
    found = [column for column in _columns(binder, node) if pattern.fullmatch(column.name)]
    if not found:
        raise context.fault(node, f"no column matches the pattern `{text}`")
    for column in found:
        yield _of_group(binder, node, column)


def _columns(binder: Binder, node: exp.Expr) -> Sequence[Named]:
    if not isinstance(node, exp.Column) or len(node.parts) == 1:
        return list(binder.scope.star())
    name = node.parts[-2].name
    relation = binder.scope.relation(name)
    if relation is None:
        raise binder.context.fault(node, f"relation {name} cannot be resolved")
    return relation.columns


def _of_group(binder: Binder, node: exp.Expr, column: Named) -> Named:
    if binder.groups is not None and column.value.sql not in binder.groups:
        message = f"column {column.name} is neither a key of GROUP BY nor inside an aggregate"
        raise binder.context.fault(node, message)
    return column

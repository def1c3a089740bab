"""Hints in a query, ``/*+ … */``: they say how to carry it out, never what it means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp

    from odps_frames.emulator.sql.scopes import Context

__all__ = ["check_query_hints"]

_KNOWN = frozenset({"mapjoin", "skewjoin", "distmapjoin", "broadcast", "dynamicfilter"})


def check_query_hints(context: Context, select: exp.Expr) -> None:
    """Refuse hints that nobody knows.

    Raises
    ------
    SqlFault
        Naming the hint.
    """
    hint = select.args.get("hint")
    for item in hint.expressions if hint else ():
        for name in _names(item if isinstance(item, str) else item.sql()):
            if name.lower() not in _KNOWN:
                raise context.unsupported(select, f"hint {name}")


def _names(text: str) -> list[str]:
    """Return the words of a text that stand in no bracket."""
    outside, depth = [], 0
    for sign in text:
        depth += (sign == "(") - (sign == ")")
        outside.append(sign if depth == 0 else " ")
    return re.findall(r"\w+", "".join(outside).replace(")", " "))

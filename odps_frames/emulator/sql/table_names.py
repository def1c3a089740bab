"""Names of tables in statements, filled up with what the session says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.model.table import TableRef

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["NAMESPACES", "ref_of"]

NAMESPACES = "odps.namespace.schema"
"""Where this is true, two parts of a name are schema and table."""


def ref_of(parts: Sequence[str], project: str, hints: Mapping[str, str]) -> TableRef:
    """Fill up a name of one to three parts.

    Raises
    ------
    ValueError
        For what cannot be the name of a table.
    """
    match [*parts]:
        case [table]:
            return TableRef(project.lower(), table, hints.get("odps.default.schema"))
        case [owner, table] if hints.get(NAMESPACES, "").lower() == "true":
            return TableRef(project.lower(), table, owner)
        case [owner, table]:
            return TableRef(owner, table)
        case [owner, schema, table]:
            return TableRef(owner, table, schema)
        case _:
            msg = f"{'.'.join(parts)!r} is not the name of a table"
            raise ValueError(msg)

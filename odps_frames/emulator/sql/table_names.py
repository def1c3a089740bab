"""What the settings of a statement decide: full names of tables, the time zone."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from odps_frames.emulator.sql.tokens import SqlFault
from odps_frames.model.table import TableRef

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["NAMESPACES", "PROJECT_ZONE", "ref_of", "zone_of"]

NAMESPACES = "odps.namespace.schema"
"""Where this is true, two parts of a name are schema and table."""


PROJECT_ZONE = "Asia/Shanghai"
"""The zone of statements that name none, as in projects of most regions."""


def zone_of(hints: Mapping[str, str]) -> str:
    """Return the time zone of a statement.

    Raises
    ------
    SqlFault
        For one that nobody knows.
    """
    name = hints.get("odps.sql.timezone") or PROJECT_ZONE
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        message = f"Semantic analysis exception - odps.sql.timezone={name!r} is no time zone"
        raise SqlFault("ODPS-0130071", message) from None
    return name


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

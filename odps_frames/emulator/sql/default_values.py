"""What stands in columns that a statement leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.tokens import TokenKind, tokens_of
from odps_frames.emulator.sql.values import NULL, Value, engine_type, text_literal

if TYPE_CHECKING:
    from odps_frames.emulator.catalog.tables import StoredColumn

__all__ = ["default_value"]


def default_value(stored: StoredColumn) -> Value:
    """Return the literal of a column's DEFAULT, in its type; without one, NULL."""
    said, type_ = stored.default, stored.column.type
    if said in (None, "NULL"):
        return NULL
    first, *_ = tokens_of(said)
    text = first.value if first.kind is TokenKind.TEXT else said
    return Value(f"CAST({text_literal(text)} AS {engine_type(type_)})", type_)

"""What DEFAULT may say of a column."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from odps_frames.emulator.sql.tokens import TokenKind, tokens_of
from odps_frames.model.types import CharType, DecimalType, Kind, PrimitiveType, VarcharType

if TYPE_CHECKING:
    from odps_frames.model.schema import Column

__all__ = ["default_fault"]

_BITS = {Kind.TINYINT: 8, Kind.SMALLINT: 16, Kind.INT: 32, Kind.BIGINT: 64}
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")


def default_fault(column: Column, text: str) -> str | None:
    """Say what is wrong with a literal as the default of a column; None where nothing is."""
    if text == "NULL":
        return None if column.nullable else f"DEFAULT NULL of column {column.name}, NOT NULL"
    if not _fits(column, text):
        return (
            f"DEFAULT {text} of column {column.name} of type {column.type} is not supported here; "
            "expected a literal of that type"
        )
    return None


def _fits(column: Column, text: str) -> bool:
    number = _NUMBER.fullmatch(text) is not None
    match column.type:
        case PrimitiveType(kind=kind) if kind in _BITS:
            limit = 1 << _BITS[kind] - 1
            return number and "." not in text and -limit <= int(text) < limit
        case PrimitiveType(kind=Kind.DOUBLE | Kind.FLOAT):
            return number
        case PrimitiveType(kind=Kind.BOOLEAN):
            return text in ("TRUE", "FALSE")
        case PrimitiveType(kind=Kind.STRING):
            return _text(text) is not None
        case CharType(length=length) | VarcharType(length=length):
            found = _text(text)
            return found is not None and len(found) <= length
        case DecimalType(precision=precision, scale=scale):
            return number and _digits(text, precision, scale)
        case _:
            return False


def _text(text: str) -> str | None:
    first, *_ = tokens_of(text)
    return first.value if first.kind is TokenKind.TEXT else None


def _digits(text: str, precision: int, scale: int) -> bool:
    whole, _, fraction = text.lstrip("+-").partition(".")
    fits = len(whole.lstrip("0")) <= precision - scale and len(fraction.rstrip("0")) <= scale
    return fits and Decimal(text).is_finite()

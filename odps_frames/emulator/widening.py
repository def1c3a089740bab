"""Columns whose type was changed: which changes keep every value, and old files read anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.convert.arrow import arrow_type
from odps_frames.model.types import DecimalType, Kind, PrimitiveType, VarcharType

if TYPE_CHECKING:
    from odps_frames.convert.untyped import AnyArray
    from odps_frames.model.types import DataType

__all__ = ["as_declared", "can_widen"]

_DIGITS = {Kind.TINYINT: 3, Kind.SMALLINT: 5, Kind.INT: 10, Kind.BIGINT: 19}
_WIDER = {
    Kind.TINYINT: {Kind.SMALLINT, Kind.INT, Kind.BIGINT, Kind.FLOAT, Kind.DOUBLE, Kind.STRING},
    Kind.SMALLINT: {Kind.INT, Kind.BIGINT, Kind.FLOAT, Kind.DOUBLE, Kind.STRING},
    Kind.INT: {Kind.BIGINT, Kind.DOUBLE, Kind.STRING},
    Kind.BIGINT: {Kind.STRING},
    Kind.FLOAT: {Kind.DOUBLE},
}


def can_widen(old: DataType, new: DataType) -> bool:
    """Whether every value of a type is one of another type too, without any change."""
    match old, new:
        case _ if old == new:
            return True
        case PrimitiveType(kind=one), PrimitiveType(kind=other):
            return other in _WIDER.get(one, set())
        case PrimitiveType(kind=kind), DecimalType(precision=precision, scale=scale):
            return precision - scale >= _DIGITS.get(kind, precision + 1)
        case DecimalType(), DecimalType():
            whole = new.precision - new.scale >= old.precision - old.scale
            return whole and new.scale >= old.scale
        case VarcharType(), VarcharType():
            return new.length >= old.length
        case VarcharType(), PrimitiveType(kind=Kind.STRING):
            return True
        case _:
            return False


def as_declared(array: AnyArray, type_: DataType) -> AnyArray:
    """Give a kept column of an old file the type that its column has now."""
    kept = array.type
    numbers = pa.types.is_integer(kept) or pa.types.is_floating(kept) or pa.types.is_decimal(kept)
    if not numbers or not isinstance(type_, PrimitiveType | DecimalType):
        return array
    target = arrow_type(type_)
    return array if kept.equals(target) else array.cast(target)

"""Casts to whole numbers, floats and decimals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.convert.cast import Cast, NeverFitsError, checked, keep
from odps_frames.convert.misfit import attempt, require
from odps_frames.convert.untyped import pc

if TYPE_CHECKING:
    from odps_frames.convert.untyped import AnyArray, AnyType

__all__ = ["to_decimal", "to_float", "to_integer"]

_MAX_DIGITS = 76
_INT_DIGITS = 20
"""Of the longest uint64."""


def to_integer(source: AnyType, target: AnyType) -> Cast:
    """Cast to a signed integer: whole numbers within its range."""
    bits = target.bit_width
    why = f"it holds the whole numbers from {-(2 ** (bits - 1))} to {2 ** (bits - 1) - 1}"
    if source == target:
        return Cast(target, keep)
    if pa.types.is_integer(source) or pa.types.is_decimal(source):
        return checked(target, why)
    if pa.types.is_floating(source):
        return Cast(target, lambda array: _float_to_integer(array, target, why))
    raise NeverFitsError("cast it to whole numbers first")


def to_float(source: AnyType, target: AnyType) -> Cast:
    """Cast to a float: numbers that it holds exactly."""
    if source == target:
        return Cast(target, keep)
    if pa.types.is_floating(source):
        if source.bit_width < target.bit_width:
            return Cast(target, lambda array: array.cast(target))
        return Cast(target, lambda array: _narrow_float(array, target))
    if pa.types.is_integer(source):
        return Cast(target, lambda array: _integer_to_float(array, target))
    raise NeverFitsError("cast it to floats first")


def to_decimal(source: AnyType, target: AnyType) -> Cast:
    """Cast to a decimal: numbers with no more digits than it has, on either side of the point.

    A float stands for the digits that it prints as: 0.1 is one tenth.
    """
    why = (
        f"it holds {target.precision - target.scale} digits before the point "
        f"and {target.scale} behind it"
    )
    if source == target:
        return Cast(target, keep)
    if pa.types.is_integer(source):
        middle = pa.decimal256(min(_INT_DIGITS + target.scale, _MAX_DIGITS), target.scale)
        return _in_steps(middle, target, why)
    if pa.types.is_decimal(source):
        return Cast(target, lambda array: _rescale(array, target, why))
    if pa.types.is_floating(source):
        return Cast(target, lambda array: _float_to_decimal(array, target, why))
    raise NeverFitsError("cast it to numbers first")


def _in_steps(middle: AnyType, target: AnyType, why: str) -> Cast:
    def convert(some: AnyArray) -> AnyArray:
        return some.cast(middle).cast(target)

    return Cast(target, lambda array: attempt(array, convert, why))


def _rescale(array: AnyArray, target: AnyType, why: str) -> AnyArray:
    # In 128 bits Arrow overflows in silence where digits behind the point are added, and where
    # bits are dropped at once it refuses values that fit (pyarrow 26): so by way of 256 bits.
    middle = pa.decimal256(_MAX_DIGITS, target.scale)
    back = pa.decimal256(_MAX_DIGITS, array.type.scale)

    def convert(some: AnyArray) -> AnyArray:
        wide = some.cast(middle)
        if pa.types.is_decimal256(some.type) and not wide.cast(back).equals(some.cast(back)):
            raise OverflowError(why)
        return wide.cast(target)

    return attempt(array, convert, why)


def _float_to_decimal(array: AnyArray, target: AnyType, why: str) -> AnyArray:
    size = pc.abs(array.cast(pa.float64()))
    # Arrow reads "5e-233" as a decimal of 0 and does not complain (pyarrow 26).
    high, low = 10.0 ** (target.precision - target.scale), 10.0**-target.scale
    within = pc.and_(pc.less(size, high), pc.greater_equal(size, low))
    require(array, pc.or_(within, pc.equal(size, 0.0)), why)
    return attempt(array, lambda some: some.cast(pa.string()).cast(target), why)


def _float_to_integer(array: AnyArray, target: AnyType, why: str) -> AnyArray:
    wide = array.cast(pa.float64())
    limit = 2.0 ** (target.bit_width - 1)
    # Arrow compares a cast there and back, which an int64 end passes on some processors.
    fits = pc.and_(pc.greater_equal(wide, -limit), pc.less(wide, limit))
    require(array, pc.and_(fits, pc.equal(pc.floor(wide), wide)), why)
    return wide.cast(target)


def _narrow_float(array: AnyArray, target: AnyType) -> AnyArray:
    narrow = array.cast(target, safe=False)
    same = pc.or_(pc.equal(narrow.cast(array.type), array), pc.is_nan(array))
    require(array, same, f"{target} cannot hold it exactly; round with astype('float32') first")
    return narrow


def _integer_to_float(array: AnyArray, target: AnyType) -> AnyArray:
    cast = array.cast(target, safe=False)
    end = 2.0 ** (array.type.bit_width - (1 if pa.types.is_signed_integer(array.type) else 0))
    inside = pc.less(cast, pa.scalar(end, target))
    back = pc.if_else(inside, cast, pa.scalar(0, target)).cast(array.type, safe=False)
    require(array, pc.and_(inside, pc.equal(back, array)), f"{target} cannot hold it exactly")
    return cast

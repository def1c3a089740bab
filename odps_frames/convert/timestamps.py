"""Times: their units, the range of MaxCompute's calendar, and the {sec, nano} pairs of the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.convert.misfit import attempt, require
from odps_frames.convert.untyped import pc

if TYPE_CHECKING:
    from typing import Literal

    from odps_frames.convert.untyped import AnyArray, AnyType

    Unit = Literal["s", "ms", "us", "ns"]

__all__ = [
    "PAIR",
    "check_calendar",
    "duration_to_pair",
    "is_pair",
    "pair_to_duration",
    "pair_to_timestamp",
    "rescale",
]

PAIR = pa.struct([pa.field("sec", pa.int64()), pa.field("nano", pa.int32())])
"""A time, or an interval, in seconds and nanoseconds (protocol.md §12, §13.2)."""

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_NANOS = 10**9
_FIRST_SECOND = -62_135_596_800  # 0001-01-01T00:00:00
_END_SECOND = 253_402_300_800  # 10000-01-01T00:00:00
_FIRST_DAY = -719_162
_LAST_DAY = 2_932_896
_INT64_MIN = -(2**63)
_INT64_MAX = 2**63 - 1


def is_pair(type_: AnyType) -> bool:
    """Tell whether a type is the {sec, nano} struct of the wire."""
    return (
        pa.types.is_struct(type_)
        and type_.num_fields == len(PAIR)
        and [(type_.field(i).name, type_.field(i).type) for i in range(2)]
        == [("sec", pa.int64()), ("nano", pa.int32())]
    )


def pair_to_timestamp(array: AnyArray, unit: Unit) -> AnyArray:
    """Turn {sec, nano} pairs into times of ``unit``, exactly.

    Raises
    ------
    Misfit
        For a pair that the unit cannot hold.
    """
    return _join(array, unit).view(pa.timestamp(unit))


def pair_to_duration(array: AnyArray) -> AnyArray:
    """Turn {sec, nano} pairs into durations in nanoseconds, exactly.

    Raises
    ------
    Misfit
        For an interval of more than 292 years.
    """
    return _join(array, "ns").view(pa.duration("ns"))


def duration_to_pair(array: AnyArray) -> AnyArray:
    """Turn durations of any unit into {sec, nano} pairs with ``0 <= nano < 10**9``."""
    per_second = _PER_SECOND[array.type.unit]
    ticks = array.view(pa.int64())
    seconds, rest = _floor_divide(ticks, per_second)
    nanos = pc.multiply(rest, _NANOS // per_second).cast(pa.int32())
    mask = array.is_null() if array.null_count else None
    return pa.StructArray.from_arrays([seconds, nanos], fields=list(PAIR), mask=mask)


def rescale(array: AnyArray, unit: Unit) -> AnyArray:
    """Give times another unit, exactly; the result has no zone, its numbers are UTC.

    Raises
    ------
    Misfit
        For a time that the unit cannot hold.
    """
    plain = array.view(pa.timestamp(array.type.unit))
    if array.type.unit == unit:
        return plain
    coarser = _PER_SECOND[unit] < _PER_SECOND[array.type.unit]
    why = f"it has digits finer than {unit!r}" if coarser else f"{unit!r} cannot count that far"
    return attempt(plain, lambda some: some.cast(pa.timestamp(unit)), why)


def check_calendar(array: AnyArray) -> None:
    """Check dates or times against MaxCompute's calendar.

    Raises
    ------
    Misfit
        For the first value outside the years 1 to 9999.
    """
    why = "MaxCompute's calendar runs from 0001-01-01 to 9999-12-31"
    if pa.types.is_date32(array.type):
        _require_between(array, array.view(pa.int32()), (_FIRST_DAY, _LAST_DAY), why)
    elif array.type.unit != "ns":  # int64 nanoseconds end long before the calendar does
        per_second = _PER_SECOND[array.type.unit]
        limits = _FIRST_SECOND * per_second, _END_SECOND * per_second - 1
        _require_between(array, array.view(pa.int64()), limits, why)


def _require_between(array: AnyArray, numbers: AnyArray, limits: tuple[int, int], why: str) -> None:
    least, most = limits
    extremes = pc.min_max(numbers)
    if extremes["min"].is_valid and not (
        least <= extremes["min"].as_py() and extremes["max"].as_py() <= most
    ):
        inside = pc.and_(pc.greater_equal(numbers, least), pc.less_equal(numbers, most))
        require(array, inside, why)


def _join(array: AnyArray, unit: Unit) -> AnyArray:
    """Add up seconds and nanoseconds in int64 ticks of ``unit``."""
    per_second = _PER_SECOND[unit]
    seconds, nanos = array.flatten()
    if seconds.null_count != array.null_count or nanos.null_count != array.null_count:
        require(array, pc.equal(seconds.is_null(), nanos.is_null()), "half of the pair is missing")
    carry, sub = _floor_divide(nanos.cast(pa.int64()), _NANOS)
    within = pc.or_(pc.equal(carry, 0), pc.equal(carry, -1))
    require(array, within, "nano must be less than 10**9 in size")
    seconds = pc.add(seconds, carry)
    if per_second != _NANOS:
        sub, rest = _floor_divide(sub, _NANOS // per_second)
        require(array, pc.equal(rest, 0), f"it has digits finer than {unit!r}")
    # Least and greatest instants by their parts, so that no step can overflow.
    low, low_sub = divmod(_INT64_MIN, per_second)
    high, high_sub = divmod(_INT64_MAX, per_second)
    above = pc.or_(
        pc.greater(seconds, low),
        pc.and_(pc.equal(seconds, low), pc.greater_equal(sub, low_sub)),
    )
    below = pc.or_(
        pc.less(seconds, high),
        pc.and_(pc.equal(seconds, high), pc.less_equal(sub, high_sub)),
    )
    require(array, pc.and_(above, below), f"{unit!r} cannot count that far")
    # The product alone may pass the least int64 while the sum does not; int64 wraps, and back.
    return pc.add(pc.multiply(seconds, per_second), sub)


def _floor_divide(numbers: AnyArray, by: int) -> tuple[AnyArray, AnyArray]:
    """Quotient and remainder as Python's ``divmod`` has them (Arrow's ``divide`` truncates)."""
    quotient = pc.divide(numbers, by)
    rest = pc.subtract(numbers, pc.multiply(quotient, by))
    negative = pc.less(rest, 0)
    return (
        pc.if_else(negative, pc.subtract(quotient, 1), quotient),
        pc.if_else(negative, pc.add(rest, by), rest),
    )

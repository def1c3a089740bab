"""Times as the service keeps them: without loss, whatever unit they came in.

A file keeps TIMESTAMP and TIMESTAMP_NTZ in nanoseconds where all its values fit into int64, else
as pairs of seconds and nanoseconds; DATETIME is always in milliseconds.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.convert.misfit import Misfit, require
from odps_frames.convert.nested import rebuild_struct
from odps_frames.convert.timestamps import (
    PAIR,
    check_calendar,
    duration_to_pair,
    is_pair,
    pair_to_timestamp,
    rescale,
)
from odps_frames.convert.untyped import pc
from odps_frames.emulator.facts import UNITS, TimeFact
from odps_frames.model.read import TimeUnit
from odps_frames.model.types import Kind, PrimitiveType

if TYPE_CHECKING:
    from odps_frames.convert.untyped import AnyArray, AnyType
    from odps_frames.model.types import DataType

__all__ = [
    "is_instant",
    "is_time",
    "keep_instants",
    "keep_milliseconds",
    "keep_pairs",
    "time_fact",
    "to_unit",
]

_INSTANTS = (PrimitiveType(Kind.TIMESTAMP), PrimitiveType(Kind.TIMESTAMP_NTZ))
_DATETIME = PrimitiveType(Kind.DATETIME)

_FIRST_SECOND = -62_135_596_800  # 0001-01-01T00:00:00
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59
_NANOS = 10**9
_SAFE_SECONDS = (-9_223_372_036, 9_223_372_035)
"""Between these every nanosecond fits into int64."""
_TIMES: dict[TimeUnit, AnyType] = {
    TimeUnit.SECOND: pa.timestamp("s"),
    TimeUnit.MILLI: pa.timestamp("ms"),
    TimeUnit.MICRO: pa.timestamp("us"),
}
_SAFE_MILLISECONDS = (-9_223_372_036_854, 9_223_372_036_854)
_NANOS_IN = {TimeUnit.MILLI: 10**6, TimeUnit.MICRO: 10**3, TimeUnit.SECOND: _NANOS}


def is_time(type_: DataType) -> bool:
    """Whether values of a type travel in a unit that the reader chooses."""
    return type_ == _DATETIME or type_ in _INSTANTS


def is_instant(type_: DataType) -> bool:
    """Whether a type is TIMESTAMP or TIMESTAMP_NTZ, whose values may be pairs."""
    return type_ in _INSTANTS


def keep_milliseconds(array: AnyArray) -> AnyArray:
    """Make a DATETIME of times in any unit, or of pairs.

    Raises
    ------
    Misfit
        For a value that is finer than a millisecond, or of no calendar.
    """
    if is_pair(array.type):
        _check_pairs(array)
        array = pair_to_timestamp(array, "ms")
    check_calendar(array)
    return rescale(array, "ms")


def keep_instants(array: AnyArray, *, as_pairs: bool) -> AnyArray:
    """Make times in nanoseconds where all fit and pairs are not asked for, else pairs.

    Raises
    ------
    Misfit
        For a value of no calendar.
    """
    if is_pair(array.type):
        _check_pairs(array)
        if not as_pairs:
            with contextlib.suppress(Misfit):
                return pair_to_timestamp(array, "ns")
        return keep_pairs(array)
    check_calendar(array)
    plain = array.view(pa.timestamp(array.type.unit))
    if not as_pairs:
        with contextlib.suppress(pa.ArrowInvalid):
            return plain.cast(pa.timestamp("ns"))
    return _pairs(plain)


def keep_pairs(array: AnyArray) -> AnyArray:
    """Make the members of NULL pairs NULL, whatever lay there.

    pyodps reads pairs by their members alone, and would find a time in place of a NULL.
    """
    return rebuild_struct(array, [(0, _as_it_is), (1, _as_it_is)], PAIR)


def to_unit(array: AnyArray, target: AnyType) -> AnyArray:
    """Give kept times the form in which they travel.

    Raises
    ------
    Misfit, ArrowInvalid
        For a value that the unit cannot hold; the facts of the file tell beforehand.
    """
    if array.type.equals(target):
        return array
    if is_pair(target):
        return _pairs(array)
    if is_pair(array.type):
        return pair_to_timestamp(array, target.unit)
    return array.cast(target)


def time_fact(array: AnyArray, known: TimeFact) -> TimeFact:
    """Tell what these times need, together with what is known of those before them."""
    if is_pair(array.type):
        return known | TimeFact(_coarsest_of_pairs(array), _pairs_fit(array))
    return TimeFact(_coarsest_of_times(array, known.coarsest), _times_fit(array, known))


def _as_it_is(member: AnyArray) -> AnyArray:
    return member


def _pairs(times: AnyArray) -> AnyArray:
    return duration_to_pair(times.view(pa.duration(times.type.unit)))


def _check_pairs(array: AnyArray) -> None:
    seconds, nanos = array.flatten()
    if seconds.null_count != array.null_count or nanos.null_count != array.null_count:
        require(array, pc.equal(seconds.is_null(), nanos.is_null()), "half of the pair is missing")
    whole = pc.and_(pc.greater_equal(nanos, 0), pc.less(nanos, _NANOS))
    require(array, whole, "nano must be from 0 to 999999999")
    inside = pc.and_(pc.greater_equal(seconds, _FIRST_SECOND), pc.less_equal(seconds, _LAST_SECOND))
    require(array, inside, "MaxCompute's calendar runs from 0001-01-01 to 9999-12-31")


def _coarsest_of_pairs(array: AnyArray) -> TimeUnit:
    _, nanos = array.flatten()
    for unit in UNITS[:-1]:
        step = _NANOS_IN[unit]
        whole = pc.equal(pc.multiply(pc.divide(nanos, step), step), nanos)
        if pc.all(whole, min_count=0).as_py():
            return unit
    return TimeUnit.NANO


def _pairs_fit(array: AnyArray) -> bool:
    seconds, _ = array.flatten()
    if _between(seconds, _SAFE_SECONDS):
        return True
    try:
        pair_to_timestamp(array, "ns")
    except Misfit:
        return False
    return True


def _coarsest_of_times(array: AnyArray, known: TimeUnit) -> TimeUnit:
    own = TimeUnit.of(array.type.unit)
    for unit in UNITS[UNITS.index(known) :]:
        if UNITS.index(unit) >= UNITS.index(own):
            return unit
        with contextlib.suppress(pa.ArrowInvalid):
            array.cast(_TIMES[unit])
            return unit
    return own


def _times_fit(array: AnyArray, known: TimeFact) -> bool:
    if array.type.unit == "ns" or not known.fits_nanoseconds:
        return known.fits_nanoseconds
    return _between(array.view(pa.int64()), _SAFE_MILLISECONDS)


def _between(numbers: AnyArray, limits: tuple[int, int]) -> bool:
    extremes = pc.min_max(numbers)
    least, most = extremes["min"].as_py(), extremes["max"].as_py()
    return least is None or (limits[0] <= least and most <= limits[1])

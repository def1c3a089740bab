"""Casts to dates, times and intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.convert.cast import Cast, NeverFitsError
from odps_frames.convert.misfit import attempt, require
from odps_frames.convert.timestamps import (
    PAIR,
    check_calendar,
    duration_to_pair,
    is_pair,
    rescale,
)
from odps_frames.convert.untyped import pc
from odps_frames.convert.zones import to_utc

if TYPE_CHECKING:
    from odps_frames.convert.timestamps import Unit
    from odps_frames.convert.untyped import AnyArray, AnyType

__all__ = ["timestamp_unit", "to_date", "to_instant", "to_interval", "to_local_time"]

_DAY = {"s": 86_400, "ms": 86_400 * 10**3, "us": 86_400 * 10**6, "ns": 86_400 * 10**9}


def timestamp_unit(source: AnyType) -> Unit:
    """Unit in which a TIMESTAMP is sent: that of the data where it is ns, else us.

    All batches then have one type, and no time of the calendar is refused but those that the
    data itself could not hold.
    """
    return "ns" if pa.types.is_timestamp(source) and source.unit == "ns" else "us"


def to_instant(source: AnyType, unit: Unit, tz: str) -> Cast:
    """Cast to DATETIME or TIMESTAMP, an instant; a time without a zone is read in ``tz``."""
    if not pa.types.is_timestamp(source):
        raise NeverFitsError("cast it to times first, with pandas.to_datetime")

    def convert(array: AnyArray) -> AnyArray:
        if array.type.tz is None:
            array = to_utc(array, tz)
        return _in_calendar(rescale(array, unit))

    return Cast(pa.timestamp(unit), convert)


def to_local_time(source: AnyType, unit: Unit) -> Cast:
    """Cast to TIMESTAMP_NTZ, a time on the wall, wherever that is."""
    if not pa.types.is_timestamp(source):
        raise NeverFitsError("cast it to times first, with pandas.to_datetime")
    if source.tz is not None:
        raise NeverFitsError("drop the zone first, with .dt.tz_localize(None)")
    return Cast(pa.timestamp(unit), lambda array: _in_calendar(rescale(array, unit)))


def to_date(source: AnyType) -> Cast:
    """Cast to DATE: dates, and times without a zone at midnight."""
    if pa.types.is_date32(source):
        return Cast(source, _in_calendar)
    if pa.types.is_timestamp(source) and source.tz is not None:
        raise NeverFitsError("drop the zone first, with .dt.tz_localize(None)")
    if pa.types.is_date64(source) or pa.types.is_timestamp(source):
        return Cast(pa.date32(), _midnight_to_date)
    raise NeverFitsError("cast it to dates first, with pandas.to_datetime")


def to_interval(source: AnyType) -> Cast:
    """Cast to INTERVAL_DAY_TIME, which travels as {sec, nano} (protocol.md §13.2)."""
    if pa.types.is_duration(source):
        return Cast(PAIR, duration_to_pair)
    if is_pair(source):
        return Cast(PAIR, _checked_pair)
    raise NeverFitsError("cast it to durations first, with pandas.to_timedelta")


def _in_calendar(array: AnyArray) -> AnyArray:
    check_calendar(array)
    return array


def _midnight_to_date(array: AnyArray) -> AnyArray:
    unit = "ms" if pa.types.is_date64(array.type) else array.type.unit
    ticks = array.view(pa.int64())
    days = pc.divide(ticks, _DAY[unit])
    require(array, pc.equal(pc.multiply(days, _DAY[unit]), ticks), "it has a time of day")
    whole = attempt(days, lambda some: some.cast(pa.int32()), "it is out of all calendars")
    return _in_calendar(whole.view(pa.date32()))


def _checked_pair(array: AnyArray) -> AnyArray:
    nanos = array.flatten()[1]
    inside = pc.and_(pc.greater_equal(nanos, 0), pc.less(nanos, 10**9))
    require(array, inside, "nano must be at least 0 and less than 10**9")
    return array

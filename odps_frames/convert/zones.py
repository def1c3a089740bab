"""Time zones: which are known, what is shown in one, and local times read in one."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from odps_frames.convert.misfit import Misfit, require, show
from odps_frames.convert.timestamps import check_calendar
from odps_frames.convert.untyped import pc
from odps_frames.errors import ConfigError
from odps_frames.model.types import (
    ArrayType,
    Kind,
    MapType,
    PrimitiveType,
    StructType,
    VectorType,
)

if TYPE_CHECKING:
    from odps_frames.convert.untyped import AnyArray, AnyType
    from odps_frames.model.types import DataType

__all__ = ["check_zone", "to_utc", "zoned_type"]

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY_SECONDS = 86_400
_INT64_MAX = 2**63 - 1
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001  counts local time


def check_zone(tz: str) -> None:
    """Check that a time zone is known.

    Raises
    ------
    ConfigError
        When it is not.
    """
    try:
        _zone(tz)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ConfigError(
            f"no time zone {tz!r} is known here; expected a name such as 'Asia/Shanghai', or 'UTC'"
        ) from error


def zoned_type(found: AnyType, type_: DataType, tz: str) -> AnyType:
    """Give the instants in an Arrow type, nested ones too, a zone to be shown in."""
    match type_:
        case PrimitiveType(Kind.DATETIME | Kind.TIMESTAMP):
            return pa.timestamp(found.unit, tz)
        case ArrayType(element) | VectorType(element=element):
            return pa.list_(found.value_field.with_type(zoned_type(found.value_type, element, tz)))
        case MapType(key, value):
            keys, values = found.key_type, found.item_type
            return pa.map_(zoned_type(keys, key, tz), zoned_type(values, value, tz))
        case StructType(fields):
            members = [found.field(i) for i in range(len(fields))]
            return pa.struct(
                [
                    member.with_type(zoned_type(member.type, field.type, tz))
                    for member, field in zip(members, fields, strict=True)
                ]
            )
        case _:
            return found


def to_utc(array: AnyArray, tz: str) -> AnyArray:
    """Read times without a zone in a zone; the result has none either, its numbers are UTC.

    Arrow's own ``assume_timezone`` forgets about summer time from 2038 on, and wraps at the ends
    of int64 (pyarrow 26). So days are looked up: the zone is asked once for each.

    Raises
    ------
    Misfit
        For a time that the zone skips or has twice, or that is out of range.
    """
    if tz == "UTC":
        return array
    per_second = _PER_SECOND[array.type.unit]
    ticks = array.view(pa.int64())
    if array.type.unit == "ns":
        limit = _INT64_MAX - _DAY_SECONDS * per_second
        inside = pc.and_(pc.greater(ticks, -limit), pc.less(ticks, limit))
        require(array, inside, "it is within a day of the end of what 'ns' can count")
    else:
        check_calendar(array)
    numbers = pc.fill_null(ticks, 0).to_numpy()
    days, places = np.unique(numbers // (_DAY_SECONDS * per_second), return_inverse=True)
    offsets = [_offset_of_day(tz, day) for day in days.tolist()]
    known = np.array([0 if offset is None else offset for offset in offsets])[places]
    uneven = np.array([offset is None for offset in offsets], dtype=bool)[places]
    for position in np.flatnonzero(uneven).tolist():
        offset = _offset(tz, _EPOCH + dt.timedelta(seconds=int(numbers[position]) // per_second))
        if offset is None and array[position].is_valid:
            why = f"there is no such time in {tz}, or there are two; give it a zone first"
            raise Misfit(position, show(array[position]), why + ", with .dt.tz_localize")
        known[position] = offset or 0
    shifted = numbers - known * per_second
    mask = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
    return pa.array(shifted, mask=mask).view(array.type)


@lru_cache(maxsize=1024)
def _zone(tz: str) -> dt.tzinfo:
    zone: dt.tzinfo = pd.DatetimeTZDtype("s", tz).tz
    return zone


@lru_cache(maxsize=1 << 16)
def _offset_of_day(tz: str, day: int) -> int | None:
    """Seconds that all of a local day is ahead of UTC; None where they change in its course."""
    start = _EPOCH + dt.timedelta(days=day)
    first = _offset(tz, start)
    return first if first == _offset(tz, start.replace(hour=23, minute=59, second=59)) else None


def _offset(tz: str, local: dt.datetime) -> int | None:
    """Seconds that a local time is ahead of UTC; None where there is no such time, or are two."""
    zone = _zone(tz)
    before, after = (local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return int(before.total_seconds()) if before is not None and before == after else None

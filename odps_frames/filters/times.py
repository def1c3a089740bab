"""Dates and times that stand in conditions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

__all__ = ["DAY", "TimeLiteral", "of_date", "of_datetime", "parse_time", "write_date", "write_time"]

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
_FIRST_DAY = date(1970, 1, 1).toordinal()
_LAST_ORDINAL = date.max.toordinal()

_TIME = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
    r"(?:[ T](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>Z|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class TimeLiteral:
    """A time as it was written: what the clock shows and, where it was said, of which zone."""

    wall: datetime
    """To the second, without a zone."""
    nanosecond: int = 0
    zone: tzinfo | None = None

    def clock(self) -> int:
        """Nanoseconds since 1970 that the clock shows."""
        return _nanoseconds(self.wall) + self.nanosecond

    def instant(self, default: tzinfo) -> int:
        """Nanoseconds since 1970 in UTC; without a zone of its own, the default one counts."""
        offset = self.wall.replace(tzinfo=self.zone or default).utcoffset() or timedelta()
        return self.clock() - (offset // timedelta(microseconds=1)) * 1000


def parse_time(text: str) -> TimeLiteral:
    """Read ``2026-01-31``, with ``12:00:00.123456789`` and ``+08:00`` behind it or not.

    Raises
    ------
    ValueError
        For any other text, and for days that no calendar has.
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        msg = f"not a date or time: {text!r}; expected 'yyyy-mm-dd' or 'yyyy-mm-dd hh:mm:ss'"
        raise ValueError(msg)
    parts = {
        name: match.group(name) for name in ("year", "month", "day", "hour", "minute", "second")
    }
    try:
        wall = datetime(*(int(part or 0) for part in parts.values()))  # type: ignore[arg-type]  # noqa: DTZ001  a clock's face
    except ValueError as error:
        msg = f"not a date or time: {text!r}: {error}"
        raise ValueError(msg) from None
    fraction = (match.group("fraction") or "").ljust(9, "0")
    return TimeLiteral(wall, int(fraction), _zone(match.group("zone")))


def _zone(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    if text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    offset = timedelta(hours=hours, minutes=minutes)
    if minutes >= 60 or offset >= timedelta(days=1):  # noqa: PLR2004  minutes of an hour
        msg = f"not the offset of a zone: {text!r}; expected one such as '+08:00'"
        raise ValueError(msg)
    return timezone(-offset if text[0] == "-" else offset)


def of_datetime(time: datetime) -> TimeLiteral:
    """Take a datetime; those of pandas keep their nanoseconds."""
    nanosecond = time.microsecond * 1000 + int(getattr(time, "nanosecond", 0))
    wall = datetime(  # noqa: DTZ001  a clock's face
        time.year, time.month, time.day, time.hour, time.minute, time.second, fold=time.fold
    )
    zone = timezone(time.utcoffset() or timedelta()) if time.tzinfo is not None else None
    return TimeLiteral(wall, nanosecond, zone)


def of_date(day: date) -> TimeLiteral:
    """Take a day as its first moment."""
    return TimeLiteral(datetime(day.year, day.month, day.day))  # noqa: DTZ001  a clock's face


def _nanoseconds(wall: datetime) -> int:
    days = wall.toordinal() - _FIRST_DAY
    return days * DAY + wall.hour * HOUR + wall.minute * MINUTE + wall.second * SECOND


def write_date(nanoseconds: int) -> str | None:
    """Write a day; None for a time within it, or in a year that has not four digits."""
    days, rest = divmod(nanoseconds, DAY)
    if rest or not 1 <= days + _FIRST_DAY <= _LAST_ORDINAL:
        return None
    return date.fromordinal(days + _FIRST_DAY).isoformat()


def write_time(nanoseconds: int, *, digits: int = 9) -> str | None:
    """Write a time; None where the digits behind the point, or four of the year, are too few."""
    days, rest = divmod(nanoseconds, DAY)
    day = write_date(days * DAY)
    seconds, fraction = divmod(rest, SECOND)
    if day is None or fraction % 10 ** (9 - digits):
        return None
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    behind = f".{fraction:09d}"[: digits + 1].rstrip("0").rstrip(".")
    return f"{day} {hour:02d}:{minute:02d}:{second:02d}{behind}"

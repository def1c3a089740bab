"""The time that a service goes by: that of the machine, unless a test moves or stops it."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from odps_frames.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ClockSetting", "ServiceClock", "checked_seconds"]


_LEARNT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class ClockSetting:
    """How far a clock was moved, and where it stands still if it does."""

    ahead: timedelta = timedelta()
    frozen_at: datetime | None = None


class ServiceClock:
    """Tells the time to everything in the service.

    Parameters
    ----------
    source : callable
        Tells the time, with a zone, while nobody has moved it.
    """

    def __init__(self, source: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._source = source
        self._changed = threading.Condition()
        self._setting = ClockSetting()
        self._advanced = 0.0
        self._wakes = 0
        self.waiting = 0
        """So many wait for it at the moment."""

    def __call__(self) -> datetime:
        """Return the time."""
        setting = self._setting
        return setting.frozen_at or self._source() + setting.ahead

    def now(self) -> datetime:
        """Return the time."""
        return self()

    def as_seen_by(self, said: str) -> datetime:
        """Return the time by which the ``Date`` of a request is to be judged.

        Clients learn a difference of up to a day. A clock that a test has moved by more is not
        held against them: any time from that of the machine to this one is right then.
        """
        here, unmoved = self(), self._source()
        if abs(here - unmoved) < _LEARNT:
            return here
        try:
            theirs = parsedate_to_datetime(said)
        except ValueError:
            return here
        theirs = theirs.replace(tzinfo=UTC) if theirs.tzinfo is None else theirs
        return min(max(theirs, min(here, unmoved)), max(here, unmoved))

    def after(self, seconds: float) -> datetime:
        """Return the time in so many seconds, or the last one there is."""
        try:
            return self() + timedelta(seconds=seconds)
        except OverflowError:
            return datetime.max.replace(tzinfo=UTC)

    @property
    def setting(self) -> ClockSetting:
        """How it was moved; assigning an earlier one brings that back."""
        return self._setting

    @setting.setter
    def setting(self, setting: ClockSetting) -> None:
        with self._changed:
            self._setting = setting

    @property
    def frozen(self) -> bool:
        """Whether it stands still."""
        return self._setting.frozen_at is not None

    def advance(
        self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0
    ) -> datetime:
        """Move the time on, also that of a clock that stands still; return the new time.

        Sessions age by it, and rules that hold an answer back wait so much less.
        """
        by = timedelta(-1)
        with contextlib.suppress(OverflowError, ValueError):
            asked = timedelta(seconds=seconds, minutes=minutes, hours=hours, days=days)
            start = self()
            by = start + asked - start  # the calendar must have it
        if by < timedelta():
            given = {"seconds": seconds, "minutes": minutes, "hours": hours, "days": days}
            said = ", ".join(f"{name}={value!r}" for name, value in given.items() if value)
            raise ConfigError(
                f"the clock cannot be moved by {said}; expected a time to come before the year "
                "10000; freeze(at=…) sets any time"
            )
        with self._changed:
            setting = self._setting
            if setting.frozen_at is not None:
                self._setting = ClockSetting(setting.ahead + by, setting.frozen_at + by)
            else:
                self._setting = ClockSetting(setting.ahead + by)
            self._advanced += by.total_seconds()
            self._changed.notify_all()
        return self()

    def freeze(self, at: datetime | None = None) -> datetime:
        """Let the time stand still, now or at another time, which needs a zone."""
        if at is not None and at.tzinfo is None:
            raise ConfigError(f"the time {at!s} has no zone; expected one such as {at!s}+00:00")
        with self._changed:
            frozen_at = at or self()
            self._setting = ClockSetting(frozen_at - self._source(), frozen_at)
        return frozen_at

    def unfreeze(self) -> datetime:
        """Let the time go on from where it stands."""
        with self._changed:
            frozen_at = self._setting.frozen_at
            if frozen_at is not None:
                self._setting = ClockSetting(frozen_at - self._source())
        return self()

    def wait(self, seconds: float, wakes: int) -> bool:
        """Wait so long, of which the time by which the clock is moved meanwhile counts.

        Parameters
        ----------
        wakes : int
            The count of `wakes` before; when it is another one, nobody waits.

        Returns
        -------
        bool
            False when all who wait were woken.
        """
        with self._changed:
            ends = time.monotonic() + seconds + self._advanced
            self.waiting += 1
            self._changed.notify_all()
            try:
                while self._wakes == wakes:
                    left = ends - self._advanced - time.monotonic()
                    if left <= 0:
                        return True
                    self._changed.wait(min(left, threading.TIMEOUT_MAX))
            finally:
                self.waiting -= 1
            return False

    @property
    def wakes(self) -> int:
        """How often all who wait were woken."""
        return self._wakes

    def wake(self) -> None:
        """End all waits, those too that are part of an answer under way."""
        with self._changed:
            self._wakes += 1
            self._changed.notify_all()


def checked_seconds(name: str, value: object) -> float:
    """Return a length of time that somebody gave.

    Raises
    ------
    ConfigError
        When it is none.
    """
    if (
        not isinstance(value, int | float)
        or isinstance(value, bool)
        or not (math.isfinite(value) and value >= 0)
    ):
        raise ConfigError(f"{name} is {value!r}; expected a number of seconds, 0 or more")
    return float(value)

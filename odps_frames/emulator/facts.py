"""What is known of a file without reading it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from odps_frames.model.read import TimeUnit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["UNITS", "FileFacts", "TimeFact", "joined_times"]

UNITS = (TimeUnit.SECOND, TimeUnit.MILLI, TimeUnit.MICRO, TimeUnit.NANO)
"""From the coarsest to the finest."""


@dataclass(frozen=True, slots=True)
class TimeFact:
    """Which units hold every time of a column."""

    coarsest: TimeUnit = TimeUnit.SECOND
    """Coarser units would lose digits."""
    fits_nanoseconds: bool = True
    """Whether all times are between the years 1677 and 2262."""

    def __or__(self, other: TimeFact) -> TimeFact:
        return TimeFact(
            max(self.coarsest, other.coarsest, key=UNITS.index),
            self.fits_nanoseconds and other.fits_nanoseconds,
        )

    def holds(self, unit: TimeUnit) -> bool:
        """Whether a unit holds every time exactly."""
        if unit is TimeUnit.NANO and not self.fits_nanoseconds:
            return False
        return UNITS.index(unit) >= UNITS.index(self.coarsest)

    @property
    def exact(self) -> TimeUnit | None:
        """The coarsest unit that holds every time; None where no unit does."""
        return self.coarsest if self.holds(self.coarsest) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """Rows of each batch, bytes of each column, and what its times need."""

    batches: tuple[int, ...] = ()
    column_bytes: Mapping[str, int] = field(default_factory=dict)
    times: Mapping[str, TimeFact] = field(default_factory=dict)
    """By path: the column, and below it ``element``, ``key``, ``value`` or a field."""

    def encode(self) -> str:
        """Write the facts as JSON."""
        times = {
            path: [fact.coarsest.value, fact.fits_nanoseconds] for path, fact in self.times.items()
        }
        return json.dumps(
            {"batches": self.batches, "bytes": dict(self.column_bytes), "times": times}
        )

    @classmethod
    @lru_cache(maxsize=1 << 14)
    def decode(cls, text: str) -> FileFacts:
        """Read the facts back; files never change, and the same ones are planned over and over."""
        document = json.loads(text)
        return cls(
            batches=tuple(document["batches"]),
            column_bytes=document["bytes"],
            times={
                path: TimeFact(TimeUnit(unit), fits)
                for path, (unit, fits) in document["times"].items()
            },
        )


def joined_times(facts: Iterable[FileFacts]) -> dict[str, TimeFact]:
    """Join what the times of several files need."""
    found: dict[str, TimeFact] = {}
    for fact in facts:
        for path, times in fact.times.items():
            found[path] = found[path] | times if path in found else times
    return found

"""How a read session is cut into pieces, and a piece of one."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import SupportsIndex

__all__ = [
    "ByBucket",
    "ByParallelism",
    "ByRows",
    "BySize",
    "RowRange",
    "Split",
    "SplitBy",
    "flag",
    "split_by_of",
    "whole",
]

DEFAULT_SPLIT_BYTES = 256 * 1024 * 1024


def whole(name: str, value: object, least: int) -> int:
    """Return a whole number of any kind as an int; a fraction would be cut, and so is refused."""
    number = None
    if isinstance(value, SupportsIndex) and not isinstance(value, bool):
        number = operator.index(value)
    if number is None or number < least:
        msg = f"{name}={value!r}; expected a whole number, at least {least}"
        raise ValueError(msg)
    return number


def flag(name: str, value: object) -> None:
    """Refuse what is neither True nor False."""
    if not isinstance(value, bool):
        msg = f"{name}={value!r}; expected True or False"
        raise TypeError(msg)


@dataclass(frozen=True, slots=True)
class BySize:
    """Splits of about ``bytes`` stored bytes each."""

    bytes: int = DEFAULT_SPLIT_BYTES
    cross_partition: bool = True
    unit: str = "ByteSize"

    def __post_init__(self) -> None:
        object.__setattr__(self, "bytes", whole("split size in bytes", self.bytes, 1))
        flag("cross_partition", self.cross_partition)


@dataclass(frozen=True, slots=True)
class ByParallelism:
    """About ``splits`` splits."""

    splits: int
    cross_partition: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "splits", whole("number of splits", self.splits, 1))
        flag("cross_partition", self.cross_partition)


@dataclass(frozen=True, slots=True)
class ByRows:
    """Splits of ``rows`` rows each, cut by the reader."""

    rows: int
    cross_partition: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", whole("rows a split", self.rows, 1))
        flag("cross_partition", self.cross_partition)


@dataclass(frozen=True, slots=True)
class ByBucket:
    """One split for each bucket of a clustered table."""

    cross_partition: bool = True

    def __post_init__(self) -> None:
        flag("cross_partition", self.cross_partition)


SplitBy = BySize | ByParallelism | ByRows | ByBucket


def split_by_of(n_bytes: int | None, given: object) -> SplitBy:
    """Return how to cut, out of a size in bytes or one of the ways; None means the usual size.

    Raises
    ------
    ValueError
        When both are given.
    TypeError
        For what is none of the ways.
    """
    if given is None:
        return BySize() if n_bytes is None else BySize(n_bytes)
    if n_bytes is not None:
        msg = f"split_size={n_bytes!r} and split_by={given!r}; expected one of them"
        raise ValueError(msg)
    if not isinstance(given, BySize | ByParallelism | ByRows | ByBucket):
        msg = f"split_by={given!r}; expected BySize, ByParallelism, ByRows or ByBucket"
        raise TypeError(msg)
    return given


@dataclass(frozen=True, slots=True)
class RowRange:
    """``count`` rows from row ``offset`` on."""

    offset: int
    count: int

    def __post_init__(self) -> None:
        for name, least in (("offset", 0), ("count", 1)):
            number = whole(f"{name} of a range of rows", getattr(self, name), least)
            object.__setattr__(self, name, number)


@dataclass(frozen=True, slots=True)
class Split:
    """A piece of a read session that one worker reads; without index and rows, all of it."""

    session_id: str
    index: int | None = None
    rows: RowRange | None = None
    bucket: int | None = None
    """The bucket that its rows are in, where the session was cut by buckets."""

    def __post_init__(self) -> None:
        # On the wire a negative index says that there is none, which would bring every row.
        if self.index is not None:
            object.__setattr__(self, "index", whole("index of a split", self.index, 0))

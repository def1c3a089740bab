"""How a read session is cut into pieces, and a piece of one."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "ByBucket",
    "ByParallelism",
    "ByRows",
    "BySize",
    "RowRange",
    "Split",
    "SplitBy",
    "split_by_of",
]

DEFAULT_SPLIT_BYTES = 256 * 1024 * 1024


def _positive(name: str, value: int) -> None:
    if value < 1:
        msg = f"{name}={value}; expected at least 1"
        raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class BySize:
    """Splits of about ``bytes`` stored bytes each."""

    bytes: int = DEFAULT_SPLIT_BYTES
    cross_partition: bool = True
    unit: str = "ByteSize"

    def __post_init__(self) -> None:
        _positive("split size in bytes", self.bytes)


@dataclass(frozen=True, slots=True)
class ByParallelism:
    """About ``splits`` splits."""

    splits: int
    cross_partition: bool = True

    def __post_init__(self) -> None:
        _positive("number of splits", self.splits)


@dataclass(frozen=True, slots=True)
class ByRows:
    """Splits of ``rows`` rows each, cut by the reader."""

    rows: int
    cross_partition: bool = True

    def __post_init__(self) -> None:
        _positive("rows a split", self.rows)


@dataclass(frozen=True, slots=True)
class ByBucket:
    """One split for each bucket of a clustered table."""

    cross_partition: bool = True


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
        if self.offset < 0 or self.count < 1:
            msg = f"not a range of rows: {self}; expected offset >= 0 and count >= 1"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Split:
    """A piece of a read session that one worker reads; without index and rows, all of it."""

    session_id: str
    index: int | None = None
    rows: RowRange | None = None
    bucket: int | None = None
    """The bucket that its rows are in, where the session was cut by buckets."""

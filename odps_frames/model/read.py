"""What to read, and what the service says of a read session."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, get_args

from odps_frames.errors import ProtocolError
from odps_frames.model.splits import ByBucket, ByRows, BySize, RowRange, Split, SplitBy

if TYPE_CHECKING:
    from datetime import datetime

    from odps_frames.model.lifecycle import SessionStatus
    from odps_frames.model.schema import Column, TableSchema
    from odps_frames.model.table import InstanceRef, TableRef

__all__ = [
    "ArrowOptions",
    "BatchOptions",
    "DataFormat",
    "Incremental",
    "ReadSessionInfo",
    "ReadSpec",
    "ResultOptions",
    "SessionStats",
    "TimeUnit",
]


MAX_SPLITS = 1_000_000
"""More splits than any session has: a count that only a broken answer holds."""


class TimeUnit(StrEnum):
    """A unit of time; the value is its name on the wire."""

    SECOND = "second"
    MILLI = "milli"
    MICRO = "micro"
    NANO = "nano"

    @property
    def arrow(self) -> str:
        """The unit's name in Arrow: ``s``, ``ms``, ``us`` or ``ns``."""
        return _ARROW_UNITS[self]

    @classmethod
    def of(cls, text: str) -> TimeUnit:
        """Accept ``"ms"`` as well as ``"milli"``."""
        for unit in cls:
            if text in (unit.value, unit.arrow):
                return unit
        msg = f"not a unit of time: {text!r}; expected 's', 'ms', 'us' or 'ns'"
        raise ValueError(msg)


_ARROW_UNITS = {
    TimeUnit.SECOND: "s",
    TimeUnit.MILLI: "ms",
    TimeUnit.MICRO: "us",
    TimeUnit.NANO: "ns",
}


@dataclass(frozen=True, slots=True)
class ArrowOptions:
    """The units in which times travel; ``"ms"`` and ``"milli"`` are the same."""

    timestamp_unit: TimeUnit = TimeUnit.NANO
    datetime_unit: TimeUnit = TimeUnit.MILLI

    def __post_init__(self) -> None:
        object.__setattr__(self, "timestamp_unit", TimeUnit.of(self.timestamp_unit))
        object.__setattr__(self, "datetime_unit", TimeUnit.of(self.datetime_unit))


@dataclass(frozen=True, slots=True)
class DataFormat:
    """The form of the data on the wire."""

    type: str = "Arrow"
    version: str = "V5"


@dataclass(frozen=True, slots=True)
class Incremental:
    """The changes between two versions (``int``) or two times (text as the service takes it)."""

    since: int | str
    """Changes after it are read."""
    until: int | str | None = None
    """The last change that is read; None is the last one that there is."""
    mode: str | None = None
    form: Literal["range", "named"] = field(default="range", compare=False)
    """How it is said to the service: with ``From`` and ``To``, as newer clients do, or with a
    member for each kind of bound (protocol.md §6.1)."""

    def __post_init__(self) -> None:
        for name, given in (("since", self.since), ("until", self.until)):
            known = isinstance(given, int | str) or (given is None and name == "until")
            if isinstance(given, bool) or not known or (isinstance(given, int) and given < 0):
                msg = f"{name}={given!r}; expected a version, 0 or more, or a time as text"
                raise ValueError(msg)
        if self.form not in ("range", "named"):
            msg = f"form={self.form!r}; expected 'range' or 'named'"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultOptions:
    """Which result of an instance is meant; of no meaning where a table is read."""

    task: str = "AnonymousSQLTask"
    query_id: int = 0
    limited: bool = False
    """Let the service cut the result where the project sets a limit; never asked for by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSpec:
    """What to read from a table or from the result of a statement."""

    table: TableRef | InstanceRef
    columns: tuple[str, ...] | None = None
    """Data columns in the order wanted; None means all."""
    partition_columns: tuple[str, ...] | None = None
    """Partition columns in the order wanted; None means all."""
    partitions: tuple[str, ...] | None = None
    """Partitions, each as ``pt=1,hh=2``; None means all."""
    buckets: tuple[str, ...] | None = None
    """Buckets of a clustered table by their ids, numbers or texts; None means all."""
    split_by: SplitBy = field(default_factory=BySize)
    arrow: ArrowOptions = field(default_factory=ArrowOptions)
    row_filter: str | None = None
    """SQL condition that the service may use to skip rows."""
    row_filter_fallback: bool = False
    max_files_per_split: int | None = None
    incremental: Incremental | None = None
    result: ResultOptions = ResultOptions()

    def __post_init__(self) -> None:
        for name, example in _LISTS.items():
            object.__setattr__(self, name, _listed(name, getattr(self, name), example))
        for name, kind in _KINDS.items():
            _check_kind(name, getattr(self, name), kind)
        if self.max_files_per_split is not None:
            most = _count("max_files_per_split", self.max_files_per_split, 1)
            object.__setattr__(self, "max_files_per_split", most)


_LISTS = {
    "columns": "['id', 'name']",
    "partition_columns": "['pt']",
    "partitions": "['pt=1,hh=2']",
    "buckets": "[0, 3]",
}
_KINDS: dict[str, Any] = {
    "split_by": SplitBy,
    "arrow": ArrowOptions,
    "row_filter": str | None,
    "row_filter_fallback": bool,
    "incremental": Incremental | None,
    "result": ResultOptions,
}


def _listed(name: str, given: object, example: str) -> tuple[str, ...] | None:
    if given is None:
        return None
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        msg = f"{name}={given!r}; expected a list, such as {example}"
        raise TypeError(msg)
    return tuple(str(each) for each in given)


def _check_kind(name: str, given: object, kind: Any) -> None:  # noqa: ANN401  a class or a union
    if not isinstance(given, kind):
        expected = " or ".join(
            "None" if each is type(None) else each.__name__ for each in get_args(kind) or (kind,)
        )
        msg = f"{name}={given!r}; expected {expected}"
        raise TypeError(msg)


def _count(name: str, given: object, least: int) -> int:
    number = None
    if isinstance(given, SupportsIndex) and not isinstance(given, bool):
        number = operator.index(given)
    if number is None or number < least:
        msg = f"{name}={given!r}; expected a whole number, at least {least}"
        raise ValueError(msg)
    return number


@dataclass(frozen=True, slots=True)
class SessionStats:
    """What the service expects a session to bring."""

    estimated_bytes: int | None = None
    estimated_rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSessionInfo:
    """What the service says of a read session."""

    session_id: str
    status: SessionStatus
    schema: TableSchema
    session_type: str = "BATCH_READ"
    expires_at: datetime | None = None
    n_splits: int | None = None
    """Known where splits are read by index."""
    n_rows: int | None = None
    """Known where splits are ranges of rows."""
    split_mode: str = "Size"
    bucket_ids: tuple[int, ...] = ()
    formats: tuple[DataFormat, ...] = (DataFormat(),)
    stats: SessionStats = field(default_factory=SessionStats)
    latest_version: int | None = None
    message: str = ""
    large_strings: bool = False
    incremental: Incremental | None = None
    system_columns: tuple[Column, ...] = ()
    """Columns of the streams that the table has not: what became of a row."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the streams: data, partition and system columns."""
        return (*self.schema.all_columns, *self.system_columns)

    def splits(self, by: SplitBy) -> tuple[Split, ...]:
        """Cut the session as it was asked to be cut; an empty table has no splits.

        Raises
        ------
        ProtocolError
            When the service said neither how many splits nor how many rows there are, or more
            splits than can be.
        """
        if self.n_splits is not None:
            if self.n_splits > MAX_SPLITS:
                msg = f"the service counts {self.n_splits} splits; expected at most {MAX_SPLITS}"
                raise ProtocolError(msg, session_id=self.session_id)
            return self._indexed(self.n_splits, by)
        if self.n_rows is None:
            msg = "a read session has neither SplitsCount nor RecordCount; nobody can cut it"
            raise ProtocolError(msg, session_id=self.session_id)
        total = self.n_rows
        step = by.rows if isinstance(by, ByRows) else max(total, 1)
        return tuple(
            Split(self.session_id, rows=RowRange(start, min(step, total - start)))
            for start in range(0, total, step)
        )

    def _indexed(self, n_splits: int, by: SplitBy) -> tuple[Split, ...]:
        by_bucket = isinstance(by, ByBucket)
        if by_bucket and self.split_mode != "Bucket":
            msg = f"buckets were asked for; the service cut by {self.split_mode}"
            raise ProtocolError(msg, session_id=self.session_id)
        buckets = self.bucket_ids if by_bucket else ()
        if buckets and len(buckets) != n_splits:
            msg = f"the service names {len(buckets)} buckets for {n_splits} splits"
            raise ProtocolError(msg, session_id=self.session_id)
        return tuple(
            Split(self.session_id, index, bucket=buckets[index] if buckets else None)
            for index in range(n_splits)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOptions:
    """How the rows of one split travel."""

    max_rows: int = 4096
    max_bytes: int | None = None
    skip_rows: int = 0
    columns: tuple[str, ...] | None = None
    """Columns out of those of the session; None means all."""
    columns_unordered: bool = False
    format: DataFormat = DataFormat()
    accept_encoding: str | None = None
    """``zstd`` or ``x-lz4-frame`` when the body may be compressed."""
    result: ResultOptions = ResultOptions()

    def __post_init__(self) -> None:
        for name, least in (("max_rows", 1), ("skip_rows", 0), ("max_bytes", 1)):
            given = getattr(self, name)
            if name != "max_bytes" or given is not None:
                object.__setattr__(self, name, _count(name, given, least))
        object.__setattr__(self, "columns", _listed("columns", self.columns, "['id']"))
        _check_kind("columns_unordered", self.columns_unordered, bool)
        _check_kind("format", self.format, DataFormat)

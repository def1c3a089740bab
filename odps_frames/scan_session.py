"""What a scan asks of a table: the partitions, the session, and how else when it is refused."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from odps_frames import filters as row_filters
from odps_frames import partitions as partition_choice
from odps_frames.errors import NotFound, PermissionDenied, ServiceError
from odps_frames.model.read import TimeUnit
from odps_frames.model.splits import ByRows, BySize
from odps_frames.model.types import (
    ArrayType,
    Kind,
    MapType,
    PrimitiveType,
    StructType,
    VectorType,
)
from odps_frames.scan_rows import needed, speakable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.connection import Connection
    from odps_frames.filters import Condition
    from odps_frames.model.catalog import TableInfo
    from odps_frames.model.splits import SplitBy
    from odps_frames.model.table import Partition
    from odps_frames.model.types import DataType
    from odps_frames.partitions import Selection
    from odps_frames.read.session import ReadSession
    from odps_frames.scan_options import ScanOptions
    from odps_frames.transport.retry import Meter

__all__ = ["SPLIT_ROWS", "Question"]

SPLIT_ROWS = 1_000_000
"""Rows a split, where tables are cut by rows."""
MAX_NAMED = 10_000
"""More partitions than this are not named because of a filter alone."""
_TIMESTAMPS = frozenset({PrimitiveType(Kind.TIMESTAMP), PrimitiveType(Kind.TIMESTAMP_NTZ)})
_BAD_REQUEST = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The part of a scan that the service is asked for."""

    info: TableInfo
    columns: tuple[str, ...] | None
    condition: Condition | None
    selections: tuple[Selection, ...]
    options: ScanOptions

    def partitions(self, connection: Connection) -> tuple[Partition, ...] | None:
        """The partitions that are selected, and that a filter does not leave out; None is all."""
        wanted = None
        if self.condition is not None and self.options.push_down:
            wanted = row_filters.about_partitions(self.condition, self.info.schema)
        if not self.selections and wanted is None:
            return None
        try:
            existing = tuple(info.partition for info in connection.list_partitions(self.info.ref))
        except PermissionDenied:
            if self.selections:
                raise
            return None  # a filter needs no list: the rows tell, too
        for selection in self.selections:
            existing = partition_choice.select(selection, self.info.schema, existing)
        if wanted is not None:
            with contextlib.suppress(pa.ArrowInvalid):  # values that are not of their type
                existing = partition_choice.meeting(wanted, self.info.schema, existing)
            if not self.selections and (len(existing) > MAX_NAMED or not speakable(existing)):
                return None
        return existing

    def open(
        self, connection: Connection, chosen: tuple[Partition, ...] | None, meter: Meter
    ) -> ReadSession:
        """Open the session, over these partitions.

        Raises
        ------
        ServiceError
            What the service said to the first way of asking, when it refused every one.
        """
        try:
            return self.ask(connection, chosen, meter)
        except NotFound:
            if self.selections or chosen is None:
                raise
            # Nobody named the partition that has gone meanwhile, but a filter on all of them.
            return self.ask(connection, None, meter)

    def counted_by_partitions(self) -> bool:
        """Whether whole partitions meet the condition or not, so that counts of them are exact."""
        if self.condition is None:
            return True
        names = row_filters.columns_of(self.condition)
        partitions = {name.lower() for name in self.info.schema.partition_names}
        return (
            bool(names)
            and {name.lower() for name in names or ()} <= partitions
            and self.options.push_down
        )

    def has_timestamps(self) -> bool:
        """Whether there are columns to be read of which the unit may have to be another."""
        data, _ = self._needed()
        return any(_has_timestamps(self.info.schema.column(name).type) for name in data)

    def _needed(self) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
        return needed(
            self.info.schema, self.columns, self.condition, by_partition=bool(self.selections)
        )

    def ask(
        self, connection: Connection, chosen: tuple[Partition, ...] | None, meter: Meter
    ) -> ReadSession:
        """Open the session over these partitions, which must all be there."""
        data, partition = self._needed()
        named = chosen is not None and speakable(chosen)
        wanted: dict[str, Any] = {
            "columns": data,
            "partition_columns": partition,
            "partitions": tuple(map(str, chosen or ())) if named else None,
            "split_by": self._split_by(),
        }
        refusals = []
        for way in self._ways():
            try:
                return connection.read_session(self.info.ref, meter=meter, **wanted, **way)
            except ServiceError as refused:
                if refused.status != _BAD_REQUEST:
                    raise
                refusals.append(refused)
        raise refusals[0]

    def _split_by(self) -> SplitBy:
        """How to cut: a transactional table is read by rows alone (protocol.md §7)."""
        by_rows = self.info.is_transactional and isinstance(self.options.split_by, BySize)
        return ByRows(SPLIT_ROWS) if by_rows else self.options.split_by

    def _ways(self) -> Iterator[dict[str, Any]]:
        """How to ask, best first: a service may refuse units, or words of a filter."""
        units = [self.options.arrow]
        if self.options.timestamp_unit is None and self.has_timestamps():
            # A service that cannot say a stored time in nanoseconds refuses the unit;
            # microseconds hold all times that MaxCompute has.
            units.append(replace(units[0], timestamp_unit=TimeUnit.MICRO))
        said = None
        # Whether ranges count rows before or behind a filter is not known of every service.
        by_index = not isinstance(self._split_by(), ByRows)
        if self.condition is not None and self.options.push_down and by_index:
            said = row_filters.pushed(self.condition, self.info.schema)
        for text in dict.fromkeys((said, None)):
            for arrow in units:
                yield {
                    "arrow": arrow,
                    "row_filter": text,
                    "row_filter_fallback": text is not None,
                }


def _has_timestamps(type_: DataType) -> bool:
    match type_:
        case ArrayType(element) | VectorType(element=element):
            return _has_timestamps(element)
        case MapType(key, value):
            return _has_timestamps(key) or _has_timestamps(value)
        case StructType(fields):
            return any(_has_timestamps(field.type) for field in fields)
        case _:
            return type_ in _TIMESTAMPS

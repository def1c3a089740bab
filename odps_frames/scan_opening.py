"""How a scan comes to its rows: none, a preview, a snapshot, the result of a query, a session."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from odps_frames import partitions as partition_choice
from odps_frames.convert.arrow import normal_schema
from odps_frames.errors import CastError, CorruptStream, IncompleteRead, ServiceError
from odps_frames.model.splits import ByRows, RowRange
from odps_frames.scan_blobs import delivered
from odps_frames.scan_reading import Reading
from odps_frames.scan_rows import previewed, shaped, speakable
from odps_frames.scan_session import SPLIT_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from odps_frames.connection import Connection
    from odps_frames.model.schema import Column
    from odps_frames.model.splits import Split
    from odps_frames.model.table import InstanceRef, Partition
    from odps_frames.scan_session import Question
    from odps_frames.scan_snapshot import Pinned
    from odps_frames.transport.retry import Meter

__all__ = ["Opened", "Opening"]

PREVIEW_ROWS = 1_000
"""More rows than this are read through a session: a preview may be cut by the service."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a scan found when it began: an iterator over its rows, and where they come from."""

    batches: Iterator[pa.RecordBatch]
    schema: pa.Schema
    session_id: str | None


@dataclass(frozen=True, kw_only=True)
class Opening:
    """All that decides where the rows of a scan come from."""

    connection: Connection
    question: Question
    columns: tuple[Column, ...]
    """Of the result, in order."""
    limit: int | None
    instance: InstanceRef | None
    """Whose result is read, where it is no table."""
    pinned: Pinned | None

    def open(self, meter: Meter) -> Opened:
        """Begin to read."""
        if self.limit == 0:
            return self._empty()
        chosen = self.chosen()
        first = self._preview(chosen, meter)
        if first is not None:
            return first
        reading = self.reading(chosen, meter)
        if reading is None:
            return self._empty()
        n_rows = reading.info.stats.estimated_rows
        batches = reading.batches(
            meter,
            self.first_splits(reading),
            limit=self.limit,
            label=f"reading {self.question.info.ref.table}",
            total=n_rows if self.instance is None else reading.info.n_rows,
        )
        return Opened(batches, reading.schema, reading.session_id)

    def chosen(self) -> tuple[Partition, ...] | None:
        """The partitions to be read; None is all."""
        if self.instance is not None or self.pinned is not None:
            return None
        return self.question.partitions(self.connection)

    def reading(self, chosen: tuple[Partition, ...] | None, meter: Meter) -> Reading | None:
        """Open what is read; None where there is nothing to be read."""
        if self.instance is not None:
            return self._of_query(self.instance, meter)
        if self.pinned is not None:
            return self._of_pinned(self.pinned)
        if chosen == ():
            return None
        question = self.question
        session = question.open(self.connection, chosen, meter)
        question.options.check_size(str(question.info.ref), session.info.stats.estimated_bytes)
        # Of partitions that only a condition chose, the rows may be of others, and are dropped.
        told = chosen if question.selections or (chosen and not speakable(chosen)) else None
        return Reading.of(self.connection, session, question, self.columns, chosen=told)

    def _of_query(self, instance: InstanceRef, meter: Meter) -> Reading:
        """The result of a query: its session is read by ranges, and by columns only then."""
        session = self.connection.read_session(
            instance,
            meter=meter,
            arrow=self.question.options.arrow,
            split_by=ByRows(SPLIT_ROWS),
        )
        reading = Reading.of(self.connection, session, self.question, self.columns)
        return replace(reading, narrowed=True)

    def _of_pinned(self, pinned: Pinned) -> Reading | None:
        """The session of a snapshot; it has all columns, and maybe more partitions."""
        question, existing, exact = self.question, pinned.snapshot.partitions, None
        if question.selections and existing is not None:
            for selection in question.selections:
                existing = partition_choice.select(selection, question.info.schema, existing)
            if not existing:
                return None
            exact = frozenset(existing)
        session = self.connection.known_session(
            pinned.snapshot.spec(), pinned.info, pinned.route_token
        )
        reading = Reading.of(self.connection, session, question, self.columns)
        return replace(reading, exact=exact, narrowed=True)

    def first_splits(self, reading: Reading) -> tuple[Split, ...] | None:
        """Only as many ranges as the first rows are in; None is all splits."""
        if self.limit is None or reading.info.n_rows is None or not reading.counted:
            return None
        found: list[Split] = []
        left = self.limit
        for split in reading.splits():
            if split.rows is None:
                return None
            if left <= 0:
                break
            count = min(split.rows.count, left)
            found.append(replace(split, rows=RowRange(split.rows.offset, count)))
            left -= count
        return tuple(found)

    def by_rows(self) -> Self:
        """Cut the session by rows, so that the service counts them."""
        options = self.question.options
        by = options.split_by if isinstance(options.split_by, ByRows) else ByRows(SPLIT_ROWS)
        question = replace(self.question, options=replace(options, split_by=by))
        return replace(self, question=question)

    def counted(self, meter: Meter) -> int | None:
        """How many rows there are, told without reading any; None where that cannot be."""
        question = self.question
        if self.limit == 0:
            return 0
        if self.pinned is not None or not question.counted_by_partitions():
            return None
        if self.instance is not None:
            return self._of_query(self.instance, meter).info.n_rows
        chosen = self.chosen()
        if chosen == ():
            return 0
        named = chosen is not None and speakable(chosen)
        if not named and (chosen is not None or question.condition is not None):
            return None
        session = self.by_rows().question.ask(self.connection, chosen, meter)
        return session.info.n_rows

    def previews(self, chosen: tuple[Partition, ...] | None) -> bool:
        """Whether the first rows can be had without a session."""
        options = self.question.options
        return not (
            self.limit is None
            or not 0 < self.limit <= PREVIEW_ROWS
            or self.instance is not None
            or self.pinned is not None
            or self.question.condition is not None
            or (chosen is not None and (len(chosen) != 1 or not speakable(chosen)))
            or options.timestamp_unit is not None
            or options.datetime_unit is not None
        )

    def _preview(self, chosen: tuple[Partition, ...] | None, meter: Meter) -> Opened | None:
        """The first rows without a session, where the service gives as many as are wanted."""
        if self.limit is None or not self.previews(chosen):
            return None
        info, columns = self.question.info, self.question.columns
        try:
            batches = previewed(
                self.connection, info, columns, chosen, limit=self.limit, meter=meter
            )
        except (ServiceError, CastError, CorruptStream, IncompleteRead):
            return None  # a session says better what is wrong, if anything is
        if sum(batch.num_rows for batch in batches) < self.limit:
            return None
        schema = self._schema()
        rows = shaped(iter(batches), schema, limit=self.limit)
        read = functools.partial(self.connection.read_blobs, meter=meter)
        return Opened(delivered(rows, self.columns, read, self.question.options), schema, None)

    def _schema(self) -> pa.Schema:
        return normal_schema(self.columns, self.question.options.arrow)

    def _empty(self) -> Opened:
        return Opened(iter(()), self._schema(), None)

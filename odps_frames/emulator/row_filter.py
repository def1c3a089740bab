"""The condition of a read session: which rows of which files meet it (protocol.md §15)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from odps_frames import filters
from odps_frames.convert.arrow import arrow_type
from odps_frames.convert.timestamps import is_pair
from odps_frames.convert.untyped import pc
from odps_frames.emulator.refusals import invalid
from odps_frames.emulator.row_view import partition_scalar
from odps_frames.emulator.times import is_instant
from odps_frames.emulator.widening import as_declared
from odps_frames.filters import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from odps_frames.convert.untyped import AnyArray, AnyType
    from odps_frames.emulator.catalog.tables import StoredColumn, Table
    from odps_frames.emulator.files import Files
    from odps_frames.emulator.specs import Values
    from odps_frames.emulator.survivors import Mask, PlannedFile
    from odps_frames.filters import Condition
    from odps_frames.model.schema import Column

__all__ = ["Predicate", "read_predicate"]

_SECOND = pa.scalar(Decimal(10**9), pa.decimal128(10))


@dataclass(frozen=True, slots=True)
class Predicate:
    """A condition, with the columns that it asks about."""

    condition: Condition
    data: tuple[StoredColumn, ...]
    partitions: tuple[tuple[int, Column], ...]
    """With their places among the partition columns of the table."""

    def narrow(self, planned: Iterable[PlannedFile], files: Files) -> tuple[PlannedFile, ...]:
        """Keep the rows for which the condition is true; unknown is not.

        The files never change, so that it is the same rows whenever this is asked.
        """
        return tuple(
            replace(file, rows=file.rows.narrowed(self._masks(file, files))) for file in planned
        )

    def _masks(self, file: PlannedFile, files: Files) -> list[Mask]:
        sizes = file.stored.facts.batches
        if not self.data:
            kept = self._mask(_OneRow(), file.stored.values)
            return [None if kept is None else pa.repeat(_FALSE, n) for n in sizes]
        reader = files.open(file.stored.name)
        return [
            # What nobody reads need not be asked.
            self._mask(reader.get_batch(number), file.stored.values) if left else None
            for number, left in enumerate(file.rows.counts)
        ]

    def _mask(self, batch: pa.RecordBatch | _OneRow, values: Values) -> Mask:
        """Return one truth value a row, or None where all rows are kept."""
        columns = dict(self._columns(batch, values))
        kept = filters.mask(self.condition, pa.RecordBatch.from_pydict(columns))
        return None if pc.all(kept, min_count=0).as_py() else kept

    def _columns(
        self, batch: pa.RecordBatch | _OneRow, values: Values
    ) -> Iterator[tuple[str, AnyArray]]:
        for stored in self.data:
            yield stored.column.name, _comparable(batch, stored)
        for place, column in self.partitions:
            found = arrow_type(column.type)
            scalar = partition_scalar(values[place], column, found)
            yield column.name, pa.repeat(scalar, batch.num_rows)
        yield "", pa.nulls(batch.num_rows)  # a condition may ask about no column at all


@dataclass(frozen=True, slots=True)
class _OneRow:
    """Stands for the rows of a file where only its partition is asked about."""

    num_rows: int = 1


_FALSE = pa.scalar(False)  # noqa: FBT003  the value itself


def _comparable(batch: Any, stored: StoredColumn) -> AnyArray:  # noqa: ANN401  rows
    """Return a kept column in a form that constants can be compared with."""
    if stored.field not in batch.schema.names:  # the column is younger than the file
        missing: AnyType = arrow_type(stored.column.type)
        return pa.nulls(batch.num_rows, missing)
    array: AnyArray = as_declared(batch.column(stored.field), stored.column.type)
    if is_instant(stored.column.type) and is_pair(array.type):
        return _nanoseconds(array)
    return array


def _nanoseconds(pairs: AnyArray) -> AnyArray:
    """Count the nanoseconds of pairs since 1970, which int64 cannot hold."""
    seconds, nanos = pairs.flatten()
    whole = pc.multiply(seconds.cast(pa.decimal128(19)), _SECOND)
    return pc.add(whole, nanos.cast(pa.decimal128(10)))


def read_predicate(
    text: str | None, table: Table, *, fallback: bool
) -> tuple[Predicate | None, str | None]:
    """Read a ``FilterPredicate``; with ``fallback``, one that cannot be read lets all rows pass.

    Returns
    -------
    tuple
        What is to hold for the rows, if anything, and what the caller ought to know.

    Raises
    ------
    ServiceError
        For a column that is not there, a value that its column cannot be compared with and, but
        with ``fallback``, for what this service cannot read.
    """
    if text is None or not text.strip():
        return None, None
    try:
        condition = filters.parse(text, table.schema)
    except Unreadable as error:
        if fallback:
            return None, f"FilterPredicate was not applied, all rows come: {error}"
        raise invalid(f"FilterPredicate={text!r}: {error}") from None
    except (KeyError, ValueError) as error:
        raise invalid(f"FilterPredicate={text!r}: {error.args[0]}") from None
    if condition is None:
        return None, None
    asked = {name.lower() for name in filters.columns_of(condition) or ()}
    data = tuple(one for one in table.columns if one.column.name.lower() in asked)
    partitions = tuple(
        (place, column)
        for place, column in enumerate(table.partition_columns)
        if column.name.lower() in asked
    )
    return Predicate(condition, data, partitions), None

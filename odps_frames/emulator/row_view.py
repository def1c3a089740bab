"""Kept rows as a reader gets them: the columns asked for, in the form asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.convert.arrow import arrow_type
from odps_frames.emulator.columns import enlarged, time_paths, travel_type, wired
from odps_frames.emulator.facts import TimeFact
from odps_frames.emulator.refusals import invalid
from odps_frames.emulator.widening import as_declared
from odps_frames.model.types import Kind, PrimitiveType
from odps_frames.wire.schema import OPERATION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from odps_frames.convert.untyped import AnyArray, AnyType
    from odps_frames.emulator.catalog.tables import StoredColumn, Table
    from odps_frames.emulator.files import Files, Kept
    from odps_frames.emulator.planner import Piece
    from odps_frames.emulator.survivors import PlannedFile
    from odps_frames.model.read import ArrowOptions, TimeUnit
    from odps_frames.model.schema import Column
    from odps_frames.model.types import DataType

__all__ = ["RowView", "Selection", "check_units", "partition_scalar", "select"]

Pairs = "Callable[[str, DataType], bool]"


@dataclass(frozen=True, slots=True)
class Selection:
    """Data columns and partition columns, each in the order asked for."""

    data: tuple[StoredColumn, ...]
    partitions: tuple[tuple[int, Column], ...]
    """With their places among the partition columns of the table."""
    operation: bool = False
    """Whether rows say what became of them, after all other columns."""


def select(
    table: Table, columns: Sequence[str] | None, partition_columns: Sequence[str] | None
) -> Selection:
    """Choose columns by name; None chooses all.

    Raises
    ------
    ServiceError
        When a name is unknown or stands twice.
    """
    data = {stored.column.name.lower(): stored for stored in table.columns}
    parts = {
        column.name.lower(): (place, column) for place, column in enumerate(table.partition_columns)
    }
    return Selection(
        tuple(data[name] for name in _names(columns, data, "data column", table)),
        tuple(parts[name] for name in _names(partition_columns, parts, "partition column", table)),
    )


def _names(
    asked: Sequence[str] | None, known: Mapping[str, object], what: str, table: Table
) -> list[str]:
    names = list(known) if asked is None else [name.lower() for name in asked]
    for name in names:
        if name not in known:
            raise invalid(
                f"no {what} {name!r} in table {table.ref}; expected one of: {', '.join(known)}"
            )
    if len(set(names)) != len(names):
        raise invalid(f"a {what} is asked for twice: {', '.join(names)}")
    return names


def check_units(
    selection: Selection,
    times: Mapping[str, TimeFact],
    options: ArrowOptions,
    as_pair: Callable[[str, DataType], bool],
) -> None:
    """Make sure that the units asked for hold every time that is to be read.

    Raises
    ------
    ServiceError
        Naming the first column with a time that its unit cannot hold, and a unit that does.
    """
    for stored in selection.data:
        for path, type_ in time_paths(stored.column.type, stored.field).items():
            fact = times.get(path, TimeFact())
            unit, option = _unit_of(type_, options)
            if as_pair(path, type_) or fact.holds(unit):
                continue
            exact = fact.exact
            advice = "no unit does; leave the column out, or filter such rows away"
            if exact:
                advice = f"ask for {exact.value!r} ({exact.arrow})"
            raise invalid(
                f"column {stored.column.name!r} of type {stored.column.type} holds times that "
                f"{option}={unit.value!r} ({unit.arrow}) cannot hold exactly; {advice}"
            )


def _unit_of(type_: DataType, options: ArrowOptions) -> tuple[TimeUnit, str]:
    if type_ == PrimitiveType(Kind.DATETIME):
        return options.datetime_unit, "DatetimeUnit"
    return options.timestamp_unit, "TimestampUnit"


class RowView:
    """Makes kept batches into batches that travel."""

    def __init__(
        self,
        selection: Selection,
        options: ArrowOptions,
        as_pair: Callable[[str, DataType], bool],
        *,
        large: bool = False,
    ) -> None:
        form: Callable[[AnyType], AnyType] = enlarged if large else lambda found: found
        self._data = [
            (stored, form(travel_type(stored.column.type, stored.field, options, as_pair)))
            for stored in selection.data
        ]
        self._parts = [
            (place, column, form(arrow_type(column.type, options)))
            for place, column in selection.partitions
        ]
        fields: list[tuple[Column, AnyType]] = [
            *((stored.column, found) for stored, found in self._data),
            *((column, found) for _, column, found in self._parts),
        ]
        names = [pa.field(column.name, found, column.nullable) for column, found in fields]
        if selection.operation:
            names.append(pa.field(OPERATION, pa.int8(), nullable=False))
        self._operation = selection.operation
        self.schema = pa.schema(names)

    def rows(
        self, files: Files, planned: Sequence[PlannedFile], pieces: Iterable[Piece]
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of some pieces, in batches as large as they are kept.

        Raises
        ------
        RuntimeError
            When a file has fewer rows than the catalog says.
        """
        for piece in pieces:
            file = planned[piece.file]
            stored = file.stored
            reader = files.open(stored.name)
            sought = piece.count
            for number, start, count in _overlapping(file.rows.counts, piece):
                kept = file.rows.of(number, reader.get_batch(number)).slice(start, count)
                sought -= kept.num_rows
                yield self._travelling(kept, file)
            if sought:
                msg = f"file {stored.name} lacks {sought} rows that the catalog says it has"
                raise RuntimeError(msg)

    def _travelling(self, kept: Kept, file: PlannedFile) -> pa.RecordBatch:
        values = file.stored.values
        n_rows = kept.num_rows
        held = set(kept.schema.names)
        arrays: list[AnyArray] = [
            wired(
                as_declared(kept.column(stored.field), stored.column.type),
                stored.column.type,
                found,
            )
            if stored.field in held
            else pa.nulls(n_rows, found)  # the column is younger than the file
            for stored, found in self._data
        ]
        arrays += [
            pa.repeat(partition_scalar(values[place], column, found), n_rows)
            for place, column, found in self._parts
        ]
        if self._operation:
            arrays.append(pa.repeat(pa.scalar(file.operation, pa.int8()), n_rows))
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def partition_scalar(text: str, column: Column, found: AnyType) -> AnyArray:
    """Make the constant that stands in a partition column of every row of a partition."""
    value: object = text
    if pa.types.is_integer(found):
        value = int(text)
    elif column.type == PrimitiveType(Kind.DATE):
        value = date.fromisoformat(text)
    return pa.scalar(value, found)


def _overlapping(batches: Sequence[int], piece: Piece) -> Iterator[tuple[int, int, int]]:
    """Yield number, start and count of the rows of each batch that a piece covers."""
    first, end = piece.start, piece.start + piece.count
    position = 0
    for number, n_rows in enumerate(batches):
        start, stop = max(first, position), min(end, position + n_rows)
        if start < stop:
            yield number, start - position, stop - start
        position += n_rows
        if position >= end:
            return

"""What a scan asks for, and what it makes of the rows that come."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames import filters as row_filters
from odps_frames.errors import CorruptStream, SchemaMismatch
from odps_frames.model.types import Kind, PrimitiveType, VarcharType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from odps_frames.connection import Connection
    from odps_frames.filters import Condition
    from odps_frames.model.catalog import TableInfo
    from odps_frames.model.schema import Column, TableSchema
    from odps_frames.model.table import Partition
    from odps_frames.transport.retry import Meter

__all__ = ["Named", "narrowest", "needed", "previewed", "shaped", "speakable"]


def needed(
    schema: TableSchema,
    columns: tuple[str, ...] | None,
    condition: Condition | None,
    *,
    by_partition: bool,
) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """The data and partition columns to ask for; on the wire, none of them means all."""
    everything = [column.name for column in schema.all_columns]
    wanted = list(everything if columns is None else columns)
    if condition is not None:
        used = row_filters.columns_of(condition)
        lower = None if used is None else {name.lower() for name in used}
        wanted += [n for n in everything if lower is None or n.lower() in lower]
    if by_partition:
        wanted += schema.partition_names
    order = dict.fromkeys(wanted)
    data = tuple(name for name in order if name in set(schema.names))
    partition = tuple(name for name in order if name in set(schema.partition_names))
    return data or (narrowest(schema.columns),), partition or None


def shaped(
    batches: Iterator[pa.RecordBatch],
    schema: pa.Schema,
    *,
    condition: Condition | None = None,
    exact: frozenset[Partition] | None = None,
    named: Named | None = None,
    limit: int | None = None,
) -> Iterator[pa.RecordBatch]:
    """The rows that are wanted out of those that came: filtered, projected, limited."""
    left = limit
    try:
        for batch in batches:
            if named is not None:
                named.check(batch)
            kept = batch if exact is None else _within(batch, exact)
            if condition is not None:
                kept = row_filters.apply(condition, kept)
            kept = _project(kept, schema)
            if left is not None:
                kept = kept.slice(0, left)
                left -= kept.num_rows
            if kept.num_rows:
                yield kept
            if left == 0:
                return
    finally:
        close = getattr(batches, "close", None)
        if close is not None:
            close()


def previewed(
    connection: Connection,
    info: TableInfo,
    columns: tuple[str, ...] | None,
    chosen: tuple[Partition, ...] | None,
    *,
    limit: int | None,
    meter: Meter,
) -> list[pa.RecordBatch]:
    """The first rows of a table, or of the one partition that is chosen, without a session.

    The service may give fewer than ``limit``; all that it gives are rows that were asked for.
    """
    come, asked = info.schema.all_columns, None
    if columns is not None:
        data, parts = needed(info.schema, columns, None, by_partition=chosen is not None)
        asked = (*data, *(parts or ()))
        come = tuple(info.schema.column(name) for name in asked)
    batches = connection.preview_batches(
        info.ref,
        come,
        limit=limit,
        partition=None if chosen is None else str(chosen[0]),
        columns=asked,
        meter=meter,
    )
    if chosen is None or not batches:
        return batches
    return list(shaped(iter(batches), batches[0].schema, exact=frozenset(chosen)))


@dataclass(frozen=True, slots=True)
class Named:
    """The partitions that the service was told, so far as the texts of their columns say them.

    Other columns are left out: a number, and a text with blanks behind it, have several texts.
    """

    columns: tuple[str, ...]
    values: frozenset[tuple[str, ...]]

    @classmethod
    def of(cls, schema: TableSchema, partitions: Iterable[Partition]) -> Named | None:
        """Return what can be checked of these partitions; None where nothing can."""
        columns = [column for column in schema.partition_columns if _is_plain_text(column)]
        if not columns:
            return None
        names = tuple(column.name for column in columns)
        said = ({name.lower(): value for name, value in one.items} for one in partitions)
        values = frozenset(tuple(one[name.lower()] for name in names) for one in said)
        return cls(names, values)

    def check(self, batch: pa.RecordBatch) -> None:
        """Refuse rows of partitions that nobody asked for.

        Raises
        ------
        CorruptStream
            Naming the first one.
        """
        places = [name.lower() for name in batch.schema.names]
        found = batch.select([places.index(name.lower()) for name in self.columns])
        distinct = [array.unique().to_pylist() for array in found.columns]
        if self.values.issuperset(itertools.product(*distinct)):
            return
        rows = pa.Table.from_batches([found]).group_by(found.schema.names).aggregate([])
        for row in rows.to_pylist():
            if tuple(row.values()) not in self.values:
                msg = f"rows of the partition {row} came, which was not asked for"
                raise CorruptStream(msg)


def _is_plain_text(column: Column) -> bool:
    return isinstance(column.type, VarcharType) or column.type == PrimitiveType(Kind.STRING)


def speakable(partitions: tuple[Partition, ...]) -> bool:
    """Whether text can name every one of these partitions to the service."""
    return all(partition.speakable for partition in partitions)


def _within(batch: pa.RecordBatch, partitions: frozenset[Partition]) -> pa.RecordBatch:
    """The rows of these partitions, for those that no text can name to the service."""
    names = next(iter(partitions)).names
    texts = [batch.column(name).cast(pa.string()).to_pylist() for name in names]
    wanted = {partition.values for partition in partitions}
    return batch.filter(pa.array([row in wanted for row in zip(*texts, strict=True)]))


def _project(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Give the rows the schema that was promised; whoever reads a stream trusts in it.

    Raises
    ------
    SchemaMismatch
        When the table has become another one since the read was planned.
    """
    if batch.schema.equals(schema):
        return batch
    if not schema.names:
        # A batch without columns still has rows, which only a struct can say.
        rows = pa.StructArray.from_arrays([pa.nulls(batch.num_rows)], ["row"])
        return pa.RecordBatch.from_struct_array(rows).select([])
    places = {name.lower(): place for place, name in enumerate(batch.schema.names)}
    arrays = []
    for field in schema:
        place = places.get(field.name.lower())
        found = None if place is None else batch.column(place)
        if found is None or not found.type.equals(field.type):
            came = "is not there" if found is None else f"is {found.type}"
            msg = f"column {field.name!r} {came}; {field.type} was planned. Plan the read again"
            raise SchemaMismatch(msg)
        if found.null_count and not field.nullable:
            msg = f"column {field.name!r} holds NULL; NOT NULL was planned. Plan the read again"
            raise SchemaMismatch(msg)
        arrays.append(found)
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def narrowest(columns: tuple[Column, ...]) -> str:
    """Name the column that costs least to read."""
    widths = {
        Kind.BOOLEAN: 0,
        Kind.TINYINT: 1,
        Kind.SMALLINT: 2,
        Kind.INT: 3,
        Kind.FLOAT: 3,
        Kind.DATE: 3,
        Kind.BIGINT: 4,
        Kind.DOUBLE: 4,
        Kind.DATETIME: 4,
    }

    def width(column: Column) -> int:
        kind = column.type.kind if isinstance(column.type, PrimitiveType) else None
        return 9 if kind is None else widths.get(kind, 8)

    return min(columns, key=width).name

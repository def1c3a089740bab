"""Which bucket of a clustered table a row belongs to.

MaxCompute does not say how it hashes or where it cuts ranges. Here the bucket of a row depends on
nothing but its values: a hash of them, or bounds that the first rows of the table settled.
"""

from __future__ import annotations

import zlib
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa

from odps_frames.convert.timestamps import is_pair
from odps_frames.convert.untyped import pc
from odps_frames.model.types import CharType, DecimalType, Kind, PrimitiveType, VarcharType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from odps_frames.convert.untyped import AnyArray
    from odps_frames.emulator.catalog.tables import StoredColumn, Table
    from odps_frames.emulator.files import Kept
    from odps_frames.model.types import DataType

__all__ = ["Bounds", "Bucketer", "SettleBounds", "bounds_of", "can_cluster", "sorter"]

Bounds: TypeAlias = "tuple[tuple[str | int | None, ...], ...]"
"""The least keys of all buckets of a range-clustered table but the first, as plain JSON."""
SettleBounds: TypeAlias = "Callable[[str, Bounds], Bounds]"
"""Keeps bounds for a table that has none, by its id; returns those that it has then."""

_NUMBERS = frozenset({Kind.TINYINT, Kind.SMALLINT, Kind.INT, Kind.BIGINT, Kind.BOOLEAN, Kind.DATE})
_INSTANTS = frozenset({Kind.TIMESTAMP, Kind.TIMESTAMP_NTZ})
_NULL = np.uint64(0x9E3779B97F4A7C15)
_NANOS = 10**9


def can_cluster(type_: DataType) -> bool:
    """Whether rows can be put into buckets, or in order, by a column of a type."""
    match type_:
        case PrimitiveType(kind=kind):
            return kind in _NUMBERS | _INSTANTS | {Kind.STRING, Kind.DATETIME}
        case CharType() | VarcharType() | DecimalType():
            return True
        case _:
            return False


def _keys(array: AnyArray, type_: DataType) -> list[AnyArray]:
    """Give a kept column the form in which equal values are equal: numbers, texts, decimals."""
    if isinstance(type_, DecimalType):
        return [array]
    if isinstance(type_, CharType):
        return [pc.utf8_rtrim(array.cast(pa.string()), characters=" ")]
    if isinstance(type_, VarcharType) or type_ == PrimitiveType(Kind.STRING):
        return [array.cast(pa.string())]
    if is_pair(array.type):
        seconds, nanos = array.flatten()
        return [seconds.cast(pa.int64()), nanos.cast(pa.int64())]
    if pa.types.is_timestamp(array.type) and array.type.unit == "ns":
        numbers = array.cast(pa.int64())
        values = np.asarray(numbers.fill_null(0))
        mask = np.asarray(numbers.is_null())
        halves = np.divmod(values, _NANOS)
        return [pa.array(half, pa.int64(), mask=mask) for half in halves]
    if pa.types.is_date(array.type):
        array = array.cast(pa.int32())
    return [array.cast(pa.int64())]


class Bucketer:
    """Tells the buckets of rows of one table.

    Parameters
    ----------
    settle : callable, optional
        Keeps the bounds of a range-clustered table that has none yet.
    """

    def __init__(self, table: Table, settle: SettleBounds | None) -> None:
        self._table = table
        self._settle = settle
        self._bounds = table.bounds
        buckets = table.buckets
        self._n = (buckets.n if buckets is not None else None) or 1
        self._ranged = buckets is not None and buckets.kind == "range"
        self._columns = _stored(table, buckets.columns if buckets is not None else ())

    @property
    def is_ready(self) -> bool:
        """Whether the bucket of a row can be told; before, somebody must settle the bounds."""
        return not self._ranged or self._bounds is not None

    def settle(self, sample: Sequence[Kept]) -> None:
        """Settle the bounds so that these rows are spread evenly, unless somebody did before."""
        keys = pa.Table.from_batches([self._keyed(batch) for batch in sample])
        ordered = keys.take(_order(keys))
        places = [number * ordered.num_rows // self._n for number in range(1, self._n)]
        proposed = bounds_of(ordered.take(pa.array(places, pa.int64())))
        if self._settle is None:
            msg = f"nobody keeps the bounds of table {self._table.ref}"
            raise RuntimeError(msg)
        self._bounds = self._settle(self._table.id, proposed)

    def of(self, batch: Kept) -> AnyArray:
        """Return the bucket of each row."""
        keyed = self._keyed(batch)
        if not self._ranged:
            return pa.array(_hashes(keyed) % np.uint64(self._n), pa.int64())
        if self._bounds is None:
            msg = f"the bounds of table {self._table.ref} are not settled"
            raise RuntimeError(msg)
        return _places(pa.Table.from_batches([keyed]), self._bounds)

    def _keyed(self, batch: Kept) -> pa.RecordBatch:
        arrays = [
            key
            for stored in self._columns
            for key in _keys(batch.column(stored.field), stored.column.type)
        ]
        return pa.RecordBatch.from_arrays(arrays, names=[str(n) for n in range(len(arrays))])


def _stored(table: Table, names: Sequence[str]) -> list[StoredColumn]:
    by_name = {stored.column.name.lower(): stored for stored in table.columns}
    return [by_name[name.lower()] for name in names]


def _hashes(keys: pa.RecordBatch) -> np.ndarray:
    """Hash rows; the same on every machine and in every process."""
    found = np.zeros(keys.num_rows, dtype=np.uint64)
    for column in keys.columns:
        values = _hashed(column)
        values[np.asarray(column.is_null())] = _NULL
        found = _mixed(found * np.uint64(31) + values)
    return found


def _hashed(column: AnyArray) -> np.ndarray:
    if pa.types.is_integer(column.type):
        return np.array(column.fill_null(0), dtype=np.int64).view(np.uint64)
    coded = column.cast(pa.string()).fill_null("").dictionary_encode()
    sums = [zlib.crc32(text.encode()) for text in coded.dictionary.to_pylist()]
    found: np.ndarray = np.asarray(sums, dtype=np.uint64)[np.asarray(coded.indices)]
    return found


def _mixed(values: np.ndarray) -> np.ndarray:
    """Spread the bits of numbers that may be near each other (splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = values ^ (values >> np.uint64(31))
    return mixed


def bounds_of(keys: pa.Table) -> Bounds:
    """Write keys as plain JSON."""
    return tuple(
        tuple(str(value) if isinstance(value, Decimal) else value for value in row.values())
        for row in keys.to_pylist()
    )


def _places(keys: pa.Table, bounds: Bounds) -> AnyArray:
    """Return how many of the bounds are not above each row."""
    arrays = [
        pa.chunked_array([_bound_array([bound[n] for bound in bounds], keys.schema.field(n).type)])
        for n in range(keys.num_columns)
    ]
    marked = pa.concat_tables(
        [
            pa.table([*arrays, pa.repeat(pa.scalar(0), len(bounds))], [*keys.column_names, "row"]),
            keys.append_column("row", pa.chunked_array([pa.repeat(pa.scalar(1), keys.num_rows)])),
        ]
    )
    order = np.asarray(_order(marked))
    passed = np.cumsum(order < len(bounds))
    places = np.empty(len(order), dtype=np.int64)
    places[order] = passed
    return pa.array(places[len(bounds) :])


def _bound_array(values: Sequence[str | int | None], type_: pa.DataType) -> AnyArray:
    if pa.types.is_decimal(type_):
        return pa.array([None if value is None else Decimal(value) for value in values], type_)
    return pa.array(values, type_)


def _order(keys: pa.Table, falling: Sequence[bool] = ()) -> AnyArray:
    """Return the order of rows; NULL is the least of all values."""
    directions = [*falling, *[False] * (keys.num_columns - len(falling))]
    columns: dict[str, AnyArray] = {}
    sort_keys = []
    for number, (column, down) in enumerate(zip(keys.columns, directions, strict=True)):
        for name, array in ((f"known {number}", column.is_valid()), (f"{number}", column)):
            columns[name] = array
            sort_keys.append((name, "descending" if down else "ascending"))
    return pc.sort_indices(pa.table(columns), sort_keys=sort_keys)


def sorter(table: Table) -> Callable[[Kept], Kept] | None:
    """Return what puts rows of a bucket into their order, or None where they have none."""
    buckets = table.buckets
    if buckets is None or not buckets.sorted_by:
        return None
    columns = _stored(table, buckets.sort_names)

    def ordered(batch: Kept) -> Kept:
        arrays, falling = [], []
        for stored, down in zip(columns, buckets.descending, strict=True):
            keys = _keys(batch.column(stored.field), stored.column.type)
            arrays += keys
            falling += [down] * len(keys)
        keyed = pa.table(arrays, [str(number) for number in range(len(arrays))])
        return batch.take(_order(keyed, falling))

    return ordered

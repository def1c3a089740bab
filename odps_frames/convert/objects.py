"""Columns of Python objects to Arrow: one kind of value a column, looked at all at once.

pyarrow would infer too, but it lets kinds mix: of a date and a time it makes dates, of text and
bytes bytes, and nanoseconds of a ``pandas.Timestamp`` get lost (pyarrow 26).
"""

from __future__ import annotations

import datetime as dt
import os
from decimal import Decimal
from itertools import chain, repeat
from operator import attrgetter, itemgetter, methodcaller
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from odps_frames.convert.blob_cells import is_blob_kind
from odps_frames.convert.misfit import Misfit, attempt, show
from odps_frames.convert.nested import moved
from odps_frames.model.types import (
    ArrayType,
    Kind,
    MapType,
    PrimitiveType,
    StructType,
    VectorType,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from odps_frames.convert.blob_cells import BlobCells
    from odps_frames.convert.untyped import AnyArray
    from odps_frames.model.types import DataType

    Make = Callable[[AnyArray, "DataType | None", "BlobCells | None"], AnyArray]

__all__ = ["from_numpy", "from_objects"]

_PAIR = 2


def from_numpy(values: AnyArray) -> AnyArray:
    """Turn a numpy array of numbers, booleans or times into Arrow; NaN and NaT become NULL."""
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    return pa.array(values, from_pandas=True)


def from_objects(
    values: AnyArray, hint: DataType | None = None, cells: BlobCells | None = None
) -> AnyArray:
    """Turn a numpy array of objects into Arrow; everything that pandas takes for missing is NULL.

    Parameters
    ----------
    values : numpy.ndarray
        Of dtype object.
    hint : DataType, optional
        What the values are for: it tells maps from structs and lists, and blobs from bytes.
    cells : BlobCells, optional
        Keeps the objects that are blobs; without it none is taken for one.

    Raises
    ------
    Misfit
        For a value of another kind than those before it, or of no kind that a column can hold.
    """
    missing: AnyArray = pd.isna(values)
    present: AnyArray = values[~missing] if missing.any() else values
    if not len(present):
        return pa.nulls(len(values))
    try:
        if cells is not None and hint == PrimitiveType(Kind.BLOB):
            array = cells.numbered(present)
        else:
            array = _maker(present, cells)(present, hint, cells)
    except Misfit as misfit:
        misfit.position = int(np.flatnonzero(~missing)[misfit.position])
        raise
    if len(present) == len(values):
        return array
    return array.take(pa.array(np.cumsum(~missing) - 1, mask=missing))


def _maker(values: AnyArray, cells: BlobCells | None) -> Make:
    """Find the one kind of all values."""
    kinds = set(map(type, values))
    if cells is not None and any(map(is_blob_kind, kinds)):
        return _blobs
    makers = {type_: _maker_of(type_) for type_ in kinds}
    first = type(values[0])
    make = makers[first]
    if make is None:
        why = f"no type of MaxCompute holds a value of {first.__name__}; cast the column"
        if issubclass(first, os.PathLike):
            why += ", or make it a column of blobs with odps_types={…: 'blob'}"
        raise Misfit(0, show(values[0]), why)
    if len(set(makers.values())) > 1:
        position = next(i for i, value in enumerate(values) if makers[type(value)] != make)
        found = type(values[position]).__name__
        why = f"it is {found} after {first.__name__}; make all values of one kind"
        raise Misfit(position, show(values[position]), why)
    return make


def _maker_of(type_: type) -> Make | None:
    return next((make for classes, make in _KINDS if issubclass(type_, classes)), None)


def _blobs(values: AnyArray, _: object, cells: BlobCells | None) -> AnyArray:
    assert cells is not None  # noqa: S101  else nothing is taken for a blob
    return cells.numbered(values)


def _booleans(values: AnyArray, *_: object) -> AnyArray:
    return from_numpy(values.astype(bool))


def _integers(values: AnyArray, *_: object) -> AnyArray:
    whole = list(map(int, values))
    least, most = min(whole), max(whole)
    for type_, low, high in ((pa.int64(), -(2**63), 2**63), (pa.uint64(), 0, 2**64)):
        if low <= least and most < high:
            return pa.array(whole, type_)
    return _decimals(_array(map(Decimal, whole), len(whole)), None)


def _floats(values: AnyArray, *_: object) -> AnyArray:
    single = set(map(type, values)) == {np.float32}
    return from_numpy(values.astype(np.float32 if single else np.float64))


def _decimals(values: AnyArray, *_: object) -> AnyArray:
    return attempt(values, pa.array, "a number of at most 76 digits is expected")


def _texts(values: AnyArray, *_: object) -> AnyArray:
    return attempt(values, lambda some: pa.array(some, pa.large_string()), "")


def _bytes(values: AnyArray, *_: object) -> AnyArray:
    return attempt(values, lambda some: pa.array(some, pa.large_binary()), "")


def _dates(values: AnyArray, *_: object) -> AnyArray:
    return attempt(values, lambda some: pa.array(some, pa.date32()), "")


def _times_of_day(values: AnyArray, *_: object) -> AnyArray:
    return attempt(values, lambda some: pa.array(some, pa.time64("us")), "")


def _datetimes(values: AnyArray, *_: object) -> AnyArray:
    naive = np.fromiter((zone is None for zone in map(attrgetter("tzinfo"), values)), dtype=bool)
    if naive.any() and not naive.all():
        position = int(np.flatnonzero(naive != naive[0])[0])
        why = "times with and without a zone stand in one column; make all of one kind"
        raise Misfit(position, show(values[position]), why)
    unit: Any = "ns" if _any(values, "nanosecond") else "us"
    type_ = pa.timestamp(unit) if naive.all() else pa.timestamp(unit, "UTC")
    return attempt(values, lambda some: pa.array(some, type_), f"{unit!r} cannot count that far")


def _timedeltas(values: AnyArray, *_: object) -> AnyArray:
    unit: Any = "ns" if _any(values, "nanoseconds") else "us"
    type_ = pa.duration(unit)
    return attempt(values, lambda some: pa.array(some, type_), f"{unit!r} cannot count that far")


def _any(values: AnyArray, attribute: str) -> bool:
    """Whether any value has something in an attribute that only some of the classes have."""
    return any(map(getattr, values, repeat(attribute), repeat(0)))


def _numpy_times(values: AnyArray, *_: object) -> AnyArray:
    if len(units := set(map(attrgetter("dtype"), values))) > 1:
        raise Misfit(0, show(values[0]), f"units {sorted(map(str, units))} mix; make all of one")
    return attempt(values, lambda some: from_numpy(np.array(list(some))), "")


def _lists(values: AnyArray, hint: DataType | None, cells: BlobCells | None) -> AnyArray:
    if isinstance(hint, MapType):
        return _maps(values, hint, cells)
    offsets = _offsets(values)
    with moved(offsets):
        elements = _elements(values, offsets[-1].as_py(), hint, cells)
    type_ = pa.list_(pa.field("element", elements.type))
    return pa.ListArray.from_arrays(offsets, elements, type=type_)


def _elements(
    values: AnyArray, n_elements: int, hint: DataType | None, cells: BlobCells | None
) -> AnyArray:
    if set(map(type, values)) == {np.ndarray}:
        shapes = set(zip(map(attrgetter("dtype.kind"), values), map(np.ndim, values), strict=True))
        if shapes in ({("f", 1)}, {("i", 1)}, {("u", 1)}, {("b", 1)}):
            return from_numpy(np.concatenate(list(values)))
    inner = hint.element if isinstance(hint, ArrayType | VectorType) else None
    return from_objects(_array(chain.from_iterable(values), n_elements), inner, cells)


def _dicts(values: AnyArray, hint: DataType | None, cells: BlobCells | None) -> AnyArray:
    if isinstance(hint, MapType):
        return _maps(values, hint, cells)
    names = list(dict.fromkeys(chain.from_iterable(values)))
    if not names:
        raise Misfit(0, show(values[0]), "a struct has members; for a map make the table first")
    if other := [name for name in names if not isinstance(name, str)]:
        position = next(i for i, value in enumerate(values) if other[0] in value)
        why = "a member of a struct is named by text; for a map make the table first"
        raise Misfit(position, show(values[position]), why)
    hints = {}
    if isinstance(hint, StructType):
        hints = {field.name.lower(): field.type for field in hint.fields}
    columns = [_array(map(methodcaller("get", name), values), len(values)) for name in names]
    members = [
        from_objects(column, hints.get(name.lower()), cells)
        for name, column in zip(names, columns, strict=True)
    ]
    return pa.StructArray.from_arrays(members, names=names)


def _maps(values: AnyArray, hint: MapType, cells: BlobCells | None) -> AnyArray:
    """Dicts, or lists of pairs."""
    offsets = _offsets(values)
    n_entries = offsets[-1].as_py()
    entries = _array(chain.from_iterable(map(_pairs, values)), n_entries)
    with moved(offsets):
        position = next((i for i, size in enumerate(map(_length, entries)) if size != _PAIR), None)
        if position is not None:
            raise Misfit(position, show(entries[position]), "a pair of key and value is expected")
        keys = from_objects(_array(map(itemgetter(0), entries), n_entries), hint.key, cells)
        if keys.null_count:
            position = keys.is_null().index(pa.scalar(value=True)).as_py()
            raise Misfit(position, show(entries[position]), "a key of a map cannot be NULL")
        items = from_objects(_array(map(itemgetter(1), entries), n_entries), hint.value, cells)
    return pa.MapArray.from_arrays(offsets, keys, items)


def _pairs(value: Any) -> Iterable[Any]:  # noqa: ANN401  a dict, or a list of anything
    return value.items() if isinstance(value, dict) else value


def _length(value: object) -> int:
    return len(value) if isinstance(value, list | tuple | np.ndarray) else -1


def _offsets(values: AnyArray) -> AnyArray:
    lengths = attempt(values, lambda some: pa.array(list(map(len, some))), "it has no length")
    return pa.array(np.concatenate([[0], np.cumsum(lengths)])).cast(pa.int32())


def _array(values: Iterable[object], count: int) -> AnyArray:
    return np.fromiter(values, dtype=object, count=count)


_KINDS: tuple[tuple[tuple[type, ...], Make], ...] = (
    # A class stands before those that it is a subclass of.
    ((bool, np.bool_), _booleans),
    ((np.datetime64, np.timedelta64), _numpy_times),
    ((int, np.integer), _integers),
    ((float, np.float16, np.float32), _floats),
    ((Decimal,), _decimals),
    ((str,), _texts),
    ((bytes, bytearray, memoryview), _bytes),
    ((dt.datetime,), _datetimes),
    ((dt.date,), _dates),
    ((dt.time,), _times_of_day),
    ((dt.timedelta,), _timedeltas),
    ((list, tuple, np.ndarray), _lists),
    ((dict,), _dicts),
)

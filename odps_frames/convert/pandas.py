"""Arrow to pandas: which dtype each type of MaxCompute gets, and whole columns turned into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from odps_frames.convert.blob_objects import with_blob_objects
from odps_frames.convert.blobs import has_blobs
from odps_frames.convert.misfit import attempt, blame, require
from odps_frames.convert.nested import is_nested
from odps_frames.convert.untyped import pc
from odps_frames.convert.zones import check_zone, zoned_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.convert.untyped import AnyArray, AnyType
    from odps_frames.model.schema import Column

    TypesMapper = Callable[[pa.DataType], Any]

__all__ = ["DtypeBackend", "check_frame", "to_pandas"]

DtypeBackend = Literal["pyarrow", "numpy_nullable", "numpy"]

_STR = pd.StringDtype("pyarrow", na_value=np.nan)
_DEFAULT: dict[AnyType, AnyType] = {
    pa.bool_(): pd.BooleanDtype(),
    pa.string(): _STR,
    pa.large_string(): _STR,
}
_NUMPY_NULLABLE: dict[AnyType, AnyType] = {
    pa.float32(): pd.Float32Dtype(),
    pa.float64(): pd.Float64Dtype(),
    pa.string(): pd.StringDtype(),
    pa.large_string(): pd.StringDtype(),
}
_NOT_A_TIME = -(2**63)
"""What numpy takes for a missing time; to Arrow it is a time like any other."""


def to_pandas(
    table: pa.Table,
    columns: tuple[Column, ...],
    *,
    dtype_backend: DtypeBackend | None = None,
    types_mapper: TypesMapper | None = None,
    tz: str = "UTC",
    blob_of: Callable[[bytes], object] | None = None,
) -> pd.DataFrame:
    """Turn a table into a frame whose dtypes follow from ``columns`` alone, never from the data.

    Parameters
    ----------
    table : pyarrow.Table
        As `normalise` leaves it, columns in the order of ``columns``. They are let go one by one,
        so where the caller keeps no reference memory falls on the way.
    dtype_backend : {None, "pyarrow", "numpy_nullable", "numpy"}
        None: no value changes, but that NULL and NaN of floats are both NaN. ``"numpy"`` raises
        where a value would change. In the last two, nested values are lists, dicts for structs,
        and lists of pairs for maps.
    types_mapper : callable, optional
        From an Arrow type to a pandas dtype, or to None to leave it to ``dtype_backend``.
    tz : str
        Zone in which DATETIME and TIMESTAMP are shown.
    blob_of : callable, optional
        What stands for a blob, made of its reference; columns with blobs are then objects.

    Raises
    ------
    CastError
        For a value that its dtype cannot hold.
    """
    check_frame(dtype_backend, types_mapper, tz)
    make = _maker(dtype_backend)
    rows = pd.RangeIndex(table.num_rows)
    names = pd.Index([column.name for column in columns], dtype="str")
    waiting = list(zip(columns, table.columns, strict=True))[::-1]
    del table
    made: dict[str, Any] = {}
    while waiting:
        column, array = waiting.pop()
        with blame(column.name, column.type, f"dtype_backend={dtype_backend!r}"):
            type_ = zoned_type(array.type, column.type, tz)
            if type_ != array.type:
                array = array.cast(type_)
            dtype = types_mapper(type_) if types_mapper else None
            if blob_of is not None and has_blobs(column.type):
                made[column.name] = with_blob_objects(array, column.type, blob_of)
            else:
                made[column.name] = make(array) if dtype is None else dtype.__from_arrow__(array)
            del array
    return pd.DataFrame(made, index=rows, columns=names, copy=False)


def check_frame(dtype_backend: object, types_mapper: object, tz: object) -> None:
    """Check how a frame is to be made, which is best known before anything is read.

    Raises
    ------
    ValueError, TypeError, ConfigError
        For a backend, a mapper or a zone that there is not.
    """
    _maker(dtype_backend)
    if types_mapper is not None and not callable(types_mapper):
        msg = f"types_mapper={types_mapper!r}; expected a callable that takes an Arrow type"
        raise TypeError(msg)
    if tz is not None and not isinstance(tz, str):
        msg = f"tz={tz!r}; expected the name of a zone, such as 'Asia/Shanghai'"
        raise TypeError(msg)
    if tz is not None:
        check_zone(tz)


def _maker(backend: object) -> Callable[[AnyArray], Any]:
    match backend:
        case None:
            return _default
        case "pyarrow":
            return _arrow
        case "numpy_nullable":
            return _numpy_nullable
        case "numpy":
            return _numpy
        case _:
            raise ValueError(
                f"dtype_backend is {backend!r}; "
                "expected None, 'pyarrow', 'numpy_nullable' or 'numpy'"
            )


def _default(array: AnyArray) -> AnyArray:
    type_ = array.type
    if pa.types.is_signed_integer(type_):
        return _integers(array)
    if type_ in _DEFAULT:
        return _DEFAULT[type_].__from_arrow__(array)
    if pa.types.is_floating(type_):
        return _writable(array.to_numpy())
    if pa.types.is_timestamp(type_):
        return _times(array)
    return _arrow(array)


def _arrow(array: AnyArray) -> AnyArray:
    dtype: AnyType = pd.ArrowDtype(array.type)
    return dtype.__from_arrow__(array)


def _numpy_nullable(array: AnyArray) -> AnyArray:
    if _is_count(array.type):
        return _default(array)
    dtype = _NUMPY_NULLABLE.get(array.type)
    return _numpy(array) if dtype is None else dtype.__from_arrow__(array)


def _numpy(array: AnyArray) -> AnyArray:
    type_ = array.type
    if _is_count(type_):
        require(array, array.is_valid(), "numpy has no NULL of that type; take another backend")
        return _writable(array.to_numpy())
    if pa.types.is_timestamp(type_) or pa.types.is_duration(type_):
        return _times(array)
    if is_nested(type_):
        return _objects(array)
    if type_ in _DEFAULT or pa.types.is_floating(type_):
        return _default(array)
    # Decimals, dates and bytes as objects; the dtype said, so that pandas does not look for one.
    return pd.Series(array.to_pandas(date_as_object=True), dtype=object).array


def _is_count(type_: AnyType) -> bool:
    return pa.types.is_signed_integer(type_) or pa.types.is_boolean(type_)


def _integers(array: AnyArray) -> AnyArray:
    """Copy each chunk to its place: by way of the dtype the column would be copied twice."""
    dtype = np.dtype(array.type.to_pandas_dtype())
    values = np.empty(len(array), dtype)
    missing = np.zeros(len(array), dtype=bool)
    stop = 0
    for chunk in filter(len, array.chunks):
        start, stop = stop, stop + len(chunk)
        first = chunk.offset * dtype.itemsize
        values[start:stop] = np.frombuffer(chunk.buffers()[1], dtype, len(chunk), first)
        if chunk.null_count:
            missing[start:stop] = chunk.is_null().to_numpy(zero_copy_only=False)
    return pd.arrays.IntegerArray(values, missing)


def _times(array: AnyArray) -> AnyArray:
    ticks = pc.min(array.cast(pa.int64())).as_py()
    if ticks == _NOT_A_TIME:
        plain = array.cast(pa.int64())
        require(plain, pc.not_equal(plain, _NOT_A_TIME), "pandas takes this number for NaT")
    if pa.types.is_timestamp(array.type) and array.type.tz is not None:
        return pd.DatetimeTZDtype(array.type.unit, array.type.tz).__from_arrow__(array)
    return _writable(array.to_numpy())


def _objects(array: AnyArray) -> AnyArray:
    def convert(some: AnyArray) -> AnyArray:
        return np.fromiter(some.to_pylist(), dtype=object, count=len(some))

    why = "Python has no such value; take dtype_backend=None or 'pyarrow', or tz='UTC'"
    return pd.Series(attempt(array, convert, why), dtype=object).array


def _writable(values: AnyArray) -> AnyArray:
    """Copy what is a view of Arrow's memory: that may not be written to, a frame may."""
    return values if values.flags.writeable else values.copy()

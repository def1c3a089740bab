"""Columns of a pandas frame, to be taken as Arrow a stretch of rows at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from odps_frames.convert.misfit import blame
from odps_frames.convert.objects import from_numpy, from_objects
from odps_frames.convert.untyped import pc
from odps_frames.errors import SchemaMismatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.convert.blob_cells import BlobCells
    from odps_frames.convert.untyped import AnyArray, AnyType
    from odps_frames.model.types import DataType

__all__ = ["FrameColumn"]

_LARGE = {
    pa.string(): pa.large_string(),
    pa.string_view(): pa.large_string(),
    pa.binary(): pa.large_binary(),
    pa.binary_view(): pa.large_binary(),
}
"""Types of which stretches can be joined without end."""


@dataclass(frozen=True, slots=True)
class FrameColumn:
    """A column of a frame: its Arrow type, known beforehand, and its rows on demand.

    All that pandas takes for missing is NULL. Where the dtype allows it nothing is copied.
    """

    name: str
    type: AnyType
    take: Callable[[int, int], AnyArray]
    """The rows from a start to a stop, as one array."""

    @classmethod
    def of(
        cls,
        name: str,
        series: AnyArray,
        hint: DataType | None = None,
        cells: BlobCells | None = None,
    ) -> FrameColumn:
        """Look at a series; only one of objects is converted at once, to know its type.

        Raises
        ------
        SchemaMismatch
            For a dtype that no column can hold.
        CastError
            For an object of another kind than those before it.
        """
        dtype = series.dtype
        if isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype) or dtype.kind == "c":
            raise SchemaMismatch(
                f"column {name!r} has the dtype {dtype}, which no type of MaxCompute holds; "
                "cast it, as with astype('str')"
            )
        if isinstance(dtype, pd.CategoricalDtype):
            return _categorical(name, series)
        if isinstance(dtype, pd.DatetimeTZDtype):
            return _zoned(name, series)
        if isinstance(dtype, pd.SparseDtype):
            series = pd.Series(np.asarray(series.array))
        if isinstance(series.dtype, np.dtype):
            return _plain(name, series.to_numpy(), hint, cells)
        if isinstance(dtype, pd.ArrowDtype | pd.StringDtype):
            return _chunked(name, series.array.__arrow_array__())
        return _extension(name, series.array)


def _plain(
    name: str, values: AnyArray, hint: DataType | None, cells: BlobCells | None
) -> FrameColumn:
    if values.dtype.kind == "O":
        with blame(name, "dtype object", "one type of Arrow"):
            return _whole(name, from_objects(values, hint, cells))
    if values.dtype.kind not in "biufmM" or values.dtype == np.longdouble:
        raise SchemaMismatch(
            f"column {name!r} has the dtype {values.dtype}, which Arrow does not know; cast it"
        )
    kind = from_numpy(values[:0]).type
    return FrameColumn(name, kind, lambda start, stop: from_numpy(values[start:stop]))


def _whole(name: str, array: AnyArray) -> FrameColumn:
    return FrameColumn(name, array.type, lambda start, stop: array.slice(start, stop - start))


def _zoned(name: str, series: AnyArray) -> FrameColumn:
    # Only the instants count; so any zone of Python will do, whether Arrow knows its name or not.
    values = series.array.tz_convert(None).to_numpy()
    type_ = pa.timestamp(series.dtype.unit, "UTC")
    return FrameColumn(name, type_, lambda start, stop: from_numpy(values[start:stop]).cast(type_))


def _categorical(name: str, series: AnyArray) -> FrameColumn:
    categories = FrameColumn.of(name, pd.Series(series.cat.categories))
    values = categories.take(0, len(series.cat.categories))
    codes = series.cat.codes.to_numpy()

    def take(start: int, stop: int) -> AnyArray:
        some = codes[start:stop]
        return values.take(pa.array(some, mask=some < 0))

    return FrameColumn(name, categories.type, take)


def _chunked(name: str, values: AnyArray) -> FrameColumn:
    if isinstance(values, pa.Array):
        values = pa.chunked_array([values])
    type_ = _LARGE.get(values.type, values.type)

    def take(start: int, stop: int) -> AnyArray:
        some = values.slice(start, stop - start)
        some = some if some.type == type_ else some.cast(type_)
        return _without_nan(some.combine_chunks())

    return FrameColumn(name, type_, take)


def _extension(name: str, values: AnyArray) -> FrameColumn:
    def take(start: int, stop: int) -> AnyArray:
        return _without_nan(pa.array(values[start:stop]))

    try:
        return FrameColumn(name, take(0, 0).type, take)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise SchemaMismatch(
            f"column {name!r} has the dtype {values.dtype}, which does not say how it becomes "
            "Arrow; cast it"
        ) from error


def _without_nan(array: AnyArray) -> AnyArray:
    if not pa.types.is_floating(array.type):
        return array
    return pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)

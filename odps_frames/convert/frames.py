"""Anything that holds rows, as a stream of Arrow batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from odps_frames.convert.columns import FrameColumn
from odps_frames.convert.extensions import check_polars
from odps_frames.errors import SchemaMismatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from odps_frames.convert.blob_cells import BlobCells
    from odps_frames.convert.untyped import AnyArray
    from odps_frames.model.schema import Column

__all__ = ["MAX_BATCH_ROWS", "arrow_reader"]

MAX_BATCH_ROWS = 65_536
_MAX_BATCH_BYTES = 2**30
"""Half of what the offsets of one plain column of text or bytes can count."""
_UNKNOWN_TYPE = "unsupported format string"
"""What pyarrow says of a type that a stream announces and it cannot read."""
_SHARED = 1.5
"""Halves that together have so many times the bytes of the whole share most of them."""


def arrow_reader(
    data: object,
    *,
    index: bool = False,
    columns: tuple[Column, ...] = (),
    cells: BlobCells | None = None,
    max_batch_bytes: int = _MAX_BATCH_BYTES,
) -> pa.RecordBatchReader:
    """Read data as Arrow batches of at most 65,536 rows.

    Parameters
    ----------
    data : object
        A frame of pandas, where everything missing is NULL; or Arrow, where NaN stays NaN: a
        table, batch, reader or dataset of pyarrow, anything with ``__arrow_c_stream__`` (Polars,
        DuckDB), or a callable that returns one of these.
    index : bool
        Whether the levels of a pandas index are columns too.
    columns : tuple of Column
        The columns that the data is for, where known: of Python objects in a frame they tell
        maps from structs and lists, and blobs from bytes.
    cells : BlobCells, optional
        Keeps Python objects of a frame that are blobs.
    max_batch_bytes : int
        Size from which a batch is halved.

    Raises
    ------
    TypeError
        For data of another kind.
    SchemaMismatch
        For names or dtypes that no table can have.
    CastError
        For a column of Python objects of several kinds.
    """
    if isinstance(data, pd.DataFrame):
        schema, batches = _from_pandas(data, index=index, columns=columns, cells=cells)
        return pa.RecordBatchReader.from_batches(schema, _capped(batches, max_batch_bytes))
    if index:
        raise TypeError(f"index=True is for pandas; {_name(data)} has no index")
    if callable(data) and not hasattr(data, "__arrow_c_stream__"):
        return arrow_reader(data(), columns=columns, cells=cells, max_batch_bytes=max_batch_bytes)
    reader = _reader(data)
    return pa.RecordBatchReader.from_batches(reader.schema, _capped(reader, max_batch_bytes))


def _reader(data: Any) -> AnyArray:  # noqa: ANN401  asked what it can do
    match data:
        case pa.Table():
            return data.to_reader(max_chunksize=MAX_BATCH_ROWS)
        case pa.RecordBatchReader():
            return data
        case pa.RecordBatch():
            return pa.RecordBatchReader.from_batches(data.schema, [data])
        case ds.Dataset():
            return data.scanner(batch_size=MAX_BATCH_ROWS).to_reader()
        case ds.Scanner():
            return data.to_reader()
        case _:
            return _foreign_reader(data)


def _foreign_reader(data: Any) -> AnyArray:  # noqa: ANN401  asked what it can do
    if hasattr(data, "collect_schema") and hasattr(data, "collect"):  # a lazy frame of Polars
        data = data.collect()
    if not hasattr(data, "__arrow_c_stream__"):
        raise _refusal(data)
    check_polars(data)
    try:
        return pa.RecordBatchReader.from_stream(data)
    except pa.ArrowInvalid as error:
        if _UNKNOWN_TYPE in str(error):
            raise SchemaMismatch(
                f"data is a {_name(data)} with a column of a type that pyarrow does not know "
                f"({error}); cast it"
            ) from error
        raise _refusal(data) from error  # a stream of values, not of rows


def _refusal(data: object) -> TypeError:
    return TypeError(
        f"data is a {_name(data)}; expected a frame of pandas, Polars or DuckDB, a table, batch, "
        "reader or dataset of pyarrow, anything else with __arrow_c_stream__ that holds rows, "
        "or a callable that returns one of these"
    )


def _name(data: object) -> str:
    return f"{type(data).__module__}.{type(data).__qualname__}"


def _capped(batches: Iterable[pa.RecordBatch], max_bytes: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, batch.num_rows, MAX_BATCH_ROWS):
            yield from _halved(batch.slice(start, MAX_BATCH_ROWS), max_bytes)


def _halved(batch: pa.RecordBatch, max_bytes: int) -> Iterator[pa.RecordBatch]:
    """Halve a batch that holds very much, unless the halves would share it."""
    half = batch.num_rows // 2
    if batch.nbytes > max_bytes and half:
        front, back = batch.slice(0, half), batch.slice(half)
        if front.nbytes + back.nbytes < _SHARED * batch.nbytes:
            yield from _halved(front, max_bytes)
            yield from _halved(back, max_bytes)
            return
    yield batch


def _from_pandas(
    frame: pd.DataFrame, *, index: bool, columns: tuple[Column, ...], cells: BlobCells | None
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    found = [*(_index_levels(frame) if index else ()), *_named_columns(frame)]
    names = [name for name, _ in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SchemaMismatch(f"columns stand twice in the frame: {twice}; rename or drop some")
    hints = {column.name.lower(): column.type for column in columns}
    sources = [
        FrameColumn.of(name, series, hints.get(name.lower()), cells) for name, series in found
    ]
    schema = pa.schema([(source.name, source.type) for source in sources])

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, len(frame), MAX_BATCH_ROWS):
            stop = min(start + MAX_BATCH_ROWS, len(frame))
            arrays = [source.take(start, stop) for source in sources]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    return schema, batches()


def _named_columns(frame: pd.DataFrame) -> list[tuple[str, Any]]:
    if other := [name for name in frame.columns if not isinstance(name, str)]:
        raise SchemaMismatch(
            f"names of columns are text, but the frame has {other[:10]}; "
            "name them, as with df.columns = df.columns.astype('str')"
        )
    return [(name, frame.iloc[:, place]) for place, name in enumerate(frame.columns)]


def _index_levels(frame: pd.DataFrame) -> list[tuple[str, Any]]:
    if not all(isinstance(name, str) for name in frame.index.names):
        raise SchemaMismatch(
            f"index=True, but the levels of the index are named {list(frame.index.names)}; "
            "name them with text, as with df.rename_axis('id')"
        )
    levels = range(frame.index.nlevels)
    return [
        (str(frame.index.names[level]), pd.Series(frame.index.get_level_values(level)))
        for level in levels
    ]

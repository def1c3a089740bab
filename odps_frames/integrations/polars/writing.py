"""Frames of Polars into tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

from odps_frames.convert.extensions import check_polars
from odps_frames.frame_writes import to_odps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Unpack

    from odps_frames.frame_writes import WriteKeywords
    from odps_frames.write_options import WriteResult

__all__ = ["sink_odps", "write_odps"]

CHUNK_ROWS = 65_536


def write_odps(
    frame: pl.DataFrame | pl.LazyFrame, table: str, **options: Unpack[WriteKeywords]
) -> WriteResult:
    """Write a frame into a table with one commit; a LazyFrame as ``sink_odps`` does.

    Options are those of ``of.to_odps``.

    Examples
    --------
    >>> import polars as pl
    >>> import odps_frames as of
    >>> with of.local():
    ...     of.polars.write_odps(pl.DataFrame({"id": [1, 2]}), "t", create=True).rows
    2
    """
    _check(frame, pl.DataFrame | pl.LazyFrame, "a DataFrame or LazyFrame of Polars")
    if isinstance(frame, pl.LazyFrame):
        return sink_odps(frame, table, **options)
    return to_odps(frame, table, **options)


def sink_odps(frame: pl.LazyFrame, table: str, **options: Unpack[WriteKeywords]) -> WriteResult:
    """Carry out a plan, and write its rows as they come, with one commit at the end.

    Memory does not grow with the rows. Options are those of ``of.to_odps``; a plan that fails
    leaves nothing behind.

    Examples
    --------
    >>> import polars as pl
    >>> import odps_frames as of
    >>> with of.local():
    ...     plan = pl.LazyFrame({"id": [1, 2, 3]}).filter(pl.col("id") > 1)
    ...     of.polars.sink_odps(plan, "t", create=True).rows
    2
    """
    _check(frame, pl.LazyFrame, "a LazyFrame, as frame.lazy() gives")
    nothing = pl.DataFrame(schema=frame.collect_schema())
    check_polars(nothing)
    schema = pa.RecordBatchReader.from_stream(nothing).schema
    return to_odps(
        lambda: pa.RecordBatchReader.from_batches(schema, _batches(frame)), table, **options
    )


def _check(frame: object, kind: Any, expected: str) -> None:  # noqa: ANN401  for isinstance
    if not isinstance(frame, kind):
        msg = f"frame is a {type(frame).__name__}; expected {expected}"
        raise TypeError(msg)


def _batches(frame: pl.LazyFrame) -> Iterator[pa.RecordBatch]:
    chunks = frame.collect_batches(
        chunk_size=CHUNK_ROWS, maintain_order=True, lazy=True, engine="streaming"
    )
    for chunk in chunks:
        yield from pa.RecordBatchReader.from_stream(chunk)

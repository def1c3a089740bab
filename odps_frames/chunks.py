"""A table as frames of so many rows, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from odps_frames.convert.pandas import check_frame, to_pandas
from odps_frames.scan_blobs import file_maker
from odps_frames.transport.retry import Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from types import TracebackType

    import pandas as pd

    from odps_frames.scan import DtypeBackend, Scan

__all__ = ["FrameReader"]


class FrameReader:
    """Frames of ``chunksize`` rows, the last one maybe shorter; memory does not grow.

    It is an iterator and a context manager; leaving the ``with`` block closes the connections.
    """

    def __init__(
        self,
        plan: Scan,
        chunksize: int,
        *,
        index: list[str],
        dtype_backend: DtypeBackend | None,
        types_mapper: Callable[[pa.DataType], Any] | None,
        tz: str | None,
    ) -> None:
        self._plan = plan
        self._chunksize = chunksize
        self._index = index
        self._dtype_backend = dtype_backend
        self._types_mapper = types_mapper
        self._tz = tz or plan.connection.config.timezone
        check_frame(dtype_backend, types_mapper, self._tz)
        self._frames = self._read()

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return self

    def __next__(self) -> pd.DataFrame:
        return next(self._frames)

    def close(self) -> None:
        """Stop reading."""
        self._frames.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self) -> Generator[pd.DataFrame, None, None]:
        schema, batches, facts = self._plan.open(Meter())
        held: list[pa.RecordBatch] = []
        rows = start = 0
        try:
            for batch in batches:
                rest = batch
                while rows + rest.num_rows >= self._chunksize:
                    taken = self._chunksize - rows
                    yield self._frame([*held, rest.slice(0, taken)], schema, start, facts)
                    start += self._chunksize
                    held, rows, rest = [], 0, rest.slice(taken)
                if rest.num_rows:
                    held.append(rest)
                    rows += rest.num_rows
            if held or not start:  # an empty table is one empty frame, with its dtypes
                yield self._frame(held, schema, start, facts)
        finally:
            close = getattr(batches, "close", None)
            if close is not None:
                close()

    def _frame(
        self, batches: list[pa.RecordBatch], schema: pa.Schema, start: int, facts: dict[str, Any]
    ) -> pd.DataFrame:
        table = pa.Table.from_batches(batches, schema=schema)
        frame = to_pandas(
            table,
            self._plan.schema,
            dtype_backend=self._dtype_backend,
            types_mapper=self._types_mapper,
            tz=self._tz,
            blob_of=file_maker(self._plan.connection, self._plan.options.blobs),
        )
        frame.attrs["odps"] = {**facts, "rows": len(frame)}
        if self._index:
            return frame.set_index(self._index)
        frame.index = frame.index + start
        return frame

"""Rows on their way into a table with a primary key: one a key, each with its operation.

Streams have no order, so that of several rows of one key only the last is sent. Which rows those
are is known when all rows have been seen: rows that come as a stream wait in a file of this
machine until then, and memory holds no more of them than their keys.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from odps_frames.errors import CastError
from odps_frames.flow import Flow
from odps_frames.operations import OPERATION_FIELD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.operations import Operations
    from odps_frames.target import Target
    from odps_frames.write_options import WriteOptions

__all__ = ["KeyedFlow"]

pc: Any = pa.compute
_ROW, _PREFIX = "row", "key."


class KeyedFlow(Flow):
    """Batches for a table with a primary key.

    With ``mode="upsert"`` the last row of a key counts, in the order of the data. In the other
    modes, which add rows, two rows of one key raise.

    Parameters
    ----------
    operations : Operations
        Casts batches and says what becomes of their rows.
    key : tuple of str
        The key columns; a key is unique in its partition.
    in_memory : bool
        The data is held as a whole anyway, so that it need not wait in a file.
    """

    def __init__(
        self,
        operations: Operations,
        target: Target,
        options: WriteOptions,
        *,
        key: tuple[str, ...],
        in_memory: bool,
    ) -> None:
        super().__init__(operations.fitter, target, options)
        self._operations = operations
        self._key = [*(column.name for column in target.dynamic), *key]
        self._in_memory = in_memory
        self.schema = self.schema.append(OPERATION_FIELD)
        fields = [self.schema.field(name) for name in self._key]
        self._key_schema = pa.schema([field.with_name(_PREFIX + field.name) for field in fields])

    def batches(self, source: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the rows that count, when all rows have been seen and fit."""
        keys: list[pa.RecordBatch] = []
        with _held(self.schema, in_memory=self._in_memory) as held:
            for batch in source:
                rows = self._made(batch)
                keys.append(self._keys(rows))
                held.add(rows)
            left = self._left(pa.Table.from_batches(keys, self._key_schema))
            self.rows = int(left.sum())
            start = 0
            for rows in held.all():
                mask = left[start : start + rows.num_rows]
                start += rows.num_rows
                kept = rows if mask.all() else rows.filter(pa.array(mask))
                if kept.num_rows:
                    yield kept

    def _made(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Cast a batch and say what becomes of each row."""
        plain, said = self._operations.parted(batch)
        fitted = self._fitter.fit(self._filled(plain), self.rows)
        column = self._operations.of(fitted, said, self.rows)
        self._note_partitions(fitted)
        self.rows += fitted.num_rows
        full = self._with_constants(fitted)
        return pa.RecordBatch.from_arrays([*full.columns, column], schema=self.schema)

    def _with_constants(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        arrays = [pa.repeat(pa.scalar(v), batch.num_rows) for _, v in self.target.constants]
        plain = pa.schema(list(self.schema)[:-1])
        return pa.RecordBatch.from_arrays([*batch.columns, *arrays], schema=plain)

    def _keys(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        arrays = [rows.column(name) for name in self._key]
        return pa.RecordBatch.from_arrays(arrays, schema=self._key_schema)

    def _left(self, keys: pa.Table) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Tell of each row whether it is the last of its key."""
        names = keys.schema.names
        numbered = keys.append_column(_ROW, pa.array(np.arange(len(keys))))
        found = numbered.group_by(names).aggregate([(_ROW, "min"), (_ROW, "max")])
        if len(found) < len(keys) and self._options.mode != "upsert":
            _refuse_double(found, len(keys), self._options.mode)
        left = np.zeros(len(keys), dtype=bool)
        left[found.column(f"{_ROW}_max").to_numpy()] = True
        return left


def _refuse_double(found: pa.Table, n_rows: int, mode: str) -> None:
    first, last = found.column(f"{_ROW}_min"), found.column(f"{_ROW}_max")
    row = found.filter(pc.not_equal(first, last)).slice(0, 1).to_pylist()[0]
    one, other = row.pop(f"{_ROW}_min"), row.pop(f"{_ROW}_max")
    key = {name.removeprefix(_PREFIX): value for name, value in row.items()}
    raise CastError(
        f"{n_rows} rows have {len(found)} keys, such as rows {one} and {other} (counted from 0), "
        f"which both have {key}; mode={mode!r} adds every row: drop the others, or "
        "mode='upsert', where the last row of a key counts"
    )


class _Held:
    """Batches that wait, in memory or in a file."""

    def __init__(self, schema: pa.Schema, path: Path | None) -> None:
        self._batches: list[pa.RecordBatch] = []
        self._path = path
        self._writer = None if path is None else pa.ipc.new_file(str(path), schema)

    def add(self, batch: pa.RecordBatch) -> None:
        """Let a batch wait."""
        if self._writer is None:
            self._batches.append(batch)
        else:
            self._writer.write_batch(batch)

    def all(self) -> Iterator[pa.RecordBatch]:
        """Yield what waits, in order; nothing can be added any more."""
        if self._writer is None or self._path is None:
            yield from self._batches
            return
        self._writer.close()
        with pa.memory_map(str(self._path)) as mapped:
            reader = pa.ipc.open_file(mapped)
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)


@contextmanager
def _held(schema: pa.Schema, *, in_memory: bool) -> Iterator[_Held]:
    """Let batches wait inside the block."""
    if in_memory:
        yield _Held(schema, None)
        return
    with tempfile.TemporaryDirectory(prefix="odps-frames-", ignore_cleanup_errors=True) as folder:
        yield _Held(schema, Path(folder) / "rows.arrow")

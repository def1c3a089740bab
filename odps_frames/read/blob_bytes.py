"""Batches whose blobs are there themselves, instead of references to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa

from odps_frames.convert.blobs import BlobLeaf, blob_leaves, has_blobs, with_leaves
from odps_frames.errors import ReadTooLarge

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from odps_frames.convert.untyped import AnyArray
    from odps_frames.model.schema import Column
    from odps_frames.read.blobs import BlobFile

__all__ = ["BlobLimits", "ReadBlobs", "with_bytes"]


class ReadBlobs(Protocol):
    """Yields the blobs of references, in order."""

    def __call__(self, refs: list[bytes], /) -> Iterator[BlobFile]:
        """Ask for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobLimits:
    """How much of blobs is held at once."""

    rows: int = 4096
    """Rows whose references are asked for together."""
    batch_bytes: int = 32 << 20
    """A batch ends before the row that would bring it beyond that, unless it is its first."""
    row_bytes: int = 2**31 - 1
    """One row cannot have more: offsets of the Arrow type count no further."""
    total_bytes: int | None = None
    """All batches together."""


def with_bytes(
    batches: Iterator[pa.RecordBatch],
    columns: tuple[Column, ...],
    read: ReadBlobs,
    limits: BlobLimits | None = None,
) -> Generator[pa.RecordBatch, None, None]:
    """Put the bytes of blobs in the places of their references; rows keep their order.

    What stands several times in a batch is asked for once. Batches are cut where their blobs
    have many bytes, so that memory holds about one batch, whatever the table.

    Raises
    ------
    ReadTooLarge
        When a row has more than Arrow can hold, or all rows more than was allowed.
    """
    filler = _Filler(columns, read, limits or BlobLimits())
    try:
        for batch in batches:
            yield from filler.filled(batch)
    finally:
        close = getattr(batches, "close", None)
        if close is not None:
            close()


class _Filler:
    def __init__(self, columns: tuple[Column, ...], read: ReadBlobs, limits: BlobLimits) -> None:
        self._columns = [(i, column) for i, column in enumerate(columns) if has_blobs(column.type)]
        self._read = read
        self._limits = limits
        self._total = 0

    def filled(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a batch, in as many as that takes."""
        start = 0
        while start < batch.num_rows:
            made = [self._front(batch.slice(start, self._limits.rows))]
            start += made[0].num_rows
            yield made.pop()  # whoever takes it alone decides how long it is held

    def _front(self, window: pa.RecordBatch) -> pa.RecordBatch:
        """Return the first rows of some, with their blobs."""
        leaves = [
            leaf
            for place, column in self._columns
            for leaf in blob_leaves(window.column(place), column.name, column.type)
        ]
        n_rows, contents = self._fetched(leaves, window.num_rows)
        return self._placed(window.slice(0, n_rows), contents)

    def _fetched(self, leaves: list[BlobLeaf], n_rows: int) -> tuple[int, dict[bytes, bytes]]:
        """Read blobs row by row; return for how many rows they are all there."""
        refs, rows = _in_row_order(leaves)
        files = self._read(list(dict.fromkeys(refs)))
        contents: dict[bytes, bytes] = {}
        placed = 0
        for ref, row in zip(refs, rows, strict=True):
            content = contents.get(ref)
            file = next(files) if content is None else None
            size = len(content) if content is not None else file.size if file else None
            if size is not None and self._ends(placed + size, row, ref):
                return self._counted(row, placed), contents
            if file is not None:
                content = contents[ref] = file.bytes
                if size is None and self._ends(placed + len(content), row, ref):
                    return self._counted(row, placed), contents
            placed += len(content or b"")
        return self._counted(n_rows, placed), contents

    def _ends(self, n_bytes: int, row: int, ref: bytes) -> bool:
        """Whether a batch that would have so many bytes ends before this row."""
        limit = self._limits.total_bytes
        if limit is not None and self._total + n_bytes > limit:
            raise ReadTooLarge(
                f"the blobs have more than max_bytes={limit:,}; read fewer rows, "
                "blobs='files' to open them one by one, or raise the limit"
            )
        if row:
            return n_bytes > self._limits.batch_bytes
        if n_bytes > self._limits.row_bytes:
            raise ReadTooLarge(
                f"the row of blob {ref.decode()} has {n_bytes:,} bytes of blobs, and a column of "
                f"bytes holds {self._limits.row_bytes:,} at most; read it with blobs='files'"
            )
        return False

    def _counted(self, n_rows: int, n_bytes: int) -> int:
        self._total += n_bytes
        return n_rows

    def _placed(self, rows: pa.RecordBatch, contents: dict[bytes, bytes]) -> pa.RecordBatch:
        arrays = list(rows.columns)
        for place, column in self._columns:
            leaves = blob_leaves(arrays[place], column.name, column.type)
            made = (_exchanged(leaf.values, contents) for leaf in leaves)
            arrays[place] = with_leaves(arrays[place], column.type, made)
        return pa.RecordBatch.from_arrays(arrays, schema=rows.schema)


def _in_row_order(leaves: list[BlobLeaf]) -> tuple[list[bytes], list[int]]:
    """Return the references that are not NULL with their rows, the first rows first."""
    if not leaves:
        return [], []
    refs = [ref for leaf in leaves for ref in leaf.values.drop_null().to_pylist()]
    valid = [leaf.values.is_valid().to_numpy(zero_copy_only=False) for leaf in leaves]
    rows = np.concatenate([leaf.rows[mask] for leaf, mask in zip(leaves, valid, strict=True)])
    order = np.argsort(rows, kind="stable")
    return [refs[place] for place in order], rows[order].tolist()


def _exchanged(refs: AnyArray, contents: dict[bytes, bytes]) -> AnyArray:
    found: list[bytes | None] = refs.to_pylist()
    return pa.array([None if ref is None else contents[ref] for ref in found], refs.type)

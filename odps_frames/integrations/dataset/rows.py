"""What is made of the rows of a scan on their way into a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.dataset as ds

from odps_frames.errors import CastError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow.compute as pc

__all__ = ["both", "chosen", "fitted", "sliced"]


def fitted(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Give a batch the types that were promised, where it came in others.

    Raises
    ------
    CastError
        For a value that they cannot hold.
    """
    if batch.schema.equals(schema):
        return batch
    try:
        return batch.cast(schema)
    except pa.ArrowInvalid as beyond:
        remedy = "read it with timestamp_unit='us'" if "timestamp" in str(beyond) else "cast it"
        msg = f"a column holds what its type here does not: {beyond}; {remedy}, or leave it out"
        raise CastError(msg) from None


def chosen(
    batches: Iterable[pa.RecordBatch],
    where: pc.Expression | None,
    names: tuple[str, ...] | None,
    limit: int | None,
) -> Iterator[pa.RecordBatch]:
    """Keep of the rows those that meet a filter, so many of them, and of them these columns."""
    left = limit
    for batch in batches:
        kept = batch if where is None else _meeting(batch, where)
        if names is not None and list(names) != kept.schema.names:
            kept = kept.select(list(names))
        if left is not None:
            kept = kept.slice(0, left)
            left -= kept.num_rows
        if kept.num_rows:
            yield kept
        if left == 0:
            return


def _meeting(batch: pa.RecordBatch, where: pc.Expression) -> pa.RecordBatch:
    rows = ds.dataset(pa.Table.from_batches([batch])).to_table(filter=where, use_threads=False)
    kept = rows.combine_chunks().to_batches()
    return kept[0] if kept else batch.slice(0, 0)


def sliced(batch: pa.RecordBatch, size: int | None) -> Iterator[pa.RecordBatch]:
    """Cut a batch into pieces of no more rows than this."""
    if size is None or batch.num_rows <= size:
        yield batch
        return
    for start in range(0, batch.num_rows, size):
        yield batch.slice(start, size)


def both(first: pc.Expression | None, second: pc.Expression | None) -> pc.Expression | None:
    """Join two filters, of which there may be none."""
    if first is None or second is None:
        return second if first is None else first
    return first & second

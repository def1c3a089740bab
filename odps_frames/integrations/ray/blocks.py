"""Rows as blocks of Ray, the same ones however often a task is carried out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from odps_frames.model.read import SessionStats

__all__ = ["NO_COLUMN", "block_rows", "blocks", "shown_schema"]

NO_COLUMN = "__bsp_stub"
"""How Ray calls the column of a block that has none, which would have no rows without one."""

BLOCK_BYTES = 16 << 20
FEWEST_ROWS = 64
MOST_ROWS = 65_536
ROWS_OF_UNKNOWN_WIDTH = 4_096


def block_rows(stats: SessionStats, *, with_contents: bool) -> int:
    """How many rows a block has; of contents of blobs the service's estimate knows nothing."""
    if with_contents:
        return FEWEST_ROWS
    if not stats.estimated_bytes or not stats.estimated_rows:
        return ROWS_OF_UNKNOWN_WIDTH
    fitting = BLOCK_BYTES * stats.estimated_rows // stats.estimated_bytes
    return max(FEWEST_ROWS, min(MOST_ROWS, fitting))


def shown_schema(schema: pa.Schema) -> pa.Schema:
    """The schema of blocks of these columns."""
    return schema if schema.names else pa.schema([pa.field(NO_COLUMN, pa.null())])


def blocks(batches: Iterable[pa.RecordBatch], schema: pa.Schema, n_rows: int) -> Iterator[pa.Table]:
    """Cut a stream into blocks of so many rows; one block without rows where there are none.

    When a worker dies, Ray carries its task out again and goes on behind the blocks that it has,
    so that blocks have to depend on nothing but the rows. Batches do not: a stream that breaks is
    taken up wherever it broke.
    """
    waiting: list[pa.RecordBatch] = []
    left, came = n_rows, False
    for batch in batches:
        start = 0
        while batch.num_rows - start >= left:
            waiting.append(batch.slice(start, left))
            yield _block(waiting, schema)
            start, left, waiting, came = start + left, n_rows, [], True
        if start < batch.num_rows:
            waiting.append(batch.slice(start))
            left -= batch.num_rows - start
    if waiting or not came:
        yield _block(waiting, schema)


def _block(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """Put batches together; written as a stream, equal rows have equal buffers and so one size."""
    if not schema.names:
        rows = sum(batch.num_rows for batch in batches)
        return pa.table([pa.nulls(rows)], schema=shown_schema(schema))
    table = pa.Table.from_batches([batch.cast(schema) for batch in batches], schema=schema)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(table.combine_chunks())
    return pa.ipc.open_stream(sink.getvalue()).read_all()

"""Blocks depend on the rows alone: Ray puts those of two attempts of a task together."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pytest

from odps_frames.integrations.ray.blocks import NO_COLUMN, block_rows, blocks, shown_schema
from odps_frames.model.read import SessionStats

pytestmark = pytest.mark.slow  # Ray takes a minute to come and go

COLUMNS: dict[str, Any] = {
    "id": pa.array(range(1_000)),
    "text": pa.array([None if 100 < n < 120 else f"text {n}" for n in range(1_000)]),
    "list": pa.array([None if n == 7 else [n] * (n % 3) for n in range(1_000)]),
}
ROWS = pa.record_batch(COLUMNS)


def cut(seed: int) -> list[pa.RecordBatch]:
    """The rows in batches of any size; each has buffers of its own, as from the wire."""
    places = sorted(random.Random(seed).choices(range(1_001), k=12))  # noqa: S311  no secret
    return [
        pa.RecordBatch.from_pylist(ROWS.slice(a, b - a).to_pylist(), schema=ROWS.schema)
        for a, b in zip([0, *places], [*places, 1_000], strict=True)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_blocks_are_the_same_however_the_rows_came(seed: int) -> None:
    whole = list(blocks([ROWS], ROWS.schema, 128))
    pieces = list(blocks(cut(seed), ROWS.schema, 128))
    assert [block.num_rows for block in pieces] == [128] * 7 + [104]
    assert pa.concat_tables(pieces).equals(pa.Table.from_batches([ROWS]))
    assert [block.nbytes for block in pieces] == [block.nbytes for block in whole]
    assert all(column.num_chunks == 1 for block in pieces for column in block.columns)


def test_a_stream_of_full_blocks_has_no_empty_one_behind_it() -> None:
    assert [block.num_rows for block in blocks([ROWS], ROWS.schema, 500)] == [500, 500]


def test_no_rows_are_one_block_with_the_columns() -> None:
    (block,) = blocks([], ROWS.schema, 10)
    assert block.schema == ROWS.schema
    assert block.num_rows == 0


def test_rows_without_columns_are_counted() -> None:
    bare = [ROWS.slice(0, 30).select([]), ROWS.slice(0, 25).select([])]
    found = list(blocks(bare, pa.schema([]), 50))
    assert [block.num_rows for block in found] == [50, 5]
    assert pa.concat_tables(found).num_rows == 55
    assert shown_schema(pa.schema([])).names == [NO_COLUMN] == found[0].schema.names


@pytest.mark.parametrize(
    ("n_bytes", "n_rows", "expected"),
    [(None, 5, 4_096), (800, 100, 65_536), (10**9, 1_000, 64), (16 << 20, 2_000, 2_000)],
)
def test_blocks_have_about_one_size(n_bytes: int | None, n_rows: int, expected: int) -> None:
    stats = SessionStats(estimated_bytes=n_bytes, estimated_rows=n_rows)
    assert block_rows(stats, with_contents=False) == expected
    assert block_rows(stats, with_contents=True) == 64

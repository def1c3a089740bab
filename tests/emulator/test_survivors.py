"""Rows of a file that are left: counted and cut as if the others had never been."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.emulator.survivors import Survivors


@st.composite
def files(draw: st.DrawFn) -> tuple[list[int], set[int], set[int]]:
    batches = draw(st.lists(st.integers(0, 9), max_size=5))
    places = st.sets(st.integers(0, max(sum(batches) - 1, 0)), max_size=sum(batches))
    return batches, draw(places), draw(places)


def rows_left(survivors: Survivors, batches: list[int]) -> list[int]:
    found: list[int] = []
    start = 0
    for number, n_rows in enumerate(batches):
        batch = pa.record_batch({"place": pa.array(range(start, start + n_rows), pa.int64())})
        kept = survivors.of(number, batch)
        assert kept.num_rows == survivors.counts[number]
        found += [int(place) for place in kept.column(0).to_numpy()]
        start += n_rows
    return found


@given(files())
def test_what_was_erased_is_gone_and_all_else_is_left(
    case: tuple[list[int], set[int], set[int]],
) -> None:
    batches, gone, _ = case
    survivors = Survivors.without(batches, np.array(sorted(gone), dtype=np.int64))
    assert rows_left(survivors, batches) == [n for n in range(sum(batches)) if n not in gone]
    assert survivors.n_rows == len(rows_left(survivors, batches))


@given(files())
def test_what_was_erased_can_be_read_by_itself(
    case: tuple[list[int], set[int], set[int]],
) -> None:
    batches, gone, _ = case
    survivors = Survivors.just(batches, np.array(sorted(gone), dtype=np.int64))
    assert rows_left(survivors, batches) == sorted(gone & set(range(sum(batches))))


@given(files())
def test_narrowing_keeps_what_both_keep(case: tuple[list[int], set[int], set[int]]) -> None:
    batches, gone, refused = case
    survivors = Survivors.without(batches, np.array(sorted(gone), dtype=np.int64))
    starts = np.cumsum([0, *batches])
    masks = [
        pa.array([int(start) + row not in refused for row in range(n_rows)], pa.bool_())
        for start, n_rows in zip(starts, batches, strict=False)
    ]
    expected = [n for n in range(sum(batches)) if n not in gone | refused]
    assert rows_left(survivors.narrowed(masks), batches) == expected

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.errors import ProtocolError
from odps_frames.model.lifecycle import SessionStatus
from odps_frames.model.read import ReadSessionInfo, TimeUnit
from odps_frames.model.schema import TableSchema
from odps_frames.model.splits import ByBucket, ByParallelism, ByRows, BySize, RowRange, Split

if TYPE_CHECKING:
    from collections.abc import Callable

INFO = ReadSessionInfo(session_id="s", status=SessionStatus.NORMAL, schema=TableSchema(()))


@given(total=st.integers(0, 500), step=st.integers(1, 600))
def test_ranges_cover_every_row_once(total: int, step: int) -> None:
    splits = replace(INFO, n_rows=total).splits(ByRows(step))
    covered = [
        row
        for split in splits
        if split.rows is not None
        for row in range(split.rows.offset, split.rows.offset + split.rows.count)
    ]
    assert covered == list(range(total))
    assert all(split.rows is not None and split.rows.count <= step for split in splits)
    assert len(splits) == -(-total // step)


def test_splits_by_index_are_counted_by_the_service() -> None:
    info = replace(INFO, n_splits=3, n_rows=7)
    assert info.splits(BySize()) == (Split("s", 0), Split("s", 1), Split("s", 2))
    assert replace(INFO, n_splits=0).splits(BySize()) == ()


def test_rows_without_a_step_are_one_split() -> None:
    assert replace(INFO, n_rows=7).splits(BySize()) == (Split("s", rows=RowRange(0, 7)),)


def test_an_empty_table_has_no_splits() -> None:
    empty = replace(INFO, n_rows=0)
    assert empty.splits(ByRows(3)) == empty.splits(BySize()) == ()


def test_what_the_service_did_not_count_is_not_taken_for_empty() -> None:
    with pytest.raises(ProtocolError, match="neither SplitsCount nor RecordCount"):
        INFO.splits(BySize())


def test_more_splits_than_can_be_are_not_made() -> None:
    with pytest.raises(ProtocolError, match="1000001 splits"):
        replace(INFO, n_splits=1_000_001).splits(BySize())


@pytest.mark.parametrize(
    "make",
    [
        lambda: BySize(0),
        lambda: ByRows(-1),
        lambda: ByParallelism(0),
        lambda: RowRange(-1, 1),
        lambda: RowRange(0, 0),
        lambda: RowRange(0, 2.5),  # type: ignore[arg-type]  # the point
        lambda: BySize("64MB"),  # type: ignore[arg-type]  # the point
        lambda: BySize(64e6),  # type: ignore[arg-type]  # the point
        lambda: ByParallelism(True),  # noqa: FBT003  the point
        lambda: Split("s", -1),
        lambda: Split("s", 1.0),  # type: ignore[arg-type]  # the point
    ],
)
def test_nonsense_cannot_be_made(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="expected a whole number"):
        make()


@pytest.mark.parametrize("make", [ByBucket, partial(BySize, 1), partial(ByRows, 1)])
def test_crossing_partitions_is_a_matter_of_yes_or_no(make: Callable[..., object]) -> None:
    with pytest.raises(TypeError, match="cross_partition='no'; expected True or False"):
        make(cross_partition="no")


def test_whole_numbers_of_any_kind_will_do() -> None:
    rows = ByRows(np.int64(5)).rows  # type: ignore[arg-type]  # as arithmetic on a frame gives it
    assert (rows, type(rows)) == (5, int)
    assert type(RowRange(np.int32(1), np.uint8(2)).count) is int  # type: ignore[arg-type]  # same


@pytest.mark.parametrize(
    ("text", "unit"), [("ms", TimeUnit.MILLI), ("nano", TimeUnit.NANO), ("s", TimeUnit.SECOND)]
)
def test_units_have_two_names(text: str, unit: TimeUnit) -> None:
    assert TimeUnit.of(text) is unit
    assert TimeUnit.of(unit.arrow) is unit


def test_other_units_are_refused() -> None:
    with pytest.raises(ValueError, match="not a unit of time: 'h'"):
        TimeUnit.of("h")

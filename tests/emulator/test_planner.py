from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.emulator.planner import (
    Extent,
    Piece,
    cut_by_bucket,
    cut_by_count,
    cut_by_size,
    rows_in,
    whole,
    window,
)

EXTENTS = st.lists(
    st.builds(
        Extent,
        n_rows=st.integers(0, 50),
        n_bytes=st.integers(0, 500),
        partition=st.sampled_from("ab"),
    ),
    max_size=6,
).map(lambda found: sorted(found, key=lambda extent: str(extent.partition)))
FILES = st.none() | st.integers(1, 3)


def every_row(pieces: object) -> list[tuple[int, int]]:
    return [
        (piece.file, row)
        for piece in pieces  # type: ignore[attr-defined]
        for row in range(piece.start, piece.start + piece.count)
    ]


def expected(extents: list[Extent]) -> list[tuple[int, int]]:
    return [(n, row) for n, extent in enumerate(extents) for row in range(extent.n_rows)]


@given(extents=EXTENTS, n_bytes=st.integers(1, 600), crossing=st.booleans(), max_files=FILES)
def test_splits_by_size_are_every_row_once_in_order(
    extents: list[Extent],
    n_bytes: int,
    crossing: bool,  # noqa: FBT001
    max_files: int | None,
) -> None:
    splits = cut_by_size(extents, n_bytes, cross_partition=crossing, max_files=max_files)
    assert every_row(chain.from_iterable(splits)) == expected(extents)
    for split in splits:
        assert rows_in(split)
        assert max_files is None or len(split) <= max_files
        assert crossing or len({extents[piece.file].partition for piece in split}) == 1
        sizes = [
            piece.count * extents[piece.file].n_bytes // extents[piece.file].n_rows
            for piece in split
        ]
        assert rows_in(split) == 1 or sum(sizes) <= n_bytes


@given(extents=EXTENTS, n_splits=st.integers(1, 9), crossing=st.booleans(), max_files=FILES)
def test_splits_by_count_are_every_row_once_in_order(
    extents: list[Extent],
    n_splits: int,
    crossing: bool,  # noqa: FBT001
    max_files: int | None,
) -> None:
    splits = cut_by_count(extents, n_splits, cross_partition=crossing, max_files=max_files)
    assert every_row(chain.from_iterable(splits)) == expected(extents)
    total = len(expected(extents))
    if crossing and max_files is None:
        assert len(splits) == min(n_splits, total)
        counts = [rows_in(split) for split in splits]
        assert not counts or max(counts) - min(counts) <= 1


@given(extents=EXTENTS, offset=st.integers(0, 100), count=st.none() | st.integers(0, 100))
def test_windows_are_slices(extents: list[Extent], offset: int, count: int | None) -> None:
    stop = None if count is None else offset + count
    found = window(whole(extents), offset, count)
    assert every_row(found) == expected(extents)[offset:stop]


def test_a_file_is_cut_inside() -> None:
    assert cut_by_size([Extent(10, 1000)], 400) == (
        (Piece(0, 0, 4),),
        (Piece(0, 4, 4),),
        (Piece(0, 8, 2),),
    )


def test_small_files_share_a_split() -> None:
    assert [rows_in(split) for split in cut_by_size([Extent(5, 10)] * 6, 25)] == [12, 12, 6]


@pytest.mark.parametrize("extents", [[], [Extent(0, 0)]])
def test_no_rows_no_splits(extents: list[Extent]) -> None:
    assert cut_by_size(extents, 10) == cut_by_count(extents, 10) == ()


@given(
    extents=st.lists(
        st.builds(
            Extent,
            n_rows=st.integers(0, 20),
            n_bytes=st.integers(0, 100),
            partition=st.sampled_from("ab"),
            bucket=st.integers(0, 3),
        ),
        max_size=12,
    ).map(lambda found: sorted(found, key=lambda extent: str(extent.partition))),
    crossing=st.booleans(),
    max_files=FILES,
)
def test_splits_by_bucket_are_every_row_once(
    extents: list[Extent],
    crossing: bool,  # noqa: FBT001
    max_files: int | None,
) -> None:
    splits = cut_by_bucket(extents, cross_partition=crossing, max_files=max_files)
    rows = every_row(chain.from_iterable(pieces for _, pieces in splits))
    assert sorted(rows) == expected(extents)
    for bucket, pieces in splits:
        assert pieces
        assert {extents[piece.file].bucket for piece in pieces} == {bucket}
        assert max_files is None or len(pieces) <= max_files
        assert crossing or len({extents[piece.file].partition for piece in pieces}) == 1
    if max_files is None:
        places = [
            (bucket, None if crossing else extents[pieces[0].file].partition)
            for bucket, pieces in splits
        ]
        assert len(set(places)) == len(places)

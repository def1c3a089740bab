"""A table cut into pieces that can be read apart from each other.

Row counts and sizes are all that counts here: a piece is some rows of one file, a split some
pieces, and the splits together are every row once, in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = [
    "Extent",
    "Piece",
    "Pieces",
    "cut_by_bucket",
    "cut_by_count",
    "cut_by_size",
    "rows_in",
    "whole",
    "window",
]


@dataclass(frozen=True, slots=True)
class Extent:
    """The size of a file, and what tells its partition from others."""

    n_rows: int
    n_bytes: int
    partition: object = None
    bucket: int | None = None
    """Known in clustered tables."""


@dataclass(frozen=True, slots=True)
class Piece:
    """``count`` rows of a file from row ``start`` on."""

    file: int
    start: int
    count: int


Pieces: TypeAlias = tuple[Piece, ...]


def rows_in(pieces: Iterable[Piece]) -> int:
    """Count the rows of some pieces."""
    return sum(piece.count for piece in pieces)


def whole(extents: Sequence[Extent]) -> Pieces:
    """Return every row."""
    return tuple(
        Piece(index, 0, extent.n_rows) for index, extent in enumerate(extents) if extent.n_rows
    )


def window(pieces: Iterable[Piece], offset: int, count: int | None = None) -> Pieces:
    """Return ``count`` rows, or all, from row ``offset`` on; there may be fewer."""
    chosen = []
    left = count
    for piece in pieces:
        if left == 0:
            break
        skipped = min(offset, piece.count)
        offset -= skipped
        taken = piece.count - skipped if left is None else min(left, piece.count - skipped)
        if taken:
            chosen.append(Piece(piece.file, piece.start + skipped, taken))
            left = None if left is None else left - taken
    return tuple(chosen)


def cut_by_size(
    extents: Sequence[Extent],
    n_bytes: int,
    *,
    cross_partition: bool = True,
    max_files: int | None = None,
) -> tuple[Pieces, ...]:
    """Cut into splits of about ``n_bytes``, also inside files; each has a row at least."""
    splits = [
        split
        for run in _runs(extents, cross_partition=cross_partition)
        for split in _cut_run(extents, run, n_bytes, max_files)
    ]
    return tuple(splits)


def cut_by_count(
    extents: Sequence[Extent],
    n_splits: int,
    *,
    cross_partition: bool = True,
    max_files: int | None = None,
) -> tuple[Pieces, ...]:
    """Cut into ``n_splits`` of nearly equal rows; fewer where there are fewer rows.

    There are more where splits may not cross partitions or hold so many files.
    """
    total = sum(extent.n_rows for extent in extents)
    ends = sorted({total * number // n_splits for number in range(1, n_splits + 1)} - {0})
    return tuple(
        part
        for cut in _cut_at(whole(extents), ends)
        for part in _parted(cut, extents, cross_partition=cross_partition, max_files=max_files)
    )


def cut_by_bucket(
    extents: Sequence[Extent],
    *,
    cross_partition: bool = True,
    max_files: int | None = None,
) -> tuple[tuple[int, Pieces], ...]:
    """Cut into one split for each bucket that has rows; return its number with it.

    There are more where splits may not cross partitions or hold so many files.
    """
    splits: list[tuple[int, Pieces]] = []
    for run in _runs(extents, cross_partition=cross_partition):
        found: dict[int, list[Piece]] = {}
        for index in run:
            extent = extents[index]
            if extent.n_rows and extent.bucket is not None:
                found.setdefault(extent.bucket, []).append(Piece(index, 0, extent.n_rows))
        for bucket, pieces in sorted(found.items()):
            step = max_files or len(pieces)
            splits += [
                (bucket, tuple(pieces[at : at + step])) for at in range(0, len(pieces), step)
            ]
    return tuple(splits)


def _cut_at(pieces: Iterable[Piece], ends: Iterable[int]) -> Iterator[Pieces]:
    """Yield the pieces up to each of the ends, which are counted in rows and rise."""
    left = list(reversed(tuple(pieces)))
    done = 0
    for end in ends:
        cut: list[Piece] = []
        while done < end:
            piece = left.pop()
            taken = min(piece.count, end - done)
            cut.append(Piece(piece.file, piece.start, taken))
            done += taken
            if taken < piece.count:
                left.append(Piece(piece.file, piece.start + taken, piece.count - taken))
        yield tuple(cut)


def _runs(extents: Sequence[Extent], *, cross_partition: bool) -> Iterator[range]:
    """Yield runs of files that a split may span."""
    start = 0
    for index in range(1, len(extents) + 1):
        ends = index == len(extents)
        if ends or (not cross_partition and extents[index].partition != extents[start].partition):
            yield range(start, index)
            start = index


def _cut_run(
    extents: Sequence[Extent], run: range, n_bytes: int, max_files: int | None
) -> Iterator[Pieces]:
    split: list[Piece] = []
    left = n_bytes
    for index in run:
        extent = extents[index]
        start = 0
        if split and max_files is not None and len(split) >= max_files:
            yield tuple(split)
            split, left = [], n_bytes
        while start < extent.n_rows:
            fitting = left * extent.n_rows // max(extent.n_bytes, 1)
            taken = min(extent.n_rows - start, max(fitting, 0 if split else 1))
            if taken:
                split.append(Piece(index, start, taken))
                start += taken
                left -= taken * extent.n_bytes // extent.n_rows
            if start < extent.n_rows:
                yield tuple(split)
                split, left = [], n_bytes
    if split:
        yield tuple(split)


def _parted(
    cut: Pieces, extents: Sequence[Extent], *, cross_partition: bool, max_files: int | None
) -> Iterator[Pieces]:
    part: list[Piece] = []
    for piece in cut:
        elsewhere = (
            part
            and not cross_partition
            and extents[piece.file].partition != extents[part[0].file].partition
        )
        if elsewhere or (max_files is not None and len(part) >= max_files):
            yield tuple(part)
            part = []
        part.append(piece)
    if part:
        yield tuple(part)

"""Which rows of a file are read: all of them, or those that nothing took away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa

from odps_frames.convert.untyped import pc

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from odps_frames.emulator.catalog.contents import StoredFile
    from odps_frames.emulator.files import Kept

__all__ = ["Mask", "PlannedFile", "Survivors"]

Mask: TypeAlias = "pa.BooleanArray | None"
"""One truth value a row; None keeps every row."""


@dataclass(frozen=True, slots=True)
class Survivors:
    """The rows of a file that are read, batch by batch.

    Rows are counted as readers see them, so that an offset means the same whatever is left out.
    """

    masks: tuple[Mask, ...]
    counts: tuple[int, ...]
    """Rows that are left of each batch."""

    @classmethod
    def all(cls, batches: Sequence[int]) -> Survivors:
        """Keep every row of batches of these sizes."""
        return cls((None,) * len(batches), tuple(batches))

    @classmethod
    def without(cls, batches: Sequence[int], positions: np.ndarray) -> Survivors:
        """Keep the rows that are not at these positions of the file, which are ascending."""
        masks: list[Mask] = []
        start = 0
        for n_rows in batches:
            first, end = np.searchsorted(positions, [start, start + n_rows])
            mask = None
            if first < end:
                bits = np.ones(n_rows, dtype=bool)
                bits[positions[first:end] - start] = False
                mask = pa.array(bits)
            masks.append(mask)
            start += n_rows
        return cls.all(batches).narrowed(masks)

    @classmethod
    def just(cls, batches: Sequence[int], positions: np.ndarray) -> Survivors:
        """Keep the rows that are at these positions of the file, which are ascending."""
        masks: list[Mask] = []
        start = 0
        for n_rows in batches:
            first, end = np.searchsorted(positions, [start, start + n_rows])
            bits = np.zeros(n_rows, dtype=bool)
            bits[positions[first:end] - start] = True
            masks.append(pa.array(bits))
            start += n_rows
        return cls.all(batches).narrowed(masks)

    @property
    def n_rows(self) -> int:
        """How many rows are left."""
        return sum(self.counts)

    def narrowed(self, masks: Iterable[Mask]) -> Survivors:
        """Keep the rows that these masks, one a batch of the file, keep too."""
        both = [_both(one, other) for one, other in zip(self.masks, masks, strict=True)]
        counts = [
            count if mask is old or mask is None else _true_in(mask)
            for mask, old, count in zip(both, self.masks, self.counts, strict=True)
        ]
        return Survivors(tuple(both), tuple(counts))

    def of(self, number: int, batch: Kept) -> Kept:
        """Return the rows that are left of a batch of the file."""
        mask = self.masks[number]
        return batch if mask is None else batch.filter(mask)


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file, and the rows of it that a reader gets."""

    stored: StoredFile
    rows: Survivors
    operation: int | None = None
    """What readers of changes are told of these rows: 85 (upserted) or 68 (deleted)."""

    @property
    def n_bytes(self) -> int:
        """About the bytes of the rows that are left."""
        return self.stored.n_bytes * self.rows.n_rows // max(self.stored.n_rows, 1)


def _both(one: Mask, other: Mask) -> Mask:
    if one is None or other is None:
        return other if one is None else one
    both: pa.BooleanArray = pc.and_(one, other)
    return both


def _true_in(mask: pa.BooleanArray) -> int:
    return int(pc.sum(mask).as_py() or 0)

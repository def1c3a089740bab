"""How a read session is cut, as it was asked for: by size, number, rows or buckets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from odps_frames.emulator.planner import cut_by_bucket, cut_by_count, cut_by_size
from odps_frames.emulator.refusals import invalid, unsupported
from odps_frames.model.splits import ByBucket, ByParallelism, ByRows, BySize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.planner import Extent, Pieces
    from odps_frames.model.read import ReadSpec

__all__ = ["Cut", "check_splits", "cut", "wanted_buckets"]

MAX_SPLITS = 100_000
_BUCKET = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Cut:
    """The splits of a session."""

    mode: str
    splits: tuple[Pieces, ...] | None
    """None where readers choose ranges of rows."""
    bucket_ids: tuple[int, ...] = ()
    """The bucket of each split, where a session is cut by buckets."""


def check_splits(table: Table, spec: ReadSpec) -> None:
    """Refuse what no cut of a table can keep.

    Raises
    ------
    ServiceError
        Saying which option it is.
    """
    by = spec.split_by
    if isinstance(by, BySize) and by.unit != BySize().unit:
        raise unsupported(f"SplitUnit={by.unit!r}")
    if isinstance(by, ByRows):
        # Readers of this mode choose their rows themselves.
        if not by.cross_partition and table.partition_columns:
            raise unsupported("CrossPartition=false with SplitMode='RowOffset'")
        if spec.max_files_per_split is not None:
            raise unsupported("SplitMaxFileNum with SplitMode='RowOffset'")
    if isinstance(by, ByBucket) and table.buckets is None:
        raise invalid(f"SplitMode='Bucket'; table {table.ref} is not clustered into buckets")


def wanted_buckets(table: Table, spec: ReadSpec) -> frozenset[int] | None:
    """Return the buckets that are to be read, or None for all.

    Raises
    ------
    ServiceError
        For ids that the table does not have.
    """
    if spec.buckets is None:
        return None
    if table.buckets is None:
        raise invalid(
            f"RequiredBucketIds={list(spec.buckets)}; table {table.ref} is not clustered into "
            "buckets"
        )
    n_buckets = table.buckets.n or 1
    found = set()
    for text in spec.buckets:
        whole = _BUCKET.fullmatch(text)
        if whole is None or int(text) >= n_buckets:
            shown = text[:40]
            raise invalid(f"bucket {shown!r} of table {table.ref}; expected 0 to {n_buckets - 1}")
        found.add(int(text))
    return frozenset(found)


def cut(extents: Sequence[Extent], spec: ReadSpec) -> Cut:
    """Cut the rows of some files.

    Raises
    ------
    ServiceError
        When there would be more splits than a session can have.
    """
    by, max_files = spec.split_by, spec.max_files_per_split
    match by:
        case BySize(bytes=n_bytes):
            if sum(extent.n_bytes for extent in extents) // n_bytes > MAX_SPLITS:
                raise invalid(
                    f"splits of {n_bytes} bytes are more than {MAX_SPLITS}; ask for larger"
                )
            crossing = by.cross_partition
            splits = cut_by_size(extents, n_bytes, cross_partition=crossing, max_files=max_files)
            return Cut("Size", splits)
        case ByParallelism(splits=n_splits):
            if n_splits > MAX_SPLITS:
                raise invalid(f"{n_splits} splits; expected at most {MAX_SPLITS}")
            crossing = by.cross_partition
            splits = cut_by_count(extents, n_splits, cross_partition=crossing, max_files=max_files)
            return Cut("Parallelism", splits)
        case ByRows():
            return Cut("RowOffset", None)
        case ByBucket():
            found = cut_by_bucket(extents, cross_partition=by.cross_partition, max_files=max_files)
            if len(found) > MAX_SPLITS:
                raise invalid(f"{len(found)} splits by bucket; expected at most {MAX_SPLITS}")
            return Cut(
                "Bucket",
                tuple(pieces for _, pieces in found),
                tuple(bucket for bucket, _ in found),
            )

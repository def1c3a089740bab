"""How a scan is carried out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from odps_frames.errors import ReadTooLarge
from odps_frames.model.read import ArrowOptions, TimeUnit
from odps_frames.model.splits import BySize, flag, whole
from odps_frames.wire.compression import Compression

if TYPE_CHECKING:
    from odps_frames.model.splits import SplitBy
    from odps_frames.progress import ProgressOption

__all__ = ["BlobsOption", "ScanOptions", "check_blobs"]

BlobsOption: TypeAlias = Literal["refs", "bytes", "files"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOptions:
    """How a scan is carried out; none of it changes the rows."""

    timestamp_unit: TimeUnit | None = None
    datetime_unit: TimeUnit | None = None
    split_by: SplitBy = field(default_factory=BySize)
    max_workers: int | None = None
    compression: Compression = Compression.NONE
    preserve_order: bool = True
    max_bytes: int | None = None
    validate: bool = True
    progress: ProgressOption = False
    push_down: bool = True
    """Let the service, and the choice of partitions, leave out rows that a filter would."""
    blobs: BlobsOption = "refs"
    """What stands for a blob: its reference, its bytes or, in pandas, a file to be opened."""

    def __post_init__(self) -> None:
        check_blobs(self.blobs)
        for name, least in (("max_workers", 1), ("max_bytes", 0)):
            if (given := getattr(self, name)) is not None:
                object.__setattr__(self, name, whole(name, given, least))
        for name in ("preserve_order", "validate", "push_down"):
            flag(name, getattr(self, name))
        object.__setattr__(self, "compression", Compression.of(self.compression))

    @property
    def arrow(self) -> ArrowOptions:
        """The units asked for, or the usual ones."""
        return ArrowOptions(
            self.timestamp_unit or TimeUnit.NANO, self.datetime_unit or TimeUnit.MILLI
        )

    def check_size(self, source: str, estimate: int | None) -> None:
        """Refuse to read what the service takes for too much.

        Raises
        ------
        ReadTooLarge
            When the estimate is above the limit.
        """
        limit = self.max_bytes
        if limit is not None and estimate is not None and estimate > limit:
            msg = (
                f"{source} would bring about {estimate:,} bytes; max_bytes={limit:,}. Select "
                "columns or partitions, read in chunks with chunksize=, or raise the limit"
            )
            raise ReadTooLarge(msg)


def check_blobs(blobs: object) -> None:
    """Refuse what is none of the three ways.

    Raises
    ------
    ValueError
        With those that there are.
    """
    if blobs not in get_args(BlobsOption):
        msg = f"blobs={blobs!r}; expected one of {list(get_args(BlobsOption))}"
        raise ValueError(msg)

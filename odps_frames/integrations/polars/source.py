"""A scan as one source of Polars: every version that has ``register_io_source`` knows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from polars.io.plugins import register_io_source

from odps_frames.integrations.polars.columns import frame_of, narrowed, quiet, schema_of
from odps_frames.integrations.polars.ending import attended

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    import polars as pl

    from odps_frames.scan import Scan

__all__ = ["streamed"]


def streamed(scan: Scan) -> pl.LazyFrame:
    """Return a scan as a LazyFrame of one source."""
    return register_io_source(_Source(quiet(scan)), schema=schema_of(scan), is_pure=True)


@dataclass(frozen=True)
class _Source:
    """What Polars calls to read; it pickles by the recipe of its scan."""

    scan: Scan = field(repr=False)

    def __call__(
        self,
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        """Yield frames: of the first rows, those that meet the predicate."""
        return attended(self._frames(with_columns, predicate, n_rows, batch_size))

    def _frames(
        self,
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,
    ) -> Generator[pl.DataFrame, None, None]:
        scan = self.scan
        if n_rows is not None:
            scan = scan.limit(n_rows)
        if predicate is not None:
            scan, _ = narrowed(scan, [predicate])
        if with_columns is not None:
            scan = scan.select(*with_columns)
        schema = scan.arrow_schema
        for batch in scan.to_batches():
            frame = frame_of(batch, schema)
            if predicate is not None:
                frame = frame.filter(predicate)
            yield from frame.iter_slices(batch_size or max(1, frame.height))

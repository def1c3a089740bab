"""A scan as a resolver of Polars: a plan is told to it, and its splits are read side by side."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
from polars.io.external_reader import FileReader, FileReaderBuilder
from polars.lazyframe.resolver import LazyFrameResolver, ResolvedLazyFrameProps

from odps_frames.integrations.polars.columns import frame_of, narrowed, quiet, schema_of, taken
from odps_frames.integrations.polars.ending import attended
from odps_frames.integrations.polars.source import streamed

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from typing import Any

    from polars.lazyframe.resolver import FilterExpr

    from odps_frames.scan import Scan
    from odps_frames.scan_split import ScanSplit

__all__ = ["resolving"]


def resolving(scan: Scan) -> pl.LazyFrame:
    """Return a scan as a LazyFrame that is resolved at every ``collect``."""
    # Polars 2.1.0, streaming, would take columns for others where rows are numbered right above a
    # resolver whose columns are chosen; a step that does nothing keeps them apart.
    return (
        _Resolver(scan=quiet(scan))
        .lazy()
        .map_batches(
            _unchanged,
            predicate_pushdown=True,
            projection_pushdown=True,
            slice_pushdown=True,
            streamable=True,
        )
    )


def _unchanged(frame: pl.DataFrame) -> pl.DataFrame:
    return frame


@dataclass(frozen=True, kw_only=True)
class _Resolver(LazyFrameResolver):
    """What Polars asks for a plan of reading; it pickles by the recipe of its scan."""

    scan: Scan = field(repr=False)

    def schema(self) -> pl.Schema:
        return schema_of(self.scan)

    def cse_eq(self, other: object) -> bool:
        return isinstance(other, _Resolver) and self.scan == other.scan

    def resolve_lazyframe(
        self,
        *,
        projection: list[str] | None,
        limit: int | None,
        filters: list[FilterExpr],
        filter_columns: list[str],
        filter_drop_columns_idx: int | None,  # noqa: ARG002  Polars drops them itself
        existing_resolved_version_key: str | None,  # noqa: ARG002  a session is for one collect
    ) -> tuple[pl.LazyFrame, ResolvedLazyFrameProps]:
        """Open the read session of one ``collect``.

        Polars applies all filters itself, too: what the scan leaves out saves the way here.
        """
        scan = self.scan
        told: tuple[pl.Expr, ...] = ()
        if limit is not None:
            scan = scan.limit(limit)
        else:
            scan, told = narrowed(scan, [each.expr for each in filters])
        wanted = None if projection is None else (*projection, *filter_columns)
        if wanted:
            scan = scan.select(*dict.fromkeys(wanted))
        frame = _read(scan, told)
        if wanted == ():
            frame = frame.drop("*")
        # A key that no other has: the next collect asks anew, and sees what the table has then.
        return frame, ResolvedLazyFrameProps(version_key=uuid.uuid4().hex)


def _read(scan: Scan, told: tuple[pl.Expr, ...]) -> pl.LazyFrame:
    """Return a lazy frame of the splits, or of one stream where the rows or workers are counted."""
    if scan.row_limit is not None or scan.options.max_workers is not None:
        return streamed(scan)
    splits = scan.splits()
    if not splits:
        return pl.LazyFrame(schema=schema_of(scan))
    return pl.scan_external_reader(
        _Splits(splits, scan.table, scan.arrow_schema, tuple(map(str, told))),
        sources=[str(place) for place in range(len(splits))],
        schema=schema_of(scan),
    )


@dataclass(frozen=True)
class _Splits(FileReaderBuilder):
    """What Polars makes a reader of for each split; all are of one read session."""

    splits: tuple[ScanSplit, ...]
    table: str
    schema: pa.Schema
    told: tuple[str, ...]

    def build_file_reader(
        self,
        source: str | bytes,
        multi_scan_context: dict[Any, Any],  # noqa: ARG002  readers share nothing
    ) -> _SplitReader:
        return _SplitReader(self.splits[int(source)], self.schema)

    def explain_properties(self) -> dict[str, str]:
        told = {"filter": " AND ".join(self.told)} if self.told else {}
        return {"table": self.table, "session": self.splits[0].session_id, **told}


class _SplitReader(FileReader):
    """Reads one split."""

    def __init__(self, split: ScanSplit, schema: pa.Schema) -> None:
        self._split = split
        self._schema = schema

    def schema(self) -> pl.Schema:
        return pl.Schema(taken(self._schema))

    def collect_batches(
        self,
        *,
        columns: Sequence[str],
        row_index: tuple[str, int] | None,  # noqa: ARG002  never given: we say nothing of it
        pre_slice: tuple[int, int] | None,  # noqa: ARG002  the same
        filters: Sequence[FilterExpr],  # noqa: ARG002  the same
        num_pipelines: int,  # noqa: ARG002  a split is one stream
    ) -> Iterator[pl.DataFrame]:
        return attended(self._frames(columns))

    def _frames(self, columns: Sequence[str]) -> Generator[pl.DataFrame, None, None]:
        schema = pa.schema([self._schema.field(name) for name in columns])
        with contextlib.closing(self._split.select(columns).to_batches()) as batches:
            for batch in batches:
                yield frame_of(batch, schema)

    def n_rows_in_file(self, limit: int | None = None) -> int:
        known = self._split.n_rows
        if known is not None:
            return known
        n_rows = 0
        with contextlib.closing(self._split.select([]).to_batches()) as batches:
            for batch in batches:
                n_rows += batch.num_rows
                if limit is not None and n_rows >= limit:
                    break
        return n_rows

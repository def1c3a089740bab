"""A piece of a dataset."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import pyarrow as pa
import pyarrow.compute as pc

from odps_frames import filters as row_filters
from odps_frames.integrations.dataset.rows import both, chosen, fitted
from odps_frames.integrations.dataset.scanner import Readable

if TYPE_CHECKING:
    from odps_frames.integrations.dataset.scanner import Batches
    from odps_frames.scan_split import ScanSplit

__all__ = ["SplitFragment"]


@dataclass(frozen=True)
class SplitFragment(Readable):
    """A piece of the read session that a dataset opened."""

    split: ScanSplit
    where: pc.Expression | None
    schema: pa.Schema = field(repr=False)

    @property
    def physical_schema(self) -> pa.Schema:
        """The schema of its rows."""
        return self.schema

    @property
    def partition_expression(self) -> pc.Expression:
        """What is known of all its rows: nothing but that they are."""
        return pc.scalar(True)  # noqa: FBT003  a literal

    def batches(
        self, names: tuple[str, ...] | None, where: pc.Expression | None, limit: int | None
    ) -> Batches:
        """Read these columns of the rows that meet the filter."""
        where = both(self.where, where)
        used = () if where is None else self._used(where)
        split = self.split
        if names is not None and used is not None:
            split = split.select(tuple(dict.fromkeys((*names, *used))))
        schema = pa.schema([self.schema.field(name) for name in split.arrow_schema.names])
        with contextlib.closing(split.to_batches()) as batches:
            rows = (fitted(batch, schema) for batch in batches)
            yield from chosen(rows, where, names, limit)

    def count(self, where: pc.Expression | None) -> int:
        """Count the rows that meet the filter."""
        known = self.split.n_rows
        if known is not None and where is None and self.where is None:
            return known
        return sum(batch.num_rows for batch in self.batches((), where, None))

    def _used(self, where: pc.Expression) -> frozenset[str] | None:
        """The columns that a filter needs; None where nobody can tell."""
        try:
            condition = row_filters.parse(where, self.split.reading.info.schema)
        except (KeyError, ValueError):
            return None
        return frozenset() if condition is None else row_filters.columns_of(condition)

    def _source(self) -> Self:
        return self

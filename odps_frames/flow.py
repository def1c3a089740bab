"""Batches on their way into a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from odps_frames.errors import CastError
from odps_frames.model.table import Partition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.convert.fit import Fitter
    from odps_frames.target import Target
    from odps_frames.write_options import WriteOptions

__all__ = ["Flow"]


class Flow:
    """Batches on their way: cast, with a partition for every row, and counted."""

    def __init__(self, fitter: Fitter, target: Target, options: WriteOptions) -> None:
        self._fitter = fitter
        self._options = options
        self._seen: dict[tuple[str, ...], None] = {}
        self.target = target
        self.rows = 0
        constants = [pa.field(column.name, pa.string()) for column, _ in target.constants]
        self.schema = pa.schema([*fitter.schema, *constants])

    @property
    def options(self) -> WriteOptions:
        """How the rows go."""
        return self._options

    def batches(self, source: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the batches of the source as the table takes them."""
        for batch in source:
            filled = self._filled(batch)
            fitted = self._fitter.fit(filled, self.rows)
            self._note_partitions(fitted)
            self.rows += fitted.num_rows
            yield self._with_constants(fitted)

    def check_named(self, options: WriteOptions) -> None:
        """Refuse what nothing could carry: an empty overwrite of a partition no text can name."""
        if self.target.constants and self.target.overwrite and not self.rows:
            msg = (
                f"no rows for partition {options.partition}, whose value no text can name to the "
                "service, so that it cannot be emptied; drop the partition instead"
            )
            raise ValueError(msg)

    def partitions(self) -> tuple[str, ...]:
        """The partitions that rows went to."""
        target = self.target
        static = self._options.partition
        if not target.dynamic:
            return (str(static),) if static else ()
        front = static.values if static else ()
        found = [
            Partition(tuple(zip(target.names, (*front, *values), strict=True)))
            for values in self._seen
        ]
        return tuple(str(partition) for partition in found)

    def _filled(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Put ``null_partition`` where a row has no partition; without one, refuse the row."""
        names = {column.name.lower() for column in self.target.dynamic}
        for place, name in enumerate(batch.schema.names):
            column = batch.column(place)
            if name.lower() not in names or not column.null_count:
                continue
            if self._options.null_partition is None:
                msg = (
                    f"{column.null_count} rows have no value in the partition column {name!r}; "
                    "give null_partition= to say where they go, or drop them first"
                )
                raise CastError(msg)
            filler = pa.scalar(self._options.null_partition).cast(column.type)
            batch = batch.set_column(place, batch.schema.field(place), pc.fill_null(column, filler))
        return batch

    def _note_partitions(self, batch: pa.RecordBatch) -> None:
        if not self.target.dynamic or not batch.num_rows:
            return
        names = [column.name for column in self.target.dynamic]
        found = pa.Table.from_batches([batch.select(names)]).group_by(names).aggregate([])
        texts = [found.column(name).cast(pa.string()).to_pylist() for name in names]
        for values in zip(*texts, strict=True):
            if values not in self._seen:
                Partition(tuple(zip(names, values, strict=True)))  # refuses what none can have
                self._seen[values] = None

    def _with_constants(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if not self.target.constants:
            return batch
        more = [pa.repeat(pa.scalar(v), batch.num_rows) for _, v in self.target.constants]
        return pa.RecordBatch.from_arrays([*batch.columns, *more], schema=self.schema)

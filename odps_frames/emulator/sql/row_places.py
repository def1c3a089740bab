"""Where rows are: the file of a plan and the row of that file, beside the values of each row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from odps_frames.emulator.sql.planning import FILE_COLUMN, ROW_COLUMN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from odps_frames.emulator.sql.planning import Source
    from odps_frames.emulator.survivors import PlannedFile

__all__ = ["placed_rows"]

_PLACES = pa.schema([(FILE_COLUMN, pa.int32()), (ROW_COLUMN, pa.int64())])


def placed_rows(source: Source, batches: Iterable[pa.RecordBatch]) -> pa.Table:
    """Return the rows of all files of a plan, each with its place."""
    places = pa.Table.from_batches(list(_places(source.plan.files)), _PLACES)
    if not source.names:
        return places
    found = pa.Table.from_batches(list(batches), source.view.schema)
    found = found.rename_columns(list(source.names))
    for name in _PLACES.names:
        found = found.append_column(name, places.column(name))
    return found


def _places(files: Iterable[PlannedFile]) -> Iterator[pa.RecordBatch]:
    for number, file in enumerate(files):
        start = 0
        for n_rows, mask in zip(file.stored.facts.batches, file.rows.masks, strict=True):
            rows = np.arange(start, start + n_rows)
            start += n_rows
            if mask is not None:
                rows = rows[np.asarray(mask)]
            of_file = pa.repeat(pa.scalar(number, pa.int32()), len(rows))
            yield pa.RecordBatch.from_arrays([of_file, pa.array(rows)], schema=_PLACES)

"""Several files made into one, row by row as they were, without the rows that nobody can see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from odps_frames.emulator.bucketing import sorter
from odps_frames.emulator.catalog.births import decode_births
from odps_frames.emulator.columns import time_paths
from odps_frames.emulator.file_writer import FileWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from odps_frames.emulator.catalog.contents import StoredFile
    from odps_frames.emulator.catalog.erasures import Positions
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.file_writer import NewFile
    from odps_frames.emulator.files import Files, Kept

__all__ = ["Joined", "alike", "join"]

_GONE = -1
_ORDER = "order"


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A file that takes the place of others."""

    sources: tuple[StoredFile, ...]
    new: NewFile | None
    """None where no row is left."""
    births: Positions
    """The version of each of its rows."""
    places: tuple[Positions, ...]
    """For each source, where its rows are now; -1 for those that are not in it."""
    forgotten: int
    """The last version that took away rows which the file lacks for good; 0 where none did."""


def alike(files: Files, sources: Sequence[StoredFile]) -> Iterator[list[StoredFile]]:
    """Yield runs of files whose rows have one form."""
    forms = {source.id: files.open(source.name).schema for source in sources}
    run: list[StoredFile] = []
    for source in sources:
        if run and not forms[source.id].equals(forms[run[0].id]):
            yield run
            run = []
        run.append(source)
    if run:
        yield run


def join(
    files: Files,
    table: Table,
    sources: Sequence[StoredFile],
    erased: Mapping[int, Mapping[int, Positions]],
    horizon: int,
) -> Joined:
    """Write the rows of files of one form into one; nobody knows of it yet.

    Parameters
    ----------
    erased : mapping
        What went from the files, by file and version.
    horizon : int
        Nobody asks for a version before it.
    """
    kept = [_kept_rows(source, erased.get(source.id, {}), horizon) for source in sources]
    masks = [mask for mask, _, _ in kept]
    births = np.concatenate([found[mask] for mask, found, _ in kept])
    order: Positions | None = None
    ordered = sorter(table)
    times = {
        stored.field: stored.column.type
        for stored in table.columns
        if time_paths(stored.column.type, "")
    }
    writer = FileWriter(files, sources[0].values, times, bucket=sources[0].bucket)
    try:
        rows = _rows(files, sources, masks)
        if ordered is not None and len(births):
            batch, order = _in_order(list(rows), ordered)
            births, rows = births[order], iter([batch])
        for batch in rows:
            writer.write(batch)
        writer.finish()
    except BaseException:
        writer.abandon()
        raise
    new = writer.finished[0] if writer.finished else None
    return Joined(
        sources=tuple(sources),
        new=new,
        births=births,
        places=tuple(_places(masks, order)),
        forgotten=max(last for _, _, last in kept),
    )


def _kept_rows(
    source: StoredFile, erased: Mapping[int, Positions], horizon: int
) -> tuple[np.ndarray, Positions, int]:
    """Return which rows some version has, their births, and the last version that lost one."""
    births = decode_births(source.births, source.added, source.n_rows)
    mask = np.ones(source.n_rows, dtype=bool)
    forgotten = 0
    for version, positions in erased.items():
        seen = positions[births[positions] < version]
        if len(seen) < len(positions):  # a version took away what it brought itself
            mask[positions[births[positions] >= version]] = False
        if version <= horizon and len(seen):
            mask[seen] = False
            forgotten = max(forgotten, version)
    return mask, births, forgotten


def _rows(
    files: Files, sources: Sequence[StoredFile], masks: Sequence[np.ndarray]
) -> Iterator[Kept]:
    for source, mask in zip(sources, masks, strict=True):
        reader = files.open(source.name)
        start = 0
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            part = mask[start : start + batch.num_rows]
            start += batch.num_rows
            yield batch if part.all() else batch.filter(pa.array(part))


def _in_order(rows: list[Kept], ordered: Callable[[Kept], Kept]) -> tuple[Kept, Positions]:
    """Put rows into the order of their bucket; return also where each of them was."""
    (batch,) = pa.Table.from_batches(rows).combine_chunks().to_batches()
    numbered = batch.append_column(_ORDER, pa.array(np.arange(batch.num_rows)))
    found = ordered(numbered)
    order = found.column(_ORDER).to_numpy()
    return found.drop_columns(_ORDER), order


def _places(masks: Sequence[np.ndarray], order: Positions | None) -> Iterator[Positions]:
    """Yield for each source where its rows are in the file that joins them."""
    n_rows = sum(int(mask.sum()) for mask in masks)
    where = np.arange(n_rows)
    if order is not None:
        where = np.empty(n_rows, np.int64)
        where[order] = np.arange(n_rows)
    start = 0
    for mask in masks:
        places = np.full(len(mask), _GONE, np.int64)
        n_kept = int(mask.sum())
        places[mask] = where[start : start + n_kept]
        start += n_kept
        yield places

"""What a read session brings: the files of one version, the columns, the splits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from odps_frames.emulator.catalog.contents import has_partition, visible_files
from odps_frames.emulator.catalog.erasures import erased_positions
from odps_frames.emulator.changes import changed_files
from odps_frames.emulator.exact_times import exact_times
from odps_frames.emulator.facts import joined_times
from odps_frames.emulator.planner import Extent, rows_in, whole, window
from odps_frames.emulator.refusals import invalid, no_partition
from odps_frames.emulator.row_filter import read_predicate
from odps_frames.emulator.row_view import Selection, check_units, select
from odps_frames.emulator.specs import parse_selector, partition_of
from odps_frames.emulator.splits import Cut, check_splits, cut, wanted_buckets
from odps_frames.emulator.survivors import PlannedFile, Survivors
from odps_frames.errors import ServiceError
from odps_frames.model.schema import TableSchema

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.files import Files
    from odps_frames.emulator.planner import Pieces
    from odps_frames.emulator.specs import Selector
    from odps_frames.model.read import ReadSpec
    from odps_frames.model.splits import Split
    from odps_frames.model.types import DataType

__all__ = ["ReadPlan", "check_times", "find_partitions", "make_plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPlan:
    """Everything that is known of a read session before its first row is read."""

    files: tuple[PlannedFile, ...]
    selection: Selection
    cut: Cut
    n_rows: int
    n_bytes: int
    warning: str | None = None
    """What the caller ought to know."""

    @property
    def schema(self) -> TableSchema:
        """The columns chosen, as the wire speaks of them."""
        return TableSchema(
            tuple(stored.column for stored in self.selection.data),
            tuple(column for _, column in self.selection.partitions),
        )

    def pieces(self, split: Split, skip_rows: int) -> Pieces:
        """Return the rows of a split: by its index, by its range, by both, or all.

        Raises
        ------
        ServiceError
            When the split is not among those of the session, or its range goes beyond its rows.
        """
        found = whole(_extents(self.files, self.selection))
        if split.index is not None:
            splits = self.cut.splits
            if splits is None:
                raise invalid("Index is given; the session is read by Offset and Count")
            if not 0 <= split.index < len(splits):
                raise invalid(f"Index={split.index}; the session has {len(splits)} splits")
            found = splits[split.index]
        if split.rows is not None:
            end = split.rows.offset + split.rows.count
            if end > rows_in(found):
                raise invalid(
                    f"rows {split.rows.offset} to {end} are wanted; there are {rows_in(found)}"
                )
            found = window(found, split.rows.offset, split.rows.count)
            skip_rows = min(skip_rows, split.rows.count)  # recorded clients skip more than they ask
        if not 0 <= skip_rows <= rows_in(found):
            raise invalid(f"{skip_rows} rows are to be skipped; there are {rows_in(found)}")
        return window(found, skip_rows)


def make_plan(
    connection: Connection,
    table: Table,
    version: int,
    spec: ReadSpec,
    store: Files,
    *,
    since: int | None = None,
    layout: int | None = None,
) -> ReadPlan:
    """Plan what a session brings: a version or, with ``since``, what changed up to it.

    With ``layout`` it is planned as at the time of that layout, to the same splits.

    Raises
    ------
    ServiceError
        When the request names columns or partitions that are not there, or asks for what this
        service has not.
    """
    check_splits(table, spec)
    selectors = None
    if spec.partitions is not None:
        selectors = [parse_selector(text, table.partition_columns) for text in spec.partitions]
    predicate, warning = read_predicate(spec.row_filter, table, fallback=spec.row_filter_fallback)
    if since is None:
        files = _files_at(connection, table, version, selectors, layout)
    else:
        files = changed_files(connection, table, (since, version), selectors, layout=layout)
    if (buckets := wanted_buckets(table, spec)) is not None:
        files = tuple(file for file in files if file.stored.bucket in buckets)
    if predicate is not None:
        files = predicate.narrow(files, store)
    selection = replace(
        select(table, spec.columns, spec.partition_columns), operation=since is not None
    )
    extents = _extents(files, selection)
    return ReadPlan(
        files=files,
        selection=selection,
        cut=cut(extents, spec),
        n_rows=sum(extent.n_rows for extent in extents),
        n_bytes=sum(extent.n_bytes for extent in extents),
        warning=warning,
    )


def _files_at(
    connection: Connection,
    table: Table,
    version: int,
    selectors: Sequence[Selector] | None,
    layout: int | None,
) -> tuple[PlannedFile, ...]:
    """Return the files of a version with the rows of them that it still has."""
    gone = erased_positions(connection, table.id, version, layout=layout)
    return tuple(
        PlannedFile(file, _left(file.facts.batches, gone.get(file.id)))
        for file in visible_files(connection, table.id, version, selectors, layout=layout)
    )


def _left(batches: Sequence[int], gone: np.ndarray | None) -> Survivors:
    return Survivors.all(batches) if gone is None else Survivors.without(batches, gone)


def find_partitions(connection: Connection, table: Table, spec: ReadSpec) -> None:
    """Make sure that every partition that is named in full exists.

    One whose changes are read may have been dropped.

    Raises
    ------
    NotFound
        When one does not.
    """
    if spec.incremental is not None:
        return
    for text in spec.partitions or ():
        values = tuple(
            value for value in parse_selector(text, table.partition_columns) if value is not None
        )
        full = len(values) == len(table.partition_columns)
        if full and not has_partition(connection, table.id, values):
            raise no_partition(table.ref, partition_of(values, table.partition_columns))


def check_times(
    plan: ReadPlan, spec: ReadSpec, as_pair: Callable[[str, DataType], bool], store: Files
) -> None:
    """Make sure that the units asked for hold every time of the rows that are left.

    Raises
    ------
    ServiceError
        When one does not.
    """
    times = joined_times(file.stored.facts for file in plan.files)
    try:
        check_units(plan.selection, times, spec.arrow, as_pair)
    except ServiceError:
        times = exact_times(plan.files, plan.selection, store)
        check_units(plan.selection, times, spec.arrow, as_pair)


def _extents(files: Sequence[PlannedFile], selection: Selection) -> list[Extent]:
    return [
        Extent(
            file.rows.n_rows,
            _bytes_of(file, selection),
            file.stored.values,
            file.stored.bucket,
        )
        for file in files
    ]


def _bytes_of(file: PlannedFile, selection: Selection) -> int:
    """Estimate the bytes of the rows that are left, in the columns that are chosen."""
    stored, n_rows = file.stored, file.rows.n_rows
    columns = sum(stored.facts.column_bytes.get(one.field, 0) for one in selection.data)
    texts = sum(len(stored.values[place]) + 4 for place, _ in selection.partitions)
    return columns * n_rows // max(stored.n_rows, 1) + n_rows * texts

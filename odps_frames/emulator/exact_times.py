"""What the times of a session need, told by the rows that are left instead of whole files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.columns import times_in
from odps_frames.emulator.facts import TimeFact, joined_times
from odps_frames.emulator.times import time_fact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odps_frames.emulator.files import Files
    from odps_frames.emulator.row_view import Selection
    from odps_frames.emulator.survivors import PlannedFile

__all__ = ["exact_times"]


def exact_times(
    planned: Iterable[PlannedFile], selection: Selection, files: Files
) -> dict[str, TimeFact]:
    """Read the times of files of which rows are left out; trust what is known of all others."""
    every = tuple(planned)
    found = joined_times(file.stored.facts for file in every if _whole(file))
    for file in every:
        if _whole(file):
            continue
        reader = files.open(file.stored.name)
        for number, left in enumerate(file.rows.counts):
            if not left:
                continue
            kept = file.rows.of(number, reader.get_batch(number))
            for stored in selection.data:
                if stored.field not in kept.schema.names:
                    continue
                column = kept.column(stored.field)
                for path, times in times_in(column, stored.column.type, stored.field):
                    found[path] = time_fact(times, found.get(path, TimeFact()))
    return found


def _whole(file: PlannedFile) -> bool:
    return all(mask is None for mask in file.rows.masks)

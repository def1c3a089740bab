"""What changed in a table between two versions: the rows that came, and those that went.

A row that is there at the later version and was not at the earlier one is upserted; one that was
there and is not any more is deleted. So it is for upserts, overwriting, truncating and dropped
partitions alike, and a row that came and went in between does not show. No source says how
MaxCompute tells changes (protocol.md §19, point 1).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from odps_frames.emulator.catalog.contents import visible_files
from odps_frames.emulator.catalog.erasures import erased_positions
from odps_frames.emulator.catalog.versions import (
    first_version,
    last_moment,
    version_at,
    was_there_before,
)
from odps_frames.emulator.refusals import changes_gone, invalid
from odps_frames.emulator.survivors import PlannedFile, Survivors
from odps_frames.wire.schema import DELETE, UPSERT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odps_frames.emulator.catalog.contents import StoredFile
    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.catalog.erasures import Positions
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.specs import Selector
    from odps_frames.model.read import Incremental

__all__ = ["Span", "changed_files", "span_of"]

Span: TypeAlias = tuple[int, int]
"""An earlier version, whose rows are known, and a later one."""

_MOST_SECOND_DIGITS = 11
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NONE = np.empty(0, dtype=np.int64)


def span_of(connection: Connection, table: Table, asked: Incremental, now: int) -> Span:
    """Find the versions that are meant; a time means the version that was the last one then.

    Raises
    ------
    ServiceError
        For versions that are not there yet, a start that is still to come, or times that cannot
        be read.
    Conflict
        When rows that went since the earlier version are not kept any more.
    """
    since = _version(connection, table, asked.since, "the start", latest=now)
    until = table.version
    if asked.until is not None:
        until = _version(connection, table, asked.until, "the end")
    if since > until:
        raise invalid(
            f"changes since version {since} and until version {until}; the start is the earlier"
        )
    if since < table.oldest:
        raise changes_gone(
            f"the changes of table {table.ref} since version {since} are not all kept any more: "
            f"those since version {table.oldest} are; read the table anew"
        )
    return since, until


def _version(
    connection: Connection, table: Table, bound: int | str, which: str, *, latest: int | None = None
) -> int:
    if isinstance(bound, int):
        if not 0 <= bound <= table.version:
            raise invalid(
                f"{which} is version {bound}; table {table.ref} is at version {table.version}"
            )
        return bound
    moment = _moment(bound, which)
    if latest is not None and moment > max(latest, last_moment(connection, table)):
        raise invalid(
            f"{which} is {bound!r}, which is still to come: nobody knows what will be there then; "
            "mind the zone of the time"
        )
    if moment < table.created and was_there_before(connection, table):
        raise changes_gone(
            f"{which} is {bound!r}, when table {table.ref} was another one; it was made anew since"
        )
    found = version_at(connection, table.id, moment)
    return first_version(connection, table) if found is None else found


def _moment(text: str, which: str) -> int:
    """Read a time as milliseconds since 1970."""
    said = text.strip()
    if said.isascii() and said.isdigit():
        return int(said) * (1000 if len(said) <= _MOST_SECOND_DIGITS else 1)
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        raise invalid(
            f"{which} is {text!r}; expected a version, a time such as '2026-01-31 12:00:00' (of "
            "UTC, where no zone is said), or seconds or milliseconds since 1970"
        ) from None
    aware = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(milliseconds=1)


def changed_files(
    connection: Connection,
    table: Table,
    span: Span,
    selectors: Sequence[Selector] | None,
    *,
    layout: int | None = None,
) -> tuple[PlannedFile, ...]:
    """Return the files with rows that changed, and those rows; deleted ones come first.

    So whoever carries the changes out in their order comes to the right end.
    """
    before, after = (
        {
            file.id: file
            for file in visible_files(connection, table.id, version, selectors, layout=layout)
        }
        for version in span
    )
    lacking, lacking_later = (
        erased_positions(connection, table.id, version, layout=layout) for version in span
    )
    deleted = (
        PlannedFile(file, _went(file, lacking, lacking_later, left=file.id in after), DELETE)
        for file in before.values()
    )
    # In a file that was there before, rows come only where it joins others.
    upserted = (
        PlannedFile(file, _went(file, lacking_later, lacking, left=file.id in before), UPSERT)
        for file in after.values()
    )
    return tuple(file for file in (*deleted, *upserted) if file.rows.n_rows)


def _went(
    file: StoredFile,
    lacking: dict[int, Positions],
    lacking_later: dict[int, Positions],
    *,
    left: bool,
) -> Survivors:
    """Return the rows of a file that were there and are not any more."""
    batches, before = file.facts.batches, lacking.get(file.id)
    if not left:
        return Survivors.all(batches) if before is None else Survivors.without(batches, before)
    later = lacking_later.get(file.id, _NONE)
    went = np.setdiff1d(later, _NONE if before is None else before, assume_unique=True)
    return Survivors.just(batches, went)

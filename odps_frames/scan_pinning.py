"""A version of a table is pinned by a read session over all columns of it, and found again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from odps_frames import partitions as partition_choice
from odps_frames.errors import Conflict, NotFound
from odps_frames.scan_rows import speakable
from odps_frames.scan_session import MAX_NAMED
from odps_frames.scan_snapshot import Pinned, Snapshot

if TYPE_CHECKING:
    from odps_frames.connection import Connection
    from odps_frames.model.table import Partition
    from odps_frames.scan_options import ScanOptions
    from odps_frames.scan_session import Question
    from odps_frames.transport.retry import Meter

__all__ = ["pin", "take_snapshot", "units_of"]

TRIES = 5
"""Partitions that come and go while they are listed are listed again, so often."""


def pin(connection: Connection, snapshot: Snapshot) -> Pinned:
    """Look a snapshot up.

    Raises
    ------
    SessionExpired
        When it is past its life.
    """
    session = connection.join_read_session(snapshot.spec(), snapshot.session_id)
    return Pinned(snapshot=snapshot, info=session.info, route_token=session.route_token)


def units_of(snapshot: Snapshot, options: ScanOptions) -> ScanOptions:
    """Return the options with the units of time that a snapshot has.

    Raises
    ------
    ValueError
        When others are asked for.
    """
    kept = snapshot.arrow
    for asked, has in (
        (options.timestamp_unit, kept.timestamp_unit),
        (options.datetime_unit, kept.datetime_unit),
    ):
        if asked not in (None, has):
            msg = f"the snapshot has times in {has}, not in {asked}; ask for units when taking it"
            raise ValueError(msg)
    return replace(options, timestamp_unit=kept.timestamp_unit, datetime_unit=kept.datetime_unit)


def take_snapshot(connection: Connection, question: Question, meter: Meter) -> Snapshot:
    """Open a session over all columns and rows of the selected partitions.

    Raises
    ------
    Conflict
        When partitions kept coming and going.
    """
    whole = replace(question, columns=None, condition=None)
    for _ in range(TRIES):
        present = _present(connection, whole)
        # What is named to the service is there, and nothing else; all else is looked at twice.
        named = present if present and len(present) <= MAX_NAMED and speakable(present) else None
        try:
            session = whole.ask(connection, named, meter)
        except NotFound:
            if named is None:
                raise
            continue
        if named is not None or _present(connection, whole) == present:
            return Snapshot(
                table=question.info.ref,
                session_id=session.session_id,
                split_by=session.spec.split_by,
                arrow=session.spec.arrow,
                partitions=present,
            )
    msg = f"the partitions of {question.info.ref} changed while a snapshot was taken; try again"
    raise Conflict(msg)


def _present(connection: Connection, question: Question) -> tuple[Partition, ...] | None:
    """The partitions that are meant; None for a table that has none."""
    if not question.info.schema.partition_columns:
        return None
    existing = tuple(info.partition for info in connection.list_partitions(question.info.ref))
    for selection in question.selections:
        existing = partition_choice.select(selection, question.info.schema, existing)
    return existing

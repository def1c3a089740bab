"""LIFECYCLE: what was not changed for so many days is dropped, as by a statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.catalog import contents
from odps_frames.emulator.catalog.tables import drop_table, next_version, table_by_id

if TYPE_CHECKING:
    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.catalog.tables import Table

__all__ = ["reclaim"]

_DAY = 86_400_000


def reclaim(connection: Connection, now: int) -> None:
    """Drop tables without partitions, and partitions of other tables, that are past their days.

    A table stays when its last partition goes. What DISABLE LIFECYCLE was said of stays too.
    """
    # Most tables have none, which is seen without reading their definitions as JSON.
    found = connection.execute(
        "SELECT id FROM tables WHERE instr(definition, '\"lifecycle\": null') = 0"
    ).fetchall()
    for row in found:
        table = table_by_id(connection, row["id"])
        if table is None or table.lifecycle is None or None in table.lasting:
            continue
        oldest = now - table.lifecycle * _DAY
        if table.partition_columns:
            _reclaim_partitions(connection, table, oldest, now)
        elif table.modified < oldest:
            drop_table(connection, table)


def _reclaim_partitions(connection: Connection, table: Table, oldest: int, now: int) -> None:
    past = [
        partition.values
        for partition in contents.list_partitions(connection, table.id)
        if partition.modified < oldest and partition.values not in table.lasting
    ]
    if not past:
        return
    for values in past:
        contents.drop_partition(connection, table.id, values)
    version = next_version(connection, table, operation="LIFECYCLE", session=None, now=now)
    contents.remove_files(connection, table.id, version, past)

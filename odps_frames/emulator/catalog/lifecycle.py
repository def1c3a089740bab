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
_PAST = """
SELECT id FROM (
  SELECT id, modified, :now - :day * json_extract(definition, '$.lifecycle') AS oldest FROM tables
) AS t WHERE oldest IS NOT NULL AND (
  modified < oldest
  OR EXISTS (SELECT 1 FROM partitions p WHERE p.table_id = t.id AND p.modified < oldest)
)
"""
"""Tables of which anything may be past its days."""


def reclaim(connection: Connection, now: int) -> None:
    """Drop tables without partitions, and partitions of other tables, that are past their days.

    A table stays when its last partition goes. What DISABLE LIFECYCLE was said of stays too.
    """
    for row in connection.execute(_PAST, {"now": now, "day": _DAY}).fetchall():
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

"""Statements carried out on the catalog, each as part of one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from odps_frames.emulator.sql import column_engine, partition_engine, statements, table_engine
from odps_frames.emulator.sql.schemas import run_schema_statement
from odps_frames.emulator.sql.showing import (
    show_create_table,
    show_description,
    show_partitions,
    show_tables,
)
from odps_frames.emulator.sql.statements import (
    CreateSchema,
    Describe,
    DropSchema,
    ShowCreateTable,
    ShowPartitions,
    ShowSchemas,
    ShowTables,
)
from odps_frames.emulator.sql.view_engine import create_view

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from odps_frames.emulator.sql.site import Site
    from odps_frames.emulator.sql.statements import Statement

__all__ = ["run_statement"]

_DONE: Mapping[type[Any], Callable[[Site, Any], None]] = {
    statements.CreateTable: table_engine.create_table,
    statements.CreateLike: table_engine.create_like,
    statements.CreateView: create_view,
    statements.DropTable: table_engine.drop_table,
    statements.RenameTable: table_engine.rename_table,
    statements.SetComment: table_engine.set_comment,
    statements.ChangeOwner: table_engine.change_owner,
    statements.SetLifecycle: table_engine.set_lifecycle,
    statements.SetProperties: table_engine.set_properties,
    statements.UnsetProperties: table_engine.unset_properties,
    statements.SetBuckets: table_engine.set_buckets,
    statements.AddColumns: column_engine.add_columns,
    statements.DropColumns: column_engine.drop_columns,
    statements.ChangeColumn: column_engine.change_column,
    statements.AddPartitions: partition_engine.add_partitions,
    statements.DropPartitions: partition_engine.drop_partitions,
    statements.RenamePartition: partition_engine.rename_partition,
    statements.MergePartitions: partition_engine.merge_partitions,
    statements.SwitchLifecycle: partition_engine.switch_lifecycle,
    statements.Touch: partition_engine.touch,
    statements.Compact: partition_engine.compact,
    statements.TruncateTable: partition_engine.truncate,
}
_SHOWN: Mapping[type[Any], Callable[[Site, Any], str]] = {
    ShowTables: show_tables,
    ShowPartitions: show_partitions,
    ShowCreateTable: show_create_table,
    Describe: show_description,
}


def run_statement(site: Site, statement: Statement) -> str:
    """Carry out a statement and return its result as text.

    Raises
    ------
    SqlFault
        With the code that MaxCompute gives.
    """
    if isinstance(statement, CreateSchema | DropSchema | ShowSchemas):
        return run_schema_statement(site.connection, statement, site.project, site.now)
    if (show := _SHOWN.get(type(statement))) is not None:
        return show(site, statement)
    _DONE[type(statement)](site, statement)
    return ""

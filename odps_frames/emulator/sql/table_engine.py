"""Tables made, dropped, and said something of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from odps_frames.emulator.catalog import contents, definitions, tables
from odps_frames.emulator.catalog.tables import StoredColumn, Table
from odps_frames.emulator.columns import can_keep
from odps_frames.emulator.specs import can_part
from odps_frames.emulator.sql.clustering import (
    buckets_fault,
    columns_to_cluster_fault,
    whole_buckets,
)
from odps_frames.emulator.sql.defaults import default_fault
from odps_frames.emulator.sql.primary_key import changed_properties_fault, key_fault
from odps_frames.emulator.sql.site import exists_already, semantic
from odps_frames.model.schema import TableSchema

if TYPE_CHECKING:
    from odps_frames.emulator.sql.site import Site
    from odps_frames.emulator.sql.statements import (
        ChangeOwner,
        CreateLike,
        CreateTable,
        DropTable,
        RenameTable,
        SetBuckets,
        SetComment,
        SetLifecycle,
        SetProperties,
        TableName,
        UnsetProperties,
    )
    from odps_frames.model.schema import Column

__all__ = [
    "change_owner",
    "check_table",
    "check_type",
    "create_like",
    "create_table",
    "drop_table",
    "rename_table",
    "set_buckets",
    "set_comment",
    "set_lifecycle",
    "set_properties",
    "unset_properties",
]

MAX_COLUMNS = 1200
MAX_LEVELS = 6


def create_table(site: Site, statement: CreateTable) -> None:
    """Carry out CREATE TABLE with columns."""
    found = site.find(statement.name)
    if found is not None and not (statement.replace and found.view is None):
        if statement.if_not_exists:
            return
        raise exists_already(found, statement.name)
    check_table(statement)
    table = Table(
        id="",
        ref=site.ref(statement.name),
        columns=tuple(
            StoredColumn(str(number), column, statement.defaults.get(column.name))
            for number, column in enumerate(statement.columns, 1)
        ),
        last_field=len(statement.columns),
        partition_columns=statement.partition_columns,
        comment=statement.comment,
        lifecycle=statement.lifecycle,
        properties=statement.properties,
        primary_key=statement.primary_key,
        buckets=whole_buckets(statement.buckets),
    )
    if found is not None:
        tables.drop_table(site.connection, found)
    tables.create_table(site.connection, table, site.now)


def check_table(statement: CreateTable) -> None:
    """Refuse a table that cannot be.

    Raises
    ------
    SqlFault
        With the first thing that is wrong.
    """
    name = statement.name
    try:
        schema = TableSchema(statement.columns, statement.partition_columns)
    except ValueError as error:
        raise semantic(str(error), name) from None
    if len(schema.all_columns) > MAX_COLUMNS:
        raise semantic(f"{len(schema.all_columns)} columns; expected {MAX_COLUMNS} at most", name)
    levels = len(statement.partition_columns)
    if levels > MAX_LEVELS:
        raise semantic(f"{levels} partition columns; expected {MAX_LEVELS} at most", name)
    for column in statement.columns:
        check_type(column, name)
        default = statement.defaults.get(column.name)
        if default is not None and (fault := default_fault(column, default)):
            raise semantic(fault, name)
    if fault := key_fault(statement) or buckets_fault(statement):
        raise semantic(fault, name)
    for column in statement.partition_columns:
        if not can_part(column.type):
            raise semantic(
                f"a partition column of type {column.type} is not supported here: "
                f"{column.name}; expected string, char, varchar, date or a whole number",
                name,
            )


def check_type(column: Column, name: TableName) -> None:
    """Refuse a column whose values cannot be kept."""
    if not can_keep(column.type):
        raise semantic(f"a column of type {column.type} is not supported here: {column.name}", name)


def create_like(site: Site, statement: CreateLike) -> None:
    """Make a table with all that another one says of itself but its lifecycle."""
    found = site.find(statement.name)
    if found is not None:
        if statement.if_not_exists:
            return
        raise exists_already(found, statement.name)
    source = site.table(statement.source)
    table = replace(
        source,
        ref=site.ref(statement.name),
        owner=tables.OWNER,
        lifecycle=statement.lifecycle,
        lasting=frozenset(),
        bounds=None,
    )
    tables.create_table(site.connection, table, site.now)


def drop_table(site: Site, statement: DropTable) -> None:
    """Carry out DROP TABLE or DROP VIEW."""
    if statement.if_exists and site.find(statement.name) is None:
        return
    table = site.of_kind(statement.name, is_view=statement.is_view)
    tables.drop_table(site.connection, table)


def rename_table(site: Site, statement: RenameTable) -> None:
    """Carry out RENAME TO, within a project and a schema."""
    table = site.of_kind(statement.name, is_view=statement.is_view)
    to = statement.to
    if len(to.parts) == 1:  # it stays where it is, whatever the defaults of the statement are
        to = replace(to, parts=tables.place_of(table.ref)[:2] + to.parts)
    ref = site.ref(to)
    if tables.place_of(ref)[:2] != tables.place_of(table.ref)[:2]:
        raise semantic(f"{table.ref} cannot become {ref}: RENAME leaves it in its schema", to)
    taken = site.find(to)
    if taken is not None:
        raise exists_already(taken, to)
    definitions.rename_table(site.connection, table, ref, site.now)


def set_comment(site: Site, statement: SetComment) -> None:
    """Carry out SET COMMENT."""
    table = site.of_kind(statement.name, is_view=statement.is_view)
    definitions.redefine(site.connection, replace(table, comment=statement.comment), site.now)


def change_owner(site: Site, statement: ChangeOwner) -> None:
    """Carry out CHANGEOWNER TO."""
    table = site.of_kind(statement.name, is_view=statement.is_view)
    if not statement.owner.strip():
        raise semantic("CHANGEOWNER TO an empty name; expected an account", statement.name)
    definitions.redefine(site.connection, replace(table, owner=statement.owner), site.now)


def set_lifecycle(site: Site, statement: SetLifecycle) -> None:
    """Carry out SET LIFECYCLE."""
    table = site.table(statement.name)
    definitions.redefine(site.connection, replace(table, lifecycle=statement.days), site.now)


def set_properties(site: Site, statement: SetProperties) -> None:
    """Carry out SET TBLPROPERTIES; those that are not named stay."""
    table = site.table(statement.name)
    properties = {**table.properties, **statement.properties}
    if fault := changed_properties_fault(table, properties):
        raise semantic(fault, statement.name)
    definitions.redefine(site.connection, replace(table, properties=properties), site.now)


def unset_properties(site: Site, statement: UnsetProperties) -> None:
    """Carry out UNSET TBLPROPERTIES."""
    table = site.table(statement.name)
    for name in statement.properties:
        if name not in table.properties:
            listed = ", ".join(table.properties) or "none"
            raise semantic(
                f"table {table.ref} has no property {name!r}; expected one of: {listed}",
                statement.name,
            )
    gone = set(statement.properties)
    properties = {name: text for name, text in table.properties.items() if name not in gone}
    if fault := changed_properties_fault(table, properties):
        raise semantic(fault, statement.name)
    definitions.redefine(site.connection, replace(table, properties=properties), site.now)


def set_buckets(site: Site, statement: SetBuckets) -> None:
    """Carry out CLUSTERED BY or NOT CLUSTERED.

    Rows that are there are in no bucket, or in others, and would be missing from what is read
    bucket by bucket: only a table without rows can be clustered anew.
    """
    table = site.table(statement.name)
    buckets = whole_buckets(statement.buckets)
    if buckets is not None:
        if fault := columns_to_cluster_fault(buckets, table.schema.columns, table.primary_key):
            raise semantic(fault, statement.name)
        here = contents.visible_files(site.connection, table.id, table.version)
        if here or definitions.has_staged_rows(site.connection, table):
            raise semantic(
                f"CLUSTERED BY of table {table.ref}, which has rows, is not supported here; make "
                "a table with these buckets and insert the rows there",
                statement.name,
            )
    elif table.buckets is None:
        return
    clustered = replace(table, buckets=buckets, bounds=None)
    definitions.redefine(site.connection, clustered, site.now, columns=True)

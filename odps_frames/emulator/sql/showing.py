"""What SHOW and DESC answer, in the form that MaxCompute's console shows."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from odps_frames.emulator.catalog import contents, schemas, tables
from odps_frames.emulator.catalog.schemas import DEFAULT_SCHEMA
from odps_frames.emulator.catalog.tables import BUCKETS
from odps_frames.emulator.specs import chosen, selector_of
from odps_frames.emulator.sql.site import no_partition, semantic
from odps_frames.emulator.sql.table_names import NAMESPACES, zone_of
from odps_frames.emulator.sql.table_text import table_text, view_text
from odps_frames.emulator.sql.tokens import SqlFault
from odps_frames.errors import NotFound, ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.emulator.catalog.contents import KeptPartition
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.sql.site import Site
    from odps_frames.emulator.sql.statements import (
        Describe,
        ShowCreateTable,
        ShowPartitions,
        ShowTables,
    )

__all__ = ["show_create_table", "show_description", "show_partitions", "show_tables"]

_RULE = f"+{'-' * 84}+"
_EVERY = -1


def show_tables(site: Site, statement: ShowTables) -> str:
    """Answer SHOW TABLES: an owner and a name a line, views too."""
    project, schema = site.project, site.hints.get("odps.default.schema")
    if statement.name is not None:
        parts = statement.name.parts
        if len(parts) == 1 and site.hints.get(NAMESPACES, "").lower() == "true":
            schema = parts[0]
        else:
            project, schema = parts[0], (parts[1] if len(parts) > 1 else None)
    try:
        place = schemas.need_schema(site.connection, project, schema)
    except NotFound as error:
        token = statement.name.token if statement.name else None
        raise SqlFault("ODPS-0130131", f"Schema not found - {error.message}", token) from None
    found = tables.list_tables(
        site.connection, project, place.name, prefix="", after="", limit=_EVERY
    )
    wanted = _wanted(statement.pattern)
    return "\n".join(
        f"{table.owner}:{table.ref.table}" for table in found if wanted.fullmatch(table.ref.table)
    )


def _wanted(pattern: str | None) -> re.Pattern[str]:
    """Read a pattern, in which ``*`` stands for any letters."""
    if pattern is None:
        return re.compile(".*")
    if not re.fullmatch(r"[\w*]+", pattern):
        message = f"SHOW TABLES LIKE {pattern!r}; expected letters, digits, '_', and '*' for any"
        raise SqlFault("ODPS-0130161", f"Parse exception - {message}")
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.IGNORECASE)


def show_partitions(site: Site, statement: ShowPartitions) -> str:
    """Answer SHOW PARTITIONS: a partition a line."""
    table = site.table(statement.name)
    if not table.partition_columns:
        raise semantic(f"table {table.ref} has no partitions", statement.name)
    try:
        selector = selector_of(statement.spec, table.partition_columns)
    except ServiceError as error:
        raise semantic(error.message, statement.name) from None
    found = contents.list_partitions(site.connection, table.id)
    names = table.schema.partition_names
    return "\n".join(
        "/".join(f"{n}={value}" for n, value in zip(names, one.values, strict=True))
        for one in found
        if chosen(one.values, [selector])
    )


def show_create_table(site: Site, statement: ShowCreateTable) -> str:
    """Answer SHOW CREATE TABLE: a statement that makes the same table, or view."""
    table = site.any(statement.name)
    return table_text(table) if table.view is None else view_text(table, table.view)


def show_description(site: Site, statement: Describe) -> str:
    """Answer DESC."""
    table = site.any(statement.name)
    zone = ZoneInfo(zone_of(site.hints))
    if statement.spec is None:
        return "\n".join(_of_table(site, table, zone, extended=statement.extended)) + "\n"
    table = site.table(statement.name)
    values = site.values(table, statement.spec, statement.name)
    partition = contents.find_partition(site.connection, table.id, values)
    if partition is None:
        raise no_partition(table, str(dict(statement.spec)), statement.name)
    return "\n".join(_of_partition(table, partition, zone, extended=statement.extended)) + "\n"


def _of_table(site: Site, table: Table, zone: ZoneInfo, *, extended: bool) -> Iterator[str]:
    size = contents.contents(site.connection, table.id)
    yield _RULE
    yield _line("Owner", table.owner)
    yield _line("Project", table.ref.project)
    if table.ref.schema is not None or site.hints.get(NAMESPACES, "").lower() == "true":
        yield _line("Schema", table.ref.schema or DEFAULT_SCHEMA)
    yield f"| TableComment: {table.comment:<68} |"
    yield _RULE
    yield from _times(table.created, table.defined, table.modified, zone)
    if table.lifecycle is not None:
        yield _line("Lifecycle", table.lifecycle)
    yield _RULE
    if table.view is None:
        yield f"| InternalTable: YES      | Size: {size.n_bytes:<50} |"
    else:
        yield _title("VirtualView  : YES")
        yield f"| ViewText: {table.view.query:<72} |"
    yield _RULE
    yield from _columns(table, extended=extended)
    if extended and table.view is None:
        yield from _extended(table, size)


def _columns(table: Table, *, extended: bool) -> Iterator[str]:
    yield _title("Native Columns:")
    yield _RULE
    head = ["Field", "Type", "Label", "Comment"]
    if extended:
        head = ["Field", "Type", "Label", "ExtendedLabel", "Nullable", "DefaultValue", "Comment"]
    yield _row(head)
    yield _RULE
    for stored in table.columns:
        column = stored.column
        middle = ["", str(column.nullable).lower(), stored.default or "NULL"] if extended else []
        yield _row([column.name, str(column.type), "", *middle, column.comment])
    yield _RULE
    if table.partition_columns:
        yield _title("Partition Columns:")
        yield _RULE
        for column in table.partition_columns:
            yield f"| {column.name:<15} | {column.type!s:<10} | {column.comment:<51} |"
        yield _RULE


def _row(cells: list[str]) -> str:
    widths = (15, 10, 5, 43) if len(cells) == 4 else (8, 6, 5, 13, 8, 12, 12)  # noqa: PLR2004  plain
    shown = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(shown)} |"


def _extended(table: Table, size: contents.Contents) -> Iterator[str]:
    yield _title("Extended Info:")
    yield _RULE
    yield _line("TableID", table.id)
    yield _line("IsArchived", "false")
    yield _line("PhysicalSize", size.n_bytes)
    yield _line("FileNum", size.n_files)
    if table.transactional:
        yield _line("Transactional", "true")
    yield from _buckets(table)
    yield _RULE


def _buckets(table: Table) -> Iterator[str]:
    if table.primary_key:
        yield _line("Primarykey", _listed(table.primary_key))
        yield _line("acid.data.retain.hours", table.retain_hours)
        if BUCKETS in table.properties:
            yield _line("write.bucket.num", table.properties[BUCKETS])
    elif table.buckets is not None:
        yield _line("ClusterType", table.buckets.kind)
        yield _line("BucketNum", table.buckets.n or 0)
        yield _line("ClusterColumns", _listed(table.buckets.columns))
        if table.buckets.sorted_by:
            yield _line("SortColumns", _listed(table.buckets.sorted_by))


def _of_partition(
    table: Table, partition: KeptPartition, zone: ZoneInfo, *, extended: bool
) -> Iterator[str]:
    yield _RULE
    yield f"| PartitionSize: {partition.contents.n_bytes:<67} |"
    yield _RULE
    yield from _times(partition.created, partition.created, partition.modified, zone)
    yield _RULE
    if extended:
        if (days := table.lifecycle_of(partition.values)) is not None:
            yield _line("LifeCycle", days)
        yield _line("IsExstore", "false")
        yield _line("IsArchived", "false")
        yield _line("PhysicalSize", partition.contents.n_bytes)
        yield _line("FileNum", partition.contents.n_files)
        yield from _buckets(table)
        yield _RULE


def _times(created: int, defined: int, modified: int, zone: ZoneInfo) -> Iterator[str]:
    yield _line("CreateTime", _moment(created, zone))
    yield _line("LastDDLTime", _moment(defined, zone))
    yield _line("LastModifiedTime", _moment(modified, zone))


def _moment(milliseconds: int, zone: ZoneInfo) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _line(name: str, value: object) -> str:
    return f"| {name + ':':<25} {value!s:<56} |"


def _title(text: str) -> str:
    return f"| {text:<82} |"


def _listed(names: tuple[str, ...]) -> str:
    return f"[{', '.join(names)}]"

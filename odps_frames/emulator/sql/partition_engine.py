"""Partitions added, dropped, emptied, renamed and merged."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from odps_frames.emulator.catalog import contents, definitions, tables
from odps_frames.emulator.catalog.erasures import erase, erased_positions
from odps_frames.emulator.file_writer import NewFile
from odps_frames.emulator.sql.site import semantic
from odps_frames.emulator.sql.tokens import SqlFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.specs import Values
    from odps_frames.emulator.sql.site import Site
    from odps_frames.emulator.sql.statements import (
        AddPartitions,
        Compact,
        DropPartitions,
        MergePartitions,
        RenamePartition,
        SwitchLifecycle,
        Touch,
        TruncateTable,
    )

__all__ = [
    "add_partitions",
    "compact",
    "drop_partitions",
    "merge_partitions",
    "rename_partition",
    "switch_lifecycle",
    "touch",
    "truncate",
]

MAX_PARTITIONS = 60_000
MAX_MERGED = 4_000
_PARTITION_EXISTS = "ODPS-0130221"


def add_partitions(site: Site, statement: AddPartitions) -> None:
    """Carry out ADD PARTITION."""
    table = site.table(statement.name)
    for spec in statement.specs:
        values = site.values(table, spec, statement.name)
        made = contents.add_partition(site.connection, table.id, values, site.now)
        if not made and not statement.if_not_exists:
            raise _partition_exists(table, str(dict(spec)), statement)
    n_partitions = contents.count_partitions(site.connection, table.id)
    if n_partitions > MAX_PARTITIONS:
        raise semantic(
            f"table {table.ref} would have {n_partitions} partitions; expected {MAX_PARTITIONS} "
            "at most",
            statement.name,
        )


def _partition_exists(
    table: Table, said: str, statement: AddPartitions | RenamePartition
) -> SqlFault:
    return SqlFault(
        _PARTITION_EXISTS,
        f"Invalid partition - partition {said} of table {table.ref} exists already",
        statement.name.token,
    )


def drop_partitions(site: Site, statement: DropPartitions) -> None:
    """Carry out DROP PARTITION."""
    table = site.table(statement.name)
    dropped = site.partitions(
        table, statement.chosen, statement.name, if_exists=statement.if_exists
    )
    for values in dropped:
        contents.drop_partition(site.connection, table.id, values)
    if dropped:
        _remove(site, table, "DROP PARTITION", dropped)
    _forget_lasting(site, table, dropped)


def truncate(site: Site, statement: TruncateTable) -> None:
    """Carry out TRUNCATE TABLE."""
    table = site.table(statement.name)
    if not statement.chosen:
        for one in list(contents.list_partitions(site.connection, table.id)):
            contents.touch_partition(site.connection, table.id, one.values, site.now)
        _remove(site, table, "TRUNCATE", None)
        return
    emptied = site.partitions(table, statement.chosen, statement.name, if_exists=False)
    for values in emptied:
        contents.touch_partition(site.connection, table.id, values, site.now)
    _remove(site, table, "TRUNCATE", emptied)


def _remove(site: Site, table: Table, operation: str, partitions: Iterable[Values] | None) -> None:
    version = tables.next_version(
        site.connection, table, operation=operation, session=None, now=site.now
    )
    contents.remove_files(site.connection, table.id, version, partitions)


def _forget_lasting(site: Site, table: Table, gone: Iterable[Values]) -> None:
    lasting = table.lasting - set(gone)
    if lasting != table.lasting:
        definitions.redefine(site.connection, replace(table, lasting=lasting), site.now)


def rename_partition(site: Site, statement: RenamePartition) -> None:
    """Carry out PARTITION RENAME TO PARTITION."""
    table = site.table(statement.name)
    values = site.need_partition(table, statement.spec, statement.name)
    to = site.values(table, statement.to, statement.name)
    if contents.has_partition(site.connection, table.id, to):
        raise _partition_exists(table, str(dict(statement.to)), statement)
    _move(site, table, "RENAME PARTITION", [values], to)
    contents.rename_partition(site.connection, table.id, values, to)
    if values in table.lasting:
        lasting = table.lasting - {values} | {to}
        definitions.redefine(site.connection, replace(table, lasting=lasting), site.now)


def merge_partitions(site: Site, statement: MergePartitions) -> None:
    """Carry out MERGE PARTITION: rows of some partitions instead of those of one."""
    table = site.table(statement.name)
    if table.transactional:
        raise semantic(f"MERGE PARTITION of {table.ref}, a transactional table", statement.name)
    into = site.values(table, statement.into, statement.name)
    merged = site.partitions(table, statement.chosen, statement.name, if_exists=statement.if_exists)
    if not merged:
        return
    if len(merged) > MAX_MERGED:
        raise semantic(
            f"{len(merged)} partitions to merge; expected {MAX_MERGED} at most", statement.name
        )
    contents.touch_partition(site.connection, table.id, into, site.now)
    _move(site, table, "MERGE PARTITION", merged, into)
    gone = [values for values in merged if values != into]
    for values in gone:
        contents.drop_partition(site.connection, table.id, values)
    _forget_lasting(site, table, gone)


def _move(
    site: Site, table: Table, operation: str, sources: Sequence[Values], into: Values
) -> None:
    """Put the rows of some partitions into one, instead of what it has.

    Files belong to their partition for good, since earlier versions are read too: the rows get
    second names of files there.
    """
    connection = site.connection
    erased = erased_positions(connection, table.id, table.version)
    wanted = set(sources)
    here = [
        file
        for file in contents.visible_files(connection, table.id, table.version)
        if file.values in wanted
    ]
    version = tables.next_version(
        connection, table, operation=operation, session=None, now=site.now
    )
    contents.remove_files(connection, table.id, version, dict.fromkeys([*sources, into]))
    names: list[str] = []
    try:
        for file in here:
            names.append(site.files.duplicate(file.name))
            second = NewFile(
                values=into,
                name=names[-1],
                n_rows=file.n_rows,
                n_bytes=file.n_bytes,
                facts=file.facts,
                bucket=file.bucket,
            )
            (number,) = contents.add_files(connection, table.id, version, [second])
            if file.id in erased:
                erase(connection, number, version, erased[file.id])
        site.files.settle()
    except BaseException:
        site.files.delete(names)
        raise


def switch_lifecycle(site: Site, statement: SwitchLifecycle) -> None:
    """Carry out ENABLE or DISABLE LIFECYCLE."""
    table = site.table(statement.name)
    values = None
    if statement.spec is not None:
        values = site.need_partition(table, statement.spec, statement.name)
    lasting = table.lasting - {values} if statement.enabled else table.lasting | {values}
    definitions.redefine(site.connection, replace(table, lasting=lasting), site.now)


def compact(site: Site, statement: Compact) -> None:
    """Carry out MERGE SMALLFILES or COMPACT, once the transaction is through."""
    table = site.table(statement.name)
    if statement.how != "MERGE SMALLFILES" and not table.transactional:
        raise semantic(
            f"{statement.how} takes transactional tables, and {table.ref} is none; use MERGE "
            "SMALLFILES",
            statement.name,
        )
    partitions = None
    if statement.spec is not None:
        partitions = [site.need_partition(table, statement.spec, statement.name)]
    site.compactions.append((table.id, partitions))


def touch(site: Site, statement: Touch) -> None:
    """Carry out TOUCH: rows count as changed just now."""
    table = site.table(statement.name)
    if statement.spec is None:
        definitions.touch_table(site.connection, table, site.now)
        return
    values = site.need_partition(table, statement.spec, statement.name)
    contents.touch_partition(site.connection, table.id, values, site.now)

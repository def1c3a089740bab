"""What a commit changes in a table, as part of one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.catalog.blobs import commit_blobs
from odps_frames.emulator.catalog.contents import (
    add_files,
    remove_files,
    touch_partition,
    visible_files,
)
from odps_frames.emulator.catalog.tables import next_version, table_by_id
from odps_frames.emulator.merge import Merge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odps_frames.emulator.catalog.contents import StoredFile
    from odps_frames.emulator.catalog.database import Connection, Database
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.file_writer import NewFile
    from odps_frames.emulator.files import Files
    from odps_frames.emulator.specs import Selector, Values

__all__ = ["prepare", "publish"]


def publish(  # noqa: PLR0913  all that a commit is about
    connection: Connection,
    table: Table,
    files: Iterable[NewFile],
    store: Files,
    *,
    static: Selector,
    overwrite: bool,
    session: str,
    now: int,
    operation: str | None = None,
    prepared: Merge | None = None,
) -> None:
    """Make files part of a table, instead of or beside what is there.

    Overwriting replaces the one partition named in full, the whole of a table without partitions,
    or else exactly the partitions that the files are in. In a table with a primary key the rows
    take the place of those of the same keys, which is done sooner where that was `prepared`.
    """
    added = list(files)
    named = _named(static)
    touched = {file.values for file in added} if named is None else {named}
    if operation is None:
        operation = "OVERWRITE" if overwrite else "UPSERT" if table.primary_key else "APPEND"
    version = next_version(connection, table, operation=operation, session=session, now=now)
    if overwrite:
        remove_files(connection, table.id, version, sorted(touched))
    numbers = add_files(connection, table.id, version, added)
    if table.primary_key:
        fits = prepared is not None and prepared.names == [file.name for file in added]
        merge = prepared if prepared is not None and fits else Merge(table, added, store)
        merge.carry_out(connection, version, numbers)
    commit_blobs(connection, session)
    if table.partition_columns:
        for values in sorted(touched):
            touch_partition(connection, table.id, values, now)


def prepare(
    database: Database, table: Table, files: Iterable[NewFile], store: Files, *, overwrite: bool
) -> Merge | None:
    """Do beforehand what of a commit takes long, without keeping anybody from anything."""
    added = list(files)
    if not table.primary_key or not added:
        return None
    merge = Merge(table, added, store)

    def find() -> tuple[list[str], list[StoredFile]]:
        if overwrite:
            return merge.names, []
        with database.read() as connection:
            present = table_by_id(connection, table.id)
            version = 0 if present is None else present.version
            selectors = list({file.values for file in added})
            there = visible_files(connection, table.id, version, selectors)
        return [*merge.names, *(file.name for file in there)], there

    hold, there = store.hold(find)
    try:
        merge.prepare(there)
    finally:
        hold.release()
    return merge


def _named(static: Selector) -> Values | None:
    """Return the one partition that a session writes, or None where the rows decide."""
    values = tuple(value for value in static if value is not None)
    return values if len(values) == len(static) else None

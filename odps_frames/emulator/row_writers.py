"""Rows of statements on their way into tables: put into files, and committed with those.

Files that are finished are unknown to the catalog until the commit, so that whatever ends a
statement before, be it the end of the process, leaves nothing of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa

from odps_frames.convert.untyped import pc
from odps_frames.emulator.catalog.contents import (
    add_files,
    has_partition,
    touch_partition,
    visible_files,
)
from odps_frames.emulator.catalog.erasures import erased_positions
from odps_frames.emulator.catalog.tables import find_table, next_version
from odps_frames.emulator.commit import prepare, publish
from odps_frames.emulator.keyed_intake import intake_for
from odps_frames.emulator.merge import take_away
from odps_frames.emulator.sql.conflicts import present_table, require_unchanged
from odps_frames.emulator.sql.site import Site
from odps_frames.emulator.sql.table_engine import create_table
from odps_frames.emulator.sql.tokens import SqlFault
from odps_frames.emulator.sql.writes import DELETED, UPDATED, Creation, Insertion, RowChange
from odps_frames.errors import ServiceError
from odps_frames.wire.schema import DELETE, OPERATION, UPSERT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from odps_frames.convert.untyped import AnyArray
    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.file_writer import NewFile
    from odps_frames.emulator.merge import Merge
    from odps_frames.emulator.specs import Selector
    from odps_frames.emulator.sql.writes import Write
    from odps_frames.emulator.store import Store
    from odps_frames.model.schema import Column

__all__ = ["RowWriter", "writer_for"]

MAX_PARTITIONS = 10_000
"""So many partitions one statement may write."""
MAX_VALUE_BYTES = 255
_LEAST_PRINTABLE = 0x20


class RowWriter(Protocol):
    """Takes the rows of one output of a statement."""

    def take(self, batch: pa.RecordBatch) -> None:
        """Take rows as the query gives them."""

    def finish(self) -> None:
        """Bring all rows to the disk."""

    def commit(self, connection: Connection, instance: str, now: int) -> None:
        """Make them part of the table, in the transaction of the statement."""

    def abandon(self) -> None:
        """Drop what was written."""


def writer_for(store: Store, write: Write, *, project: str, hints: Mapping[str, str]) -> RowWriter:
    """Make what writes an output."""
    match write:
        case Insertion():
            return _Inserter(store, write)
        case Creation():
            return _Creator(store, write, project, hints)
        case RowChange():
            return _Changer(store, write)


class _Taker:
    """What all writers share: rows go into files by the columns that they are for."""

    def __init__(self, store: Store, table: Table, static: Selector) -> None:
        self.store = store
        self.table = table
        self.static = static
        self.files: list[NewFile] = []
        self.prepared: Merge | None = None
        self._intake = intake_for(store.files, table, static, settle=store.settle_bounds)

    def keep(self, columns: Sequence[Column], arrays: list[AnyArray], operations: AnyArray) -> None:
        """Take values of columns, and what becomes of each row where the table has a key."""
        names = [column.name for column in columns]
        if self.table.primary_key:
            names, arrays = [*names, OPERATION], [*arrays, operations]
        try:
            self._intake.take(pa.RecordBatch.from_arrays(arrays, names=names))
        except ServiceError as error:
            raise SqlFault("ODPS-0121095", f"Invalid argument - {error.message}") from None
        if self._intake.n_partitions > MAX_PARTITIONS:
            raise _partition_fault(
                f"a single instance cannot output data to more than {MAX_PARTITIONS} partitions"
            )

    def finish(self, *, overwrite: bool = False) -> None:
        """Bring all rows to the disk, and look for their keys while nobody has to wait."""
        self.files = self._intake.finish()
        self.prepared = prepare(
            self.store.database, self.table, self.files, self.store.files, overwrite=overwrite
        )

    def abandon(self) -> None:
        """Drop what was written."""
        self._intake.abandon()


class _Inserter:
    """Writes the rows of INSERT."""

    def __init__(self, store: Store, write: Insertion) -> None:
        self._write = write
        self._taker = _Taker(store, write.table, write.static)

    def take(self, batch: pa.RecordBatch) -> None:
        """Take rows, whose columns are those of the statement."""
        columns = self._write.planned.columns
        check_dynamic(self._write.table, columns, batch.columns)
        upserts = pa.repeat(pa.scalar(UPSERT, pa.int8()), batch.num_rows)
        self._taker.keep(columns, batch.columns, upserts)

    def finish(self) -> None:
        """Bring all rows to the disk."""
        self._taker.finish(overwrite=self._write.overwrite)

    def commit(self, connection: Connection, instance: str, now: int) -> None:
        """Make the rows part of the table."""
        write, taker = self._write, self._taker
        table = present_table(connection, taker.table)
        named = tuple(value for value in write.static if value is not None)
        if write.if_not_exists and has_partition(connection, table.id, named):
            taker.abandon()
            return
        if table.primary_key and not write.overwrite:
            require_unchanged(connection, taker.table, {file.values for file in taker.files})
        publish(
            connection,
            table,
            taker.files,
            taker.store.files,
            static=write.static,
            overwrite=write.overwrite,
            session=instance,
            now=now,
            prepared=taker.prepared,
        )

    def abandon(self) -> None:
        """Drop what was written."""
        self._taker.abandon()


class _Creator:
    """Makes a table with the rows of CREATE TABLE AS."""

    def __init__(
        self, store: Store, write: Creation, project: str, hints: Mapping[str, str]
    ) -> None:
        self._write = write
        self._project = project
        self._hints = hints
        self._taker = _Taker(store, write.table, ())

    def take(self, batch: pa.RecordBatch) -> None:
        """Take rows, whose columns are those of the table."""
        nothing = pa.nulls(batch.num_rows, pa.int8())
        self._taker.keep(self._write.planned.columns, batch.columns, nothing)

    def finish(self) -> None:
        """Bring all rows to the disk."""
        self._taker.finish()

    def commit(self, connection: Connection, instance: str, now: int) -> None:
        """Make the table, unless it was made meanwhile and may have been."""
        create, ref = self._write.create, self._write.table.ref
        if create.if_not_exists and find_table(connection, ref) is not None:
            self._taker.abandon()
            return
        site = Site(
            connection=connection,
            files=self._taker.store.files,
            project=self._project,
            hints=self._hints,
            now=now,
        )
        create_table(site, create)
        table = find_table(connection, ref)
        if table is None:
            msg = f"table {ref} is not there after it was made"
            raise RuntimeError(msg)
        publish(
            connection,
            table,
            self._taker.files,
            self._taker.store.files,
            static=(),
            overwrite=False,
            session=instance,
            now=now,
        )

    def abandon(self) -> None:
        """Drop what was written."""
        self._taker.abandon()


class _Changer:
    """Takes rows of a table away and writes those that come, for UPDATE, DELETE and MERGE."""

    def __init__(self, store: Store, write: RowChange) -> None:
        self._write = write
        self._numbers = write.files
        self._places: dict[int, list[np.ndarray]] = {}
        self._gone: dict[int, np.ndarray] = {}
        self._taker = _Taker(store, write.table, (None,) * len(write.table.partition_columns))

    def take(self, batch: pa.RecordBatch) -> None:
        """Take places, actions and values of rows."""
        table, columns = self._write.table, self._write.planned.columns
        file, place, action, *values = batch.columns
        old = pc.is_valid(file)
        self._note(file.filter(old), place.filter(old))
        deleted = pc.equal(action, DELETED)
        operations = pc.if_else(deleted, pa.scalar(DELETE, pa.int8()), pa.scalar(UPSERT, pa.int8()))
        if not table.primary_key:
            values = [array.filter(pc.invert(deleted)) for array in values]
        fresh = pc.less(action, UPDATED)
        check_dynamic(table, columns, [array.filter(fresh) for array in batch.columns[3:]])
        if values and len(values[0]):
            self._taker.keep(columns, values, operations)

    def _note(self, files: AnyArray, places: AnyArray) -> None:
        of_file, rows = np.asarray(files), np.asarray(places)
        for number in np.unique(of_file):
            found = rows[of_file == number].astype(np.int64)
            self._places.setdefault(self._numbers[number], []).append(found)

    def finish(self) -> None:
        """Bring all rows to the disk, and make sure that none is changed twice."""
        for number, parts in self._places.items():
            places = np.concatenate(parts)
            self._gone[number] = np.unique(places)
            if len(self._gone[number]) != len(places):
                raise SqlFault(
                    "ODPS-0121095",
                    f"Invalid argument - {self._write.operation} does not support update or delete "
                    f"of a duplicate row: a row of {self._write.table.ref} is matched by several "
                    "rows of the source; leave one of them for each",
                )
        self._taker.finish()

    def commit(self, connection: Connection, instance: str, now: int) -> None:
        """Take the old rows away and make the new ones part of the table."""
        taker, operation = self._taker, self._write.operation
        table = present_table(connection, taker.table)
        if not self._gone and not taker.files:
            return
        partitions = self._write.partitions
        touched = {partitions[number] for number in self._gone}
        touched |= {file.values for file in taker.files}
        require_unchanged(connection, taker.table, touched)
        if table.primary_key:
            publish(
                connection,
                table,
                taker.files,
                taker.store.files,
                static=taker.static,
                overwrite=False,
                session=instance,
                now=now,
                operation=operation,
                prepared=taker.prepared,
            )
            return
        version = next_version(connection, table, operation=operation, session=instance, now=now)
        present = {file.id: file for file in visible_files(connection, table.id, version)}
        before = erased_positions(connection, table.id, version)
        for number, places in self._gone.items():
            n_left = present[number].n_rows - len(before.get(number, ()))
            take_away(connection, version, number, n_left, places)
        add_files(connection, table.id, version, taker.files)
        if table.partition_columns:
            for values in sorted(touched):
                touch_partition(connection, table.id, values, now)

    def abandon(self) -> None:
        """Drop what was written."""
        self._taker.abandon()


def check_dynamic(table: Table, columns: Sequence[Column], arrays: Sequence[AnyArray]) -> None:
    """Refuse values of partition columns that rows may not have.

    Raises
    ------
    SqlFault
        Naming the first one.
    """
    parts = {column.name.lower() for column in table.partition_columns}
    for column, array in zip(columns, arrays, strict=True):
        if column.name.lower() not in parts:
            continue
        for value in pc.unique(array).to_pylist():
            if value is None or not _is_partition(str(value)):
                said = "NULL" if value is None else value
                raise _partition_fault(f"invalid dynamic partition value: {column.name}={said}")


def _is_partition(text: str) -> bool:
    printable = text.isascii() and all(ord(sign) >= _LEAST_PRINTABLE for sign in text)
    return bool(text) and printable and len(text) <= MAX_VALUE_BYTES


def _partition_fault(message: str) -> SqlFault:
    return SqlFault("ODPS-0123031", f"Partition exception - {message}")

"""The place that rows are to go to: looked for, planned, made, and given back when nothing came."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.convert.infer import infer_schema
from odps_frames.errors import CommitUnknown, NotFound, OdpsError, SchemaMismatch, SqlError
from odps_frames.model.schema import TableSchema
from odps_frames.model.splits import ByRows
from odps_frames.model.types import parse_type
from odps_frames.wire import ddl
from odps_frames.wire.schema import OPERATION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from odps_frames.connection import Connection
    from odps_frames.model.catalog import TableInfo
    from odps_frames.model.schema import Column
    from odps_frames.model.table import Partition, TableRef
    from odps_frames.write_options import WriteOptions

__all__ = [
    "Place",
    "TakenError",
    "check_made_for",
    "check_names",
    "existing_schema",
    "existing_table",
    "key_of",
    "occupied",
    "planned_schema",
]


class TakenError(Exception):
    """Somebody else made the place in the meantime; never leaves this package."""


def existing_table(connection: Connection, ref: TableRef, *, keyed: bool) -> TableInfo | None:
    """Return a table, with its key where it may have one or must (``keyed``); None for none."""
    try:
        info = connection.describe(ref)
        return connection.further(info) if keyed or info.is_transactional else info
    except NotFound:
        return None


def existing_schema(connection: Connection, ref: TableRef) -> TableSchema | None:
    """Return the schema of a table, or None where there is none."""
    info = existing_table(connection, ref, keyed=False)
    return None if info is None else info.schema


def key_of(ref: TableRef, present: TableInfo | None, options: WriteOptions) -> tuple[str, ...]:
    """Return the primary key of the table that is there, or of the one that is to be made.

    Raises
    ------
    SchemaMismatch
        When the table has another key than was said.
    ValueError
        When the mode is none for such a table.
    """
    said, mode = options.primary_key, options.mode
    key = said if present is None else present.primary_key
    if present is not None and said and set(map(str.lower, said)) != set(map(str.lower, key)):
        has = f"the key {list(key)}" if key else "no primary key"
        msg = f"primary_key={list(said)}, but {ref} exists and has {has}"
        raise SchemaMismatch(msg)
    if mode == "upsert" and not key and (present is not None or options.create):
        msg = (
            f"mode='upsert' of {ref}, which has no primary key; use another mode, or make a table "
            "with create=True, primary_key=[…]"
        )
        raise ValueError(msg)
    if mode == "append" and key and present is not None:
        msg = (
            f"mode='append' adds rows, but {ref} has the primary key {list(key)}, so that rows "
            "take the place of others; use mode='upsert'"
        )
        raise ValueError(msg)
    return key


def occupied(
    connection: Connection, ref: TableRef, schema: TableSchema | None, partition: Partition | None
) -> bool:
    """Whether the table, or the partition where one is named, is there."""
    if schema is None:
        return False
    if partition is None:
        return True
    return next(connection.list_partitions(ref, partition), None) is not None


def planned_schema(
    ref: TableRef,
    source: pa.Schema,
    *,
    create: bool,
    partition: Partition | None,
    partition_cols: tuple[str, ...],
    odps_types: Mapping[str, str],
) -> TableSchema:
    """Return the schema of a table that is to be made from data.

    Raises
    ------
    NotFound
        When no table is to be made.
    SchemaMismatch
        When the data cannot make one.
    """
    if not create:
        msg = f"there is no table {ref}; pass create=True to make it from the data's columns"
        raise NotFound(msg)
    if missing := [name for name in partition_cols if name not in source.names]:
        msg = f"partition_cols={missing} are not in the data; it has {source.names}"
        raise SchemaMismatch(msg)
    found = infer_schema(source, partition_by=partition_cols, overrides=odps_types)
    if not found.columns:
        msg = f"a table needs a column that is no partition; the data has {source.names}"
        raise SchemaMismatch(msg)
    check_names(found.all_columns)
    if partition is None:
        return found
    static = infer_schema(
        pa.schema([pa.field(name, pa.string()) for name in partition.names]),
        partition_by=partition.names,
    )
    return TableSchema(found.columns, static.partition_columns + found.partition_columns)


def check_names(columns: tuple[Column, ...]) -> None:
    """Refuse names that no column of a table can have.

    Raises
    ------
    SchemaMismatch
        With all of them.
    """
    bad = [column.name for column in columns if not column.name.replace("_", "a").isalnum()]
    if bad:
        msg = f"not names of MaxCompute columns: {bad}; expected letters, digits and underscores"
        raise SchemaMismatch(msg)
    if any(column.name.lower() == OPERATION for column in columns):
        msg = (
            f"a column {OPERATION!r} says what becomes of rows of a table with a primary key, and "
            "cannot be made; give mode='upsert', or rename it"
        )
        raise SchemaMismatch(msg)


def check_made_for(ref: TableRef, schema: TableSchema, odps_types: Mapping[str, str]) -> None:
    """Refuse types for a table that exists and has others.

    Raises
    ------
    SchemaMismatch
        With the first column that differs.
    """
    for name, text in odps_types.items():
        column = schema.find(name)
        if column is None or column.type != parse_type(text):
            has = "has no such column" if column is None else f"has it as {column.type}"
            msg = f"odps_types={{{name!r}: {text!r}}}, but {ref} exists and {has}"
            raise SchemaMismatch(msg)


class Place:
    """A table, or a partition that must not be there yet."""

    def __init__(self, connection: Connection, ref: TableRef, partition: Partition | None) -> None:
        self._connection = connection
        self._ref = ref
        self._partition = partition

    @contextlib.contextmanager
    def made(
        self,
        schema: TableSchema | None,
        *,
        lifecycle: int | None,
        alone: bool,
        primary_key: tuple[str, ...] = (),
    ) -> Iterator[None]:
        """Make what is missing; take it away again when the block fails and left it empty.

        With ``alone`` the place must be ours: whoever makes it first has it, as the service
        makes a table or a partition for one caller only.

        Raises
        ------
        TakenError
            When somebody else had it first.
        """
        made_table = False
        if schema is not None:
            sql = ddl.create_table(self._ref, schema, lifecycle=lifecycle, primary_key=primary_key)
            made_table = self._create(sql, alone=alone)
        made_partition = not made_table and alone and self._partition is not None
        if made_partition and self._partition is not None:
            self._claim(ddl.add_partition(self._ref, self._partition), "SQLAddPartitionTask")
        try:
            yield
        except CommitUnknown:
            raise
        except BaseException as error:
            if made_table or made_partition:
                self._give_back(error, table=made_table)
            raise

    def _create(self, sql: str, *, alone: bool) -> bool:
        """Whether it was we who made the table."""
        try:
            self._claim(sql, "SQLCreateTableTask")
        except TakenError:
            if alone:
                raise
            return False
        return True

    def _claim(self, sql: str, task: str) -> None:
        try:
            self._connection.run(sql, task=task, table=self._ref)
        except SqlError:
            schema = existing_schema(self._connection, self._ref)
            partition = self._partition if task == "SQLAddPartitionTask" else None
            if occupied(self._connection, self._ref, schema, partition):
                raise TakenError from None
            raise

    def _give_back(self, error: BaseException, *, table: bool) -> None:
        what = str(self._ref) if table else f"partition {self._partition} of {self._ref}"
        try:
            if self._rows(table=table):
                return
            if table:
                self._connection.run(ddl.drop_table(self._ref), table=self._ref)
            elif self._partition is not None:
                sql = ddl.drop_partition(self._ref, self._partition)
                self._connection.run(sql, table=self._ref)
        except OdpsError as failed:
            error.add_note(f"{what} was made for this write and is empty now ({failed.message})")

    def _rows(self, *, table: bool) -> int:
        spec = None if table or self._partition is None else (str(self._partition),)
        session = self._connection.read_session(self._ref, partitions=spec, split_by=ByRows(rows=1))
        return session.info.n_rows or 0

"""Statements carried out on the catalog, each as part of one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from odps_frames.emulator.catalog import contents, tables
from odps_frames.emulator.catalog.tables import StoredColumn, Table
from odps_frames.emulator.columns import can_keep
from odps_frames.emulator.specs import can_part, selector_of
from odps_frames.emulator.sql.clustering import buckets_fault, whole_buckets
from odps_frames.emulator.sql.primary_key import key_fault, system_column_fault
from odps_frames.emulator.sql.schemas import run_schema_statement
from odps_frames.emulator.sql.statements import (
    AddColumns,
    AddPartitions,
    CreateSchema,
    CreateTable,
    DropPartitions,
    DropSchema,
    DropTable,
    ShowSchemas,
    TruncateTable,
)
from odps_frames.emulator.sql.table_names import ref_of
from odps_frames.emulator.sql.tokens import SqlFault
from odps_frames.errors import NotFound, ServiceError
from odps_frames.model.schema import TableSchema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.specs import Values
    from odps_frames.emulator.sql.statements import Spec, Statement, TableName
    from odps_frames.model.schema import Column
    from odps_frames.model.table import TableRef

__all__ = ["Engine"]

_PARSE = "ODPS-0130161"
_SEMANTIC = "ODPS-0130071"
_NO_TABLE = "ODPS-0130131"
_TABLE_EXISTS = "ODPS-0130211"
_PARTITION_EXISTS = "ODPS-0130221"
_NO_PARTITION = "ODPS-0110061"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Carries out statements of one project at one time."""

    connection: Connection
    project: str
    hints: Mapping[str, str]
    now: int

    def run(self, statement: Statement) -> str:
        """Carry out a statement and return its result as text.

        Raises
        ------
        SqlFault
            With the code that MaxCompute gives.
        """
        match statement:
            case CreateTable():
                self._create_table(statement)
            case DropTable():
                self._drop_table(statement)
            case AddColumns():
                self._add_columns(statement)
            case AddPartitions():
                self._add_partitions(statement)
            case DropPartitions():
                self._drop_partitions(statement)
            case TruncateTable():
                self._truncate(statement)
            case CreateSchema() | DropSchema() | ShowSchemas():
                return run_schema_statement(self.connection, statement, self.project, self.now)
        return ""

    def _create_table(self, statement: CreateTable) -> None:
        ref = self._ref(statement.name)
        if self._find(statement.name) is not None:
            if statement.if_not_exists:
                return
            raise SqlFault(
                _TABLE_EXISTS,
                f"Table or view already exists - table {ref} already exists",
                statement.name.token,
            )
        self.check_table(statement)
        table = Table(
            id="",
            ref=ref,
            columns=tuple(
                StoredColumn(str(number), column)
                for number, column in enumerate(statement.columns, 1)
            ),
            partition_columns=statement.partition_columns,
            comment=statement.comment,
            lifecycle=statement.lifecycle,
            properties=statement.properties,
            primary_key=statement.primary_key,
            buckets=whole_buckets(statement.buckets),
        )
        tables.create_table(self.connection, table, self.now)

    def check_table(self, statement: CreateTable) -> None:
        """Refuse a table that cannot be.

        Raises
        ------
        SqlFault
            With the first thing that is wrong.
        """
        try:
            TableSchema(statement.columns, statement.partition_columns)
        except ValueError as error:
            raise _semantic(str(error), statement.name) from None
        for column in statement.columns:
            _check_type(column, statement.name)
        if fault := key_fault(statement) or buckets_fault(statement):
            raise _semantic(fault, statement.name)
        for column in statement.partition_columns:
            if not can_part(column.type):
                raise _semantic(
                    f"a partition column of type {column.type} is not supported here: "
                    f"{column.name}; expected string, char, varchar, date or a whole number",
                    statement.name,
                )

    def _drop_table(self, statement: DropTable) -> None:
        table = self._find(statement.name)
        if table is not None:
            tables.drop_table(self.connection, table)
        elif not statement.if_exists:
            raise self._no_table(statement.name)

    def _add_columns(self, statement: AddColumns) -> None:
        table = self._need(statement.name)
        if table.primary_key and (fault := system_column_fault(statement.columns)):
            raise _semantic(fault, statement.name)
        added: list[Column] = []
        for column in statement.columns:
            if table.schema.find(column.name) is not None:
                if statement.if_not_exists:
                    continue
                raise _semantic(f"column {column.name} exists already", statement.name)
            if not column.nullable:
                raise _semantic(
                    f"column {column.name} is NOT NULL; rows that are there have no value for it",
                    statement.name,
                )
            _check_type(column, statement.name)
            added.append(column)
        try:
            TableSchema(tuple(added))
        except ValueError as error:
            raise _semantic(str(error), statement.name) from None
        if added:
            tables.add_columns(self.connection, table, added, self.now)

    def _add_partitions(self, statement: AddPartitions) -> None:
        table = self._need(statement.name)
        for spec, values in self._values(table, statement.specs, statement.name):
            made = contents.add_partition(self.connection, table.id, values, self.now)
            if not made and not statement.if_not_exists:
                raise SqlFault(
                    _PARTITION_EXISTS,
                    f"Invalid partition - partition {dict(spec)} of table {table.ref} "
                    "exists already",
                    statement.name.token,
                )

    def _drop_partitions(self, statement: DropPartitions) -> None:
        table = self._need(statement.name)
        dropped = []
        for spec, values in self._values(table, statement.specs, statement.name):
            if contents.drop_partition(self.connection, table.id, values):
                dropped.append(values)
            elif not statement.if_exists:
                raise _no_partition(table, spec, statement.name)
        if dropped:
            self._remove(table, "DROP PARTITION", dropped)

    def _truncate(self, statement: TruncateTable) -> None:
        table = self._need(statement.name)
        if not statement.specs:
            self._remove(table, "TRUNCATE", None)
            return
        emptied = list(self._values(table, statement.specs, statement.name))
        for spec, values in emptied:
            if not contents.has_partition(self.connection, table.id, values):
                raise _no_partition(table, spec, statement.name)
            contents.touch_partition(self.connection, table.id, values, self.now)
        self._remove(table, "TRUNCATE", [values for _, values in emptied])

    def _remove(self, table: Table, operation: str, partitions: list[Values] | None) -> None:
        version = tables.next_version(
            self.connection, table, operation=operation, session=None, now=self.now
        )
        contents.remove_files(self.connection, table.id, version, partitions)

    def _values(
        self, table: Table, specs: Iterable[Spec], name: TableName
    ) -> Iterable[tuple[Spec, Values]]:
        for spec in specs:
            try:
                selector = selector_of(spec, table.partition_columns)
            except ServiceError as error:
                raise _semantic(error.message, name) from None
            values = tuple(value for value in selector if value is not None)
            if not values or len(values) != len(selector):
                raise _semantic(
                    f"partition {dict(spec)} lacks a column; the partition columns of "
                    f"{table.ref} are: {', '.join(table.schema.partition_names) or 'none'}",
                    name,
                )
            yield spec, values

    def _need(self, name: TableName) -> Table:
        table = self._find(name)
        if table is None:
            raise self._no_table(name)
        return table

    def _find(self, name: TableName) -> Table | None:
        try:
            return tables.find_table(self.connection, self._ref(name))
        except NotFound as error:
            raise SqlFault(_NO_TABLE, f"Table not found - {error.message}", name.token) from None

    def _no_table(self, name: TableName) -> SqlFault:
        ref = self._ref(name)
        return SqlFault(_NO_TABLE, f"Table not found - table {ref} cannot be resolved", name.token)

    def _ref(self, name: TableName) -> TableRef:
        """Fill up a name; two parts are schema and table where the hints say so."""
        try:
            return ref_of(name.parts, self.project, self.hints)
        except ValueError as error:
            raise SqlFault(_PARSE, f"Parse exception - {error}", name.token) from None


def _check_type(column: Column, name: TableName) -> None:
    if not can_keep(column.type):
        raise _semantic(
            f"a column of type {column.type} is not supported here: {column.name}", name
        )


def _semantic(message: str, name: TableName) -> SqlFault:
    return SqlFault(_SEMANTIC, f"Semantic analysis exception - {message}", name.token)


def _no_partition(table: Table, spec: Spec, name: TableName) -> SqlFault:
    return SqlFault(
        _NO_PARTITION,
        f"Failed to run ddltask - partition {dict(spec)} of table {table.ref} does not exist",
        name.token,
    )

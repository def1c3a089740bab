"""Where a statement is carried out: what its names mean there, and how it fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from odps_frames.emulator.catalog import contents, tables
from odps_frames.emulator.catalog.schemas import DEFAULT_SCHEMA
from odps_frames.emulator.specs import selector_of
from odps_frames.emulator.sql.partition_conditions import matching
from odps_frames.emulator.sql.table_names import ref_of
from odps_frames.emulator.sql.tokens import SqlFault
from odps_frames.errors import NotFound, ServiceError
from odps_frames.model.table import TableRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.files import Files
    from odps_frames.emulator.specs import Values
    from odps_frames.emulator.sql.partition_conditions import Chosen
    from odps_frames.emulator.sql.statements import Spec, TableName

__all__ = ["Site", "exists_already", "no_partition", "semantic"]

_PARSE = "ODPS-0130161"
_SEMANTIC = "ODPS-0130071"
_NO_TABLE = "ODPS-0130131"
_TABLE_EXISTS = "ODPS-0130211"
_NO_PARTITION = "ODPS-0110061"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The transaction, the project and the settings of a statement."""

    connection: Connection
    files: Files
    project: str
    hints: Mapping[str, str]
    now: int
    compactions: list[tuple[str, Sequence[Values] | None]] = field(default_factory=list)
    """Tables, or partitions of them, whose files are joined after the transaction."""

    def ref(self, name: TableName) -> TableRef:
        """Fill up a name; two parts are schema and table where the hints say so."""
        try:
            found = ref_of(name.parts, self.project, self.hints)
        except ValueError as error:
            raise SqlFault(_PARSE, f"Parse exception - {error}", name.token) from None
        if (found.schema or "").lower() == DEFAULT_SCHEMA:
            return TableRef(found.project, found.table)
        return found

    def find(self, name: TableName) -> Table | None:
        """Return the table or view of a name, or None."""
        try:
            return tables.find_table(self.connection, self.ref(name))
        except NotFound as error:
            raise SqlFault(_NO_TABLE, f"Table not found - {error.message}", name.token) from None

    def any(self, name: TableName) -> Table:
        """Return the table or view of a name."""
        table = self.find(name)
        if table is None:
            raise self.no_table(name)
        return table

    def table(self, name: TableName) -> Table:
        """Return the table of a name, which must be no view."""
        table = self.any(name)
        if table.view is not None:
            raise semantic(f"{table.ref} is a view; this is said of tables only", name)
        return table

    def of_kind(self, name: TableName, *, is_view: bool) -> Table:
        """Return a table or a view, which the statement must call by the right word."""
        table = self.any(name)
        if (table.view is not None) is not is_view:
            word, other = ("VIEW", "TABLE") if table.view is not None else ("TABLE", "VIEW")
            raise semantic(f"{table.ref} is a {word.lower()}; say {word}, not {other}", name)
        return table

    def values(self, table: Table, spec: Spec, name: TableName) -> Values:
        """Return the partition that a statement names in full."""
        try:
            selector = selector_of(spec, table.partition_columns)
        except ServiceError as error:
            raise semantic(error.message, name) from None
        values = tuple(value for value in selector if value is not None)
        if not values or len(values) != len(selector):
            raise semantic(
                f"partition {dict(spec)} lacks a column; the partition columns of "
                f"{table.ref} are: {', '.join(table.schema.partition_names) or 'none'}",
                name,
            )
        return values

    def need_partition(self, table: Table, spec: Spec, name: TableName) -> Values:
        """Return a partition that must be there."""
        values = self.values(table, spec, name)
        if not contents.has_partition(self.connection, table.id, values):
            raise no_partition(table, str(dict(spec)), name)
        return values

    def partitions(
        self, table: Table, chosen: Iterable[Chosen], name: TableName, *, if_exists: bool
    ) -> list[Values]:
        """Return the partitions that a statement means, each once.

        Raises
        ------
        SqlFault
            Where one is named, or conditions are, and there is none; unless ``if_exists``.
        """
        if not table.partition_columns:
            raise semantic(f"table {table.ref} has no partitions", name)
        columns = {column.name.lower() for column in table.partition_columns}
        found: dict[Values, None] = {}
        for one in chosen:
            spec = one.spec
            if spec is not None and len(spec) == len(columns) and {n for n, _ in spec} == columns:
                values = self.values(table, spec, name)
                here = contents.has_partition(self.connection, table.id, values)
                matched = [values] if here else []
            else:
                every = contents.list_partitions(self.connection, table.id)
                partitions = [partition.values for partition in every]
                matched = matching(one, table.partition_columns, partitions)
            if not matched and not if_exists:
                said = str(dict(spec)) if spec is not None else "that meets the condition"
                raise no_partition(table, said, name)
            found |= dict.fromkeys(matched)
        return list(found)

    def no_table(self, name: TableName) -> SqlFault:
        """Make the error of a table that is not there."""
        ref = self.ref(name)
        return SqlFault(_NO_TABLE, f"Table not found - table {ref} cannot be resolved", name.token)


def semantic(message: str, name: TableName) -> SqlFault:
    """Make the error of what is SQL, but makes no sense here."""
    return SqlFault(_SEMANTIC, f"Semantic analysis exception - {message}", name.token)


def exists_already(table: Table, name: TableName) -> SqlFault:
    """Make the error of a name that is taken."""
    what = "table" if table.view is None else "view"
    return SqlFault(
        _TABLE_EXISTS,
        f"Table or view already exists - {what} {table.ref} already exists",
        name.token,
    )


def no_partition(table: Table, said: str, name: TableName) -> SqlFault:
    """Make the error of a partition that is not there."""
    return SqlFault(
        _NO_PARTITION,
        f"Failed to run ddltask - partition {said} of table {table.ref} does not exist",
        name.token,
    )

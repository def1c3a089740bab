"""Projects and tables: what they are, and how the catalog keeps them."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from odps_frames.emulator.catalog.schemas import DEFAULT_SCHEMA, need_schema
from odps_frames.emulator.catalog.views import View
from odps_frames.emulator.refusals import is_view, no_table
from odps_frames.model.buckets import Buckets
from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.table import TableRef
from odps_frames.model.types import parse_type

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

    from odps_frames.emulator.bucketing import Bounds
    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.specs import Values

__all__ = [
    "BUCKETS",
    "OWNER",
    "RETAIN_HOURS",
    "TRANSACTIONAL",
    "StoredColumn",
    "Table",
    "create_project",
    "create_table",
    "drop_table",
    "find_table",
    "list_tables",
    "need_rows",
    "need_table",
    "next_version",
    "place_of",
    "settle_bounds",
    "table_by_id",
]

OWNER = "ALIYUN$local"
TRANSACTIONAL = "transactional"
"""The property that a table with a primary key must have."""
BUCKETS = "write.bucket.num"
RETAIN_HOURS = "acid.data.retain.hours"
"""How long rows that were replaced or deleted can still be read (protocol.md §17.3)."""
_USUAL_HOURS = 24


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """A data column, with the name that files know it by, which no other column ever gets."""

    field: str
    column: Column
    default: str | None = None
    """The literal that stands where INSERT leaves the column out, as it was written."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table as the catalog has it; times are milliseconds since 1970."""

    id: str
    ref: TableRef
    columns: tuple[StoredColumn, ...]
    partition_columns: tuple[Column, ...] = ()
    comment: str = ""
    owner: str = OWNER
    lifecycle: int | None = None
    lasting: frozenset[Values | None] = frozenset()
    """Partitions that LIFECYCLE does not touch; None is the table itself."""
    properties: Mapping[str, str] = field(default_factory=dict)
    view: View | None = None
    """The query, where there are no rows."""
    last_field: int = 0
    """The highest number that a column ever had among files."""
    primary_key: tuple[str, ...] = ()
    buckets: Buckets | None = None
    bounds: Bounds | None = None
    """Of the buckets of a range-clustered table, once it has rows."""
    version: int = 0
    oldest: int = 0
    """The first version whose rows are still all there."""
    schema_version: int = 1
    created: int = 0
    defined: int = 0
    modified: int = 0

    @cached_property
    def schema(self) -> TableSchema:
        """The columns as the wire speaks of them."""
        return TableSchema(tuple(stored.column for stored in self.columns), self.partition_columns)

    @property
    def transactional(self) -> bool:
        """Whether it was made as a table whose rows can be changed."""
        return self.properties.get(TRANSACTIONAL, "").lower() == "true"

    @property
    def retain_hours(self) -> int:
        """How long older versions of its rows are kept."""
        return int(self.properties.get(RETAIN_HOURS, _USUAL_HOURS))

    def lifecycle_of(self, values: Values | None) -> int | None:
        """Return after how many days a partition goes, or None of the table itself."""
        return None if {None, values} & self.lasting else self.lifecycle

    def definition(self) -> str:
        """Write what CREATE TABLE said, as JSON."""
        document = {
            "columns": list(map(_encode_stored, self.columns)),
            "last_field": self.last_field,
            "partition_columns": list(map(_encode_column, self.partition_columns)),
            "comment": self.comment,
            "owner": self.owner,
            "lifecycle": self.lifecycle,
            "lasting": sorted(self.lasting, key=str),
            "properties": dict(self.properties),
            "view": None if self.view is None else self.view.encode(),
            "primary_key": self.primary_key,
            "buckets": None if self.buckets is None else asdict(self.buckets),
            "bounds": self.bounds,
        }
        return json.dumps(document)

    def as_defined(self, definition: str) -> Table:
        """Return the table with the columns of another, older definition."""
        document = json.loads(definition)
        view = document.get("view")
        columns = tuple(map(_decode_stored, document["columns"]))
        highest = max((int(stored.field) for stored in columns), default=0)
        return replace(
            self,
            columns=columns,
            last_field=max(highest, document.get("last_field", 0)),
            partition_columns=tuple(map(_decode_column, document["partition_columns"])),
            comment=document["comment"],
            owner=document["owner"],
            lifecycle=document["lifecycle"],
            lasting=frozenset(
                None if values is None else tuple(values) for values in document.get("lasting", ())
            ),
            properties=document["properties"],
            view=None if view is None else View.decode(view),
            primary_key=tuple(document.get("primary_key", ())),
            buckets=Buckets.of(buckets) if (buckets := document.get("buckets")) else None,
            bounds=_bounds(document.get("bounds")),
        )


def _bounds(document: Iterable[Iterable[str | int | None]] | None) -> Bounds | None:
    return None if document is None else tuple(map(tuple, document))


def _encode_column(column: Column) -> dict[str, object]:
    return {
        "name": column.name,
        "type": str(column.type),
        "comment": column.comment,
        "nullable": column.nullable,
    }


def _decode_column(document: Mapping[str, Any]) -> Column:
    return Column(
        document["name"], parse_type(document["type"]), document["comment"], document["nullable"]
    )


def _encode_stored(stored: StoredColumn) -> dict[str, object]:
    document = {"field": stored.field, **_encode_column(stored.column)}
    return document if stored.default is None else {**document, "default": stored.default}


def _decode_stored(document: Mapping[str, Any]) -> StoredColumn:
    return StoredColumn(document["field"], _decode_column(document), document.get("default"))


def _decode(row: sqlite3.Row) -> Table:
    bare = Table(
        id=row["id"],
        ref=TableRef(
            row["project"],
            row["name"],
            None if row["schema"] == DEFAULT_SCHEMA else row["schema"],
        ),
        columns=(),
        version=row["version"],
        oldest=row["oldest"],
        schema_version=row["schema_version"],
        created=row["created"],
        defined=row["defined"],
        modified=row["modified"],
    )
    return bare.as_defined(row["definition"])


def create_project(connection: Connection, name: str, now: int) -> None:
    """Make a project, unless it is there."""
    connection.execute("INSERT OR IGNORE INTO projects VALUES (?, ?)", (name.lower(), now))


def find_table(connection: Connection, ref: TableRef) -> Table | None:
    """Return a table of an existing project, whatever the letter case of its name, or None."""
    schema = need_schema(connection, ref.project, ref.schema)
    row = connection.execute(
        "SELECT * FROM tables WHERE project = ? AND schema = ? AND name = ?",
        (ref.project.lower(), schema.name, ref.table.lower()),
    ).fetchone()
    return _decode(row) if row else None


def need_table(connection: Connection, ref: TableRef) -> Table:
    """Return a table.

    Raises
    ------
    NotFound
        When there is none of that name.
    """
    table = find_table(connection, ref)
    if table is None:
        raise no_table(ref)
    return table


def need_rows(connection: Connection, ref: TableRef) -> Table:
    """Return a table that has rows of its own.

    Raises
    ------
    ServiceError
        When there is none of that name, or it is a view.
    """
    table = need_table(connection, ref)
    if table.view is not None:
        raise is_view(table.ref)
    return table


def table_by_id(connection: Connection, table_id: str) -> Table | None:
    """Return the table that was created under this id, or None when it is gone."""
    row = connection.execute("SELECT * FROM tables WHERE id = ?", (table_id,)).fetchone()
    return _decode(row) if row else None


def list_tables(
    connection: Connection, project: str, schema: str, *, prefix: str, after: str, limit: int
) -> list[Table]:
    """Return the tables of a schema in the order of their names."""
    rows = connection.execute(
        "SELECT * FROM tables WHERE project = ? AND schema = ? AND name > ? "
        "AND substr(name, 1, ?) = ? ORDER BY name LIMIT ?",
        (project.lower(), schema, after, len(prefix), prefix.lower(), limit),
    )
    return list(map(_decode, rows))


def create_table(connection: Connection, table: Table, now: int) -> None:
    """Make a table; it has a new id whatever its name was used for before."""
    name = place_of(table.ref)
    found = connection.execute(
        "SELECT version FROM retired WHERE project = ? AND schema = ? AND name = ?", name
    ).fetchone()
    version = 0 if found is None else found["version"]
    connection.execute(
        "INSERT INTO tables VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?)",
        (
            uuid.uuid4().hex,
            *name,
            table.definition(),
            version,
            version,
            now,
            now,
            now,
        ),
    )


def place_of(ref: TableRef) -> tuple[str, str, str]:
    """Return project, schema and table as the catalog knows them."""
    return ref.project.lower(), (ref.schema or DEFAULT_SCHEMA).lower(), ref.table.lower()


def settle_bounds(connection: Connection, table_id: str, proposed: Bounds) -> Bounds:
    """Keep the bounds of the buckets of a table; those that it has already stay."""
    table = table_by_id(connection, table_id)
    if table is None:
        return proposed  # it was dropped meanwhile, and its rows will be refused
    if table.bounds is None:
        table = replace(table, bounds=proposed)
        connection.execute(
            "UPDATE tables SET definition = ? WHERE id = ?", (table.definition(), table_id)
        )
    return proposed if table.bounds is None else table.bounds


def drop_table(connection: Connection, table: Table) -> None:
    """Forget a table; its files go when nothing reads them any more."""
    connection.execute(
        "INSERT OR REPLACE INTO retired SELECT project, schema, name, version + 1 FROM tables "
        "WHERE id = ?",
        (table.id,),
    )
    for name in ("tables", "partitions", "versions"):
        key = "id" if name == "tables" else "table_id"
        connection.execute(f"DELETE FROM {name} WHERE {key} = ?", (table.id,))  # noqa: S608  the names above


def next_version(
    connection: Connection, table: Table, *, operation: str, session: str | None, now: int
) -> int:
    """Begin a new version of the rows of a table and return its number.

    Its time is never before that of the version before it, whatever becomes of the clock: changes
    since a time would leave out versions of later times.
    """
    (version,) = connection.execute(
        "UPDATE tables SET version = version + 1, modified = ? WHERE id = ? RETURNING version",
        (now, table.id),
    ).fetchone()
    connection.execute(
        "INSERT INTO versions SELECT ?, ?, max(?, coalesce(max(at), 0)), ?, ? FROM versions "
        "WHERE table_id = ?",
        (table.id, version, now, operation, session, table.id),
    )
    return int(version)

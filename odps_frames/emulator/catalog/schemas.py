"""The schemas of a project: one named ``default``, and those that were made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from odps_frames.emulator.refusals import no_project, no_schema, schema_exists, schema_in_use

if TYPE_CHECKING:
    from odps_frames.emulator.catalog.database import Connection

__all__ = [
    "DEFAULT_SCHEMA",
    "KeptSchema",
    "create_schema",
    "drop_schema",
    "find_schema",
    "list_schemas",
    "need_schema",
]

DEFAULT_SCHEMA = "default"

_SCHEMAS = (
    "SELECT * FROM (SELECT name AS project, 'default' AS name, created FROM projects "
    "UNION ALL SELECT project, name, created FROM schemas) WHERE project = ? "
)


@dataclass(frozen=True, slots=True)
class KeptSchema:
    """A schema; its time is milliseconds since 1970."""

    name: str
    created: int


def list_schemas(
    connection: Connection, project: str, *, prefix: str = "", after: str = "", limit: int = -1
) -> list[KeptSchema]:
    """Return the schemas of an existing project in the order of their names."""
    rows = connection.execute(
        f"{_SCHEMAS} AND name > ? AND substr(name, 1, ?) = ? ORDER BY name LIMIT ?",
        (project.lower(), after, len(prefix), prefix.lower(), limit),
    )
    return [KeptSchema(row["name"], row["created"]) for row in rows]


def find_schema(connection: Connection, project: str, name: str) -> KeptSchema | None:
    """Return a schema, whatever the letter case of its name, or None."""
    rows = connection.execute(f"{_SCHEMAS} AND name = ?", (project.lower(), name.lower()))
    row = rows.fetchone()
    return KeptSchema(row["name"], row["created"]) if row else None


def need_schema(connection: Connection, project: str, name: str | None) -> KeptSchema:
    """Return a schema of a project; None means its default.

    Raises
    ------
    NotFound
        When the project or the schema does not exist.
    """
    found = find_schema(connection, project, name or DEFAULT_SCHEMA)
    if found is None:
        if name is None or find_schema(connection, project, DEFAULT_SCHEMA) is None:
            raise no_project(project)
        raise no_schema(project, name)
    return found


def create_schema(connection: Connection, project: str, name: str, now: int) -> None:
    """Make a schema.

    Raises
    ------
    Conflict
        When there is one of that name.
    """
    need_schema(connection, project, None)
    if find_schema(connection, project, name) is not None:
        raise schema_exists(project, name)
    connection.execute("INSERT INTO schemas VALUES (?, ?, ?)", (project.lower(), name.lower(), now))


def drop_schema(connection: Connection, project: str, name: str) -> None:
    """Drop a schema that has no tables.

    Raises
    ------
    Conflict
        When it has some, or is the default one.
    """
    schema = need_schema(connection, project, name)
    (n_tables,) = connection.execute(
        "SELECT count(*) FROM tables WHERE project = ? AND schema = ?",
        (project.lower(), schema.name),
    ).fetchone()
    if schema.name == DEFAULT_SCHEMA:
        raise schema_in_use(project, schema.name, "every project keeps it")
    if n_tables:
        raise schema_in_use(project, schema.name, f"it has {n_tables} tables; drop them first")
    connection.execute(
        "DELETE FROM schemas WHERE project = ? AND name = ?", (project.lower(), schema.name)
    )

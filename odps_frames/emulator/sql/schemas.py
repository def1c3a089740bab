"""Statements about schemas, carried out on the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from odps_frames.emulator.catalog import schemas
from odps_frames.emulator.sql.statements import CreateSchema, DropSchema, ShowSchemas
from odps_frames.emulator.sql.tokens import SqlFault
from odps_frames.errors import Conflict, NotFound

if TYPE_CHECKING:
    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.sql.statements import TableName

__all__ = ["run_schema_statement"]

SchemaStatement: TypeAlias = CreateSchema | DropSchema | ShowSchemas

_SEMANTIC = "ODPS-0130071"
_NO_SCHEMA = "ODPS-0130131"


def run_schema_statement(
    connection: Connection,
    statement: SchemaStatement,
    project: str,
    now: int,
) -> str:
    """Carry out a statement and return its result as text.

    Raises
    ------
    SqlFault
        For a schema that is missing, exists already or has tables.
    """
    try:
        return _run(connection, statement, project, now)
    except NotFound as error:
        token = statement.name.token if statement.name else None
        raise SqlFault(_NO_SCHEMA, f"Schema not found - {error.message}", token) from None
    except Conflict as error:
        token = statement.name.token if statement.name else None
        message = f"Semantic analysis exception - {error.message}"
        raise SqlFault(_SEMANTIC, message, token) from None


def _run(
    connection: Connection,
    statement: SchemaStatement,
    project: str,
    now: int,
) -> str:
    match statement:
        case CreateSchema(name=name, if_not_exists=leave_it):
            owner, schema = _parts(name, project)
            if not (leave_it and schemas.find_schema(connection, owner, schema)):
                schemas.create_schema(connection, owner, schema, now)
        case DropSchema(name=name, if_exists=maybe):
            owner, schema = _parts(name, project)
            if not maybe or schemas.find_schema(connection, owner, schema):
                schemas.drop_schema(connection, owner, schema)
        case ShowSchemas(name=of_project):
            owner = of_project.parts[0] if of_project else project
            schemas.need_schema(connection, owner, None)
            return "\n".join(found.name for found in schemas.list_schemas(connection, owner))
    return ""


def _parts(name: TableName, project: str) -> tuple[str, str]:
    """Return project and schema."""
    *owner, schema = name.parts
    return (owner[0] if owner else project), schema

"""What a request asks of the schemas of a project (protocol.md §17.8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from odps_frames.errors import ServiceError
from odps_frames.wire.schema_list import decode_created_schema

if TYPE_CHECKING:
    from odps_frames.wire.http import Request

__all__ = [
    "CreateSchema",
    "DropSchema",
    "GetSchema",
    "ListSchemas",
    "SchemaCall",
    "decode_schema_call",
]


@dataclass(frozen=True, slots=True)
class ListSchemas:
    """A page of the schemas of a project."""

    project: str
    marker: str | None = None
    prefix: str | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class GetSchema:
    """One schema."""

    project: str
    schema: str


@dataclass(frozen=True, slots=True)
class CreateSchema:
    """A new schema."""

    project: str
    schema: str


@dataclass(frozen=True, slots=True)
class DropSchema:
    """A schema that is to go away."""

    project: str
    schema: str


SchemaCall: TypeAlias = ListSchemas | GetSchema | CreateSchema | DropSchema


def decode_schema_call(
    method: str, project: str, rest: tuple[str, ...], request: Request
) -> SchemaCall | None:
    """Read a call from what stands behind ``/schemas`` in the path; None for what is none."""
    match (method, *rest):
        case ("GET",):
            return ListSchemas(
                project,
                request.parameter("marker") or None,
                request.parameter("name") or None,
                request.parameter("owner") or None,
            )
        case ("POST",):
            try:
                return CreateSchema(project, decode_created_schema(request))
            except ValueError as error:
                raise ServiceError(str(error), status=400, code="InvalidArgument") from None
        case ("GET", schema):
            return GetSchema(project, schema)
        case ("DELETE", schema):
            return DropSchema(project, schema)
        case _:
            return None

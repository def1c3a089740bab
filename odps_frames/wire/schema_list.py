"""Schemas, the level between project and table, as the REST API has them (protocol.md §17.8)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from odps_frames.model.catalog import Page, SchemaEntry
from odps_frames.wire import names, rest_answer, xml
from odps_frames.wire.http import Headers, Repeat, Request, Response, Site
from odps_frames.wire.reply import decode_error
from odps_frames.wire.rest_path import get, paged, project_path
from odps_frames.wire.xml import element

if TYPE_CHECKING:
    from odps_frames.wire.reply import Reply

__all__ = [
    "decode_created_schema",
    "decode_done",
    "decode_schema",
    "decode_schemas",
    "encode_create_schema",
    "encode_done",
    "encode_drop_schema",
    "encode_get_schema",
    "encode_list_schemas",
    "encode_schema",
    "encode_schemas",
]

_TIME = "%Y-%m-%d %H:%M:%S"


def encode_list_schemas(project: str, *, marker: str | None = None) -> Request:
    """Ask for a page of the schemas of a project."""
    return get("ListSchemas", project_path(project, "schemas"), paged((), marker))


def encode_get_schema(project: str, schema: str) -> Request:
    """Ask for one schema."""
    return get("GetSchema", project_path(project, "schemas", schema))


def encode_create_schema(project: str, schema: str, *, repeat: Repeat = Repeat.UNSENT) -> Request:
    """Ask for a new schema."""
    return Request(
        method="POST",
        path=project_path(project, "schemas"),
        site=Site.REST,
        headers=Headers({"Content-Type": names.XML}),
        body=xml.serialize(element("Schema", element("Name", schema)), pretty=True),
        repeat=repeat,
        operation="CreateSchema",
    )


def decode_created_schema(request: Request) -> str:
    """Read the name of a schema that is to be made.

    Raises
    ------
    ValueError
        When there is none in the body.
    """
    root = xml.parse(request.read_body())
    name = root.text_of("Name") if root.name == "Schema" else None
    if name is None or not name.strip():
        msg = "no <Schema> with a <Name> in the body"
        raise ValueError(msg)
    return name.strip()


def encode_drop_schema(project: str, schema: str, *, repeat: Repeat = Repeat.UNSENT) -> Request:
    """Ask that a schema goes away."""
    return Request(
        method="DELETE",
        path=project_path(project, "schemas", schema),
        site=Site.REST,
        repeat=repeat,
        operation="DropSchema",
    )


def encode_done(*, status: int = 204, request_id: str = "") -> Response:
    """Answer that it is done."""
    return Response.of(b"", status=status, headers={names.REQUEST_ID: request_id})


def decode_done(response: Response) -> Reply[None]:
    """Read that it is done; an error of the service is raised."""
    if not response.ok:
        raise decode_error(response)
    response.body.close()
    return rest_answer.reply_of(None, response)


def encode_schemas(page: Page[SchemaEntry], *, request_id: str = "") -> Response:
    """Answer with a page of schemas."""
    schemas = [_schema_element(entry) for entry in page.items]
    root = element("Schemas", *rest_answer.paging(page.marker), *schemas)
    return rest_answer.xml_answer(root, request_id=request_id)


def decode_schemas(response: Response) -> Reply[Page[SchemaEntry]]:
    """Read a page of schemas."""
    root = rest_answer.read_xml(response, "Schemas")
    entries = tuple(_schema_entry(schema, response) for schema in root.all("Schema"))
    return rest_answer.reply_of(Page(entries, root.text_of("Marker")), response)


def encode_schema(entry: SchemaEntry, *, request_id: str = "") -> Response:
    """Answer with one schema; header fields say owner and times."""
    created = rest_answer.rfc822(entry.created_at)
    headers = rest_answer.owner_headers(entry.owner, created, created)
    return rest_answer.xml_answer(_schema_element(entry), headers=headers, request_id=request_id)


def decode_schema(response: Response) -> Reply[SchemaEntry]:
    """Read one schema."""
    root = rest_answer.read_xml(response, "Schema")
    return rest_answer.reply_of(_schema_entry(root, response), response)


def _schema_element(entry: SchemaEntry) -> xml.Element:
    created = entry.created_at.astimezone(UTC).strftime(_TIME) if entry.created_at else None
    return element(
        "Schema",
        element("Name", entry.name),
        element("Owner", entry.owner),
        element("Type", entry.type),
        element("CreateTime", created) if created else None,
        element("ModifyTime", created) if created else None,
    )


def _schema_entry(node: xml.Element, response: Response) -> SchemaEntry:
    created = rest_answer.rfc822_time(response.headers.get("x-odps-creation-time"))
    return SchemaEntry(
        name=rest_answer.name_of(node, response),
        owner=node.text_of("Owner") or "",
        type=node.text_of("Type") or "MANAGED",
        created_at=created or _time(node.text_of("CreateTime")),
    )


def _time(text: str | None) -> datetime | None:
    """Read a time as lists have it; it names no zone, and nobody says which is meant: UTC."""
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=UTC) if text else None
    except ValueError:
        return None

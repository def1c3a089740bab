"""Projects, schemas, tables and partitions as the REST API lists and describes them.

The requests, and the answers that are short; tables, partitions and schemas have their own files
(protocol.md §1, §17.1-17.4, §17.8).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from odps_frames.model.catalog import (
    Page,
    PartitionInfo,
    ProjectInfo,
    SchemaEntry,
    TableEntry,
    TableInfo,
)
from odps_frames.wire import names, rest_answer
from odps_frames.wire.partition_list import (
    decode_partition,
    decode_partitions,
    decode_spec,
    encode_partition,
    encode_partitions,
    encode_spec,
)
from odps_frames.wire.reply import decode_document
from odps_frames.wire.rest_path import get, paged, project_path, table_path, table_query
from odps_frames.wire.schema_list import (
    decode_done,
    decode_schema,
    decode_schemas,
    encode_create_schema,
    encode_done,
    encode_drop_schema,
    encode_get_schema,
    encode_list_schemas,
    encode_schema,
    encode_schemas,
)
from odps_frames.wire.table_document import decode_table, encode_table
from odps_frames.wire.xml import element

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.model.table import Partition, TableRef
    from odps_frames.wire.http import Request, Response
    from odps_frames.wire.reply import Reply

__all__ = [
    "Page",
    "PartitionInfo",
    "ProjectInfo",
    "SchemaEntry",
    "TableEntry",
    "TableInfo",
    "decode_done",
    "decode_endpoint",
    "decode_host",
    "decode_partition",
    "decode_partitions",
    "decode_project",
    "decode_schema",
    "decode_schemas",
    "decode_spec",
    "decode_table",
    "decode_tables",
    "decode_tenant",
    "encode_create_schema",
    "encode_discover",
    "encode_done",
    "encode_drop_schema",
    "encode_endpoint",
    "encode_get_partition",
    "encode_get_project",
    "encode_get_schema",
    "encode_get_table",
    "encode_host",
    "encode_list_partitions",
    "encode_list_schemas",
    "encode_list_tables",
    "encode_logview_host",
    "encode_partition",
    "encode_partitions",
    "encode_project",
    "encode_schema",
    "encode_schemas",
    "encode_spec",
    "encode_table",
    "encode_tables",
    "encode_tenant",
    "encode_tenants",
]

_AUTHORITY = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?)(?::(?P<port>[0-9]{1,5}))?"
)
_LAST_PORT = 65535


def encode_get_project(name: str) -> Request:
    """Ask for a project."""
    return get("GetProject", project_path(name))


def encode_discover(project: str, *, quota: str | None = None) -> Request:
    """Ask where the storage endpoint of a project is (protocol.md §1)."""
    query = (("service", ""), *(((names.QUOTA_NAME, quota),) if quota else ()))
    return get("DiscoverEndpoint", project_path(project, "tunnel"), query)


def encode_tenants() -> Request:
    """Ask for the parameters of the tenant."""
    return get("GetTenant", "/tenants")


def encode_logview_host() -> Request:
    """Ask for the address of the pages that show statements."""
    return get("GetLogviewHost", "/logview/host")


def encode_list_tables(
    project: str,
    *,
    prefix: str | None = None,
    schema: str | None = None,
    marker: str | None = None,
) -> Request:
    """Ask for a page of the tables whose names begin with ``prefix``."""
    query = (*((("name", prefix),) if prefix else ()), *table_query(schema))
    return get("ListTables", project_path(project, "tables"), paged(query, marker))


def encode_get_table(table: TableRef, *, extended: bool = False) -> Request:
    """Ask for a table, or for the further facts of the extended document."""
    query = (*((("extended", ""),) if extended else ()), *table_query(table.schema))
    return get("GetTable", table_path(table), query)


def encode_list_partitions(
    table: TableRef,
    *,
    prefix: Partition | None = None,
    marker: str | None = None,
    reverse: bool = False,
) -> Request:
    """Ask for a page of the partitions that begin with ``prefix``."""
    query = (
        *((("partition", encode_spec(prefix)),) if prefix and prefix.items else ()),
        *table_query(table.schema),
    )
    words = (("partitions", ""), *((("reverse", ""),) if reverse else ()))
    return get("ListPartitions", table_path(table), (*words, *paged(query, marker)))


def encode_get_partition(
    table: TableRef, partition: Partition, *, extended: bool = False
) -> Request:
    """Ask for one partition."""
    query = (
        *((("extended", ""),) if extended else ()),
        ("partition", encode_spec(partition)),
        *table_query(table.schema),
    )
    return get("GetPartition", table_path(table), query)


def encode_tables(page: Page[TableEntry], *, request_id: str = "") -> Response:
    """Answer with a page of tables."""
    tables = [
        element(
            "Table",
            element("Name", entry.name),
            element("Owner", entry.owner),
            element("Type", entry.type),
            element("SchemaName", entry.schema) if entry.schema else None,
        )
        for entry in page.items
    ]
    root = element("Tables", *rest_answer.paging(page.marker), *tables)
    return rest_answer.xml_answer(root, request_id=request_id)


def decode_tables(response: Response) -> Reply[Page[TableEntry]]:
    """Read a page of tables."""
    root = rest_answer.read_xml(response, "Tables")
    entries = tuple(
        TableEntry(
            name=rest_answer.name_of(table, response),
            owner=table.text_of("Owner") or "",
            type=table.text_of("Type") or "MANAGED_TABLE",
            schema=table.text_of("SchemaName"),
        )
        for table in root.all("Table")
    )
    return rest_answer.reply_of(Page(entries, root.text_of("Marker")), response)


def encode_project(project: ProjectInfo, *, request_id: str = "") -> Response:
    """Answer with a project; three header fields are demanded by readers (protocol.md §17.1)."""
    properties = [
        element("Property", element("Name", name), element("Value", value))
        for name, value in project.properties.items()
    ]
    root = element(
        "Project",
        element("Name", project.name),
        element("Type", "managed"),
        element("Comment", project.comment),
        element("State", project.state),
        element("ProjectGroupName"),
        element("Properties", *properties),
        element("ExtendedProperties"),
        element("Clusters"),
        element("Region", project.region),
    )
    headers = rest_answer.owner_headers(
        project.owner,
        rest_answer.rfc822(project.created_at or rest_answer.EPOCH),
        rest_answer.rfc822(project.modified_at or rest_answer.EPOCH),
    )
    return rest_answer.xml_answer(root, headers=headers, request_id=request_id)


def decode_project(response: Response) -> Reply[ProjectInfo]:
    """Read a project; what the document says goes before the header fields."""
    root = rest_answer.read_xml(response, "Project")
    fields = response.headers
    properties = root.find("Properties")
    project = ProjectInfo(
        name=rest_answer.name_of(root, response),
        owner=root.text_of("Owner") or fields.get("x-odps-owner", ""),
        created_at=rest_answer.rfc822_time(
            root.text_of("CreationTime") or fields.get("x-odps-creation-time")
        ),
        modified_at=rest_answer.rfc822_time(
            root.text_of("LastModifiedTime") or fields.get("Last-Modified")
        ),
        comment=root.text_of("Comment") or "",
        properties={
            key: item.text_of("Value") or ""
            for item in (properties.all("Property") if properties else ())
            if (key := item.text_of("Name"))
        },
        region=root.text_of("Region") or "",
        state=root.text_of("State") or "AVAILABLE",
    )
    return rest_answer.reply_of(project, response)


def encode_endpoint(authority: str, *, request_id: str = "") -> Response:
    """Answer with ``host:port`` of the storage endpoint."""
    return rest_answer.text_answer(_authority(authority), request_id=request_id)


def decode_endpoint(response: Response) -> Reply[str]:
    """Read ``host`` or ``host:port``; anything else could send secrets astray and is refused."""
    text = rest_answer.read_text(response)
    try:
        return rest_answer.reply_of(_authority(text), response)
    except ValueError as error:
        raise rest_answer.broken(response, str(error)) from None


def _authority(text: str) -> str:
    match = _AUTHORITY.fullmatch(text)
    port = match.group("port") if match else None
    if match is None or (port is not None and not 0 < int(port) <= _LAST_PORT):
        msg = f"not the address of an endpoint: {text[:200]!r}; expected 'host' or 'host:port'"
        raise ValueError(msg)
    return text


def encode_host(address: str, *, request_id: str = "") -> Response:
    """Answer with the address of a web page, as plain text."""
    return rest_answer.text_answer(address, request_id=request_id)


def decode_host(response: Response) -> Reply[str]:
    """Read the address of a web page."""
    return rest_answer.reply_of(rest_answer.read_text(response).strip(), response)


def encode_tenant(
    parameters: Mapping[str, str], *, name: str = "local", request_id: str = ""
) -> Response:
    """Answer with a tenant and its parameters (protocol.md §1)."""
    document = {
        "Name": name,
        "OwnerId": "1",
        "TenantId": name,
        "TenantState": "NORMAL",
        "CreateTime": 0,
        "UpdateTime": 0,
        "TenantMeta": "",
        "Parameters": dict(parameters),
    }
    return rest_answer.json_answer({"Tenant": document}, request_id=request_id)


def decode_tenant(response: Response) -> Reply[Mapping[str, str]]:
    """Read the parameters of a tenant."""
    document: Any = decode_document(response).get("Tenant")
    parameters = document.get("Parameters") if isinstance(document, dict) else None
    found: Mapping[str, str] = (
        {str(key): str(value) for key, value in parameters.items()}
        if isinstance(parameters, dict)
        else {}
    )
    return rest_answer.reply_of(found, response)

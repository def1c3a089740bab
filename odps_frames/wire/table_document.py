"""A table as the REST API describes it: a JSON document inside XML (protocol.md §17.3)."""

from __future__ import annotations

import json
from dataclasses import replace
from email.header import decode_header, make_header
from typing import TYPE_CHECKING, Any

from odps_frames.model.buckets import Buckets
from odps_frames.model.catalog import TableInfo
from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.types import parse_type
from odps_frames.wire import documents, rest_answer
from odps_frames.wire.xml import element

if TYPE_CHECKING:
    from odps_frames.model.table import TableRef
    from odps_frames.wire.http import Response
    from odps_frames.wire.reply import Reply

__all__ = ["decode_table", "encode_table", "json_object"]

_NO_LIFECYCLE = -1


def encode_table(info: TableInfo, *, extended: bool = False, request_id: str = "") -> Response:
    """Answer with a table; ``extended`` adds what only the extended document says."""
    document = _document(info)
    if extended:
        document |= _extended(info)
    root = element(
        "Table",
        element("Name", info.ref.table),
        element("TableId", info.table_id),
        element("SchemaName", info.ref.schema) if info.ref.schema else None,
        element("Schema", json.dumps(document), attributes={"format": "Json"}, cdata=True),
        element("Comment", info.comment),
        element("Owner", info.owner),
        element("TableLabel"),
        element("CreationTime", rest_answer.rfc822(info.created_at)),
        element("LastModifiedTime", rest_answer.rfc822(info.modified_at)),
        element("LastAccessTime", rest_answer.rfc822(info.accessed_at)),
        element("Type", "VIRTUAL_VIEW" if info.is_view else "MANAGED_TABLE"),
    )
    return rest_answer.xml_answer(root, request_id=request_id)


def _document(info: TableInfo) -> dict[str, object]:
    document: dict[str, object] = {
        "tableName": info.ref.table,
        "owner": info.owner,
        "comment": info.comment,
        "createTime": rest_answer.epoch_seconds(info.created_at),
        "lastModifiedTime": rest_answer.epoch_seconds(info.modified_at),
        "lastDDLTime": rest_answer.epoch_seconds(info.ddl_at),
        "lastAccessTime": rest_answer.epoch_seconds(info.accessed_at),
        "hubLifecycle": _NO_LIFECYCLE,
        "lifecycle": info.lifecycle if info.lifecycle is not None else _NO_LIFECYCLE,
        "isVirtualView": info.is_view,
        "isExternal": False,
        "shardExist": info.buckets is not None,
        "tableLabel": "",
        "size": info.n_bytes if info.n_bytes is not None else -1,
        "recordNum": info.n_rows if info.n_rows is not None else -1,
        "columns": [_column(column) for column in info.schema.columns],
        "partitionKeys": [_column(column) for column in info.schema.partition_columns],
        "tableProperties": json.dumps(dict(info.properties)),
    }
    if info.buckets is not None:
        document["shardInfo"] = {
            "HubLifecycle": _NO_LIFECYCLE,
            "ShardNum": info.buckets.n or 0,
            "DistributeCols": list(info.buckets.columns),
            "SortCols": list(info.buckets.sort_names),
        }
    if info.view_text:
        document["viewText"] = info.view_text
    return document


def _column(column: Column) -> dict[str, object]:
    return {
        "name": column.name,
        "type": str(column.type),
        "comment": column.comment,
        "label": "",
        "isNullable": column.nullable,
    }


def _extended(info: TableInfo) -> dict[str, object]:
    reserved: dict[str, object] = {}
    if info.transactional:
        reserved["Transactional"] = "true"
    if info.primary_key:
        reserved["PrimaryKey"] = list(info.primary_key)
    if info.retain_hours is not None:
        reserved["acid.data.retain.hours"] = str(info.retain_hours)
    if info.schema_version is not None:
        reserved["schema_version"] = info.schema_version
    if info.data_version is not None:
        reserved["cdc_latest_version"] = str(info.data_version)
    if "storagetier" in info.properties:
        reserved["StorageTier"] = info.properties["storagetier"]
    if info.buckets is not None:
        reserved |= _cluster_info(info.buckets)
    return {
        "IsArchived": False,
        "PhysicalSize": info.n_bytes or 0,
        "FileNum": info.n_files if info.n_files is not None else -1,
        "Reserved": json.dumps(reserved),
    }


def _cluster_info(buckets: Buckets) -> dict[str, object]:
    found: dict[str, object] = {
        "ClusterType": buckets.kind,
        "ClusterCols": list(buckets.columns),
        "SortCols": [
            {"col": name, "order": "desc" if falling else "asc"}
            for name, falling in zip(buckets.sort_names, buckets.descending, strict=True)
        ],
    }
    if buckets.n is not None:
        found["BucketNum"] = buckets.n
    return found


def decode_table(
    response: Response, ref: TableRef, *, known: TableInfo | None = None
) -> Reply[TableInfo]:
    """Read a table.

    An extended document may leave out all that the plain one says; ``known`` is then what the
    plain one said, and comes back with the further facts.
    """
    root = rest_answer.read_xml(response, "Table")
    document = json_object(root.text_of("Schema"), response)
    if "columns" in document:
        known = _described(document, ref, response)
    if known is None:
        raise rest_answer.broken(response, f"the document of table {ref} has no columns")
    info = _with_reserved(
        replace(known, table_id=root.text_of("TableId") or known.table_id), document
    )
    return rest_answer.reply_of(info, response)


def _described(document: dict[str, Any], ref: TableRef, response: Response) -> TableInfo:
    try:
        schema = TableSchema(
            tuple(map(_read_column, document["columns"])),
            tuple(map(_read_column, document.get("partitionKeys") or ())),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise rest_answer.broken(response, f"the columns of table {ref}: {error}") from None
    return TableInfo(
        ref=ref,
        schema=schema,
        comment=str(document.get("comment") or ""),
        owner=str(document.get("owner") or ""),
        created_at=rest_answer.epoch_time(document.get("createTime")),
        modified_at=rest_answer.epoch_time(document.get("lastModifiedTime")),
        ddl_at=rest_answer.epoch_time(document.get("lastDDLTime")),
        accessed_at=rest_answer.epoch_time(document.get("lastAccessTime")),
        lifecycle=rest_answer.whole_number(document.get("lifecycle")),
        n_bytes=rest_answer.whole_number(document.get("size")),
        n_rows=rest_answer.whole_number(document.get("recordNum")),
        is_view=bool(document.get("isVirtualView")),
        view_text=str(document.get("viewText") or ""),
        properties=_properties(document.get("tableProperties")),
    )


def _read_column(document: dict[str, Any]) -> Column:
    name = document["name"]
    try:
        found = parse_type(document["type"])
    except ValueError as error:
        msg = f"column {name!r}: {error}"
        raise ValueError(msg) from None
    return Column(
        name, found, str(document.get("comment") or ""), document.get("isNullable") is not False
    )


def _properties(value: object) -> dict[str, str]:
    return {name: str(text) for name, text in _object(value).items()}


def _with_reserved(info: TableInfo, document: dict[str, Any]) -> TableInfo:
    reserved = _object(document.get("Reserved"))
    version = reserved.get("schema_version")
    return replace(
        info,
        transactional=info.transactional or str(reserved.get("Transactional")).lower() == "true",
        primary_key=_names(reserved.get("PrimaryKey")) or info.primary_key,
        schema_version=str(version) if version is not None else info.schema_version,
        data_version=_first(
            rest_answer.whole_number(reserved.get("cdc_latest_version")), info.data_version
        ),
        n_files=_first(rest_answer.whole_number(document.get("FileNum")), info.n_files),
        retain_hours=_first(
            rest_answer.whole_number(reserved.get("acid.data.retain.hours")), info.retain_hours
        ),
        buckets=_read_cluster_info(reserved) or info.buckets,
    )


def _read_cluster_info(reserved: dict[str, Any]) -> Buckets | None:
    """Read how a table is clustered; what makes no sense reads as absent."""
    kind = str(reserved.get("ClusterType") or "").lower()
    order = [item for item in reserved.get("SortCols") or () if isinstance(item, dict)]
    try:
        return (
            Buckets(
                columns=_names(reserved.get("ClusterCols")),
                n=rest_answer.whole_number(reserved.get("BucketNum")) or None,
                sorted_by=tuple(
                    f"{item.get('col')} {item.get('order') or 'asc'}" for item in order
                ),
                kind="range" if kind == "range" else "hash",
            )
            if kind in ("hash", "range")
            else None
        )
    except (ValueError, TypeError):
        return None


def _first(new: int | None, old: int | None) -> int | None:
    return new if new is not None else old


def _names(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _object(value: object) -> dict[str, Any]:
    """Read an object that stands in a document as itself or as its own JSON text."""
    if isinstance(value, str):
        try:
            return documents.load(value.encode())
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


def json_object(text: str | None, response: Response) -> dict[str, Any]:
    """Read the JSON object inside an XML answer, encoded as a mail header or plain."""
    shown = (text or "").encode()
    try:
        if text and text.startswith("=?"):
            text = str(make_header(decode_header(text)))
        return documents.load((text or "").encode())
    except (ValueError, LookupError) as error:
        raise rest_answer.broken(response, f"the document inside is {error}", shown) from None

"""Partitions as the REST API lists and describes them (protocol.md §14, §17.4)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from odps_frames.model.catalog import Page, PartitionInfo
from odps_frames.model.table import Partition
from odps_frames.wire import rest_answer
from odps_frames.wire.table_document import json_object
from odps_frames.wire.xml import Element, element

if TYPE_CHECKING:
    from odps_frames.wire.http import Response
    from odps_frames.wire.reply import Reply

__all__ = [
    "decode_partition",
    "decode_partitions",
    "decode_spec",
    "encode_partition",
    "encode_partitions",
    "encode_spec",
]

_QUOTED = re.compile(r"\s*(\w+)\s*=\s*'((?:[^'\\]|\\.)*)'\s*(,|$)", re.DOTALL)
_ESCAPE = re.compile(r"\\([\\'])")


def encode_spec(partition: Partition) -> str:
    """Write a partition as the query has it: ``pt='1',hh='2'``."""
    return partition.quoted()


def decode_spec(text: str) -> Partition:
    r"""Read a partition of a query.

    Values written by :func:`encode_spec` come back as they were. Other clients know no escapes
    and send quotes as they are, so text that is not of that form is read as they mean it.
    """
    items: list[tuple[str, str]] = []
    position = 0
    while match := _QUOTED.match(text, position):
        items.append((match.group(1), _ESCAPE.sub(r"\1", match.group(2))))
        position = match.end()
        if not match.group(3):
            return Partition(tuple(items))
    return Partition.parse(text)


def encode_partitions(page: Page[PartitionInfo], *, request_id: str = "") -> Response:
    """Answer with a page of partitions; times are whole seconds here."""
    rows = [
        element(
            "Partition",
            *_columns(info.partition),
            element("CreationTime", str(rest_answer.epoch_seconds(info.created_at))),
            element("LastDDLTime", str(rest_answer.epoch_seconds(info.ddl_at))),
            element("LastModifiedTime", str(rest_answer.epoch_seconds(info.modified_at))),
            element("PartitionSize", _number(info.n_bytes)),
            element("PartitionRecordCount", _number(info.n_rows)),
        )
        for info in page.items
    ]
    paging = element("Marker", page.marker or ""), element("MaxItems", "1000")
    root = element("Partitions", *paging, *rows)
    return rest_answer.xml_answer(root, request_id=request_id)


def decode_partitions(response: Response) -> Reply[Page[PartitionInfo]]:
    """Read a page of partitions."""
    root = rest_answer.read_xml(response, "Partitions")
    found = tuple(
        PartitionInfo(
            partition=_partition(row, response),
            created_at=rest_answer.epoch_time(row.text_of("CreationTime")),
            ddl_at=rest_answer.epoch_time(row.text_of("LastDDLTime")),
            modified_at=rest_answer.epoch_time(row.text_of("LastModifiedTime")),
            n_bytes=rest_answer.whole_number(row.text_of("PartitionSize")),
            n_rows=rest_answer.whole_number(row.text_of("PartitionRecordCount")),
        )
        for row in root.all("Partition")
    )
    return rest_answer.reply_of(Page(found, root.text_of("Marker")), response)


def encode_partition(info: PartitionInfo, *, request_id: str = "") -> Response:
    """Answer with one partition, the extended facts among the others."""
    document = {
        "createTime": rest_answer.epoch_seconds(info.created_at),
        "lastDDLTime": rest_answer.epoch_seconds(info.ddl_at),
        "lastModifiedTime": rest_answer.epoch_seconds(info.modified_at),
        "lastAccessTime": 0,
        "partitionSize": info.n_bytes if info.n_bytes is not None else -1,
        "partitionRecordNum": info.n_rows if info.n_rows is not None else -1,
        "IsArchived": False,
        "IsExstore": False,
        "LifeCycle": info.lifecycle if info.lifecycle is not None else -1,
        "PhysicalSize": info.n_bytes or 0,
        "FileNum": info.n_files if info.n_files is not None else -1,
        "Reserved": "{}",
    }
    schema = element("Schema", json.dumps(document), cdata=True)
    root = element("Partition", *_columns(info.partition), schema)
    return rest_answer.xml_answer(root, request_id=request_id)


def decode_partition(response: Response, partition: Partition) -> Reply[PartitionInfo]:
    """Read one partition; its values are those that were asked for."""
    root = rest_answer.read_xml(response, "Partition")
    document = json_object(root.text_of("Schema"), response)
    info = PartitionInfo(
        partition=partition,
        created_at=rest_answer.epoch_time(document.get("createTime")),
        ddl_at=rest_answer.epoch_time(document.get("lastDDLTime")),
        modified_at=rest_answer.epoch_time(document.get("lastModifiedTime")),
        n_bytes=rest_answer.whole_number(document.get("partitionSize")),
        n_rows=rest_answer.whole_number(document.get("partitionRecordNum")),
        lifecycle=rest_answer.whole_number(document.get("LifeCycle")),
        n_files=rest_answer.whole_number(document.get("FileNum")),
    )
    return rest_answer.reply_of(info, response)


def _columns(partition: Partition) -> list[Element]:
    return [
        element("Column", attributes={"Name": name, "Value": value})
        for name, value in partition.items
    ]


def _partition(row: Element, response: Response) -> Partition:
    columns = row.all("Column")
    pairs = tuple((c.attributes.get("Name", ""), c.attributes.get("Value", "")) for c in columns)
    try:
        return Partition(pairs)
    except ValueError as error:
        raise rest_answer.broken(response, f"a partition that has no name: {error}") from None


def _number(value: int | None) -> str:
    return "" if value is None else str(value)

"""What the tunnel answers about sessions, as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from odps_frames.wire import names
from odps_frames.wire.http import Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from odps_frames.model.schema import Column, TableSchema

__all__ = ["encode_download", "encode_upload"]

MAX_FIELD_BYTES = 8 << 20
"""Longer texts are refused by clients themselves."""


def encode_upload(
    upload_id: str, status: str, blocks: Iterable[int], schema: TableSchema, *, request_id: str
) -> Response:
    """Tell how an upload stands."""
    document = {
        "UploadID": upload_id,
        "Status": status,
        "UploadedBlockList": [{"BlockID": block} for block in blocks],
        "MaxFieldSize": MAX_FIELD_BYTES,
        "Schema": _schema(schema),
    }
    return _answer(document, request_id)


def encode_download(
    download_id: str, status: str, n_rows: int, schema: TableSchema, *, request_id: str
) -> Response:
    """Tell how a download stands."""
    document = {
        "DownloadID": download_id,
        "Status": status,
        "RecordCount": n_rows,
        "Schema": _schema(schema),
    }
    return _answer(document, request_id)


def _answer(document: dict[str, object], request_id: str) -> Response:
    fields = {names.REQUEST_ID: request_id, "Content-Type": "application/json"}
    return Response.of(json.dumps(document).encode(), headers=fields)


def _schema(schema: TableSchema) -> dict[str, object]:
    return {
        "columns": _columns(schema.columns),
        "partitionKeys": _columns(schema.partition_columns),
    }


def _columns(columns: Sequence[Column]) -> list[dict[str, object]]:
    return [
        {
            "name": column.name,
            "type": str(column.type),
            "nullable": "true" if column.nullable else "false",
            "column_id": "",
        }
        for column in columns
    ]

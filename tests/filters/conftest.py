"""A table with a column of every type that conditions can ask about."""

from __future__ import annotations

import pytest

from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.types import parse_type

TYPES = {
    "tiny": "tinyint",
    "id": "bigint",
    "amount": "decimal(10,2)",
    "big": "decimal(60,5)",
    "x": "double",
    "f": "float",
    "name": "string",
    "code": "char(4)",
    "flag": "boolean",
    "raw": "binary",
    "day": "date",
    "dt": "datetime",
    "ts": "timestamp",
    "wall": "timestamp_ntz",
    "doc": "json",
    "tags": "array<string>",
    "odd `name`": "bigint",
}


@pytest.fixture(scope="session")
def schema() -> TableSchema:
    """Columns of many types, and a partition column."""
    columns = tuple(Column(name, parse_type(text)) for name, text in TYPES.items())
    return TableSchema(columns, (Column("pt", parse_type("string")),))

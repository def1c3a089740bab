"""Expressions of MaxCompute, each as DuckDB text with the type that MaxCompute gives it.

DuckDB sees times as numbers, so that no zone and no unit of its own comes between: DATETIME is
milliseconds since 1970 in UTC (BIGINT); TIMESTAMP, TIMESTAMP_NTZ and intervals are nanoseconds
(HUGEINT), which hold the whole calendar.
"""

from __future__ import annotations

from dataclasses import dataclass

from odps_frames.model.types import (
    ArrayType,
    CharType,
    DataType,
    DecimalType,
    Kind,
    MapType,
    PrimitiveType,
    StructType,
    VarcharType,
    VectorType,
)

__all__ = [
    "BIGINT",
    "BINARY",
    "BOOLEAN",
    "DATE",
    "DATETIME",
    "DOUBLE",
    "INT",
    "INTEGERS",
    "INTERVAL",
    "JSON",
    "NTZ",
    "NULL",
    "STRING",
    "TIMESTAMP",
    "Value",
    "engine_type",
    "family",
    "quoted",
    "text_literal",
]

BIGINT = PrimitiveType(Kind.BIGINT)
INT = PrimitiveType(Kind.INT)
BOOLEAN = PrimitiveType(Kind.BOOLEAN)
BINARY = PrimitiveType(Kind.BINARY)
DOUBLE = PrimitiveType(Kind.DOUBLE)
STRING = PrimitiveType(Kind.STRING)
DATE = PrimitiveType(Kind.DATE)
DATETIME = PrimitiveType(Kind.DATETIME)
TIMESTAMP = PrimitiveType(Kind.TIMESTAMP)
NTZ = PrimitiveType(Kind.TIMESTAMP_NTZ)
JSON = PrimitiveType(Kind.JSON)
INTERVAL = PrimitiveType(Kind.INTERVAL_DAY_TIME)
INTEGERS = tuple(
    PrimitiveType(kind) for kind in (Kind.TINYINT, Kind.SMALLINT, Kind.INT, Kind.BIGINT)
)
"""From the narrowest to the widest."""

_ENGINE = {
    Kind.TINYINT: "TINYINT",
    Kind.SMALLINT: "SMALLINT",
    Kind.INT: "INTEGER",
    Kind.BIGINT: "BIGINT",
    Kind.FLOAT: "FLOAT",
    Kind.DOUBLE: "DOUBLE",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.STRING: "VARCHAR",
    Kind.JSON: "VARCHAR",
    Kind.BINARY: "BLOB",
    Kind.DATE: "DATE",
    Kind.DATETIME: "BIGINT",
    Kind.TIMESTAMP: "HUGEINT",
    Kind.TIMESTAMP_NTZ: "HUGEINT",
    Kind.INTERVAL_DAY_TIME: "HUGEINT",
}
_FAMILIES = {
    Kind.TINYINT: "integer",
    Kind.SMALLINT: "integer",
    Kind.INT: "integer",
    Kind.BIGINT: "integer",
    Kind.FLOAT: "float",
    Kind.DOUBLE: "float",
    Kind.STRING: "text",
}
_MAX_DECIMAL = 38


@dataclass(frozen=True, slots=True)
class Value:
    """An expression."""

    sql: str
    type: DataType | None
    """None is the type of a bare NULL."""
    constant: object = None
    """What a literal says, for functions that must know it beforehand."""


NULL = Value("NULL", None)


def engine_type(type_: DataType | None) -> str | None:
    """Return the DuckDB type that values are kept in; None where there is none."""
    match type_:
        case None | CharType() | VarcharType():
            return "VARCHAR"
        case PrimitiveType(kind=kind):
            return _ENGINE.get(kind)
        case DecimalType(precision=precision, scale=scale):
            return f"DECIMAL({precision},{scale})" if precision <= _MAX_DECIMAL else None
        case ArrayType(element=element):
            return _around("{}[]", element)
        case MapType(key=key, value=value):
            return _around("MAP({}, {})", key, value)
        case StructType(fields=fields):
            names = ", ".join(
                f"{quoted(f.name).replace('{', '{{').replace('}', '}}')} {{}}" for f in fields
            )
            return _around(f"STRUCT({names})", *(field.type for field in fields))
        case VectorType():
            return None


def _around(form: str, *inner: DataType) -> str | None:
    found = [engine_type(type_) for type_ in inner]
    return None if None in found else form.format(*found)


def family(type_: DataType | None) -> str:
    """Return the word for types that are converted alike."""
    match type_:
        case None:
            return "null"
        case PrimitiveType(kind=kind):
            return _FAMILIES.get(kind, kind.value)
        case CharType() | VarcharType():
            return "text"
        case DecimalType():
            return "decimal"
        case ArrayType():
            return "array"
        case MapType():
            return "map"
        case StructType():
            return "struct"
        case VectorType():
            return "vector"


def quoted(name: str) -> str:
    """Return a name as DuckDB takes it."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(text: str) -> str:
    """Return a text as DuckDB takes it."""
    if "\0" in text:
        parts = ["'" + part.replace("'", "''") + "'" for part in text.split("\0")]
        return "(" + " || chr(0) || ".join(parts) + ")"
    return "'" + text.replace("'", "''") + "'"

"""Schema documents: types as text on reads, coded types on writes (protocol.md §6.2, §13.3).

Whatever does not fit is a ValueError that names the column; no type is ever guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.types import (
    ArrayType,
    CharType,
    DecimalType,
    Field,
    Kind,
    MapType,
    PrimitiveType,
    StructType,
    VarcharType,
    VectorType,
    parse_type,
)
from odps_frames.model.write_schema import WriteColumn, WriteSchema
from odps_frames.wire import documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from odps_frames.model.types import DataType

__all__ = [
    "DELETE",
    "OPERATION",
    "OPERATION_COLUMN",
    "UPSERT",
    "decode_data_schema",
    "decode_system_columns",
    "decode_write_schema",
    "encode_data_schema",
    "encode_write_schema",
    "write_schema_of",
]

OPERATION: Final = "__operation"
"""The column that says of each row of a primary-key table what becomes of it (§8.9)."""
UPSERT: Final = 85
DELETE: Final = 68
"""What that column says; nothing (NULL) is an upsert."""

OPERATION_COLUMN: Final = Column(OPERATION, PrimitiveType(Kind.TINYINT), nullable=False)
"""The same column of a session that reads changes; which columns those have is an assumption."""

_CODES: Final[Mapping[Kind, int]] = {
    Kind.BIGINT: 0,
    Kind.DOUBLE: 1,
    Kind.BOOLEAN: 2,
    Kind.DATETIME: 3,
    Kind.STRING: 4,
    Kind.TINYINT: 6,
    Kind.SMALLINT: 7,
    Kind.INT: 8,
    Kind.BINARY: 11,
    Kind.DATE: 12,
    Kind.TIMESTAMP: 13,
    Kind.FLOAT: 14,
    Kind.INTERVAL_YEAR_MONTH: 15,
    Kind.INTERVAL_DAY_TIME: 16,
    Kind.JSON: 20,
    Kind.TIMESTAMP_NTZ: 21,
    Kind.BLOB: 22,
    Kind.VARIANT: 23,
}
_KINDS: Final = {code: kind for kind, code in _CODES.items()}
_DECIMAL, _CHAR, _VARCHAR, _ARRAY, _MAP, _STRUCT = 5, 9, 10, 17, 18, 19
_PLAIN_DECIMAL = (54, 18)
"""What a decimal without precision and scale is in a write schema."""


def encode_data_schema(
    schema: TableSchema, system_columns: tuple[Column, ...] = ()
) -> dict[str, object]:
    """Write the ``DataSchema`` of a read session."""
    document: dict[str, object] = {
        "DataColumns": [_encode_column(column) for column in schema.columns],
        "PartitionColumns": [_encode_column(column) for column in schema.partition_columns],
    }
    if system_columns:
        document["SystemColumns"] = [_encode_column(column) for column in system_columns]
    return document


def _encode_column(column: Column) -> dict[str, object]:
    return {
        "Name": column.name,
        "Type": str(column.type),
        "Comment": column.comment,
        "Nullable": column.nullable,
    }


def decode_data_schema(document: Mapping[str, Any]) -> TableSchema:
    """Read the ``DataSchema`` of a read session.

    Raises
    ------
    ValueError
        When a column has no name, or a type that nobody knows.
    """
    return TableSchema(
        tuple(map(_decode_column, documents.sections(document, "DataColumns"))),
        tuple(map(_decode_column, documents.sections(document, "PartitionColumns"))),
    )


def decode_system_columns(document: Mapping[str, Any]) -> tuple[Column, ...]:
    """Read the columns of a ``DataSchema`` that the table itself has not."""
    return tuple(map(_decode_column, documents.sections(document, "SystemColumns")))


def _decode_column(document: Mapping[str, Any]) -> Column:
    name = documents.needed(document, "Name")
    try:
        found = parse_type(documents.needed(document, "Type"))
    except ValueError as error:
        msg = f"column {name!r}: {error}"
        raise ValueError(msg) from None
    return Column(
        name,
        found,
        documents.text(document, "Comment") or "",
        documents.flag(document, "Nullable", default=True),
    )


def encode_write_schema(schema: WriteSchema) -> dict[str, object]:
    """Write a ``TableSchema`` with coded types.

    Raises
    ------
    ValueError
        When a type has no code (geography, vector).
    """
    document: dict[str, object] = {
        "DataColumns": list(map(_encode_write_column, schema.columns)),
        "SystemColumns": list(map(_encode_write_column, schema.system_columns)),
    }
    if schema.partition_columns:  # the protocol has none here, so an empty list would say nothing
        document["PartitionColumns"] = list(map(_encode_write_column, schema.partition_columns))
    return document


def _encode_write_column(column: WriteColumn) -> dict[str, object]:
    return {"comment": column.comment, "label": "", "columnType": _encode_node(column)}


def _encode_node(column: WriteColumn) -> dict[str, object]:
    node: dict[str, object] = {
        "MemberName": column.name,
        "ColumnId": documents.ABSENT if column.column_id is None else column.column_id,
        **_encode_type(column),
        "Nullable": column.nullable,
    }
    if column.distribution_key:
        node["IsDistributionKey"] = True
    if nested := column.children or _members(column.type):
        node["SubTypes"] = [_encode_node(child) for child in nested]
    return node


def _encode_type(column: WriteColumn) -> dict[str, object]:
    match column.type:
        case PrimitiveType(kind=kind) if kind in _CODES:
            return {"Type": _CODES[kind]}
        case DecimalType(precision=precision, scale=scale):
            return {"Type": _DECIMAL, "Precision": precision, "Scale": scale}
        case CharType(length=length):
            return {"Type": _CHAR, "SpecifiedLength": length}
        case VarcharType(length=length):
            return {"Type": _VARCHAR, "SpecifiedLength": length}
        case ArrayType():
            return {"Type": _ARRAY}
        case MapType():
            return {"Type": _MAP}
        case StructType():
            return {"Type": _STRUCT}
        case PrimitiveType() | VectorType():
            msg = f"column {column.name!r} of type {column.type}; no write schema can hold that"
            raise ValueError(msg)


def _members(
    nested: DataType, number: Callable[[], int | None] = lambda: None
) -> tuple[WriteColumn, ...]:
    """Return the members of a type, numbered depth first."""
    match nested:
        case ArrayType(element=element):
            return _columns_of((("element", element),), number)
        case MapType(key=key, value=value):
            return _columns_of((("key", key), ("value", value)), number)
        case StructType(fields=fields):
            return _columns_of(((field.name, field.type) for field in fields), number)
        case PrimitiveType() | CharType() | VarcharType() | DecimalType() | VectorType():
            return ()


def _columns_of(
    parts: Iterable[tuple[str, DataType]], number: Callable[[], int | None]
) -> tuple[WriteColumn, ...]:
    return tuple(
        WriteColumn(name=name, type=type_, column_id=number(), children=_members(type_, number))
        for name, type_ in parts
    )


def decode_write_schema(document: Mapping[str, Any]) -> WriteSchema:
    """Read a ``TableSchema`` with coded types; entries without ``columnType`` are passed over.

    Raises
    ------
    ValueError
        When a column has a code that nobody knows, or a nested one lacks its members.
    """
    return WriteSchema(
        columns=tuple(_decode_write_columns(document, "DataColumns")),
        system_columns=tuple(_decode_write_columns(document, "SystemColumns")),
        partition_columns=tuple(_decode_write_columns(document, "PartitionColumns")),
    )


def _decode_write_columns(document: Mapping[str, Any], key: str) -> Iterator[WriteColumn]:
    for column in documents.sections(document, key):
        node = documents.section(column, "columnType")
        if node:
            yield _decode_node(node, "", documents.text(column, "comment") or "")


def _decode_node(node: Mapping[str, Any], name: str, comment: str = "") -> WriteColumn:
    name = documents.text(node, "MemberName") or name
    if not name:
        msg = "a column without MemberName"
        raise ValueError(msg)
    children = _decode_children(node, name)
    try:
        found = _decode_type(node, children)
    except ValueError as error:
        msg = f"column {name!r}: {error}"
        raise ValueError(msg) from None
    return WriteColumn(
        name=name,
        type=found,
        column_id=documents.number(node, "ColumnId"),
        nullable=documents.flag(node, "Nullable", default=True),
        comment=comment,
        distribution_key=documents.flag(node, "IsDistributionKey"),
        children=children,
    )


def _decode_children(node: Mapping[str, Any], name: str) -> tuple[WriteColumn, ...]:
    children = documents.sections(node, "SubTypes")
    match documents.number(node, "Type"):
        case code if code not in (_ARRAY, _MAP, _STRUCT):
            return ()
        case code if code == _ARRAY:
            expected: tuple[str, ...] = ("element",)
        case code if code == _MAP:
            expected = ("key", "value")
        case _:
            expected = ("",) * max(len(children), 1)
    if len(children) != len(expected):
        msg = f"column {name!r} has {len(children)} members; expected {len(expected)}"
        raise ValueError(msg)
    return tuple(_decode_node(child, part) for child, part in zip(children, expected, strict=True))


def _decode_type(node: Mapping[str, Any], children: tuple[WriteColumn, ...]) -> DataType:
    code = documents.number(node, "Type")
    types = tuple(child.type for child in children)
    if code == _ARRAY:
        return ArrayType(*types)
    if code == _MAP:
        return MapType(*types)
    if code == _STRUCT:
        return StructType(tuple(Field(child.name, child.type) for child in children))
    return _decode_flat_type(node, code)


def _decode_flat_type(node: Mapping[str, Any], code: int | None) -> DataType:
    if code == _DECIMAL:
        precision, scale = (documents.number(node, key) for key in ("Precision", "Scale"))
        return DecimalType(*_PLAIN_DECIMAL if precision is None else (precision, scale or 0))
    if code in (_CHAR, _VARCHAR):
        length = documents.number(node, "SpecifiedLength")
        if length is None:
            msg = "char or varchar without SpecifiedLength"
            raise ValueError(msg)
        return CharType(length) if code == _CHAR else VarcharType(length)
    if code not in _KINDS:
        msg = f"type code {node.get('Type')!r}; expected one from 0 to {max(_KINDS)}"
        raise ValueError(msg)
    return PrimitiveType(_KINDS[code])


def write_schema_of(schema: TableSchema, *, primary_key: tuple[str, ...] = ()) -> WriteSchema:
    """Make the write schema of a table: columns and members numbered from 1, depth first.

    A table with a primary key has the system column ``__operation``. Partition columns are no
    part of it (protocol.md §13.3).
    """
    keys = {name.lower() for name in primary_key}
    numbers = iter(range(1, 1 << 31))
    columns = tuple(
        WriteColumn(
            name=column.name,
            type=column.type,
            column_id=next(numbers),
            nullable=column.nullable,
            comment=column.comment,
            distribution_key=column.name.lower() in keys,
            children=_members(column.type, lambda: next(numbers)),
        )
        for column in schema.columns
    )
    operation = WriteColumn(name=OPERATION, type=PrimitiveType(Kind.TINYINT))
    return WriteSchema(columns, (operation,) if keys else ())

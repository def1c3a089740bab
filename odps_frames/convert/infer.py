"""The schema of a table to be made, from the schema of the data."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.convert.blob_cells import BLOB_CELL
from odps_frames.convert.extensions import PLAIN_EXTENSIONS, extension_name
from odps_frames.convert.nested import is_list
from odps_frames.errors import SchemaMismatch
from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.types import (
    ArrayType,
    DecimalType,
    Field,
    Kind,
    MapType,
    PrimitiveType,
    StructType,
    parse_type,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.convert.untyped import AnyType
    from odps_frames.model.types import DataType

__all__ = ["infer_schema", "odps_type"]

_MAX_PRECISION = 38
"""What MaxCompute stores; more digits only in its first type system."""

_KINDS = {
    pa.int8(): Kind.TINYINT,
    pa.int16(): Kind.SMALLINT,
    pa.int32(): Kind.INT,
    pa.int64(): Kind.BIGINT,
    pa.uint8(): Kind.SMALLINT,
    pa.uint16(): Kind.INT,
    pa.uint32(): Kind.BIGINT,
    pa.float16(): Kind.FLOAT,
    pa.float32(): Kind.FLOAT,
    pa.float64(): Kind.DOUBLE,
    pa.bool_(): Kind.BOOLEAN,
    pa.string(): Kind.STRING,
    pa.large_string(): Kind.STRING,
    pa.string_view(): Kind.STRING,
    pa.null(): Kind.STRING,
    pa.binary(): Kind.BINARY,
    pa.large_binary(): Kind.BINARY,
    pa.binary_view(): Kind.BINARY,
    pa.date32(): Kind.DATE,
    pa.date64(): Kind.DATE,
}
_TEXT_KEYS = (Kind.STRING,)
_WHOLE_KEYS = (Kind.TINYINT, Kind.SMALLINT, Kind.INT, Kind.BIGINT)


def odps_type(type_: pa.DataType) -> DataType:
    """Return the MaxCompute type that holds every value of an Arrow type.

    Raises
    ------
    ValueError
        For a type without a counterpart, such as a time of day.

    Examples
    --------
    >>> str(odps_type(pa.list_(pa.uint64())))
    'array<decimal(20,0)>'
    """
    found = _odps_type(type_)
    if found is None:
        raise ValueError(f"no type of MaxCompute holds values of the Arrow type {type_}")
    return found


def infer_schema(
    schema: pa.Schema,
    *,
    partition_by: tuple[str, ...] = (),
    overrides: Mapping[str, str] = MappingProxyType({}),
) -> TableSchema:
    """Return the schema of a table that holds data of an Arrow schema.

    Parameters
    ----------
    schema : pyarrow.Schema
        Of the data, partition columns included.
    partition_by : tuple of str
        Columns that say the partition, in the order of the levels.
    overrides : mapping of str to str
        Types for some columns, as MaxCompute writes them.

    Raises
    ------
    SchemaMismatch
        When ``partition_by`` or ``overrides`` name a column that is not there, or two names
        differ by nothing but letter case.
    ValueError
        When a column has no counterpart, or cannot say a partition.
    """
    named = {name.lower(): name for name in schema.names}
    if len(named) < len(schema.names):
        raise SchemaMismatch(
            f"columns {schema.names} are not told apart by MaxCompute, "
            "where letter case does not count; rename some"
        )
    for what, names in (("partition_cols", partition_by), ("odps_types", tuple(overrides))):
        if unknown := [name for name in names if name.lower() not in named]:
            raise SchemaMismatch(
                f"{what} names columns that the data lacks: {unknown}; it has {schema.names}"
            )
    chosen = {name.lower(): parse_type(text) for name, text in overrides.items()}
    keys = [name.lower() for name in partition_by]
    data = [_column(f, chosen.get(f.name.lower())) for f in schema if f.name.lower() not in keys]
    partition = [_key_column(schema.field(named[key]), chosen.get(key)) for key in keys]
    return TableSchema(tuple(data), tuple(partition))


def _column(field: AnyType, chosen: DataType | None) -> Column:
    extension = extension_name(field)
    plain = extension is None or extension in (*PLAIN_EXTENSIONS, BLOB_CELL.extension_name)
    found = chosen or (_odps_type(field.type) if plain else None)
    if not plain and found is None:
        raise ValueError(
            f"column {field.name!r} is of the Arrow extension type {extension!r}, which has no "
            f"counterpart in MaxCompute; cast it to a plain type, such as what it stores, "
            f"{getattr(field.type, 'storage_type', field.type)}, or leave it out"
        )
    if found is None:
        raise ValueError(
            f"column {field.name!r}: no type of MaxCompute holds all values of {field.type}; "
            + _remedy(field)
        )
    return Column(field.name, found, nullable=field.nullable)


def _remedy(field: AnyType) -> str:
    if pa.types.is_time(field.type):
        return f"odps_types={{{field.name!r}: 'string'}} writes it as text"
    if pa.types.is_decimal(field.type):
        return (
            f"odps_types={{{field.name!r}: 'decimal(38,18)'}}, or another scale, "
            "writes those that have no more digits"
        )
    return "cast the column, or leave it out"


def _key_column(field: AnyType, chosen: DataType | None) -> Column:
    column = _column(field, chosen)
    match column.type:
        case PrimitiveType(kind) if kind in _WHOLE_KEYS and chosen is None:
            return Column(field.name, PrimitiveType(Kind.BIGINT))
        case PrimitiveType(Kind.STRING | Kind.DATE):
            return Column(field.name, column.type)
        case _ if chosen is not None:
            return Column(field.name, chosen)
        case _:
            raise ValueError(
                f"column {field.name!r} of {field.type} cannot say the partition; expected text, "
                "whole numbers or dates: cast it to one of these"
            )


def _odps_type(type_: AnyType) -> DataType | None:
    if type_ in _KINDS:
        return PrimitiveType(_KINDS[type_])
    if isinstance(type_, pa.BaseExtensionType):
        return _extension(type_)
    if pa.types.is_dictionary(type_) or pa.types.is_run_end_encoded(type_):
        return _odps_type(type_.value_type)
    if pa.types.is_fixed_size_binary(type_):
        return PrimitiveType(Kind.BINARY)
    if pa.types.is_timestamp(type_):
        return PrimitiveType(Kind.TIMESTAMP_NTZ if type_.tz is None else Kind.TIMESTAMP)
    if pa.types.is_duration(type_):
        return PrimitiveType(Kind.INTERVAL_DAY_TIME)
    if pa.types.is_decimal(type_) or type_ == pa.uint64():
        return _decimal(type_)
    return _nested(type_)


def _extension(type_: AnyType) -> DataType | None:
    if type_ == BLOB_CELL:
        return PrimitiveType(Kind.BLOB)
    if type_.extension_name == "arrow.json":
        return PrimitiveType(Kind.JSON)
    if type_.extension_name in PLAIN_EXTENSIONS:
        return _odps_type(type_.storage_type)
    return None


def _decimal(type_: AnyType) -> DataType | None:
    if type_ == pa.uint64():
        return DecimalType(20, 0)
    scale = max(type_.scale, 0)
    # A negative scale stands for zeros before the point; a scale past the precision for some
    # behind it.
    precision = max(type_.precision - min(type_.scale, 0), scale)
    return DecimalType(precision, scale) if precision <= _MAX_PRECISION else None


def _nested(type_: AnyType) -> DataType | None:
    if is_list(type_):
        element = _odps_type(type_.value_type)
        return element and ArrayType(element)
    if pa.types.is_map(type_):
        key, value = _odps_type(type_.key_type), _odps_type(type_.item_type)
        return key and value and MapType(key, value)
    if pa.types.is_struct(type_) and type_.num_fields:
        fields = [type_.field(i) for i in range(type_.num_fields)]
        found = [(field.name, _odps_type(field.type)) for field in fields]
        members = [Field(name, member) for name, member in found if member]
        return StructType(tuple(members)) if len(members) == len(found) else None
    return None

"""Arrow forms of MaxCompute types: what travels, and what a reader gets."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.convert.misfit import attempt, blame, require
from odps_frames.convert.nested import is_list, rebuild_list, rebuild_map, rebuild_struct
from odps_frames.convert.timestamps import PAIR, is_pair, pair_to_duration, pair_to_timestamp
from odps_frames.convert.untyped import pc
from odps_frames.errors import CorruptStream
from odps_frames.model.read import ArrowOptions
from odps_frames.model.types import (
    ArrayType,
    CharType,
    DecimalType,
    Kind,
    MapType,
    PrimitiveType,
    StructType,
    VarcharType,
    VectorType,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.convert.untyped import AnyArray, AnyType
    from odps_frames.model.schema import Column, TableSchema
    from odps_frames.model.types import DataType

    Leaf = Callable[[DataType], AnyType]

__all__ = [
    "arrow_schema",
    "arrow_type",
    "check_stream_schema",
    "normal_schema",
    "normal_type",
    "normalise",
    "same_type",
]

_DEFAULT = ArrowOptions()
_MAX_DECIMAL128 = 38

_PLAIN = {
    Kind.TINYINT: pa.int8(),
    Kind.SMALLINT: pa.int16(),
    Kind.INT: pa.int32(),
    Kind.BIGINT: pa.int64(),
    Kind.FLOAT: pa.float32(),
    Kind.DOUBLE: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.STRING: pa.string(),
    Kind.JSON: pa.string(),
    Kind.BINARY: pa.binary(),
    Kind.BLOB: pa.binary(),
    Kind.DATE: pa.date32(),
    Kind.INTERVAL_DAY_TIME: PAIR,
}


def arrow_type(type_: DataType, options: ArrowOptions = _DEFAULT) -> pa.DataType:
    """Return the Arrow form in which values of a type travel (protocol.md §13.2).

    Raises
    ------
    ValueError
        For a type of which no Arrow form is known: interval_year_month, geography, variant.
    """
    found: pa.DataType = _build(type_, lambda leaf: _leaf(leaf, options))
    return found


def arrow_schema(
    schema: TableSchema, options: ArrowOptions = _DEFAULT, *, partition_columns: bool = True
) -> pa.Schema:
    """Return the Arrow schema in which rows of a table travel."""
    columns = schema.all_columns if partition_columns else schema.columns
    return pa.schema([pa.field(c.name, arrow_type(c.type, options), c.nullable) for c in columns])


def normal_type(type_: DataType, options: ArrowOptions = _DEFAULT) -> pa.DataType:
    """Return the Arrow type that `normalise` gives a column: intervals are durations."""
    found: pa.DataType = _build(type_, lambda leaf: _normal_leaf(leaf, options))
    return found


def normal_schema(columns: tuple[Column, ...], options: ArrowOptions = _DEFAULT) -> pa.Schema:
    """Return the schema of the batches that `normalise` gives."""
    return pa.schema([pa.field(c.name, normal_type(c.type, options), c.nullable) for c in columns])


def same_type(a: pa.DataType, b: pa.DataType) -> bool:
    """Tell whether two types hold the same values.

    Names of the children of lists and maps, nullability, and large or plain offsets do not count.
    """
    return bool(_canonical(a).equals(_canonical(b)))


def check_stream_schema(
    stream: pa.Schema, expected: tuple[Column, ...], options: ArrowOptions = _DEFAULT
) -> None:
    """Compare the schema of a received stream with the columns of its session.

    Large strings, and {sec, nano} pairs for times, are accepted (protocol.md §12).

    Raises
    ------
    CorruptStream
        When names, order or types differ.
    """
    names = [column.name for column in expected]
    if [name.lower() for name in stream.names] != [name.lower() for name in names]:
        raise CorruptStream(
            f"the stream has columns {stream.names}; the session promised {names}; read again"
        )
    for field, column in zip(stream, expected, strict=True):
        if not _travels_as(field.type, column.type, options):
            raise CorruptStream(
                f"column {column.name!r} of the stream is {field.type}; the session promised "
                f"{column.type}, which travels as {arrow_type(column.type, options)}; read again"
            )


def normalise(
    batch: pa.RecordBatch,
    columns: tuple[Column, ...],
    options: ArrowOptions = _DEFAULT,
    *,
    first_row: int = 0,
) -> pa.RecordBatch:
    """Give a received batch the schema `normal_schema` tells; no copy where nothing changes.

    Pairs {sec, nano} become times or durations, large strings and lists become plain ones.

    Raises
    ------
    CastError
        For a value that its unit cannot hold, and a vector of another length than its type
        says; the rows of the batch are counted from ``first_row``.
    """
    schema = normal_schema(columns, options)
    arrays = []
    for array, column, field in zip(batch.columns, columns, schema, strict=True):
        with blame(column.name, array.type, f"{field.type} ({column.type})", first_row):
            arrays.append(_normal(array, column.type, field.type))
    if not arrays:
        return batch
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _build(type_: DataType, leaf: Leaf) -> AnyType:
    match type_:
        case ArrayType(element) | VectorType(element=element):
            return pa.list_(pa.field("element", _build(element, leaf)))
        case MapType(key, value):
            return pa.map_(_build(key, leaf), _build(value, leaf))
        case StructType(fields):
            return pa.struct([pa.field(f.name, _build(f.type, leaf)) for f in fields])
        case _:
            return leaf(type_)


def _leaf(type_: DataType, options: ArrowOptions) -> AnyType:
    match type_:
        case CharType() | VarcharType():
            return pa.string()
        case DecimalType(precision, scale):
            if precision > _MAX_DECIMAL128:
                return pa.decimal256(precision, scale)
            return pa.decimal128(precision, scale)
        case PrimitiveType(Kind.DATETIME):
            return pa.timestamp(options.datetime_unit.arrow)
        case PrimitiveType(Kind.TIMESTAMP | Kind.TIMESTAMP_NTZ):
            return pa.timestamp(options.timestamp_unit.arrow)
        case PrimitiveType(kind) if kind in _PLAIN:
            return _PLAIN[kind]
        case _:
            raise ValueError(
                f"no Arrow form is known for the type {str(type_)!r}; "
                "leave such columns out, or cast them in SQL"
            )


def _normal_leaf(type_: DataType, options: ArrowOptions) -> AnyType:
    if type_ == PrimitiveType(Kind.INTERVAL_DAY_TIME):
        return pa.duration("ns")
    return _leaf(type_, options)


def _pair_leaf(type_: DataType, options: ArrowOptions) -> AnyType:
    if type_ in (PrimitiveType(Kind.TIMESTAMP), PrimitiveType(Kind.TIMESTAMP_NTZ)):
        return PAIR
    return _leaf(type_, options)


def _short_decimal_leaf(type_: DataType, options: ArrowOptions) -> AnyType:
    # One client of the vendor sends decimal(54,18) as decimal128(38,18) (protocol.md §13.2).
    if isinstance(type_, DecimalType) and type_.scale <= _MAX_DECIMAL128 < type_.precision:
        return pa.decimal128(_MAX_DECIMAL128, type_.scale)
    return _leaf(type_, options)


def _travels_as(found: pa.DataType, type_: DataType, options: ArrowOptions) -> bool:
    forms = (_leaf, _pair_leaf, _short_decimal_leaf)
    return any(
        same_type(found, _build(type_, functools.partial(form, options=options))) for form in forms
    )


_OFFSETS_ASIDE = {pa.large_string(): pa.string(), pa.large_binary(): pa.binary()}


def _canonical(type_: AnyType) -> AnyType:
    """Drop what does not change the values that a type can hold."""
    if is_list(type_):
        size = type_.list_size if pa.types.is_fixed_size_list(type_) else -1
        return pa.list_(pa.field("element", _canonical(type_.value_type)), size)
    if pa.types.is_map(type_):
        return pa.map_(_canonical(type_.key_type), _canonical(type_.item_type))
    if pa.types.is_struct(type_):
        fields = [type_.field(i) for i in range(type_.num_fields)]
        return pa.struct([pa.field(f.name, _canonical(f.type)) for f in fields])
    return _OFFSETS_ASIDE.get(type_, type_)


def _normal(array: AnyArray, type_: DataType, target: AnyType) -> AnyArray:
    found = array.type
    if found.equals(target) and not _holds_vectors(type_):
        return array
    match type_:
        case ArrayType(element) | VectorType(element=element) if is_list(found):
            inner = target.value_type
            if isinstance(type_, VectorType):
                fits = pc.equal(pc.list_value_length(array), type_.size)
                require(array, fits, f"a vector has {type_.size} elements")
            return rebuild_list(array, lambda some: _normal(some, element, inner), target)
        case MapType(key, value) if pa.types.is_map(found):
            return rebuild_map(
                array,
                lambda some: _normal(some, key, target.key_type),
                lambda some: _normal(some, value, target.item_type),
                target,
            )
        case StructType(fields) if pa.types.is_struct(found):
            members = [
                (i, lambda some, i=i: _normal(some, fields[i].type, target.field(i).type))
                for i in range(len(fields))
            ]
            return rebuild_struct(array, members, target)
        case _:
            return _normal_scalar(array, target)


@functools.cache
def _holds_vectors(type_: DataType) -> bool:
    match type_:
        case VectorType():
            return True
        case ArrayType(element):
            return _holds_vectors(element)
        case MapType(key, value):
            return _holds_vectors(key) or _holds_vectors(value)
        case StructType(fields):
            return any(_holds_vectors(field.type) for field in fields)
        case _:
            return False


def _normal_scalar(array: AnyArray, target: AnyType) -> AnyArray:
    if is_pair(array.type) and pa.types.is_timestamp(target):
        return pair_to_timestamp(array, target.unit)
    if is_pair(array.type) and pa.types.is_duration(target):
        return pair_to_duration(array)
    return attempt(array, lambda some: some.cast(target), "")

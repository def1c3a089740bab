"""Which cast takes an Arrow type to a MaxCompute type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.convert.arrow import arrow_type
from odps_frames.convert.blob_cells import AMBIGUOUS_TEXT, BLOB_CELL
from odps_frames.convert.cast import Cast, NeverFitsError, checked, keep
from odps_frames.convert.extensions import PLAIN_EXTENSIONS
from odps_frames.convert.misfit import require
from odps_frames.convert.nested import (
    entry_types,
    is_entries,
    is_list,
    rebuild_list,
    rebuild_map,
    rebuild_struct,
)
from odps_frames.convert.numbers import to_decimal, to_float, to_integer
from odps_frames.convert.times import (
    timestamp_unit,
    to_date,
    to_instant,
    to_interval,
    to_local_time,
)
from odps_frames.convert.untyped import pc
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
    from odps_frames.convert.untyped import AnyArray, AnyType, Convert
    from odps_frames.model.types import DataType

__all__ = ["plan"]

_TEXT = (pa.string(), pa.large_string(), pa.string_view())
_BYTES = (pa.binary(), pa.large_binary(), pa.binary_view())
_OF_VIEWS = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
"""What values of dictionaries are cast to: pyarrow takes no views by index (pyarrow 26)."""
_NO_FORM = "no source tells how such values are sent; write them by SQL"
_TOO_MUCH = "more than 2 GiB in one batch; hand over smaller batches"


def plan(source: AnyType, target: DataType, tz: str = "UTC") -> Cast:
    """Plan the cast of every array of one type; times without a zone are read in ``tz``.

    Raises
    ------
    NeverFitsError
        When no value of ``source`` is a value of ``target``.
    """
    if source == BLOB_CELL or (source in _BYTES and target == PrimitiveType(Kind.BLOB)):
        return _to_blob(source, target)
    if decoding := _decoding(source):
        decode, inner = decoding
        cast = plan(inner, target, tz)
        return Cast(cast.type, lambda array: cast.convert(decode(array)))
    if pa.types.is_null(source):
        return _to_null(target)
    match target:
        case PrimitiveType(Kind.STRING | Kind.JSON) | CharType() | VarcharType():
            return _to_text(source, target)
        case _ if source in _TEXT:
            return _only_null(target)
        case PrimitiveType(kind):
            return _to_primitive(source, kind, tz)
        case DecimalType():
            return to_decimal(source, arrow_type(target))
        case _:
            return _to_nested(source, target, tz)


def _decoding(source: AnyType) -> tuple[Convert, AnyType] | None:
    """How to get at the values of a type that stands for another, and that other."""
    if isinstance(source, pa.BaseExtensionType):
        if source.extension_name not in PLAIN_EXTENSIONS:
            raise NeverFitsError(
                f"what an extension type of Arrow means is lost here; cast it to what it stores, "
                f"{source.storage_type}, if that is meant"
            )
        return lambda array: array.storage, source.storage_type
    if pa.types.is_dictionary(source):
        values = _OF_VIEWS.get(source.value_type, source.value_type)
        return lambda array: _decoded(array, values), values
    if pa.types.is_run_end_encoded(source):
        return pc.run_end_decode, source.value_type
    return None


def _decoded(array: AnyArray, values: AnyType) -> AnyArray:
    if array.type.value_type != values:
        array = pa.DictionaryArray.from_arrays(array.indices, array.dictionary.cast(values))
    return array.dictionary_decode()


def _to_primitive(source: AnyType, kind: Kind, tz: str) -> Cast:
    match kind:
        case Kind.TINYINT | Kind.SMALLINT | Kind.INT | Kind.BIGINT:
            return to_integer(source, arrow_type(PrimitiveType(kind)))
        case Kind.FLOAT | Kind.DOUBLE:
            return to_float(source, arrow_type(PrimitiveType(kind)))
        case Kind.BOOLEAN:
            return _to_boolean(source)
        case Kind.BINARY | Kind.BLOB:
            return _to_bytes(source)
        case _:
            return _to_time(source, kind, tz)


def _to_time(source: AnyType, kind: Kind, tz: str) -> Cast:
    match kind:
        case Kind.DATE:
            return to_date(source)
        case Kind.DATETIME:
            return to_instant(source, "ms", tz)
        case Kind.TIMESTAMP:
            return to_instant(source, timestamp_unit(source), tz)
        case Kind.TIMESTAMP_NTZ:
            return to_local_time(source, timestamp_unit(source))
        case Kind.INTERVAL_DAY_TIME:
            return to_interval(source)
        case _:
            raise NeverFitsError(_NO_FORM)


def _to_null(target: DataType) -> Cast:
    try:
        type_: AnyType = arrow_type(target)
    except ValueError as error:
        raise NeverFitsError(_NO_FORM) from error
    return Cast(type_, lambda array: pa.nulls(len(array), type_))


def _to_boolean(source: AnyType) -> Cast:
    if pa.types.is_boolean(source):
        return Cast(source, keep)
    raise NeverFitsError("cast it to booleans first, with astype('boolean')")


def _to_text(source: AnyType, target: DataType) -> Cast:
    if source not in _TEXT and not pa.types.is_time(source):
        raise NeverFitsError(_text_remedy(source, target))
    cast = checked(pa.string(), _TOO_MUCH)
    if not isinstance(target, CharType | VarcharType):
        return Cast(pa.string(), keep) if source == pa.string() else cast
    limit = target.length

    def convert(array: AnyArray) -> AnyArray:
        text = cast.convert(array)
        why = f"it has more than {limit} characters"
        require(text, pc.less_equal(pc.utf8_length(text), limit), why)
        return text

    return Cast(pa.string(), convert)


def _text_remedy(source: AnyType, target: DataType) -> str:
    if source in _BYTES or pa.types.is_fixed_size_binary(source):
        return "decode it first, with .str.decode('utf-8')"
    # The text that Python makes of a dict, a list or a boolean is no JSON.
    if target == PrimitiveType(Kind.JSON) or pa.types.is_nested(source):
        return "make it text first, with json.dumps of each value"
    return "cast it to text first, with astype('str')"


def _to_bytes(source: AnyType) -> Cast:
    if source in _BYTES or pa.types.is_fixed_size_binary(source):
        return checked(pa.binary(), _TOO_MUCH)
    raise NeverFitsError("cast it to bytes first")


def _to_blob(source: AnyType, target: DataType) -> Cast:
    """Leave a blob as it is: what travels in its place is its reference."""
    if target != PrimitiveType(Kind.BLOB):
        raise NeverFitsError("files, and values of Blob, are for columns of type BLOB")
    if source == pa.binary_view():
        return checked(pa.large_binary(), _TOO_MUCH)
    return Cast(source, keep)


def _only_null(target: DataType) -> Cast:
    """Let a column of text be NULL throughout: it had no values to take another type from."""
    null = _to_null(target)
    bytes_wanted = null.type == pa.binary()
    why = "text is not parsed; convert it first, with " + (
        ".str.encode('utf-8')" if bytes_wanted else "pandas.to_numeric or pandas.to_datetime"
    )
    if target == PrimitiveType(Kind.BLOB):
        why = AMBIGUOUS_TEXT

    def convert(array: AnyArray) -> AnyArray:
        require(array, array.is_null(), why)
        return null.convert(array)

    return Cast(null.type, convert)


def _to_nested(source: AnyType, target: DataType, tz: str) -> Cast:
    match target:
        case ArrayType(element) if is_list(source):
            return _to_list(source, element, tz)
        case VectorType(element, size) if is_list(source):
            return _sized(_to_list(source, element, tz), size)
        case MapType(key, value) if pa.types.is_map(source) or is_entries(source):
            keys, values = entry_types(source)
            return _to_map(source, plan(keys, key, tz), plan(values, value, tz))
        case StructType(fields) if pa.types.is_struct(source):
            return _to_struct(source, {field.name: field.type for field in fields}, tz)
        case _:
            raise NeverFitsError("it is of another shape")


def _to_list(source: AnyType, element: DataType, tz: str) -> Cast:
    inner = plan(source.value_type, element, tz)
    type_ = pa.list_(pa.field("element", inner.type))
    if inner.convert is keep and source == type_:
        return Cast(type_, keep)
    return Cast(type_, lambda array: rebuild_list(array, inner.convert, type_))


def _sized(cast: Cast, size: int) -> Cast:
    def convert(array: AnyArray) -> AnyArray:
        lists = cast.convert(array)
        lengths = pc.list_value_length(lists)
        require(lists, pc.equal(lengths, size), f"a vector of {size} elements is expected")
        return lists

    return Cast(cast.type, convert)


def _to_map(source: AnyType, key: Cast, value: Cast) -> Cast:
    type_ = pa.map_(key.type, value.type)
    if key.convert is keep and value.convert is keep and source == type_:
        return Cast(type_, keep)
    return Cast(type_, lambda array: rebuild_map(array, key.convert, value.convert, type_))


def _to_struct(source: AnyType, fields: dict[str, DataType], tz: str) -> Cast:
    places = {source.field(i).name.lower(): i for i in range(source.num_fields)}
    if len(places) < source.num_fields or set(places) != {name.lower() for name in fields}:
        found = [source.field(i).name for i in range(source.num_fields)]
        raise NeverFitsError(f"its members are {found}; expected {list(fields)}")
    order = [places[name.lower()] for name in fields]
    casts = [
        plan(source.field(place).type, member, tz)
        for place, member in zip(order, fields.values(), strict=True)
    ]
    type_ = pa.struct([pa.field(name, cast.type) for name, cast in zip(fields, casts, strict=True)])
    if source == type_ and all(cast.convert is keep for cast in casts):
        return Cast(type_, keep)
    members = [(place, cast.convert) for place, cast in zip(order, casts, strict=True)]
    return Cast(type_, lambda array: rebuild_struct(array, members, type_))

"""Columns on their way in, checked against their types, and on their way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.convert.arrow import arrow_type
from odps_frames.convert.misfit import attempt, require
from odps_frames.convert.nested import is_list, rebuild_list, rebuild_map, rebuild_struct
from odps_frames.convert.timestamps import PAIR, check_calendar, duration_to_pair, is_pair
from odps_frames.convert.untyped import pc
from odps_frames.emulator.expansion import check_expansion
from odps_frames.emulator.times import (
    is_time,
    keep_instants,
    keep_milliseconds,
    keep_pairs,
    to_unit,
)
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
    from collections.abc import Callable, Iterator

    from odps_frames.convert.untyped import AnyArray, AnyType
    from odps_frames.model.types import DataType

__all__ = [
    "Keeper",
    "WrongType",
    "can_keep",
    "enlarged",
    "is_text",
    "time_paths",
    "times_in",
    "travel_type",
    "wired",
]

_KEPT = ArrowOptions()
_NOT_KEPT = (Kind.GEOGRAPHY, Kind.VARIANT, Kind.INTERVAL_YEAR_MONTH)
_INTEGERS = (Kind.TINYINT, Kind.SMALLINT, Kind.INT, Kind.BIGINT)


class WrongType(Exception):
    """A column came in a type that its own cannot be made of."""


def can_keep(type_: DataType) -> bool:
    """Whether a table here can have columns of a type."""
    match type_:
        case PrimitiveType(kind=kind):
            return kind not in _NOT_KEPT
        case VectorType():
            return False
        case ArrayType(element=element):
            return can_keep(element)
        case MapType(key=key, value=value):
            return can_keep(key) and can_keep(value)
        case StructType(fields=fields):
            return all(can_keep(field.type) for field in fields)
        case CharType() | VarcharType() | DecimalType():
            return True


def time_paths(type_: DataType, path: str) -> dict[str, DataType]:
    """Return the times inside a type, by their paths."""
    match type_:
        case ArrayType(element=element):
            return time_paths(element, f"{path}.element")
        case MapType(key=key, value=value):
            return time_paths(key, f"{path}.key") | time_paths(value, f"{path}.value")
        case StructType(fields=fields):
            found: dict[str, DataType] = {}
            for index, field in enumerate(fields):
                found |= time_paths(field.type, f"{path}.{index}")
            return found
        case _:
            return {path: type_} if is_time(type_) else {}


def travel_type(
    type_: DataType, path: str, options: ArrowOptions, as_pair: Callable[[str, DataType], bool]
) -> AnyType:
    """Return the type in which values travel; some times may have to travel as pairs."""
    found: AnyType = arrow_type(type_, options)
    match type_:
        case ArrayType(element=element):
            inner = travel_type(element, f"{path}.element", options, as_pair)
            return pa.list_(found.value_field.with_type(inner))
        case MapType(key=key, value=value):
            return pa.map_(
                travel_type(key, f"{path}.key", options, as_pair),
                found.item_field.with_type(travel_type(value, f"{path}.value", options, as_pair)),
            )
        case StructType(fields=fields):
            members = [
                found.field(index).with_type(
                    travel_type(field.type, f"{path}.{index}", options, as_pair)
                )
                for index, field in enumerate(fields)
            ]
            return pa.struct(members)
        case _:
            return PAIR if as_pair(path, type_) else found


def enlarged(found: AnyType) -> AnyType:
    """Give texts and bytes, wherever they stand in a type, offsets of 64 bits."""
    if pa.types.is_string(found):
        return pa.large_string()
    if pa.types.is_binary(found):
        return pa.large_binary()
    if pa.types.is_list(found):
        return pa.list_(found.value_field.with_type(enlarged(found.value_type)))
    if pa.types.is_map(found):
        item = found.item_field.with_type(enlarged(found.item_type))
        return pa.map_(enlarged(found.key_type), item)
    if pa.types.is_struct(found):
        fields = [found.field(i) for i in range(found.num_fields)]
        return pa.struct([field.with_type(enlarged(field.type)) for field in fields])
    return found


def wired(array: AnyArray, type_: DataType, target: AnyType) -> AnyArray:
    """Give a kept column the type in which it travels; no copy where that is the same."""
    if array.type.equals(target):
        return array
    match type_:
        case ArrayType(element=element):
            inner = target.value_type
            return rebuild_list(array, lambda some: wired(some, element, inner), target)
        case MapType(key=key, value=value):
            return rebuild_map(
                array,
                lambda some: wired(some, key, target.key_type),
                lambda some: wired(some, value, target.item_type),
                target,
            )
        case StructType(fields=fields):
            members = [
                (i, lambda some, i=i: wired(some, fields[i].type, target.field(i).type))
                for i in range(len(fields))
            ]
            return rebuild_struct(array, members, target)
        case _ if is_text(target) or pa.types.is_large_binary(target):
            return array.cast(target)
        case _:
            return to_unit(array, target)


def times_in(array: AnyArray, type_: DataType, path: str) -> Iterator[tuple[str, AnyArray]]:
    """Yield the times inside a kept column, with their paths."""
    match type_:
        case ArrayType(element=element):
            yield from times_in(array.flatten(), element, f"{path}.element")
        case MapType(key=key, value=value):
            entry = pa.struct(
                [pa.field("key", array.type.key_type), pa.field("value", array.type.item_type)]
            )
            keys, values = array.cast(pa.list_(entry)).flatten().flatten()
            yield from times_in(keys, key, f"{path}.key")
            yield from times_in(values, value, f"{path}.value")
        case StructType(fields=fields):
            for index, (field, child) in enumerate(zip(fields, array.flatten(), strict=True)):
                yield from times_in(child, field.type, f"{path}.{index}")
        case _:
            if is_time(type_):
                yield path, array


class _PairsNeeded(Exception):
    """A column of times turned out not to fit into nanoseconds."""


class Keeper:
    """Makes what came into what is kept, for the rows of one body.

    Once a column of times has needed pairs, it gets pairs to the end, so that a body is cut into
    few files.
    """

    def __init__(self) -> None:
        self._as_pairs: set[str] = set()

    def keep(self, array: AnyArray, type_: DataType, path: str) -> AnyArray:
        """Check and convert a column.

        Raises
        ------
        Misfit
            For a value that the type cannot hold.
        WrongType
            When the column came in another type altogether.
        """
        while True:
            try:
                return self._keep(array, type_, path)
            except _PairsNeeded:  # once for each path at most
                continue

    def _keep(self, array: AnyArray, type_: DataType, path: str) -> AnyArray:
        check_expansion(array)
        if pa.types.is_null(array.type):
            return pa.nulls(len(array), self._kept_type(type_, path))
        match type_:
            case ArrayType(element=element):
                _expect(is_list(array.type), array, "a list")
                return rebuild_list(
                    array,
                    lambda some: self._keep(some, element, f"{path}.element"),
                    self._kept_type(type_, path),
                )
            case MapType(key=key, value=value):
                _expect(pa.types.is_map(array.type), array, "a map")
                return rebuild_map(
                    array,
                    lambda some: self._keep(some, key, f"{path}.key"),
                    lambda some: self._keep(some, value, f"{path}.value"),
                    self._kept_type(type_, path),
                )
            case StructType():
                return self._keep_struct(array, type_, path)
            case PrimitiveType(kind=Kind.TIMESTAMP | Kind.TIMESTAMP_NTZ):
                return self._keep_instants(array, type_, path)
            case _:
                return _keep_plain(array, type_)

    def _keep_struct(self, array: AnyArray, type_: StructType, path: str) -> AnyArray:
        _expect(pa.types.is_struct(array.type), array, "a struct")
        places = {array.type.field(i).name.lower(): i for i in range(array.type.num_fields)}
        wanted = [field.name.lower() for field in type_.fields]
        if len(places) != array.type.num_fields or set(places) != set(wanted):
            raise _wrong(array, f"fields {', '.join(field.name for field in type_.fields)}")
        members = [
            (
                places[name],
                lambda some, i=index, t=field.type: self._keep(some, t, f"{path}.{i}"),
            )
            for index, (name, field) in enumerate(zip(wanted, type_.fields, strict=True))
        ]
        return rebuild_struct(array, members, self._kept_type(type_, path))

    def _keep_instants(self, array: AnyArray, type_: DataType, path: str) -> AnyArray:
        zoned = pa.types.is_timestamp(array.type) and array.type.tz is not None
        _expect(
            _may_be_time(array.type) and not (zoned and type_ == PrimitiveType(Kind.TIMESTAMP_NTZ)),
            array,
            f"{type_} as a timestamp" + (" without a zone" if zoned else ""),
        )
        kept = keep_instants(array, as_pairs=path in self._as_pairs)
        if is_pair(kept.type) and path not in self._as_pairs:
            self._as_pairs.add(path)
            raise _PairsNeeded
        return kept

    def _kept_type(self, type_: DataType, path: str) -> AnyType:
        return travel_type(type_, path, _KEPT, lambda where, _: where in self._as_pairs)


def _keep_plain(array: AnyArray, type_: DataType) -> AnyArray:
    target = arrow_type(type_, _KEPT)
    match type_:
        case PrimitiveType(kind=Kind.DATETIME):
            _expect(_may_be_time(array.type), array, "datetime as a timestamp")
            return keep_milliseconds(array)
        case PrimitiveType(kind=Kind.DATE):
            _expect(pa.types.is_date(array.type), array, "date as date32")
            kept = attempt(array, lambda some: some.cast(target), "")
            check_calendar(kept)
            return kept
        case PrimitiveType(kind=Kind.INTERVAL_DAY_TIME):
            if pa.types.is_duration(array.type):
                return duration_to_pair(array)
            _expect(is_pair(array.type), array, "interval_day_time as struct<sec, nano>")
            return keep_pairs(array)
        case PrimitiveType(kind=Kind.FLOAT) if pa.types.is_float64(array.type):
            return _narrow(array)
    _expect(_same_family(array.type, type_), array, str(type_))
    kept = (
        array if array.type.equals(target) else attempt(array, lambda some: some.cast(target), "")
    )
    if isinstance(type_, CharType | VarcharType):
        fits = pc.less_equal(pc.utf8_length(kept), type_.length)
        require(kept, fits, f"it is longer than {type_.length} characters")
    return kept


def _narrow(array: AnyArray) -> AnyArray:
    kept = array.cast(pa.float32())
    back = kept.cast(pa.float64())
    exact = pc.or_(pc.equal(back, array), pc.is_nan(array))
    require(array, exact, "float has fewer digits than double")
    return kept


def _may_be_time(found: AnyType) -> bool:
    return is_pair(found) or pa.types.is_timestamp(found)


def _same_family(found: AnyType, type_: DataType) -> bool:
    types = pa.types
    match type_:
        case DecimalType():
            return bool(types.is_decimal(found))
        case PrimitiveType(kind=kind) if kind in _INTEGERS:
            return bool(types.is_integer(found))
        case PrimitiveType(kind=Kind.FLOAT | Kind.DOUBLE):
            return bool(types.is_floating(found))
        case PrimitiveType(kind=Kind.BOOLEAN):
            return bool(types.is_boolean(found))
        case PrimitiveType(kind=Kind.BINARY | Kind.BLOB):
            return bool(
                types.is_binary(found)
                or types.is_large_binary(found)
                or types.is_binary_view(found)
                or types.is_fixed_size_binary(found)
            )
        case _:
            return is_text(found)


def is_text(found: AnyType) -> bool:
    """Whether an Arrow type is text of some layout."""
    return bool(
        pa.types.is_string(found)
        or pa.types.is_large_string(found)
        or pa.types.is_string_view(found)
    )


def _expect(right: bool, array: AnyArray, expected: str) -> None:  # noqa: FBT001  it is the condition
    if not right:
        raise _wrong(array, expected)


def _wrong(array: AnyArray, expected: str) -> WrongType:
    return WrongType(f"expected {expected}; it came as {array.type}")

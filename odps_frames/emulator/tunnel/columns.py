"""Columns as the tunnel names and numbers them, and the types that it can carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.convert.arrow import arrow_type
from odps_frames.convert.timestamps import PAIR
from odps_frames.emulator.columns import time_paths
from odps_frames.emulator.facts import TimeFact
from odps_frames.emulator.refusals import invalid, unsupported
from odps_frames.emulator.times import is_instant
from odps_frames.errors import ServiceError
from odps_frames.model.read import TimeUnit
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
    from collections.abc import Iterable, Mapping

    from odps_frames.convert.untyped import AnyType
    from odps_frames.emulator.catalog.tables import StoredColumn
    from odps_frames.model.schema import Column
    from odps_frames.model.types import DataType

__all__ = ["check_arrow", "check_nanoseconds", "check_records", "record_type"]

_NOT_CARRIED = frozenset({Kind.BLOB, Kind.GEOGRAPHY, Kind.VARIANT, Kind.INTERVAL_YEAR_MONTH})
_INTEGERS = frozenset({Kind.TINYINT, Kind.SMALLINT, Kind.INT, Kind.BIGINT})
_PAIRS = frozenset({Kind.TIMESTAMP, Kind.TIMESTAMP_NTZ, Kind.INTERVAL_DAY_TIME})


def leaves(type_: DataType) -> Iterable[DataType]:
    """Yield the types inside a type that hold no others."""
    match type_:
        case ArrayType(element=element):
            yield from leaves(element)
        case MapType(key=key, value=value):
            yield from leaves(key)
            yield from leaves(value)
        case StructType(fields=fields):
            for field in fields:
                yield from leaves(field.type)
        case _:
            yield type_


def check_records(columns: Iterable[Column]) -> None:
    """Make sure that records can carry every column.

    Raises
    ------
    ServiceError
        Naming the first one that they cannot.
    """
    for column in columns:
        for leaf in leaves(column.type):
            unknown = isinstance(leaf, PrimitiveType) and leaf.kind in _NOT_CARRIED
            if unknown or isinstance(leaf, VectorType):
                raise unsupported(f"column {column.name!r} of type {column.type} in the tunnel")


def check_arrow(columns: Iterable[Column]) -> None:
    """Make sure that the Arrow form means the same to both sides.

    It brings no schema, so that each side takes the types from the session. pyodps 0.13.2 reads
    ``decimal(p,0)`` there as having the default scale of 18, and JSON as nothing at all.

    Raises
    ------
    ServiceError
        Naming the first column for which it does not.
    """
    columns = list(columns)
    check_records(columns)
    for column in columns:
        for leaf in leaves(column.type):
            if isinstance(leaf, DecimalType) and leaf.scale == 0:
                # pyodps takes this code as the advice to read results as records instead.
                raise ServiceError(
                    f"column {column.name!r} of type {column.type} in the Arrow form of the "
                    "tunnel: it brings no schema, and clients take the scale to be another; use "
                    "records, or the Storage API",
                    status=405,
                    code="MethodNotAllowed",
                )


def check_nanoseconds(columns: Iterable[StoredColumn], times: Mapping[str, TimeFact]) -> None:
    """Make sure that 64 bits of nanoseconds hold every time.

    pyodps 0.13.2 makes such numbers also of pairs of seconds and nanoseconds, and lets them wrap.

    Raises
    ------
    ServiceError
        Naming the first column with a time that they do not hold.
    """
    for stored in columns:
        for path, type_ in time_paths(stored.column.type, stored.field).items():
            fits = times.get(path, TimeFact()).holds(TimeUnit.NANO)
            if is_instant(type_) and not fits:
                raise invalid(
                    f"column {stored.column.name!r} of type {stored.column.type} holds times "
                    "beyond the years 1677 to 2262, which the Arrow form of the tunnel has no "
                    "numbers for; read it as records"
                )


def record_type(type_: DataType) -> AnyType:
    """Return the Arrow type that values out of records are first put into.

    It is as wide as what records can say; what a column cannot hold is found out when its values
    are kept.
    """
    match type_:
        case ArrayType(element=element):
            return pa.list_(record_type(element))
        case MapType(key=key, value=value):
            return pa.map_(record_type(key), record_type(value))
        case StructType(fields=fields):
            return pa.struct([pa.field(field.name, record_type(field.type)) for field in fields])
        case CharType() | VarcharType():
            return pa.string()
        case PrimitiveType(kind=kind) if kind in _INTEGERS:
            return pa.int64()
        case PrimitiveType(kind=kind) if kind in _PAIRS:
            return PAIR
        case _:
            return arrow_type(type_)

"""Values of records: their bytes, and the bytes that a checksum is made of.

Numbers travel as varints but count with all their bytes; sizes of lists and marks of NULLs do not
count at all. A value inside a list or struct follows a mark that says whether it is NULL.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa

from odps_frames.emulator.tunnel.varints import encode_signed, encode_unsigned
from odps_frames.model.types import (
    ArrayType,
    DecimalType,
    Kind,
    MapType,
    PrimitiveType,
    StructType,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odps_frames.convert.untyped import AnyArray
    from odps_frames.model.types import DataType

__all__ = ["FIXED32", "FIXED64", "LENGTH", "VARINT", "Cell", "encode_cells", "wire_type"]

Cell: TypeAlias = tuple[bytes, bytes] | None
"""What travels and what is checked; None is NULL."""

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_LONG, _INT = struct.Struct("<q"), struct.Struct("<i")
_FLOAT, _DOUBLE = struct.Struct("<f"), struct.Struct("<d")
_NULL, _VALUE = b"\x01", b"\x00"

_NUMBERS = frozenset({Kind.TINYINT, Kind.SMALLINT, Kind.INT, Kind.BIGINT, Kind.DATE, Kind.DATETIME})
_PAIRS = frozenset({Kind.TIMESTAMP, Kind.TIMESTAMP_NTZ, Kind.INTERVAL_DAY_TIME})


def wire_type(type_: DataType) -> int:
    """Return the mark that a field of this type begins with.

    What holds several values is marked as having a length, though it begins with none.
    """
    match type_:
        case PrimitiveType(kind=kind) if kind in _NUMBERS or kind is Kind.BOOLEAN:
            return VARINT
        case PrimitiveType(kind=Kind.FLOAT):
            return FIXED32
        case PrimitiveType(kind=Kind.DOUBLE):
            return FIXED64
        case _:
            return LENGTH


def encode_cells(array: AnyArray, type_: DataType) -> list[Cell]:
    """Write the values of a column, of which times are in seconds and nanoseconds."""
    match type_:
        case ArrayType(element=element):
            start, stop = _span(array)
            return _lists(array, encode_cells(array.values.slice(start, stop - start), element))
        case MapType(key=key, value=value):
            start, stop = _span(array)
            keys = _lists(array, encode_cells(array.keys.slice(start, stop - start), key))
            items = _lists(array, encode_cells(array.items.slice(start, stop - start), value))
            return [
                None if one is None or other is None else (one[0] + other[0], one[1] + other[1])
                for one, other in zip(keys, items, strict=True)
            ]
        case StructType(fields=fields):
            children = [
                encode_cells(child, field.type)
                for child, field in zip(array.flatten(), fields, strict=True)
            ]
            valid = array.is_valid().to_pylist()
            rows = zip(*children, strict=True) if children else iter([()] * len(array))
            return [
                _joined(row) if is_there else None
                for is_there, row in zip(valid, rows, strict=True)
            ]
        case _:
            return _leaves(array, type_)


def _leaves(array: AnyArray, type_: DataType) -> list[Cell]:
    match type_:
        case PrimitiveType(kind=kind) if kind in _NUMBERS:
            numbers = array.cast(pa.int32() if kind is Kind.DATE else pa.int64())
            return [
                None if value is None else (encode_signed(value), _LONG.pack(value))
                for value in numbers.to_pylist()
            ]
        case PrimitiveType(kind=Kind.BOOLEAN):
            marks: dict[bool | None, Cell] = {
                None: None,
                True: (b"\1", b"\1"),
                False: (b"\0", b"\0"),
            }
            return [marks[value] for value in array.to_pylist()]
        case PrimitiveType(kind=Kind.FLOAT | Kind.DOUBLE as kind):
            form = _FLOAT if kind is Kind.FLOAT else _DOUBLE
            return [
                None if value is None else ((packed := form.pack(value)), packed)
                for value in array.to_pylist()
            ]
        case PrimitiveType(kind=kind) if kind in _PAIRS:
            return _pairs(array)
        case PrimitiveType(kind=Kind.BINARY):
            return [_text(value) for value in array.to_pylist()]
        case DecimalType():
            return [
                None if value is None else _text(f"{value:f}".encode())
                for value in array.to_pylist()
            ]
        case _:
            return [None if value is None else _text(value.encode()) for value in array.to_pylist()]


def _text(value: bytes | None) -> Cell:
    return None if value is None else (encode_unsigned(len(value)) + value, value)


def _pairs(array: AnyArray) -> list[Cell]:
    seconds, nanos = (child.to_pylist() for child in array.flatten())
    return [
        None
        if second is None
        else (encode_signed(second) + encode_signed(nano), _LONG.pack(second) + _INT.pack(nano))
        for second, nano in zip(seconds, nanos, strict=True)
    ]


def _span(array: AnyArray) -> tuple[int, int]:
    """Return which of its values a list array refers to."""
    return (array.offsets[0].as_py(), array.offsets[-1].as_py()) if len(array) else (0, 0)


def _lists(array: AnyArray, cells: Sequence[Cell]) -> list[Cell]:
    offsets = array.offsets.to_pylist()
    first = offsets[0] if offsets else 0
    found: list[Cell] = []
    for place, is_there in enumerate(array.is_valid().to_pylist()):
        if not is_there:
            found.append(None)
            continue
        inner = cells[offsets[place] - first : offsets[place + 1] - first]
        wire, checked = _joined(inner)
        found.append((encode_unsigned(len(inner)) + wire, checked))
    return found


def _joined(cells: Sequence[Cell]) -> tuple[bytes, bytes]:
    """Write values one after the other, each with its mark."""
    wire, checked = bytearray(), bytearray()
    for cell in cells:
        if cell is None:
            wire += _NULL
        else:
            wire += _VALUE
            wire += cell[0]
            checked += cell[1]
    return bytes(wire), bytes(checked)

"""A place in the bytes of records, and how their values are read there."""

from __future__ import annotations

import struct
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, TypeAlias

from odps_frames.emulator.refusals import malformed
from odps_frames.emulator.tunnel.varints import signed
from odps_frames.model.types import (
    ArrayType,
    DecimalType,
    Kind,
    MapType,
    PrimitiveType,
    StructType,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.model.types import DataType

__all__ = ["Cursor", "Read", "value_reader"]

_LONG, _INT = struct.Struct("<q"), struct.Struct("<i")
_FLOAT, _DOUBLE = struct.Struct("<f"), struct.Struct("<d")
_MAX_SHIFT = 63
_LONGS = range(-(1 << 63), 1 << 63)
_INTS = range(-(1 << 31), 1 << 31)


class Cursor:
    """Reads values, and remembers what their checksum is made of.

    Raises
    ------
    IndexError
        By every method, where the bytes end before the value does.
    ServiceError
        For bytes that cannot be what they should be.
    """

    __slots__ = ("at", "checked", "data")

    def __init__(self, data: bytes = b"") -> None:
        self.data = data
        self.at = 0
        self.checked = bytearray()

    def unsigned(self) -> int:
        """Read a number without a sign."""
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:  # noqa: PLR2004  the bit that says that more follow
                return value
            shift += 7
            if shift > _MAX_SHIFT:
                raise malformed("a number of a record has more than ten bytes")

    def word(self) -> int:
        """Read 32 bits; pyodps writes those above 2**31 as if they were a negative number."""
        return self.unsigned() & 0xFFFFFFFF

    def take(self, n_bytes: int) -> bytes:
        """Read so many bytes."""
        end = self.at + n_bytes
        if end > len(self.data):
            raise IndexError
        found = self.data[self.at : end]
        self.at = end
        return found

    def signed64(self) -> int:
        """Read a number with a sign, 64 bits of it."""
        value = signed(self.unsigned())
        if value not in _LONGS:
            raise malformed(f"a number of a record does not fit 64 bits: {value}")
        self.checked += _LONG.pack(value)
        return value

    def signed32(self) -> int:
        """Read a number with a sign, 32 bits of it."""
        value = signed(self.unsigned())
        if value not in _INTS:
            raise malformed(f"a number of a record does not fit 32 bits: {value}")
        self.checked += _INT.pack(value)
        return value

    def flag(self) -> bool:
        """Read a mark, which counts for no checksum."""
        value = self.unsigned()
        if value > 1:
            raise malformed(f"a mark of a record is {value}; expected 0 or 1")
        return bool(value)

    def octets(self) -> bytes:
        """Read bytes that their length stands before."""
        value = self.take(self.unsigned())
        self.checked += value
        return value


Read: TypeAlias = "Callable[[Cursor], object]"


def value_reader(type_: DataType) -> Read:
    """Return what reads a value of a type, as Python has it."""
    match type_:
        case ArrayType(element=element):
            return _list_reader(value_reader(element))
        case MapType(key=key, value=value):
            keys, values = _list_reader(value_reader(key)), _list_reader(value_reader(value))
            return lambda cursor: _pairs(keys(cursor), values(cursor))
        case StructType(fields=fields):
            members = [(field.name, value_reader(field.type)) for field in fields]
            return lambda cursor: {
                name: None if cursor.flag() else read(cursor) for name, read in members
            }
        case DecimalType():
            return _decimal
        case PrimitiveType(kind=kind) if kind in _PLAIN:
            return _PLAIN[kind]
        case _:
            return _text


def _list_reader(read: Read) -> Callable[[Cursor], list[object]]:
    def read_list(cursor: Cursor) -> list[object]:
        n_values = cursor.unsigned()
        if n_values > len(cursor.data) - cursor.at:  # every value has a mark of one byte
            raise IndexError
        return [None if cursor.flag() else read(cursor) for _ in range(n_values)]

    return read_list


def _pairs(keys: list[object], values: list[object]) -> list[tuple[object, object]]:
    if len(keys) != len(values):
        raise malformed(f"a map has {len(keys)} keys and {len(values)} values")
    return list(zip(keys, values, strict=True))


def _text(cursor: Cursor) -> str:
    value = cursor.octets()
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise malformed(f"a text of a record is not UTF-8: {error}") from None


def _decimal(cursor: Cursor) -> Decimal:
    text = _text(cursor)
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise malformed(f"not a decimal number: {text!r}") from None
    if not value.is_finite():
        raise malformed(f"not a decimal number: {text!r}")
    return value


def _boolean(cursor: Cursor) -> bool:
    value = cursor.flag()
    cursor.checked.append(value)
    return value


def _float(cursor: Cursor) -> float:
    packed = cursor.take(_FLOAT.size)
    cursor.checked += packed
    return float(_FLOAT.unpack(packed)[0])


def _double(cursor: Cursor) -> float:
    packed = cursor.take(_DOUBLE.size)
    cursor.checked += packed
    return float(_DOUBLE.unpack(packed)[0])


def _pair(cursor: Cursor) -> dict[str, object]:
    return {"sec": cursor.signed64(), "nano": cursor.signed32()}


_PLAIN: dict[Kind, Read] = {
    Kind.TINYINT: Cursor.signed64,
    Kind.SMALLINT: Cursor.signed64,
    Kind.INT: Cursor.signed64,
    Kind.BIGINT: Cursor.signed64,
    Kind.DATE: Cursor.signed64,
    Kind.DATETIME: Cursor.signed64,
    Kind.BOOLEAN: _boolean,
    Kind.FLOAT: _float,
    Kind.DOUBLE: _double,
    Kind.BINARY: Cursor.octets,
    Kind.TIMESTAMP: _pair,
    Kind.TIMESTAMP_NTZ: _pair,
    Kind.INTERVAL_DAY_TIME: _pair,
}

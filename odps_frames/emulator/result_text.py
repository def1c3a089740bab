"""Results as CSV, for readers that ask for text (protocol.md §17.7)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from odps_frames.model.types import (
    ArrayType,
    Kind,
    MapType,
    PrimitiveType,
    StructType,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from zoneinfo import ZoneInfo

    import pyarrow as pa

    from odps_frames.model.schema import Column
    from odps_frames.model.types import DataType

__all__ = ["Unspeakable", "csv_text"]

NULL = "\\N"
_UNSPEAKABLE = frozenset({Kind.BINARY, Kind.INTERVAL_DAY_TIME})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Unspeakable(Exception):
    """The rows hold what CSV cannot say."""


def csv_text(batches: Iterable[pa.RecordBatch], columns: Sequence[Column], zone: ZoneInfo) -> str:
    """Write rows, whose times come as pairs, below a row of names.

    Raises
    ------
    Unspeakable
        For bytes and intervals, and for a text that would be read as NULL.
    """
    lines = [",".join(_quoted(column.name) for column in columns)]
    for batch in batches:
        for row in batch.to_pylist(maps_as_pydicts=None):
            fields = zip(row.values(), columns, strict=True)
            lines.append(",".join(_field(value, column.type, zone) for value, column in fields))
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _field(value: object, type_: DataType, zone: ZoneInfo) -> str:
    if value is None:
        return NULL
    if isinstance(type_, PrimitiveType) and type_.kind in _UNSPEAKABLE:
        raise Unspeakable(str(type_))
    plain = _plain(value, type_, zone)
    if isinstance(plain, dict | list):
        return _quoted(json.dumps(plain, ensure_ascii=False))
    if isinstance(plain, str):
        if plain == NULL:
            raise Unspeakable(NULL)
        return _quoted(plain)
    return _number(plain)


def _number(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _plain(value: object, type_: DataType, zone: ZoneInfo) -> object:
    """Return a value as numbers, texts, lists and objects."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            return format(value, "f")
        case datetime():
            return _shown((value.replace(tzinfo=UTC) - _EPOCH) // timedelta(seconds=1), zone)
        case date():
            return value.isoformat()
        case _:
            return _inside(value, type_, zone)


def _inside(value: object, type_: DataType, zone: ZoneInfo) -> object:
    match type_, value:
        case ArrayType(element=element), list():
            return [_plain(item, element, zone) for item in value]
        case MapType(key=key, value=item), list():
            return {str(_plain(k, key, zone)): _plain(v, item, zone) for k, v in value}
        case StructType(fields=fields), dict():
            return {field.name: _plain(value[field.name], field.type, zone) for field in fields}
        case PrimitiveType(kind=Kind.TIMESTAMP | Kind.TIMESTAMP_NTZ as kind), dict():
            shown = _shown(value["sec"], zone if kind is Kind.TIMESTAMP else None)
            digits = f"{value['nano']:09d}".rstrip("0")
            return f"{shown}.{digits}" if digits else shown
        case _:
            raise Unspeakable(str(type_))


def _shown(seconds: int, zone: ZoneInfo | None) -> str:
    moment = _EPOCH + timedelta(seconds=seconds)
    try:
        shown = moment if zone is None else moment.astimezone(zone)
    except (OverflowError, ValueError):
        raise Unspeakable(str(seconds)) from None
    return f"{shown.year:04d}{shown:-%m-%d %H:%M:%S}"

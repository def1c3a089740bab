"""Constants brought into the form that their column calls for, exactly or not at all."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from odps_frames.filters.condition import Moment, Value
from odps_frames.filters.times import TimeLiteral, of_date, of_datetime, parse_time
from odps_frames.model.types import CharType, DecimalType, Kind, PrimitiveType, VarcharType

if TYPE_CHECKING:
    from odps_frames.model.schema import Column
    from odps_frames.model.types import DataType

__all__ = ["is_floating", "is_missing", "is_text", "literal_of", "number_of", "plain"]

_INTEGERS = frozenset({Kind.TINYINT, Kind.SMALLINT, Kind.INT, Kind.BIGINT})
_FLOATS = frozenset({Kind.FLOAT, Kind.DOUBLE})
_ZONED = frozenset({Kind.DATETIME, Kind.TIMESTAMP})
_ON_THE_CLOCK = frozenset({Kind.DATE, Kind.TIMESTAMP_NTZ})
_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_MAX_EXPONENT = 400
"""Beyond all that any column holds; larger ones would only cost memory."""
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def is_text(type_: DataType) -> bool:
    """Whether values of a type are compared as texts."""
    return isinstance(type_, CharType | VarcharType) or type_ == PrimitiveType(Kind.STRING)


def is_floating(type_: DataType) -> bool:
    """Whether a type has NaN and infinities."""
    return isinstance(type_, PrimitiveType) and type_.kind in _FLOATS


def is_missing(raw: object) -> bool:
    """Whether a Python value stands for NULL: None, ``pd.NA``, ``pd.NaT``."""
    return raw is None or type(raw).__name__ in {"NAType", "NaTType"}


def plain(raw: Any) -> Any:  # noqa: ANN401  any value that a user may have
    """Turn scalars of numpy and Arrow into values of Python, times into `TimeLiteral`."""
    if isinstance(raw, pa.Scalar):
        if isinstance(raw, pa.TimestampScalar) and raw.is_valid:
            return _of_arrow(raw)
        return plain(raw.as_py())
    if hasattr(raw, "dtype") and hasattr(raw, "item"):
        # Nanoseconds of a datetime64 would come as a bare number.
        return parse_time(str(raw)) if str(raw.dtype).startswith("datetime64") else raw.item()
    if is_missing(raw):
        return None
    if isinstance(raw, datetime):
        return of_datetime(raw)
    return of_date(raw) if isinstance(raw, date) else raw


def _of_arrow(scalar: pa.TimestampScalar[Any, Any]) -> TimeLiteral:
    seconds, rest = divmod(scalar.value or 0, _PER_SECOND[scalar.type.unit])
    day, second = divmod(seconds, 24 * 3600)
    wall = of_date(date.fromordinal(date(1970, 1, 1).toordinal() + day)).wall.replace(
        hour=second // 3600, minute=second // 60 % 60, second=second % 60
    )
    nanosecond = rest * (10**9 // _PER_SECOND[scalar.type.unit])
    return TimeLiteral(wall, nanosecond, UTC if scalar.type.tz is not None else None)


def literal_of(column: Column, raw: object, zone: tzinfo = UTC) -> Value:
    """Bring a constant into the form of a column.

    Times without a zone are those of ``zone`` where the column holds instants. A float stands
    for the number that it prints as, unless the column is floating too.

    Raises
    ------
    ValueError
        When the two cannot be compared exactly; it says what to write instead.
    """
    value = plain(raw)
    type_ = column.type
    if is_text(type_):
        found: Value | None = _text(value)
        if isinstance(found, str) and isinstance(type_, CharType):
            found = found.rstrip(" ")  # padding is no part of the value
    elif isinstance(type_, DecimalType):
        found = _exact(column, value)
    elif isinstance(type_, PrimitiveType):
        found = _primitive(column, type_.kind, value, zone)
    else:
        raise _never(column)
    if found is None:
        msg = (
            f"column {column.name!r} is {column.type} and cannot be compared with {_shown(raw)}; "
            f"expected {_expected(type_)}"
        )
        raise ValueError(msg)
    return found


def _shown(raw: object) -> str:
    return str(raw) if isinstance(raw, Decimal) else repr(raw)


def _primitive(column: Column, kind: Kind, value: object, zone: tzinfo) -> Value | None:
    if kind in _INTEGERS:
        return _exact(column, value)
    if kind in _FLOATS:
        return _float(column, value)
    if kind in _ZONED or kind in _ON_THE_CLOCK:
        return _moment(column, kind, value, zone)
    if kind is Kind.BOOLEAN:
        return value if isinstance(value, bool) else None
    if kind is Kind.BINARY:
        return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else None
    raise _never(column)


def _never(column: Column) -> ValueError:
    return ValueError(
        f"column {column.name!r} is {column.type}, whose values cannot be compared; "
        "only 'is null' and 'is not null' can be asked of it"
    )


def _expected(type_: DataType) -> str:
    if is_text(type_):
        return "text, which stands in quotes"
    if type_ == PrimitiveType(Kind.BOOLEAN):
        return "true or false"
    if type_ == PrimitiveType(Kind.BINARY):
        return "bytes, in SQL X'00ff'"
    times = {PrimitiveType(kind) for kind in _ZONED | _ON_THE_CLOCK}
    return "a date or time such as '2026-01-31 12:00:00'" if type_ in times else "a number"


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        msg = f"{value!r} holds half of a surrogate pair, which no column can hold"
        raise ValueError(msg) from None
    return str(value)


def _number(column: Column, value: object) -> int | float | Decimal | None:
    """Read a finite number, or an infinity; text may hold one."""
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value):
            return None
        value = number_of(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if isinstance(value, float | Decimal) and Decimal(value).is_nan():
        msg = f"column {column.name!r} cannot be compared with NaN, which is equal to nothing"
        raise ValueError(msg)
    if not isinstance(value, float) and Decimal(value).is_finite():
        if value and abs(Decimal(value).adjusted()) > _MAX_EXPONENT:
            msg = f"a number with the exponent {Decimal(value).adjusted()} fits no column"
            raise ValueError(msg)
        return value
    return float(value)


def number_of(text: str) -> int | Decimal:
    """Read a number as SQL has it: with a point or an exponent it is no whole number's literal."""
    number = Decimal(text)
    # int() itself refuses thousands of digits in words of its own.
    return int(number) if re.fullmatch(r"[+-]?\d+", text) else number


def _exact(column: Column, value: object) -> int | float | Decimal | None:
    number = _number(column, value)
    if isinstance(number, float) and math.isfinite(number):
        number = Decimal(repr(number))
    if not isinstance(number, Decimal):
        return number
    whole = int(number)
    return whole if number == whole else number


def _float(column: Column, value: object) -> int | float | None:
    number = _number(column, value)
    if number is None or isinstance(number, float):
        return number
    try:
        near = float(number)
    except OverflowError:
        near = math.inf
    if isinstance(number, int):
        # One that lies between two floats is kept.
        return near if math.isfinite(near) and int(near) == number else number
    if math.isinf(near):
        msg = f"the number {number} does not fit column {column.name!r}, which is {column.type}"
        raise ValueError(msg)
    return near


def _moment(column: Column, kind: Kind, value: object, zone: tzinfo) -> Moment | None:
    literal = parse_time(value) if isinstance(value, str) else value
    if not isinstance(literal, TimeLiteral):
        return None
    if kind in _ZONED:
        return Moment(literal.instant(zone))
    if literal.zone is not None:
        msg = (
            f"column {column.name!r} is {column.type} and knows no zones; "
            "compare it with a time without one"
        )
        raise ValueError(msg)
    return Moment(literal.clock())

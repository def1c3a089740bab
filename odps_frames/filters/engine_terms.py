"""What single questions of other engines certainly are in our terms.

A term may stand for a question only if, for every row, it is what the engine says or the engine
says unknown. Then it may stand anywhere in an expression, below NOT too: making unknown known
never makes true untrue. Whatever is not certain is `Opaque`.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from odps_frames.filters.condition import (
    Comparator,
    Comparison,
    Condition,
    Constant,
    In,
    IsNull,
    Like,
    Not,
    Opaque,
    all_of,
    any_of,
)
from odps_frames.filters.literals import is_text, literal_of
from odps_frames.model.types import CharType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odps_frames.filters.condition import Value
    from odps_frames.model.schema import Column

__all__ = ["UNKNOWN", "compared", "contained", "literal_text", "matching", "true_of"]

UNKNOWN = Constant(None)
_EXACT_WHOLE = {64: 2**53, 32: 2**24}
"""All whole numbers up to these are floats of so many bits."""


def true_of(column: Column, type_: Any) -> Condition:  # noqa: ANN401  an Arrow type
    """Whether a column of truth values is true."""
    return compared(column, type_, Comparator.EQUAL, pa.scalar(True))  # noqa: FBT003  the value


def compared(column: Column, type_: Any, comparator: Comparator, scalar: Any) -> Condition:  # noqa: ANN401  Arrow's
    """A column of an Arrow type against an Arrow scalar."""
    if not scalar.is_valid:
        return UNKNOWN
    value = _value(column, type_, scalar)
    return Opaque() if value is None else Comparison(column, comparator, value)


def contained(column: Column, type_: Any, values: Any, *, null: bool | None) -> Condition:  # noqa: ANN401  Arrow's
    """Whether a column is among the elements of an array.

    ``null`` says what the engine says of NULL: that it is among them, or not, or unknown.
    """
    if not _same_kind(type_, values.type):
        return Opaque()
    found = [_value(column, type_, scalar) for scalar in values if scalar.is_valid]
    known = tuple(value for value in found if value is not None)
    # Zeros of either sign are the same in comparisons, and may be two where sets are hashed.
    if len(known) != len(found) or (pa.types.is_floating(type_) and 0.0 in known):
        return Opaque()
    among: Condition = In(column, known) if known else _never(column)
    if null is None:
        return among
    return any_of((among, IsNull(column))) if null else all_of((among, Not(IsNull(column))))


def _never(column: Column) -> Condition:
    """False, and unknown for NULL."""
    return all_of((IsNull(column), UNKNOWN))


def matching(column: Column, pattern: str) -> Condition:
    """Whether a text has a form, in the language of LIKE."""
    return Opaque() if not _is_plain_text(column) else Like(column, pattern)


def literal_text(text: str) -> str:
    r"""Write a text as a pattern that only it has: ``%``, ``_`` and ``\`` are taken as said."""
    return "".join("\\" + letter if letter in "%_\\" else letter for letter in text)


def _is_plain_text(column: Column) -> bool:
    # Engines do not know that blanks at the end of a CHAR are padding.
    return is_text(column.type) and not isinstance(column.type, CharType)


def _value(column: Column, type_: Any, scalar: Any) -> Value | None:  # noqa: ANN401  Arrow's
    """Bring a constant to a column, where both engines compare the two exactly."""
    if isinstance(column.type, CharType) or not _comparable(type_, scalar):
        return None
    try:
        return literal_of(column, scalar)
    except ValueError:
        return None


def _comparable(type_: Any, scalar: Any) -> bool:  # noqa: ANN401  Arrow's; one line a type
    of = pa.types
    other = scalar.type
    if of.is_floating(type_):
        return _fits_float(type_, scalar)
    if of.is_signed_integer(type_):
        return bool(of.is_signed_integer(other))
    if of.is_decimal(type_):
        return bool(of.is_decimal(other) or of.is_signed_integer(other))
    if of.is_timestamp(type_) or of.is_date32(type_):
        # Both show a clock; an instant with a zone is none.
        return bool(of.is_date32(other) or (of.is_timestamp(other) and other.tz is None))
    if of.is_boolean(type_):
        return bool(of.is_boolean(other))
    return _same_kind(type_, other)


def _fits_float(type_: Any, scalar: Any) -> bool:  # noqa: ANN401  Arrow's
    """Whether a number is the same in a float type, so that nothing depends on who is cast."""
    value = scalar.as_py()
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) <= _EXACT_WHOLE.get(type_.bit_width, 0)
    if not isinstance(value, float) or math.isnan(value):
        return False
    if type_.bit_width == 64 or math.isinf(value):  # noqa: PLR2004  bits of a double
        return True
    try:
        return bool(struct.unpack("<f", struct.pack("<f", value))[0] == value)
    except OverflowError:
        return False


def _same_kind(type_: Any, other: Any) -> bool:  # noqa: ANN401  Arrow types
    if type_.equals(other):
        return True
    return any(_within(types, (type_, other)) for types in (_WHOLE, _TEXT, _BYTES))


def _within(types: tuple[Any, ...], both: Iterable[Any]) -> bool:
    return all(type_ in types for type_ in both)


_WHOLE = (pa.int8(), pa.int16(), pa.int32(), pa.int64())
_TEXT = (pa.string(), pa.large_string(), pa.string_view())
_BYTES = (pa.binary(), pa.large_binary(), pa.binary_view())

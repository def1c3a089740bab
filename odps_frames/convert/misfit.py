"""A value that does not fit: found in an array, told with its column and row."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.convert.untyped import pc
from odps_frames.errors import CastError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.convert.untyped import AnyArray, AnyType, Convert

__all__ = ["Misfit", "attempt", "blame", "require", "show"]

_LONGEST = 80


class Misfit(Exception):
    """The value at ``position`` of the array at hand cannot become what it should.

    Whoever took that array out of another one moves ``position`` to where the value came from.
    """

    def __init__(self, position: int, value: str, why: str) -> None:
        super().__init__(f"{value}: {why}")
        self.position = position
        self.value = value
        self.why = why


def show(value: AnyArray) -> str:
    """Show a value of Python or of Arrow, shortened, even one that Python cannot hold."""
    if isinstance(value, pa.Scalar):
        try:
            value = value.as_py()
        except (ValueError, OverflowError):  # a time of no calendar that Python knows
            return f"{getattr(value, 'value', 'a value')} as {value.type}"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def require(array: AnyArray, fits: AnyArray, why: str) -> None:
    """Raise for the first value whose flag is False; NULL flags are fine.

    Raises
    ------
    Misfit
        With the position of that value.
    """
    if not pc.all(fits, min_count=0).as_py():
        position = int(pc.index(fits, False).as_py())
        raise Misfit(position, show(array[position]), why)


def attempt(values: AnyArray, convert: Convert, why: str) -> AnyArray:
    """Convert all values at once; where that fails, look for the first value to blame.

    Raises
    ------
    Misfit
        With the position of that value.
    """
    try:
        return convert(values)
    except (pa.ArrowException, OverflowError, ValueError, TypeError) as error:
        position = _first_failure(values, convert)
        if position is None:  # each fits by itself, so it is their number or size
            raise Misfit(0, show(values[0]), str(error)) from error
        raise Misfit(position, show(values[position]), why or str(error)) from error


def _first_failure(values: AnyArray, convert: Convert) -> int | None:
    """Halve the range that holds the first failure; all in all, one more pass over it."""
    start, stop = 0, len(values)
    while stop - start > 1:
        middle = (start + stop) // 2
        if _fails(values[start:middle], convert):
            stop = middle
        else:
            start = middle
    return start if stop > start and _fails(values[start:stop], convert) else None


def _fails(values: object, convert: Convert) -> bool:
    try:
        convert(values)
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        return True
    return False


@contextmanager
def blame(column: str, source: AnyType, target: str, first_row: int = 0) -> Iterator[None]:
    """Turn a `Misfit` of a column into a `CastError` that names column, row, value and types."""
    try:
        yield
    except Misfit as misfit:
        raise CastError(
            f"column {column!r}, row {first_row + misfit.position} (counted from 0): "
            f"{misfit.value} of {source} does not fit {target}: {misfit.why}"
        ) from misfit.__cause__

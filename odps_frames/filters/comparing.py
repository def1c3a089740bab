"""An Arrow column against exact constants.

Whole numbers, decimals, dates and times are all counted on a grid: a column holds multiples of
its step, within bounds. A constant between two multiples, or beyond the bounds, still orders
exactly, though Arrow itself could only round it or refuse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import pyarrow as pa
import pyarrow.compute

from odps_frames.filters.condition import Comparator, Moment
from odps_frames.filters.times import DAY, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odps_frames.filters.condition import Value

__all__ = ["check_kind", "compare", "contained"]

pc: Any = pa.compute
Countable: TypeAlias = int | Decimal | float | Moment
_FUNCTIONS = {
    Comparator.EQUAL: "equal",
    Comparator.NOT_EQUAL: "not_equal",
    Comparator.LESS: "less",
    Comparator.AT_MOST: "less_equal",
    Comparator.GREATER: "greater",
    Comparator.AT_LEAST: "greater_equal",
}
_UNITS = {"s": SECOND, "ms": SECOND // 10**3, "us": SECOND // 10**6, "ns": 1}
_INT32 = (-(2**31), 2**31 - 1)
_INT64 = (-(2**63), 2**63 - 1)


def compare(array: Any, comparator: Comparator, value: Value) -> Any:  # noqa: ANN401  arrays of any type
    """Return the truth values of comparing each element with a constant; NULL gives unknown."""
    grid = _grid_of(array.type)
    if grid is not None and _is_countable(value):
        return _on_grid(array, grid, comparator, value)
    if pa.types.is_floating(array.type) and isinstance(value, int | float):
        array = array.cast(pa.float64())
        if isinstance(value, int):
            return _between_floats(array, comparator, value)
        return _call(array, comparator, pa.scalar(value, pa.float64()))
    check_kind(array, value)
    return _call(array, comparator, pa.scalar(value, array.type))


def contained(array: Any, values: tuple[Value, ...]) -> Any:  # noqa: ANN401  arrays of any type
    """Return whether each element is among some constants; NULL gives unknown."""
    grid = _grid_of(array.type)
    countable = [value for value in values if _is_countable(value)]
    if grid is not None and len(countable) == len(values):
        places = [grid.place(value) for value in countable]
        found = grid.array([int(p) for p in places if p.denominator == 1 and grid.holds(p)])
    elif pa.types.is_floating(array.type) and all(isinstance(v, int | float) for v in values):
        # Adding zero makes the two zeros one, which hashing tells apart and comparing does not.
        array = pc.add(array.cast(pa.float64()), 0.0)
        found = pa.array([v + 0.0 for v in values if isinstance(v, float)], pa.float64())
    else:
        for value in values:
            check_kind(array, value)
        found = pa.array(values, array.type)
    return pc.if_else(pc.is_valid(array), pc.is_in(array, value_set=found), _UNKNOWN)


_UNKNOWN = pa.scalar(None, pa.bool_())


def _call(array: Any, comparator: Comparator, scalar: Any) -> Any:  # noqa: ANN401  arrays of any type
    return pc.call_function(_FUNCTIONS[comparator], [array, scalar])


def _always(array: Any, *, value: bool) -> Any:  # noqa: ANN401  arrays of any type
    return pc.if_else(pc.is_valid(array), pa.scalar(value), _UNKNOWN)


def _is_countable(value: Value) -> TypeGuard[Countable]:
    return isinstance(value, Countable) and not isinstance(value, bool)


def check_kind(array: Any, value: Value) -> None:  # noqa: ANN401  arrays of any type
    """Refuse a column whose elements are not of the kind of a text, truth value or bytes."""
    found = array.type
    fits = (
        (isinstance(value, bool) and pa.types.is_boolean(found))
        or (
            isinstance(value, str)
            and (pa.types.is_string(found) or pa.types.is_large_string(found))
        )
        or (
            isinstance(value, bytes)
            and (pa.types.is_binary(found) or pa.types.is_large_binary(found))
        )
    )
    if not fits:
        msg = f"a column of {found} came where the condition compares with {value!r}"
        raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class _Grid:
    """The values that a type holds: all multiples of a step within bounds."""

    type: Any
    step: Fraction
    bounds: tuple[int, int]

    def place(self, value: Countable) -> Fraction:
        """Count the steps to a constant; infinity is put beyond the bounds."""
        if isinstance(value, Moment):
            return value.nanoseconds / self.step
        if isinstance(value, float):
            return Fraction(2 * self.bounds[1] if value > 0 else -2 * self.bounds[1])
        return Fraction(value) / self.step

    def holds(self, place: Fraction) -> bool:
        return self.bounds[0] <= place <= self.bounds[1]

    def array(self, places: Iterable[int]) -> Any:  # noqa: ANN401  an array of any type
        """Make the elements that stand so many steps from zero."""
        if pa.types.is_decimal(self.type):
            scale = self.type.scale
            return pa.array([_decimal(place, scale) for place in places], self.type)
        whole = pa.int32() if pa.types.is_date32(self.type) else pa.int64()
        return pa.array(list(places), whole).cast(self.type)


def _decimal(place: int, scale: int) -> Decimal:
    # Arithmetic would round to the digits of the context.
    return Decimal((int(place < 0), tuple(map(int, str(abs(place)))), -scale))


def _grid_of(type_: Any) -> _Grid | None:  # noqa: ANN401  an Arrow type
    if pa.types.is_signed_integer(type_):
        half = 2 ** (type_.bit_width - 1)
        return _Grid(type_, Fraction(1), (-half, half - 1))
    if pa.types.is_decimal(type_):
        most = 10**type_.precision - 1
        return _Grid(type_, Fraction(1, 10**type_.scale), (-most, most))
    if pa.types.is_date32(type_):
        return _Grid(type_, Fraction(DAY), _INT32)
    if pa.types.is_timestamp(type_):
        return _Grid(type_, Fraction(_UNITS[type_.unit]), _INT64)
    return None


def _on_grid(array: Any, grid: _Grid, comparator: Comparator, value: Countable) -> Any:  # noqa: ANN401  arrays of any type
    place = grid.place(value)
    low, high = math.floor(place), math.ceil(place)
    if not comparator.orders and (low != high or not grid.holds(place)):
        return _always(array, value=comparator is Comparator.NOT_EQUAL)
    # Below 1.5 is below 2, and at most 1.5 is at most 1.
    limit = high if comparator in {Comparator.LESS, Comparator.AT_LEAST} else low
    if not grid.holds(Fraction(limit)):
        below = comparator in {Comparator.LESS, Comparator.AT_MOST}
        return _always(array, value=below == (limit > 0))
    return _call(array, comparator, grid.array([limit])[0])


def _between_floats(array: Any, comparator: Comparator, value: int) -> Any:  # noqa: ANN401  arrays of any type
    low, high = _neighbours(value)
    match comparator:
        case Comparator.EQUAL | Comparator.NOT_EQUAL:
            return _always(array, value=comparator is Comparator.NOT_EQUAL)
        case Comparator.LESS | Comparator.AT_MOST:
            return _call(array, Comparator.LESS, pa.scalar(high))
        case Comparator.GREATER | Comparator.AT_LEAST:
            return _call(array, Comparator.GREATER, pa.scalar(low))


def _neighbours(value: int) -> tuple[float, float]:
    """Return the floats around a whole number that is none itself."""
    try:
        near = float(value)
    except OverflowError:
        near = math.inf if value > 0 else -math.inf
    if near < value:
        return near, math.nextafter(near, math.inf)
    return math.nextafter(near, -math.inf), near

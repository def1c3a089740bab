from __future__ import annotations

import decimal
import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from odps_frames.errors import CastError, SchemaMismatch

if TYPE_CHECKING:
    from collections.abc import Callable

    Fit = Callable[..., Any]

BITS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}
SIGNED = {bits: getattr(pa, f"int{bits}")() for bits in (8, 16, 32, 64)}
UNSIGNED = {bits: getattr(pa, f"uint{bits}")() for bits in (8, 16, 32, 64)}
CONTEXT = decimal.Context(prec=200)


@pytest.mark.parametrize("target", BITS)
@given(st.data())
def test_whole_numbers_fit_by_their_value_whatever_their_width(
    target: str, fit_one: Fit, data: st.DataObject
) -> None:
    bits = data.draw(st.sampled_from(list(SIGNED)))
    signed = data.draw(st.booleans())
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    value = data.draw(st.integers(low, high) | st.sampled_from([low, high]))
    array = pa.array([None, value], (SIGNED if signed else UNSIGNED)[bits])
    limit = 2 ** (BITS[target] - 1)
    if -limit <= value < limit:
        found = fit_one(target, array)
        assert found.type == SIGNED[BITS[target]]
        assert found.to_pylist() == [None, value]
    else:
        with pytest.raises(CastError, match=rf"row 101 .*{value} of {array.type} .* {target}: "):
            fit_one(target, array)


@given(st.sampled_from(list(BITS)), st.floats())
@example("bigint", 2.0**63)
@example("bigint", -(2.0**63))
@example("bigint", math.nan)
@example("int", math.inf)
@example("tinyint", -0.0)
@example("tinyint", 0.5)
def test_floats_become_whole_numbers_only_when_they_are(
    fit_one: Fit, target: str, value: float
) -> None:
    array = pa.array([value], pa.float64(), from_pandas=False)
    limit = 2 ** (BITS[target] - 1)
    if math.isfinite(value) and value == int(value) and -limit <= int(value) < limit:
        assert fit_one(target, array).to_pylist() == [int(value)]
    else:
        with pytest.raises(CastError, match="row 100"):
            fit_one(target, array)


@given(st.sampled_from(["float", "double"]), st.booleans(), st.data())
def test_whole_numbers_become_floats_only_exactly(
    fit_one: Fit,
    target: str,
    signed: bool,  # noqa: FBT001  drawn
    data: st.DataObject,
) -> None:
    low, high = (-(2**63), 2**63 - 1) if signed else (0, 2**64 - 1)
    power = st.builds(lambda n: 2**n, st.integers(0, 64))
    near = st.builds(lambda n, d: n + d, power, st.integers(-1, 1)).filter(lambda n: n <= high)
    value = data.draw(st.integers(low, high) | near)
    array = pa.array([value, None], pa.int64() if signed else pa.uint64())
    type_ = pa.float32() if target == "float" else pa.float64()
    as_float = pa.scalar(float(value), type_).as_py()
    if int(as_float) == value:
        found = fit_one(target, array)
        assert found.type == type_
        assert found.to_pylist() == [as_float, None]
    else:
        with pytest.raises(CastError, match="cannot hold it exactly"):
            fit_one(target, array)


@given(st.floats(allow_nan=False), st.floats(width=32, allow_nan=False))
@example(1e300, 0.5)
@example(0.1, 0.5)
def test_a_double_becomes_a_float_only_exactly(fit_one: Fit, wide: float, narrow: float) -> None:
    assert fit_one("float", pa.array([narrow, None])).to_pylist() == [narrow, None]
    if pa.scalar(wide, pa.float32()).as_py() != wide:
        with pytest.raises(CastError, match=r"row 101 .*astype\('float32'\)"):
            fit_one("float", pa.array([narrow, wide]))


def test_nan_stays_nan(fit_one: Fit) -> None:
    for source, target in (
        (pa.float64(), "float"),
        (pa.float32(), "double"),
        (pa.float64(), "double"),
    ):
        found = fit_one(target, pa.array([math.nan, None, math.inf], source))
        assert found.null_count == 1
        assert math.isnan(found[0].as_py())


@given(
    st.sampled_from([(38, 0), (38, 18), (38, 38), (10, 2), (1, 1), (54, 18)]),
    st.sampled_from([(38, 0), (38, 18), (38, 38), (10, 2), (54, 18), (76, 38)]),
    st.data(),
)
def test_decimals_fit_by_their_value_whatever_their_digits(
    fit_one: Fit, target: tuple[int, int], source: tuple[int, int], data: st.DataObject
) -> None:
    most = 10 ** source[0] - 1
    digits = data.draw(
        st.integers(-most, most)
        | st.sampled_from([most, -most, 0, 10 ** source[1] if source[1] < source[0] else 0])
    )
    value = Decimal(digits).scaleb(-source[1], context=CONTEXT)
    make: Any = pa.decimal128 if source[0] <= 38 else pa.decimal256
    array = pa.array([None, value], make(*source))
    scaled = value.scaleb(target[1], context=CONTEXT)
    text = f"decimal({target[0]},{target[1]})"
    if scaled == CONTEXT.to_integral_value(scaled) and CONTEXT.abs(scaled) < 10 ** target[0]:
        found = fit_one(text, array)
        assert (found.type.precision, found.type.scale) == target
        assert found.to_pylist() == [None, value]
    else:
        with pytest.raises(CastError, match=r"row 101 .*digits before the point"):
            fit_one(text, array)


@given(st.integers(-(2**63), 2**64 - 1), st.sampled_from([(38, 18), (38, 38), (5, 2), (20, 0)]))
def test_whole_numbers_become_decimals(fit_one: Fit, value: int, target: tuple[int, int]) -> None:
    precision, scale = target
    array = pa.array([value], pa.uint64() if value >= 2**63 else pa.int64())
    text = f"decimal({precision},{scale})"
    if abs(value) < 10 ** (precision - scale):
        assert fit_one(text, array).to_pylist() == [Decimal(value)]
    else:
        with pytest.raises(CastError, match="row 100"):
            fit_one(text, array)


@given(st.floats(allow_nan=False), st.sampled_from([(38, 18), (10, 2), (38, 0), (54, 18)]))
@example(0.1, (38, 18))
@example(19.99, (10, 2))
@example(0.125, (10, 2))
@example(1e22, (38, 0))
@example(5e-324, (38, 18))
@example(5.291943943215838e-233, (38, 18))
@example(1e-18, (38, 18))
@example(math.inf, (10, 2))
def test_a_float_becomes_the_decimal_that_it_prints_as(
    fit_one: Fit, value: float, target: tuple[int, int]
) -> None:
    precision, scale = target
    text = f"decimal({precision},{scale})"
    printed = Decimal(repr(value))
    scaled = printed.scaleb(scale, context=CONTEXT)
    if (
        math.isfinite(value)
        and scaled == CONTEXT.to_integral_value(scaled)
        and CONTEXT.abs(scaled) < 10**precision
    ):
        assert fit_one(text, pa.array([value])).to_pylist() == [printed]
    else:
        with pytest.raises(CastError, match="row 100"):
            fit_one(text, pa.array([value]))


def test_a_nan_is_no_decimal_and_no_whole_number(fit_one: Fit) -> None:
    for target in ("decimal(10,2)", "bigint"):
        with pytest.raises(CastError, match="nan of double"):
            fit_one(target, pa.array([1.0, math.nan]))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-999, max_value=999))
def test_decimals_become_whole_numbers_only_when_they_are(fit_one: Fit, value: Decimal) -> None:
    array = pa.array([value], pa.decimal128(10, 2))
    if value == int(value) and -128 <= value < 128:
        assert fit_one("tinyint", array).to_pylist() == [int(value)]
    else:
        with pytest.raises(CastError, match="row 100"):
            fit_one("tinyint", array)


@pytest.mark.parametrize(
    ("target", "array"),
    [
        ("int", pa.array([True])),
        ("double", pa.array([True])),
        ("double", pa.array([Decimal(1)])),
        ("decimal(5,2)", pa.array([True])),
        ("boolean", pa.array([1])),
        ("int", pa.array([[1]])),
        ("int", pa.array([0], pa.timestamp("s"))),
    ],
)
def test_what_is_no_number_never_fits(fit_one: Fit, target: str, array: Any) -> None:
    with pytest.raises(SchemaMismatch, match="never fits"):
        fit_one(target, array)


@given(st.lists(st.none() | st.floats(width=16)))
def test_half_floats_are_widened(fit_one: Fit, values: list[float | None]) -> None:
    assume(not any(value is not None and math.isnan(value) for value in values))
    array = pa.array(values, pa.float16())
    for target in ("float", "double"):
        assert fit_one(target, array).to_pylist() == values

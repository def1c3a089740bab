from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.convert.misfit import Misfit, attempt, blame, require, show
from odps_frames.errors import CastError


@given(st.lists(st.booleans(), max_size=70))
def test_the_first_value_that_fails_is_found_by_halving(good: list[bool]) -> None:
    values = pa.array([1 if fits else 1000 for fits in good], pa.int64())
    if all(good):
        assert attempt(values, lambda some: some.cast(pa.int8()), "").to_pylist() == [1] * len(good)
        return
    with pytest.raises(Misfit) as caught:
        attempt(values, lambda some: some.cast(pa.int8()), "too big")
    assert caught.value.position == good.index(False)
    assert (caught.value.value, caught.value.why) == ("1000", "too big")


def test_what_fails_only_as_a_whole_is_said_as_it_was_raised() -> None:
    def convert(some: Any) -> Any:
        if len(some) > 1:
            raise OverflowError("too many")
        return some

    with pytest.raises(Misfit, match="too many"):
        attempt(pa.array([1, 2, 3]), convert, "")


def test_require_takes_null_flags_for_fine() -> None:
    values = pa.array([1, 2, 3])
    require(values, pa.array([True, None, True]), "")
    require(values[:0], pa.array([], pa.bool_()), "")
    with pytest.raises(Misfit) as caught:
        require(values, pa.array([None, False, False]), "no")
    assert caught.value.position == 1


def test_blame_names_column_row_value_and_types() -> None:
    message = r"column 'x', row 12 \(counted from 0\): 5 of int64 does not fit tinyint: because"
    with pytest.raises(CastError, match=message), blame("x", pa.int64(), "tinyint", 10):
        raise Misfit(2, "5", "because")


def test_values_are_shown_short_and_even_where_python_has_none() -> None:
    assert len(show("a" * 1000)) < 100
    assert show(pa.scalar(10**15, pa.timestamp("s"))) == "1000000000000000 as timestamp[s]"
    assert show(pa.scalar(b"x")) == "b'x'"

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.convert.misfit import Misfit
from odps_frames.convert.nested import (
    is_entries,
    is_list,
    rebuild_list,
    rebuild_map,
    rebuild_struct,
)

LISTS = st.lists(st.none() | st.lists(st.none() | st.integers(-5, 5), max_size=3), max_size=6)
LAYOUTS = [
    pa.list_(pa.int64()),
    pa.large_list(pa.int64()),
    pa.list_view(pa.int64()),
    pa.large_list_view(pa.int64()),
]
NARROW = pa.list_(pa.field("element", pa.int8()))


def narrow(array: Any) -> Any:
    return array.cast(pa.int8())


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@given(LISTS, st.integers(0, 4))
def test_lists_of_every_layout_are_rebuilt(
    layout: pa.DataType, lists: list[list[int | None] | None], start: int
) -> None:
    found = rebuild_list(pa.array(lists, layout).slice(start), narrow, NARROW)
    found.validate(full=True)
    assert found.type == NARROW
    assert found.to_pylist() == lists[start:]
    assert is_list(layout)


@given(st.lists(st.none() | st.lists(st.integers(-5, 5), min_size=2, max_size=2), max_size=6))
def test_lists_of_fixed_size_are_rebuilt(lists: list[list[int] | None]) -> None:
    found = rebuild_list(pa.array(lists, pa.list_(pa.int64(), 2)), narrow, NARROW)
    found.validate(full=True)
    assert found.to_pylist() == lists


@given(LISTS, st.integers(0, 4), st.booleans())
def test_maps_are_rebuilt_from_maps_and_from_lists_of_entries(
    lists: list[list[int | None] | None],
    start: int,
    as_list: bool,  # noqa: FBT001  drawn
) -> None:
    rows = [None if one is None else [(i, e) for i, e in enumerate(one)] for one in lists]
    if as_list:
        entry = pa.struct([("key", pa.int64()), ("value", pa.int64())])
        entries = [
            None if one is None else [{"key": k, "value": v} for k, v in one] for one in rows
        ]
        sent: Any = pa.array(entries, pa.list_(entry))
        assert is_entries(sent.type)
    else:
        sent = pa.array(rows, pa.map_(pa.int64(), pa.int64()))
        assert not is_entries(sent.type)
    target = pa.map_(pa.int8(), pa.int8())
    found = rebuild_map(sent.slice(start), narrow, narrow, target)
    found.validate(full=True)
    assert found.type == target
    assert found.to_pylist() == rows[start:]


@given(st.lists(st.none() | st.tuples(st.none() | st.integers(-5, 5), st.booleans())))
def test_structs_are_rebuilt_in_another_order(rows: list[tuple[int | None, bool] | None]) -> None:
    sent = [None if row is None else {"a": row[0], "b": row[1]} for row in rows]
    array = pa.array(sent, pa.struct([("a", pa.int64()), ("b", pa.bool_())]))
    target = pa.struct([("b", pa.bool_()), ("A", pa.int8())])
    found = rebuild_struct(array.slice(1), [(1, lambda some: some), (0, narrow)], target)
    found.validate(full=True)
    assert found.to_pylist() == [
        None if row is None else {"b": row[1], "A": row[0]} for row in rows[1:]
    ]


def test_children_that_are_all_null_are_not_cut_short() -> None:
    lists = pa.ListArray.from_arrays(pa.array([0, 2], pa.int32()), pa.nulls(2))
    parts: list[Any] = [pa.array([0, 1], pa.int32()), pa.array([5]), lists]
    maps = pa.MapArray.from_arrays(*parts)
    target = pa.map_(pa.int8(), pa.list_(pa.int8()))

    def inner(array: Any) -> Any:
        return rebuild_list(array, lambda some: pa.nulls(len(some), pa.int8()), target.item_type)

    found = rebuild_map(maps, narrow, inner, target)
    found.validate(full=True)
    assert found.to_pylist() == [[(5, [None, None])]]


def test_what_lies_under_a_null_is_not_converted() -> None:
    values = pa.array([1, 1000, 2])
    lists = pa.ListArray.from_arrays(
        pa.array([0, 1, 2, 3], pa.int32()), values, mask=pa.array([False, True, False])
    )
    assert rebuild_list(lists, narrow, NARROW).to_pylist() == [[1], None, [2]]
    parts: list[Any] = [pa.array([0, 1, 2, 3], pa.int32()), values, values]
    maps = pa.MapArray.from_arrays(*parts, mask=pa.array([False, True, False]))
    target = pa.map_(pa.int8(), pa.int8())
    assert rebuild_map(maps, narrow, narrow, target).to_pylist() == [[(1, 1)], None, [(2, 2)]]
    structs = pa.StructArray.from_arrays(
        [values], fields=[pa.field("a", pa.int64())], mask=pa.array([False, True, False])
    )
    found = rebuild_struct(structs, [(0, narrow)], pa.struct([("a", pa.int8())]))
    assert found.to_pylist() == [{"a": 1}, None, {"a": 2}]


def test_a_misfit_moves_to_the_list_that_holds_it() -> None:
    lists = pa.array([[0], None, [], [0, 0], [0, 0]])

    def fail(_: Any) -> Any:
        raise Misfit(2, "0", "no")

    for sent, row in ((lists, 3), (lists.slice(1), 3)):
        with pytest.raises(Misfit) as caught:
            rebuild_list(sent, fail, NARROW)
        assert caught.value.position == row

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.convert.arrow import arrow_type
from odps_frames.convert.blobs import blob_leaves, has_blobs, with_leaves
from odps_frames.model.blob import blob_paths
from odps_frames.model.types import (
    ArrayType,
    DataType,
    Field,
    Kind,
    MapType,
    PrimitiveType,
    StructType,
    parse_type,
)

BLOB, BIGINT = PrimitiveType(Kind.BLOB), PrimitiveType(Kind.BIGINT)


def nested(inner: st.SearchStrategy[DataType]) -> st.SearchStrategy[DataType]:
    members = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        inner.map(ArrayType),
        st.builds(MapType, st.sampled_from([BLOB, BIGINT]), inner),
        members.map(
            lambda types: StructType(tuple(Field(f"f{i}", t) for i, t in enumerate(types)))
        ),
    )


TYPES = st.recursive(st.sampled_from([BLOB, BIGINT]), nested, max_leaves=5)


def values(type_: DataType, *, null: bool = True) -> st.SearchStrategy[Any]:
    made: st.SearchStrategy[Any]
    match type_:
        case ArrayType(element):
            made = st.lists(values(element), max_size=3)
        case MapType(key, value):
            made = st.lists(st.tuples(values(key, null=False), values(value)), max_size=3)
        case StructType(fields):
            made = st.fixed_dictionaries({f.name: values(f.type) for f in fields})
        case PrimitiveType(Kind.BLOB):
            made = st.binary(max_size=3)
        case _:
            made = st.integers(0, 9)
    return st.none() | made if null else made


@st.composite
def columns(draw: st.DrawFn) -> tuple[DataType, pa.Array[Any], list[Any]]:
    """Draw an array that may be a slice, and what it holds."""
    type_ = draw(TYPES)
    rows = draw(st.lists(values(type_), max_size=6))
    start = draw(st.integers(0, len(rows)))
    stop = draw(st.integers(start, len(rows)))
    whole: pa.Array[Any] = pa.array(rows, arrow_type(type_))
    return type_, whole.slice(start, stop - start), rows[start:stop]


def replaced(value: Any, type_: DataType) -> Any:
    """What should come of a value, cell by cell."""
    if value is None:
        return None
    match type_:
        case ArrayType(element):
            return [replaced(one, element) for one in value]
        case MapType(key, item):
            return [(replaced(k, key), replaced(v, item)) for k, v in value]
        case StructType(fields):
            return {f.name: replaced(value[f.name], f.type) for f in fields}
        case PrimitiveType(Kind.BLOB):
            return value.hex()
        case _:
            return value


def cells(value: Any, type_: DataType) -> list[bytes]:
    """The blobs in a value, in no order."""
    if value is None:
        return []
    match type_:
        case ArrayType(element):
            return [blob for one in value for blob in cells(one, element)]
        case MapType(key, item):
            return [blob for k, v in value for blob in (*cells(k, key), *cells(v, item))]
        case StructType(fields):
            return [blob for f in fields for blob in cells(value[f.name], f.type)]
        case PrimitiveType(Kind.BLOB):
            return [value]
        case _:
            return []


@given(columns())
def test_blobs_are_exchanged_at_any_depth(
    column: tuple[DataType, pa.Array[Any], list[Any]],
) -> None:
    type_, array, rows = column
    leaves = blob_leaves(array, "c", type_)
    assert [leaf.path for leaf in leaves] == list(blob_paths("c", type_))
    for leaf in leaves:
        assert len(leaf.values) == len(leaf.rows)
    texts = (
        pa.array([None if b is None else b.hex() for b in leaf.values.to_pylist()], pa.string())
        for leaf in leaves
    )
    found = with_leaves(array, type_, texts)
    found.validate(full=True)
    assert found.to_pylist() == [replaced(row, type_) for row in rows]
    same = with_leaves(array, type_, (leaf.values for leaf in leaves))
    assert same.to_pylist() == rows


@given(columns())
def test_every_blob_knows_its_row(column: tuple[DataType, pa.Array[Any], list[Any]]) -> None:
    type_, array, rows = column
    found: list[list[bytes]] = [[] for _ in rows]
    for leaf in blob_leaves(array, "c", type_):
        for row, blob in zip(leaf.rows, leaf.values.to_pylist(), strict=True):
            if blob is not None:
                found[row].append(blob)
    assert list(map(sorted, found)) == [sorted(cells(row, type_)) for row in rows]


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("blob", True),
        ("binary", False),
        ("array<map<string,struct<a:blob>>>", True),
        ("map<string,array<binary>>", False),
    ],
)
def test_types_with_blobs(text: str, *, has: bool) -> None:
    assert has_blobs(parse_type(text)) is has


def test_what_lies_under_a_null_is_no_blob() -> None:
    hidden = pa.ListArray.from_arrays(
        pa.array([0, 1, 3], pa.int32()), pa.array([b"a", b"b", b"c"]), mask=pa.array([False, True])
    )
    (leaf,) = blob_leaves(hidden, "c", ArrayType(BLOB))
    assert leaf.values.to_pylist() == [b"a"]
    assert leaf.rows.tolist() == [0]
    made = with_leaves(hidden, ArrayType(BLOB), iter([pa.array([b"x"])]))
    assert made.to_pylist() == [[b"x"], None]

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from odps_frames.convert.untyped import pc
from odps_frames.errors import CastError, SchemaMismatch

if TYPE_CHECKING:
    from collections.abc import Callable

    Fit = Callable[..., Any]

TEXT = ["string", "json", "char(3)", "varchar(3)"]


@pytest.mark.parametrize("target", TEXT)
@pytest.mark.parametrize(
    "source",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.dictionary(pa.int8(), pa.string()),
        pa.dictionary(pa.int32(), pa.large_string()),
        pa.run_end_encoded(pa.int32(), pa.string()),
    ],
    ids=str,
)
def test_text_of_every_layout(fit_one: Fit, target: str, source: Any) -> None:
    values = ["日本語", None, "", "abc", "abc"]
    plain = pa.array(values)
    if pa.types.is_run_end_encoded(source):
        array: Any = pc.run_end_encode(plain)
    else:
        array = plain.cast(source)
    found = fit_one(target, array)
    assert found.type == pa.string()
    assert found.to_pylist() == values
    assert fit_one(target, array.slice(2)).to_pylist() == values[2:]


@pytest.mark.parametrize("target", ["char(3)", "varchar(3)"])
def test_length_is_counted_in_characters(fit_one: Fit, target: str) -> None:
    with pytest.raises(CastError, match=r"row 101 .*'日本語語' .*more than 3 characters"):
        fit_one(target, pa.array(["日本語", "日本語語"]))


@pytest.mark.parametrize("target", ["binary", "blob"])
@pytest.mark.parametrize(
    "source", [pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(2)], ids=str
)
def test_bytes_of_every_layout(fit_one: Fit, target: str, source: Any) -> None:
    values = [b"\x00\xff", None, b"ab"]
    found = fit_one(target, pa.array(values, pa.binary(2)).cast(source))
    # A blob is uploaded from where it lies; what travels in its place is its reference.
    stays = target == "blob" and source in (pa.large_binary(), pa.binary_view())
    assert found.type == (pa.large_binary() if stays else pa.binary())
    assert found.to_pylist() == values


def test_bytes_and_text_are_told_apart(fit_one: Fit) -> None:
    with pytest.raises(SchemaMismatch, match="decode"):
        fit_one("string", pa.array([b"a"]))
    with pytest.raises(CastError, match="encode"):
        fit_one("binary", pa.array(["a"]))


@pytest.mark.parametrize(
    "target",
    [
        "int",
        "double",
        "boolean",
        "decimal(5,2)",
        "date",
        "timestamp",
        "interval_day_time",
        "binary",
        "array<int>",
        "map<string,int>",
        "struct<a:int>",
        "vector(float,2)",
    ],
)
def test_text_is_never_parsed_but_may_be_null_throughout(fit_one: Fit, target: str) -> None:
    nulls = fit_one(target, pa.array([None, None], pa.large_string()))
    assert nulls.to_pylist() == [None, None]
    assert fit_one(target, pa.nulls(2)).equals(nulls)
    with pytest.raises(CastError, match=r"row 101 .*'1' of string .*text is not parsed"):
        fit_one(target, pa.array([None, "1"]))


def test_times_of_day_may_be_text(fit_one: Fit) -> None:
    assert fit_one("string", pa.array([5, None], pa.time64("us"))).to_pylist() == [
        "00:00:00.000005",
        None,
    ]


def test_extension_types_count_as_what_they_store(fit_one: Fit) -> None:
    array = pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}", None]))
    assert fit_one("json", array).to_pylist() == ["{}", None]


def test_other_extension_types_are_refused_with_what_they_store(fit_one: Fit) -> None:
    array = pa.ExtensionArray.from_storage(pa.opaque(pa.int64(), "point", "maps"), pa.array([1]))
    with pytest.raises(SchemaMismatch, match=r"x .*opaque.* cast it to what it stores, int64"):
        fit_one("bigint", array)


@pytest.mark.parametrize(
    ("target", "values", "type_"),
    [
        ("string", ["b", None, "a", "b"], pa.string_view()),
        ("binary", [b"x", None], pa.binary_view()),
    ],
)
def test_dictionaries_of_views_are_decoded(
    fit_one: Fit, target: str, values: list[Any], type_: Any
) -> None:
    plain = pa.array(values).dictionary_encode()
    array = pa.DictionaryArray.from_arrays(plain.indices, plain.dictionary.cast(type_))
    assert fit_one(target, array).to_pylist() == values
    assert fit_one(target, array.slice(1)).to_pylist() == values[1:]
    lists = pa.ListArray.from_arrays([0, 1, len(values)], array)
    assert fit_one(f"array<{target}>", lists).to_pylist() == [values[:1], values[1:]]


@pytest.mark.parametrize(
    ("target", "array"),
    [("json", pa.array([{"a": 1}])), ("json", pa.array([True])), ("string", pa.array([[1]]))],
)
def test_json_is_to_be_dumped_not_printed(fit_one: Fit, target: str, array: Any) -> None:
    with pytest.raises(SchemaMismatch, match=r"with json\.dumps of each value"):
        fit_one(target, array)


MAPS = pa.list_(pa.struct([("a", pa.map_(pa.int64(), pa.int64()))]))


@pytest.mark.parametrize(
    ("target", "array"),
    [
        ("array<tinyint>", pa.array([[1, None], None, []], pa.large_list(pa.int64()))),
        ("vector(float,2)", pa.array([[1.0, 2.0], None], pa.list_(pa.float64(), 2))),
        (
            "map<string,decimal(5,2)>",
            pa.array([[("a", 1)], None], pa.map_(pa.string_view(), pa.int8())),
        ),
        ("array<struct<a:map<int,int>>>", pa.array([[{"a": [(1, 2)]}, None], None], MAPS)),
        ("array<int>", pa.array([[None], []])),
        ("array<int>", pa.array([[None], []], pa.list_(pa.string()))),
    ],
)
def test_nested_values_are_cast_member_by_member(fit_one: Fit, target: str, array: Any) -> None:
    assert fit_one(target, array).to_pylist() == array.to_pylist()


def test_lists_of_key_and_value_become_maps(fit_one: Fit) -> None:
    array = pa.array([[{"key": "a", "value": 1}], None])
    assert fit_one("map<string,int>", array).to_pylist() == [[("a", 1)], None]


def test_members_of_structs_are_found_by_name(fit_one: Fit) -> None:
    array = pa.array([{"A": ["x"], "B": 1}, None])
    found = fit_one("struct<b:int,a:array<char(1)>>", array)
    assert found.to_pylist() == [{"b": 1, "a": ["x"]}, None]
    assert list(found[0].as_py()) == ["b", "a"]


@pytest.mark.parametrize(
    ("target", "array"),
    [
        ("array<tinyint>", pa.array([[1], [2, 300]])),
        ("vector(float,2)", pa.array([[1.0, 2.0], [1.0]])),
        (
            "map<string,tinyint>",
            pa.array([[("a", 1)], [("a", 300)]], pa.map_(pa.string(), pa.int64())),
        ),
        ("map<tinyint,int>", pa.array([[(1, 1)], [(300, 1)]], pa.map_(pa.int64(), pa.int64()))),
        ("map<string,int>", pa.array([[{"key": "a", "value": 1}], [{"key": None, "value": 1}]])),
        ("struct<a:tinyint>", pa.array([{"a": 1}, {"a": 300}])),
        ("array<struct<a:char(1)>>", pa.array([[{"a": "x"}, None], [{"a": "xy"}]])),
        ("array<int>", pa.array([[None], ["1"]])),
    ],
)
def test_the_row_of_a_nested_value_is_named(fit_one: Fit, target: str, array: Any) -> None:
    with pytest.raises(CastError, match=r"column 'x', row 101 "):
        fit_one(target, array)
    with pytest.raises(CastError, match=r"column 'x', row 100 "):
        fit_one(target, array.slice(1))


@pytest.mark.parametrize(
    ("target", "array"),
    [
        ("array<int>", pa.array([1])),
        ("array<int>", pa.array([{"a": 1}])),
        ("array<int>", pa.array([[True]])),
        ("vector(float,2)", pa.array([1.0])),
        ("map<string,int>", pa.array([{"a": 1}])),
        ("struct<a:int>", pa.array([{"b": 1}])),
        ("struct<a:int>", pa.array([{"a": 1, "b": 1}])),
        ("struct<a:int,b:int>", pa.array([{"a": 1}])),
        ("struct<a:int>", pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64()))),
        ("geography", pa.array(["x"])),
        ("variant", pa.nulls(1)),
        ("interval_year_month", pa.array([1])),
    ],
)
def test_another_shape_never_fits(fit_one: Fit, target: str, array: Any) -> None:
    with pytest.raises(SchemaMismatch, match="never fits"):
        fit_one(target, array)


@pytest.mark.parametrize(
    ("target", "array"),
    [
        ("bigint", pa.array([1, None])),
        ("double", pa.array([1.0])),
        ("string", pa.array(["x"])),
        ("date", pa.array([0], pa.date32())),
        ("timestamp", pa.array([0], pa.timestamp("us"))),
        ("array<int>", pa.array([[1]], pa.list_(pa.int32()))),
        ("map<int,int>", pa.array([[(1, 1)]], pa.map_(pa.int32(), pa.int32()))),
        ("struct<a:int>", pa.array([{"a": 1}], pa.struct([("a", pa.int32())]))),
    ],
)
def test_what_has_the_type_already_is_not_copied(fit_one: Fit, target: str, array: Any) -> None:
    before = [buffer.address for buffer in array.buffers() if buffer]
    assert [buffer.address for buffer in fit_one(target, array).buffers() if buffer] == before

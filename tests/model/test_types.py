from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.model.types import (
    ArrayType,
    CharType,
    DataType,
    DecimalType,
    Field,
    Kind,
    MapType,
    PrimitiveType,
    StructType,
    VarcharType,
    VectorType,
    parse_type,
)

FLAT = (
    st.sampled_from(Kind).map(PrimitiveType)
    | st.integers(1, 65535).map(CharType)
    | st.integers(1, 65535).map(VarcharType)
    | st.integers(1, 76).flatmap(
        lambda precision: st.builds(DecimalType, st.just(precision), st.integers(0, precision))
    )
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
TYPES: st.SearchStrategy[DataType] = st.recursive(
    FLAT,
    lambda inner: (
        st.builds(ArrayType, inner)
        | st.builds(MapType, inner, inner)
        | st.builds(VectorType, inner, st.integers(1, 9))
        | st.lists(st.builds(Field, NAMES, inner), min_size=1, max_size=3).map(
            lambda fields: StructType(tuple(fields))
        )
    ),
    max_leaves=8,
)


@given(kind=TYPES)
def test_types_come_back_from_their_names(kind: DataType) -> None:
    assert parse_type(str(kind)) == kind
    assert parse_type(f"  {kind}\n") == kind


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("BIGINT", "bigint"),
        (" Map < String , Decimal ( 10 , 2 ) > ", "map<string,decimal(10,2)>"),
        ("decimal", "decimal(38,18)"),
        ("DECIMAL(10)", "decimal(10,0)"),
        ("struct<`a b`:int,Name:array<char(3)>>", "struct<`a b`:int,Name:array<char(3)>>"),
        ("vector(float,3)", "vector(float,3)"),
        ("timestamp_ntz", "timestamp_ntz"),
    ],
)
def test_types_have_one_way_to_be_written(text: str, name: str) -> None:
    assert str(parse_type(text)) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "hyperint",
        "bigint bigint",
        "bigint(3)",
        "char",
        "char(0)",
        "char(65536)",
        "char(1,2)",
        "char(٣)",
        "decimal()",
        "decimal(0)",
        "decimal(77)",
        "decimal(3,4)",
        "decimal(1,2,3)",
        "array",
        "array<>",
        "array<int",
        "array<int>>",
        "map<int>",
        "struct<>",
        "struct<a>",
        "struct<a:int,>",
        "struct<a:int b:int>",
        "struct<<:int>",
        "array<" * 65 + "int" + ">" * 65,
        "array<" * 100_000,
    ],
)
def test_what_is_no_type_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not a"):
        parse_type(text)


@given(text=st.text("abcint<>(),:` 12", max_size=20))
def test_any_text_is_a_type_or_refused(text: str) -> None:
    try:
        found = parse_type(text)
    except ValueError:
        return
    assert parse_type(str(found)) == found

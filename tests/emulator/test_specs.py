from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.emulator.specs import (
    canonical,
    chosen,
    parse_partition,
    parse_selector,
    partition_of,
    selector_of,
)
from odps_frames.errors import ServiceError
from odps_frames.model.schema import Column
from odps_frames.model.table import Partition
from odps_frames.model.types import parse_type

COLUMNS = tuple(
    Column(name, parse_type(type_)) for name, type_ in [("pt", "string"), ("Region", "string")]
)
NUMBER = (Column("n", parse_type("smallint")),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (None, None)),
        ("pt=1", ("1", None)),
        ("region=eu", (None, "eu")),
        ("pt=1,region=eu", ("1", "eu")),
        ("REGION = eu / PT = 1", ("1", "eu")),
        ("`pt`='1',`region`=\"eu\"", ("1", "eu")),
        ("pt='it's',region='x'", ("it's", "x")),
        (r"pt='it\'s',region='\\'", ("it's", "\\")),
        (r"pt='a\b'", (r"a\b", None)),
        ("pt=a/b=c,d,region=e=f", ("a/b=c,d", "e=f")),
        ("pt='a,region=b',region='c'", ("a,region=b", "c")),
        ("pt= a b ,region=\"' '\"", ("a b", "' '")),
        ("pt=50%,region=日本🦆", ("50%", "日本🦆")),
        ("pt=',region=1", ("'", "1")),
        ("pt=1/", ("1/", None)),
    ],
)
def test_texts(text: str, expected: tuple[str | None, ...]) -> None:
    assert parse_selector(text, COLUMNS) == expected


@pytest.mark.parametrize(
    "text",
    ["nope=1", "pt", "=1", "pt=", "pt=''", "pt=a\tb", "pt=1,pt=2", "pt=a,region=b,region=c", "1"],
)
def test_texts_that_are_refused(text: str) -> None:
    with pytest.raises(ServiceError) as refusal:
        parse_selector(text, COLUMNS)
    assert refusal.value.code == "InvalidArgument"


def test_a_partition_needs_every_column() -> None:
    assert parse_partition("region=b,pt=a", COLUMNS) == ("a", "b")
    for text, columns in [("pt=a", COLUMNS), ("", COLUMNS), ("", ())]:
        with pytest.raises(ServiceError, match="each partition column"):
            parse_partition(text, columns)


VALUES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=8
) | st.sampled_from(["',pt='", "\\", "\\'", "a,region=b", "'", '"', "'a'", "/", "="])


@given(first=VALUES, second=VALUES)
def test_quoted_partitions_come_back_as_they_were(first: str, second: str) -> None:
    partition = Partition((("pt", first), ("region", second)))
    assert parse_partition(partition.quoted(), COLUMNS) == (first, second)


@given(first=VALUES, second=VALUES)
def test_plain_partitions_come_back_where_they_can_be_told(first: str, second: str) -> None:
    partition = Partition((("pt", first), ("region", second)))
    if partition.speakable:
        assert parse_partition(str(partition), COLUMNS) == (first, second)


@pytest.mark.parametrize(
    ("type_", "text", "expected"),
    [
        ("bigint", "007", "7"),
        ("bigint", "-0", "0"),
        ("tinyint", "-128", "-128"),
        ("date", "2024-02-29", "2024-02-29"),
        ("string", "007", "007"),
        ("char(2)", "日本", "日本"),
    ],
)
def test_one_text_for_each_value(type_: str, text: str, expected: str) -> None:
    assert canonical(Column("c", parse_type(type_)), text) == expected


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("bigint", "1.0"),
        ("bigint", "१"),
        ("tinyint", "128"),
        ("date", "2023-02-29"),
        ("varchar(1)", "ab"),
    ],
)
def test_texts_that_are_no_values(type_: str, text: str) -> None:
    with pytest.raises(ValueError, match=text.replace(".", r"\.") if type_ != "date" else "day"):
        canonical(Column("c", parse_type(type_)), text)


def test_choosing() -> None:
    assert chosen(("a", "b"), None)
    assert chosen(("a", "b"), [(None, "c"), ("a", None)])
    assert not chosen(("a", "b"), [(None, "c")])
    assert not chosen(("a", "b"), [])


def test_names_and_values() -> None:
    assert partition_of(("a", "b"), COLUMNS).items == (("pt", "a"), ("Region", "b"))
    assert selector_of([("N", "01")], NUMBER) == ("1",)
    with pytest.raises(ServiceError, match="the partition columns are: n"):
        selector_of([("m", "1")], NUMBER)
    with pytest.raises(ServiceError, match="partition columns"):
        selector_of([("n", "1"), ("N", "1")], NUMBER)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.model.table import InstanceRef, Partition, TableRef

NAMES = st.from_regex(r"[A-Za-z0-9_]{1,8}", fullmatch=True)
VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
ODD_VALUES = st.text("ab=,/'\" %中", min_size=1, max_size=6)
PARTITIONS = st.dictionaries(NAMES, VALUES | ODD_VALUES, min_size=1, max_size=3).map(Partition.of)


@given(table=st.builds(TableRef, NAMES, NAMES, st.none() | NAMES))
def test_names_of_tables_come_back(table: TableRef) -> None:
    assert TableRef.parse(str(table)) == table
    assert TableRef.parse(table.quoted()) == table


@pytest.mark.parametrize(
    ("name", "project", "schema", "table"),
    [
        ("t", "p", None, TableRef("p", "t")),
        ("t", "p", "s", TableRef("p", "t", "s")),
        ("a.t", "p", None, TableRef("a", "t")),
        ("a.t", "p", "s", TableRef("p", "t", "a")),
        ("a.b.t", "p", "s", TableRef("a", "t", "b")),
        ("`a`.`b` . t", None, None, TableRef("a", "t", "b")),
    ],
)
def test_what_is_left_out_is_the_default(
    name: str, project: str | None, schema: str | None, table: TableRef
) -> None:
    assert TableRef.parse(name, project=project, schema=schema) == table


@pytest.mark.parametrize("name", ["", ".", "t", "a.b.c.d", "a..t", "a b.t", "p.t-1"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"^not a"):
        TableRef.parse(name)


def test_a_bare_name_asks_for_a_project() -> None:
    with pytest.raises(ValueError, match="needs a default project"):
        TableRef.parse("t")


def test_an_instance_shows_where_it_runs() -> None:
    assert str(InstanceRef("p", "i")) == "p/i"


@given(partition=PARTITIONS)
def test_what_can_be_spoken_comes_back(partition: Partition) -> None:
    if partition.speakable:
        assert Partition.parse(str(partition)) == partition
        assert Partition.parse(str(partition).replace(",", "/")) == partition


@given(partition=PARTITIONS)
def test_partitions_are_mappings_of_names(partition: Partition) -> None:
    assert Partition.of(dict(partition.items)) == partition
    assert Partition.of(partition) == partition
    assert tuple(zip(partition.names, partition.values, strict=True)) == partition.items


@pytest.mark.parametrize("value", ["a,b", "a/b", "a=b", "'a'", "a'", " a", "a\u3000"])
def test_some_values_cannot_be_spoken(value: str) -> None:
    assert not Partition.of({"pt": value}).speakable


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("pt=1", {"pt": "1"}),
        (" pt = '1' , hh = \"2\" ", {"pt": "1", "hh": "2"}),
        ("pt=1/hh=2", {"pt": "1", "hh": "2"}),
        ("pt=a,b/c,hh=2", {"pt": "a,b/c", "hh": "2"}),
        ("pt=a=b", {"pt": "a=b"}),
        ("pt='", {"pt": "'"}),
        ("pt=''a''", {"pt": "'a'"}),
    ],
)
def test_text_is_parted_where_a_name_follows(text: str, items: dict[str, str]) -> None:
    assert Partition.parse(text) == Partition.of(items)


@pytest.mark.parametrize("text", ["", "pt", "=1", "pt=", "pt=''", "pt=1,pt=2", "p t=1", "pt=a\nb"])
def test_what_is_no_partition_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="partition"):
        Partition.parse(text)


def test_numbers_are_written_out_and_other_things_refused() -> None:
    assert Partition.of({"pt": 20260101}) == Partition.parse("pt=20260101")
    with pytest.raises(TypeError, match="not a partition: 7"):
        Partition.of(7)


def test_the_quoted_form_escapes_for_sql() -> None:
    assert Partition.of({"pt": "it's \\", "hh": 1}).quoted() == "pt='it\\'s \\\\',hh='1'"

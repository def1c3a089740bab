"""Partition values of one client, listed and read by the other; or refused, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import odps  # type: ignore[import-untyped]
import pyarrow as pa
import pytest
from odps.types import PartitionSpec  # type: ignore[import-untyped]

import odps_frames as of

if TYPE_CHECKING:
    from odps_frames.client import Client

    Sides = Any  # the class of a fixture, which no test module can import

PLAIN = [
    "20260101",
    "two words",
    "杭州",
    "🦆 é",
    "50%",
    "%2B%41",
    "a+b",
    "杭 州+1%",
    "a/b",
    "a&b?c#d",
]
"""Values that pyodps can put into every form of a partition."""
ODD = ["it's", 'say "x"', "'q'", "''", "a=b", "a,b", "  led by blanks", "a\\b", "x]]>y", "<a&b>"]
"""Values that some forms of pyodps cannot hold."""

NAME_IS_SAFE = {"it's", 'say "x"', "a=b", "a,b", "a\\b", "x]]>y", "<a&b>"}
"""Values that need no quotes where pyodps passes the text of a partition on as it is."""

BATCH = pa.RecordBatch.from_pydict({"id": [1]})


@pytest.fixture
def ours_parted(ours: Client, table: str) -> str:
    """A table with a partition of ours for each value, its rows saying which."""
    values = PLAIN + ODD
    rows = pa.table({"id": range(len(values)), "pt": values})
    of.to_odps(rows, table, partition_cols="pt", create=True, client=ours)
    return table


@pytest.fixture
def empty(theirs: Any, table: str) -> str:
    theirs.create_table(table, ("id bigint", "pt string"))
    return table


def values_of(ours: Client, table: str) -> list[str]:
    return [one.values[0] for one in ours.table(table).partitions()]


def test_all_of_ours_are_listed_and_read(sides: Sides, theirs: Any, ours_parted: str) -> None:
    listed = [one.partition_spec["pt"] for one in theirs.get_table(ours_parted).partitions]
    assert sorted(listed) == sorted(PLAIN + ODD)
    rows = sides.read(ours_parted).sort_by("id")
    assert rows["pt"].to_pylist() == PLAIN + ODD


def test_each_of_ours_is_found(sides: Sides, theirs: Any, ours_parted: str) -> None:
    found = theirs.get_table(ours_parted)
    for number, value in enumerate(PLAIN + ODD):
        spec = PartitionSpec({"pt": value})
        assert found.exist_partition(spec), value
        assert found.get_partition(spec).record_num == 1, value
        assert sides.read(ours_parted, partitions=[str(spec)])["id"].to_pylist() == [number], value
        with sides.storage.preview_table(ours_parted, partition_spec=str(spec)) as reader:
            assert reader.read()["id"].to_pylist() == [number], value
    assert not found.exist_partition("pt=50")
    assert not found.exist_partition("pt=a b")


def test_ours_are_found_by_plain_text(sides: Sides, ours_parted: str) -> None:
    for number, value in enumerate(PLAIN + ODD):
        if value in PLAIN or value in NAME_IS_SAFE:
            rows = sides.read(ours_parted, partitions=[f"pt={value}"])
            assert rows["id"].to_pylist() == [number], value


@pytest.mark.parametrize("value", PLAIN)
def test_each_of_theirs_is_ours(
    sides: Sides, theirs: Any, ours: Client, empty: str, value: str
) -> None:
    found = theirs.get_table(empty)
    for spec in (f"pt='{value}'", f"pt={value}", PartitionSpec({"pt": value})):
        found.create_partition(spec)
        assert values_of(ours, empty) == [value]
        found.delete_partition(spec)
        assert values_of(ours, empty) == []
    sides.write(empty, [BATCH], partition_spec=f"pt={value}")
    assert sides.stored(empty).to_pylist() == [{"id": 1, "pt": value}]
    assert sides.stored(empty, partitions={"pt": value}).num_rows == 1


@pytest.mark.parametrize("value", PLAIN + ODD)
def test_rows_of_theirs_may_say_any_value(
    sides: Sides, ours: Client, empty: str, value: str
) -> None:
    sides.write(empty, [pa.RecordBatch.from_pydict({"id": [1], "pt": [value]})])
    assert values_of(ours, empty) == [value]
    assert sides.stored(empty, partitions={"pt": value}).to_pylist() == [{"id": 1, "pt": value}]


@pytest.mark.parametrize("value", ODD)
def test_a_session_of_theirs_may_name_any_value_in_quotes(
    sides: Sides, ours: Client, empty: str, value: str
) -> None:
    sides.write(empty, [BATCH], partition_spec=f"pt='{value}'")
    assert values_of(ours, empty) == [value]
    if value in NAME_IS_SAFE:
        sides.write(empty, [BATCH], partition_spec=[("pt", value)])
        assert values_of(ours, empty) == [value]
        assert sides.stored(empty).num_rows == 2


@pytest.mark.parametrize(
    ("value", "refused", "made"),
    [
        # It takes texts apart at these signs, in quotes or not; a PartitionSpec of a dict holds
        # them, and they travel well.
        ("a=b", ValueError, "a=b"),
        ("a,b", ValueError, "a,b"),
        ("''", ValueError, None),
        # It puts values into statements as they are: quotes end there, backslashes escape.
        ("it's", odps.errors.ParseError, None),
        ("a\\b", odps.errors.ODPSError, None),
        # It ends the CDATA section of its request early.
        ("x]]>y", odps.errors.InvalidArgument, None),
        # It strips quotes of both kinds from both ends: another partition is made.
        ('say "x"', 'say "x', 'say "x"'),
        ("'q'", "q", None),
    ],
)
def test_what_definitions_of_theirs_cannot_hold(
    theirs: Any,
    ours: Client,
    empty: str,
    value: str,
    refused: type[Exception] | str,
    made: str | None,
) -> None:
    found = theirs.get_table(empty)
    if isinstance(refused, str):
        found.create_partition(f"pt='{value}'")
        assert values_of(ours, empty) == [refused]
        found.delete_partition(f"pt='{value}'")
    else:
        with pytest.raises(refused):
            found.create_partition(f"pt='{value}'")
    if made is not None:
        found.create_partition(PartitionSpec({"pt": value}))
        assert values_of(ours, empty) == [made]


def test_lists_of_theirs_drop_quotes_from_what_they_look_for(theirs: Any, ours_parted: str) -> None:
    found = theirs.get_table(ours_parted)

    def listed(text: str) -> list[str]:
        return [one.partition_spec["pt"] for one in found.iterate_partitions(text)]

    assert listed("pt=杭 州+1%") == ["杭 州+1%"]
    assert listed("pt=50%") == ["50%"]
    assert listed("pt=it's") == []
    # Asked without a condition, it lists them; see above.

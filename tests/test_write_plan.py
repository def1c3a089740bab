"""What a write would do, said without doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import odps_frames as of

if TYPE_CHECKING:
    from odps_frames.local import LocalClient

ROWS = pa.table({"id": [1, 2, 3], "name": ["x", "y", "z"], "pt": ["a", "b", "b"]})
READS = {"GetTable", "ListPartitions", "TableCreateReadSession"}


@pytest.fixture
def parted(client: LocalClient, table: str) -> str:
    types = {"id": "bigint", "name": "string"}
    client.create_table(table, types, partition_by={"pt": "string"})
    of.to_odps(ROWS.slice(0, 2), table, client=client)
    return table


def plan(client: LocalClient, table: str, data: Any = ROWS, **options: Any) -> of.WritePlan:
    """Plan a write, which sends nothing that changes anything."""
    before = len(client.service.requests)
    found = of.to_odps(data, table, client=client, dry_run=True, **options)
    sent = {record.operation for record in client.service.requests[before:]}
    assert sent <= READS
    return found


def test_rows_are_counted_by_partition(client: LocalClient, parted: str) -> None:
    more = pa.concat_tables([ROWS, ROWS.slice(2).set_column(2, "pt", pa.array(["c"]))])
    found = plan(client, parted, more)
    assert (found.rows, dict(found.partitions)) == (4, {"pt=a": 1, "pt=b": 2, "pt=c": 1})
    assert (found.makes, found.replaces, found.adds) == (("pt=c",), (), ())
    assert not found.creates
    assert found.streams == 1
    assert found.bytes > 0
    assert found.columns == (
        ("id", "int64", "bigint"),
        ("name", "string", "string"),
        ("pt", "string", "string"),
    )
    assert of.scan_odps(parted, client=client).to_arrow().num_rows == 2


@pytest.mark.parametrize("streamed", [False, True])
def test_the_plan_is_what_the_write_then_does(
    client: LocalClient,
    parted: str,
    streamed: bool,  # noqa: FBT001  a case
) -> None:
    data: Any = ROWS.to_reader if streamed else ROWS
    options: dict[str, Any] = {"mode": "overwrite_partitions"}
    found = plan(client, parted, data, **options)
    assert found.replaces == ("pt=a", "pt=b")
    result = of.to_odps(data, parted, client=client, **options)
    assert (result.rows, result.bytes) == (found.rows, found.bytes)
    assert sorted(result.partitions) == sorted(found.partitions)
    assert of.scan_odps(parted, client=client).to_arrow().num_rows == 3


def test_a_static_partition(client: LocalClient, parted: str) -> None:
    data = ROWS.select(["id"])
    options: dict[str, Any] = {"mode": "overwrite", "fill_missing": True}
    found = plan(client, parted, data, partition="pt=b", **options)
    assert (dict(found.partitions), found.replaces, found.makes) == ({"pt=b": 3}, ("pt=b",), ())
    assert ("name", "(none)", "string") in found.columns
    found = plan(client, parted, data, partition="pt=z", **options)
    assert (found.replaces, found.makes) == ((), ("pt=z",))


@pytest.mark.parametrize(
    ("kind", "said", "kept"),
    [("bigint", "01", "1"), ("bigint", "+1", "1"), ("date", "20260101", "2026-01-01")],
)
def test_a_static_partition_is_spelt_as_the_table_has_it(
    client: LocalClient, table: str, kind: str, said: str, kept: str
) -> None:
    client.create_table(table, {"id": "bigint"}, partition_by={"pt": kind})
    data = ROWS.select(["id"])
    of.to_odps(data, table, partition={"pt": kept}, client=client)
    options: dict[str, Any] = {"mode": "overwrite", "partition": {"pt": said}}
    found = plan(client, table, data, **options)
    assert (found.replaces, found.makes) == ((f"pt={kept}",), ())
    assert of.to_odps(data, table, client=client, **options).partitions == (f"pt={kept}",)
    assert of.scan_odps(table, client=client).to_arrow().num_rows == 3


def test_a_reader_is_not_used_up(client: LocalClient, parted: str) -> None:
    reader = ROWS.to_reader()
    with pytest.raises(TypeError, match=r"would use its rows up.*a callable"):
        plan(client, parted, reader)
    assert of.to_odps(reader, parted, client=client).rows == 3


def test_a_table_without_partitions(client: LocalClient, table: str) -> None:
    data = ROWS.select(["id"])
    found = plan(client, table, data, create=True, odps_types={"id": "int"})
    assert (found.creates, found.replaces, dict(found.partitions)) == (True, (), {})
    assert found.columns == (("id", "int64", "int"),)
    assert not client.exists(table)
    of.to_odps(data, table, create=True, client=client)
    assert plan(client, table, data, mode="overwrite").replaces == (f"demo.{table}",)
    assert plan(client, table, data).replaces == ()


def test_columns_that_would_be_added_or_left_out(client: LocalClient, parted: str) -> None:
    wider = ROWS.append_column("price", pa.array([1.5, 2.5, None]))
    assert plan(client, parted, wider, schema_mode="add_columns").adds == ("price double",)
    found = plan(client, parted, wider, schema_mode="ignore_extra")
    assert ("price", "double", "(left out)") in found.columns
    assert [column.name for column in client.table(parted).schema.columns] == ["id", "name"]


def test_a_place_that_is_taken(client: LocalClient, parted: str) -> None:
    with pytest.raises(of.Conflict, match="exists, and mode='error'"):
        plan(client, parted, mode="error")
    found = plan(client, parted, mode="ignore")
    assert (found.rows, found.streams) == (0, 0)


def test_what_does_not_fit_raises_as_ever(client: LocalClient, parted: str) -> None:
    with pytest.raises(of.CastError, match="'id'"):
        plan(client, parted, ROWS.set_column(0, "id", pa.array(["1", "2", "3"])))
    with pytest.raises(of.SchemaMismatch, match="fill_missing"):
        plan(client, parted, ROWS.drop_columns(["name"]))


def test_a_plan_in_a_notebook(client: LocalClient, parted: str) -> None:
    page = plan(client, parted, mode="overwrite_partitions")._repr_html_()
    for words in ("pt=a: 1, pt=b: 2", "<th>to replace</th><td>pt=a, pt=b</td>", "int64 → bigint"):
        assert words in page

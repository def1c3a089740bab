"""Projects, tables and partitions: an unmodified pyodps makes, describes, lists and drops them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import odps  # type: ignore[import-untyped]
import pandas as pd
import pytest
from odps.maxstorage import MaxStorageClient  # type: ignore[import-untyped]
from odps.models import TableSchema  # type: ignore[import-untyped]

import odps_frames as of
from odps_frames.emulator.app import Emulator
from odps_frames.emulator.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from odps_frames.client import Client

    Sides = Any  # classes of fixtures, which no test module can import
    Stand = Any

NESTED = {
    "a": "decimal(10,2)",
    "b": "array<string>",
    "c": "map<string,array<bigint>>",
    "d": "varchar(7)",
    "e": "timestamp_ntz",
}


def columns_of(table: Any) -> list[tuple[str, str]]:
    return [(column.name, str(column.type).lower()) for column in table.table_schema.columns]


def specs_of(partitions: Any) -> list[str]:
    return [str(partition.partition_spec) for partition in partitions]


@pytest.fixture(params=[True, False], ids=["at once", "polled"])
def entry(request: pytest.FixtureRequest, stand: Stand, tmp_path: Path) -> Iterator[Any]:
    """An entry object of a service that gives results of statements at once, or when asked."""
    accounts = {stand.access_id: stand.secret}
    service = Emulator(tmp_path, accounts=accounts, finish_at_once=request.param)
    with service, Server(service) as server:
        yield stand.entry(endpoint=server.endpoint)


def test_the_address_of_the_storage_api_is_discovered(stand: Stand) -> None:
    # pyodps remembers addresses for as long as it lives: this name of the service is a new one.
    endpoint = stand.endpoint.replace("127.0.0.1", "localhost")
    before = len(stand.service.requests)
    storage = MaxStorageClient(stand.entry(endpoint=endpoint))
    assert storage.storage_rest.endpoint == endpoint.removesuffix("/api")
    assert "DiscoverEndpoint" in [one.operation for one in stand.service.requests[before:]]


def test_a_project_is_described(theirs: Any) -> None:
    project = theirs.get_project()
    assert project.name == "demo"
    assert project.owner
    assert project.creation_time <= project.last_modified_time
    assert theirs.exist_project("demo")
    assert not theirs.exist_project("nowhere")
    assert "default" in [schema.name for schema in theirs.list_schemas()]


def test_a_table_lives_and_dies(entry: Any) -> None:
    made = entry.create_table(
        "t",
        (r"id bigint not null comment 'it\'s the key', name string", "pt string, hh bigint"),
        comment='about "tables" \\ 杭州',
        lifecycle=7,
    )
    assert made.name == "t"
    found = entry.get_table("t")
    assert columns_of(found) == [
        ("id", "bigint"),
        ("name", "string"),
        ("pt", "string"),
        ("hh", "bigint"),
    ]
    assert [column.name for column in found.table_schema.partitions] == ["pt", "hh"]
    assert [column.nullable for column in found.table_schema.simple_columns] == [False, True]
    assert found.table_schema["id"].comment == "it's the key"
    assert (found.lifecycle, found.comment) == (7, 'about "tables" \\ 杭州')
    assert (found.record_num, found.file_num) == (0, 0)
    assert entry.create_table("t", "id bigint", if_not_exists=True).name == "t"
    assert len(entry.get_table("t").table_schema.columns) == 4
    with pytest.raises(odps.errors.ODPSError, match="exists"):
        entry.create_table("t", "id bigint")
    entry.delete_table("t")
    assert not entry.exist_table("t")
    entry.delete_table("t", if_exists=True)
    with pytest.raises(odps.errors.NoSuchTable):
        entry.delete_table("t")


def test_tables_are_listed(entry: Any) -> None:
    for name in ("a1", "a2", "b1"):
        entry.create_table(name, "id bigint")
    assert [table.name for table in entry.list_tables()] == ["a1", "a2", "b1"]
    assert [table.name for table in entry.list_tables(prefix="a")] == ["a1", "a2"]
    assert list(entry.list_tables(prefix="c")) == []


def test_pages_are_followed(entry: Any) -> None:
    table = entry.create_table("t", ("id bigint", "pt string"))
    wanted = [f"{number:04}" for number in range(1, 1202)]
    added = " ".join(f"PARTITION (pt='{value}')" for value in wanted)
    entry.execute_sql(f"ALTER TABLE t ADD {added}")
    assert [found.partition_spec["pt"] for found in table.partitions] == wanted
    backwards = table.iterate_partitions(reverse=True)
    assert [found.partition_spec["pt"] for found in backwards] == wanted[::-1]


def test_partitions_live_and_die(entry: Any) -> None:
    table = entry.create_table("t", ("id bigint", "pt string, hh bigint"))
    for spec in ("pt='a',hh=1", "pt='a',hh=2", "pt='b',hh=1"):
        table.create_partition(spec)
    table.create_partition("pt='a',hh=1", if_not_exists=True)
    with pytest.raises(odps.errors.ODPSError, match="exists"):
        table.create_partition("pt='a',hh=1")
    assert specs_of(table.partitions) == ["pt='a',hh='1'", "pt='a',hh='2'", "pt='b',hh='1'"]
    assert specs_of(table.iterate_partitions("pt=a")) == ["pt='a',hh='1'", "pt='a',hh='2'"]
    assert specs_of(table.iterate_partitions("pt>=a,hh<2")) == ["pt='a',hh='1'", "pt='b',hh='1'"]
    assert str(table.get_max_partition(skip_empty=False).partition_spec) == "pt='b',hh='1'"
    assert table.exist_partition("pt=b,hh=1")
    assert not table.exist_partition("pt=b,hh=2")
    partition = table.get_partition("pt=a,hh=2")
    assert (partition.record_num, partition.size) == (0, 0)
    assert partition.creation_time <= partition.last_data_modified_time
    table.delete_partition("pt=a,hh=2")
    table.delete_partition("pt=a,hh=2", if_exists=True)
    with pytest.raises(odps.errors.ODPSError):
        table.delete_partition("pt=a,hh=2")
    assert specs_of(table.partitions) == ["pt='a',hh='1'", "pt='b',hh='1'"]


def test_each_describes_what_the_other_made(theirs: Any, ours: Client, table: str) -> None:
    ours.create_table(table, NESTED, partition_by={"pt": "string"}, comment="it's ours")
    found = theirs.get_table(table)
    assert dict(columns_of(found)) == NESTED | {"pt": "string"}
    assert [column.name for column in found.table_schema.partitions] == ["pt"]
    assert found.comment == "it's ours"
    theirs.delete_table(table)
    assert not ours.exists(table)
    names, types = list(NESTED), list(NESTED.values())
    schema = TableSchema.from_lists(names, types, ["pt"], ["string"])
    theirs.create_table(table, schema, comment="it is theirs", lifecycle=3)
    described = ours.table(table)
    made = {column.name: str(column.type).lower() for column in described.schema.columns}
    assert made == NESTED
    assert [column.name for column in described.schema.partition_columns] == ["pt"]
    assert (described.info.comment, described.info.lifecycle) == ("it is theirs", 3)


def test_names_have_no_case(theirs: Any, ours: Client, table: str) -> None:
    theirs.create_table(table.upper(), TableSchema.from_lists(["Id", "b"], ["bigint", "string"]))
    assert ours.table(table).schema.names == ("id", "b")
    assert theirs.exist_table(table)
    ours.drop_table(table)
    assert not theirs.exist_table(table.upper())


def test_they_truncate_what_we_wrote(theirs: Any, ours: Client, table: str) -> None:
    rows = {"id": [1, 2, 3], "pt": ["a", "b", "b"]}
    of.to_odps(pd.DataFrame(rows), table, partition_cols="pt", create=True, client=ours)
    assert theirs.get_table(table).record_num == 3
    theirs.get_table(table).truncate("pt='b'")
    left = of.read_odps(table, client=ours)
    assert left.to_dict("list") == {"id": [1], "pt": ["a"]}
    assert [str(one) for one in ours.table(table).partitions()] == ["pt=a", "pt=b"]


def test_errors_have_the_classes_that_pyodps_knows(theirs: Any, table: str) -> None:
    with pytest.raises(odps.errors.NoSuchObject):
        theirs.get_table(table).reload()
    with pytest.raises(odps.errors.NoSuchTable):
        theirs.execute_sql(f"DROP TABLE {table}")
    with pytest.raises(odps.errors.ParseError):
        theirs.execute_sql("CREATE TABLE (")
    with pytest.raises(odps.errors.ODPSError, match="nonsense"):
        theirs.execute_sql(f"CREATE TABLE {table} (a nonsense)")
    assert not theirs.exist_table(table)

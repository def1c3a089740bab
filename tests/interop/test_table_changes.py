"""Tables and views changed by an unmodified pyodps: each statement that it makes of its methods."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import odps  # type: ignore[import-untyped]
import pandas as pd
import pyarrow as pa
import pytest
from odps.models import TableSchema  # type: ignore[import-untyped]
from odps.models.cluster_info import (  # type: ignore[import-untyped]
    ClusterInfo,
    ClusterSortCol,
    ClusterSortOrder,
    ClusterType,
)
from odps.types import Column  # type: ignore[import-untyped]

import odps_frames as of

if TYPE_CHECKING:
    from odps_frames.client import Client

    Sides = Any  # a class of fixtures, which no test module can import

CLUSTERED = ClusterInfo(
    cluster_type=ClusterType.HASH,
    bucket_num=4,
    cluster_cols=["id"],
    sort_cols=[ClusterSortCol(name="id", order=ClusterSortOrder.DESC)],
)


def columns_of(table: Any) -> dict[str, str]:
    return {one.name: str(one.type).lower() for one in table.table_schema.simple_columns}


@pytest.fixture
def plain(theirs: Any, ours: Client, table: str) -> Any:
    """A table with rows, as pyodps knows it."""
    made = theirs.create_table(table, "id bigint, name string")
    of.to_odps(pd.DataFrame({"id": [1, 2], "name": ["a", "b"]}), table, client=ours)
    return made


@pytest.fixture
def parted(theirs: Any, ours: Client, table: str) -> Any:
    """A table with partitions, as pyodps knows it."""
    made = theirs.create_table(table, ("id bigint", "pt string"))
    rows = pd.DataFrame({"id": [1, 2, 3], "pt": ["x", "y", "z"]})
    of.to_odps(rows, table, partition_cols="pt", client=ours)
    return made


def rows_of(ours: Client, table: Any) -> dict[str, list[Any]]:
    found = of.read_odps(table.name, client=ours)
    return {name: found[name].tolist() for name in found.columns}


def test_a_table_is_made_with_every_option(theirs: Any, ours: Client, table: str) -> None:
    columns = [
        Column("id", "bigint", "it's the key", nullable=False),
        Column("tags", "map<string,array<bigint>>"),
    ]
    partitions = [odps.types.Partition("pt", "string", "the day")]
    made = theirs.create_table(
        table,
        TableSchema(columns=columns, partitions=partitions),
        comment="all of it",
        lifecycle=9,
        cluster_info=CLUSTERED,
        table_properties={"k": "v", "flag": True},
    )
    assert (made.comment, made.lifecycle) == ("all of it", 9)
    assert made.table_properties == {"k": "v", "flag": "true"}
    assert made.cluster_info.bucket_num == 4
    assert made.table_schema["id"].comment == "it's the key"
    assert not made.table_schema["id"].nullable
    assert made.table_schema.partitions[0].comment == "the day"
    assert ours.table(table).buckets == of.Buckets(columns=("id",), n=4, sorted_by=("id DESC",))


def test_a_table_is_made_again_from_its_definition(theirs: Any, table: str) -> None:
    schema = ("id bigint not null, v decimal(10,2) comment 'it''s'", "pt string")
    made = theirs.create_table(
        table, schema, lifecycle=3, transactional=True, primary_key="id", comment="x"
    )
    text = made.get_ddl()
    made.drop()
    assert not theirs.exist_table(table)
    theirs.execute_sql(text)
    assert theirs.get_table(table).get_ddl() == text
    assert theirs.get_table(table).primary_key == ["id"]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"location": "oss://a/b", "stored_as": "parquet"}, "CREATE EXTERNAL TABLE"),
        ({"shard_num": 4}, "CREATE TABLE ... INTO"),
        ({"stored_as": "aliorc"}, "CREATE TABLE ... STORED AS"),
    ],
)
def test_tables_of_other_kinds_are_refused_by_name(
    theirs: Any, table: str, options: dict[str, Any], named: str
) -> None:
    with pytest.raises(odps.errors.ODPSError, match=named) as refused:
        theirs.create_table(table, "id bigint", **options)
    assert "not supported here" in str(refused.value)
    assert not theirs.exist_table(table)


def test_auto_partitions_are_refused_by_name(theirs: Any, table: str) -> None:
    schema = ("id bigint, ts datetime", "trunc_time(ts, 'day') as pt")
    with pytest.raises(odps.errors.ODPSError, match="AUTO PARTITIONED is not supported here"):
        theirs.create_table(table, schema)


def test_columns_are_added(plain: Any, ours: Client) -> None:
    plain.add_columns([Column("a", "double", "it's new"), Column("b", "array<string>")])
    plain.add_columns("c int, d decimal(4,2)")
    plain.add_columns(Column("c", "int"), if_not_exists=True)
    assert columns_of(plain) == {
        "id": "bigint",
        "name": "string",
        "a": "double",
        "b": "array<string>",
        "c": "int",
        "d": "decimal(4,2)",
    }
    assert plain.table_schema["a"].comment == "it's new"
    with pytest.raises(odps.errors.ODPSError, match="column a exists already"):
        plain.add_columns("a int")
    assert list(rows_of(ours, plain)) == [*columns_of(plain)]


def test_columns_are_deleted(plain: Any, ours: Client) -> None:
    plain.add_columns("a int, b int")
    plain.delete_columns(["name", "a"])
    plain.delete_columns("b")
    assert rows_of(ours, plain) == {"id": [1, 2]}
    plain.add_columns("name string")
    assert of.read_odps(plain.name, client=ours)["name"].isna().tolist() == [True, True]


def test_columns_are_renamed(plain: Any, ours: Client) -> None:
    plain.rename_column("name", "label")
    plain.rename_column("id", "key", comment="it's the key")
    assert rows_of(ours, plain) == {"key": [1, 2], "label": ["a", "b"]}
    assert plain.table_schema["key"].comment == "it's the key"
    with pytest.raises(odps.errors.ODPSError, match="column label exists already"):
        plain.rename_column("key", "label")


def test_types_are_widened_by_statements(theirs: Any, ours: Client, table: str) -> None:
    theirs.create_table(table, "id int")
    of.to_odps(pd.DataFrame({"id": pd.array([1, None], "Int32")}), table, client=ours)
    theirs.execute_sql(f"ALTER TABLE {table} CHANGE COLUMN id id BIGINT")
    of.to_odps(pd.DataFrame({"id": [2**40]}), table, client=ours)
    with theirs.get_table(table).open_reader() as reader:
        assert [record[0] for record in reader] == [1, None, 2**40]


def test_what_is_said_of_a_table_is_changed(plain: Any, theirs: Any) -> None:
    plain.set_lifecycle(30)
    plain.set_comment("it's \\ new")
    plain.set_owner("ALIYUN$somebody@example.com")
    plain.set_storage_tier("long_term")
    found = theirs.get_table(plain.name)
    found.reload()
    assert (found.lifecycle, found.comment) == (30, "it's \\ new")
    assert found.owner == "ALIYUN$somebody@example.com"
    assert found.storage_tier_info.storage_tier.value == "longterm"


def test_buckets_are_changed(theirs: Any, ours: Client, table: str) -> None:
    made = theirs.create_table(table, "id bigint, name string")
    made.set_cluster_info(CLUSTERED)
    of.to_odps(pa.table({"id": [1, 2, 3], "name": ["a", "b", "c"]}), table, client=ours)
    assert theirs.get_table(table).cluster_info.bucket_num == 4
    with pytest.raises(odps.errors.ODPSError, match="which has rows, is not supported here"):
        made.set_cluster_info(CLUSTERED)
    made.set_cluster_info(None)
    found = theirs.get_table(table)
    found.reload()
    found.reload_extend_info()
    assert found.cluster_info is None
    assert sorted(rows_of(ours, made)["id"]) == [1, 2, 3]


def test_a_table_is_renamed(plain: Any, theirs: Any, ours: Client) -> None:
    old = plain.name
    plain.rename(f"{old}_new")
    assert plain.name == f"{old}_new"
    assert not theirs.exist_table(old)
    assert rows_of(ours, plain) == {"id": [1, 2], "name": ["a", "b"]}
    theirs.create_table(old, "other string")
    with pytest.raises(odps.errors.ODPSError, match="already exists"):
        plain.rename(old)


def test_a_partition_gets_another_name(parted: Any, ours: Client) -> None:
    parted.change_partition_spec("pt='x'", "pt='w'")
    parted.get_partition("pt='y'").change_partition_spec("pt='v'")
    assert sorted(str(one.partition_spec) for one in parted.partitions) == [
        "pt='v'",
        "pt='w'",
        "pt='z'",
    ]
    found = of.read_odps(parted.name, client=ours).sort_values("id")
    assert found.to_dict("list") == {"id": [1, 2, 3], "pt": ["w", "v", "z"]}
    with pytest.raises(odps.errors.ODPSError, match="exists already"):
        parted.change_partition_spec("pt='z'", "pt='w'")


def test_a_table_and_its_partitions_are_touched(parted: Any, theirs: Any) -> None:
    before = theirs.get_table(parted.name).last_data_modified_time
    partition = parted.get_partition("pt=x").last_data_modified_time
    parted.touch()
    parted.touch("pt='x'")
    found = theirs.get_table(parted.name)
    found.reload()
    assert found.last_data_modified_time >= before
    assert found.get_partition("pt=x").last_data_modified_time >= partition
    with pytest.raises(odps.errors.ODPSError, match="does not exist"):
        parted.touch("pt='nope'")


def test_a_partition_tells_its_lifecycle_and_files(parted: Any, theirs: Any) -> None:
    parted.set_lifecycle(5)
    found = theirs.get_table(parted.name).get_partition("pt=x")
    assert (found.lifecycle, found.file_num) == (5, 1)
    theirs.execute_sql(f"ALTER TABLE {parted.name} PARTITION (pt='x') DISABLE LIFECYCLE")
    again = theirs.get_table(parted.name).get_partition("pt=x")
    again.reload_extend_info()
    assert again.lifecycle == -1


def test_a_table_is_emptied(parted: Any, ours: Client) -> None:
    parted.truncate(["pt='x'", "pt='y'"])
    assert rows_of(ours, parted) == {"id": [3], "pt": ["z"]}
    parted.truncate()
    assert rows_of(ours, parted) == {"id": [], "pt": []}
    assert len(list(parted.partitions)) == 3


def test_partitions_are_merged_by_statements(parted: Any, theirs: Any, ours: Client) -> None:
    theirs.execute_sql(
        f"ALTER TABLE {parted.name} MERGE PARTITION (pt >= 'y') OVERWRITE PARTITION (pt='end')"
    )
    found = of.read_odps(parted.name, client=ours).sort_values("id")
    assert found.to_dict("list") == {"id": [1, 2, 3], "pt": ["x", "end", "end"]}


def test_a_tier_of_one_partition_is_refused_by_name(parted: Any) -> None:
    with pytest.raises(odps.errors.ODPSError, match="SET PARTITIONPROPERTIES is not supported"):
        parted.set_storage_tier("standard", partition_spec="pt='x'")


def test_a_view_lives_and_dies(plain: Any, theirs: Any, ours: Client) -> None:
    name = f"{plain.name}_v"
    schema = TableSchema(columns=[Column("k", "bigint", "it's the key"), Column("n", "string")])
    made = theirs.create_table(
        name,
        schema,
        comment="a view",
        table_type=odps.models.Table.Type.VIRTUAL_VIEW,
        view_text=f"SELECT id + 1, name FROM {plain.name}",
    )
    assert made.is_virtual_view
    assert made.type == odps.models.Table.Type.VIRTUAL_VIEW
    assert (made.view_text, made.comment) == (f"SELECT id + 1, name FROM {plain.name}", "a view")
    assert columns_of(made) == {"k": "bigint", "n": "string"}
    assert made.table_schema["k"].comment == "it's the key"
    assert "VIEW" in made.get_ddl()
    with theirs.execute_sql(f"SELECT * FROM {name} ORDER BY k").open_reader() as reader:
        assert [tuple(record.values) for record in reader] == [(2, "a"), (3, "b")]
    with theirs.execute_sql(f"DESC {name}").open_reader() as reader:
        assert "| VirtualView  : YES" in reader.raw
    made.set_comment("another")
    made.set_owner("ALIYUN$other")
    made.rename(f"{name}2")
    found = theirs.get_table(f"{name}2")
    assert (found.comment, found.owner) == ("another", "ALIYUN$other")
    listed = [one.name for one in theirs.list_tables(prefix=name, type="virtual_view")]
    assert listed == [f"{name}2"]
    assert ours.table(f"{name}2").info.is_view
    theirs.delete_view(f"{name}2")
    assert not theirs.exist_table(f"{name}2")


def test_a_view_has_no_rows_but_those_of_its_query(plain: Any, theirs: Any, sides: Sides) -> None:
    name = f"{plain.name}_v"
    theirs.execute_sql(f"CREATE VIEW {name} AS SELECT id FROM {plain.name}")
    with pytest.raises(odps.errors.ODPSError, match="is a view, which has no rows of its own"):
        sides.storage.create_table_read_session(name)
    with pytest.raises(odps.errors.ODPSError, match="is a view, which has no rows of its own"):
        sides.storage.create_table_write_session(name)
    with pytest.raises(odps.errors.ODPSError, match="is a view"):
        theirs.get_table(name).head(1)
    theirs.delete_view(name)


def test_tables_and_partitions_are_shown(parted: Any, theirs: Any) -> None:
    with theirs.execute_sql(f"show partitions {parted.name}").open_reader() as reader:
        assert reader.raw.splitlines() == ["pt=x", "pt=y", "pt=z"]
    with theirs.execute_sql(f"show tables like '{parted.name}*'").open_reader() as reader:
        assert reader.raw.strip() == f"ALIYUN$local:{parted.name}"
    with theirs.execute_sql(f"show create table {parted.name}").open_reader() as reader:
        assert reader.raw.startswith(f"CREATE TABLE IF NOT EXISTS `demo`.`{parted.name}` (")
    with theirs.execute_sql(f"desc extended {parted.name}").open_reader() as reader:
        assert "| Native Columns:" in reader.raw
        assert str(dt.datetime.now(tz=dt.UTC).year) in reader.raw

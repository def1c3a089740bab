"""What SHOW and DESC answer, to the letter."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from odps_frames.wire import catalog
from odps_frames.wire.instance import TaskStatus

EVERYTHING = """CREATE TABLE IF NOT EXISTS `demo`.`t` (
  `id` bigint NOT NULL COMMENT 'it\\'s \\\\ the key',
  `name` string DEFAULT 'x',
  `price` decimal(10,2) DEFAULT -1.50,
  `more` map<string,array<struct<x:int,y:varchar(3)>>>
)
COMMENT 'tab'
PARTITIONED BY (
  `pt` string COMMENT 'the day',
  `n` int
)
CLUSTERED BY (`id`) SORTED BY (`name` DESC, `id` ASC) INTO 8 BUCKETS
TBLPROPERTIES ('k'='v', 'w'='')
LIFECYCLE 30"""
KEYED = """CREATE TABLE IF NOT EXISTS `demo`.`k` (
  `id` bigint NOT NULL,
  `v` string,
  PRIMARY KEY (`id`)
)
TBLPROPERTIES ('transactional'='true', 'write.bucket.num'='4')"""


def shown(service: Any, sql: str, **settings: Any) -> str:
    status, text = service.run(sql, **settings)
    assert status is TaskStatus.SUCCESS, text
    return str(text)


def described(service: Any, name: str) -> Any:
    ref = service.ref(name)
    plain = catalog.decode_table(service.send(catalog.encode_get_table(ref)), ref).value
    more = service.send(catalog.encode_get_table(ref, extended=True))
    return catalog.decode_table(more, ref, known=plain).value


@pytest.mark.parametrize(("name", "sql"), [("t", EVERYTHING), ("k", KEYED)])
def test_a_table_is_made_again_from_what_is_shown(service: Any, name: str, sql: str) -> None:
    service.sql(sql)
    assert shown(service, f"SHOW CREATE TABLE {name}") == sql
    before = described(service, name)
    service.sql(f"DROP TABLE {name}")
    service.sql(sql)
    after = described(service, name)
    for same in ("schema", "comment", "lifecycle", "properties", "primary_key", "buckets"):
        assert getattr(before, same) == getattr(after, same)


def test_a_view_is_made_again_from_what_is_shown(service: Any) -> None:
    sql = (
        "CREATE VIEW IF NOT EXISTS `demo`.`v` (\n  `a` COMMENT 'A',\n  `b`\n)\nCOMMENT 'vw'\n"
        "AS SELECT 1 AS x, 'y;' -- why\n AS y"
    )
    service.sql(sql)
    assert shown(service, "SHOW CREATE TABLE v") == sql
    service.sql("DROP VIEW v")
    service.sql(f"{sql};")
    assert shown(service, "SHOW CREATE TABLE v") == sql


def test_tables_are_listed_with_their_owners(service: Any) -> None:
    service.sql("CREATE SCHEMA s")
    for name in ("b", "a", "demo.s.c"):
        service.sql(f"CREATE TABLE {name} (x INT)")
    service.sql("ALTER TABLE b CHANGEOWNER TO 'RAM$x:y'")
    assert shown(service, "SHOW TABLES") == "ALIYUN$local:a\nRAM$x:y:b"
    assert shown(service, "show tables in demo.s;") == "ALIYUN$local:c"
    assert shown(service, "SHOW TABLES", hints={"odps.default.schema": "s"}) == "ALIYUN$local:c"
    hints = {"odps.namespace.schema": "true"}
    assert shown(service, "SHOW TABLES FROM s", hints=hints) == "ALIYUN$local:c"
    assert shown(service, "SHOW TABLES LIKE 'A*'") == "ALIYUN$local:a"
    assert shown(service, "SHOW TABLES IN demo LIKE '*z*'") == ""


def test_lists_of_the_rest_api_know_views(service: Any) -> None:
    service.sql("CREATE TABLE t (x INT)")
    service.sql("CREATE VIEW v AS SELECT 1 AS x")
    reply = catalog.decode_tables(service.send(catalog.encode_list_tables("demo")))
    assert [(one.name, one.type) for one in reply.value.items] == [
        ("t", "MANAGED_TABLE"),
        ("v", "VIRTUAL_VIEW"),
    ]


def test_a_table_is_described(service: Any) -> None:
    service.sql(
        "CREATE TABLE t (id BIGINT NOT NULL COMMENT 'the key', name_that_is_long STRING) "
        "COMMENT 'tab' PARTITIONED BY (pt STRING COMMENT 'day') LIFECYCLE 7"
    )
    assert shown(service, "DESC t") == (
        "+------------------------------------------------------------------------------------+\n"
        "| Owner:                    ALIYUN$local                                             |\n"
        "| Project:                  demo                                                     |\n"
        "| TableComment: tab                                                                  |\n"
        "+------------------------------------------------------------------------------------+\n"
        "| CreateTime:               2026-01-02 11:04:05                                      |\n"
        "| LastDDLTime:              2026-01-02 11:04:05                                      |\n"
        "| LastModifiedTime:         2026-01-02 11:04:05                                      |\n"
        "| Lifecycle:                7                                                        |\n"
        "+------------------------------------------------------------------------------------+\n"
        "| InternalTable: YES      | Size: 0                                                  |\n"
        "+------------------------------------------------------------------------------------+\n"
        "| Native Columns:                                                                    |\n"
        "+------------------------------------------------------------------------------------+\n"
        "| Field           | Type       | Label | Comment                                     |\n"
        "+------------------------------------------------------------------------------------+\n"
        "| id              | bigint     |       | the key                                     |\n"
        "| name_that_is_long | string     |       |                                             |\n"
        "+------------------------------------------------------------------------------------+\n"
        "| Partition Columns:                                                                 |\n"
        "+------------------------------------------------------------------------------------+\n"
        "| pt              | string     | day                                                 |\n"
        "+------------------------------------------------------------------------------------+\n"
    )
    assert shown(service, "DESCRIBE demo.t") == shown(service, "DESC t;")


def test_times_are_in_the_zone_of_the_statement(service: Any) -> None:
    service.sql("CREATE TABLE t (id BIGINT)")
    found = shown(service, "DESC t", hints={"odps.sql.timezone": "UTC"})
    assert "| CreateTime:               2026-01-02 03:04:05 " in found


def test_a_table_is_described_in_full(service: Any) -> None:
    service.sql(EVERYTHING)
    values: dict[str, Any] = {"id": [1], "name": ["n"], "price": pa.nulls(1), "more": pa.nulls(1)}
    service.write(pa.table({**values, "pt": ["x"], "n": [1]}))
    found = shown(service, "DESC EXTENDED t").splitlines()
    info = described(service, "t")
    assert found[12:18] == [
        "| Native Columns:                                                                    |",
        f"+{'-' * 84}+",
        "| Field    | Type   | Label | ExtendedLabel | Nullable | DefaultValue | Comment      |",
        f"+{'-' * 84}+",
        "| id       | bigint |       |               | false    | NULL         | it's \\ the key |",
        "| name     | string |       |               | true     | 'x'          |              |",
    ]
    assert found[-10:-1] == [
        f"+{'-' * 84}+",
        f"| TableID:                  {info.table_id:<56} |",
        f"| IsArchived:               {'false':<56} |",
        f"| PhysicalSize:             {info.n_bytes:<56} |",
        f"| FileNum:                  {1:<56} |",
        f"| ClusterType:              {'hash':<56} |",
        f"| BucketNum:                {8:<56} |",
        f"| ClusterColumns:           {'[id]':<56} |",
        f"| SortColumns:              {'[name DESC, id]':<56} |",
    ]


def test_a_key_table_is_described_in_full(service: Any) -> None:
    service.sql(KEYED)
    found = shown(service, "DESC EXTENDED k")
    for name, value in (
        ("Transactional:", "true"),
        ("Primarykey:", "[id]"),
        ("acid.data.retain.hours:", "24"),
        ("write.bucket.num:", "4"),
    ):
        assert f"| {name:<25} {value:<56} |\n" in found


def test_a_partition_is_described(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING) LIFECYCLE 3")
    service.write(pa.table({"a": [1, 2], "pt": ["x", "x"]}))
    size = described(service, "t").n_bytes
    plain = (
        f"+{'-' * 84}+\n"
        f"| PartitionSize: {size:<67} |\n"
        f"+{'-' * 84}+\n"
        f"| CreateTime:               {'2026-01-02 11:04:05':<56} |\n"
        f"| LastDDLTime:              {'2026-01-02 11:04:05':<56} |\n"
        f"| LastModifiedTime:         {'2026-01-02 11:04:05':<56} |\n"
        f"+{'-' * 84}+\n"
    )
    assert shown(service, "DESC t PARTITION (pt='x')") == plain
    more = (
        f"| LifeCycle:                {3:<56} |\n"
        f"| IsExstore:                {'false':<56} |\n"
        f"| IsArchived:               {'false':<56} |\n"
        f"| PhysicalSize:             {size:<56} |\n"
        f"| FileNum:                  {1:<56} |\n"
        f"+{'-' * 84}+\n"
    )
    assert shown(service, "DESC EXTENDED t PARTITION (pt='x')") == plain + more
    service.sql("ALTER TABLE t PARTITION (pt='x') DISABLE LIFECYCLE")
    assert "LifeCycle" not in shown(service, "DESC EXTENDED t PARTITION (pt='x')")


def test_a_view_is_described(service: Any) -> None:
    service.sql("CREATE VIEW v (a COMMENT 'A') AS SELECT 1")
    found = shown(service, "DESC EXTENDED v")
    assert f"| {'VirtualView  : YES':<82} |\n| ViewText: {'SELECT 1':<72} |\n" in found
    assert "Extended Info" not in found


@pytest.mark.parametrize(
    ("sql", "code", "words"),
    [
        ("DESC t PARTITION (pt='q')", "0110061", "does not exist"),
        ("DESC t PARTITION (q='q')", "0130071", "the partition columns are: pt"),
        ("DESC nope", "0130131", "cannot be resolved"),
        ("DESC nowhere.t", "0130131", "project 'nowhere' does not exist"),
        ("SHOW PARTITIONS t PARTITION (q='q')", "0130071", "the partition columns are: pt"),
        ("SHOW TABLES IN demo.nope", "0130131", "schema demo.nope does not exist"),
        ("SHOW TABLES LIKE 'a.b'", "0130161", "'*' for any"),
        ("SHOW TABLES LIKE a", "0130161", "expected a text"),
        ("DESC", "0130161", "the name of a table"),
    ],
)
def test_what_cannot_be_shown(service: Any, sql: str, code: str, words: str) -> None:
    service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING)")
    status, text = service.run(sql)
    assert status is TaskStatus.FAILED
    assert text.startswith(f"ODPS-{code}:")
    assert words in text

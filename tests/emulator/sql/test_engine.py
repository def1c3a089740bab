from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from odps_frames.errors import NotFound, ServiceError
from odps_frames.model.schema import Column
from odps_frames.model.types import parse_type
from odps_frames.wire import catalog, instance
from odps_frames.wire.instance import TaskStatus


def table(service: Any, name: str = "t") -> Any:
    ref = service.ref(name)
    return catalog.decode_table(service.send(catalog.encode_get_table(ref)), ref).value


def partitions(service: Any) -> list[str]:
    reply = catalog.decode_partitions(service.send(catalog.encode_list_partitions(service.ref())))
    return [str(info.partition) for info in reply.value.items]


@pytest.fixture
def parted(service: Any) -> Any:
    service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING, n INT)")
    return service


def fails(service: Any, sql: str) -> str:
    status, text = service.run(sql)
    assert status is TaskStatus.FAILED
    return str(text)


def test_a_table_is_what_was_said(service: Any) -> None:
    service.sql(
        "CREATE TABLE Demo.`T` (A BIGINT NOT NULL COMMENT 'x', b MAP<STRING,INT>) COMMENT 'hello' "
        "PARTITIONED BY (PT STRING) TBLPROPERTIES ('k'='v') LIFECYCLE 7"
    )
    info = table(service)
    assert info.schema.columns == (
        Column("a", parse_type("bigint"), "x", False),  # noqa: FBT003
        Column("b", parse_type("map<string,int>")),
    )
    assert info.schema.partition_names == ("pt",)
    assert (info.comment, info.lifecycle, dict(info.properties)) == ("hello", 7, {"k": "v"})
    assert (info.n_rows, info.n_bytes) == (0, 0)


def test_making_a_table_twice(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT)")
    assert fails(service, "create table T (b INT)").startswith("ODPS-0130211:[1,14] ")
    service.sql("CREATE TABLE IF NOT EXISTS t (b INT)")
    assert table(service).schema.names == ("a",)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("CREATE TABLE t (a INT, A STRING)", "twice"),
        ("CREATE TABLE t (a INT) PARTITIONED BY (a STRING)", "twice"),
        ("CREATE TABLE t (a GEOGRAPHY)", "geography"),
        ("CREATE TABLE t (a INT) PARTITIONED BY (p DOUBLE)", "double"),
    ],
)
def test_tables_that_cannot_be(service: Any, sql: str, words: str) -> None:
    text = fails(service, sql)
    assert text.startswith("ODPS-0130071:[1,14]")
    assert words in text


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE nope",
        "TRUNCATE TABLE nope",
        "ALTER TABLE nope ADD COLUMNS (c INT)",
        "ALTER TABLE nope ADD PARTITION (pt='x')",
        "ALTER TABLE nope DROP IF EXISTS PARTITION (pt='x')",
        "DROP TABLE foreign.t",
        "DROP TABLE demo.other.t",
    ],
)
def test_unknown_tables(service: Any, sql: str) -> None:
    text = fails(service, sql)
    assert text.startswith("ODPS-0130131:[1,1")
    assert "Table not found" in text


def test_dropping_a_table(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT)")
    service.sql("DROP TABLE t")
    with pytest.raises(NotFound):
        table(service)
    service.sql("DROP TABLE IF EXISTS t")


def test_two_parts_are_schema_and_table_where_the_hint_says_so(service: Any) -> None:
    hints = {"odps.namespace.schema": "true"}
    assert service.run("CREATE TABLE default.t (a INT)", hints=hints)[0] is TaskStatus.SUCCESS
    assert service.run("DROP TABLE other.t", hints=hints)[0] is TaskStatus.FAILED
    service.sql("DROP TABLE demo.default.t")


def test_partitions(parted: Any) -> None:
    parted.sql("ALTER TABLE t ADD PARTITION (pt='b',n=01) PARTITION (n='2',pt='a')")
    assert partitions(parted) == ["pt=a,n=2", "pt=b,n=1"]
    text = fails(parted, "ALTER TABLE t ADD PARTITION (pt='c',n=1) PARTITION (pt='b',n=1)")
    assert text.startswith("ODPS-0130221:[1,13]")
    assert partitions(parted) == ["pt=a,n=2", "pt=b,n=1"]
    parted.sql("ALTER TABLE t ADD IF NOT EXISTS PARTITION (pt='b',n=1)")
    parted.sql("ALTER TABLE t DROP PARTITION (pt='b',n=1)")
    assert fails(parted, "ALTER TABLE t DROP PARTITION (pt='b',n=1)").startswith("ODPS-0110061")
    parted.sql("ALTER TABLE t DROP IF EXISTS PARTITION (pt='b',n=1)")
    assert partitions(parted) == ["pt=a,n=2"]


@pytest.mark.parametrize(
    "spec", ["pt='a'", "pt='a',n='x'", "pt='a',n=1,z=2", "pt='',n=1", "pt='a',n=1,n=2"]
)
def test_partitions_that_cannot_be(parted: Any, spec: str) -> None:
    assert fails(parted, f"ALTER TABLE t ADD PARTITION ({spec})").startswith("ODPS-0130071:[1,13]")
    assert partitions(parted) == []


def test_dropping_a_partition_drops_its_rows(parted: Any) -> None:
    parted.write(pa.table({"a": [1, 2], "pt": ["x", "y"], "n": [1, 1]}))
    parted.sql("ALTER TABLE t DROP PARTITION (pt='x',n=1)")
    parted.sql("ALTER TABLE t ADD PARTITION (pt='x',n=1)")
    assert parted.read()["a"].to_pylist() == [2]


def test_truncating(parted: Any) -> None:
    parted.write(pa.table({"a": [1, 2, 3], "pt": ["x", "y", "z"], "n": [1, 1, 1]}))
    parted.sql("TRUNCATE TABLE t PARTITION (pt='x',n=1)")
    assert parted.read()["a"].to_pylist() == [2, 3]
    assert fails(parted, "TRUNCATE TABLE t PARTITION (pt='q',n=1)").startswith("ODPS-0110061")
    parted.sql("TRUNCATE TABLE t")
    assert parted.read().num_rows == 0
    assert len(partitions(parted)) == 3


def test_adding_columns(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT)")
    service.sql("ALTER TABLE t ADD COLUMNS (b STRING COMMENT 'x', c INT)")
    assert table(service).schema.names == ("a", "b", "c")
    assert "exists already" in fails(service, "ALTER TABLE t ADD COLUMNS (B INT)")
    service.sql("ALTER TABLE t ADD COLUMNS IF NOT EXISTS (b INT, d INT)")
    assert table(service).schema.names == ("a", "b", "c", "d")
    assert "NOT NULL" in fails(service, "ALTER TABLE t ADD COLUMNS (e INT NOT NULL)")
    assert "twice" in fails(service, "ALTER TABLE t ADD COLUMNS (e INT, E INT)")
    assert "variant" in fails(service, "ALTER TABLE t ADD COLUMNS (e VARIANT)")


def test_a_statement_of_an_unknown_project(service: Any) -> None:
    request = instance.encode_submit("nowhere", instance.Statement(sql="DROP TABLE t"))
    with pytest.raises(ServiceError) as refusal:
        instance.decode_submitted(service.send(request))
    assert (refusal.value.status, refusal.value.code) == (404, "NoSuchProject")

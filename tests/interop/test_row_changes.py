"""Statements that change rows, as an unmodified pyodps runs and follows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import odps  # type: ignore[import-untyped]
import pyarrow as pa
import pytest

import odps_frames as of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.client import Client

    Sides = Any  # the class of a fixture, which no test module can import

ROWS = pa.table({"id": range(1000), "name": [f"name {n % 7}" for n in range(1000)]})
MERGE = (
    "MERGE INTO {} t USING (SELECT 1 id UNION ALL SELECT 9) s ON t.id = s.id WHEN MATCHED "
    "THEN UPDATE SET v = 'm' WHEN NOT MATCHED THEN INSERT VALUES (s.id, 'n')"
)
ENDLESS = (
    "INSERT INTO {0} SELECT a.id, a.name FROM {0} a JOIN {0} b JOIN {0} c JOIN {0} d "
    "JOIN {0} e WHERE a.id + b.id + c.id + d.id + e.id < 0"
)


@pytest.fixture
def filled(ours: Client, table: str) -> Iterator[str]:
    of.to_odps(ROWS, table, client=ours, create=True)
    yield table
    ours.drop_table(table)


def rows_of(theirs: Any, sql: str, **options: Any) -> list[list[Any]]:
    with theirs.execute_sql(sql).open_reader(**options) as reader:
        return [list(record.values) for record in reader]


def test_rows_are_inserted_and_read_back(theirs: Any, table: str) -> None:
    theirs.execute_sql(f"CREATE TABLE {table} (id BIGINT, name STRING) PARTITIONED BY (pt STRING)")
    instance = theirs.execute_sql(
        f"INSERT INTO {table} PARTITION (pt) VALUES (1, 'a', 'x'), (2, null, 'y')"
    )
    assert instance.is_successful()
    assert instance.get_task_result("AnonymousSQLTask") == ""
    assert rows_of(theirs, f"SELECT * FROM {table} ORDER BY id") == [[1, "a", "x"], [2, None, "y"]]
    assert [str(one.partition_spec) for one in theirs.get_table(table).partitions] == [
        "pt='x'",
        "pt='y'",
    ]


def test_a_reader_of_a_statement_without_rows_is_empty(theirs: Any, filled: str) -> None:
    instance = theirs.execute_sql(f"INSERT INTO {filled} SELECT id + 1000, name FROM {filled}")
    with instance.open_reader() as reader:
        assert reader.raw == ""
    with pytest.raises(odps.errors.InstanceTypeNotSupported):
        instance.open_reader(tunnel=True)
    assert rows_of(theirs, f"SELECT count(*) FROM {filled}") == [[2000]]


def test_rows_are_updated_deleted_and_merged(sides: Sides, table: str) -> None:
    theirs = sides.theirs
    theirs.execute_sql(
        f"CREATE TABLE {table} (id BIGINT NOT NULL, v STRING, PRIMARY KEY (id)) "
        "TBLPROPERTIES ('transactional'='true')"
    )
    for sql in (
        "INSERT INTO {} VALUES (1, 'a'), (2, 'b'), (3, 'c')",
        "UPDATE {} SET v = concat(v, '!') WHERE id = 2",
        "DELETE FROM {} WHERE id = 3",
        MERGE,
    ):
        theirs.execute_sql(sql.format(table))
    assert rows_of(theirs, f"SELECT * FROM {table} ORDER BY id") == [[1, "m"], [2, "b!"], [9, "n"]]
    assert sides.read(table).sort_by("id").to_pydict() == {"id": [1, 2, 9], "v": ["m", "b!", "n"]}


def test_a_table_is_made_of_a_query(theirs: Any, filled: str) -> None:
    theirs.execute_sql(
        f"CREATE TABLE {filled}_2 LIFECYCLE 3 AS "
        f"SELECT name, count(*) AS n FROM {filled} GROUP BY name"
    )
    made = theirs.get_table(f"{filled}_2")
    assert [(one.name, str(one.type)) for one in made.table_schema.columns] == [
        ("name", "STRING"),
        ("n", "BIGINT"),
    ]
    assert made.lifecycle == 3
    assert sum(row[1] for row in rows_of(theirs, f"SELECT * FROM {filled}_2")) == 1000
    made.drop()


def test_errors_tell_their_code_and_place(theirs: Any, filled: str) -> None:
    with pytest.raises(
        odps.errors.ODPSError, match=r"ODPS-0130071:\[1,\d+\].*wrong columns count 1"
    ):
        theirs.execute_sql(f"INSERT INTO {filled} VALUES (1)")
    with pytest.raises(odps.errors.ODPSError, match="is not transactional"):
        theirs.execute_sql(f"UPDATE {filled} SET id = 1")


def test_a_statement_is_stopped_and_leaves_nothing(theirs: Any, filled: str) -> None:
    instance = theirs.run_sql(ENDLESS.format(filled))
    assert instance.status == odps.models.Instance.Status.RUNNING
    assert list(instance.get_task_progress("AnonymousSQLTask").stages) is not None
    instance.stop()
    instance.wait_for_completion()
    assert not instance.is_successful()
    assert rows_of(theirs, f"SELECT count(*) FROM {filled}") == [[1000]]


def test_settings_before_a_statement_hold_for_it(theirs: Any, table: str) -> None:
    theirs.execute_sql(f"CREATE TABLE {table} (s STRING)")
    theirs.execute_sql(
        f"SET odps.sql.timezone=UTC;\nINSERT INTO {table} SELECT cast(from_unixtime(0) AS STRING);"
    )
    assert rows_of(theirs, f"SELECT * FROM {table}") == [["1970-01-01 00:00:00"]]

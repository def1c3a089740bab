"""Views: queries under a name, which SELECT reads and nothing else."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import odps_frames as of
from odps_frames.client import CURRENT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from odps_frames.local import LocalClient


@pytest.fixture
def client(tmp_path: Path) -> Iterator[LocalClient]:
    with of.local(tmp_path / "tables", project="proj") as found:
        CURRENT.forget(found)
        of.to_odps(pd.DataFrame({"id": [1, 2, 3]}), "t", client=found, create=True)
        yield found


def rows(client: LocalClient, sql: str, **hints: str) -> list[tuple[Any, ...]]:
    dotted = {name.replace("_", "."): value for name, value in hints.items()}
    found = client.sql(sql, hints=dotted).result().to_pylist()
    return [tuple(row.values()) for row in found]


def fault(client: LocalClient, sql: str) -> str:
    with pytest.raises(of.OdpsError) as failed:
        client.sql(sql).wait()
    return str(failed.value)


def test_a_view_is_described_with_its_query(client: LocalClient) -> None:
    client.run("CREATE VIEW v (k COMMENT 'the key') COMMENT 'vw' AS SELECT id * 2 FROM t;")
    info = client.table("v").info
    assert (info.is_view, info.view_text, info.comment) == (True, "SELECT id * 2 FROM t", "vw")
    assert [(c.name, str(c.type), c.comment) for c in info.schema.columns] == [
        ("k", "bigint", "the key")
    ]


def test_a_view_sees_the_rows_of_now(client: LocalClient) -> None:
    client.run("CREATE VIEW v AS SELECT count(*) AS n FROM t")
    assert rows(client, "SELECT * FROM v") == [(3,)]
    of.to_odps(pd.DataFrame({"id": [4]}), "t", client=client)
    assert rows(client, "SELECT * FROM v") == [(4,)]


def test_rows_of_a_view_come_through_a_query_only(client: LocalClient) -> None:
    client.run("CREATE VIEW v AS SELECT id FROM t")
    with pytest.raises(of.OdpsError, match=r"proj\.v is a view, which has no rows of its own"):
        of.read_odps("v", client=client)
    with pytest.raises(of.OdpsError, match="read the result of a query over it"):
        of.to_odps(pd.DataFrame({"id": [4]}), "v", client=client)
    with pytest.raises(of.OdpsError, match="is a view"):
        client.preview("v")
    assert sorted(of.read_odps("SELECT * FROM v", client=client)["id"]) == [1, 2, 3]


def test_names_in_a_view_mean_what_they_did_when_it_was_made(client: LocalClient) -> None:
    client.create_schema("s")
    hints = {"odps.default.schema": "s"}
    client.sql("CREATE TABLE t (id BIGINT)", hints=hints).wait()
    client.sql("CREATE VIEW here AS SELECT count(*) AS n FROM t", hints=hints).wait()
    client.sql("CREATE VIEW proj.default.there AS SELECT n FROM here", hints=hints).wait()
    assert rows(client, "SELECT n FROM proj.s.here") == [(0,)]
    assert rows(client, "SELECT n FROM there") == [(0,)]
    both = "SELECT h.n, count(*) FROM here h CROSS JOIN proj.default.t GROUP BY h.n"
    assert rows(client, both, odps_default_schema="s") == [(0, 3)]


def test_the_time_zone_is_that_of_who_asks(client: LocalClient) -> None:
    sql = "CREATE VIEW v AS SELECT cast(from_unixtime(0) AS STRING) AS x"
    client.sql(sql, hints={"odps.sql.timezone": "America/New_York"}).wait()
    assert rows(client, "SELECT x FROM v") == [("1970-01-01 08:00:00",)]
    assert rows(client, "SELECT x FROM v", odps_sql_timezone="UTC") == [("1970-01-01 00:00:00",)]


def test_a_view_outlives_the_service(client: LocalClient, tmp_path: Path) -> None:
    client.run("CREATE VIEW v AS SELECT id FROM t WHERE id > 1")
    client.close()
    with of.local(tmp_path / "tables", project="proj") as again:
        CURRENT.forget(again)
        assert sorted(rows(again, "SELECT * FROM v")) == [(2,), (3,)]


def test_replacing_a_view_keeps_its_owner_and_its_readers_see_the_new_one(
    client: LocalClient,
) -> None:
    client.run("CREATE VIEW v AS SELECT id FROM t")
    client.run("ALTER VIEW v CHANGEOWNER TO 'ALIYUN$other'")
    client.run("ALTER VIEW v SET COMMENT 'old'")
    client.run("CREATE VIEW w AS SELECT max(id) AS m FROM v")
    client.run("CREATE OR REPLACE VIEW v AS SELECT id * 10 AS id FROM t")
    info = client.table("v").info
    assert (info.owner, info.comment) == ("ALIYUN$other", "")
    assert rows(client, "SELECT * FROM w") == [(30,)]


def test_a_view_keeps_its_columns_when_its_table_gets_more(client: LocalClient) -> None:
    client.run("CREATE VIEW v AS SELECT * FROM t")
    client.run("ALTER TABLE t ADD COLUMNS (x STRING)")
    client.run("ALTER TABLE t CHANGE COLUMN id id BIGINT AFTER x")
    assert sorted(rows(client, "SELECT * FROM v")) == [(1,), (2,), (3,)]
    client.run("ALTER TABLE t CHANGE COLUMN id RENAME TO k")
    assert "view proj.v was made over columns id" in fault(client, "SELECT * FROM v")
    client.run("ALTER TABLE t CHANGE COLUMN x RENAME TO id")
    client.run("CREATE OR REPLACE VIEW v AS SELECT * FROM t")
    assert client.table("v").schema.names == ("id", "k")


def test_a_fault_inside_names_table_and_view(client: LocalClient) -> None:
    client.run("CREATE VIEW v AS SELECT id FROM t")
    client.run("CREATE VIEW w AS SELECT id FROM v")
    client.run("DROP TABLE t")
    text = fault(client, "SELECT 1,\n  x.id FROM w x")
    assert text.startswith("ODPS-0130131:[2,13] Table not found - table t cannot be resolved")
    assert "(in view proj.v) (in view proj.w)" in text


@pytest.mark.parametrize("how", ["replaced", "renamed"])
def test_no_view_refers_to_itself(client: LocalClient, how: str) -> None:
    client.run("CREATE VIEW a AS SELECT id FROM t")
    client.run("CREATE VIEW b AS SELECT id FROM a")
    if how == "replaced":
        text = fault(client, "CREATE OR REPLACE VIEW a AS SELECT id FROM b")
        assert "view proj.a refers to itself" in text
        return
    client.run("DROP VIEW a")
    client.run("ALTER VIEW b RENAME TO a")
    assert "view proj.a refers to itself" in fault(client, "SELECT * FROM a")


def test_views_inside_each_other_have_a_bound(client: LocalClient) -> None:
    client.run("CREATE VIEW v0 AS SELECT id FROM t")
    for number in itertools.count(1):
        sql = f"CREATE VIEW v{number} AS SELECT id FROM v{number - 1}"
        if number > 31:
            assert "more than 32 views inside each other" in fault(client, sql)
            break
        client.run(sql)
    assert sorted(rows(client, "SELECT id FROM v30")) == [(1,), (2,), (3,)]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("CREATE VIEW v AS SELECT nope FROM t", "nope"),
        ("CREATE VIEW v AS SELECT id FROM", "Parse exception"),
        ("CREATE VIEW v AS DROP TABLE t", "expected a query"),
        ("CREATE VIEW v AS", "expected a query"),
        ("CREATE VIEW v (a, a) AS SELECT 1 AS x, 2 AS y", "stand twice"),
        ("CREATE VIEW v AS SELECT 1 AS x, 2 AS x", "stands twice"),
        ("CREATE VIEW v PARTITIONED ON (a) AS SELECT 1 AS a", "CREATE VIEW ... PARTITIONED"),
        ("CREATE VIEW v AS SELECT 1 AS a; SELECT 2", "odps.sql.submit.mode=script"),
        ("CREATE VIEW t AS SELECT 1 AS a", "already exists"),
        ("ALTER VIEW t RENAME TO u", "is a table; say TABLE, not VIEW"),
        ("ALTER VIEW nope RENAME TO u", "cannot be resolved"),
    ],
)
def test_views_that_cannot_be(client: LocalClient, sql: str, words: str) -> None:
    before = client.sql("SHOW TABLES").text
    assert words in fault(client, sql)
    assert client.sql("SHOW TABLES").text == before


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE v ADD COLUMNS (b INT)",
        "ALTER TABLE v DROP COLUMNS id",
        "ALTER TABLE v SET LIFECYCLE 1",
        "ALTER TABLE v TOUCH",
        "ALTER TABLE v ADD PARTITION (p='1')",
        "TRUNCATE TABLE v",
        "SHOW PARTITIONS v",
        "DESC v PARTITION (p='1')",
        "CREATE TABLE u LIKE v",
    ],
)
def test_what_is_said_of_tables_is_not_said_of_views(client: LocalClient, sql: str) -> None:
    client.run("CREATE VIEW v AS SELECT id FROM t")
    assert "proj.v is a view" in fault(client, sql)

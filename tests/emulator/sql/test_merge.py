"""MERGE INTO: all of it at once, and no row twice."""

from __future__ import annotations

from typing import Any

import pytest

import odps_frames as of

Place = Any  # of a fixture, whose class no test module can import

ACID = "tblproperties ('transactional'='true')"
SYNC = (
    "merge into t using s on t.id = s.id when matched and s.v is null then delete when matched "
    "then update set v = s.v when not matched then insert values (s.id, s.v)"
)


@pytest.fixture(params=["plain", "keyed"])
def tables(request: pytest.FixtureRequest, place: Place) -> Place:
    key = ", primary key (id)" if request.param == "keyed" else ""
    place.run(
        f"create table t (id bigint not null, v string{key}) {ACID}",
        "create table s (id bigint, v string)",
        "insert into t values (1, 'a'), (2, 'b'), (3, 'c')",
        "insert into s values (2, 'B'), (3, null), (4, 'D')",
    )
    return place


def test_rows_change_in_one_version(tables: Place) -> None:
    since = of.read_odps_changes(tables.name("t"), since=0, client=tables.client).next
    tables.run(SYNC)
    assert tables.version("t") == 2
    assert tables.rows("select * from t") == [(1, "a"), (2, "B"), (4, "D")]
    frame = of.read_odps_changes(tables.name("t"), since=since, client=tables.client).frame
    gone = frame[frame["_op"] == "delete"]
    assert "c" in set(gone["v"])
    assert 1 not in set(frame["id"])


def test_a_merge_that_fails_leaves_all_as_it_was(tables: Place) -> None:
    tables.run("insert into s values (2, 'twice')")
    assert "does not support update or delete of a duplicate row" in str(tables.fault(SYNC))
    tables.run("insert overwrite table s values (null, 'x'), (2, 'y')")
    assert "NULL; the column is NOT NULL" in str(tables.fault(SYNC))
    assert tables.version("t") == 1
    assert tables.rows("select * from t") == [(1, "a"), (2, "b"), (3, "c")]


def test_merges_of_the_same_rows_do_not_both_win(tables: Place) -> None:
    with tables.held():
        queries = [tables.begin(SYNC) for _ in range(2)]
    codes = []
    for query in queries:
        try:
            query.wait()
            codes.append("")
        except of.SqlError as error:
            codes.append(str(error.code))
    assert sorted(codes) == ["", "ODPS-0110141"]
    assert tables.rows("select * from t") == [(1, "a"), (2, "B"), (4, "D")]


def test_the_table_may_be_its_own_source(tables: Place) -> None:
    tables.run(
        "merge into t a using (select id + 1 as id, v from t) b on a.id = b.id "
        "when matched then update set v = b.v when not matched then insert values (b.id, b.v)"
    )
    assert tables.rows("select * from t") == [(1, "a"), (2, "a"), (3, "b"), (4, "c")]


def test_names_of_the_table_and_of_its_source_may_change_places(tables: Place) -> None:
    tables.run("merge into t as s using s as t on s.id = t.id when matched then delete")
    assert tables.rows("select * from t") == [(1, "a")]


def test_conditions_need_not_be_equations(tables: Place) -> None:
    tables.run(
        "merge into t using (select 2 as low) s on t.id < s.low when matched then update "
        "set v = concat(t.v, '<', s.low) when not matched by source then delete"
    )
    assert tables.rows("select * from t") == [(1, "a<2")]


def test_columns_of_both_sides_are_told_apart(tables: Place) -> None:
    assert "column v is ambiguous" in str(
        tables.fault("merge into t using s on t.id = s.id when matched then update set v = v")
    )


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("merge into t using s on t.id = s.id", "Parse exception"),
        ("merge into t using (select 1 as id) on 1 = 1 when matched then delete", "needs an alias"),
        ("merge into (select 1 as id) t using s on t.id = s.id when matched then delete", "table"),
        ("merge into t using t on 1 = 1 when matched then delete", "stands twice in FROM"),
        ("merge into t using s on t.id = s.id when matched then update set *", "SET *"),
        ("merge into t using s on t.id = s.id when not matched then insert *", "INSERT"),
        ("merge into t using s on t.id = s.id when not matched then delete", "no part of MERGE"),
        (
            "merge into t using s on t.id = s.id when matched then insert values (1, 'x')",
            "no part of MERGE",
        ),
        (
            "merge into t using s on t.id = s.id when not matched then insert (v, v) values (1, 2)",
            "each of them once",
        ),
        ("merge into t using s on t.id = s.nope when matched then delete", "s.nope cannot be"),
        ("merge into t using no_such s on t.id = s.id when matched then delete", "ODPS-0130131"),
        ("merge into no_such t using s on t.id = s.id when matched then delete", "ODPS-0130131"),
    ],
)
def test_what_is_no_merge(tables: Place, sql: str, said: str) -> None:
    assert said in str(tables.fault(sql))
    assert tables.version("t") == 1

"""CREATE TABLE AS: the table and its rows at once, or neither."""

from __future__ import annotations

from typing import Any

import pytest

import odps_frames as of

Place = Any  # of a fixture, whose class no test module can import


def test_columns_are_those_of_the_query_and_none_parts_the_table(place: Place) -> None:
    place.run(
        "create table s (id bigint not null comment 'key', Name varchar(10)) "
        "partitioned by (p string)",
        "insert into s partition (p='x') values (1, 'a')",
        "create table t lifecycle 7 comment 'copied' tblproperties ('transactional'='true') as "
        "select 1 + 1, *, id * 1.5 as d, array(1) as a, cast(id as decimal(10,2)) as e, null as n "
        "from s",
    )
    info = place.client.table(place.name("t")).info
    assert [(column.name, str(column.type), column.nullable) for column in info.schema.columns] == [
        ("_c0", "bigint", True),
        ("id", "bigint", True),
        ("name", "varchar(10)", True),
        ("p", "string", True),
        ("d", "double", True),
        ("a", "array<bigint>", True),
        ("e", "decimal(10,2)", True),
        ("n", "string", True),
    ]
    assert info.schema.partition_columns == ()
    assert (info.lifecycle, info.comment) == (7, "copied")
    place.run("update t set id = 2")
    assert place.rows("select id, name, p, d, _c0 from t") == [(2, "a", "x", 1.5, 2)]


def test_nothing_is_made_by_one_that_fails_or_is_cancelled(place: Place) -> None:
    place.run("create table s (a bigint)", "insert into s values (300)")
    place.fault("create table t as select cast(-9223372036854775808 as bigint) - a as x from s")
    query = place.begin(f"create table t as select a.id {place.endless()}")
    query.cancel()
    with pytest.raises(of.SqlError, match="cancelled"):
        query.wait()
    assert not place.client.table(place.name("t")).exists()


def test_of_several_that_make_a_table_one_does(place: Place) -> None:
    with place.held():
        several = [place.begin(f"create table t as select {n} as a") for n in range(2)]
        maybe = place.begin("create table if not exists t as select 7 as a")
    ends = []
    for query in (*several, maybe):
        try:
            query.wait()
            ends.append("")
        except of.SqlError as error:
            ends.append(str(error.code))
    assert ends.count("ODPS-0130211") == 2 - ends[:2].count("")
    assert ends[2] == ""
    assert len(place.rows("select * from t")) == 1


def test_a_table_that_is_there_may_be_read_for_its_successor(place: Place) -> None:
    place.run("create table t (a bigint)", "insert into t values (1)")
    place.run(
        "create table t2 as with q as (select a from t) "
        "select a, a as b from q union all select 2, 3"
    )
    assert place.rows("select * from t2") == [(1, 1), (2, 3)]
    place.run("create table if not exists t2 as select nonsense from nowhere")
    assert "ODPS-0130211" in str(place.fault("create table t2 as select 1 as a"))


def test_what_cannot_be_a_table(place: Place) -> None:
    for sql, said in {
        "create table t as select 1 as a, 2 as a": "column a stands twice",
        "create table t as select * from nowhere": "ODPS-0130131",
        "create table t lifecycle x as select 1 as a": "a number of days",
        "create table t tblproperties ('write.bucket.num'='0') as select 1 as a": "bucket.num",
        "create table nowhere.t.x.y as select 1 as a": "more than 3 parts",
    }.items():
        assert said in str(place.fault(sql))
    assert not place.client.table(place.name("t")).exists()

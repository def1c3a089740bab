"""UPDATE and DELETE: new versions beside the old ones, and one winner where two change a row."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import odps_frames as of

Place = Any  # of a fixture, whose class no test module can import

ACID = "tblproperties ('transactional'='true')"
TABLES = {
    "plain": f"create table t (id bigint, v bigint) partitioned by (p string) {ACID}",
    "keyed": "create table t (id bigint not null, v bigint, primary key (id)) "
    f"partitioned by (p string) {ACID}",
}


def ends(queries: list[Any]) -> list[str]:
    """Return the codes of statements that failed, and nothing for those that did not."""
    found = []
    for query in queries:
        try:
            query.wait()
            found.append("")
        except of.SqlError as error:
            found.append(str(error.code))
    return sorted(found)


@pytest.fixture(params=sorted(TABLES))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def table(place: Place, kind: str) -> Place:
    place.run(
        TABLES[kind],
        "insert into t partition (p) values (1,10,'a'),(2,20,'a'),(3,30,'b')",
    )
    return place


def test_each_statement_makes_one_version_and_one_that_changes_nothing_none(table: Place) -> None:
    table.run("update t set v = v + 1 where p = 'a'")
    assert table.version("t") == 2
    table.run("delete from t where id = 3")
    assert table.version("t") == 3
    table.run("update t set v = 0 where id = 77", "delete from t where id is null")
    assert table.version("t") == 3
    assert table.rows("select * from t") == [(1, 11, "a"), (2, 21, "a")]


def test_changes_tell_what_became_of_rows(table: Place, kind: str) -> None:
    since = of.read_odps_changes(table.name("t"), since=0, client=table.client).next
    table.run("update t set v = 99 where id = 2", "delete from t where id = 1")
    frame = of.read_odps_changes(table.name("t"), since=since, client=table.client).frame
    found = sorted(frame.itertuples(index=False, name=None))
    if kind == "keyed":
        assert found == [(1, 10, "a", "delete"), (2, 99, "a", "update")]
    else:
        assert found == [
            (1, 10, "a", "delete"),
            (2, 20, "a", "delete"),
            (2, 99, "a", "insert"),
        ]


def test_whoever_began_to_read_reads_what_was_there(table: Place) -> None:
    session = table.client.read_session(table.name("t"))
    table.run("update t set v = 0", "delete from t where id > 1", "truncate table t")
    assert sorted(session.to_arrow()["v"].to_pylist()) == [10, 20, 30]


def test_of_statements_that_change_the_same_rows_one_wins(table: Place) -> None:
    with table.held():
        queries = [table.begin(f"update t set v = {n} where id = 1") for n in range(2)]
        queries.append(table.begin("delete from t where id = 1"))
    assert ends(queries) == ["", "ODPS-0110141", "ODPS-0110141"]
    assert table.version("t") == 2


def test_statements_that_change_other_partitions_do_not_meet(table: Place) -> None:
    with table.held():
        queries = [
            table.begin("update t set v = 0 where p = 'a'"),
            table.begin("delete from t where p = 'b'"),
            table.begin("insert into t partition (p='c') values (9, 9)"),
        ]
    assert ends(queries) == ["", "", ""]
    assert table.rows("select * from t") == [(1, 0, "a"), (2, 0, "a"), (9, 9, "c")]


@pytest.mark.parametrize(
    "change",
    [
        "truncate table t",
        "alter table t drop partition (p='a')",
        "truncate table t partition (p='a')",
    ],
)
def test_rows_that_went_meanwhile_are_not_brought_back(table: Place, change: str) -> None:
    with table.held():
        query = table.begin("update t set v = 0 where p = 'a'")
        table.run(change)
    with pytest.raises(of.SqlError, match="ODPS-0110141") as failed:
        query.wait()
    assert "hand it in again" in str(failed.value)
    assert not any(row[2] == "a" for row in table.rows("select * from t"))


def test_rows_that_came_meanwhile_hinder_an_update_where_there_is_a_key(
    table: Place, kind: str
) -> None:
    with table.held():
        query = table.begin("update t set v = v + 1 where p = 'a'")
        of.to_odps(
            pa.table({"id": [7], "v": [70], "p": ["a"]}),
            table.name("t"),
            client=table.client,
            partition_cols=["p"],
            mode="upsert" if kind == "keyed" else "append",
        )
    if kind == "plain":  # as if they had come after it
        query.wait()
        assert {(1, 11, "a"), (7, 70, "a")} < set(table.rows("select * from t"))
        return
    with pytest.raises(of.SqlError, match=r"partition \(p='a'\)"):
        query.wait()
    assert (1, 10, "a") in table.rows("select * from t")


def test_a_table_reads_itself_as_it_was(table: Place) -> None:
    table.run(
        "update t set v = (select sum(v) from t)",
        "delete from t where v < (select 1 + max(id) from t)",
    )
    assert table.rows("select * from t") == [(1, 60, "a"), (2, 60, "a"), (3, 60, "b")]


def test_not_null_holds(table: Place) -> None:
    table.run(f"create table n (a bigint, b bigint not null) {ACID}", "insert into n values (1, 1)")
    assert "NULL; the column is NOT NULL" in str(table.fault("update n set b = null"))
    assert table.rows("select * from n") == [(1, 1)]


def test_rows_of_blobs_can_go_and_not_change(place: Place) -> None:
    place.run(
        f"create table t (a bigint, b blob) {ACID}", "insert into t (a) select 1 union all select 2"
    )
    assert "with column b of type blob is not supported here" in str(
        place.fault("update t set a = 5")
    )
    place.run("delete from t where a = 1")
    assert place.rows("select a from t") == [(2,)]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("update t", "Parse exception"),
        ("update t set v = 1 order by id", "ORDER"),
        ("update (select 1 as v) q set v = 1", "UPDATE takes the name of a table"),
        ("update t x set t.v = 1", "column t.v cannot be resolved"),
        ("update t set (v, v) = (1, 2)", "column v is set twice"),
        ("update t set (v) = (1, 2)", "values are given for 1 columns"),
        ("update t set v = count(*)", "not allowed here"),
        ("delete t where id = 1", "expected DELETE FROM"),
        ("delete from t using s where 1 = 1", "USING"),
        ("delete from t where id = 1 limit 1", "LIMIT"),
        ("delete from t where v", "condition"),
    ],
)
def test_what_is_no_update_or_delete(table: Place, sql: str, said: str) -> None:
    before = table.version("t")
    assert said.lower() in str(table.fault(sql)).lower()
    assert table.version("t") == before


IDS = st.integers(0, 6)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), IDS, IDS),
        st.tuples(st.just("update"), IDS, IDS),
        st.tuples(st.just("delete"), IDS, IDS),
        st.tuples(st.just("merge"), IDS, IDS),
        st.tuples(st.just("overwrite"), IDS, IDS),
    ),
    max_size=6,
)
NUMBERS = iter(range(1_000_000))


def statement(kind: str, a: int, b: int) -> str:
    return {
        "insert": f"insert into {{}} values ({a}, {b}), ({a + 10}, {b})",
        "update": f"update {{}} set v = v + {b} where id <= {a}",
        "delete": f"delete from {{}} where id = {a} or v = {b}",
        "merge": f"merge into {{}} t using (select {a} as id union all select {b + 20}) s "
        f"on t.id = s.id and t.v > 2 when matched and t.v > 5 then delete when matched then "
        f"update set v = {b} when not matched then insert values (s.id, {b})",
        "overwrite": f"insert overwrite table {{}} select id, v + {a} from {{}} where id <> {b}",
    }[kind]


def carried_out(rows: list[tuple[int, int]], kind: str, a: int, b: int, *, keyed: bool) -> Any:
    """Say what a statement leaves of rows."""
    if kind == "overwrite":
        return [(i, v + a) for i, v in rows if i != b]
    if kind == "update":
        return [(i, v + b if i <= a else v) for i, v in rows]
    if kind == "delete":
        return [(i, v) for i, v in rows if i != a and v != b]
    came = [(a, b), (a + 10, b)]
    if kind == "merge":
        source = (a, b + 20)
        came = [(i, b) for i in source if not any(i == have and v > 2 for have, v in rows)]
        rows = [
            (i, b if i in source and 2 < v <= 5 else v)
            for i, v in rows
            if not (i in source and v > 5)
        ]
    if keyed:
        return list({**dict(rows), **dict(came)}.items())
    return rows + came


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES)
def test_any_statements_leave_what_they_say_at_every_version(
    place: Place, kind: str, changes: list[tuple[str, int, int]]
) -> None:
    name = f"t{next(NUMBERS)}"
    keyed = kind == "keyed"
    key = ", primary key (id)" if keyed else ""
    place.run(f"create table {name} (id bigint not null, v bigint{key}) {ACID}")
    expected: list[tuple[int, int]] = []
    states = {0: Counter(expected)}
    for change in changes:
        place.run(statement(*change).format(name, name))
        expected = carried_out(expected, *change, keyed=keyed)
        assert Counter(place.rows(f"select * from {name}")) == Counter(expected)
        states[place.version(name)] = Counter(expected)
    last = max(states)
    for version, state in states.items():
        frame = of.read_odps_changes(
            place.name(name), since=version, until=last, client=place.client
        ).frame
        came: Counter[tuple[int, int]] = Counter()
        went: Counter[tuple[int, int]] = Counter()
        for row, operation in zip(
            zip(frame["id"], frame["v"], strict=True), frame["_op"], strict=True
        ):
            (went if operation == "delete" else came)[row] += 1
            if operation == "update":
                (old,) = (one for one in state if one[0] == row[0])
                went[old] += 1
        assert state + came - went == states[last]

"""INSERT: one transaction a statement, whatever becomes of it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import odps_frames as of

if TYPE_CHECKING:
    from pathlib import Path

Place = Any  # of a fixture, whose class no test module can import
Answers = Any

KEYED = "primary key (id)) tblproperties ('transactional'='true')"


def files_of(place: Place) -> set[str]:
    """Return the names of the files that the service has."""
    folder: Path = place.client.service._store.files._folder  # noqa: SLF001  nothing tells it
    return {path.name for path in folder.iterdir()}


def test_a_statement_without_rows_gives_an_empty_table_and_no_text(place: Place) -> None:
    place.run("create table t (a bigint)")
    query = place.run("insert into t values (1)")
    assert (query.result().num_rows, query.result().num_columns) == (0, 0)
    assert query.text == ""
    assert query.progress == 100
    with pytest.raises(ValueError, match="gives no rows to read"):
        query.scan()


@pytest.mark.parametrize(
    "sql",
    [
        "with q as (select 1 as a) insert into t select a from q",
        "from (select 1 as a) q insert into t select a",
    ],
)
def test_no_statement_that_inserts_is_run_where_rows_are_to_be_read(place: Place, sql: str) -> None:
    place.run("create table t (a bigint)")
    with pytest.raises(ValueError, match="it inserts rows"):
        of.read_odps(sql, client=place.client)
    assert place.rows("select * from t") == []
    assert place.run(sql).result().num_rows == 0
    assert place.rows("select * from t") == [(1,)]


def test_each_statement_makes_one_version(place: Place) -> None:
    place.run("create table t (a bigint)", "insert into t values (1),(2)")
    assert place.version("t") == 1
    place.run("insert overwrite table t select a from t")
    assert place.version("t") == 2


@pytest.mark.parametrize(
    "sql",
    [
        "insert into t select 1, cast(9 as bigint) / 0 union all select 2, null",
        "insert into t select a, 1000 from values (1), (2) v(a)",
        "insert overwrite table t values (1, null)",
        "from values (1), (2) q(a) insert into u select a insert into t select a, 1000",
    ],
)
def test_a_statement_that_fails_leaves_nothing(place: Place, sql: str) -> None:
    place.run(
        "create table t (a bigint, b tinyint not null)",
        "create table u (a bigint)",
        "insert into t values (7, 7)",
    )
    versions = [place.version(name) for name in ("t", "u")]
    before = files_of(place)
    place.fault(sql)
    assert place.rows("select * from t") == [(7, 7)]
    assert place.rows("select * from u") == []
    assert [place.version(name) for name in ("t", "u")] == versions
    assert len(files_of(place)) == len(before) + 1  # of the rows that were read in between


def test_a_statement_that_is_cancelled_leaves_nothing(place: Place) -> None:
    place.run("create table t (a bigint)")
    endless = place.endless()
    before = files_of(place)
    query = place.begin(f"insert into t select a.id {endless}")
    assert query.status == "Running"
    assert 0 <= query.progress < 100
    query.cancel()
    with pytest.raises(of.SqlError, match="cancelled"):
        query.wait()
    assert files_of(place) == before
    assert place.version("t") == 0


def test_a_table_is_read_as_it_was_when_the_statement_came(place: Place) -> None:
    place.run("create table s (a bigint)", "create table t (a bigint)", "insert into s values (1)")
    with place.held():
        query = place.begin("insert into t select a from s")
        of.to_odps(pa.table({"a": [2]}), place.name("s"), client=place.client)
    query.wait()
    assert place.rows("select * from t") == [(1,)]


def test_rows_are_added_beside_those_of_others_and_to_themselves(place: Place) -> None:
    place.run("create table t (a bigint)", "insert into t values (1)")
    with place.held():
        queries = [place.begin("insert into t select a + 10 from t") for _ in range(3)]
        of.to_odps(pa.table({"a": [2]}), place.name("t"), client=place.client)
    for query in queries:
        query.wait()
    assert place.rows("select * from t") == [(1,), (11,), (11,), (11,), (2,)]


def test_overwriting_takes_the_place_of_what_others_wrote_meanwhile(place: Place) -> None:
    place.run("create table t (a bigint)", "insert into t values (1)")
    with place.held():
        query = place.begin("insert overwrite table t select a + 10 from t")
        of.to_odps(pa.table({"a": [2]}), place.name("t"), client=place.client)
    query.wait()
    assert place.rows("select * from t") == [(11,)]


def test_rows_of_a_key_that_changed_meanwhile_are_refused(place: Place) -> None:
    place.run(
        f"create table t (id bigint not null, v bigint, {KEYED}", "insert into t values (1, 1)"
    )
    with place.held():
        queries = [place.begin(f"insert into t select id, {n} from t") for n in range(3)]
    ends = []
    for query in queries:
        try:
            query.wait()
            ends.append("")
        except of.SqlError as error:
            ends.append(str(error.code))
    assert sorted(ends) == ["", "ODPS-0110141", "ODPS-0110141"]
    assert place.version("t") == 2


@pytest.mark.parametrize("change", ["drop table t", "alter table t add columns (c bigint)"])
def test_a_table_that_was_made_anew_or_altered_meanwhile_takes_no_rows(
    place: Place, change: str
) -> None:
    place.run("create table t (a bigint)")
    with place.held():
        query = place.begin("insert into t values (1)")
        place.run(change, "create table if not exists t (a bigint)")
    with pytest.raises(of.SqlError, match="ODPS-0110141") as failed:
        query.wait()
    assert "hand it in again" in str(failed.value)
    assert place.rows("select a from t") == []


def test_clustered_tables_keep_their_buckets(place: Place) -> None:
    place.run(
        "create table s (a bigint, b string)",
        "create table h (a bigint, b string) clustered by (a) sorted by (b) into 4 buckets",
        "create table r (a bigint, b string) range clustered by (a) sorted by (a) into 4 buckets",
    )
    rows = pa.table({"a": range(1000), "b": [f"{n % 7}" for n in range(1000)]})
    of.to_odps(rows, place.name("s"), client=place.client)
    found: dict[str, list[list[Any]]] = {}
    for name in ("h", "r"):
        place.run(f"insert overwrite table {name} select * from s")
        session = place.client.read_session(place.name(name), split_by=of.ByBucket())
        found[name] = [
            pa.Table.from_batches(session.read(split))["a"].to_pylist() for split in session.splits
        ]
        assert all(found[name])
        assert sorted(itertools.chain(*found[name])) == list(range(1000))
    assert all(max(one) < min(two) for one, two in itertools.pairwise(found["r"]))
    assert [*itertools.chain(*found["r"])] == list(range(1000))


def test_changes_of_a_key_tell_what_an_insert_replaced(place: Place) -> None:
    place.run(
        f"create table t (id bigint not null, v string, {KEYED}",
        "insert into t values (1, 'a'), (2, 'b')",
    )
    since = of.read_odps_changes(place.name("t"), since=0, client=place.client).next
    place.run("insert into t values (2, 'c'), (3, 'd')")
    found = of.read_odps_changes(place.name("t"), since=since, client=place.client).frame
    assert found.sort_values(["id", "_op"]).to_dict("list") == {
        "id": [2, 3],
        "v": ["c", "d"],
        "_op": ["update", "insert"],
    }


def test_more_partitions_than_one_statement_may_write_are_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("odps_frames.emulator.row_writers.MAX_PARTITIONS", 3)
    place.run("create table t (a bigint) partitioned by (p bigint)")
    place.run("insert into t partition (p) select id, id from values (1),(2),(3) v(id)")
    error = place.fault(
        "insert into t partition (p) select id, id from values (1),(2),(3),(4) v(id)"
    )
    assert error.code == "ODPS-0123031"
    assert "a single instance cannot output data to more than 3 partitions" in str(error)


def test_static_partitions_are_made_though_no_row_comes(place: Place) -> None:
    place.run(
        "create table t (a bigint) partitioned by (p string, h bigint)",
        "insert into t partition (p='x', h=01) select a from t",
    )
    assert [str(one) for one in place.client.table(place.name("t")).partitions()] == ["p=x,h=1"]


def test_at_most_255_outputs(place: Place) -> None:
    place.run("create table t (a bigint) partitioned by (p bigint)")
    outputs = [f"insert into t partition (p={n}) select 1" for n in range(256)]
    error = place.fault("from (select 1 as a) q " + " ".join(outputs))
    assert error.code == "ODPS-0130161"
    assert "256 INSERT in one statement; expected 255 at most" in str(error)


def test_blobs_are_refused_by_name_and_null_where_they_are_left_out(place: Place) -> None:
    place.run("create table t (a bigint, b blob)", "insert into t (a) values (1)")
    assert place.rows("select a from t") == [(1,)]
    assert "into column b of type blob is not supported here" in str(
        place.fault("insert into t select a, b from t")
    )
    assert "into column b of type blob is not supported here" in str(
        place.fault("insert into t values (1, 'x')")
    )


def test_places_of_errors(place: Place) -> None:
    place.run("create table t (a bigint, b string)")
    error = place.fault("insert into t\nselect 1,\n nope from t")
    assert (error.line, error.column) == (3, 2)
    error = place.fault("with q as (select 1 as a)\n insert into t\n select a, a, a from q")
    assert (error.line, error.column) == (3, 9)
    error = place.fault("insert into t\n values ('x', 1)")
    assert "column _c0 in source has incompatible type STRING" in str(error)
    assert error.line == 2
    error = place.fault("insert t values (1, 'x')")
    assert (error.code, error.line, error.column) == ("ODPS-0130161", 1, 8)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("insert into t", "expected SELECT, WITH or VALUES"),
        ("insert into t partition (p=concat('a')) values (1)", "which is no constant"),
        ("insert into t partition (p='1') if not exists values (1)", "INSERT INTO ... IF NOT"),
        ("insert overwrite table t partition (p) if not exists values (1, 'a')", "all have values"),
        ("insert into t partition (h='1') values (1)", "the partition columns of"),
        ("insert into t partition (p) (a) values (1)", "lacks the partition column p"),
        ("insert into t partition (p='') values (1)", "ODPS-0123031"),
        ("insert into a.b.c.d values (1)", "more than 3 parts"),
        ("insert into t select 1 insert into t select 2", "unexpected 'insert'"),
        ("from t select 1 insert into t select 2", "expected FROM with tables or queries"),
        ("create table x as", "Parse exception"),
        ("create table x lifecycle 1 lifecycle 2 as select 1 as a", "LIFECYCLE stands twice"),
        ("create or replace table x as select 1 as a", "CREATE OR REPLACE TABLE"),
        ("create table x (a bigint) as select 1 as a", "both columns and AS"),
    ],
)
def test_what_is_no_insert(place: Place, sql: str, said: str) -> None:
    place.run("create table t (a bigint) partitioned by (p string)")
    assert said in str(place.fault(sql))


def test_nested_values_go_into_columns_of_narrower_numbers(place: Place) -> None:
    place.run(
        "create table t (a array<struct<x:int,y:string>>, m map<string,array<tinyint>>)",
        "insert into t select array(named_struct('x', 1, 'y', 'a'), null), map('k', array(1, 2))",
        "insert into t select null, null",
    )
    assert place.rows("select * from t") == [
        (None, None),
        ([{"x": 1, "y": "a"}, None], [("k", [1, 2])]),
    ]
    assert "ODPS-0121035" in str(place.fault("insert into t select null, map('k', array(1, 200))"))
    assert "incompatible type" in str(
        place.fault("insert into t select array(named_struct('x', 'b', 'y', 'a')), null")
    )


def test_times_and_decimals_come_back_as_they_went_in(place: Place) -> None:
    place.run(
        "create table t (a timestamp, b timestamp_ntz, c datetime, d decimal(38,18), e char(3))",
        "insert into t values (timestamp'0002-01-01 00:00:00.123456789', "
        "timestamp_ntz'9999-12-31 23:59:59.999999999', datetime'1900-01-01 00:00:00', "
        "12345678901234567890.123456789012345678BD, 'ab')",
        "insert into t select * from t",
        "create table u as select * from t",
    )
    shown = "cast(a as string) a, cast(b as string) b, cast(c as string) c, cast(d as string) d, e"
    wanted = (
        "0002-01-01 00:00:00.123456789",
        "9999-12-31 23:59:59.999999999",
        "1900-01-01 00:00:00",
        "12345678901234567890.123456789012345678",
        "ab",
    )
    for name in ("t", "u"):
        assert place.rows(f"select {shown} from {name}") == [wanted, wanted]


def test_columns_that_are_left_out_have_their_default(place: Place) -> None:
    place.run(
        "create table t (a bigint, b string default 'it''s', c decimal(5,2) default 1.5, "
        "d boolean default true, e int not null default -7)",
        "insert into t (a) values (1), (2)",
        "insert into t (b, a) select null, 3",
        "insert into t values (4, null, null, null, 0)",
    )
    assert place.rows("select a, b, cast(c as string) c, d, e from t") == [
        (1, "it's", "1.5", True, -7),
        (2, "it's", "1.5", True, -7),
        (3, None, "1.5", True, -7),
        (4, None, None, None, 0),
    ]


def test_views_are_read_and_not_written(place: Place) -> None:
    place.run("create table t (a bigint)", "create view v as select a + 1 as b from t")
    place.run("insert into t values (1)", "insert into t select b from v")
    assert place.rows("select * from t") == [(1,), (2,)]
    for sql in (
        "insert into v values (1)",
        "update v set b = 1",
        "delete from v",
        "merge into v using t on v.b = t.a when matched then delete",
        "create table v as select 1 as a",
    ):
        assert "view" in str(place.fault(sql))

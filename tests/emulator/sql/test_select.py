"""What queries mean: MaxCompute's meaning, or a refusal by name."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames.convert.arrow import normal_type
from odps_frames.model.types import parse_type

if TYPE_CHECKING:
    from odps_frames.local import LocalClient

Answers = Any  # of a fixture, whose class no test module can import

VALUES: list[tuple[str, Any]] = [
    ("1 + 2 * 3", 7),
    ("7 / 2", 3.5),
    ("-7 div 2", -3),
    ("-7 % 3", -1),
    ("1 / 0", None),
    ("1 % 0", None),
    ("'3' + 4", 7.0),
    ("9223372036854775807", 2**63 - 1),
    ("-9223372036854775808", -(2**63)),
    ("1.5BD + 1", {"decimal": "2.5"}),
    ("3.14BD * 2", {"decimal": "6.28"}),
    ("cast('abc' as bigint)", None),
    ("cast('1.9' as bigint)", 1),
    ("cast(1.9 as bigint)", 1),
    ("cast(-1.9 as bigint)", -1),
    ("cast(' 12 ' as bigint)", 12),
    ("cast('1_000' as bigint)", None),
    ("cast('1e3' as double)", 1000.0),
    ("cast('nan' as double)", None),
    ("cast(true as bigint)", 1),
    ("cast(0 as boolean)", False),
    ("cast(1.50BD as string)", "1.5"),
    ("cast(100 as string)", "100"),
    ("cast('abcdef' as varchar(3))", "abc"),
    ("cast('2020-02-30' as date)", None),
    ("cast('2020-2-3' as date)", {"date": "2020-02-03"}),
    ("cast(datetime'2020-01-01 01:02:03' as date)", {"date": "2020-01-01"}),
    ("cast(date'2020-01-01' as datetime)", {"datetime": "2020-01-01 00:00:00"}),
    ("cast(cast('x' as binary) as string)", "x"),
    ("concat('a', null)", None),
    ("concat('a', 1, date'2020-01-01')", "a12020-01-01"),
    ("'a' || null", None),
    ("concat_ws('-', 'a', null, 'b')", None),
    ("1 = null", None),
    ("null is null", True),
    ("1 <=> null", False),
    ("null <=> null", True),
    ("not (1 = 2 or 3 > 2)", False),
    ("'10' > 9", True),
    ("'B' < 'a'", True),
    ("'2020-01-01' = date'2020-01-01'", True),
    ("'2020-01-01 12:00:00' > date'2020-01-01'", True),
    ("2 between 1 and 3", True),
    ("2 not in (1, 3)", True),
    ("2 in (1, null)", None),
    ("2 in ('a', 2, '3')", True),
    ("timestamp_ntz'2020-01-01 00:00:00' < timestamp_ntz'2020-01-01 00:00:00.1'", True),
    ("'a_c' like 'a\\\\_c'", True),
    ("'abc' like 'a\\\\_c'", False),
    ("'abc' like 'A%'", False),
    ("'a%' like 'a!%' escape '!'", True),
    ("case 2 when 1 then 'a' when 2 then 'b' end", "b"),
    ("if(1 > 2, 1, 2.5)", 2.5),
    ("if(null, 1, 2)", 2),
    ("coalesce(null, 1, 2)", 1),
    ("nvl(null, 'x')", "x"),
    ("nullif(1, 1)", None),
    ("greatest(1, 3, 2)", 3),
    ("least(1, null)", None),
    ("length('杭州')", 2),
    ("lengthb('杭州')", 6),
    ("substr('abc', 0)", ""),
    ("substr('abc', -9)", ""),
    ("substr('abc', 2, 0)", ""),
    ("trim('  a ')", "a"),
    ("replace('aXbX', 'X', '-')", "a-b-"),
    ("lpad('7', 3, '0')", "007"),
    ("instr('abc', 'z')", 0),
    ("split_part('a,b,c', ',', -1)", "c"),
    ("round(2.5)", 3.0),
    ("round(-2.5)", -3.0),
    ("floor(-1.5)", -2),
    ("ceil(-1.5)", -1),
    ("array(1, null)[1]", None),
    ("array(1)[7]", None),
    ("array(1)[-1]", None),
    ("size(array())", 0),
    ("array_contains(array(1, 2), 2)", True),
    ("map('a', 1)['b']", None),
    ("map_keys(map('a', 1, 'b', 2))", ["a", "b"]),
    ("named_struct('a', 1).a", 1),
    ('get_json_object(\'{"a": [1, {"b": "x"}]}\', \'$.a[1].b\')', "x"),
    ("get_json_object('no json', '$.a')", None),
    ("dateadd(date'2020-01-31', 1, 'mm')", {"date": "2020-02-29"}),
    ("datediff(datetime'2020-01-02 00:00:00', datetime'2020-01-01 23:59:59', 'dd')", 1),
    ("datetrunc(datetime'2020-05-06 01:02:03', 'month')", {"datetime": "2020-05-01 00:00:00"}),
    ("to_char(datetime'2020-05-06 01:02:03', 'yyyymmdd hh:mi:ss')", "20200506 01:02:03"),
    ("unix_timestamp(datetime'1970-01-01 08:00:00')", 0),
    ("cast(timestamp'9999-12-31 23:59:59.999999999' as string)", "9999-12-31 23:59:59.999999999"),
    ("timestamp'2020-01-01 00:00:00.5' > datetime'2020-01-01 00:00:00'", True),
    ("getdate() = getdate()", True),
    ("bitand(6, 3) + bitor(6, 3) + bitxor(6, 3)", 14),
    ("6 & 3", 2),
    ("~0", -1),
    ("x'00ff'", {"hex": "00ff"}),
    ("'it\\'s'", "it's"),
    ('"double"', "double"),
]


@pytest.mark.parametrize(("expression", "expected"), VALUES, ids=[text for text, _ in VALUES])
def test_values(answers: Answers, expression: str, expected: Any) -> None:
    assert answers.rows(f"SELECT {expression} AS x") == [[expected]]


QUERIES: list[tuple[str, list[list[Any]]]] = [
    ("select id from t where v > 15 and name <> 'b' or v is null order by id", [[3], [4], [5]]),
    ("select id from t order by v, id", [[4], [1], [2], [3], [5]]),
    ("select id from t order by v desc, id", [[5], [3], [2], [1], [4]]),
    ("select id from t order by v nulls last limit 2 offset 1", [[2], [3]]),
    ("select id from t order by id limit 1, 2", [[2], [3]]),
    ("select id as k from t where id > 3 order by k", [[4], [5]]),
    (
        "select name, count(*) n, sum(v) s from t group by name order by n desc, name",
        [["a", 2, 50], ["b", 1, 20], ["c", 1, 30], ["d", 1, None]],
    ),
    ("select upper(name) u, count(v) from t group by upper(name) having count(v) > 1", [["A", 2]]),
    ("select name as n, max(v) from t group by n order by n limit 1", [["a", 40]]),
    (
        "select count(*), count(v), count(distinct name), avg(v), min(name) from t",
        [[5, 4, 4, 25.0, "a"]],
    ),
    ("select sum(v) from t where false", [[None]]),
    ("select max(v) from t having max(v) > 100", []),
    ("select count(distinct name, v) from t", [[4]]),
    ("select wm_concat(distinct ',', label) from dim where id = 1", [["one"]]),
    (
        "select a.id, b.label from t a join dim b on a.id = b.id order by a.id",
        [[1, "one"], [2, "two"]],
    ),
    (
        "select a.id, b.label from t a left join dim b on a.id = b.id where a.id > 1 order by a.id",
        [[2, "two"], [3, None], [4, None], [5, None]],
    ),
    ("select b.id from t a right join dim b on a.id = b.id + 10 order by b.id", [[1], [2]]),
    ("select count(*) from t full outer join dim on false", [[7]]),
    ("select a.id from t a left semi join dim b on a.id = b.id order by a.id", [[1], [2]]),
    ("select id, label from t join dim using (id) order by id", [[1, "one"], [2, "two"]]),
    ("select t.id from t, dim where t.id = dim.id order by t.id", [[1], [2]]),
    ("select proj.t.id from proj.t where proj.t.id = 1", [[1]]),
    ("select id from t where id in (select id from dim) order by id", [[1], [2]]),
    ("select id from t where id not in (select id from dim) order by id", [[3], [4], [5]]),
    (
        "select id from t where exists (select 1 from dim where dim.id = t.id) order by id",
        [[1], [2]],
    ),
    ("select (select max(id) from dim) + 1", [[3]]),
    ("select id from t union all select id from dim order by id limit 3", [[1], [1], [2]]),
    ("select id from t union select id from dim order by id", [[1], [2], [3], [4], [5]]),
    ("select id from t except select id from dim order by id", [[3], [4], [5]]),
    ("select id from t intersect select id from dim order by id", [[1], [2]]),
    ("with a as (select 1 x), b as (select x + 1 y from a) select x, y from a, b", [[1, 2]]),
    ("select x from (select id * 2 x from t) q where x > 8", [[10]]),
    ("values (1, 'a'), (2, null)", [[1, "a"], [2, None]]),
    ("select k, w from tm lateral view explode(m) q as k, w order by k", [["a", 1], ["b", 2]]),
    (
        "select id, count(*) over (partition by name) c from t order by id",
        [[1, 2], [2, 1], [3, 1], [4, 1], [5, 2]],
    ),
    (
        "select lag(id) over (order by id), lead(id, 2, 0) over (order by id) from dim order by id",
        [[None, 0], [1, 0]],
    ),
    (
        "select sum(id) over (order by id rows between 1 preceding and 1 following) from dim",
        [[3], [3]],
    ),
    (
        "select name, rank() over (order by sum(v) desc) r from t group by name order by r, name",
        [["a", 1], ["c", 2], ["b", 3], ["d", 4]],
    ),
    (
        "select max(id) m from t group by name qualify row_number() over (order by name) = 2",
        [[2]],
    ),
    (
        "select pt, count(*) from pt_t group by pt order by pt",
        [["20260101", 1], ["20260102", 1], ["20260103", 1]],
    ),
    ("select id from pt_t where pt = 20260102", [[2]]),
    ("select count(*) from t", [[5]]),
    ("SET odps.sql.timezone=UTC; select unix_timestamp(datetime'1970-01-01 08:00:00')", [[28800]]),
    ("-- hello\nselect /* x */ 1 -- end", [[1]]),
]


@pytest.mark.parametrize(("sql", "expected"), QUERIES, ids=[text[:60] for text, _ in QUERIES])
def test_rows(answers: Answers, sql: str, expected: list[list[Any]]) -> None:
    assert answers.rows(sql) == expected


FAULTS: list[tuple[str, str, tuple[int, int], str]] = [
    ("select\n nope from t", "ODPS-0130071", (2, 2), "column nope cannot be resolved"),
    ("select t.nope from t", "ODPS-0130071", (1, 8), "column t.nope cannot be resolved"),
    ("select id, name from t group by id", "ODPS-0130071", (1, 12), "key of GROUP BY"),
    ("select id from t a join dim b on a.id=b.id", "ODPS-0130071", (1, 8), "ambiguous"),
    ("select foo(id) from t", "ODPS-0130071", (1, 8), "function foo cannot be resolved"),
    ("select read_csv('x')", "ODPS-0130071", (1, 8), "function read_csv cannot be resolved"),
    ("select * from read_csv('x')", "ODPS-0130071", (1, 15), "such a relation after FROM"),
    ("select count(distinct *) from t", "ODPS-0130071", (1, 23), "STAR is not supported"),
    ("select 0x10", "ODPS-0130071", (1, 8), "the number 0x10 is not supported"),
    (
        "select id from t where (id, v) in ((1, 10, 2))",
        "ODPS-0130071",
        (1, 37),
        "2 values against 3",
    ),
    ("select * from t pivot (sum(v) for name in ('a'))", "ODPS-0130071", (1, 15), "PIVOT is not"),
    ("select substr('a')", "ODPS-0130071", (1, 8), "takes 2 to 3 arguments"),
    ("select length(array(1))", "ODPS-0130071", (1, 8), "expected string"),
    ("select 1 from t where id", "ODPS-0130071", (1, 23), "expected boolean"),
    ("select sum(sum(v)) from t", "ODPS-0130071", (1, 12), "not allowed here"),
    ("select 1 from t where count(*) > 1", "ODPS-0130071", (1, 23), "not allowed here"),
    ("select 1 as a, 2 as A", "ODPS-0130071", (1, 1), "stands twice"),
    ("select id from t union select id, name from t", "ODPS-0130071", (1, 8), "1 and 2 columns"),
    ("select cast(1 as nothing)", "ODPS-0130161", (1, 13), "not a MaxCompute type"),
    ("select cast(array(1) as int)", "ODPS-0130071", (1, 13), "CAST from array<bigint> to int"),
    ("select 1 & 2 | 3", "ODPS-0130071", (1, 8), "without brackets"),
    ("select id from t order by 1", "ODPS-0130071", (1, 27), "ORDER BY of a place"),
    ("select abs(id) filter (where id > 1) from t", "ODPS-0130071", (1, 8), "FILTER or WITHIN"),
    ("select id from t tablesample(1 rows)", "ODPS-0130071", (1, 16), "TABLESAMPLE is not"),
    ("with recursive x as (select 1) select * from x", "ODPS-0130071", (1, 16), "RECURSIVE"),
    ("select 1 frm t", "ODPS-0130161", (1, 14), "Parse exception"),
    ("select (1", "ODPS-0130161", (1, 9), "Parse exception"),
    ("select 'abc", "ODPS-0130161", (1, 8), "Parse exception"),
    ("select 1; select 2", "ODPS-0130161", (1, 18), "one query"),
    ("select id from t where id >\n", "ODPS-0130161", (1, 27), "Parse exception"),
    ("select date'2020-13-45x'", "ODPS-0130071", (1, 12), "no literal of type date"),
]


@pytest.mark.parametrize(
    ("sql", "code", "place", "words"), FAULTS, ids=[sql[:60] for sql, *_ in FAULTS]
)
def test_faults_say_what_is_wrong_and_where(
    answers: Answers, sql: str, code: str, place: tuple[int, int], words: str
) -> None:
    error = answers.fault(sql)
    assert (error.code, words in str(error)) == (code, True)
    if "twice" not in words:  # the result as a whole has no place
        assert (error.line, error.column) == place
    assert error.instance_id


def test_a_table_that_is_missing_is_not_found(answers: Answers) -> None:
    with pytest.raises(of.NotFound, match=r"ODPS-0130131:\[1,15\] Table not found"):
        answers.table("select * from nope")


@pytest.mark.parametrize("name", ["`x.parquet`", "information_schema.tables", "duckdb_settings"])
def test_nothing_but_tables_of_the_catalog_can_be_read(answers: Answers, name: str) -> None:
    with pytest.raises(of.NotFound):
        answers.table(f"select * from {name}")


def test_values_that_cannot_be_calculated_fail(answers: Answers) -> None:
    error = answers.fault("select 9223372036854775807 + id from t")
    assert error.code == "ODPS-0121035"
    assert "LINE 1" not in str(error)


@pytest.mark.parametrize(
    ("hints", "words"),
    [
        ({"odps_sql_timezone": "Nowhere/At_all"}, "no time zone"),
        ({"odps_sql_hive_compatible": "true"}, "odps.sql.hive.compatible=true is not supported"),
    ],
)
def test_settings_that_cannot_be_met_are_refused(
    answers: Answers, hints: dict[str, str], words: str
) -> None:
    assert words in str(answers.fault("select 1", **hints))


def test_long_lists_and_deep_nesting(answers: Answers) -> None:
    among = ", ".join(map(str, range(5, 20_000)))
    assert answers.rows(f"select id from t where id in ({among})") == [[5]]
    nested = "(" * 5_000 + "1" + ")" * 5_000
    assert "nested too deeply" in str(answers.fault(f"select {nested}"))


def test_times_are_instants_that_the_zone_shows(answers: Answers) -> None:
    sql = "select datetime'2020-01-01 00:00:00' t, cast(datetime'2020-07-01 12:00:00' as string) s"
    for zone, hour in (("Asia/Shanghai", 16), ("UTC", 0), ("America/New_York", 5)):
        (row,) = answers.table(sql, odps_sql_timezone=zone).to_pylist()
        assert row["t"].replace(tzinfo=UTC).hour == hour
        assert row["s"] == "2020-07-01 12:00:00"


def test_results_have_types(answers: Answers) -> None:
    sql = (
        "select 1 a, 1.5 b, 'x' c, null d, 2S e, 1.25BD f, sum(id) g, count(*) h, max(arr) i, "
        "date'2020-01-01' j from t"
    ).replace(", max(arr) i", "")
    assert answers.types(sql) == {
        "a": "bigint",
        "b": "double",
        "c": "string",
        "d": "string",
        "e": "smallint",
        "f": "decimal(3,2)",
        "g": "bigint",
        "h": "bigint",
        "j": "date",
    }
    assert list(answers.types("select id, id + 1, upper(name) from t")) == ["id", "_c1", "_c2"]


KINDS: dict[str, Any] = {
    "tinyint": -128,
    "smallint": -32768,
    "int": 2**31 - 1,
    "bigint": 2**63 - 1,
    "float": 1.5,
    "double": 0.1,
    "boolean": True,
    "string": "杭 州'\"\n",
    "binary": b"\x00\xff",
    "date": datetime(1, 1, 1, tzinfo=UTC).date(),
    "datetime": datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
    "timestamp": 1_577_836_800_123_456_789,
    "timestamp_ntz": -1,
    "interval_day_time": 86_400_000_000_001,
    "json": '{"a": 1}',
    "char(3)": "ab",
    "varchar(5)": "abcde",
    "decimal(10,2)": Decimal("-1.25"),
    "decimal(38,18)": Decimal("12345678901234567890.123456789012345678"),
    "array<timestamp>": [1, None],
    "map<string,datetime>": [("k", datetime(2020, 1, 1, tzinfo=UTC))],
    "struct<a:timestamp_ntz,b:array<interval_day_time>>": {"a": 5, "b": [-1]},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_comes_through_unchanged(client: LocalClient, table: str, kind: str) -> None:
    column = pa.array([KINDS[kind], None], normal_type(parse_type(kind)))
    of.to_odps(
        pa.table({"n": [1, 2], "x": column}),
        table,
        client=client,
        create=True,
        odps_types={"n": "bigint", "x": kind},
    )
    scan = of.scan_odps(f"SELECT x, n FROM {table} ORDER BY n", client=client)
    assert [str(found.type) for found in scan.schema] == [str(parse_type(kind)), "bigint"]
    stored = of.scan_odps(table, client=client).select("x").to_arrow()
    assert scan.select("x").to_arrow().equals(stored)
    assert stored["x"].combine_chunks().equals(column.cast(stored["x"].type))


def test_times_beyond_nanoseconds_come_through(client: LocalClient) -> None:
    frame = of.read_odps(
        "SELECT timestamp'0001-01-01 00:00:00' a, timestamp'9999-12-31 23:59:59.999999' b",
        client=client,
        dtype_backend="pyarrow",
        hints={"odps.sql.timezone": "UTC"},
    )
    assert str(frame["a"].dtype) == "timestamp[us, tz=UTC][pyarrow]"
    assert frame["b"][0].isoformat() == "9999-12-31T23:59:59.999999+00:00"
    with pytest.raises(of.CastError):
        of.read_odps("SELECT timestamp'0002-01-01 00:00:00' a", client=client, timestamp_unit="ns")


def test_columns_younger_than_their_files_are_null(client: LocalClient, table: str) -> None:
    client.create_table(table, {"a": "bigint"})
    of.to_odps(pa.table({"a": [1]}), table, client=client)
    client.sql(f"ALTER TABLE {table} ADD COLUMNS (b STRING)")
    assert client.sql(f"SELECT a, b FROM {table}").result().to_pylist() == [{"a": 1, "b": None}]


def test_a_query_reads_the_version_of_its_submission(client: LocalClient, table: str) -> None:
    of.to_odps(pa.table({"a": [1]}), table, client=client, create=True)
    before = client.sql(f"SELECT a FROM {table}")
    of.to_odps(pa.table({"a": [2]}), table, client=client, mode="overwrite")
    assert before.result()["a"].to_pylist() == [1]
    assert client.sql(f"SELECT a FROM {table}").result()["a"].to_pylist() == [2]

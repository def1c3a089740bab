"""Where MaxCompute means something else than other databases: its documentation decides."""

from __future__ import annotations

from typing import Any

import pytest

Answers = Any  # of a fixture, whose class no test module can import

VALUES: list[tuple[str, Any]] = [
    ("concat_ws('-', 'a', 'b', 'c')", "a-b-c"),
    ("concat_ws(null, 'a', 'b')", None),
    ("greatest(1, null, 3)", 3),
    ("greatest(datetime'2025-10-01 12:00:00', null)", {"datetime": "2025-10-01 12:00:00"}),
    ("greatest('10', 9)", 10.0),
    ("least(3, 2.5, '1.1111')", 1.1111),
    ("least(null, 3)", None),
    ("split('a,b,c,,', ',')", ["a", "b", "c"]),
    ("split('a,b,c,,', ',', false)", ["a", "b", "c", "", ""]),
    ("split('a,,b', ',')", ["a", "", "b"]),
    ("split('', ',')", [""]),
    ("split(cast(null as string), ',')", None),
    ("split_part('a,b', '', 1)", "a,b"),
    ("split_part('a,b,c,d', ',', 10)", ""),
    ("substr('abc', 0, 2)", ""),
    ("substr('abc', null, 0)", None),
    ("substr('abc', -2, 2)", "bc"),
    ("trunc(2.3, 2)", 2.3),
    ("trunc(0.29, 2)", 0.29),
    ("trunc(-1.009, 2)", -1.0),
    ("trunc(0.9999999999999999)", 0.0),
    ("trunc(1e22, 2)", 1e22),
    ("round(0.49999999999999994)", 0.0),
    ("round(1.005, 2)", 1.01),
    ("round(1234567890123456.5)", 1234567890123457.0),
    ("cast(1.005 as decimal(10,2))", {"decimal": "1.01"}),
    ("cast(cast(1.1 as float) as decimal(10,8))", {"decimal": "1.10000000"}),
    ("'abc' not like 'a%'", False),
    ("null not like 'a%'", None),
    ("'a%' not like 'a!%' escape '!'", False),
    ("to_char(datetime'2020-01-05 10:11:12', 'yyyy年mm月dd日')", "2020年01月05日"),
    ("to_date('阿里巴巴2010-12*03', '阿里巴巴yyyy-mm*dd')", {"datetime": "2010-12-03 00:00:00"}),
    ("'r0.c99 r0.c1'", "r0.c99 r0.c1"),
]


@pytest.mark.parametrize(("expression", "expected"), VALUES, ids=[text for text, _ in VALUES])
def test_values(answers: Answers, expression: str, expected: Any) -> None:
    assert answers.rows(f"SELECT {expression} AS x FROM t WHERE id = 1") == [[expected]]


TIES = "(values (1, 1), (1, 2), (2, 3)) w(d, v)"

QUERIES: list[tuple[str, list[list[Any]]]] = [
    # A row does not see others of its place that come after it.
    (f"select max(s) from (select d, sum(v) over (order by d) s from {TIES}) q where d = 1", [[3]]),
    (f"select count(distinct n) from (select count(*) over (order by d) n from {TIES}) q", [[3]]),
    # Functions that are no aggregates see all rows of its place.
    (
        (
            "select count(distinct l) from (select last_value(v) over (order by d) l, d "
            f"from {TIES}) q where d = 1"
        ),
        [[1]],
    ),
    (
        f"select v, sum(v) over (partition by d) from {TIES} order by v",
        [[1, 3], [2, 3], [3, 3]],
    ),
    (
        f"select v, sum(v) over (order by d range unbounded preceding) from {TIES} order by v",
        [[1, 3], [2, 3], [3, 6]],
    ),
    # Joins after a lateral view see what it brings, and keep rows that it has nothing for.
    (
        (
            "select x, d.id from t lateral view explode(arr) q as x right join dim d on t.id "
            "= d.id and x = 10 order by d.id"
        ),
        [[10, 1], [None, 2]],
    ),
    (
        (
            "select x, d.label from t lateral view explode(arr) q as x join dim d on q.x = d.id "
            "order by x"
        ),
        [[1, "one"]],
    ),
    (
        (
            "select x, d.id from t join dim d on t.id = d.id lateral view explode(t.arr) q as x "
            "order by x"
        ),
        [[10, 1], [11, 1], [20, 2]],
    ),
    ("select count(*) from t a join t b join dim c on b.id = c.id on a.id = b.id", [[2]]),
    ("select id from t where name not like 'a%' order by id", [[2], [3], [4]]),
    ("select 1 x union select 2 intersect select 2", [[2]]),  # from left to right
    ("select 1 x union (select 2 intersect select 2) order by x", [[1], [2]]),
    ("select t.v as v from t order by v * -1, id limit 2", [[None], [40]]),
    ("select name, max(v) as v from t group by name order by max(v) desc limit 1", [["a", 40]]),
]


@pytest.mark.parametrize(("sql", "expected"), QUERIES, ids=[text[:60] for text, _ in QUERIES])
def test_rows(answers: Answers, sql: str, expected: list[list[Any]]) -> None:
    assert answers.rows(sql) == expected


REFUSED: list[tuple[str, str]] = [
    ("select id from t union all select name from t", "bigint and string; cast one"),
    ("select -v as v from t order by v * 1", "ORDER BY of v, a column and an alias"),
    ("select date'2020-02-30'", "no literal of type date"),
    ("select datetime'2020-01-01 25:00:00'", "no literal of type datetime"),
    ("select instr('abcabc', 'b', 1, -1)", "positive number"),
    ("select greatest('2020-01-01', date'2020-01-02')", "cast them to one type"),
    ("select greatest(1.5, 1.5BD)", "cast them to one type"),
    ("select concat_ws(',', 'a')", "takes 3 to 1000 arguments"),
    ("""select get_json_object('{"a": [1, 2]}', '$.a[-1]')""", "path '$.a[-1]'"),
    ("select split('a,b', ',', 1)", "must be true or false"),
]


@pytest.mark.parametrize(("sql", "words"), REFUSED, ids=[text[:60] for text, _ in REFUSED])
def test_what_could_mean_something_else_is_refused(answers: Answers, sql: str, words: str) -> None:
    assert words in str(answers.fault(sql))


def test_arguments_that_a_function_says_twice_do_not_multiply(answers: Answers) -> None:
    nested = "name"
    for _ in range(40):
        nested = f"nullif({nested}, 'x')"
    sql = f"select {nested} k, count(*) from t where id in (1, 5) group by {nested}"
    assert answers.rows(sql) == [["a", 2]]


def test_casts_of_casts_do_not_multiply(answers: Answers) -> None:
    nested = "id"
    for _ in range(15):
        nested = f"cast(cast({nested} as string) as bigint)"
    assert answers.rows(f"select {nested} from t where id = 5") == [[5]]


def test_text_that_multiplies_is_refused_before_it_fills_the_memory(answers: Answers) -> None:
    nested = "id"
    for _ in range(30):
        nested = f"case {nested} when 1 then 1 when 2 then 2 else 3 end"
    assert "so long when written out" in str(answers.fault(f"select {nested} from t"))

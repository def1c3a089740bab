"""What messages say besides what is wrong: what there is, and what to write."""

from __future__ import annotations

from typing import Any

import pytest

Answers = Any  # of a fixture, whose class no test module can import
Place = Any


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select nmae from t", "column nmae cannot be resolved; did you mean name or name2?"),
        ("select zzz from dim", "column zzz cannot be resolved; there are: id, label"),
        ("select d.lable from dim d", "column d.lable cannot be resolved; did you mean label?"),
        ("select e.label from dim d", "column e.label cannot be resolved; there are: d"),
        ("select dms.label from dim", "column dms.label cannot be resolved; did you mean dim?"),
        (
            "select reverze('a')",
            "function reverze cannot be resolved; did you mean reverse or every?",
        ),
        ("select xyzzy_1('a')", "function xyzzy_1 cannot be resolved"),
        ("select 1 from", "Expected table name but got end of the statement near 'from'"),
        ("select 'a", "what begins with ' has no end; expected another '"),
    ],
)
def test_names_that_are_like_others(answers: Answers, sql: str, said: str) -> None:
    assert said in str(answers.fault(sql))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("1.5", "write 1.5BD, or cast it"),
        ("1.5D * 2", "cast it: CAST(... AS DECIMAL(10,2))"),
        (f"0.{'1' * 60}", "cast it: CAST(... AS DECIMAL(10,2))"),
    ],
)
def test_values_that_do_not_go_in(place: Place, value: str, said: str) -> None:
    place.run("create table w (a decimal(10,2))")
    assert said in str(place.fault(f"insert into w values ({value})"))


def test_times_that_are_texts(place: Place) -> None:
    place.run("create table w (a date, b datetime)")
    assert "write DATE'2026-01-02', or cast it" in str(
        place.fault("insert into w (a) values ('2026-01-02')")
    )
    assert "write DATETIME'2026-01-02 03:04:05', or cast it" in str(
        place.fault("insert into w (b) values ('2026-01-02 03:04:05')")
    )


def test_partitions_are_said_as_statements_say_them(place: Place) -> None:
    place.run("create table w (a bigint)", "create table p (a bigint) partitioned by (pt string)")
    said = "partition pt='1'; the table has no partitions"
    assert said in str(place.fault("alter table w add partition (pt='1')"))
    said = "partition dt='1'; the partition columns are: pt"
    assert said in str(place.fault("alter table p add partition (dt='1')"))
    said = "partition pt='1' of table"
    assert said in str(place.fault("alter table p drop partition (pt='1')"))


@pytest.mark.parametrize(
    "elements", ["split(s, ',')", "array(upper(s), s, s)", "from_json(j, 'array<string>')"]
)
def test_elements_come_in_the_order_of_their_array(answers: Answers, elements: str) -> None:
    source = """values (1, 'c,b,a', '["c","b","a"]'), (2, 'z,y', '["z","y"]') q(id, s, j)"""
    rows = answers.rows(f"select id, e from {source} lateral view explode({elements}) l as e")
    each = [row[0] for row in rows]
    assert each == sorted(each)
    numbered = answers.rows(
        f"select id, e from {source} lateral view posexplode({elements}) l as p, e order by id, p"
    )
    assert rows == numbered

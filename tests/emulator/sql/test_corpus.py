"""Statements with the answers that MaxCompute gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import odps_frames as of

Answers = Any  # of a fixture, whose class no test module can import

CORPUS = json.loads((Path(__file__).parent / "corpus.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("entry", CORPUS["select"], ids=lambda entry: entry["sql"][:60])
def test_queries_give_their_stated_rows(answers: Answers, entry: dict[str, Any]) -> None:
    assert answers.rows(entry["sql"]) == entry["rows"]


def test_definitions_do_what_they_say_or_are_refused_by_name(answers: Answers) -> None:
    answers.client.create_schema("definitions")
    answers.client.create_schema("sch")
    hints = {"odps.default.schema": "definitions"}

    def run(sql: str) -> str:
        return str(answers.client.sql(sql, hints=hints).text)

    definitions = [entry["sql"] for entry in CORPUS["statements"] if entry["area"] == "ddl"]
    run("CREATE TABLE t (id BIGINT)")
    run("CREATE TABLE pt_t (id BIGINT) PARTITIONED BY (pt STRING)")
    run("ALTER TABLE pt_t ADD PARTITION (pt='20260101')")
    # One statement renames the table that others need, and one names a column that no other adds.
    moved = [sql for sql in definitions if "RENAME" in sql]
    first, *others = [sql.replace("proj.`t1`", "t1") for sql in definitions if sql not in moved]
    refused = {}
    for sql in [first, "ALTER TABLE t1 ADD COLUMNS (c4 INT)", *others, *moved]:
        try:
            run(sql.replace("proj.pt_t", "pt_t"))
        except of.SqlError as error:
            refused[sql.split("(")[0].strip()] = str(error)
    assert refused.keys() == {"CREATE TABLE t5", "ANALYZE TABLE t COMPUTE STATISTICS"}
    assert all("is not supported here" in text for text in refused.values())
    assert run("SHOW TABLES LIKE 't*'").replace("ALIYUN$local:", "").split() == [
        *("t", "t2r", "t4", "t9")
    ]
    described = run("DESC EXTENDED t9")
    for words in ("| TableComment: new ", "| id       | bigint |", "| c3       | bigint |", "[id]"):
        assert words in described
    assert "| c4 " not in described
    assert "LIFECYCLE 10" in run("SHOW CREATE TABLE t4")


LEFT = {
    "INSERT OVERWRITE TABLE proj.pt_t": (
        "select pt, count(*) from pt_t group by pt order by pt",
        [["20260101", 1], ["20260102", 1], ["20260103", 1], ["20260108", 5]],
    ),
    "INSERT INTO t (id, name)": (
        "select id, name, v from t where v is null order by id, name",
        [[1, "a", None], [2, "b", None], [4, "d", None]],
    ),
    "INSERT INTO pt_t PARTITION": ("select id from pt_t where pt = '1' order by id", [[1], [2]]),
    "MERGE INTO tgt": ("select * from tgt order by id", [[1, 11], [3, 30], [9, 99]]),
    "DELETE FROM tgt": ("select * from tgt order by id", [[3, 30], [9, 99]]),
}
"""What is left by statements that change rows, one after the other, by how they begin."""


def test_statements_that_change_rows_leave_what_they_say(fresh: Answers) -> None:
    fresh.client.sql(
        "create table tgt (id bigint, v bigint) tblproperties ('transactional'='true')"
    )
    fresh.client.sql("create table src (id bigint, v bigint, op string)")
    fresh.client.sql("insert into tgt values (1, 10), (2, 20), (3, 30)")
    fresh.client.sql("insert into src values (1, 11, 'U'), (2, 22, 'D'), (9, 99, 'I')")
    seen = []
    for entry in CORPUS["statements"]:
        sql = entry["sql"]
        if entry["area"] != "dml":
            continue
        if sql.startswith("INSERT OVERWRITE DIRECTORY"):
            error = fresh.fault(sql)
            assert error.code == "ODPS-0130071"
            assert "INSERT OVERWRITE DIRECTORY is not supported here" in str(error)
            continue
        fresh.client.sql(sql)
        (begin,) = (begin for begin in LEFT if sql.startswith(begin))
        query, rows = LEFT[begin]
        assert fresh.rows(query) == rows
        seen.append(begin)
    assert seen == list(LEFT)

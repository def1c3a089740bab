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


@pytest.mark.parametrize(
    "sql",
    [entry["sql"] for entry in CORPUS["statements"] if entry["area"] == "dml"],
    ids=lambda sql: sql[:40],
)
def test_changes_are_refused_by_name(answers: Answers, sql: str) -> None:
    error = answers.fault(sql)
    assert error.code == "ODPS-0130071"
    assert f"{sql.split(maxsplit=1)[0]} is not supported here" in str(error)

"""Statements with the answers that MaxCompute gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

Answers = Any  # of a fixture, whose class no test module can import

CORPUS = json.loads((Path(__file__).parent / "corpus.json").read_text(encoding="utf-8"))
REFUSED = {
    "select md5('abc'), sha1('abc'), base64(": "function keyvalue",
}
"""Queries that are not answered here yet, by how they begin, with what is named as the reason."""
QUERIES = [entry["sql"] for entry in CORPUS["select"]]


def reason(sql: str) -> str | None:
    return next((why for begin, why in REFUSED.items() if sql.startswith(begin)), None)


@pytest.mark.parametrize("entry", CORPUS["select"], ids=lambda entry: entry["sql"][:60])
def test_queries_give_their_stated_rows_or_are_refused(
    answers: Answers, entry: dict[str, Any]
) -> None:
    why = reason(entry["sql"])
    if why is None:
        assert answers.rows(entry["sql"]) == entry["rows"]
        return
    error = answers.fault(entry["sql"])
    assert error.code == "ODPS-0130071"
    assert why in str(error).lower()
    assert "not supported here" in str(error)


def test_every_refusal_is_of_a_query_of_the_corpus() -> None:
    assert all(any(sql.startswith(begin) for sql in QUERIES) for begin in REFUSED)


@pytest.mark.parametrize(
    "sql",
    [entry["sql"] for entry in CORPUS["statements"] if entry["area"] == "dml"],
    ids=lambda sql: sql[:40],
)
def test_changes_are_refused_by_name(answers: Answers, sql: str) -> None:
    error = answers.fault(sql)
    assert error.code == "ODPS-0130071"
    assert f"{sql.split(maxsplit=1)[0]} is not supported here" in str(error)

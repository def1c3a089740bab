"""Statements with the answers that MaxCompute gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

Answers = Any  # of a fixture, whose class no test module can import

CORPUS = json.loads((Path(__file__).parent / "corpus.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("entry", CORPUS["select"], ids=lambda entry: entry["sql"][:60])
def test_queries_give_their_stated_rows(answers: Answers, entry: dict[str, Any]) -> None:
    assert answers.rows(entry["sql"]) == entry["rows"]


@pytest.mark.parametrize(
    "sql",
    [entry["sql"] for entry in CORPUS["statements"] if entry["area"] == "dml"],
    ids=lambda sql: sql[:40],
)
def test_changes_are_refused_by_name(answers: Answers, sql: str) -> None:
    error = answers.fault(sql)
    assert error.code == "ODPS-0130071"
    assert f"{sql.split(maxsplit=1)[0]} is not supported here" in str(error)

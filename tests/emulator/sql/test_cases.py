"""Statements with the answers of MaxCompute's documentation; each case says what it proves."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import odps_frames as of

if TYPE_CHECKING:
    from collections.abc import Iterator

Answers = Any  # of a fixture, whose class no test module can import

FOLDER = Path(__file__).parent / "corpus"
MEMBERS = {"covers", "given", "does", "sql", "rows", "text", "error", "hints", "source"}
ENDINGS = ("rows", "text", "error")
NUMBERS = itertools.count()


def cases() -> Iterator[Any]:
    for path in sorted(FOLDER.glob("*.json")):
        for number, case in enumerate(json.loads(path.read_text(encoding="utf-8"))["cases"]):
            yield pytest.param(case, id=f"{path.stem}-{number}-{case['sql'][:40]}")


@pytest.mark.parametrize("case", [*cases()])
def test_statements_give_what_the_documentation_says(
    answers: Answers, case: dict[str, Any]
) -> None:
    assert set(case) <= MEMBERS
    assert len(set(case) & set(ENDINGS)) == 1, f"expected one of {ENDINGS}"
    assert case["covers"]
    assert case["source"]
    hints = dict(case.get("hints", {}))
    before = [*case.get("given", ()), *case.get("does", ())]
    if before:
        schema = f"case_{next(NUMBERS)}"
        answers.client.create_schema(schema)
        hints["odps.default.schema"] = schema
    for sql in before:
        answers.client.sql(sql, hints=hints).wait()
    if "error" in case:
        with pytest.raises(of.OdpsError) as failed:
            answers.client.sql(case["sql"], hints=hints).wait()
        assert case["error"] in str(failed.value)
    elif "text" in case:
        assert answers.client.sql(case["sql"], hints=hints).text == case["text"]
    else:
        assert answers.given(case["sql"], hints) == case["rows"]

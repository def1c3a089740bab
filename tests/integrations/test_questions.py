"""Every engine gives the answer that pandas gives on the whole frame."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integrations.engines import ENGINES, MISSING
from tests.integrations.questions import QUESTIONS, Question, plain_rows

if TYPE_CHECKING:
    from tests.integrations.questions import Engine, Tables

ASKED = [
    pytest.param(engine, question, id=f"{engine.name}-{question.name}")
    for engine in ENGINES
    for question in QUESTIONS
]


def test_there_are_forty_questions_with_a_name_each() -> None:
    assert len({question.name for question in QUESTIONS}) == len(QUESTIONS) == 40


@pytest.mark.parametrize(("engine", "question"), ASKED)
def test_the_engine_answers_as_pandas_does(
    engine: Engine, question: Question, plans: Tables, frames: Tables
) -> None:
    wanted = plain_rows(question.answer(frames), nan_is_null=engine.nan_is_null)
    found = engine.ask(question, plans)
    if question.any_rows is not None:
        assert len(found) == min(question.any_rows, len(wanted))
        assert not counted(found) - counted(wanted)
    elif question.ordered:
        assert found == wanted
    else:
        assert counted(found) == counted(wanted)


def counted(rows: list[tuple[Any, ...]]) -> Counter[tuple[Any, ...]]:
    return Counter(rows)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_the_engine_is_asked_every_question_and_no_other(engine: Engine) -> None:
    assert set(engine.ways) == {question.name for question in QUESTIONS}


@pytest.mark.skipif(bool(MISSING), reason=f"the page has all engines; missing: {MISSING}")
def test_the_page_of_engines_and_questions_is_up_to_date() -> None:
    script = Path(__file__).with_name("table.py")
    run = subprocess.run(  # noqa: S603  our own script
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr

"""Several statements handed in at once: all of them are carried out, or none."""

from __future__ import annotations

from typing import Any

import pytest

from odps_frames.wire.instance import TaskStatus

SCRIPT = {"odps.sql.submit.mode": "script"}


def tables(service: Any) -> list[str]:
    status, text = service.run("SHOW TABLES")
    assert status is TaskStatus.SUCCESS
    return [line.partition(":")[2] for line in text.splitlines()]


def test_all_statements_of_a_script_are_carried_out(service: Any) -> None:
    script = (
        "CREATE TABLE a (x INT); -- one\nCREATE TABLE b LIKE a;; /* two */ ALTER TABLE b TOUCH;"
    )
    assert service.run(script, hints=SCRIPT) == (TaskStatus.SUCCESS, "")
    assert tables(service) == ["a", "b"]


def test_the_setting_may_stand_in_the_script(service: Any) -> None:
    service.sql("SET odps.sql.submit.mode=script; CREATE TABLE a (x INT); CREATE TABLE b (x INT)")
    assert tables(service) == ["a", "b"]


def test_a_view_may_follow_a_table(service: Any) -> None:
    script = "CREATE TABLE a (x INT); CREATE VIEW v AS SELECT x FROM a"
    assert service.run(script, hints=SCRIPT) == (TaskStatus.SUCCESS, "")
    assert tables(service) == ["a", "v"]


def test_one_that_fails_undoes_those_before_it(service: Any) -> None:
    service.sql("CREATE TABLE kept (x INT)")
    script = "CREATE TABLE a (x INT);\nDROP TABLE kept;\n  DROP TABLE nope"
    status, text = service.run(script, hints=SCRIPT)
    assert status is TaskStatus.FAILED
    assert text.startswith("ODPS-0130131:[3,14] ")
    assert tables(service) == ["kept"]


@pytest.mark.parametrize(
    ("script", "place", "words"),
    [
        ("CREATE TABLE a (x INT); SELECT 1", "[1,25]", "SELECT is not supported here"),
        ("CREATE TABLE a (x INT); SHOW TABLES", "[1,25]", "SHOW in a script is not supported"),
        ("CREATE TABLE a (x INT); DESC a", "[1,25]", "DESC in a script is not supported"),
        ("CREATE TABLE a (x INT) CREATE TABLE b (x INT)", "[1,24]", "CREATE TABLE ... CREATE"),
        ("DROP TABLE IF EXISTS a a", "[1,24]", "expected ';'"),
    ],
)
def test_what_a_script_cannot_have(service: Any, script: str, place: str, words: str) -> None:
    status, text = service.run(script, hints=SCRIPT)
    assert status is TaskStatus.FAILED
    assert place in text
    assert words in text
    assert tables(service) == []


def test_without_the_setting_one_statement_is_all(service: Any) -> None:
    status, text = service.run("CREATE TABLE a (x INT); CREATE TABLE b (x INT)")
    assert status is TaskStatus.FAILED
    assert text.startswith("ODPS-0130161:[1,25] ")
    assert "odps.sql.submit.mode=script" in text
    assert tables(service) == []

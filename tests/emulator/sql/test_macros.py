"""The words that a query for DuckDB is written in."""

from __future__ import annotations

from odps_frames.emulator.sql.macros import macros


def names(statements: list[str]) -> list[str]:
    return [statement.removeprefix("CREATE MACRO ").split("(")[0] for statement in statements]


def test_a_query_gets_the_words_that_it_uses_and_those_that_they_use() -> None:
    assert names(macros("UTC", "SELECT 1")) == []
    found = names(macros("UTC", "SELECT mc_civil(mc_second('2020-01-01'))"))
    assert found == ["mc_second", "mc_civil"]
    assert set(names(macros("UTC", "SELECT mc_regexp_instr('a', 'a', 1, 1, 0)"))) == {
        *("mc_regexp_instr", "mc_matches", "mc_head", "mc_between"),
    }


def test_words_of_times_know_the_zone() -> None:
    (statement,) = macros("Asia/Shanghai", "SELECT mc_local(0)")
    assert "'Asia/Shanghai'" in statement

"""Settings of queries: honoured, without effect, or refused by name."""

from __future__ import annotations

import pytest

from odps_frames.emulator.sql.settings import check_hints
from odps_frames.emulator.sql.tokens import SqlFault


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("odps.sql.type.system.odps2", "true"),
        ("ODPS.SQL.TYPE.SYSTEM.ODPS2", " TRUE "),
        ("odps.sql.hive.compatible", "false"),
        ("odps.sql.allow.fullscan", "true"),
        ("odps.sql.timezone", "UTC"),
        ("odps.sql.groupby.position.alias", "true"),
        ("odps.sql.mapper.split.size", "256"),
        ("odps.sql.reducer.instances", "10"),
        ("odps.sql.submit.mode", "script"),
        ("odps.stage.mapper.split.size", "1"),
        ("odps.optimizer.skew.join.topk.num", "20"),
        ("biz_id", "any"),
    ],
)
def test_settings_that_change_no_answer_pass(name: str, value: str) -> None:
    check_hints({name: value})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("odps.sql.hive.compatible", "true", "odps.sql.hive.compatible=true is not supported"),
        ("odps.sql.type.system.odps2", "false", "odps2=false is not supported"),
        ("odps.sql.decimal.odps2", "false", "decimal.odps2=false is not supported"),
        ("odps.sql.udf.strict.mode", "true", "strict.mode=true is not supported"),
        ("odps.sql.allow.fullscan", "false", "fullscan=false is not supported"),
        ("odps.sql.gruopby.position.alias", "true", "is not known here; leave it out"),
    ],
)
def test_settings_that_would_change_an_answer_are_refused(
    name: str, value: str, words: str
) -> None:
    with pytest.raises(SqlFault, match=words):
        check_hints({name: value})

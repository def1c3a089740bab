"""What is pushed never leaves out a row that the condition keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from odps_frames import filters

if TYPE_CHECKING:
    from odps_frames.model.schema import TableSchema


def pushed(text: str, schema: TableSchema) -> str | None:
    condition = filters.parse(text, schema)
    assert condition is not None
    return filters.pushed(condition, schema)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id = 1", "`id` = 1"),
        ("1 < tiny and name = 'a'", "`tiny` > 1 and `name` = 'a'"),
        ("id in (1, 2) or name is null", "`id` in (1, 2) or `name` is null"),
        ("id not in (1, 2)", "`id` not in (1, 2)"),
        ("id in (1, null)", "`id` in (1)"),
        ("`odd ``name``` >= 0", "`odd ``name``` >= 0"),
        ("not (id < 2 or name = 'x')", "`id` >= 2 and `name` != 'x'"),
        ("not (id < 2 and name = 'x')", "`id` >= 2 or `name` != 'x'"),
        ("not not id = 1", "`id` = 1"),
        ("not name is null", "`name` is not null"),
        ("tags is not null", "`tags` is not null"),
        ("flag", "`flag` = true"),
        ("raw = X'00'", "`raw` = X'00'"),
        ("amount <= 1.5", "`amount` <= 1.5"),
        ("day = '2026-01-02'", "`day` = DATE'2026-01-02'"),
        ("wall < '2026-01-02 03:04:05'", "`wall` < TIMESTAMP_NTZ'2026-01-02 03:04:05'"),
        ("x > 0.5", "`x` > 0.5"),
        ("not x = 0.5", "`x` != 0.5"),
        ("x > 0", "`x` > 0.0"),
        ("f != 0", "`f` != 0.0"),
        ("f >= 0.5", "`f` >= 0.5"),
        ("name < 'm'", "`name` < 'm'"),
        ("name = 'it''s 杭州'", "`name` = 'it\\'s 杭州'"),
        # Literals of instants are read in the zone of who reads them: bounds that are wide enough.
        ("ts >= '2026-01-02 03:04:05.5'", "`ts` >= TIMESTAMP'2026-01-01 01:04:05'"),
        ("ts < '2026-01-02 03:04:05.5'", "`ts` <= TIMESTAMP'2026-01-03 05:04:06'"),
        (
            "dt = '2026-01-02'",
            "`dt` >= DATETIME'2025-12-31 22:00:00' and `dt` <= DATETIME'2026-01-03 02:00:00'",
        ),
        (
            "dt in ('2026-01-02', '2026-01-05')",
            "`dt` >= DATETIME'2025-12-31 22:00:00' and `dt` <= DATETIME'2026-01-06 02:00:00'",
        ),
        # Patterns begin with a text, within which orders are the same.
        ("name like 'ab%'", "`name` >= 'ab' and `name` < 'ac'"),
        ("name like 'a_b' and id = 1", "`name` >= 'a' and `name` < 'b' and `id` = 1"),
        ("name like 'a杭%'", "`name` >= 'a' and `name` < 'b'"),
        ("name like 'a  %'", "`name` >= 'a' and `name` < 'b'"),
        ("name like 'a\\\\%'", "`name` = 'a%'"),
        ("name like 'a\\\\\\\\%'", "`name` >= 'a' and `name` < 'b'"),
        ("name like 'ab'", "`name` = 'ab'"),
        # Questions about partitions are put out of it.
        ("(pt = 'a' and id = 1) or (pt = 'b' and id = 2)", "`id` = 1 or `id` = 2"),
        # Parts of it.
        ("id = 1 and code = 'a' and pt = 'x'", "`id` = 1"),
        ("id = 1 and (code = 'a' or id = 2)", "`id` = 1"),
        ("id = 1 or false", "`id` = 1"),
        ("not (x > 0.5 or id = 1)", "`id` != 1"),
    ],
)
def test_what_is_pushed(schema: TableSchema, text: str, expected: str) -> None:
    assert pushed(text, schema) == expected


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "id = 1 or true",
        "id = 1 or pt = 'x'",
        "pt = 'x'",
        "code = 'a'",  # padded by some
        "code like 'a%'",
        "name like '%a'",
        "name like '_a'",
        "name like '杭%'",
        "name like '  %'",
        "name like '~%'",
        "name not like 'a%'",
        "name = 'a\\\\b'",  # escaped by some
        "name = 'a\\nb'",
        "name < '杭'",  # in another order where texts are UTF-16
        "raw < X'80'",
        "id > 1.5",  # compared as floats by some
        "amount = 1.005",  # rounded by some
        "amount > 12345678901234567",
        "big = 1",
        "f = 0.1",  # 0.1 of four bytes by some
        "x > 1e300",
        "x = 9007199254740993",
        "x = 0",  # -0.0 is below 0.0 for some
        "f >= 0",
        "x <= -0.0",
        "x in (0.0, 1.5)",
        "not x > 0.5",  # NaN stands above all for some
        "not (x > 0.5 and id = 1)",
        "ts != '2026-01-02'",
        "not dt = '2026-01-02'",
        "day < '1500-01-01'",  # calendars differ
        "ts < '0001-01-01'",
        "id = 99999999999999999999",
        "id in (" + ", ".join(map(str, range(1001))) + ")",
    ],
)
def test_what_is_not_certain_stays_here(schema: TableSchema, text: str) -> None:
    assert pushed(text, schema) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "pt > 'a' and id = 1 and (pt = 'b' or pt = 'c')",
            "`pt` > 'a' and (`pt` = 'b' or `pt` = 'c')",
        ),
        ("(pt = 'a' and id = 1) or (pt = 'b' and id = 2)", "`pt` = 'a' or `pt` = 'b'"),
        ("not (id = 1 or pt = 'a')", "not (`pt` = 'a')"),
        ("not (not pt = 'a' or (id = 1 and pt = 'b'))", "not (not (`pt` = 'a'))"),
        ("pt = 'a' and false", "`pt` = 'a' and false"),
        ("id = 1", None),
        ("id = 1 or pt = 'x'", None),
        ("not (id = 1 and pt = 'a')", None),
        ("id = 1 or false", None),
        ("true", None),
    ],
)
def test_partitions_are_asked_by_themselves(
    schema: TableSchema, text: str, expected: str | None
) -> None:
    condition = filters.parse(text, schema)
    assert condition is not None
    found = filters.about_partitions(condition, schema)
    assert (None if found is None else filters.to_sql(found)) == expected

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames import filters
from odps_frames.filters.sql_text import MAX_DEPTH

if TYPE_CHECKING:
    from odps_frames.model.schema import TableSchema


@pytest.mark.parametrize(
    ("text", "place", "complaint"),
    [
        ("id >< 1", 5, "expected a value, found '<'"),
        ("id = ", 6, "expected a value, found the end"),
        ("id = tiny", 6, "expected a value, found 'tiny'"),
        ("(id = 1", 8, "expected ')', found the end"),
        ("id = 1)", 7, "expected AND, OR or the end, found ')'"),
        ("id = 1;", 7, "found ';'"),
        ("id in ()", 8, "expected a value, found ')'"),
        ("id in (1 2)", 10, "expected ')', found '2'"),
        ("id is 3", 7, "expected NULL, found '3'"),
        ("id not 3", 8, "expected IN, BETWEEN or LIKE behind NOT, found '3'"),
        ("id between 1 or 2", 14, "expected AND, found 'or'"),
        ("id", 3, "expected a comparison, because 'id' is bigint, found the end"),
        ("1 = 1", 5, "expected a column, because the other side is a value, found '1'"),
        ("'a'", 4, "expected a comparison, found the end"),
        ("id = 12abc", 6, "found '1'"),
        ("t.id = 1", 2, "found '.'"),
        ("id = 1 -- why", 8, "expected AND, OR or the end, found '-'"),
        ("name = 'x", 8, "expected a closing quote"),
        ("`id = 1", 1, "expected a closing quote"),
        (r"name = 'a\qb'", 8, "expected one of the escapes"),
        ("raw = X'0'", 7, "expected pairs of hexadecimal digits"),
        ("raw = X'zz'", 7, "expected pairs of hexadecimal digits"),
        ("flag < true", 8, "expected = or != for a boolean column"),
        ("name like 3", 11, "expected a pattern in quotes"),
        ("name like 'a' escape '!'", 15, "expected AND, OR or the end, found 'escape'"),
        ("id + 1 = 2", 4, "expected a comparison"),
        ("lower(name) = 'a'", 1, "there are no functions here, found 'lower'"),
        ("exists (select 1)", 1, "there are no functions here, found 'exists'"),
        ("not", 4, "expected a value, found the end"),
        ("", 1, ""),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(
    schema: TableSchema, text: str, place: int, complaint: str
) -> None:
    if not text:
        assert filters.parse(text, schema) is None
        return
    with pytest.raises((ValueError, KeyError)) as raised:
        filters.parse(text, schema)
    assert complaint in str(raised.value)
    if isinstance(raised.value, ValueError):
        assert f"at character {place}:" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("id = 'x'", "column 'id' is bigint and cannot be compared with 'x'; expected a number"),
        ("name = 3", "column 'name' is string and cannot be compared with 3; expected text"),
        ("flag = 1", "expected true or false"),
        ("raw = 'x'", "expected bytes, in SQL X'00ff'"),
        ("day = 3", "expected a date or time such as '2026-01-31 12:00:00'"),
        ("day = '2026-02-30'", "not a date or time: '2026-02-30': day is out of range"),
        ("day = '26-1-1'", "expected 'yyyy-mm-dd' or 'yyyy-mm-dd hh:mm:ss'"),
        ("day = DATE'2026-01-01x'", "not a date or time"),
        ("dt = '2026-01-01 00:00:00+08:99'", "not the offset of a zone: '+08:99'"),
        ("wall = '2026-01-01 00:00:00Z'", "knows no zones"),
        ("day = '2026-01-01 00:00:00+08:00'", "knows no zones"),
        ("x = 1.0e400", "does not fit column 'x', which is double"),
        ("id = 1e500", "a number with the exponent 500 fits no column"),
        ("doc = 'x'", "whose values cannot be compared; only 'is null'"),
        ("tags = 'x'", "whose values cannot be compared; only 'is null'"),
    ],
)
def test_values_that_do_not_fit_their_column_are_refused(
    schema: TableSchema, text: str, complaint: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)) as raised:
        filters.parse(text, schema)
    place = text.index("=") + 3
    word = "DATE" if "DATE" in text else ""
    assert f"(character {place + len(word)} of the filter)" in str(raised.value) or word


def test_an_unknown_column_is_answered_with_near_ones(schema: TableSchema) -> None:
    with pytest.raises(KeyError, match="no column 'amonut'; did you mean 'amount'"):
        filters.parse("amonut > 3", schema)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("ID=1", "`id` = 1"),
        ("Id == 1 AND 2<=tiny", "`id` = 1 and `tiny` >= 2"),
        ("id <> 1 or name is not NULL", "`id` != 1 or `name` is not null"),
        ("flag", "`flag` = true"),
        ("not flag", "not (`flag` = true)"),
        ("`odd ``name``` > -1", "`odd ``name``` > -1"),
        ('name = "it\'s"', r"`name` = 'it\'s'"),
        ("name = 'it''s'", r"`name` = 'it\'s'"),
        (r"name = 'a\\b\n'", "`name` = 'a\\\\b\n'"),
        (r"name like '100\%'", r"`name` like '100\\%'"),
        (r"name like '100\\%'", r"`name` like '100\\%'"),
        ("id = 1 or id = 2 and id = 3", "`id` = 1 or (`id` = 2 and `id` = 3)"),
        ("(id = 1 or id = 2) and id = 3", "(`id` = 1 or `id` = 2) and `id` = 3"),
        ("((id = 1 and (id = 2 and id = 3)))", "`id` = 1 and `id` = 2 and `id` = 3"),
        ("id not between 1 and 2", "not (`id` >= 1 and `id` <= 2)"),
        ("id not in (1, 2)", "`id` not in (1, 2)"),
        ("not (id in (1, 2))", "`id` not in (1, 2)"),
        ("amount = 1.50", "`amount` = 1.50"),
        ("amount = 2.00", "`amount` = 2"),
        ("x = 1e3", "`x` = 1000.0"),
        ("raw = x'00FF'", "`raw` = X'00ff'"),
        ("day >= '2026-01-02'", "`day` >= DATE'2026-01-02'"),
        ("dt < '2026-01-02'", "`dt` < DATETIME'2026-01-02 00:00:00'"),
        ("dt < DATETIME '2026-01-02 03:04:05.060'", "`dt` < DATETIME'2026-01-02 03:04:05.06'"),
        (
            "ts = '2026-01-02T03:04:05.123456789+08:00'",
            "`ts` = TIMESTAMP'2026-01-01 19:04:05.123456789'",
        ),
        ("wall = '0001-01-01'", "`wall` = TIMESTAMP_NTZ'0001-01-01 00:00:00'"),
        ("code = 'ab  '", "`code` = 'ab'"),
        ("TRUE or false", "true or false"),
    ],
)
def test_what_is_said_of_what_was_read(schema: TableSchema, text: str, same: str) -> None:
    condition = filters.parse(text, schema)
    assert condition is not None
    assert filters.to_sql(condition) == same
    assert filters.parse(same, schema) == condition


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "id = null",
        "id in (1, null)",
        "id = 9223372036854775808",
        "x = 10000000000000000000000000000000000000000000000000000000000000000001",
        "day > '2026-01-02 12:00:00'",
        "dt > '2026-01-02 12:00:00.0001'",
        "not x > 1",
        "not (id = 1 or x <= 1)",
        "not (f > 1 and not id = 1)",
        "amount > 0.1234567890123456789012345678901234567890",
        "dt > '9999-12-31 23:59:59-01:00'",
    ],
)
def test_what_would_not_mean_the_same_is_not_said(schema: TableSchema, text: str) -> None:
    condition = filters.parse(text, schema)
    assert condition is not None
    assert filters.to_sql(condition) is None


def test_a_column_may_be_called_like_a_kind_of_time(schema: TableSchema) -> None:
    renamed = type(schema)((type(schema.columns[0])("date", schema.column("day").type),))
    condition = filters.parse("date = date'2026-01-01' and date is not null", renamed)
    assert condition is not None
    assert filters.columns_of(condition) == frozenset({"date"})


def test_nesting_is_bounded(schema: TableSchema) -> None:
    def nested(depth: int) -> str:
        return "(" * depth + "id = 1" + ")" * depth

    assert filters.parse(nested(MAX_DEPTH - 1), schema) is not None
    with pytest.raises(ValueError, match="at most 100 conditions within each other"):
        filters.parse(nested(MAX_DEPTH), schema)
    with pytest.raises(ValueError, match="within each other"):
        filters.parse("not " * 10_000 + "flag", schema)


def test_chains_are_not_nesting(schema: TableSchema) -> None:
    condition = filters.parse(" or ".join(f"id = {n}" for n in range(5000)), schema)
    assert condition is not None
    assert str(filters.to_sql(condition)).endswith("or `id` = 4999")


WORDS = r"""id name day flag x `id` ` ' " '' \ 'a' 'a\' X'0f' x'g' DATE TIMESTAMP '2026-01-01'
1 -1 .5 1e9 1e999 = == != <> < <= > >= + - ( ) , . ; is not null in between and or like true é 🙂"""
PIECES = st.sampled_from([*WORDS.split(), "\x00"])


@given(pieces=st.lists(PIECES, max_size=12), glue=st.sampled_from(["", " ", "\n"]))
def test_no_text_breaks_the_reader(schema: TableSchema, pieces: list[str], glue: str) -> None:
    text = glue.join(pieces)
    try:
        condition = filters.parse(text, schema)
    except (ValueError, KeyError):
        return
    assert (condition is None) == (not text.strip())

"""Functions that are carried out in Python, over columns of a query."""

from __future__ import annotations

from typing import Any

import pytest

Answers = Any  # of a fixture, whose class no test module can import

ROWS = "(values (1, 'b'), (2, null), (3, 'b'), (4, 'Robert'), (5, null)) q(i, s)"
NUMBERS = "(select a.id * 1000 + b.id as n from t a join t b on a.id <> b.id + 100) q"


def test_rows_keep_their_places_and_nulls(answers: Answers) -> None:
    found = answers.rows(f"select i, soundex(s), crc32(s) from {ROWS} order by i")
    assert [row[0] for row in found] == [1, 2, 3, 4, 5]
    assert [row[1] for row in found] == ["B000", None, "B000", "R163", None]
    assert found[0][2] == found[2][2] != found[3][2]
    assert found[1][2] is None


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("sum(if(format_number(n, 0) = cast(n as string), 1, 0))", 0),
        ("count(distinct url_encode(concat(cast(n as string), ' ')))", 25),
        ("count(case when i > 2 then soundex(cast(i as string)) end)", 3),
    ],
)
def test_they_stand_wherever_other_functions_stand(
    answers: Answers, expression: str, expected: int
) -> None:
    source = ROWS if "i" in expression.split("(") or "i >" in expression else NUMBERS
    assert answers.rows(f"select {expression} from {source}") == [[expected]]


def test_a_value_that_cannot_be_made_is_an_error_with_its_reason(answers: Answers) -> None:
    error = answers.fault(f"select url_decode(concat(s, '%')) from {ROWS}")
    assert error.code == "ODPS-0121035"
    assert "url_decode takes two digits behind every %, not 'b%'" in str(error)
    assert "Python" not in str(error)


def test_what_is_not_reached_is_not_carried_out(answers: Answers) -> None:
    sql = f"select i, case when s = 'Robert' then soundex(s) end from {ROWS} where i > 3 order by i"
    assert answers.rows(sql) == [[4, "R163"], [5, None]]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("conv(repeat('0', 100), 10, 2)", "0"),
        ("conv(repeat('9', 5000), 10, 2)", None),
        ("conv('7fffffffffffffff', 16, 10)", "9223372036854775807"),
        ("length(cast(decompress(compress(repeat('ab', 100000))) as string))", 200_000),
        ("length(format_number(1.5, 340))", 342),
        ("format_number(12345678901234567890.5BD, 0)", "12,345,678,901,234,567,891"),
    ],
)
def test_bounds(answers: Answers, expression: str, expected: Any) -> None:
    assert answers.rows(f"select {expression} as x") == [[expected]]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("conv('8000000000000000', 16, 10)", "takes the 64th bit"),
        ("from_charset(x'61', 'UTF-8', 'MAYBE')", "no mode 'MAYBE'"),
        ("decompress(encode('x', 'UTF-8'))", "a whole value that compress made"),
        ("format_number(cast('1e400' as double), 1)", "format_number of"),
        ("is_encoding('a', 'utf-8', 'klingon')", "the encoding 'klingon'"),
        ("format_number(1.5, '#.00')", "write 0 before the point"),
    ],
)
def test_faults(answers: Answers, expression: str, words: str) -> None:
    assert words in str(answers.fault(f"select {expression} as x"))

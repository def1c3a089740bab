"""The types that functions give, as MaxCompute documents them."""

from __future__ import annotations

from typing import Any

import pytest

Answers = Any  # of a fixture, whose class no test module can import

TYPES: list[tuple[str, str]] = [
    ("abs(-1)", "bigint"),
    ("abs(cast(-1 as int))", "int"),
    ("abs('-1')", "double"),
    ("abs(-1.25BD)", "decimal(3,2)"),
    ("ceil(1.5)", "bigint"),
    ("floor(1.5BD)", "bigint"),
    ("round(1)", "double"),
    ("round(20.45BD, 1)", "decimal(4,1)"),
    ("trunc(20.45BD, 1)", "decimal(4,2)"),
    ("sqrt(4)", "double"),
    ("sign(4)", "double"),
    ("shiftleft(1, 2)", "bigint"),
    ("shiftleft(cast(1 as tinyint), 2)", "int"),
    ("negative(cast(1 as smallint))", "smallint"),
    ("bit_count(5)", "bigint"),
    ("bin(5)", "string"),
    ("conv('1', 10, 2)", "string"),
    ("hex(5)", "string"),
    ("unhex('00')", "binary"),
    ("width_bucket(1, 0, 2, 3)", "bigint"),
    ("length('a')", "bigint"),
    ("ascii('a')", "bigint"),
    ("locate('a', 'a')", "bigint"),
    ("instr('a', 'a', 1, 1)", "bigint"),
    ("find_in_set('a', 'a')", "bigint"),
    ("char_matchcount('a', 'a')", "bigint"),
    ("regexp_count('a', 'a')", "bigint"),
    ("regexp_instr('a', 'a')", "bigint"),
    ("regexp_extract_all('a', '(a)')", "array<string>"),
    ("split('a', ',')", "array<string>"),
    ("concat(array(1), array(cast(2 as int)))", "array<bigint>"),
    ("encode('a', 'UTF-8')", "binary"),
    ("decode(encode('a', 'UTF-8'), 'UTF-8')", "string"),
    ("decode(1, 1, 2, 3)", "bigint"),
    ("is_encoding('a', 'utf-8', 'gbk')", "boolean"),
    ("crc32('a')", "bigint"),
    ("compress('a')", "binary"),
    ("failif(false, 'a')", "boolean"),
    ("ordinal(1, 1, 2.5)", "double"),
    ("greatest('2020-01-01 00:00:00', datetime'2020-01-01 00:00:00')", "datetime"),
    ("mod(7, 3)", "bigint"),
    ("rand()", "double"),
    ("uuid()", "string"),
]


@pytest.mark.parametrize(("expression", "expected"), TYPES, ids=[text for text, _ in TYPES])
def test_types(answers: Answers, expression: str, expected: str) -> None:
    assert answers.types(f"select {expression} as x") == {"x": expected}

"""The one way to write a JSON value, and texts that keep their digits."""

from __future__ import annotations

import pytest

from odps_frames.emulator.sql.json_values import canonical, pretty, read_spelled, written

CANONICAL = [
    ('{"b": 1, "a": [1, 2.50, null]}', '{"a":[1,2.5,null],"b":1}'),
    ('{"a": 1, "a": 2}', '{"a":2}'),
    ('"\\u00e9\\n"', '"é\\n"'),
    ("9223372036854775807", "9223372036854775807"),
    (" true ", "true"),
    ("1e2", "100.0"),
    ("", None),
    ("abc", None),
    ("{id:1}", None),
    ("NaN", None),
    ("[1,]", None),
    ("1e400", None),
    ("9223372036854775808", None),
    ('"\\ud800"', None),
    ("[" * 100_000, None),
]


@pytest.mark.parametrize(("text", "expected"), CANONICAL, ids=[text[:20] for text, _ in CANONICAL])
def test_a_value_has_one_text(text: str, expected: str | None) -> None:
    assert canonical(text) == expected


def test_a_pretty_text_is_indented_by_four() -> None:
    assert pretty('{"b":[],"a":{"c":1}}') == '{\n    "a":{\n        "c":1\n    },\n    "b":[]\n}'


@pytest.mark.parametrize(
    "text",
    ['{"b":1.50,"a":[1e2,-0.0,12345678901234567890123],"b":null}', '"é"', "[[],{}]", "true"],
)
def test_what_is_read_with_its_digits_is_written_with_them(text: str) -> None:
    assert written(read_spelled(text)) == text

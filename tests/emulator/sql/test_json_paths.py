"""Paths in JSON, of both kinds."""

from __future__ import annotations

from typing import Any

import pytest

from odps_frames.emulator.sql.json_paths import (
    look_up,
    parse_path,
    parse_text_path,
    walk_text,
)
from odps_frames.emulator.sql.json_values import read_spelled, written

DATA = {"a": [{"b": 1}, {"b": 2}, {"c": 3}], "x y": {"z": [10, 20, 30]}, "n": None}
FOUND: list[tuple[str, Any]] = [
    ("$", DATA),
    ("lax $.n", None),
    ("$.a[0].b", 1),
    ("$.a.b", [1, 2]),
    ("$.a[*].b", [1, 2]),
    ('$."x y".z[1]', 20),
    ('$."x y".z[0, 2]', [10, 30]),
    ('$."x y".z[1 to 2]', [20, 30]),
    ('$."x y".z[0][0]', 10),
    ('$."x y".*', [[10, 20, 30]]),
    ("strict $.a[2].c", 3),
]
NOTHING = [
    "$.q",
    "$.a[3]",
    "strict $.a.b",
    "strict $.n.x",
    "strict $.a[5]",
    "strict $.n[0]",
    "strict $.n.*",
    '$."x y".z.q',
]
NO_PATHS = ["", "a", "$a", "$.", "$[", "$[-1]", "$['a']", "$.a b", "$[1 to]", "loose $.a", "$..a"]


@pytest.mark.parametrize(("text", "expected"), FOUND, ids=[text for text, _ in FOUND])
def test_what_stands_at_a_path(text: str, expected: Any) -> None:
    path = parse_path(text)
    assert path is not None
    assert look_up(DATA, path) == expected


@pytest.mark.parametrize("text", NOTHING)
def test_nothing_stands_there(text: str) -> None:
    path = parse_path(text)
    assert path is not None
    with pytest.raises(LookupError):
        look_up(DATA, path)


@pytest.mark.parametrize("text", NO_PATHS)
def test_texts_that_are_no_paths(text: str) -> None:
    assert parse_path(text) is None


IN_TEXT: list[tuple[str, str | None]] = [
    ("$", '{"a":[{"b":1.0},{"b":2}],"c.d":{"e":[[1],[2,3]]},"a":0}'),
    ("$.a[1].b", "2"),
    ("$.a[*].b", "[1.0,2]"),
    ("$.a[*]", '[{"b":1.0},{"b":2}]'),
    ("$['c.d'].e[*][*]", "[1,2,3]"),
    ("$['c.d'].e[1][0]", "2"),
    ("$.a.b", None),
    ("$.a[*].q", None),
    ("$['c.d'][*]", None),
    ("$.q", None),
]


@pytest.mark.parametrize(("text", "expected"), IN_TEXT, ids=[text for text, _ in IN_TEXT])
def test_what_stands_at_a_path_in_a_text(text: str, expected: str | None) -> None:
    value = read_spelled('{"a":[{"b":1.0},{"b":2}],"c.d":{"e":[[1],[2,3]]},"a":0}')
    steps = parse_text_path(text)
    assert steps is not None
    if expected is None:
        with pytest.raises(LookupError):
            walk_text(value, steps)
    else:
        assert written(walk_text(value, steps)) == expected


@pytest.mark.parametrize("text", ["", "a", "$a", "$.", "$..a", "$.*", "$[-1]", "$.a[", '$["a"]'])
def test_texts_that_are_no_paths_of_texts(text: str) -> None:
    assert parse_text_path(text) is None

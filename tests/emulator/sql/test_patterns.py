"""Regular expressions, read before they are carried out."""

from __future__ import annotations

import pytest

from odps_frames.emulator.sql.patterns import read_pattern, read_replacement


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("abc", 0),
        ("(a)(?:b)((?P<c>c))", 3),
        (r"\(a\)[(](b)", 1),
        (r"\Q(((\E(a)", 1),
        ("[]()](a)", 1),
        ("[[:alpha:](]", 0),
        ("(?i)a(b)", 1),
    ],
)
def test_groups_are_counted(text: str, groups: int) -> None:
    assert read_pattern(text).groups == groups


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("abc", "abc"),
        (r"\|", "|"),
        (r"a\.b", "a.b"),
        (r"\\", "\\"),
        (r"\\.", None),
        ("a|b", None),
        (r"\d", None),
        (r"\Qa\E", None),
    ],
)
def test_a_pattern_that_is_a_text_is_told(text: str, plain: str | None) -> None:
    assert read_pattern(text).plain == plain


@pytest.mark.parametrize(
    ("text", "looks"),
    [("^a", True), ("[^a]", False), (r"\^a", False), (r"a\b", True), ("a", False)],
)
def test_a_pattern_that_asks_what_stands_before_it_is_told(text: str, *, looks: bool) -> None:
    assert read_pattern(text).looks_back is looks


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a(?=b)", "a lookahead (?="),
        ("a(?!b)", "a negative lookahead (?!"),
        ("(?<=a)b", "a lookbehind (?<="),
        ("(?<!a)b", "a negative lookbehind (?<!"),
        ("(?<n>a)", "a name (?<; write (?P<"),
        ("(?>a)", "an atomic group (?>"),
        ("(?#a)", "a comment (?#"),
        ("(?(1)a)", "a conditional (?("),
        ("a*+", "a possessive quantifier *+"),
        (r"(a)\1", r"a backward reference \1"),
        (r"a\Z", r"the sign \Z"),
        ("a)", "unexpected )"),
        ("a{1001}", "invalid repetition size"),
    ],
)
def test_what_the_engine_has_not_is_named(text: str, named: str) -> None:
    with pytest.raises(ValueError) as failed:  # noqa: PT011  the message is looked at
        read_pattern(text)
    assert named in str(failed.value)


@pytest.mark.parametrize("text", ["[(?=]", r"\(?=", "[*+]", r"\\1", r"\Q(?=\E"])
def test_signs_that_only_look_like_it_are_taken(text: str) -> None:
    assert read_pattern(text).groups == 0


def test_a_replacement_is_texts_and_groups() -> None:
    assert read_replacement(r"a\1b\\c\0", 1) == ["a", 1, "b", "\\", "c", 0]
    assert read_replacement("", 0) == []
    with pytest.raises(ValueError, match="means a group that the pattern has not"):
        read_replacement(r"\2", 1)
    with pytest.raises(ValueError, match="a backslash before ''"):
        read_replacement("a\\", 1)

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.wire import documents

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
READERS: list[Callable[[Mapping[str, Any], str], object]] = [
    documents.flag,
    documents.needed,
    documents.number,
    documents.section,
    documents.sections,
    documents.text,
    documents.texts,
]


@given(document=st.dictionaries(st.text(max_size=3), JSON))
def test_objects_are_loaded(document: dict[str, Any]) -> None:
    assert documents.load(json.dumps(document).encode()) == document


@pytest.mark.parametrize("content", [b"", b"[]", b"1", b"nul", b"\xff", b"[" * 100_000, b"{}{}"])
def test_what_is_no_object_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"JSON|object"):
        documents.load(content)


@given(value=JSON, content=st.binary(max_size=20))
def test_nothing_but_a_value_error_ever_comes(value: object, content: bytes) -> None:
    for reader in READERS:
        with contextlib.suppress(ValueError):
            reader({"k": value}, "k")
    with contextlib.suppress(ValueError):
        documents.load(content)
    documents.time({"k": value}, "k")
    documents.rough_number({"k": value}, "k")


@pytest.mark.parametrize(
    ("value", "number"),
    [(0, 0), (7, 7), ("7", 7), (" 7 ", 7), (7.0, 7), (-1, None), ("-1", None), ("", None)],
)
def test_numbers_may_be_text_and_minus_one_is_none(value: object, number: int | None) -> None:
    assert documents.number({"n": value}, "n") == number


@pytest.mark.parametrize("value", [True, 1.5, "x", "1_0", "٣", "--1", "9" * 30, [], {}, -2, "0x1"])
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"^n=.* expected a whole number$"):
        documents.number({"n": value}, "n")
    if value is not True:
        assert documents.rough_number({"n": value}, "n") is None


def test_the_first_spelling_that_says_something_counts() -> None:
    fields = {"Status": None, "status": "OPEN", "n": "", "m": 0}
    assert documents.text(fields, "Status", "status") == "OPEN"
    assert documents.number(fields, "n", "m") == 0
    assert documents.text(fields, "absent") is None
    with pytest.raises(ValueError, match=r"^Status is missing$"):
        documents.needed(fields, "Status", "n")


@pytest.mark.parametrize(
    ("value", "flag"), [(True, True), ("TRUE", True), (False, False), ("false", False)]
)
def test_flags_may_be_text(value: object, *, flag: bool) -> None:
    assert documents.flag({"f": value}, "f", default=not flag) is flag


def test_flags_are_never_guessed() -> None:
    assert documents.flag({}, "f") is False
    assert documents.flag({"f": None}, "f", default=True) is True
    odd: list[object] = ["yes", 1, 0, "", []]
    for value in odd:
        with pytest.raises(ValueError, match="expected true or false"):
            documents.flag({"f": value}, "f")


def test_an_empty_list_means_all() -> None:
    assert documents.texts({"l": []}, "l") is None
    assert documents.texts({"l": ["a", 1]}, "l") == ("a", "1")
    odd: list[object] = ["a", ["a", None], [True], [[]], {"a": 1}]
    for value in odd:
        with pytest.raises(ValueError, match="expected a list of texts"):
            documents.texts({"l": value}, "l")


NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        1767355200000,
        "1767355200000",
        "2026-01-02T12:00:00Z",
        "2026-01-02 12:00:00",
        "2026-01-02T20:00:00+08:00",
    ],
)
def test_times_are_numbers_or_text(value: object) -> None:
    found = documents.time({"t": value}, "t")
    assert found == NOON
    assert found is not None
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "value", [None, -1, "", "soon", 10**18, True, {}, "0001-01-01T00:00+23:00"]
)
def test_what_is_no_time_is_absent(value: object) -> None:
    assert documents.time({"t": value}, "t") is None


@given(moment=st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  zone follows
def test_times_come_back_to_the_millisecond(moment: datetime) -> None:
    whole = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert documents.time({"t": documents.milliseconds(moment)}, "t") == whole


def test_any_zone_is_written() -> None:
    assert documents.milliseconds(NOON.astimezone(timezone(timedelta(hours=8)))) == 1767355200000
    assert documents.milliseconds(None) is None

from __future__ import annotations

import pytest

from odps_frames.model.lifecycle import NEXT, SessionStatus, StreamState


def test_every_state_has_a_row() -> None:
    assert NEXT.keys() == set(SessionStatus)


def test_what_is_over_stays_over() -> None:
    over = {status for status, following in NEXT.items() if not following}
    assert over == {SessionStatus.COMMITTED, SessionStatus.ABORTED, SessionStatus.CRITICAL}


def test_nothing_becomes_unknown() -> None:
    known = [following for status, following in NEXT.items() if status != SessionStatus.UNKNOWN]
    assert all(SessionStatus.UNKNOWN not in following for following in known)


@pytest.mark.parametrize("status", SessionStatus)
def test_letter_case_does_not_count(status: SessionStatus) -> None:
    assert SessionStatus.parse(status.value.lower()) is status


@pytest.mark.parametrize("text", ["", None, "DREAMING", "NORMAL "])
def test_what_nobody_knows_is_unknown(text: str | None) -> None:
    assert SessionStatus.parse(text) is SessionStatus.UNKNOWN
    assert StreamState.parse(text) is StreamState.UNKNOWN


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("normal", StreamState.OPEN),
        ("Open", StreamState.OPEN),
        ("CLOSED", StreamState.CLOSED),
        ("error", StreamState.ERROR),
    ],
)
def test_streams_are_open_by_two_names(text: str, state: StreamState) -> None:
    assert StreamState.parse(text) is state

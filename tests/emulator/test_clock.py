"""The time of the service, moved: everything in it that reads a clock follows."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames.config import AccessKey
from odps_frames.emulator.clock import ServiceClock
from odps_frames.errors import AuthenticationError, ConfigError, NotFound, SessionExpired
from odps_frames.model.splits import Split
from odps_frames.wire import catalog
from odps_frames.wire.reply import decode_document
from odps_frames.wire.signing import sign

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = AccessKey("me", "secret")


class Source:
    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def moved(source: Source) -> ServiceClock:
    return ServiceClock(source)


def test_a_clock_is_moved_on(source: Source, moved: ServiceClock) -> None:
    assert moved.now() == START
    assert moved.advance(seconds=5, minutes=1) == START + timedelta(seconds=65)
    moved.advance(hours=1, days=2)
    source.time += timedelta(seconds=1)
    assert moved() == START + timedelta(days=2, hours=1, seconds=66)


def test_a_clock_stands_still_until_it_goes_on(source: Source, moved: ServiceClock) -> None:
    moved.advance(hours=1)
    moved.freeze()
    source.time += timedelta(days=1)
    assert moved.frozen
    assert moved() == START + timedelta(hours=1)
    moved.advance(seconds=1)
    assert moved() == START + timedelta(hours=1, seconds=1)
    moved.unfreeze()
    assert moved.setting.frozen_at is None
    source.time += timedelta(seconds=1)
    assert moved() == START + timedelta(hours=1, seconds=2)


def test_a_clock_is_set(source: Source, moved: ServiceClock) -> None:
    past = datetime(1999, 12, 31, tzinfo=UTC)
    moved.freeze(past)
    assert moved() == past
    moved.unfreeze()
    source.time += timedelta(seconds=9)
    assert moved() == past + timedelta(seconds=9)


def test_a_clock_becomes_what_it_was(moved: ServiceClock) -> None:
    moved.advance(hours=1)
    before = moved.setting
    moved.freeze()
    moved.advance(hours=1)
    moved.setting = before
    assert not moved.frozen
    assert moved() == START + timedelta(hours=1)


@pytest.mark.parametrize("by", [-1, float("nan"), float("inf"), 1e12])
def test_times_that_nobody_can_go_to_are_refused(moved: ServiceClock, by: float) -> None:
    with pytest.raises(ConfigError, match="cannot be moved by seconds="):
        moved.advance(seconds=by)
    assert moved() == START


def test_a_time_without_a_zone_is_refused(moved: ServiceClock) -> None:
    with pytest.raises(ConfigError, match="has no zone"):
        moved.freeze(datetime(2026, 1, 1))  # noqa: DTZ001  on purpose
    assert moved.after(1e20).year == 9999


def test_waits_end_when_the_time_has_come_or_nobody_is_to_wait(moved: ServiceClock) -> None:
    ended: list[bool] = []
    threads = [
        threading.Thread(target=lambda s=s: ended.append(moved.wait(s, 0))) for s in (10**6, 10**7)
    ]
    assert moved.wait(0, 0)
    for thread in threads:
        thread.start()
    with moved._changed:  # noqa: SLF001  nothing else knows who waits
        assert moved._changed.wait_for(lambda: moved.waiting == 2, 20)  # noqa: SLF001  as above
    moved.advance(seconds=10**6)
    threads[0].join(20)
    assert ended == [True]
    moved.wake()
    threads[1].join(20)
    assert ended == [True, False]
    assert not moved.wait(10**6, 0)


def test_sessions_age(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT)")
    data = pa.table({"a": [1]})
    read = service.open_read().session_id
    write = service.open_session()
    service.emulator.clock.advance(hours=23)
    service.read_split(Split(read))
    service.emulator.clock.advance(hours=2)
    with pytest.raises(SessionExpired):
        service.read_split(Split(read))
    with pytest.raises(SessionExpired):
        service.open_stream(write)
    assert service.get_read(read, refresh=True).status == "NORMAL"
    service.write(data)
    service.emulator.clock.advance(days=3)
    service.sql("CREATE TABLE other (a BIGINT)")  # what comes next looks for what is past all use
    with pytest.raises(NotFound):
        service.get_read(read, refresh=True)


def test_signatures_are_checked_by_it(open_service: Callable[..., Any], clock: Any) -> None:
    service = open_service(accounts={KEY.access_id: KEY.secret_access_key})
    service.emulator.clock.advance(minutes=16)
    request = catalog.encode_get_project("demo")
    with pytest.raises(AuthenticationError, match="the clocks"):
        decode_document(service.send(sign(request, KEY, clock())))
    answer = service.send(sign(request, KEY, clock() + timedelta(minutes=16)))
    assert answer.ok
    assert answer.headers["Date"] == "Fri, 02 Jan 2026 03:20:05 GMT"


@pytest.mark.parametrize(
    ("ahead", "said", "right"),
    [
        (23, 0, False),
        (25, 0, True),
        (25, 24, True),
        (25, 25, True),
        (25, 26, False),
        (25, -1, False),
        (-48, 0, True),
        (-48, -30, True),
        (-48, 1, False),
    ],
)
def test_a_clock_that_nobody_could_learn_is_not_held_against_clients(
    open_service: Callable[..., Any], clock: Any, ahead: int, said: int, *, right: bool
) -> None:
    service = open_service(accounts={KEY.access_id: KEY.secret_access_key})
    service.emulator.clock.freeze(clock() + timedelta(hours=ahead))
    signed = sign(catalog.encode_get_project("demo"), KEY, clock() + timedelta(hours=said))
    assert service.send(signed).ok is right


def test_statements_go_by_it(tmp_path: Path) -> None:
    with of.local(tmp_path) as client:
        client.service.clock.freeze(datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC))
        client.service.clock.advance(days=1)
        told = client.sql("SELECT to_char(getdate(), 'yyyy-mm-dd hh:mi:ss') AS now").result()
        assert told.to_pylist() == [{"now": "2031-05-07 15:08:09"}]
        assert client.service.requests[-1].at == datetime(2031, 5, 7, 7, 8, 9, tzinfo=UTC)

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from odps_frames.errors import (
    AuthenticationError,
    Conflict,
    NotFound,
    PermissionDenied,
    ServiceError,
    ServiceUnavailable,
    Throttled,
)
from odps_frames.transport.retry import Meter, RetryBudget, RetryingTransport, RetryPolicy
from odps_frames.wire import names
from odps_frames.wire.http import Headers, Repeat, Request, Response
from odps_frames.wire.reply import encode_error

if TYPE_CHECKING:
    from collections.abc import Iterable

OK = Response.of(b"{}")
LOST = ServiceUnavailable("the answer broke off", sent=True)
NOT_SENT = ServiceUnavailable("no connection", sent=False)


def refusal(status: int, code: str = "", **headers: str) -> Response:
    answer = encode_error(
        ServiceError("refused", status=status, code=code or f"Code{status}"),
        xml=False,
        request_id="r",
    )
    return Response(answer.status, answer.headers.adding(headers), answer.body)


@dataclass
class Time:
    """A clock that moves when somebody sleeps."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Script:
    """A service that answers from a list; it notes what it was asked."""

    def __init__(self, answers: Iterable[Response | ServiceUnavailable]) -> None:
        self.answers = deque(answers)
        self.asked: list[Request] = []

    def send(self, request: Request, /) -> Response:
        self.asked.append(request)
        answer = self.answers.popleft()
        if isinstance(answer, ServiceUnavailable):
            raise answer
        return answer


def request(repeat: Repeat = Repeat.ALWAYS) -> Request:
    return Request(
        method="POST", path="/x", query=((names.SESSION_ID, "s1"),), repeat=repeat, operation="X"
    )


def policy(time: Time, attempts: int = 4, jitter: float = 1.0) -> RetryPolicy:
    return RetryPolicy(
        max_attempts=attempts, sleep=time.sleep, clock=lambda: time.now, jitter=lambda: jitter
    )


TRANSIENT: list[Response | ServiceUnavailable] = [
    refusal(500, "InternalServerError"),
    refusal(502),
    refusal(503, "ServiceUnavailable"),
    refusal(504),
    LOST,
]


class Broken:
    """A body that breaks off after its first bytes."""

    def __init__(self) -> None:
        self._pieces = [b'{"Ses']

    def readinto(self, buffer: memoryview, /) -> int:
        if not self._pieces:
            raise ServiceUnavailable("X: the answer broke off")
        piece = self._pieces.pop()
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._pieces = []


def broken(kind: str) -> Response:
    return Response(200, Headers({"Content-Type": kind}), Broken())


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/XML"])
def test_a_document_that_breaks_off_is_asked_for_again(kind: str) -> None:
    script = Script([broken(kind), broken(kind), Response.of(b"{}")])
    transport = RetryingTransport(script, policy(Time()))
    assert transport.send(request()).read() == b"{}"
    assert len(script.asked) == 3
    with pytest.raises(ServiceUnavailable, match="broke off") as raised:
        RetryingTransport(Script([broken(kind)] * 4), policy(Time())).send(request())
    assert raised.value.attempts == 4


@pytest.mark.parametrize(
    ("kind", "repeat"),
    [("application/octet-stream", Repeat.ALWAYS), ("application/json", Repeat.UNSENT)],
)
def test_streams_and_what_is_sent_once_are_left_to_their_readers(kind: str, repeat: Repeat) -> None:
    script = Script([broken(kind)])
    response = RetryingTransport(script, policy(Time())).send(request(repeat))
    with pytest.raises(ServiceUnavailable, match="broke off"):
        response.read()


@pytest.mark.parametrize("failures", [1, 2, 3])
@pytest.mark.parametrize("fault", range(len(TRANSIENT)))
def test_what_may_be_repeated_is_repeated(fault: int, failures: int) -> None:
    time = Time()
    answers = [_again(TRANSIENT[fault]) for _ in range(failures)]
    script = Script([*answers, OK])
    meter = Meter()
    transport = RetryingTransport(script, policy(time), meter=meter)
    assert transport.send(request()).status == 200
    assert len(script.asked) == failures + 1
    assert not script.answers
    assert meter.retries == failures


@pytest.mark.parametrize("fault", range(len(TRANSIENT)))
def test_attempts_are_bounded_and_counted(fault: int) -> None:
    script = Script([_again(TRANSIENT[fault]) for _ in range(4)])
    with pytest.raises(ServiceUnavailable) as caught:
        RetryingTransport(script, policy(Time())).send(request())
    assert caught.value.attempts == 4
    assert caught.value.session_id == "s1"
    assert not script.answers


@pytest.mark.parametrize("fault", range(len(TRANSIENT)))
def test_what_may_have_been_carried_out_is_not_repeated(fault: int) -> None:
    script = Script([_again(TRANSIENT[fault])])
    with pytest.raises(ServiceUnavailable) as caught:
        RetryingTransport(script, policy(Time())).send(request(Repeat.UNSENT))
    assert caught.value.attempts == 1
    assert caught.value.sent


def test_what_never_arrived_is_repeated_whatever_it_is() -> None:
    script = Script([NOT_SENT, NOT_SENT, OK])
    assert RetryingTransport(script, policy(Time())).send(request(Repeat.UNSENT)).ok


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal(400, "InvalidArgument"), ServiceError),
        (refusal(401, "SignatureNotMatch"), AuthenticationError),
        (refusal(403, "NoPermission"), PermissionDenied),
        (refusal(404, "NoSuchTable"), NotFound),
        (refusal(409, "StatusConflict"), Conflict),
    ],
)
def test_refusals_are_raised_at_once(answer: Response, error: type[ServiceError]) -> None:
    script = Script([_again(answer)])
    time = Time()
    with pytest.raises(error) as caught:
        RetryingTransport(script, policy(time)).send(request())
    assert caught.value.attempts == 1
    assert not time.slept


@pytest.mark.parametrize("fault", range(3))
def test_a_body_that_cannot_be_made_again_is_sent_once(fault: int) -> None:
    faults: list[Response | ServiceUnavailable] = [LOST, NOT_SENT, refusal(429, "FlowExceeded")]
    script = Script([faults[fault], OK])
    time = Time()
    with pytest.raises((ServiceUnavailable, Throttled)):
        RetryingTransport(script, policy(time)).send(request(Repeat.NEVER))
    assert len(script.asked) == 1
    assert not time.slept


@pytest.mark.parametrize("repeat", [Repeat.ALWAYS, Repeat.UNSENT])
def test_throttled_calls_wait_as_long_as_the_deadline_allows(repeat: Repeat) -> None:
    time = Time()
    script = Script([refusal(429, "FlowExceeded") for _ in range(30)])
    meter = Meter()
    with pytest.raises(Throttled) as caught:
        RetryingTransport(script, policy(time, attempts=2), meter=meter).send(request(repeat))
    assert 600 <= time.now < 600 + 60
    assert caught.value.attempts == len(script.asked) > 10
    assert meter.throttled_seconds == pytest.approx(time.now)


def test_retry_after_is_kept_within_the_bound() -> None:
    time = Time()
    script = Script([refusal(429, "FlowExceeded", **{"Retry-After": "3"}), OK])
    RetryingTransport(script, policy(time, jitter=0.0)).send(request())
    assert time.slept == [3.0]
    time = Time()
    script = Script([refusal(503, "ServiceUnavailable", **{"Retry-After": "86400"}), OK])
    RetryingTransport(script, policy(time, jitter=0.0)).send(request())
    assert time.slept == [60.0]


def test_waits_double_and_are_bounded() -> None:
    waits = [RetryPolicy(jitter=lambda: 1.0).delay(failures) for failures in range(1, 40)]
    assert waits[:4] == [0.2, 0.4, 0.8, 1.6]
    assert waits[-1] == 60.0
    assert RetryPolicy(jitter=lambda: 0.25).delay(2) == pytest.approx(0.1)


def test_all_calls_of_a_client_share_one_budget() -> None:
    budget = RetryBudget(capacity=10, cost=5)
    for left in (2, 1, 0):
        script = Script([_again(LOST) for _ in range(9)])
        transport = RetryingTransport(script, policy(Time(), attempts=2), budget=budget)
        with pytest.raises(ServiceUnavailable) as caught:
            transport.send(request())
        assert caught.value.attempts == (2 if left else 1)
    for _ in range(5):
        RetryingTransport(Script([OK]), policy(Time()), budget=budget).send(request())
    assert budget.take()
    assert not budget.take()


def test_attempts_of_one_call_share_a_trace() -> None:
    script = Script([_again(LOST), _again(LOST), OK])
    RetryingTransport(script, policy(Time())).send(request())
    assert len({asked.headers[names.TRACE_ID] for asked in script.asked}) == 1
    assert [asked.headers[names.TRACE_INDEX] for asked in script.asked] == ["0", "1", "2"]


def _again(answer: Response | ServiceUnavailable) -> Response | ServiceUnavailable:
    """A fresh copy: an answer is read once, and an error counts its attempts."""
    if isinstance(answer, ServiceUnavailable):
        return ServiceUnavailable(answer.message, sent=answer.sent)
    code = {400: "InvalidArgument", 401: "SignatureNotMatch", 403: "NoPermission"}
    code |= {404: "NoSuchTable", 409: "StatusConflict", 500: "InternalServerError"}
    return refusal(answer.status, code.get(answer.status, ""))


@pytest.mark.parametrize("answer", [refusal(503), refusal(429, "FlowExceeded"), LOST])
def test_all_attempts_together_keep_to_the_timeout(answer: Response | ServiceUnavailable) -> None:
    time = Time()
    script = Script([answer] * 100)
    patient = replace(policy(time, attempts=100), total_seconds=10.0, max_seconds=3.0)
    with pytest.raises((ServiceUnavailable, Throttled)) as caught:
        RetryingTransport(script, patient).send(request())
    assert 7.0 <= time.now < 10.0
    assert caught.value.attempts == len(script.asked) > 3
    assert "the timeout of 10 s leaves no time" in caught.value.__notes__[0]
    left = [one.seconds or 0.0 for one in script.asked]
    assert left[0] == 10.0
    assert left == sorted(left, reverse=True) != [10.0] * len(left)


def test_without_a_timeout_nothing_is_said_of_time() -> None:
    script = Script([OK])
    RetryingTransport(script, policy(Time())).send(request())
    assert script.asked[0].seconds is None

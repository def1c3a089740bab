"""A transport that tries again: by operation, with jitter, within a budget."""

from __future__ import annotations

import random
import threading
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from odps_frames.errors import (
    AuthenticationError,
    ConfigError,
    ServiceError,
    ServiceUnavailable,
    Throttled,
)
from odps_frames.wire import names
from odps_frames.wire.http import ChunkReader, Repeat
from odps_frames.wire.reply import MAX_DOCUMENT_BYTES, decode_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.transport.base import Transport
    from odps_frames.wire.http import Request, Response

__all__ = ["Life", "Meter", "RetryBudget", "RetryPolicy", "RetryingTransport"]

_DOCUMENTS = frozenset({"application/json", "application/xml", "text/xml"})
"""Answers that are read at once; all others stream, and their readers know how to go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often, and after which waits, a call is tried again.

    Waits are drawn evenly between zero and a bound that doubles (full jitter); a wait that the
    service asks for (``Retry-After``) is kept, up to ``max_seconds``.
    """

    max_attempts: int = 8
    first_seconds: float = 0.2
    max_seconds: float = 60.0
    throttle_seconds: float = 600.0
    """A throttled call is tried until so much time has gone by."""
    total_seconds: float | None = None
    """All attempts of a call together, with the waits between them, take no longer."""
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random

    def delay(self, failures: int, retry_after: float | None = None) -> float:
        """Seconds to wait after so many failures in a row."""
        bound = min(self.max_seconds, self.first_seconds * 2.0 ** min(failures - 1, 32))
        if retry_after is not None:
            return min(retry_after, self.max_seconds) + self.jitter() * self.first_seconds
        return bound * self.jitter()

    def pause(self, failures: int, retry_after: float | None = None) -> float:
        """Wait so, and return how long it was."""
        seconds = self.delay(failures, retry_after)
        self.sleep(seconds)
        return seconds


class RetryBudget:
    """What all calls of a client may spend on retries, so that they do not feed an outage.

    Every retry costs, every success gives a little back: the token bucket of the AWS clients'
    standard mode.
    """

    def __init__(self, capacity: int = 500, *, cost: int = 5) -> None:
        self._lock = threading.Lock()
        self._capacity = capacity
        self._cost = cost
        self._left = capacity

    def take(self) -> bool:
        """Pay for a retry; False when nothing is left."""
        with self._lock:
            if self._left < self._cost:
                return False
            self._left -= self._cost
            return True

    def give_back(self) -> None:
        """Note a success."""
        with self._lock:
            self._left = min(self._capacity, self._left + 1)


@dataclass(slots=True)
class Meter:
    """What a read or a write has cost so far; shared by its threads."""

    rows: int = 0
    bytes: int = 0
    splits_done: int = 0
    splits_total: int | None = None
    retries: int = 0
    throttled_seconds: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(
        self,
        *,
        rows: int = 0,
        n_bytes: int = 0,
        splits: int = 0,
        retries: int = 0,
        throttled: float = 0.0,
    ) -> None:
        """Add to the counts."""
        with self._lock:
            self.rows += rows
            self.bytes += n_bytes
            self.splits_done += splits
            self.retries += retries
            self.throttled_seconds += throttled


@dataclass(slots=True)
class Life:
    """Whether a transport, and all that are metered out of it, may still be used."""

    end: Callable[[], object] = lambda: None
    closed: bool = False


class RetryingTransport:
    """Turns refusals into errors, and tries again what may be tried again.

    Whether an operation may be repeated is said by the request (``Request.repeat``), not by its
    HTTP verb. What the service throttled or never received may always be repeated; what it may
    have carried out only when carrying it out twice does no harm.
    """

    def __init__(
        self,
        below: Transport,
        policy: RetryPolicy | None = None,
        *,
        budget: RetryBudget | None = None,
        meter: Meter | None = None,
        recipe: Callable[[], RetryingTransport] | None = None,
        life: Life | None = None,
    ) -> None:
        self._life = life or Life()
        self._below = below
        self._recipe = recipe
        self.policy = policy or RetryPolicy()
        self._budget = budget or RetryBudget()
        self._meter = meter or Meter()

    def metered(self, meter: Meter) -> RetryingTransport:
        """The same transport, counting its retries into ``meter``."""
        return RetryingTransport(
            self._below,
            self.policy,
            budget=self._budget,
            meter=meter,
            recipe=self._recipe,
            life=self._life,
        )

    def close(self) -> None:
        """Close the connections; what is sent from now on is refused."""
        self._life.closed = True
        self._life.end()

    def __reduce__(self) -> tuple[Callable[[], RetryingTransport], tuple[()]]:
        """Travel as what makes it anew: sockets and locks stay where they are."""
        if self._recipe is None:
            raise TypeError("a transport without an address cannot travel to another process")
        return self._recipe, ()

    def send(self, request: Request, /) -> Response:
        """Send, and again while that may help; an answer that is returned is a success.

        Raises
        ------
        ServiceError
            The error of the last attempt, with the number of attempts.
        """
        if self._life.closed:
            raise ConfigError("this client was closed; make a new one with connect() or local()")
        trace = str(uuid.uuid4())
        started = self.policy.clock()
        attempt = 0
        while True:
            traced = request.adding({names.TRACE_ID: trace, names.TRACE_INDEX: str(attempt)})
            if self.policy.total_seconds is not None:
                left = self.policy.total_seconds - (self.policy.clock() - started)
                traced = replace(traced, seconds=max(left, 0.001))
            attempt += 1
            try:
                response = self._below.send(traced)
                if response.ok and request.repeat is Repeat.ALWAYS:
                    response = _read(response)
                if response.ok:
                    self._budget.give_back()
                    return response
                error = decode_error(response)
            except ServiceUnavailable as unavailable:
                error = unavailable
            if error.session_id is None:
                error.session_id = request.parameter(names.SESSION_ID)
            if not self._again(request, error, attempt, started):
                raise error.after(attempt)
            waited = self.policy.delay(attempt, error.retry_after)
            self._check_time(error, attempt, started, waited)
            self.policy.sleep(waited)
            throttled = waited if isinstance(error, Throttled) else 0.0
            self._meter.add(retries=1, throttled=throttled)

    def _check_time(
        self, error: ServiceError, attempt: int, started: float, waiting: float
    ) -> None:
        total = self.policy.total_seconds
        if total is not None and self.policy.clock() - started + waiting >= total:
            error.add_note(f"the timeout of {total:g} s leaves no time for another attempt")
            raise error.after(attempt)

    def _again(self, request: Request, error: ServiceError, attempt: int, started: float) -> bool:
        if request.repeat is Repeat.NEVER:
            return False
        if isinstance(error, Throttled):
            return self.policy.clock() - started < self.policy.throttle_seconds
        if attempt >= self.policy.max_attempts or isinstance(error, AuthenticationError):
            return False
        if not isinstance(error, ServiceUnavailable):
            return False
        if error.sent and request.repeat is not Repeat.ALWAYS:
            return False
        return self._budget.take()


def _read(response: Response) -> Response:
    """Read a document to its end, so that one that breaks off is an attempt that failed."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind not in _DOCUMENTS:
        return response
    return replace(response, body=ChunkReader([response.read(MAX_DOCUMENT_BYTES + 1)]))

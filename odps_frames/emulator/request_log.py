"""What was asked of a service and what was sent: the last requests one by one, and sums of all."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from odps_frames.emulator.bodies import OutgoingBody, pieces_of
from odps_frames.emulator.exchange import Sent
from odps_frames.emulator.request_documents import line_of
from odps_frames.wire import names
from odps_frames.wire.names import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from typing_extensions import Buffer

    from odps_frames.emulator.exchange import Exchange
    from odps_frames.wire.http import Response

__all__ = [
    "Counters",
    "RequestLog",
    "RequestRecord",
    "Requests",
    "SentOfSession",
]

log = logging.getLogger(__name__)

REMEMBERED_REQUESTS: Final = 10_000
REMEMBERED_SESSIONS: Final = 10_000
_OK: Final = range(200, 300)
_READ_SESSIONS: Final = (
    Action.CREATE_READ_SESSION,
    Action.CREATE_INSTANCE_SESSION,
    "OpenDownload",
)
_WRITE_SESSIONS: Final = (Action.CREATE_WRITE_SESSION, "OpenUpload")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """A request that the service saw."""

    id: int
    """Ascending without gaps, also over a reset."""
    at: datetime
    """When it came, by the clock of the service."""
    operation: str
    """A storage action, or the word of a REST call such as ``GetTable``."""
    target: str
    method: str
    path: str
    session: str | None
    stream: str | None
    split: str | None
    client: str | None
    trace_id: str | None
    """What the attempts of one call have in common, where the client says it."""
    trace_index: int | None
    """Which attempt it is, from 0."""
    status: int | None
    """None where no answer was sent."""
    code: str
    """Of the error, where it is one."""
    n_bytes: int
    """Of its body, as far as the service read it."""
    n_bytes_sent: int
    """Of the body of the answer, as far as it was sent."""
    n_rows_sent: int
    seconds: float
    """Until the end of the answer, or so far."""
    request_id: str
    fault: str | None
    """The id of the rule that hit it."""

    @property
    def action(self) -> str:
        """Another word for the operation."""
        return self.operation


class Requests(tuple[RequestRecord, ...]):
    """Requests in the order in which they came."""

    __slots__ = ()

    def select(
        self,
        *,
        action: str | None = None,
        session: str | None = None,
        since: int = 0,
        limit: int | None = None,
    ) -> Requests:
        """Choose among them.

        Parameters
        ----------
        action : str, optional
            A pattern such as ``Table*Session``.
        session : str, optional
            The id of a session.
        since : int
            Only those with a higher id.
        limit : int, optional
            Only so many of the last ones.
        """
        found = [
            record
            for record in self
            if record.id > since
            and (action is None or fnmatchcase(record.operation, action))
            and (session is None or record.session == session)
        ]
        return Requests(found if limit is None else found[len(found) - min(limit, len(found)) :])


@dataclass(frozen=True, slots=True, kw_only=True)
class SentOfSession:
    """What was sent to the readers of one session."""

    requests: int = 0
    n_bytes: int = 0
    n_rows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Sums over all requests since the start or the last reset; keys are actions."""

    requests: Mapping[str, int]
    succeeded: Mapping[str, int]
    """Those that were answered with success."""
    n_bytes: Mapping[str, int]
    """Of bodies that came."""
    n_bytes_sent: Mapping[str, int]
    """Of bodies of answers."""
    n_rows_sent: Mapping[str, int]
    sessions: Mapping[str, SentOfSession]
    """By session, of those that were used last."""
    faults: int
    """Requests that a rule hit."""

    @property
    def read_sessions(self) -> int:
        """So many read sessions and downloads were opened."""
        return sum(self.succeeded.get(name, 0) for name in _READ_SESSIONS)

    @property
    def write_sessions(self) -> int:
        """So many write sessions and uploads were opened."""
        return sum(self.succeeded.get(name, 0) for name in _WRITE_SESSIONS)

    @property
    def streams(self) -> int:
        """So many write streams were opened."""
        return self.succeeded.get(Action.CREATE_WRITE_STREAM, 0)


class RequestLog:
    """Remembers what was asked; its memory is bounded."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._n_requests = 0
        self.clear()

    def clear(self) -> None:
        """Forget every request and every sum; ids go on."""
        with self._guard:
            self._entries: deque[Entry] = deque(maxlen=REMEMBERED_REQUESTS)
            self._sums: dict[str, Counter[str]] = {
                name: Counter()
                for name in ("requests", "succeeded", "n_bytes", "n_bytes_sent", "n_rows_sent")
            }
            self._sessions: OrderedDict[str, list[int]] = OrderedDict()
            self._n_faults = 0

    def begin(self) -> Entry:
        """Note that a request came; it counts once its answer begins."""
        return Entry(self, self._clock())

    @property
    def requests(self) -> Requests:
        """The requests so far, the last ones last."""
        with self._guard:
            entries = list(self._entries)
        return Requests(entry.record for entry in entries)

    @property
    def counters(self) -> Counters:
        """The sums so far."""
        with self._guard:
            sums = {name: MappingProxyType(dict(sum_)) for name, sum_ in self._sums.items()}
            sessions = {
                name: SentOfSession(requests=used[0], n_bytes=used[1], n_rows=used[2])
                for name, used in self._sessions.items()
            }
            return Counters(**sums, sessions=MappingProxyType(sessions), faults=self._n_faults)

    def answered(self, entry: Entry, record: RequestRecord) -> RequestRecord:
        """Note that the answer of a request is there, or that there is none; give it its id."""
        with self._guard:
            self._n_requests += 1
            self._entries.append(entry)
            self._sums["requests"][record.operation] += 1
            if record.status in _OK:
                self._sums["succeeded"][record.operation] += 1
            self._sums["n_bytes"][record.operation] += record.n_bytes
            self._n_faults += record.fault is not None
            entry.known = replace(record, id=self._n_requests)
        return entry.known

    def ended(self, record: RequestRecord) -> None:
        """Note that nothing more is sent for a request."""
        with self._guard:
            self._sums["n_bytes_sent"][record.operation] += record.n_bytes_sent
            self._sums["n_rows_sent"][record.operation] += record.n_rows_sent
            if record.session is not None:
                used = self._sessions.pop(record.session, [0, 0, 0])
                self._sessions[record.session] = [
                    used[0] + 1,
                    used[1] + record.n_bytes_sent,
                    used[2] + record.n_rows_sent,
                ]
                if len(self._sessions) > REMEMBERED_SESSIONS:
                    self._sessions.popitem(last=False)
        if log.isEnabledFor(logging.INFO):
            log.info("%s", line_of(record))


class Entry:
    """One request while its answer is on its way."""

    def __init__(self, log: RequestLog, at: datetime) -> None:
        self._log = log
        self._at = at
        self._started = time.perf_counter()
        self._sent = Sent()
        self._ended = False
        self.known: RequestRecord | None = None

    def answer(self, exchange: Exchange, response: Response) -> Response:
        """Note the status of the answer, and count what is sent of it."""
        self._note(exchange, response.status)
        return replace(response, body=CountedBody(response, self))

    def break_off(self, exchange: Exchange) -> None:
        """Note that no answer is sent."""
        self._note(exchange, None)
        self.end()

    def _note(self, exchange: Exchange, status: int | None) -> None:
        # Nothing of the request is kept but what the record tells.
        self._sent = exchange.sent
        self._log.answered(self, self._record_of(exchange, status))

    def send(self, n_bytes: int) -> None:
        """Count bytes that leave."""
        self._sent.n_bytes += n_bytes

    def end(self) -> None:
        """Note that nothing more is sent; doing it twice does nothing."""
        if not self._ended and self.known is not None:
            self.known = self.record
            self._ended = True
            self._log.ended(self.known)

    @property
    def record(self) -> RequestRecord:
        """What is known so far."""
        if self.known is None:
            raise RuntimeError("the request has no answer yet")
        if self._ended:
            return self.known
        return replace(
            self.known,
            n_bytes_sent=self._sent.n_bytes,
            n_rows_sent=self._sent.n_rows,
            seconds=time.perf_counter() - self._started,
        )

    def _record_of(self, exchange: Exchange, status: int | None) -> RequestRecord:
        request = exchange.request
        index = request.headers.get(names.TRACE_INDEX, "")
        return RequestRecord(
            id=0,
            at=self._at,
            operation=exchange.operation,
            target=exchange.target,
            method=request.method,
            path=request.path,
            session=exchange.session,
            stream=exchange.stream,
            split=exchange.split,
            client=exchange.client,
            trace_id=request.headers.get(names.TRACE_ID),
            trace_index=int(index) if re.fullmatch("[0-9]{1,9}", index) else None,
            status=status,
            code=exchange.code,
            n_bytes=exchange.body.n_bytes,
            n_bytes_sent=0,
            n_rows_sent=0,
            seconds=0.0,
            request_id=exchange.request_id,
            fault=exchange.fault,
        )


class CountedBody(OutgoingBody):
    """The body of an answer, counted as it leaves."""

    def __init__(self, response: Response, entry: Entry) -> None:
        self._source = response.body
        self._entry = entry
        super().__init__(self._counted(pieces_of(response)))

    def _counted(self, pieces: Iterator[Buffer]) -> Iterator[Buffer]:
        try:
            for piece in pieces:
                self._entry.send(memoryview(piece).nbytes)
                yield piece
        finally:
            self._entry.end()

    def close(self) -> None:
        """Drop what is left."""
        super().close()
        self._source.close()
        self._entry.end()

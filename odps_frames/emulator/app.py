"""The embedded service: a request in, its answer out."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Self

from odps_frames.emulator.blob_site import BlobSite
from odps_frames.emulator.blobs import Blobs
from odps_frames.emulator.bodies import IncomingBody
from odps_frames.emulator.callers import Callers
from odps_frames.emulator.catalog.tables import create_project
from odps_frames.emulator.faults import Faults, spoil
from odps_frames.emulator.instances import Instances
from odps_frames.emulator.read_sessions import ReadSessions
from odps_frames.emulator.refusals import no_storage
from odps_frames.emulator.rest import RestSite
from odps_frames.emulator.results import Results
from odps_frames.emulator.storage import StorageSite, action_of
from odps_frames.emulator.store import Store
from odps_frames.emulator.tunnel.calls import WriteBlock, decode_tunnel, is_tunnel
from odps_frames.emulator.tunnel.site import TunnelSite
from odps_frames.emulator.write_sessions import WriteSessions
from odps_frames.errors import ServiceError, ServiceUnavailable
from odps_frames.model.table import TableRef
from odps_frames.wire import names
from odps_frames.wire.http import Site
from odps_frames.wire.names import Action
from odps_frames.wire.reply import encode_error
from odps_frames.wire.rest import decode_rest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

    from odps_frames.config import AccessKey
    from odps_frames.emulator.faults import CarryOut
    from odps_frames.wire.http import Request, Response

__all__ = ["Emulator", "RequestRecord"]

log = logging.getLogger(__name__)

SESSION_SECONDS = 24 * 60 * 60
REMEMBERED_REQUESTS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """A request that the service saw."""

    operation: str
    """A storage action, or the word of a REST call such as ``GetTable``."""
    target: str
    session: str | None
    status: int | None
    """None where no answer was sent."""
    n_bytes: int
    """Of its body, as far as the service read it."""
    request_id: str


class Emulator:
    """MaxCompute over a folder, in this process.

    It is a transport: `send` carries a request out and its answer streams. A server puts the same
    object behind a socket.

    Parameters
    ----------
    path : Path
        The folder of the tables, which no other service may use meanwhile.
    accounts : mapping, optional
        Secrets by access id, or keys with a security token. When neither accounts nor tokens are
        given, anybody may ask.
    tokens : collection of str
        Bearer tokens that are accepted.
    project, projects : str, iterable of str
        Projects that exist from the start.
    clock : callable
        Tells the time, with a zone.
    session_seconds : int
        How long sessions live.
    struct_timestamps : bool
        TIMESTAMP columns travel as pairs of seconds and nanoseconds, as some services do it.
    large_strings : bool
        Texts and bytes that are read travel with offsets of 64 bits, and sessions say so.
    content_length_answers : bool
        Streams of rows say their length beforehand instead of coming in chunks.
    finish_at_once : bool
        Statements are answered with their results.
    namespaces : bool
        Say to clients that a name of two parts is a schema and a table, not a project and a
        table. Projects have schemas either way.

    Raises
    ------
    Conflict
        When another process has the folder open.
    """

    def __init__(  # noqa: PLR0913  the settings of a service
        self,
        path: Path,
        *,
        accounts: Mapping[str, str | AccessKey] | None = None,
        tokens: Collection[str] = (),
        project: str = "demo",
        projects: Iterable[str] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        session_seconds: int = SESSION_SECONDS,
        struct_timestamps: bool = False,
        large_strings: bool = False,
        content_length_answers: bool = False,
        finish_at_once: bool = False,
        namespaces: bool = False,
    ) -> None:
        self._callers = Callers(accounts, tokens)
        self._clock = clock
        self._store = Store(path, clock=clock, session_seconds=session_seconds)
        self._instances = Instances(self._store, namespaces=namespaces)
        self._rest = RestSite(
            store=self._store,
            instances=self._instances,
            finish_at_once=finish_at_once,
            namespaces=namespaces,
        )
        reads = ReadSessions(
            self._store, struct_timestamps=struct_timestamps, large_strings=large_strings
        )
        self.preparations = reads.preparations
        """How read sessions become ready, by its ``rule``."""
        self._tunnel = TunnelSite(self._store, reads, content_length_answers=content_length_answers)
        self._storage = StorageSite(
            reads=reads,
            results=Results(self._store, struct_timestamps=struct_timestamps),
            writes=WriteSessions(self._store),
            blobs=BlobSite(Blobs(self._store)),
            content_length_answers=content_length_answers,
        )
        self._records: deque[RequestRecord] = deque(maxlen=REMEMBERED_REQUESTS)
        self._guard = threading.Lock()
        self.faults = Faults()
        """Rules that make the service fail."""
        for name in (project, *projects):
            self.create_project(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def requests(self) -> tuple[RequestRecord, ...]:
        """The requests that the service saw, the last ones last."""
        with self._guard:
            return tuple(self._records)

    @property
    def store(self) -> Store:
        """The folder."""
        return self._store

    @property
    def knows_callers(self) -> bool:
        """Whether callers have to prove who they are."""
        return self._callers.known

    def create_project(self, name: str) -> None:
        """Make a project, unless it is there."""
        TableRef(name, "t")  # names of projects and tables are alike
        with self._store.database.write() as connection:
            create_project(connection, name, self._store.now())

    def close(self) -> None:
        """Stop queries and give the folder back."""
        self._instances.close()
        self._store.close()

    def send(self, request: Request, /) -> Response:
        """Carry a request out; refusals are answers too.

        Raises
        ------
        ServiceUnavailable
            When a rule lets the connection break, or the body of the request did.
        """
        exchange = _Exchange(IncomingBody(request.body), self._store.new_id())
        status = None
        try:
            response = self._carry_out(request, exchange)
            status = response.status
            # Callers whose clock is wrong learn the time from here.
            date = {"Date": format_datetime(self._clock().astimezone(UTC), usegmt=True)}
            return replace(response, headers=response.headers.adding(date))
        finally:
            record = RequestRecord(
                operation=exchange.operation,
                target=exchange.target,
                session=request.parameter(names.SESSION_ID),
                status=status,
                n_bytes=exchange.body.n_bytes,
                request_id=exchange.request_id,
            )
            with self._guard:
                self._records.append(record)

    def _carry_out(self, request: Request, exchange: _Exchange) -> Response:
        try:
            return self._answer(request, exchange)
        except ServiceUnavailable:
            raise  # there is nobody to answer
        except ServiceError as error:
            refusal = error
        except (OSError, sqlite3.OperationalError) as error:
            if exchange.body.failure is not None:
                raise
            log.exception("request %s met a folder that cannot be used", exchange.request_id)
            refusal = no_storage(error)
        except Exception as error:
            if exchange.body.failure is not None:
                raise
            log.exception("request %s failed", exchange.request_id)
            # Clients repeat what failed with 5xx for minutes; a fault of ours will not go away.
            # Texts of faults may name files of this machine; they are for its log alone.
            refusal = ServiceError(
                f"a fault of the service itself, {type(error).__name__}; its log has it under "
                f"request {exchange.request_id}",
                status=400,
                code="EmulatorFault",
            )
        if exchange.body.failure is not None:
            raise exchange.body.failure
        return encode_error(refusal, xml=request.site is Site.REST, request_id=exchange.request_id)

    def _answer(self, request: Request, exchange: _Exchange) -> Response:
        self._callers.check(request, self._clock())
        on_rest = request.site is Site.REST
        carry_out = (
            self._rest_call(request, exchange) if on_rest else self._action(request, exchange)
        )
        fault = self.faults.match(exchange.operation, exchange.target)
        if fault is None:
            return carry_out(end_mark=True)
        return spoil(fault, carry_out, xml=on_rest, request_id=exchange.request_id)

    def _rest_call(self, request: Request, exchange: _Exchange) -> CarryOut:
        request = replace(request, body=exchange.body.document())
        call = decode_rest(request)
        exchange.operation, exchange.target = type(call).__name__, request.path
        return lambda *, end_mark: self._rest.answer(call, request, exchange.request_id)  # noqa: ARG005  there is no stream

    def _tunnel_call(self, request: Request, exchange: _Exchange) -> CarryOut:
        exchange.target = request.path
        call = decode_tunnel(request)
        exchange.operation = type(call).__name__
        if not isinstance(call, WriteBlock):
            exchange.body.document()
        return lambda *, end_mark: self._tunnel.answer(call, exchange.body, exchange.request_id)  # noqa: ARG005  its streams have none

    def _action(self, request: Request, exchange: _Exchange) -> CarryOut:
        if is_tunnel(request):
            return self._tunnel_call(request, exchange)
        exchange.target = request.parameter(names.TARGET) or request.path
        action = action_of(request)
        exchange.operation = action.value
        if action not in (Action.WRITE, Action.WRITE_BLOB):
            request = replace(request, body=exchange.body.document())
        return lambda *, end_mark: self._storage.answer(
            action, request, exchange.body, exchange.request_id, end_mark=end_mark
        )


@dataclass(slots=True)
class _Exchange:
    """What becomes known of a request on its way through the service."""

    body: IncomingBody
    request_id: str
    operation: str = ""
    target: str = ""

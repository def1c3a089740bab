"""The embedded service: a request in, its answer out."""

from __future__ import annotations

import logging
import sqlite3
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Self

from odps_frames.emulator.admin import AdminSite
from odps_frames.emulator.bodies import IncomingBody
from odps_frames.emulator.callers import Callers
from odps_frames.emulator.clock import ClockSetting, ServiceClock
from odps_frames.emulator.exchange import Exchange
from odps_frames.emulator.faults import Faults
from odps_frames.emulator.gate import Gate
from odps_frames.emulator.moments import Moment, Snapshots, wipe
from odps_frames.emulator.preparing import Preparations
from odps_frames.emulator.refusals import no_storage
from odps_frames.emulator.request_log import RequestLog, RequestRecord
from odps_frames.emulator.session_control import SessionControl
from odps_frames.emulator.shaping import Shape
from odps_frames.emulator.sites import Settings, Sites
from odps_frames.emulator.spoiling import Spoiler
from odps_frames.emulator.storage import action_of
from odps_frames.emulator.tunnel.calls import WriteBlock, decode_tunnel, is_tunnel
from odps_frames.errors import ServiceError, ServiceUnavailable
from odps_frames.wire import names
from odps_frames.wire.http import Site
from odps_frames.wire.names import Action
from odps_frames.wire.reply import encode_error
from odps_frames.wire.rest import decode_rest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from odps_frames.config import AccessKey
    from odps_frames.emulator.instances import Instances
    from odps_frames.emulator.request_log import Counters, Requests
    from odps_frames.emulator.spoiling import CarryOut
    from odps_frames.emulator.store import Store
    from odps_frames.wire.http import Request, Response

__all__ = ["Emulator", "RequestRecord"]

log = logging.getLogger(__name__)

SESSION_SECONDS = 24 * 60 * 60
QUIET_SECONDS = 30.0
"""So long requests under way may take before the folder becomes another one."""


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
        Tells the time, with a zone, while nobody moves it by `clock`.
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
    test_mode : bool
        A server lets clients on this machine do what tests do here: add faults, move the clock,
        and so on.

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
        test_mode: bool = False,
    ) -> None:
        self._callers = Callers(accounts, tokens)
        self._path = path
        self._projects = (project, *projects)
        self._settings = Settings(
            session_seconds=session_seconds,
            struct_timestamps=struct_timestamps,
            large_strings=large_strings,
            content_length_answers=content_length_answers,
            finish_at_once=finish_at_once,
            namespaces=namespaces,
        )
        self.admin = AdminSite(self) if test_mode else None
        """What clients on this machine may do beside the protocol."""
        self.clock = ServiceClock(clock)
        """The time of the service, which can be moved on."""
        self.faults = Faults(self.clock)
        """Rules that make the service fail."""
        self.sessions = SessionControl(lambda: self._sites)
        """The sessions of all clients."""
        self._log = RequestLog(self.clock)
        self._gate = Gate()
        self._changing = threading.Lock()
        self._sites = Sites(path, self._settings, self.clock)
        self._endpoint: str | None = None
        self._snapshots = Snapshots(path)
        self._make_projects()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def requests(self) -> Requests:
        """The last requests that the service saw, in the order in which they came."""
        return self._log.requests

    @property
    def counters(self) -> Counters:
        """What all requests brought and took, in sums."""
        return self._log.counters

    @property
    def test_mode(self) -> bool:
        """Whether tests in other processes may do what tests do here."""
        return self.admin is not None

    def check(self) -> None:
        """Make sure that the folder can be read.

        Raises
        ------
        sqlite3.Error
            When it cannot.
        """
        with self._store.database.read() as connection:
            connection.execute("SELECT count(*) FROM projects")

    @property
    def _store(self) -> Store:
        return self._sites.store

    @property
    def _instances(self) -> Instances:
        return self._sites.instances

    @property
    def preparations(self) -> Preparations:
        """How read sessions become ready, by its ``rule``."""
        return self._sites.preparations

    @property
    def snapshots(self) -> tuple[str, ...]:
        """The names of what `restore` can bring back."""
        return self._snapshots.names

    @property
    def store(self) -> Store:
        """The folder."""
        return self._store

    def announce(self, endpoint: str | None) -> None:
        """Say where the service listens, for whoever asks who holds its folder."""
        self._endpoint = endpoint
        self._store.announce(endpoint)

    @property
    def knows_callers(self) -> bool:
        """Whether callers have to prove who they are."""
        return self._callers.known

    def create_project(self, name: str) -> None:
        """Make a project, unless it is there."""
        self._sites.create_project(name)

    def reset(self) -> None:
        """Forget all tables, sessions, faults and requests; clients need not connect anew.

        The projects are those of the start and the clock tells the time again; snapshots stay.

        Raises
        ------
        Conflict
            When requests under way do not come to their end.
        """
        with self._changing, self._alone():
            wipe(self._path)
            self._sites = Sites(self._path, self._settings, self.clock)
            self._store.announce(self._endpoint)
            self._make_projects()
            self.faults.clear()
            self.clock.setting = ClockSetting()
            self._log.clear()

    def snapshot(self, name: str) -> None:
        """Keep all there is at this moment, for `restore`: tables, sessions, faults, the clock.

        Clients go on meanwhile. A snapshot is gone when the service is closed.

        Raises
        ------
        ConfigError
            When the name is not fit for one.
        """
        with self._changing:
            moment = Moment(
                clock=self.clock.setting,
                rules=self.faults.rules,
                courses=self._sites.preparations.courses,
            )
            self._snapshots.keep(name, self._store, moment)

    def restore(self, name: str) -> None:
        """Become what it was when a snapshot was made; clients need not connect anew.

        The log of requests goes on.

        Raises
        ------
        NotFound
            When there is no such snapshot.
        Conflict
            When requests under way do not come to their end.
        """
        with self._changing:
            moment = self._snapshots.find(name)
            with self._alone():
                self._snapshots.put_back(name)
                self.clock.setting = moment.clock
                self.faults.rules = moment.rules
                courses = Preparations(moment.courses)
                self._sites = Sites(self._path, self._settings, self.clock, courses)
                self._store.announce(self._endpoint)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Have the folder for oneself: no request is under way, and no service has it open."""
        self.clock.wake()
        with self._gate.alone(QUIET_SECONDS):
            self._sites.close()
            yield

    def _make_projects(self) -> None:
        for name in self._projects:
            self._sites.create_project(name)

    def end_waits(self) -> None:
        """Let go of the answers that rules hold back; their connections break."""
        self.clock.wake()

    def close(self) -> None:
        """Stop queries and give the folder back."""
        self.clock.wake()
        self._snapshots.close()
        self._sites.close()

    def send(self, request: Request, /) -> Response:
        """Carry a request out; refusals are answers too.

        Raises
        ------
        ServiceUnavailable
            When a rule lets the connection break, or the body of the request did.
        """
        entry = self._log.begin()
        wakes = self.clock.wakes
        with self._gate.shared():
            body = IncomingBody(request.body)
            exchange = Exchange(request, body, self._store.new_id())
            try:
                response = self._carry_out(exchange, wakes)
            except BaseException:
                entry.break_off(exchange)
                raise
        # Callers whose clock is wrong learn the time from here.
        date = {"Date": format_datetime(self.clock().astimezone(UTC), usegmt=True)}
        response = replace(response, headers=response.headers.adding(date))
        return entry.answer(exchange, response)

    def _carry_out(self, exchange: Exchange, wakes: int) -> Response:
        request = exchange.request
        try:
            return self._answer(request, exchange, wakes)
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
        exchange.code = refusal.code
        return encode_error(refusal, xml=request.site is Site.REST, request_id=exchange.request_id)

    def _answer(self, request: Request, exchange: Exchange, wakes: int) -> Response:
        self._callers.check(request, self.clock.as_seen_by(request.headers.get("Date", "")))
        on_rest = request.site is Site.REST
        carry_out = (
            self._rest_call(request, exchange) if on_rest else self._action(request, exchange)
        )
        fault = self.faults.match(exchange)
        if fault is None:
            return carry_out(Shape(exchange))
        exchange.fault = fault.id
        spoiler = Spoiler(fault, exchange, self.clock, self.sessions, on_rest, wakes)
        return spoiler.answer(carry_out)

    def _rest_call(self, request: Request, exchange: Exchange) -> CarryOut:
        request = replace(request, body=exchange.body.document())
        call = decode_rest(request)
        exchange.operation, exchange.target = type(call).__name__, request.path
        return lambda _: self._sites.rest.answer(call, request, exchange.request_id)

    def _tunnel_call(self, request: Request, exchange: Exchange) -> CarryOut:
        exchange.target = request.path
        call = decode_tunnel(request)
        exchange.operation = type(call).__name__
        if not isinstance(call, WriteBlock):
            exchange.body.document()
        return lambda shape: self._sites.tunnel.answer(
            call, exchange.body, exchange.request_id, shape
        )

    def _action(self, request: Request, exchange: Exchange) -> CarryOut:
        if is_tunnel(request):
            return self._tunnel_call(request, exchange)
        exchange.target = request.parameter(names.TARGET) or request.path
        action = action_of(request)
        exchange.operation = action.value
        if action not in (Action.WRITE, Action.WRITE_BLOB):
            request = replace(request, body=exchange.body.document())
        return lambda shape: self._sites.storage.answer(
            action, request, exchange.body, exchange.request_id, shape
        )

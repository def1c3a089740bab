"""All or nothing: a commit whose outcome is always found out, and an abort that harms nobody."""

from __future__ import annotations

import abc
import functools
import threading
from typing import TYPE_CHECKING, ClassVar, Self

from odps_frames.errors import (
    CommitUnknown,
    Conflict,
    OdpsError,
    ProtocolError,
    ServiceError,
    ServiceUnavailable,
)
from odps_frames.model.lifecycle import SessionStatus
from odps_frames.model.write import AUTO_COMMIT
from odps_frames.transport.notices import Notices
from odps_frames.transport.retry import Meter, RetryPolicy
from odps_frames.wire.envelope import Envelope
from odps_frames.wire.write_session import decode_done, decode_session, encode_abort, encode_get

if TYPE_CHECKING:
    from types import TracebackType

    from odps_frames.model.write import WriteSpec
    from odps_frames.transport.base import Transport
    from odps_frames.wire.http import Request

__all__ = ["Committing"]

SETTLE_SECONDS = 120.0
SETTLE_FIRST_SECONDS = 0.05
ABORT_SECONDS = 2.0
_EXPIRES = "it was not committed, and it expires by itself"
NORMAL_POLLS = 3
"""A commit that left the session NORMAL for so many looks did not arrive."""


class Committing(abc.ABC):
    """The end of a write session, whatever was put into it."""

    COMMITTED_AS: ClassVar[tuple[SessionStatus, ...]] = (
        SessionStatus.COMMITTED,
        SessionStatus.UNKNOWN,
    )
    """States that the answer to a commit may say; most answers say none."""

    def __init__(
        self,
        transport: Transport,
        spec: WriteSpec,
        session_id: str,
        envelope: Envelope | None = None,
        *,
        policy: RetryPolicy | None = None,
        meter: Meter | None = None,
    ) -> None:
        self._transport = transport
        self._envelope = envelope or Envelope()
        self._policy = policy or RetryPolicy()
        self._commit_sent = False
        self.meter = meter or Meter()
        self.spec = spec
        self.session_id = session_id
        self.notices = Notices()
        self.status = SessionStatus.NORMAL
        self.settled = False
        """Whether the answer to the commit was lost and its outcome had to be asked for."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the service warned of."""
        return self.notices.texts

    @property
    def request_id(self) -> str:
        """The id of the last request that was answered, which support asks for."""
        return self.notices.request_id

    @property
    def commits_itself(self) -> bool:
        """Whether this is the streaming session whose rows are visible as they are taken."""
        return self.session_id == AUTO_COMMIT and self.spec.mode.streams

    @property
    def n_rows(self) -> int:
        """Rows that arrived."""
        return 0

    def abort(self) -> None:
        """Give the rows up; a session whose commit is under way is left alone."""
        if self._commit_sent or self.status is not SessionStatus.NORMAL:
            return
        self.status = SessionStatus.ABORTED
        if self.commits_itself:
            return
        request = encode_abort(
            self.spec.table, self.session_id, mode=self.spec.mode, envelope=self._envelope
        )
        self.notices.heard(decode_done(self._transport.send(request)))
        self.notices.tell()

    @abc.abstractmethod
    def commit(self) -> None:
        """Make all rows visible at once."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            try:
                self.commit()
            except CommitUnknown:
                raise
            except BaseException as refused:
                self._abort_after(refused)
                raise
        else:
            self._abort_after(error)

    def give_up(self, error: BaseException | None = None) -> None:
        """Abort what was not committed, as leaving the ``with`` block by an exception does.

        It waits no longer than two seconds for the service; the exception, where there is one,
        is told of what went wrong.
        """
        self._abort_after(error or Exception())

    def _commit(self, request: Request) -> None:
        """Send a commit, and do not rest before its outcome is known."""
        self._commit_sent = True
        try:
            self._send_commit(request)
        except (ServiceUnavailable, ProtocolError) as error:
            if isinstance(error, ServiceUnavailable) and not error.sent:
                self._commit_sent = False
                raise
            self._settle(request, error)
            self.settled = True
        except OdpsError:  # a clear refusal
            self._commit_sent = False
            raise
        except BaseException as error:
            error.add_note(
                f"the commit of session {self.session_id} was under way: its rows are in "
                f"{self.spec.table} either all or not at all"
            )
            raise
        self.status = SessionStatus.COMMITTED
        self.notices.tell()

    def _require_normal(self) -> None:
        if self.status is SessionStatus.COMMITTING:  # by another one who joined it
            raise self._unknown()
        if self.status is not SessionStatus.NORMAL:
            msg = f"the write session {self.session_id} is {self.status}; make a new one"
            raise Conflict(msg, session_id=self.session_id)

    def _abort_after(self, error: BaseException) -> None:
        if self._commit_sent or self.status is not SessionStatus.NORMAL:
            return
        if self.commits_itself:
            error.add_note(f"rows that were sent to {self.spec.table} so far are visible there")
        failures: list[str] = [f"no answer in time; {_EXPIRES}"]

        def abort() -> None:
            try:
                self.abort()
                failures.clear()
            except OdpsError as failed:
                clear = isinstance(failed, Conflict)
                failures[:] = [failed.message if clear else f"{failed.message}; {_EXPIRES}"]

        # Whoever is stopped by an exception, or by Ctrl-C, does not wait long for the service.
        aborting = threading.Thread(target=abort, name="odps-abort", daemon=True)
        aborting.start()
        aborting.join(ABORT_SECONDS)
        if failures:
            error.add_note(
                f"the write session {self.session_id} of {self.spec.table} could not be aborted: "
                f"{failures[0]}"
            )

    def _send_commit(self, request: Request) -> None:
        reply = self.notices.heard(decode_session(self._transport.send(request), self.session_id))
        if reply.value.status not in self.COMMITTED_AS:
            msg = f"the commit was taken, but the session is {reply.value.status}"
            raise ProtocolError(msg, session_id=self.session_id)

    def _settle(self, request: Request, cause: OdpsError) -> None:
        """Find out what became of a commit whose answer was lost.

        The session is asked until it says. Only one that stays NORMAL is committed again: the
        first commit did not reach it.
        """
        end = self._policy.clock() + SETTLE_SECONDS
        seconds, seen_normal = SETTLE_FIRST_SECONDS, 0
        while self._policy.clock() < end:
            match self._ask():
                case SessionStatus.COMMITTED:
                    return
                case SessionStatus.ABORTED | SessionStatus.EXPIRED | SessionStatus.CRITICAL as now:
                    self.status = now
                    msg = f"the commit did not take effect: the session is {now}"
                    raise Conflict(msg, session_id=self.session_id) from cause
                case SessionStatus.NORMAL:
                    seen_normal += 1
                    if seen_normal >= NORMAL_POLLS:
                        seen_normal = 0
                        try:
                            self._send_commit(request)
                        except (ServiceUnavailable, ProtocolError):
                            continue
                        except OdpsError:
                            break  # the first commit may have landed after all
                        return
                case SessionStatus.UNKNOWN:
                    break
                case _:
                    seen_normal = 0
            self._policy.sleep(seconds)
            seconds = min(seconds * 2, 5.0)
        raise self._unknown() from cause

    def _ask(self) -> SessionStatus:
        return _status(self._transport, self.spec, self.session_id, self._envelope)

    def _unknown(self) -> CommitUnknown:
        msg = (
            f"a commit of {self.n_rows} rows to {self.spec.table} was sent, and neither its "
            f"answer nor the state of session {self.session_id} could be had; the rows are in "
            "the table either all or not at all. Call .resolve() on this error to ask again, or "
            "look at the table, before writing them again"
        )
        error = CommitUnknown(msg, session_id=self.session_id)
        error.resolver = functools.partial(
            _resolve, self._transport, self.spec, self.session_id, self._envelope, msg
        )
        return error


def _status(
    transport: Transport, spec: WriteSpec, session_id: str, envelope: Envelope
) -> SessionStatus:
    request = encode_get(spec.table, session_id, mode=spec.mode, envelope=envelope)
    try:
        return decode_session(transport.send(request), session_id).value.status
    except ServiceUnavailable:
        return SessionStatus.COMMITTING  # no answer now; it is asked again
    except ServiceError:
        return SessionStatus.UNKNOWN  # a refusal to say is no news of the commit


def _resolve(
    transport: Transport, spec: WriteSpec, session_id: str, envelope: Envelope, message: str
) -> bool:
    """Tell whether a commit took effect; a function, so that its error can travel."""
    match _status(transport, spec, session_id, envelope):
        case SessionStatus.COMMITTED:
            return True
        case SessionStatus.ABORTED | SessionStatus.EXPIRED | SessionStatus.NORMAL:
            return False
        case _:
            error = CommitUnknown(message, session_id=session_id)
            error.resolver = functools.partial(
                _resolve, transport, spec, session_id, envelope, message
            )
            raise error

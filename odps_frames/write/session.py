"""A write session: a ``with`` block that commits all of its rows, or none."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Literal, Self

from odps_frames.errors import (
    CommitUnknown,
    Conflict,
    OdpsError,
    ProtocolError,
    ServiceError,
    ServiceUnavailable,
)
from odps_frames.model.lifecycle import SessionStatus
from odps_frames.transport.retry import Meter, RetryPolicy
from odps_frames.wire.compression import Compression
from odps_frames.wire.envelope import Envelope
from odps_frames.wire.write_session import (
    decode_done,
    decode_session,
    encode_abort,
    encode_commit,
    encode_create,
    encode_get,
)
from odps_frames.write.blob_methods import BlobMethods
from odps_frames.write.blobs import BlobUploads
from odps_frames.write.block import BlockReceipt, BlockWriter
from odps_frames.write.stream import TableWriter

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    import pyarrow as pa

    from odps_frames.model.write import StreamId, WriteSpec
    from odps_frames.transport.base import Transport

__all__ = ["WriteSession"]

SETTLE_SECONDS = 120.0
SETTLE_FIRST_SECONDS = 0.05
ABORT_SECONDS = 2.0
NORMAL_POLLS = 3
"""A commit that left the session NORMAL for so many looks did not arrive."""


class WriteSession(BlobMethods):
    """Rows on their way into a table.

    Leaving the ``with`` block commits; an exception inside it aborts, and nothing is visible.
    Use ``WriteSession.create``; the constructor asks nothing.
    """

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
        self._lock = threading.Lock()
        self._receipts: dict[str, BlockReceipt] = {}
        self._blobs = BlobUploads(transport, spec, session_id, self._envelope)
        self._blob_streams: tuple[StreamId, ...] = ()
        self._commit_sent = False
        self.meter = meter or Meter()
        self.spec = spec
        self.session_id = session_id
        self.status = SessionStatus.NORMAL
        self.warnings: tuple[str, ...] = ()
        """What the service warned of."""
        self.settled = False
        """Whether the answer to the commit was lost and its outcome had to be asked for."""

    @classmethod
    def create(
        cls,
        transport: Transport,
        spec: WriteSpec,
        envelope: Envelope | None = None,
        *,
        policy: RetryPolicy | None = None,
        meter: Meter | None = None,
    ) -> Self:
        """Open a session; nothing is visible before its commit."""
        envelope = envelope or Envelope()
        reply = decode_session(transport.send(encode_create(spec, envelope)))
        session = cls(
            transport,
            spec,
            reply.value.session_id,
            envelope.routed(reply.route_token),
            policy=policy,
            meter=meter,
        )
        if reply.warning:
            session.warnings = (reply.warning,)
        return session

    def blocks(
        self, schema: pa.Schema, compression: Literal["lz4", "zstd"] | None = None
    ) -> BlockWriter:
        """Return what sends blocks of this schema."""
        return BlockWriter(
            transport=self._transport,
            spec=self.spec,
            session_id=self.session_id,
            envelope=self._envelope,
            schema=schema,
            codec=Compression.of(compression).ipc_codec,
            policy=self._policy,
            meter=self.meter,
        )

    def open_stream(
        self,
        index: int | str = 0,
        *,
        schema: pa.Schema,
        compression: Literal["lz4", "zstd"] | None = None,
    ) -> TableWriter:
        """Open a stream of rows; streams are independent, and ids are unique in a session."""
        return TableWriter(self, str(index), self.blocks(schema, compression))

    def accept(self, receipts: Iterable[BlockReceipt]) -> None:
        """Note blocks that the commit is to name; a block counts once, however often it is told."""
        with self._lock:
            for receipt in receipts:
                self._receipts[receipt.stream.stream] = receipt

    @property
    def n_rows(self) -> int:
        """Rows of the blocks that arrived."""
        return sum(receipt.n_rows for receipt in self._receipts.values())

    def commit(self) -> None:
        """Make all rows visible at once.

        Raises
        ------
        ServiceError
            When the service refused; nothing is visible.
        CommitUnknown
            When neither the commit nor a later question was answered clearly.
        """
        if self.status is SessionStatus.COMMITTED:
            return
        if self.status is not SessionStatus.NORMAL:
            msg = f"the write session {self.session_id} is {self.status}; make a new one"
            raise Conflict(msg, session_id=self.session_id)
        self._blob_streams = self._blobs.close_streams()
        self._commit_sent = True
        try:
            self._send_commit()
        except (ServiceUnavailable, ProtocolError) as error:
            if isinstance(error, ServiceUnavailable) and not error.sent:
                self._commit_sent = False
                raise
            self._settle(error)
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

    def abort(self) -> None:
        """Give the rows up; a session whose commit is under way is left alone."""
        if self._commit_sent or self.status is not SessionStatus.NORMAL:
            return
        self.status = SessionStatus.ABORTED
        request = encode_abort(
            self.spec.table, self.session_id, mode=self.spec.mode, envelope=self._envelope
        )
        decode_done(self._transport.send(request))

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

    def _abort_after(self, error: BaseException) -> None:
        if self._commit_sent or self.status is not SessionStatus.NORMAL:
            return
        failures: list[str] = ["no answer in time"]

        def abort() -> None:
            try:
                self.abort()
                failures.clear()
            except OdpsError as failed:
                failures[:] = [failed.message]

        # Whoever is stopped by an exception, or by Ctrl-C, does not wait long for the service.
        aborting = threading.Thread(target=abort, name="odps-abort", daemon=True)
        aborting.start()
        aborting.join(ABORT_SECONDS)
        if failures:
            error.add_note(
                f"the write session {self.session_id} of {self.spec.table} could not be aborted "
                f"({failures[0]}); it was not committed, and it expires by itself"
            )

    def _send_commit(self) -> None:
        rows = (receipt.stream for receipt in self._receipts.values())
        streams = (*rows, *self._blob_streams)
        request = encode_commit(
            self.spec.table,
            self.session_id,
            streams or None,
            mode=self.spec.mode,
            envelope=self._envelope,
        )
        reply = decode_session(self._transport.send(request), self.session_id)
        if reply.warning:
            self.warnings = (*self.warnings, reply.warning)
        if reply.value.status not in (SessionStatus.COMMITTED, SessionStatus.UNKNOWN):
            # Most answers say nothing of the state; one that does must say this one.
            msg = f"the commit was taken, but the session is {reply.value.status}"
            raise ProtocolError(msg, session_id=self.session_id)

    def _settle(self, cause: OdpsError) -> None:
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
                            self._send_commit()
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

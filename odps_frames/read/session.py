"""A read session: made or joined, waited for, kept alive, read."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self, cast

import pyarrow as pa

from odps_frames.convert.arrow import normal_schema
from odps_frames.errors import (
    CorruptStream,
    IncompleteRead,
    ProtocolError,
    SchemaMismatch,
    ServiceError,
    ServiceUnavailable,
    SessionExpired,
)
from odps_frames.model.lifecycle import SessionStatus
from odps_frames.model.read import BatchOptions, DataFormat, ReadSpec
from odps_frames.model.splits import Split
from odps_frames.model.table import InstanceRef
from odps_frames.read.gather import gather
from odps_frames.read.stream import StreamPlan, read_batches
from odps_frames.transport.retry import Meter, RetryPolicy
from odps_frames.wire.envelope import Envelope
from odps_frames.wire.read_session import decode_info, encode_create, encode_get

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from odps_frames.model.read import ReadSessionInfo
    from odps_frames.model.schema import Column
    from odps_frames.read.cancel import Cancellation
    from odps_frames.transport.base import Transport
    from odps_frames.wire.reply import Reply

__all__ = ["ReadSession"]

READY_SECONDS = 3600.0
POLL_SECONDS = 0.02
MAX_POLL_SECONDS = 2.0
REFRESH_BEFORE = timedelta(minutes=10)


class ReadSession:
    """A snapshot of a table, cut into splits that any worker may read.

    Use ``ReadSession.create`` or ``ReadSession.attach``; the constructor asks nothing.
    """

    def __init__(
        self,
        transport: Transport,
        spec: ReadSpec,
        info: ReadSessionInfo,
        envelope: Envelope | None = None,
        *,
        policy: RetryPolicy | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._transport = transport
        self._envelope = envelope or Envelope()
        self._policy = policy or RetryPolicy()
        self._clock = clock
        self._lock = threading.Lock()
        self.spec = spec
        self.info = info
        self.warnings: tuple[str, ...] = ()
        """What the service warned of, such as a condition that it did not apply."""
        self._refresh_at = _refresh_time(info, clock())

    @classmethod
    def create(
        cls,
        transport: Transport,
        spec: ReadSpec,
        envelope: Envelope | None = None,
        *,
        policy: RetryPolicy | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Self:
        """Ask the service for a session; it may still be preparing it (see ``wait``)."""
        envelope = envelope or Envelope()
        reply = decode_info(transport.send(encode_create(spec, envelope)))
        return cls._of(reply, transport, spec, envelope, policy, clock)

    @classmethod
    def attach(
        cls,
        transport: Transport,
        spec: ReadSpec,
        session_id: str,
        envelope: Envelope | None = None,
        *,
        policy: RetryPolicy | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Self:
        """Join a session that somebody else made; ``spec`` says how it was asked for."""
        envelope = envelope or Envelope()
        request = encode_get(spec.table, session_id, envelope=envelope)
        reply = decode_info(transport.send(request))
        return cls._of(reply, transport, spec, envelope, policy, clock)

    @classmethod
    def _of(
        cls,
        reply: Reply[ReadSessionInfo],
        transport: Transport,
        spec: ReadSpec,
        envelope: Envelope,
        policy: RetryPolicy | None,
        clock: Callable[[], datetime],
    ) -> Self:
        routed = envelope.routed(reply.route_token)
        session = cls(transport, spec, reply.value, routed, policy=policy, clock=clock)
        session.warnings = (reply.warning,) if reply.warning else ()
        return session

    @property
    def session_id(self) -> str:
        """The id under which the service knows the session."""
        return self.info.session_id

    @property
    def route_token(self) -> str | None:
        """The token by which the service finds the session again, as it last said it."""
        return self._envelope.route_token

    @property
    def splits(self) -> tuple[Split, ...]:
        """The pieces of the session, in the order of the rows.

        A service that cuts a session into nothing and still expects rows of it is asked for all
        of it at once: nothing may look empty that is not.
        """
        found = self.info.splits(self.spec.split_by)
        stats = self.info.stats
        expected = stats.estimated_bytes if stats.estimated_rows is None else stats.estimated_rows
        if found or not expected or isinstance(self.spec.table, InstanceRef):
            return found
        return (Split(self.session_id),)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of its streams: data, partition and system columns."""
        return self.info.columns

    @property
    def arrow_schema(self) -> pa.Schema:
        """The schema of its batches."""
        return normal_schema(self.columns, self.spec.arrow)

    def wait(self, timeout: float = READY_SECONDS) -> Self:
        """Wait until the session can be read; asks first after 20 ms, later every 2 s.

        Raises
        ------
        SessionExpired
            When it is past its life.
        ServiceUnavailable
            When it is not ready in time.
        ServiceError
            When the service gave it up (state CRITICAL), with the reason.
        """
        end = self._policy.clock() + timeout
        seconds = POLL_SECONDS
        while self.info.status is SessionStatus.INIT:
            if self._policy.clock() > end:
                msg = f"read session of {self.spec.table} was not ready after {timeout:g} s"
                raise ServiceUnavailable(msg, session_id=self.session_id)
            self._policy.sleep(seconds)
            seconds = min(seconds * 1.5, MAX_POLL_SECONDS)
            self._ask(refresh=False)
        if self.info.status is SessionStatus.EXPIRED:
            msg = f"the read session of {self.spec.table} has expired; refresh() it, or make a new"
            raise SessionExpired(msg, session_id=self.session_id)
        if self.info.status is not SessionStatus.NORMAL:
            msg = (
                f"the read session of {self.spec.table} is {self.info.status}: "
                f"{self.info.message or 'the service gave no reason'}"
            )
            raise ServiceError(msg, session_id=self.session_id)
        return self

    def refresh(self) -> Self:
        """Lengthen the life of the session, or bring it back after its end."""
        self._ask(refresh=True)
        return self

    def read(
        self,
        split: Split,
        *,
        options: BatchOptions | None = None,
        validate: bool = True,
        meter: Meter | None = None,
        cancel: Cancellation | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the batches of one split; see ``read_batches`` for what it promises.

        Columns chosen in ``options`` come in the order in which they stand there.

        Raises
        ------
        SchemaMismatch
            For a column that the session does not have.
        ValueError
            For a split of another session, or a form of data that the service does not offer.
        """
        if split.session_id != self.session_id:
            msg = f"{split} is not of session {self.session_id}; read it by the session it is of"
            raise ValueError(msg)
        plan = self._plan(options or BatchOptions(), validate=validate)
        self._keep_alive()
        return read_batches(self._transport, plan, split, meter=meter, cancel=cancel)

    def batches(
        self,
        splits: Iterable[Split] | None = None,
        *,
        options: BatchOptions | None = None,
        validate: bool = True,
        max_workers: int | None = None,
        ordered: bool = True,
        meter: Meter | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the batches of many splits, read side by side and bounded in memory.

        Closing the iterator early closes every connection.

        Raises
        ------
        IncompleteRead, CorruptStream
            When all splits are read and bring fewer or more rows than the service counted.
        """
        chosen = self.splits if splits is None else tuple(splits)
        n_rows = self.info.n_rows

        def read(split: Split, cancel: Cancellation) -> Iterator[pa.RecordBatch]:
            return self.read(split, options=options, validate=validate, meter=meter, cancel=cancel)

        found = gather(chosen, read, max_workers=max_workers, ordered=ordered, meter=meter)
        skips = options is not None and options.skip_rows > 0
        if n_rows is None or skips:
            return found
        whole = splits is None or sorted(chosen, key=repr) == sorted(self.splits, key=repr)
        return _counted(found, n_rows) if whole else found

    def to_arrow(self) -> pa.Table:
        """Read all of it into a table."""
        return pa.Table.from_batches(self.batches(), schema=self.arrow_schema)

    def __arrow_c_schema__(self) -> object:
        return self.arrow_schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        reader = pa.RecordBatchReader.from_batches(self.arrow_schema, self.batches())
        return reader.__arrow_c_stream__(requested_schema)  # type: ignore[no-untyped-call]  # stubs

    def _plan(self, options: BatchOptions, *, validate: bool) -> StreamPlan:
        if options.format not in self.info.formats or options.format != DataFormat():
            offered = [f"{each.type} {each.version}" for each in self.info.formats]
            msg = (
                f"{options.format} cannot be read; the service offers {offered}, of which this "
                "package reads Arrow V5"
            )
            raise ValueError(msg)
        columns, output = self.columns, None
        if options.columns is not None:
            data, output = _chosen(self.info, options.columns)
            columns = (*data, *self.info.schema.partition_columns, *self.info.system_columns)
            options = replace(options, columns=tuple(column.name for column in data))
        return StreamPlan(
            table=self.spec.table,
            columns=columns,
            output=output,
            arrow=self.spec.arrow,
            options=options,
            envelope=self._envelope,
            policy=self._policy,
            validate=validate,
            filtered=self.spec.row_filter is not None,
            refresh=lambda: self._ask(refresh=True),
        )

    def _keep_alive(self) -> None:
        """Refresh shortly before the end, so that long reads never meet it."""
        ends = self._refresh_at
        if ends is not None and ends <= self._clock():
            self._ask(refresh=True, unless_after=ends)

    def _ask(self, *, refresh: bool, unless_after: datetime | None = None) -> None:
        with self._lock:
            if unless_after is not None and self._refresh_at != unless_after:
                return  # another thread was faster
            # Questions after a session go without the token, as all known clients send them.
            asking = replace(self._envelope, route_token=None)
            request = encode_get(self.spec.table, self.session_id, refresh=refresh, envelope=asking)
            reply = decode_info(self._transport.send(request))
            self.info = _gone_on(self.info, reply.value)
            self._envelope = self._envelope.routed(reply.route_token)
            self._refresh_at = _refresh_time(self.info, self._clock())


def _gone_on(known: ReadSessionInfo, told: ReadSessionInfo) -> ReadSessionInfo:
    """Return what is told of a session now; what was being read must not become another thing.

    Raises
    ------
    ProtocolError
        When it is another session, or has other columns than before.
    """
    if told.session_id != known.session_id:
        msg = f"asked for session {known.session_id}, the service told of {told.session_id}"
        raise ProtocolError(msg, session_id=known.session_id)
    before, now = ([(c.name, c.type) for c in info.columns] for info in (known, told))
    if before and now and before != now:
        msg = "the columns of the session became others while it was read"
        raise ProtocolError(msg, session_id=known.session_id)
    if before and not now:
        return replace(told, schema=known.schema, system_columns=known.system_columns)
    return told


def _refresh_time(info: ReadSessionInfo, now: datetime) -> datetime | None:
    """Ten minutes before its end, or in the second half of a life that is short."""
    if info.expires_at is None:
        return None
    return max(info.expires_at - REFRESH_BEFORE, now + (info.expires_at - now) / 2)


def _chosen(
    info: ReadSessionInfo, names: tuple[str, ...]
) -> tuple[tuple[Column, ...], tuple[str, ...]]:
    """Return the data columns to ask a stream for, and all that is wanted of what comes."""
    schema = info.schema
    known = {column.name.lower(): column for column in info.columns}
    if missing := [name for name in names if name.lower() not in known]:
        raise SchemaMismatch(schema.unknown(missing))
    found = tuple(known[name.lower()] for name in names)
    wanted = tuple(column.name for column in found)
    if len(set(wanted)) != len(wanted):
        msg = f"columns={list(names)}; expected each column once"
        raise ValueError(msg)
    # No data column at all cannot be asked for: on the wire it would be every one of them.
    data = tuple(column for column in found if column in schema.columns) or schema.columns[:1]
    return data, wanted


def _counted(batches: Iterator[pa.RecordBatch], expected: int) -> Iterator[pa.RecordBatch]:
    """Pass batches on, and hold their rows to what the service counted."""
    got = 0
    with contextlib.closing(cast("Generator[pa.RecordBatch, None, None]", batches)):
        for batch in batches:
            got += batch.num_rows
            if got > expected:
                msg = f"the splits brought {got} rows or more; expected {expected}"
                raise CorruptStream(msg)
            yield batch
    if got < expected:
        msg = f"the splits brought {got} rows; expected {expected}"
        raise IncompleteRead(msg, expected=expected, got=got)

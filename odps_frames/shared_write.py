"""A write that many workers carry out and one caller commits, as engines with tasks need it."""

from __future__ import annotations

import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from odps_frames.blob_placing import BlobPlacer
from odps_frames.connection import Connection
from odps_frames.creation import TakenError
from odps_frames.errors import Conflict, OdpsError, ProtocolError, SchemaMismatch
from odps_frames.key_marks import KeyMarks
from odps_frames.model.lifecycle import SessionStatus
from odps_frames.preparation import prepare
from odps_frames.transport.retry import Meter
from odps_frames.upload import check_same, refused, table_ready
from odps_frames.widening import add_columns
from odps_frames.write.block import StreamReceipt
from odps_frames.write.fan import write_blocks
from odps_frames.write_options import WriteResult

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from odps_frames.flow import Flow
    from odps_frames.model.table import TableRef
    from odps_frames.model.write import StreamId
    from odps_frames.preparation import Prepared
    from odps_frames.write.recipe import SessionRecipe
    from odps_frames.write.session import WriteSession
    from odps_frames.write_options import WriteOptions

__all__ = ["CommitTask", "PartReceipt", "SharedWrite", "WriteTask"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartReceipt:
    """What one task wrote, for the caller to commit; it pickles."""

    streams: StreamReceipt
    blobs: tuple[StreamId, ...]
    n_rows: int
    partitions: tuple[str, ...] = ()
    n_bytes: int = 0
    retries: int = 0
    keys: bytes = field(default=b"", repr=False)
    """Of a table with a primary key: a mark for each key that was written."""
    part: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Tells it from all others."""


@dataclass(frozen=True, kw_only=True, eq=False)
class WriteTask:
    """What a worker needs to write a part of the data; it pickles without a connection.

    A task that is carried out twice adds nothing: only receipts that the caller accepts count.
    """

    connection: Connection
    ref: TableRef
    options: WriteOptions
    recipe: SessionRecipe
    again: bool = False
    """Whether a part that comes when all were committed is taken for one of these."""

    def write(self, data: object) -> PartReceipt:
        """Write data of the columns that were planned: cast, checked and counted as ``to_odps``.

        Raises
        ------
        SchemaMismatch, CastError
            For data that does not fit; what was sent of it is never committed.
        """
        prepared = prepare(self.connection, data, self.ref, self.options)
        if prepared is None or prepared.new:
            msg = f"{self.ref} was dropped while workers wrote into it; nothing is written"
            raise Conflict(msg, code="TableModified")
        try:
            return self._sent(prepared)
        except OdpsError:
            if not self.again or self.recipe.joined().status is not SessionStatus.COMMITTED:
                raise
            rows = prepared.flow.rows
            return PartReceipt(streams=StreamReceipt(()), blobs=(), n_rows=rows)

    def _sent(self, prepared: Prepared) -> PartReceipt:
        flow, meter = prepared.flow, Meter()
        session = self.recipe.session(meter)
        placer = BlobPlacer(
            session,
            flow.schema,
            prepared.blobs,
            self.connection,
            n_workers=self.options.n_streams,
        )
        blocks = session.blocks(placer.schema, self.options.compression.ipc_codec)
        keys = KeyMarks.of(prepared.key, flow.target)
        receipts = write_blocks(
            blocks,
            placer.placed(keys.noted(prepared.batches)),
            n_streams=self.options.n_streams,
            name=f"{uuid.uuid4().hex}-",
        )
        streams = StreamReceipt(tuple(receipts))
        if streams.n_rows != flow.rows:
            msg = f"{flow.rows} rows were to be written and {streams.n_rows} arrived"
            raise ProtocolError(msg, session_id=session.session_id)
        return PartReceipt(
            streams=streams,
            blobs=session.close_blobs(),
            n_rows=flow.rows,
            partitions=flow.partitions(),
            n_bytes=meter.bytes,
            retries=meter.retries,
            keys=keys.packed(),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        state = {each.name: getattr(self, each.name) for each in fields(self)}
        connection = state.pop("connection")
        return _revived, (connection.config, state)


def _revived(config: Any, state: dict[str, Any]) -> WriteTask:  # noqa: ANN401  a Config, by pickle
    return WriteTask(connection=Connection(config, shared=True), **state)


class SharedWrite:
    """The caller's side: prepares the table, gives out the task, commits the receipts once.

    Use it as a ``with`` block; leaving it without ``commit`` gives everything up, and a table
    that was made for the data goes again. ``task`` is None where ``mode="ignore"`` found the place
    taken: then ``commit`` of nothing tells so.

    Parameters
    ----------
    like : pyarrow.Schema or object
        The schema of the data, or data without rows that has the columns of all parts.
    """

    def __init__(
        self, connection: Connection, like: object, ref: TableRef, options: WriteOptions
    ) -> None:
        self._connection = connection
        self._like = like
        self._ref = ref
        self._options = options
        self._stack = ExitStack()
        self._session: WriteSession | None = None
        self._prepared: Prepared | None = None
        self._started = time.monotonic()
        self._taken: WriteResult | None = None
        self._committed = False
        self.task: WriteTask | None = None

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException as error:
            self._stack.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def _begin(self) -> None:
        prepared = prepare(self._connection, _without_rows(self._like), self._ref, self._options)
        if prepared is None:
            self._taken = refused(self._ref, self._options, self._started)
            return
        _check_types_known(prepared)
        try:
            self._stack.enter_context(
                table_ready(self._connection, self._ref, prepared, self._options)
            )
        except TakenError:
            self._taken = refused(self._ref, self._options, self._started)
            return
        self._prepared = prepared
        session = _session(self._connection, self._ref, prepared)
        self._session = session
        self._stack.push(lambda _, error, __: session.give_up(error))
        check_same(self._connection, self._ref, prepared)
        self.task = _task(self._connection, self._ref, self._options, prepared, session)

    def commit(self, receipts: Iterable[PartReceipt]) -> WriteResult:
        """Make the rows of these parts visible, all at once.

        Raises
        ------
        CommitUnknown
            When nobody could tell whether the commit took effect.
        """
        if self._taken is not None:
            return self._taken
        session, prepared = self._session, self._prepared
        if session is None or prepared is None:
            msg = "commit() outside of the with block of a shared write"
            raise SchemaMismatch(msg)
        result = _committed(session, prepared.flow, self._options, receipts, self._started)
        self._committed = True
        return result

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None and not self._committed:
            error = _NotCommittedError()
            kind = type(error)
        self._stack.__exit__(kind, error, traceback)


@dataclass(frozen=True, kw_only=True, eq=False)
class CommitTask:
    """Commits what tasks wrote, in whatever process; it pickles without a connection.

    Carried out twice, it commits once: the session is the same.
    """

    task: WriteTask
    flow: Flow

    @classmethod
    def open(
        cls, connection: Connection, like: object, ref: TableRef, options: WriteOptions
    ) -> Self:
        """Open a session of which nobody waits for the end.

        Raises
        ------
        ValueError
            For what somebody would have to undo when the session is never committed.
        """
        if options.mode in ("error", "ignore"):
            msg = (
                f"mode={options.mode!r} of a write that is carried out later, when it may not hold"
            )
            raise ValueError(msg)
        prepared = prepare(connection, _without_rows(like), ref, options)
        if prepared is None or prepared.new:
            msg = (
                f"there is no table {ref}, and nobody would take it away again if a write that is "
                "carried out later failed; make it first, with client.create_table"
            )
            raise ValueError(msg)
        _check_types_known(prepared)
        add_columns(connection, ref, prepared.added)
        session = _session(connection, ref, prepared)
        check_same(connection, ref, prepared)
        made = _task(connection, ref, options, prepared, session)
        return cls(task=replace(made, again=True), flow=prepared.flow)

    def commit(self, receipts: Iterable[PartReceipt]) -> WriteResult:
        """Make the rows of these parts visible, all at once.

        Raises
        ------
        Conflict
            When the session has ended otherwise.
        CommitUnknown
            When nobody could tell whether the commit took effect.
        """
        started, task = time.monotonic(), self.task
        session = task.recipe.joined()
        return _committed(session, self.flow, task.options, receipts, started)


class _NotCommittedError(Exception):
    """The block was left without a commit; never leaves this module."""


def _without_rows(like: object) -> object:
    if not isinstance(like, pa.Schema):
        return like
    return lambda: pa.RecordBatchReader.from_batches(like, [])


def _check_types_known(prepared: Prepared) -> None:
    """Refuse to make columns of which only the rows could say the type, and workers have these."""
    said = {name.lower() for name in prepared.flow.options.odps_types}
    made = prepared.schema.all_columns if prepared.new else prepared.added
    names = {column.name.lower() for column in made} - said
    unknown = [
        each.name
        for each in prepared.source
        if pa.types.is_null(each.type) and each.name.lower() in names
    ]
    if unknown:
        msg = (
            f"nobody can tell of which types the columns {unknown} are to be made: they are "
            f"objects, and the rows are elsewhere; say it, odps_types={{{unknown[0]!r}: 'string'}}"
        )
        raise SchemaMismatch(msg)


def _session(connection: Connection, ref: TableRef, prepared: Prepared) -> WriteSession:
    target = prepared.flow.target
    return connection.write_session(
        ref,
        partition=str(target.partition) if target.partition else "",
        overwrite=target.overwrite,
    )


def _task(
    connection: Connection,
    ref: TableRef,
    options: WriteOptions,
    prepared: Prepared,
    session: WriteSession,
) -> WriteTask:
    return WriteTask(
        connection=connection,
        ref=ref,
        options=_of_worker(options, prepared),
        recipe=session.recipe(),
    )


def _committed(
    session: WriteSession,
    flow: Flow,
    options: WriteOptions,
    receipts: Iterable[PartReceipt],
    started: float,
) -> WriteResult:
    parts = tuple(dict.fromkeys(receipts))  # one that is told twice counts once
    flow.rows = sum(part.n_rows for part in parts)
    flow.check_named(options)
    KeyMarks.check_apart(part.keys for part in parts)
    if session.status is not SessionStatus.COMMITTED:
        session.accept(part.streams for part in parts)
        session.accept_blobs(stream for part in parts for stream in part.blobs)
        if not session.receipts:  # a commit needs a stream, and an overwrite by nothing empties
            session.accept(write_blocks(session.blocks(flow.schema), iter(())))
    session.commit()
    named = dict.fromkeys(name for part in parts for name in part.partitions)
    return WriteResult(
        table=str(session.spec.table),
        rows=flow.rows,
        bytes=sum(part.n_bytes for part in parts),
        partitions=tuple(named),
        session_id=session.session_id,
        retries=sum(part.retries for part in parts),
        seconds=round(time.monotonic() - started, 3),
        resumed=session.settled,
        warnings=session.warnings,
    )


def _of_worker(options: WriteOptions, prepared: Prepared) -> WriteOptions:
    """How a part goes into the table, which is there by now."""
    mode = options.mode
    if mode in ("error", "ignore", "append"):
        mode = "upsert" if prepared.key else "append"
    return replace(
        options,
        mode=mode,
        create=False,
        odps_types={},
        primary_key=(),
        lifecycle=None,
        n_streams=1,
        progress=False,
    )

"""A write that many workers carry out and one caller commits, as engines with tasks need it."""

from __future__ import annotations

import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from odps_frames.blob_placing import BlobPlacer
from odps_frames.connection import Connection
from odps_frames.creation import TakenError
from odps_frames.errors import Conflict, SchemaMismatch
from odps_frames.preparation import prepare
from odps_frames.transport.retry import Meter
from odps_frames.upload import check_same, refused, table_ready
from odps_frames.write.block import StreamReceipt
from odps_frames.write.fan import write_blocks
from odps_frames.write_options import WriteResult

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from odps_frames.model.table import TableRef
    from odps_frames.model.write import StreamId
    from odps_frames.preparation import Prepared
    from odps_frames.write.recipe import SessionRecipe
    from odps_frames.write.session import WriteSession
    from odps_frames.write_options import WriteOptions

__all__ = ["PartReceipt", "SharedWrite", "WriteTask"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartReceipt:
    """What one task wrote, for the caller to commit; it pickles."""

    streams: StreamReceipt
    blobs: tuple[StreamId, ...]
    partitions: tuple[str, ...]
    n_bytes: int
    retries: int

    @property
    def n_rows(self) -> int:
        """Rows that arrived."""
        return self.streams.n_rows


@dataclass(frozen=True, kw_only=True, eq=False)
class WriteTask:
    """What a worker needs to write a part of the data; it pickles without a connection.

    A task that is carried out twice adds nothing: only receipts that the caller accepts count.
    """

    connection: Connection
    ref: TableRef
    options: WriteOptions
    recipe: SessionRecipe

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
        receipts = write_blocks(
            blocks,
            placer.placed(prepared.batches),
            n_streams=self.options.n_streams,
            name=f"{uuid.uuid4().hex}-",
        )
        return PartReceipt(
            streams=StreamReceipt(tuple(receipts)),
            blobs=session.close_blobs(),
            partitions=flow.partitions(),
            n_bytes=meter.bytes,
            retries=meter.retries,
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
    """

    def __init__(
        self, connection: Connection, schema: pa.Schema, ref: TableRef, options: WriteOptions
    ) -> None:
        self._connection = connection
        self._schema = schema
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
        prepared = prepare(
            self._connection,
            lambda: pa.RecordBatchReader.from_batches(self._schema, []),
            self._ref,
            self._options,
        )
        if prepared is None:
            self._taken = refused(self._ref, self._options, self._started)
            return
        try:
            self._stack.enter_context(
                table_ready(self._connection, self._ref, prepared, self._options)
            )
        except TakenError:
            self._taken = refused(self._ref, self._options, self._started)
            return
        self._prepared = prepared
        target = prepared.flow.target
        session = self._connection.write_session(
            self._ref,
            partition=str(target.partition) if target.partition else "",
            overwrite=target.overwrite,
        )
        self._session = session
        self._stack.push(lambda _, error, __: session.give_up(error))
        check_same(self._connection, self._ref, prepared)
        self.task = WriteTask(
            connection=self._connection,
            ref=self._ref,
            options=_of_worker(self._options, prepared),
            recipe=session.recipe(),
        )

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
        parts = list(receipts)
        flow = prepared.flow
        flow.rows = sum(part.n_rows for part in parts)
        flow.check_named(self._options)
        session.accept(part.streams for part in parts)
        session.accept_blobs(stream for part in parts for stream in part.blobs)
        if not session.receipts:  # a commit needs a stream, and an overwrite by nothing empties
            session.accept(write_blocks(session.blocks(flow.schema), iter(())))
        session.commit()
        self._committed = True
        named = dict.fromkeys(name for part in parts for name in part.partitions)
        return WriteResult(
            table=str(self._ref),
            rows=flow.rows,
            bytes=sum(part.n_bytes for part in parts),
            partitions=tuple(named),
            session_id=session.session_id,
            retries=sum(part.retries for part in parts),
            seconds=round(time.monotonic() - self._started, 3),
            resumed=session.settled,
            warnings=session.warnings,
        )

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


class _NotCommittedError(Exception):
    """The block was left without a commit; never leaves this module."""


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

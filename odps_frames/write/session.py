"""A write session: a ``with`` block that commits all of its rows, or none."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

from odps_frames.errors import Conflict
from odps_frames.model.lifecycle import SessionStatus
from odps_frames.model.write import StreamId
from odps_frames.wire.compression import Compression
from odps_frames.wire.envelope import Envelope
from odps_frames.wire.write_session import (
    decode_done,
    decode_session,
    decode_stream,
    encode_close,
    encode_commit,
    encode_create,
    encode_get,
    encode_get_stream,
)
from odps_frames.write.blob_methods import BlobMethods
from odps_frames.write.blobs import BlobUploads
from odps_frames.write.block import BlockReceipt, BlockStreams, BlockWriter, StreamReceipt
from odps_frames.write.committing import Committing
from odps_frames.write.one_stream import OneStream
from odps_frames.write.recipe import SessionRecipe
from odps_frames.write.stream import TableWriter
from odps_frames.write.writers import Writers

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from odps_frames.model.lifecycle import StreamState
    from odps_frames.model.write import WriteSessionInfo, WriteSpec, WriteStreamInfo
    from odps_frames.transport.base import Transport
    from odps_frames.transport.retry import Meter, RetryPolicy
    from odps_frames.wire.http import Request

__all__ = ["WriteSession"]

Codec: TypeAlias = Literal["lz4", "zstd"] | None
Named: TypeAlias = StreamId | tuple[str, int] | str
"""A stream as a commit may name it; by its name alone it is of the version known here, or 0."""


class WriteSession(BlobMethods, Committing):
    """Rows on their way into a table.

    Leaving the ``with`` block commits; an exception inside it aborts, and nothing is visible.
    Use ``Client.write_session``, ``WriteSession.create`` or ``WriteSession.attach``; the
    constructor asks nothing.
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
        super().__init__(transport, spec, session_id, envelope, policy=policy, meter=meter)
        self._lock = threading.Lock()
        self._receipts: dict[str, BlockReceipt] = {}
        self._writers = Writers()
        self._shared = False
        self._blobs = BlobUploads(
            transport,
            spec,
            session_id,
            self._envelope,
            self.notices,
            policy=policy,
            meter=meter,
        )

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
        reply = decode_session(transport.send(cls._opening(spec, envelope)))
        session = cls(
            transport,
            spec,
            reply.value.session_id,
            envelope.routed(reply.route_token),
            policy=policy,
            meter=meter,
        )
        session._opened(reply.value)
        session.notices.heard(reply)
        session.notices.tell()
        return session

    @classmethod
    def attach(
        cls,
        transport: Transport,
        spec: WriteSpec,
        session_id: str,
        envelope: Envelope | None = None,
        *,
        policy: RetryPolicy | None = None,
        meter: Meter | None = None,
    ) -> Self:
        """Join a session that somebody else made; ``spec`` says how it was asked for."""
        session = cls(transport, spec, session_id, envelope, policy=policy, meter=meter)
        session._joined(session.info())
        return session

    @classmethod
    def _opening(cls, spec: WriteSpec, envelope: Envelope) -> Request:
        """Return the request that opens such a session."""
        return encode_create(spec, envelope)

    def _opened(self, info: WriteSessionInfo) -> None:
        """Take note of what the service said of the new session."""

    def _joined(self, info: WriteSessionInfo) -> None:
        """Take note of how a session stands that somebody else made."""
        if info.status is not SessionStatus.UNKNOWN:
            self.status = info.status

    def info(self) -> WriteSessionInfo:
        """Ask how the session and its streams stand (protocol.md §8.2)."""
        request = encode_get(
            self.spec.table, self.session_id, mode=self.spec.mode, envelope=self._envelope
        )
        reply = decode_session(self._transport.send(request), self.session_id)
        self._envelope = self._envelope.routed(reply.route_token)
        self.notices.heard(reply)
        self.notices.tell()
        return reply.value

    def streams(self) -> tuple[tuple[StreamId, StreamState], ...]:
        """Ask for every version of every stream, with its state."""
        return self.info().streams

    def stream(self, name: int | str, version: int = 0) -> WriteStreamInfo:
        """Ask how a version of a stream stands: state, rows, bytes, error, schema versions.

        Raises
        ------
        NotFound
            When nobody opened it.
        """
        request = encode_get_stream(
            self.spec.table,
            StreamId(self.session_id, str(name), version),
            exactly_once=self.spec.exactly_once,
            mode=self.spec.mode,
            envelope=self._envelope,
        )
        reply = self.notices.heard(decode_stream(self._transport.send(request)))
        self.notices.tell()
        return reply.value

    def close_stream(self, name: int | str, version: int = 0) -> None:
        """Say that all of a stream is written; its writer does that itself when it is closed."""
        stream = StreamId(self.session_id, str(name), version)
        writer = self._writers.of(stream)
        request = encode_close(
            self.spec.table, stream, mode=self.spec.mode, envelope=self._envelope
        )
        self.notices.heard(decode_done(self._transport.send(request)))
        if writer is not None:
            self.accept(writer.receipts)
            writer.note_closed()
        self.notices.tell()

    def min_uncommitted_staging_id(self) -> str | None:
        """Ask which staged rows are the first that are not visible yet (streaming modes)."""
        return self.info().min_uncommitted_staging_id

    def blocks(self, schema: pa.Schema, compression: Codec = None) -> BlockWriter:
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
            notices=self.notices,
        )

    def open_stream(
        self,
        index: int | str = 0,
        *,
        schema: pa.Schema,
        compression: Codec = None,
        version: int | None = None,
    ) -> TableWriter:
        """Open a stream of rows; streams are independent, and ids are unique in a session.

        Its blocks travel in streams of their own, whose names begin with ``index``. With
        ``version``, in exactly-once mode and in the streaming modes it is the one stream
        ``index`` of that version (by default 0); the versions before it are abandoned with their
        rows, and refused from then on.
        """
        link = self.blocks(schema, compression)
        if version is None and not self.spec.exactly_once and not self.spec.mode.streams:
            writer = TableWriter(self, BlockStreams(link, str(index)))
            return self._writers.add(str(index), writer, replaces=False)
        stream = StreamId(self.session_id, str(index), version or 0)
        writer = TableWriter(self, OneStream.open(link, stream))
        return self._writers.add(str(index), writer, replaces=True)

    def resume_stream(
        self,
        index: int | str = 0,
        version: int = 0,
        *,
        schema: pa.Schema,
        compression: Codec = None,
    ) -> TableWriter:
        """Go on with a stream of exactly-once mode; ``row_offset`` says where it stands.

        Raises
        ------
        ValueError
            In another mode, where nobody can tell which rows arrived.
        """
        if not self.spec.exactly_once:
            raise ValueError(
                "resume_stream() in a session without exactly_once=True, where nobody can tell "
                "which rows arrived; open the stream under a higher version instead"
            )
        stream = StreamId(self.session_id, str(index), version)
        writer = TableWriter(self, OneStream.resume(self.blocks(schema, compression), stream))
        return self._writers.add(str(index), writer, replaces=True)

    def recipe(self) -> SessionRecipe:
        """Return what lets workers write into this session, in whatever process.

        Each opens streams of its own with ``recipe.open_stream(…)`` and gives back the
        ``receipt`` of its writer; ``accept`` takes them here, and the commit names just these.

        Examples
        --------
        >>> import pyarrow as pa
        >>> import odps_frames as of
        >>> with of.local() as client:
        ...     table = client.create_table("t", {"id": "bigint"})
        ...     batch = pa.record_batch({"id": [1, 2]})
        ...     with client.write_session("t") as session:
        ...         recipe = session.recipe()
        ...         with recipe.open_stream(schema=batch.schema) as writer:
        ...             writer.write(batch)
        ...         session.accept([writer.receipt])
        ...     len(of.read_odps("t"))
        2
        """
        if self.spec.mode.streams:
            raise ValueError(
                f"recipe() of a session in mode {self.spec.mode.value}, where rows are shown by "
                "themselves; let each worker open a session of its own"
            )
        self._shared = True
        return SessionRecipe(
            kind=type(self),
            transport=self._transport,
            spec=self.spec,
            session_id=self.session_id,
            envelope=self._envelope,
        )

    def accept(self, receipts: Iterable[BlockReceipt | StreamReceipt]) -> None:
        """Note blocks that the commit is to name; a block counts once, however often it is told.

        Of several versions of a stream, or attempts at a block, the highest counts.

        Raises
        ------
        ValueError
            For a receipt of another session, or when two writers made the same attempt at a block.
        """
        told = [
            block
            for receipt in receipts
            for block in (receipt.blocks if isinstance(receipt, StreamReceipt) else (receipt,))
        ]
        with self._lock:
            for receipt in told:
                if receipt.stream.session_id != self.session_id:
                    msg = f"{receipt} is not of session {self.session_id}; it was written elsewhere"
                    raise ValueError(msg)
                known = self._receipts.get(receipt.stream.stream)
                if known and known.stream.version > receipt.stream.version:
                    continue
                if known and known.stream == receipt.stream and known.message != receipt.message:
                    raise ValueError(
                        f"two writers brought {receipt.stream.stream!r}, attempt "
                        f"{receipt.stream.version}, and one took the place of the other; give "
                        "every block a number of its own, or abort()"
                    )
                self._receipts[receipt.stream.stream] = receipt

    @property
    def receipts(self) -> tuple[BlockReceipt, ...]:
        """What arrived, as far as it was told here."""
        return tuple(self._receipts.values())

    @property
    def n_rows(self) -> int:
        """Rows of the blocks that arrived."""
        return sum(receipt.n_rows for receipt in self._receipts.values())

    def commit(self, streams: Iterable[Named] | Literal["closed"] | None = None) -> None:
        """Make rows visible, all at once.

        Parameters
        ----------
        streams : iterable or "closed", optional
            Which streams count: by default those whose receipts are known here or, where there
            are none, every closed one; ``"closed"`` is every closed one in any case.

        Raises
        ------
        ValueError
            When a writer took rows and was not closed; with a list only the streams of it count.
        ServiceError
            When the service refused; nothing is visible.
        CommitUnknown
            When neither the commit nor a later question was answered clearly.
        """
        if self.status is SessionStatus.COMMITTED:
            return
        self._require_normal()
        if streams is None or streams == "closed":
            told = len(self._receipts) if streams is None else 1
            self._writers.check_finished(n_receipts=told, shown=self.commits_itself)
        if streams is None and self._shared and not self._receipts:
            raise ValueError(
                "recipe() was given to workers, and no receipt came back: accept() what they "
                "return. commit('closed') takes every stream that was closed, those of tasks "
                "that were tried again too; abort() gives all up"
            )
        if self.commits_itself:
            if streams is not None:
                msg = "the rows of this session are visible as they are taken; nothing is named"
                raise Conflict(msg, session_id=self.session_id)
            self.status = SessionStatus.COMMITTED
            return
        self._commit(self._commit_request(self._named(streams)))

    def _named(
        self, streams: Iterable[Named] | Literal["closed"] | None
    ) -> tuple[StreamId, ...] | None:
        if streams is None:
            return tuple(receipt.stream for receipt in self.receipts) or None
        if isinstance(streams, str):
            if streams == "closed":
                return None
            raise ValueError(f"streams={streams!r}; expected a list of streams, or 'closed'")
        named = tuple(map(self._stream_named, streams))
        if not named:
            raise ValueError("streams names none; abort() gives all rows up")
        return named

    def _stream_named(self, named: Named) -> StreamId:
        match named:
            case StreamId():
                return named
            case str():
                receipt = self._receipts.get(named)
                return receipt.stream if receipt else StreamId(self.session_id, named)
            case (str() as name, int() as version):
                return StreamId(self.session_id, name, version)
        raise ValueError(f"{named!r} is no stream; expected a name, or a name and a version")

    def _commit_request(self, streams: tuple[StreamId, ...] | None) -> Request:
        blobs = self._blobs.close_streams()
        if streams is not None:
            streams = (*streams, *blobs)
        return encode_commit(
            self.spec.table,
            self.session_id,
            streams,
            mode=self.spec.mode,
            envelope=self._envelope,
        )

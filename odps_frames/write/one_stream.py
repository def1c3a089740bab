"""One stream of the protocol and its version: many bodies, in exactly-once mode with offsets.

In exactly-once mode every body says the number of its first row, so one whose answer was lost is
sent again and counts once. Without it, a lost answer leaves open whether the rows are there: the
writer then stops, and says so.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Self

from odps_frames.errors import Conflict, ProtocolError, ServiceUnavailable
from odps_frames.model.lifecycle import StreamState
from odps_frames.model.write import AUTO_COMMIT, WriteStreamInfo
from odps_frames.wire.write_session import (
    decode_done,
    decode_receipt,
    decode_stream,
    encode_close,
    encode_get_stream,
    encode_open,
    encode_write,
)
from odps_frames.write.block import BlockReceipt

if TYPE_CHECKING:
    import pyarrow as pa

    from odps_frames.model.write import StreamId, WriteReceipt
    from odps_frames.write.block import BlockWriter

__all__ = ["OneStream"]


class OneStream:
    """Sends the rows of a writer into one version of one stream.

    Use ``OneStream.open`` or ``OneStream.resume``; the constructor asks nothing.
    """

    def __init__(self, link: BlockWriter, stream: StreamId, info: WriteStreamInfo) -> None:
        self._link = link
        self._stream = stream
        self._info = info
        self._n_bytes = 0
        self._unknown = False
        self._n_rows = (info.row_offset or 0) if link.spec.exactly_once else 0
        self._staging_id: str | None = None

    @classmethod
    def open(cls, link: BlockWriter, stream: StreamId) -> Self:
        """Open a version of a stream; it fences off the older ones."""
        exactly_once = link.spec.exactly_once
        request = encode_open(
            link.spec.table,
            stream,
            exactly_once=exactly_once,
            mode=link.spec.mode,
            envelope=link.envelope,
        )
        reply = link.notices.heard(decode_stream(link.transport.send(request)))
        there = replace(link, envelope=link.envelope.routed(reply.route_token))
        _check_token(there, stream, reply.value)
        if reply.value.n_rows and stream.session_id != AUTO_COMMIT:
            msg = (
                f"stream {stream.stream!r} of version {stream.version} holds {reply.value.n_rows} "
                "rows already; open it under a higher version to write it anew"
            )
            raise Conflict(msg, session_id=stream.session_id)
        return cls(there, stream, replace(reply.value, row_offset=0))

    @classmethod
    def resume(cls, link: BlockWriter, stream: StreamId) -> Self:
        """Go on with a stream of exactly-once mode where it stands, in whatever process."""
        info = _ask(link, stream)
        if info.state not in (StreamState.OPEN, StreamState.UNKNOWN):
            msg = f"stream {stream.stream!r} of version {stream.version} is {info.state}"
            raise Conflict(f"{msg}; only an open one can go on", session_id=stream.session_id)
        _check_token(link, stream, info)
        if info.row_offset is None:
            msg = f"the service does not say where stream {stream.stream!r} stands (RowOffset)"
            raise ProtocolError(msg, session_id=stream.session_id)
        return cls(link, stream, info)

    @property
    def schema(self) -> pa.Schema:
        """Of the rows that come next."""
        return self._link.schema

    @property
    def receipts(self) -> tuple[BlockReceipt, ...]:
        """What arrived."""
        return (BlockReceipt(self._stream, self._n_rows, self._n_bytes),)

    @property
    def row_offset(self) -> int:
        """The number of the next row."""
        return self._n_rows

    @property
    def staging_id(self) -> str | None:
        """Of the last body, in the streaming modes."""
        return self._staging_id

    def reshape(self, schema: pa.Schema) -> Self:
        """Take rows of another schema from now on."""
        self._link = replace(self._link, schema=schema)
        return self

    def send(self, batches: list[pa.RecordBatch]) -> None:
        """Send a body.

        Raises
        ------
        ServiceUnavailable
            When no answer came. In exactly-once mode the same body may be sent again.
        Conflict
            When somebody else writes to the stream.
        """
        if self._unknown:
            raise Conflict(_UNKNOWN.format(self._stream), session_id=self._stream.session_id)
        n_rows = sum(batch.num_rows for batch in batches)
        try:
            receipt = self._send(batches, n_rows)
        except (ServiceUnavailable, ProtocolError) as error:
            if not self._link.spec.exactly_once and getattr(error, "sent", True):
                self._unknown = True
                error.add_note(_UNKNOWN.format(self._stream))
            raise
        self._check_offset(receipt, n_rows)
        n_bytes = sum(batch.nbytes for batch in batches)
        self._n_rows += n_rows
        self._staging_id = receipt.staging_id or self._staging_id
        self._n_bytes += n_bytes
        self._link.meter.add(rows=n_rows, n_bytes=n_bytes)

    def _send(self, batches: list[pa.RecordBatch], n_rows: int) -> WriteReceipt:
        link, info = self._link, self._info
        request = encode_write(
            link.spec.table,
            self._stream,
            lambda: link.body(batches),
            n_rows=n_rows,
            row_offset=self._n_rows if link.spec.exactly_once else None,
            access_token=info.access_token if link.spec.exactly_once else None,
            table_id=info.table_id,
            schema_version=info.schema_version,
            mode=link.spec.mode,
            envelope=link.envelope,
        )
        reply = link.notices.heard(decode_receipt(link.transport.send(request)))
        self._link = replace(link, envelope=link.envelope.routed(reply.route_token))
        return reply.value

    def _check_offset(self, receipt: WriteReceipt, n_rows: int) -> None:
        said, expected = receipt.row_offset, self._n_rows + n_rows
        if not self._link.spec.exactly_once or said is None or said == expected:
            return
        msg = f"stream {self._stream.stream!r} stands at row {said} after row {expected} was due"
        if said > expected:
            msg += "; another writer has it"
            raise Conflict(msg, session_id=self._stream.session_id)
        raise ProtocolError(msg, session_id=self._stream.session_id)

    def finish(self) -> tuple[BlockReceipt, ...]:
        """Close the stream and compare what it holds with what was sent.

        A stream of the session that commits itself is left open: its rows are visible already.
        """
        link = self._link
        if self._stream.session_id == AUTO_COMMIT:
            return self.receipts
        request = encode_close(
            link.spec.table, self._stream, mode=link.spec.mode, envelope=link.envelope
        )
        link.notices.heard(decode_done(link.transport.send(request)))
        info = _ask(link, self._stream)
        if info.state is StreamState.ERROR or info.n_rows not in (None, self._n_rows):
            msg = (
                f"stream {self._stream.stream!r} is {info.state} with {info.n_rows} rows after "
                f"{self._n_rows} were sent ({info.error_message or 'no reason given'}); do "
                "not commit it"
            )
            raise ProtocolError(msg, session_id=self._stream.session_id)
        return self.receipts


_UNKNOWN = (
    "whether the last rows for {0.stream!r} of version {0.version} arrived is not known: open it "
    "under a higher version and write it anew, or use exactly_once=True"
)


def _ask(link: BlockWriter, stream: StreamId) -> WriteStreamInfo:
    request = encode_get_stream(
        link.spec.table,
        stream,
        exactly_once=link.spec.exactly_once,
        mode=link.spec.mode,
        envelope=link.envelope,
    )
    return link.notices.heard(decode_stream(link.transport.send(request))).value


def _check_token(link: BlockWriter, stream: StreamId, info: WriteStreamInfo) -> None:
    if link.spec.exactly_once and not info.access_token:
        msg = f"exactly-once mode, and no AccessToken for stream {stream.stream!r}"
        raise ProtocolError(msg, session_id=stream.session_id)

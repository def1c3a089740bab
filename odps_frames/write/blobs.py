"""Blobs on their way into a write session: streamed, verified, and named by what came back.

An upload whose answer was lost is sent again where its data can be read again. The first one may
have arrived too: then the service holds a blob that no row names, and drops it with the session.
A wrong reference cannot come of it, because only the answer to the last attempt gives any.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from odps_frames.errors import CorruptStream, ProtocolError, ServiceUnavailable
from odps_frames.model.blob import Checksum, StagedBlob, blob_column_ids
from odps_frames.model.table import Partition
from odps_frames.model.write import StreamId, WriteMode
from odps_frames.transport.notices import Notices
from odps_frames.transport.retry import Meter, RetryPolicy
from odps_frames.wire.blob_frame import UploadHeader, encode_frame, encode_upload_header
from odps_frames.wire.blobs import decode_receipt, encode_write_blob, encode_write_blobs
from odps_frames.wire.checksum import Digest
from odps_frames.wire.compression import Compression, compressed
from odps_frames.wire.http import Repeat
from odps_frames.wire.write_session import (
    decode_done,
    decode_schema_reply,
    decode_stream,
    encode_close,
    encode_get_schema,
    encode_open,
)
from odps_frames.write.blob_source import BlobSource, UnreadableBlob
from odps_frames.write.distribution import distribution_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from typing_extensions import Buffer

    from odps_frames.model.blob import Blob, BlobReceipt
    from odps_frames.model.write import WriteSpec
    from odps_frames.model.write_schema import WriteSchema
    from odps_frames.transport.base import Transport
    from odps_frames.wire.envelope import Envelope
    from odps_frames.wire.http import Request, Response
    from odps_frames.wire.reply import Reply

__all__ = ["BLOB_STREAM", "BlobUploads"]

T = TypeVar("T")

BLOB_STREAM = "blobs"
"""The stream that blobs go into; the commit names it beside those of the rows."""
GROUP_BLOBS = 256
GROUP_BYTES = 64 << 20
"""So many blobs, or bytes of them, travel in one request; a larger blob travels alone."""
PIECE_BYTES = 1 << 16


class BlobUploads:
    """Uploads blobs into one write session; safe to share between threads.

    Blobs go into streams of their own, which are opened at first use and closed by the commit of
    the session, unless the caller names one (``StreamId``) that it opened itself.
    """

    def __init__(
        self,
        transport: Transport,
        spec: WriteSpec,
        session_id: str,
        envelope: Envelope,
        notices: Notices | None = None,
        *,
        policy: RetryPolicy | None = None,
        meter: Meter | None = None,
    ) -> None:
        self._transport = transport
        self._spec = spec
        self._session_id = session_id
        self._envelope = envelope
        self._lock = threading.Lock()
        self._streams: dict[str, StreamId] = {}
        self._accepted: dict[StreamId, None] = {}
        self._notices = notices or Notices()
        self._policy = policy or RetryPolicy()
        self._meter = meter or Meter()
        self._schema: WriteSchema | None = None

    def write(
        self,
        blob: Blob,
        *,
        stream: int | str | StreamId = BLOB_STREAM,
        compression: Compression = Compression.NONE,
    ) -> StagedBlob:
        """Upload a blob by itself, as the bytes that it is.

        Such an upload has no room for a MIME type, a file name, a distribution key or a checksum
        of ours; the service answers with the MD5, which is compared. A blob with any of them is
        framed.
        """
        said = (blob.mime_type, blob.file_name, blob.distribution_key)
        if blob.checksum is not Checksum.NONE or any(part is not None for part in said):
            return self.write_many([blob], stream=stream, compression=compression)[0]
        header = self._header(blob)
        source = BlobSource(blob.data, blob.size)
        digests = [Digest(Checksum.MD5)]

        def body() -> Iterator[Buffer]:
            digests.append(Digest(Checksum.MD5))
            for piece in source.pieces():
                digests[-1].update(piece)
                yield piece

        request = encode_write_blob(
            self._spec.table,
            self._stream(stream),
            _body(body, compression),
            column_index=header.column_index,
            partition_values=header.partition_values,
            compression=compression,
            envelope=self._envelope,
            repeat=Repeat.ALWAYS if source.repeatable else Repeat.NEVER,
        )
        receipt = self._send(request, 1)
        _compare(receipt, digests[-1])
        return self._staged(blob, receipt.refs[0], digests[-1].n_bytes)

    def write_many(
        self,
        blobs: Iterable[Blob],
        *,
        stream: int | str | StreamId = BLOB_STREAM,
        compression: Compression = Compression.NONE,
    ) -> tuple[StagedBlob, ...]:
        """Upload blobs in as few requests as is reasonable; the references are in their order."""
        staged: list[StagedBlob] = []
        for group in _groups(blobs):
            staged += self._write_group(group, stream, compression)
        return tuple(staged)

    def close_streams(self) -> tuple[StreamId, ...]:
        """Close the streams of the blobs and return them, for the commit to name."""
        with self._lock:
            streams = tuple(self._streams.values())
        for stream in streams:
            request = encode_close(
                self._spec.table, stream, mode=self._spec.mode, envelope=self._envelope
            )
            self._ask(partial(_always, request), decode_done)
        with self._lock:
            self._accepted |= dict.fromkeys(streams)
            return tuple(self._accepted)

    def accept(self, streams: Iterable[StreamId]) -> None:
        """Note streams of blobs that somebody else has closed, for the commit to name."""
        with self._lock:
            for stream in streams:
                if stream.session_id != self._session_id:
                    raise ValueError(f"{stream} is not of session {self._session_id}")
                self._accepted[stream] = None

    def _write_group(
        self,
        group: Sequence[tuple[Blob, BlobSource, int]],
        stream: int | str | StreamId,
        compression: Compression,
    ) -> Iterator[StagedBlob]:
        version = self._envelope.api_version
        headers = [encode_upload_header(self._header(blob), version) for blob, _, _ in group]

        def body() -> Iterator[Buffer]:
            for header, (blob, source, size) in zip(headers, group, strict=True):
                yield from encode_frame(header, source.pieces(), size, blob.checksum)

        repeatable = all(source.repeatable for _, source, _ in group)
        request = encode_write_blobs(
            self._spec.table,
            self._stream(stream),
            _body(lambda: _joined(body()), compression),
            compression=compression,
            envelope=self._envelope,
            repeat=Repeat.ALWAYS if repeatable else Repeat.NEVER,
        )
        receipt = self._send(request, len(group))
        for ref, (blob, _, size) in zip(receipt.refs, group, strict=True):
            yield self._staged(blob, ref, size)

    def _send(self, request: Request, n_blobs: int) -> BlobReceipt:
        try:
            decode = partial(decode_receipt, n_blobs=n_blobs)
            return self._ask(partial(_always, request), decode).value
        except UnreadableBlob as failure:
            raise failure.__cause__ or failure from None

    def _ask(
        self, request: Callable[[int], Request], decode: Callable[[Response], Reply[T]]
    ) -> Reply[T]:
        """Ask, and again where the answer breaks off; other failures the transport has retried."""
        failures = 0
        while True:
            asked = request(failures)
            response = self._transport.send(asked)
            try:
                return self._notices.heard(decode(response))
            except ServiceUnavailable as error:
                failures += 1
                if asked.repeat is Repeat.NEVER or failures >= self._policy.max_attempts:
                    raise error.after(failures) from error
                self._policy.pause(failures)
                self._meter.add(retries=1)

    def _staged(self, blob: Blob, ref: bytes, size: int) -> StagedBlob:
        if not ref:
            raise ProtocolError("the service answered with an empty reference to a blob")
        column = blob.column or ""
        return StagedBlob(cell=ref, session_id=self._session_id, column=column, size=size)

    def _header(self, blob: Blob) -> UploadHeader:
        schema = self._write_schema()
        partition = blob.partition if blob.partition is not None else self._spec.partition
        items = Partition.of(partition) if partition else None
        if items is not None and not items.speakable:
            raise ValueError(
                f"partition={str(items)!r} has a value with ',', '/', '=', quotes or blanks at "
                "its ends, which the protocol cannot say of a blob"
            )
        header = UploadHeader(
            column_index=_column_id(schema, blob.column),
            partition_values=tuple(f"{n}={v}" for n, v in items.items) if items else (),
            distribution_key=distribution_key(blob.distribution_key, schema),
            mime_type=blob.mime_type,
            file_name=blob.file_name,
        )
        encode_upload_header(header, self._envelope.api_version)  # refuses before anything is sent
        return header

    def _stream(self, stream: int | str | StreamId) -> StreamId:
        """Return the stream, open; those that are named by text are opened here, once."""
        if isinstance(stream, StreamId):
            return stream
        if self._spec.mode is not WriteMode.BATCH:
            raise ValueError(
                f"blobs for a session of mode {self._spec.mode.value}; give stream=, the StreamId "
                "of one that is open"
            )
        name = str(stream)
        with self._lock:
            if name not in self._streams:
                tried: list[StreamId] = []

                def opening(version: int) -> Request:
                    tried.append(StreamId(self._session_id, name, version))
                    return encode_open(
                        self._spec.table, tried[-1], mode=self._spec.mode, envelope=self._envelope
                    )

                reply = self._ask(opening, decode_stream)
                self._envelope = self._envelope.routed(reply.route_token)
                self._streams[name] = tried[-1]
            return self._streams[name]

    def _write_schema(self) -> WriteSchema:
        with self._lock:
            if self._schema is None:
                request = encode_get_schema(self._spec.table, self._session_id, self._envelope)
                self._schema = self._ask(partial(_always, request), decode_schema_reply).value
            return self._schema


def _groups(blobs: Iterable[Blob]) -> Iterator[list[tuple[Blob, BlobSource, int]]]:
    """Cut a row of blobs; no more of them than one request takes are held at once."""
    group: list[tuple[Blob, BlobSource, int]] = []
    n_bytes = 0
    for blob in blobs:
        source = BlobSource(blob.data, blob.size)
        if source.size is None:
            raise ValueError(
                f"the data of the blob for {blob.column!r} cannot seek, and a frame says its "
                "length before its data; give size="
            )
        if group and (len(group) == GROUP_BLOBS or n_bytes + source.size > GROUP_BYTES):
            yield group
            group, n_bytes = [], 0
        group.append((blob, source, source.size))
        n_bytes += source.size
    if group:
        yield group


def _always(request: Request, _: int) -> Request:
    return request


def _joined(pieces: Iterator[Buffer]) -> Iterator[Buffer]:
    """Join small pieces, each of which would be a call of the system by itself."""
    held: list[Buffer] = []
    n_bytes = 0
    for piece in pieces:
        held.append(piece)
        n_bytes += memoryview(piece).nbytes
        if n_bytes >= PIECE_BYTES:
            yield held[0] if len(held) == 1 else b"".join(held)
            held, n_bytes = [], 0
    if held:
        yield b"".join(held)


def _body(
    plain: Callable[[], Iterator[Buffer]], compression: Compression
) -> Callable[[], Iterator[Buffer]]:
    codec = compression.ipc_codec
    return plain if codec is None else lambda: compressed(plain(), codec)


def _column_id(schema: WriteSchema, path: str | None) -> int:
    ids = blob_column_ids(schema)
    for known, number in ids.items():
        if path is not None and known.lower() == path.lower():
            return number
    places = ", ".join(ids) or "no blobs"
    raise ValueError(f"column={path!r} is no blob of the table; it has {places}")


def _compare(receipt: BlobReceipt, digest: Digest) -> None:
    """Compare what the service says of a blob with what was sent."""
    if receipt.n_bytes is not None and receipt.n_bytes != digest.n_bytes:
        msg = f"the service holds {receipt.n_bytes} bytes of a blob of {digest.n_bytes}"
        raise CorruptStream(msg)
    if receipt.md5 is not None and receipt.md5.lower() != digest.md5:
        msg = f"the service holds a blob of MD5 {receipt.md5}; the one sent has {digest.md5}"
        raise CorruptStream(msg)

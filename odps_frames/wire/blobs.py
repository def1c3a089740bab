"""Requests and answers that upload and download blobs (protocol.md §11)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from odps_frames.errors import CorruptStream
from odps_frames.model.blob import BlobReceipt, BlobRef
from odps_frames.model.write import StreamId
from odps_frames.wire import documents, names
from odps_frames.wire.arguments import document_of, query_of, refusing, session_of, table_of
from odps_frames.wire.compression import Compression
from odps_frames.wire.envelope import Envelope, encode_target
from odps_frames.wire.http import Repeat
from odps_frames.wire.reply import decode_reply, encode_reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from odps_frames.model.table import TableRef
    from odps_frames.wire.http import Body, Request, Response
    from odps_frames.wire.reply import Reply

__all__ = [
    "BlobReadCall",
    "BlobWriteCall",
    "decode_read_blobs",
    "decode_receipt",
    "decode_write_blob",
    "encode_read_blobs",
    "encode_receipt",
    "encode_write_blob",
    "encode_write_blobs",
]

_PLAIN = Envelope()
TARGET: Final = "generic.blob"
"""Blobs are read by reference alone: no project, no table."""
ACCEPT_ENCODING: Final = "Accept-Encoding"
CONTENT_ENCODING: Final = "Content-Encoding"
_MODE, _BATCH = "Mode", "Batch"
_PARTITION, _COLUMN = "PartitionValues", "ColumnIndex"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobWriteCall:
    """A call that brings one blob as it is, or several as frames."""

    table: TableRef
    stream: StreamId
    column_index: int | None = None
    """None in a batch, where every frame says its own."""
    partition_values: tuple[str, ...] = ()
    compression: Compression = Compression.NONE
    api_version: str = "2"

    @property
    def batch(self) -> bool:
        """Whether frames come."""
        return self.column_index is None


@dataclass(frozen=True, slots=True)
class BlobReadCall:
    """A call that asks for blobs."""

    refs: tuple[BlobRef, ...]
    compression: Compression = Compression.NONE


def encode_write_blob(  # noqa: PLR0913  every one of them is a field of the request
    table: TableRef,
    stream: StreamId,
    body: Body,
    *,
    column_index: int,
    partition_values: Sequence[str] = (),
    compression: Compression = Compression.NONE,
    envelope: Envelope = _PLAIN,
    repeat: Repeat = Repeat.ALWAYS,
) -> Request:
    """Bring one blob (§11.1); what is brought twice leaves a blob that nothing refers to."""
    pairs = [
        *_stream_pairs(stream),
        (_PARTITION, ",".join(partition_values)),
        (_COLUMN, str(column_index)),
    ]
    return _upload(table, pairs, body, compression, envelope, repeat)


def encode_write_blobs(
    table: TableRef,
    stream: StreamId,
    body: Body,
    *,
    compression: Compression = Compression.NONE,
    envelope: Envelope = _PLAIN,
    repeat: Repeat = Repeat.ALWAYS,
) -> Request:
    """Bring blobs as frames, one behind the other (§11.1)."""
    pairs = [*_stream_pairs(stream), (_MODE, _BATCH)]
    return _upload(table, pairs, body, compression, envelope, repeat)


def _stream_pairs(stream: StreamId) -> list[tuple[str, str]]:
    return [
        (names.SESSION_ID, stream.session_id),
        (names.STREAM_ID, stream.stream),
        (names.STREAM_VERSION, str(stream.version)),
    ]


def _upload(
    table: TableRef,
    pairs: list[tuple[str, str]],
    body: Body,
    compression: Compression,
    envelope: Envelope,
    repeat: Repeat,
) -> Request:
    headers = {"Content-Type": names.OCTETS}
    if compression.content_encoding is not None:
        headers[CONTENT_ENCODING] = compression.content_encoding
    return envelope.request(
        names.Action.WRITE_BLOB,
        encode_target(table),
        query=pairs,
        body=body,
        headers=headers,
        repeat=repeat,
    )


@refusing
def decode_write_blob(request: Request) -> BlobWriteCall:
    """Read where blobs belong; the body itself is left alone."""
    query = query_of(request)
    mode = documents.text(query, _MODE)
    if mode not in (None, _BATCH):
        raise ValueError(f"Mode={mode!r}; expected 'Batch', or none for a single blob")
    column = None if mode == _BATCH else documents.number(query, _COLUMN)
    if mode is None and column is None:
        raise ValueError(f"{_COLUMN} is missing")
    partition = documents.text(query, _PARTITION)
    version = documents.number(query, names.STREAM_VERSION) or 0
    stream = StreamId(session_of(request), documents.needed(query, names.STREAM_ID), version)
    return BlobWriteCall(
        table=table_of(request),
        stream=stream,
        column_index=column,
        partition_values=() if partition is None else (partition,),
        compression=_encoding(request.headers.get(CONTENT_ENCODING)),
        api_version=Envelope.of(request).api_version,
    )


def _encoding(name: str | None) -> Compression:
    try:
        return Compression.of_encoding(name)
    except CorruptStream as error:
        raise ValueError(error.message) from None


def encode_receipt(
    receipt: BlobReceipt,
    *,
    batch: bool,
    request_id: str = "",
    route_token: str | None = None,
    warning: str | None = None,
) -> Response:
    """Answer to an upload: one reference, or a list of them."""
    texts = [base64.b64encode(ref).decode() for ref in receipt.refs]
    document = {
        "BlobReferences": texts if batch else None,
        "BlobReference": None if batch else texts[0],
        "Size": receipt.n_bytes,
        "MD5Value": receipt.md5,
    }
    return encode_reply(document, request_id=request_id, route_token=route_token, warning=warning)


def decode_receipt(response: Response, n_blobs: int) -> Reply[BlobReceipt]:
    """Read the references of an upload; there must be as many as blobs were sent."""

    def decode(document: dict[str, Any]) -> BlobReceipt:
        one = documents.text(document, "BlobReference")
        texts = documents.texts(document, "BlobReferences") or (() if one is None else (one,))
        if len(texts) != n_blobs:
            raise ValueError(f"{len(texts)} references for {n_blobs} blobs")
        return BlobReceipt(
            refs=tuple(map(_decode_reference, texts)),
            n_bytes=documents.number(document, "Size"),
            md5=documents.text(document, "MD5Value"),
        )

    return decode_reply(response, decode)


def _decode_reference(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"the reference {text[:80]!r} is no base64: {error}") from None


def encode_read_blobs(
    refs: Sequence[BlobRef],
    compression: Compression = Compression.NONE,
    envelope: Envelope = _PLAIN,
) -> Request:
    """Ask for blobs (§11.3)."""
    return envelope.request(
        names.Action.READ_BLOB,
        TARGET,
        document={"BlobReferences": [ref.text for ref in refs]},
        headers={ACCEPT_ENCODING: compression.content_encoding or "identity"},
    )


@refusing
def decode_read_blobs(request: Request) -> BlobReadCall:
    """Read which blobs are asked for; of several encodings the first one known is taken."""
    target = request.parameter(names.TARGET)
    if target != TARGET:
        raise ValueError(f"{names.TARGET}={target!r}; expected {TARGET!r}")
    texts = documents.texts(document_of(request), "BlobReferences")
    if texts is None:
        raise ValueError("BlobReferences is missing or empty")
    refs = tuple(map(BlobRef, texts))
    return BlobReadCall(refs, _accepted(request.headers))


def _accepted(headers: Mapping[str, str]) -> Compression:
    for part in headers.get(ACCEPT_ENCODING, "").split(","):
        try:
            return Compression.of_encoding(part.partition(";")[0])
        except CorruptStream:
            continue  # identity is always allowed
    return Compression.NONE

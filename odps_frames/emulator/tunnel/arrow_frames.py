"""Arrow messages in frames: chunks of one size with a checksum each, and one over all.

The frames hold record batches and no schema: both sides know it from the session
(protocol.md §17.7).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from crc32c import crc32c

from odps_frames.emulator.refusals import malformed
from odps_frames.wire.arrow_stream import END_MARK
from odps_frames.wire.http import ChunkReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa
    from typing_extensions import Buffer

    from odps_frames.wire.http import BodyReader

__all__ = ["decode_frames", "encode_frames"]

CHUNK_BYTES = 65_536
MAX_CHUNK_BYTES = 64 << 20
_WORD = struct.Struct("!I")


def encode_frames(batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """Write batches."""
    yield _WORD.pack(CHUNK_BYTES)
    overall = 0
    held = bytearray()
    for batch in batches:
        held += memoryview(batch.serialize())
        done = 0
        while len(held) - done >= CHUNK_BYTES:
            chunk = bytes(held[done : done + CHUNK_BYTES])
            done += CHUNK_BYTES
            overall = crc32c(chunk, overall)
            yield chunk + _WORD.pack(crc32c(chunk))
        del held[:done]
    rest = bytes(held)
    yield rest + _WORD.pack(crc32c(rest, overall))


def decode_frames(schema: pa.Schema, body: BodyReader) -> ChunkReader:
    """Return the stream that a body stands for, with its schema before and an end mark after it.

    Reading it raises a ServiceError when the body is cut or a checksum is wrong; the mark comes
    when the last checksum was right.
    """
    return ChunkReader(_plain(schema, body))


def _plain(schema: pa.Schema, body: BodyReader) -> Iterator[Buffer]:
    yield schema.serialize()
    (size,) = _WORD.unpack(_exactly(body, _WORD.size))
    if not 0 < size <= MAX_CHUNK_BYTES:
        # A writer that got no batch sends no size, only the checksum of nothing.
        if size == 0 and not _upto(body, 1):
            yield END_MARK
            return
        raise malformed(f"chunks of {size} bytes; expected 1 to {MAX_CHUNK_BYTES}")
    overall = 0
    while True:
        framed = _upto(body, size + _WORD.size)
        if len(framed) < _WORD.size:
            raise malformed("the body ends before the checksum over all of it")
        chunk, (given,) = framed[: -_WORD.size], _WORD.unpack(framed[-_WORD.size :])
        overall = crc32c(chunk, overall)
        last = len(chunk) < size
        expected = overall if last else crc32c(chunk)
        if given != expected:
            raise malformed(
                f"a chunk of {len(chunk)} bytes has the checksum {given:#010x}; "
                f"expected {expected:#010x}"
            )
        yield chunk
        if last:
            yield END_MARK
            return


def _exactly(body: BodyReader, n_bytes: int) -> bytes:
    found = _upto(body, n_bytes)
    if len(found) < n_bytes:
        raise malformed(f"the body has {len(found)} bytes; expected frames of Arrow messages")
    return found


def _upto(body: BodyReader, n_bytes: int) -> bytes:
    """Read so many bytes, or what there is."""
    window = memoryview(bytearray(n_bytes))
    filled = 0
    while filled < n_bytes and (got := body.readinto(window[filled:])):
        filled += got
    return bytes(window[:filled])

"""Compression of streams: its names on the wire, and a reader that insists on whole frames."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from odps_frames.errors import CorruptStream, IncompleteRead, OdpsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from typing_extensions import Buffer

    from odps_frames.wire.http import BodyReader

__all__ = ["BLOB_RATIO", "Compression", "as_file", "compressed", "decompress"]


MAX_RATIO = 20_000
"""A stream of constant columns was measured at 4,914; zstd itself ends at about 32,000."""
BLOB_RATIO = 40_000
"""What blobs are held to: they may be all zeros, and are never held as a whole."""
FREE_PLAIN_BYTES = 64 << 20
"""So many plain bytes may come out of a body, whatever its size; more keep to the ratio."""


class Compression(Enum):
    """How a stream is compressed.

    Reads compress the HTTP body (``content_encoding``), writes compress the buffers inside the
    Arrow messages (``ipc_codec``); protocol.md §12.
    """

    NONE = (None, None)
    LZ4 = ("x-lz4-frame", "lz4")
    ZSTD = ("zstd", "zstd")

    def __init__(
        self, content_encoding: str | None, ipc_codec: Literal["lz4", "zstd"] | None
    ) -> None:
        self.content_encoding = content_encoding
        self.ipc_codec = ipc_codec

    @classmethod
    def of(cls, name: str | Compression | None) -> Compression:
        """Read ``None``, ``"lz4"`` or ``"zstd"``."""
        if isinstance(name, cls):
            return name
        for member in cls:
            if name == member.ipc_codec:
                return member
        msg = f"not a compression: {name!r}; expected None, 'lz4' or 'zstd'"
        raise ValueError(msg)

    @classmethod
    def of_encoding(cls, content_encoding: str | None) -> Compression:
        """Read a ``Content-Encoding``; letter case does not count."""
        encoding = (content_encoding or "").strip().lower()
        if encoding in ("", "identity"):
            return cls.NONE
        if encoding in ("x-lz4-frame", "lz4_frame"):
            return cls.LZ4
        if encoding == "zstd":
            return cls.ZSTD
        msg = f"a body came in the encoding {content_encoding!r}; expected zstd or x-lz4-frame"
        raise CorruptStream(msg)


def decompress(
    body: BodyReader, compression: Compression, *, max_ratio: int | None = None
) -> BodyReader:
    """Return a reader of the plain bytes; it fails where a compressed frame is cut."""
    if compression is Compression.NONE:
        return body
    return _FrameReader(body, compression, MAX_RATIO if max_ratio is None else max_ratio)


def compressed(pieces: Iterable[Buffer], codec: Literal["lz4", "zstd"]) -> Iterator[Buffer]:
    """Yield one frame that holds all pieces, as its bytes become known."""
    sink = _Sink()
    with pa.CompressedOutputStream(as_file(sink, "w"), codec) as stream:
        for piece in pieces:
            stream.write(piece)
            yield from sink.take()
    yield from sink.take()


def as_file(source: object, mode: Literal["r", "w"]) -> pa.PythonFile:
    """Make of a reader or a sink the file that pyarrow wants."""
    return pa.PythonFile(source, mode=mode)  # type: ignore[arg-type]  # any object with its methods


class _Sink:
    """Where pyarrow puts what it has compressed."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: Buffer) -> None:
        self._pieces.append(bytes(piece))

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """The end of the frame is still to be read."""

    def writable(self) -> bool:
        return True

    def take(self) -> list[bytes]:
        taken, self._pieces = self._pieces, []
        return taken


class _Source:
    """A body as the file that pyarrow reads from."""

    closed = False

    def __init__(self, body: BodyReader) -> None:
        self._body = body
        self.n_bytes = 0
        self.ended = False

    def read(self, n_bytes: int = -1) -> bytes:
        window = memoryview(bytearray(n_bytes))
        got = self._body.readinto(window)
        self.n_bytes += got
        self.ended = self.ended or not got
        return bytes(window[:got])

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        """The body is closed by whoever opened it."""


class _FrameReader:
    """Plain bytes out of compressed ones.

    ``pa.CompressedInputStream`` refuses a cut frame, which ``zstandard`` and ``lz4`` accept in
    silence, and works outside the interpreter's lock.
    """

    def __init__(self, body: BodyReader, compression: Compression, max_ratio: int) -> None:
        self._body = body
        self._max_ratio = max_ratio
        codec = compression.ipc_codec or "zstd"
        self._source = _Source(body)
        self._stream = pa.CompressedInputStream(as_file(self._source, "r"), codec)
        self._n_plain = 0

    def readinto(self, buffer: memoryview, /) -> int:
        try:
            got = int(self._stream.readinto(buffer))
        except OdpsError:
            raise
        except (OSError, pa.ArrowInvalid) as error:
            if self._source.ended:
                msg = f"the compressed body ended inside a frame: {error}"
                raise IncompleteRead(msg) from error
            msg = f"the compressed body does not decompress: {error}"
            raise CorruptStream(msg) from error
        self._n_plain += got
        if self._n_plain > max(FREE_PLAIN_BYTES, self._max_ratio * self._source.n_bytes):
            msg = (
                f"{self._source.n_bytes} compressed bytes became more than {self._n_plain}; "
                f"expected at most {self._max_ratio} times as many"
            )
            raise CorruptStream(msg)
        return got

    def close(self) -> None:
        self._body.close()

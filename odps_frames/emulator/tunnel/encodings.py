"""Compression of whole bodies, as the tunnel names it."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from odps_frames.emulator.refusals import malformed, unsupported
from odps_frames.wire.compression import Compression, compressed, decompress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from typing_extensions import Buffer

    from odps_frames.wire.http import BodyReader

__all__ = ["chosen_encoding", "decoded", "encoded"]

DEFLATE = "deflate"
_CODECS = {
    "zstd": Compression.ZSTD,
    "x-lz4-frame": Compression.LZ4,
    "x-odps-lz4-frame": Compression.LZ4,
}
_KNOWN = (DEFLATE, *_CODECS)
_OF_HTTP = frozenset({"*", "br", "compress", "gzip", "identity", "x-gzip", ""})
"""What HTTP libraries add by themselves; nobody relies on it."""
_STEP_BYTES = 1 << 18


def chosen_encoding(accepted: str | None) -> str | None:
    """Choose the encoding of an answer among those accepted; None leaves it as it is.

    Raises
    ------
    ServiceError
        When only encodings are accepted that this service has not.
    """
    names = [part.partition(";")[0].strip().lower() for part in (accepted or "").split(",")]
    for name in names:
        if name in _KNOWN:
            return name
        if name == "identity":
            return None
    unknown = [name for name in names if name not in _OF_HTTP]
    if unknown:
        raise unsupported(f"Accept-Encoding={unknown[0]!r} (known: {', '.join(_KNOWN)})")
    return None


def encoded(pieces: Iterable[Buffer], encoding: str | None) -> Iterator[Buffer]:
    """Compress the body of an answer, as one frame."""
    if encoding is None:
        return iter(pieces)
    if encoding == DEFLATE:
        return _deflated(pieces)
    return compressed(pieces, _CODECS[encoding].ipc_codec or "zstd")


def _deflated(pieces: Iterable[Buffer]) -> Iterator[Buffer]:
    deflater = zlib.compressobj(1)
    for piece in pieces:
        if found := deflater.compress(piece):
            yield found
    yield deflater.flush()


def decoded(body: BodyReader, encoding: str | None) -> BodyReader:
    """Return the plain bytes of a request; they fail where the compressed ones are cut.

    Raises
    ------
    ServiceError
        For an encoding that this service has not.
    """
    name = (encoding or "identity").strip().lower()
    if name == "identity":
        return body
    if name == DEFLATE:
        return _Inflater(body)
    if name not in _CODECS:
        raise unsupported(f"Content-Encoding={encoding!r} (known: {', '.join(_KNOWN)})")
    return decompress(body, _CODECS[name])


class _Inflater:
    """Plain bytes out of a zlib stream, as many at a time as are asked for."""

    def __init__(self, body: BodyReader) -> None:
        self._body = body
        self._inflater = zlib.decompressobj()
        self._waiting = b""
        self._window = memoryview(bytearray(_STEP_BYTES))

    def readinto(self, buffer: memoryview, /) -> int:
        """Copy what is there."""
        if not len(buffer):
            return 0
        while not self._inflater.eof:
            ended = False
            if not self._waiting:
                got = self._body.readinto(self._window)
                self._waiting, ended = bytes(self._window[:got]), not got
            try:
                found = self._inflater.decompress(self._waiting, len(buffer))
            except zlib.error as error:
                raise malformed(f"the compressed body does not decompress: {error}") from None
            self._waiting = self._inflater.unconsumed_tail
            if found:
                buffer[: len(found)] = found
                return len(found)
            if ended:
                raise malformed("the compressed body ended inside a frame")
        if self._inflater.unused_data or self._body.readinto(self._window):
            raise malformed("bytes follow the end of the compressed body")
        return 0

    def close(self) -> None:
        """Give up what is not read."""
        self._body.close()

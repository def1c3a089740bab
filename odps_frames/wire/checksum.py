"""Checksums of blobs: CRC32C of every block on downloads, digests of the whole on uploads."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import crc32c

from odps_frames.errors import CorruptStream, IncompleteRead
from odps_frames.model.blob import Checksum
from odps_frames.wire import documents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from typing_extensions import Buffer

    from odps_frames.wire.http import BodyReader

__all__ = [
    "BLOCK_BYTES",
    "BlockReader",
    "Digest",
    "Footer",
    "decode_footer",
    "sealed",
    "sealed_bytes",
]

BLOCK_BYTES: Final = 4096
"""So many bytes of data, then their CRC32C as four bytes, little-endian (protocol.md §11.3)."""
_CRC_BYTES: Final = 4
_SEALED_BYTES: Final = BLOCK_BYTES + _CRC_BYTES
_WINDOW_BLOCKS: Final = 64

_CODES: Final = {Checksum.NONE: 0, Checksum.CRC32: 1, Checksum.MD5: 2}
_TYPES: Final = {code: checksum for checksum, code in _CODES.items()}


def sealed(pieces: Iterable[Buffer]) -> Iterator[bytes]:
    """Yield the bytes with the checksum of each block behind it; no bytes have no block."""
    rest = bytearray()
    for piece in pieces:
        view = memoryview(piece).cast("B")
        while len(view):
            taken = view[: _WINDOW_BLOCKS * BLOCK_BYTES - len(rest)]
            rest += taken
            view = view[len(taken) :]
            if len(rest) == _WINDOW_BLOCKS * BLOCK_BYTES:
                yield _seal(rest)
                rest = bytearray()
    if rest:
        yield _seal(rest)


def sealed_bytes(n_bytes: int) -> int:
    """Return how many bytes so many become."""
    return n_bytes + -(-n_bytes // BLOCK_BYTES) * _CRC_BYTES


def _seal(data: bytearray) -> bytes:
    view = memoryview(data)
    parts: list[Buffer] = []
    for start in range(0, len(view), BLOCK_BYTES):
        block = view[start : start + BLOCK_BYTES]
        parts += [block, crc32c.crc32c(block).to_bytes(_CRC_BYTES, "little")]
    return b"".join(parts)


class BlockReader:
    """The bytes of a body whose blocks carry checksums; none comes out unverified.

    Its errors are IncompleteRead where the body ends inside a checksum and CorruptStream where a
    block and its checksum differ, which a body that is cut elsewhere also looks like.
    """

    def __init__(self, body: BodyReader) -> None:
        self._body = body
        self._window = memoryview(bytearray(_WINDOW_BLOCKS * _SEALED_BYTES))
        self._held = 0
        self._ended = False
        self._plain = memoryview(b"")
        self._verified = 0

    def readinto(self, buffer: memoryview, /) -> int:
        """Copy verified bytes; zero is the end."""
        if not len(buffer):
            return 0
        while not self._plain and not (self._ended and not self._held):
            self._fill()
        taken = min(len(buffer), len(self._plain))
        buffer[:taken] = self._plain[:taken]
        self._plain = self._plain[taken:]
        return taken

    def close(self) -> None:
        """Give up what is not read."""
        self._body.close()

    def _fill(self) -> None:
        while self._held < _SEALED_BYTES and not self._ended:
            got = self._body.readinto(self._window[self._held :])
            self._held += got
            self._ended = not got
        n_whole = self._held // _SEALED_BYTES
        places = [(index * _SEALED_BYTES, _SEALED_BYTES) for index in range(n_whole)]
        used = n_whole * _SEALED_BYTES
        if self._ended and used < self._held:
            places.append((used, self._held - used))
            used = self._held
        self._plain = memoryview(b"".join(self._verify(*place) for place in places))
        left = bytes(self._window[used : self._held])
        self._window[: len(left)] = left
        self._held = len(left)

    def _verify(self, start: int, n_bytes: int) -> memoryview:
        end = start + n_bytes - _CRC_BYTES
        if end <= start:
            raise IncompleteRead(f"the body ended inside the checksum after byte {self._verified}")
        block = self._window[start:end]
        expected = int.from_bytes(self._window[end : end + _CRC_BYTES], "little")
        if (found := crc32c.crc32c(block)) != expected:
            first, last = self._verified, self._verified + len(block)
            raise CorruptStream(
                f"bytes {first} to {last} of the body have the CRC32C {found:#010x}; "
                f"their block says {expected:#010x}"
            )
        self._verified += len(block)
        return block


class Digest:
    """The checksums of data as it goes by."""

    def __init__(self, *checksums: Checksum) -> None:
        self._crc = 0 if Checksum.CRC32 in checksums else None
        # It tells accidents from data, and no friend from foe.
        self._md5 = hashlib.md5(usedforsecurity=False) if Checksum.MD5 in checksums else None
        self.n_bytes = 0

    def update(self, data: Buffer) -> None:
        """Take the next bytes."""
        self.n_bytes += memoryview(data).nbytes
        if self._crc is not None:
            self._crc = zlib.crc32(data, self._crc)
        if self._md5 is not None:
            self._md5.update(data)

    @property
    def crc32(self) -> int | None:
        """The CRC-32 of zlib, where it is kept."""
        return self._crc

    @property
    def md5(self) -> str | None:
        """The MD5 in hexadecimal digits, where it is kept."""
        return None if self._md5 is None else self._md5.hexdigest()

    def footer(self, checksum: Checksum) -> dict[str, object]:
        """Write the footer of a frame (protocol.md §11.2)."""
        said: dict[str, object] = {"Type": _CODES[checksum]}
        match checksum:
            case Checksum.CRC32:
                said["Crc32"] = self.crc32
            case Checksum.MD5:
                said["MD5"] = self.md5
            case Checksum.NONE:
                pass
        return {"Checksum": said}


@dataclass(frozen=True, slots=True)
class Footer:
    """What the sender of a frame says of its data."""

    checksum: Checksum = Checksum.NONE
    value: int | str | None = None

    def fits(self, digest: Digest) -> bool:
        """Whether the data that came is the data that was sent, as far as this can tell."""
        match self.checksum:
            case Checksum.CRC32:
                return self.value == digest.crc32
            case Checksum.MD5:
                return str(self.value).lower() == digest.md5
            case Checksum.NONE:
                return True


def decode_footer(document: Mapping[str, Any]) -> Footer:
    """Read the footer of a frame.

    Raises
    ------
    ValueError
        When it names a checksum that nobody knows, or does not say its value.
    """
    said = documents.section(document, "Checksum")
    code = documents.number(said, "Type") or 0
    checksum = _TYPES.get(code)
    if checksum is None:
        raise ValueError(f"Checksum of Type {code}; expected 0, 1 (CRC32) or 2 (MD5)")
    value: int | str | None = None
    if checksum is Checksum.CRC32:
        value = documents.number(said, "Crc32")
    elif checksum is Checksum.MD5:
        value = documents.text(said, "MD5")
    if value is None and checksum is not Checksum.NONE:
        raise ValueError(f"Checksum of Type {code} without its value")
    return Footer(checksum, value)

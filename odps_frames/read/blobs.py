"""Blobs by reference: one file after the other, verified block by block, in constant memory."""

from __future__ import annotations

import builtins
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from odps_frames.model.blob import BlobRef
from odps_frames.read.download import Download
from odps_frames.transport.retry import Meter, RetryPolicy
from odps_frames.wire.compression import Compression
from odps_frames.wire.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from typing_extensions import Buffer

    from odps_frames.transport.base import Transport
    from odps_frames.wire.blob_frame import DownloadHeader

__all__ = ["BlobFile", "read_blobs"]

GROUP_BLOBS = 256
"""So many references are asked for at once at most."""
CHUNK_BYTES = 1 << 18


class BlobFile(io.RawIOBase):
    """One blob as it streams in: a binary file that is read once, from its start to its end.

    It can be read until the next blob is asked for, and after that only by ``bytes``, where that
    was called before. What it gives is verified; a broken connection is resumed.

    Attributes
    ----------
    ref : BlobRef
        What it was asked for by.
    size : int
        Bytes.
    mime_type, file_name : str or None
        What the uploader said; names of files only in API version 3.
    """

    def __init__(self, ref: BlobRef, header: DownloadHeader, size: int, rest: Download) -> None:
        super().__init__()
        self.ref = ref
        self.size = size
        self.mime_type = header.mime_type
        self.file_name = header.file_name
        self._rest = rest
        self._n_read = 0
        self._content: builtins.bytes | None = None

    def readable(self) -> bool:
        """Say that this is a file to read from."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Read what is there into the buffer; zero is the end.

        Raises
        ------
        IncompleteRead, CorruptStream, ServiceUnavailable
            When it still does not come whole after as many attempts as the policy allows.
        """
        if self.closed:
            raise ValueError(
                f"blob {self.ref} is closed: it was, or the next one was asked for; "
                "read a blob, or take its bytes, before that"
            )
        got = self._rest.readinto(memoryview(buffer).cast("B"))
        self._n_read += got
        return got

    def read(self, size: int | None = -1, /) -> builtins.bytes:
        """Read so many bytes, and fewer only at the end; by default all that is left."""
        if size is None or size < 0:
            return self.readall()
        content = memoryview(bytearray(min(size, CHUNK_BYTES)))
        pieces: list[builtins.bytes] = []
        while size and (got := self.readinto(content[:size])):
            pieces.append(builtins.bytes(content[:got]))
            size -= got
        return b"".join(pieces)

    def readall(self) -> builtins.bytes:
        """Read what is left, in larger pieces than a file does by itself."""
        return b"".join(self.chunks())

    def chunks(self, max_bytes: int = CHUNK_BYTES) -> Iterator[builtins.bytes]:
        """Yield what is left in pieces of at most so many bytes."""
        if max_bytes < 1:
            raise ValueError(f"max_bytes={max_bytes!r}; expected at least 1")
        window = memoryview(bytearray(max_bytes))
        while got := self.readinto(window):
            yield builtins.bytes(window[:got])

    @property
    def bytes(self) -> builtins.bytes:
        """All of the blob; it stays here once it was asked for."""
        if self._content is None:
            if self._n_read:
                raise ValueError(f"{self._n_read} bytes of blob {self.ref} are read already")
            self._content = self.readall()
        return self._content


def read_blobs(
    transport: Transport,
    refs: Iterable[BlobRef | str | Buffer],
    envelope: Envelope | None = None,
    *,
    compression: Compression = Compression.NONE,
    policy: RetryPolicy | None = None,
    meter: Meter | None = None,
) -> Iterator[BlobFile]:
    """Yield the blobs of these references, in order, as files; nothing is sent before the first.

    Raises
    ------
    ValueError, TypeError
        At once, for what is no reference out of a BLOB column.
    """
    if isinstance(refs, str | bytes | BlobRef):
        raise TypeError(f"refs={refs!r}; expected a list of references")
    parsed = [BlobRef.parse(ref) for ref in refs]
    policy, meter = policy or RetryPolicy(), meter or Meter()
    return _Files(
        Download(transport, group, envelope or Envelope(), compression, policy, meter)
        for group in _groups(parsed)
    )


class _Files(Iterator[BlobFile]):
    """The files of several downloads; no generator, so that a file outlives what it came from."""

    def __init__(self, downloads: Iterable[Download]) -> None:
        self._downloads = iter(downloads)
        self._present: Download | None = None
        self._place = 0
        self._file: BlobFile | None = None

    def __next__(self) -> BlobFile:
        if self._file is not None:
            self._file.close()
        if self._present is None or self._place == len(self._present.refs):
            if self._present is not None:
                self._present.close()
            self._present, self._place = None, 0
            self._present = next(self._downloads)
        place = self._place
        self._place += 1
        header, size = self._present.begin(place)
        self._file = BlobFile(self._present.refs[place], header, size, self._present)
        return self._file


def _groups(refs: Sequence[BlobRef]) -> Iterator[Sequence[BlobRef]]:
    """Cut a long list; no group has a single reference, which would be asked for twice."""
    start = 0
    while start < len(refs):
        end = start + GROUP_BLOBS
        if end == len(refs) - 1:
            end -= 1
        yield refs[start:end]
        start = end

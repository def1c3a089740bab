"""A blob of a table that is opened when it is needed: what a cell of a frame holds."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any, Protocol, Self

from odps_frames.convert.blob_cells import Reopenable
from odps_frames.errors import CorruptStream
from odps_frames.model.blob import BlobRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from typing_extensions import Buffer

    from odps_frames.read.blobs import BlobFile

__all__ = ["BlobSite", "StoredBlob", "open_remote"]

_SKIP_BYTES = 1 << 18


class BlobSite(Protocol):
    """Whom to ask for blobs: a client."""

    def read_blobs(self, refs: Iterable[BlobRef | str | Buffer]) -> Iterator[BlobFile]:
        """Yield the blobs of these references, in order."""


class StoredBlob(Reopenable):
    """A blob of a table, as a binary file that is opened by the first read.

    Until then it costs nothing but its reference. ``open`` gives another file of the same blob.
    It pickles as its reference and the settings of its client, and stands at its start again.

    Attributes
    ----------
    ref : BlobRef
        By what readers ask for it.
    """

    __slots__ = ("_file", "_site", "ref")

    def __init__(self, ref: BlobRef | str | Buffer, site: BlobSite) -> None:
        self.ref = BlobRef.parse(ref)
        self._site = site
        self._file: io.BufferedReader | None = None

    @property
    def site(self) -> BlobSite:
        """The client that reads it."""
        return self._site

    @property
    def size(self) -> int | None:
        """Bytes; None before it was read to its end, as the service does not say it before."""
        return None if self._file is None else self._raw.size

    def open(self) -> io.BufferedReader:
        """Return a new file of the blob, to be closed by the caller; it can seek.

        To seek backwards is to read it again, and to seek from its end to read it through.
        """
        return io.BufferedReader(_Remote(self.ref, self._site))

    def read(self, size: int | None = -1, /) -> bytes:
        """Read so many bytes from where it stands, or all that is left.

        Raises
        ------
        NotFound
            When the service does not have the blob any more.
        IncompleteRead, CorruptStream, ServiceUnavailable
            When it does not come whole.
        """
        return self._opened.read(size)

    def readinto(self, buffer: Buffer, /) -> int:
        """Read into a buffer; zero is the end."""
        return self._opened.readinto(buffer)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to another place; see ``open`` for what that takes."""
        return self._opened.seek(offset, whence)

    def tell(self) -> int:
        """Return the place of the next byte."""
        return 0 if self._file is None else self._file.tell()

    def readable(self) -> bool:
        """Say that this is a file to read from."""
        return True

    def seekable(self) -> bool:
        """Say that it can seek."""
        return True

    def writable(self) -> bool:
        """Say that nobody can write to it."""
        return False

    @property
    def closed(self) -> bool:
        """Whether it was closed; ``open`` still works then."""
        return self._file is not None and self._file.closed

    def close(self) -> None:
        """Let go of the connection."""
        self._opened.close()

    @property
    def _opened(self) -> io.BufferedReader:
        if self._file is None:
            self._file = self.open()
        return self._file

    @property
    def _raw(self) -> _Remote:
        raw = self._opened.raw
        assert isinstance(raw, _Remote)  # noqa: S101  it was made so
        return raw

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.ref, self._site)

    def __repr__(self) -> str:
        known = "size unknown" if self.size is None else f"{self.size:,} bytes"
        return f"StoredBlob({self.ref.text!r}, {known})"


def open_remote(blob: StoredBlob, size: int | None) -> io.BufferedReader:
    """Open a blob whose size is known already, so that to measure it costs nothing."""
    return io.BufferedReader(_Remote(blob.ref, blob.site, size))


class _Remote(io.RawIOBase):
    """The bytes of a blob by place; nothing is asked before the first read."""

    def __init__(self, ref: BlobRef, site: BlobSite, size: int | None = None) -> None:
        super().__init__()
        self._ref = ref
        self._site = site
        self._place = 0
        """Where the next byte is read."""
        self._stream: BlobFile | None = None
        self._reached = 0
        """Where the stream stands."""
        self.size = size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        if self.closed:
            raise ValueError(f"blob {self._ref} is closed")
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._place}.get(whence)
        if origin is None:
            origin = self._measure()
        if origin + offset < 0:
            raise ValueError(f"seek to {origin + offset}, before the start of blob {self._ref}")
        self._place = origin + offset
        return self._place

    def readinto(self, buffer: Buffer, /) -> int:
        if self.closed:
            raise ValueError(f"blob {self._ref} is closed")
        beyond = self.size is not None and self._place >= self.size
        if beyond and (self._stream is None or self._reached != self._place):
            return 0
        if self._stream is None or self._reached > self._place:
            self._begin()
        scratch = memoryview(bytearray(min(_SKIP_BYTES, max(0, self._place - self._reached))))
        while self._reached < self._place:
            if not self._take(scratch[: self._place - self._reached]):
                return 0  # the place is beyond the end
        got = self._take(memoryview(buffer).cast("B"))
        self._place += got
        return got

    def _begin(self) -> None:
        self._leave()
        self._stream = next(self._site.read_blobs([self._ref]))
        self._reached = 0

    def _take(self, window: memoryview) -> int:
        if self._stream is None or not len(window):
            return 0
        got = self._stream.readinto(window)
        self._reached += got
        if not got:
            if self.size not in (None, self._reached):
                msg = f"blob {self._ref} of {self.size} bytes has {self._reached} when read"
                raise CorruptStream(msg)
            self.size = self._reached
        return got

    def _measure(self) -> int:
        """Return the size; where nobody knows it the rest is read."""
        if self.size is None and self._stream is None:
            self._begin()
        scratch = memoryview(bytearray(_SKIP_BYTES))
        while self.size is None:
            self._take(scratch)
        return self.size

    def _leave(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream = None

    def close(self) -> None:
        self._leave()
        super().close()

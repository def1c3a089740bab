"""A list of blobs on its way here, over as many answers as that takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import crc32c

from odps_frames.errors import CorruptStream, IncompleteRead, ServiceUnavailable
from odps_frames.wire.blob_frame import DownloadHeader, FrameReader, decode_download_header
from odps_frames.wire.blobs import encode_read_blobs
from odps_frames.wire.checksum import BlockReader
from odps_frames.wire.compression import BLOB_RATIO, Compression, decompress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from odps_frames.model.blob import BlobRef
    from odps_frames.transport.base import Transport
    from odps_frames.transport.retry import Meter, RetryPolicy
    from odps_frames.wire.envelope import Envelope
    from odps_frames.wire.http import BodyReader, Response

__all__ = ["Download"]

T = TypeVar("T")

_SCRATCH_BYTES = 1 << 18


class Download:
    """Blobs in order; what broke off is asked for again from the blob that was being read.

    Bytes that were handed out are never handed out again: the next answer is read up to the same
    place, and what it has before that must be what was handed out.
    """

    def __init__(
        self,
        transport: Transport,
        refs: Sequence[BlobRef],
        envelope: Envelope,
        compression: Compression,
        policy: RetryPolicy,
        meter: Meter,
    ) -> None:
        self._transport = transport
        self.refs = refs
        self._envelope = envelope
        self._compression = compression
        self._policy = policy
        self._meter = meter
        self._answer: _Answer | None = None
        self._place = 0
        self._known: tuple[DownloadHeader, int] | None = None
        self._offset = 0
        self._crc = 0
        self._failures = 0

    def begin(self, place: int) -> tuple[DownloadHeader, int]:
        """Go to a blob, past what is left of those before it; return what is said of it."""
        self._leave()
        self._place, self._known, self._offset, self._crc = place, None, 0, 0
        self._failures = 0
        self._persist(self._positioned)
        return self._known or (DownloadHeader(), 0)

    def readinto(self, buffer: memoryview) -> int:
        """Read what is there of the present blob; zero is its end."""
        if not len(buffer):
            return 0
        got = self._persist(lambda: self._read_once(buffer))
        if got:
            self._failures = 0
            self._offset += got
            self._crc = crc32c.crc32c(buffer[:got], self._crc)
        return got

    def close(self) -> None:
        """Give up what is not read."""
        if self._answer is not None:
            self._answer.close()
            self._answer = None

    def __del__(self) -> None:
        """Leave no connection open when files are dropped half read."""
        if hasattr(self, "_answer"):
            self.close()

    def _persist(self, step: Callable[[], T]) -> T:
        while True:
            try:
                return step()
            except (IncompleteRead, CorruptStream, ServiceUnavailable) as error:
                self.close()
                self._failures += 1
                if self._failures >= self._policy.max_attempts:
                    ref = self.refs[self._place]
                    error.add_note(f"while reading blob {ref}, after {self._offset} bytes of it")
                    raise
                if self._failures > 1:  # what broke once is worth asking for again at once
                    self._policy.pause(self._failures)
                self._meter.add(retries=1)

    def _read_once(self, buffer: memoryview) -> int:
        answer = self._positioned()
        got = answer.readinto(buffer)
        if not got:
            answer.end_blob()
        return got

    def _positioned(self) -> _Answer:
        """Return an answer that stands at the present place of the present blob."""
        if self._answer is None:
            self._answer = self._ask()
        answer = self._answer
        if answer.place != self._place:
            header, size = answer.begin_blob(self._place)
            if self._known is None:
                self._known = header, size
            elif size != self._known[1]:
                msg = f"a blob of {self._known[1]} bytes has {size} when asked for again"
                raise CorruptStream(msg)
            self._skip(answer)
        return answer

    def _ask(self) -> _Answer:
        refs = list(self.refs[self._place :])
        only_first = len(refs) == 1
        if only_first:
            # A single reference is answered without a header, and so without a length: an answer
            # that a proxy ended early would pass for a whole one. It is asked for twice, which
            # makes the answer say how long it is; the second one is never read.
            refs *= 2
        request = encode_read_blobs(refs, self._compression, self._envelope)
        response = self._transport.send(request)
        return _Answer(response, self._meter, len(refs), only_first=only_first)

    def _skip(self, answer: _Answer) -> None:
        scratch = memoryview(bytearray(_SCRATCH_BYTES))
        left, crc = self._offset, 0
        while left:
            got = answer.readinto(scratch[:left])
            if not got:
                msg = f"a blob ended {left} bytes before the place that was reached before"
                raise IncompleteRead(msg)
            crc = crc32c.crc32c(scratch[:got], crc)
            left -= got
        if crc != self._crc:
            raise CorruptStream("a blob begins with other bytes when it is asked for again")

    def _leave(self) -> None:
        """Read past the rest of the present blob; where that fails the answer is given up."""
        answer = self._answer
        if answer is None or answer.place is None or answer.ended:
            return
        scratch = memoryview(bytearray(_SCRATCH_BYTES))
        try:
            while answer.readinto(scratch):
                pass
            answer.end_blob()
        except (IncompleteRead, CorruptStream, ServiceUnavailable):
            self.close()


class _Answer:
    """One answer: a frame for each blob that was asked for."""

    def __init__(self, response: Response, meter: Meter, n_blobs: int, *, only_first: bool) -> None:
        self._response = response
        self._left = n_blobs
        self._only_first = only_first
        encoding = Compression.of_encoding(response.headers.get("Content-Encoding"))
        blocks = BlockReader(response.body)
        self._body: BodyReader = decompress(blocks, encoding, max_ratio=BLOB_RATIO)
        self._frames = FrameReader(self._body)
        self._meter = meter
        self.place: int | None = None
        self.ended = False

    def begin_blob(self, place: int) -> tuple[DownloadHeader, int]:
        self.place, self.ended = place, False
        self._left -= 1
        found = self._frames.begin()
        if found is None:
            raise IncompleteRead(f"the answer ended {self._left + 1} blobs before its end")
        document, size = found
        try:
            return decode_download_header(document), size
        except ValueError as error:
            raise CorruptStream(f"the header of a blob cannot be read: {error}") from error

    def readinto(self, buffer: memoryview) -> int:
        if self.ended:
            return 0
        got = self._frames.readinto(buffer)
        self._meter.add(n_bytes=got)
        return got

    def end_blob(self) -> None:
        """Read what follows the data of a blob, and after the last one make sure of the end."""
        if self.ended:
            return
        self._frames.finish()
        if not self._left and not self._only_first and self._frames.begin() is not None:
            raise CorruptStream("the answer has more blobs than were asked for")
        self.ended = True

    def close(self) -> None:
        self._response.body.close()

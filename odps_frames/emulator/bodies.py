"""Bodies on their way in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from odps_frames.emulator.refusals import invalid
from odps_frames.errors import ServiceError, ServiceUnavailable
from odps_frames.wire.http import ChunkReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from typing_extensions import Buffer

    from odps_frames.wire.http import Body, Response

__all__ = ["BrokenConnection", "IncomingBody", "OutgoingBody", "pieces_of"]

MAX_DOCUMENT_BYTES = 16 << 20
"""Larger documents are refused; only rows may be as many as one likes."""


class BrokenConnection(ServiceUnavailable):
    """The connection ends before the answer does; whoever holds the socket has to see to it."""

    def __init__(self, message: str = "", *, reset: bool = False, inside: bool = False) -> None:
        super().__init__(message)
        self.reset = reset
        """Whether it ends with a reset and not with a mere close."""
        self.inside = inside
        """Whether it ends in the middle of a chunk and not between two of them."""


@runtime_checkable
class _Readable(Protocol):
    """A body that can fill memory of its reader's."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Read what is there."""
        ...


class IncomingBody:
    """The body of a request, counted; a failure of its source is told from faults of ours.

    A body that can be read into memory of ours is, so that rows come from the socket into the
    memory in which Arrow decodes them.
    """

    def __init__(self, body: Body) -> None:
        self.n_bytes = 0
        self.failure: BaseException | None = None
        self._closed = False
        self._source: _Readable = (
            body if isinstance(body, _Readable) else ChunkReader(_pieces(body))
        )

    def readinto(self, buffer: memoryview, /) -> int:
        """Read what is there."""
        if self._closed:
            return 0
        try:
            got = self._source.readinto(buffer)
        except BaseException as failure:
            self.failure = failure
            raise
        self.n_bytes += got
        return got

    def close(self) -> None:
        """Read no more of it."""
        self._closed = True

    def document(self) -> bytes:
        """Return the whole body.

        Raises
        ------
        ServiceError
            When it is too large for a document.
        """
        found = bytearray()
        window = memoryview(bytearray(1 << 16))
        while got := self.readinto(window):
            found += window[:got]
            if len(found) > MAX_DOCUMENT_BYTES:
                raise invalid(f"the body is larger than {MAX_DOCUMENT_BYTES} bytes")
        return bytes(found)


def _pieces(body: Body) -> Iterable[Buffer]:
    if body is None:
        return ()
    return [body] if isinstance(body, bytes) else body()


class OutgoingBody(ChunkReader):
    """The body of an answer; ``pieces`` are for those who can send them without a copy.

    Raises
    ------
    ServiceUnavailable
        When the service fails in the middle of its answer.
    """

    def __init__(self, pieces: Iterable[Buffer]) -> None:
        self.pieces = _guarded(pieces)
        super().__init__(self.pieces)


def _guarded(pieces: Iterable[Buffer]) -> Iterator[Buffer]:
    try:
        yield from pieces
    except ServiceError:
        raise
    except Exception as error:
        msg = f"the service failed in the middle of its answer: {error!r}"
        raise BrokenConnection(msg) from error


def pieces_of(response: Response) -> Iterator[Buffer]:
    """Return the body of an answer in pieces, as far as possible without a copy."""
    if isinstance(response.body, OutgoingBody):
        return response.body.pieces
    return _read_pieces(response)


def _read_pieces(response: Response) -> Iterator[Buffer]:
    window = memoryview(bytearray(1 << 18))
    while got := response.body.readinto(window):
        yield bytes(window[:got])

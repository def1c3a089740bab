"""Bodies on a socket: read chunk by chunk with limits, sent in large pieces without a copy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from odps_frames.emulator.bodies import BrokenConnection
from odps_frames.emulator.http_head import BadRequest

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Iterator

    from typing_extensions import Buffer

    from odps_frames.emulator.pace import Pace

__all__ = ["ArrivingBody", "BodySource", "send_all", "send_chunked", "send_counted"]

WINDOW_BYTES = 1 << 20
MAX_SIZE_LINE_BYTES = 256
"""Of a chunk, with extensions, which nobody reads."""
MAX_TRAILER_BYTES = 8 << 10
MAX_CHUNK_DIGITS = 12
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,%d})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?" % MAX_CHUNK_DIGITS)
_SENT_TOGETHER = 1 << 20
_MOST_PIECES = 512
"""Fewer than any system takes in one call."""
_UNFINISHED_BYTES = 1 << 10


class BodySource(Protocol):
    """What reading a body needs of a buffered connection."""

    def readinto1(self, buffer: memoryview, /) -> int:
        """Fill what one read brings."""
        ...

    def readline(self, size: int | None = -1, /) -> bytes:
        """Take a line."""
        ...


class ArrivingBody:
    """The body of the request at hand, read once.

    Parameters
    ----------
    source : BodySource
        Where it comes from.
    length : int or None
        Its length; None when it comes in chunks.
    proceed : callable
        Called before the first byte is read, for clients that wait to be told to go on.
    """

    def __init__(self, source: BodySource, length: int | None, proceed: Callable[[], None]) -> None:
        self._source = source
        self._in_chunks = length is None
        self._left = length or 0
        """Of the body, or of the chunk at hand."""
        self._in_chunk = False
        self._proceed = proceed
        self._failure: BrokenConnection | None = None
        self.complete = length == 0
        self.begun = False
        """Whether the client was told to send it."""

    def __call__(self) -> Iterator[Buffer]:
        """Return the body, or what is left of it; pieces are gone when the next one is asked for.

        Raises
        ------
        BrokenConnection
            When the body ends before its framing says so, or the framing is broken.
        """
        window = memoryview(bytearray(WINDOW_BYTES if self._in_chunks else self._window_bytes()))
        while got := self.readinto(window):
            yield window[:got]

    def readinto(self, buffer: memoryview, /) -> int:
        """Read what is there; 0 is the end, and `BrokenConnection` is raised as above."""
        if self._failure is not None:
            raise self._failure
        if self.complete or not len(buffer):
            return 0
        try:
            if not self.begun:
                self.begun = True
                self._proceed()
            if not self._left and not self._next_chunk():
                return 0
            got = self._take(buffer)
        except (OSError, BadRequest) as error:
            msg = f"the body of the request broke off: {error}"
            self._failure = BrokenConnection(msg)
            raise self._failure from error
        self._left -= got
        self.complete = not self._left and not self._in_chunks
        return got

    def drain(self, limit: int) -> bool:
        """Read and drop what is left, but no more than ``limit`` bytes; tell whether it ended."""
        if self.complete:
            return True
        window = memoryview(bytearray(self._window_bytes()))
        while limit >= 0 and (got := self.readinto(window)):
            limit -= got
        return self.complete

    def _take(self, buffer: memoryview) -> int:
        got = self._source.readinto1(buffer[: self._left])
        if not got:
            raise BadRequest(f"{self._left} bytes of it are missing")
        return got

    def _window_bytes(self) -> int:
        return WINDOW_BYTES if self._in_chunks else min(WINDOW_BYTES, self._left)

    def _next_chunk(self) -> bool:
        """Go on to the next chunk; the last one has nothing but fields behind it."""
        if self._in_chunk and self._line(len(b"\r\n")):
            raise BadRequest("a chunk is longer than its size says")
        match = _SIZE.fullmatch(self._line(MAX_SIZE_LINE_BYTES))
        if match is None:
            raise BadRequest("the size of a chunk is not a hexadecimal number")
        self._left = int(match[1], 16)
        self._in_chunk = True
        if self._left:
            return True
        left = MAX_TRAILER_BYTES
        while line := self._line(MAX_TRAILER_BYTES):
            left -= len(line)
            if left < 0:
                raise BadRequest("the fields after the last chunk are too long")
        self.complete = True
        return False

    def _line(self, limit: int) -> bytes:
        line = self._source.readline(limit)
        if not line.endswith(b"\r\n"):
            raise BadRequest("a line of the framing is cut, too long or does not end with CR LF")
        return line[:-2]


def send_counted(
    connection: socket.socket, head: bytes, pieces: Iterable[Buffer], pace: Pace
) -> None:
    """Send a body of known length."""
    for group, _ in _grouped(pieces, head):
        send_all(connection, group, pace)


def send_chunked(
    connection: socket.socket, head: bytes, pieces: Iterable[Buffer], pace: Pace
) -> None:
    """Send a body in chunks of about 1 MiB; the last one says that it was complete."""
    for group, n_missing in _grouped(pieces, b""):
        size = sum(map(len, group)) + n_missing
        framed = [memoryview(b"%x\r\n" % size), *group] if size else []
        if size and not n_missing:
            framed.append(memoryview(b"\r\n"))
        send_all(connection, [memoryview(head), *framed], pace)
        head = b""
    send_all(connection, [memoryview(head + b"0\r\n\r\n")], pace)


def _grouped(pieces: Iterable[Buffer], head: bytes) -> Iterator[tuple[list[memoryview], int]]:
    """Yield pieces in groups; what was there before a failure is yielded before it is raised.

    A piece without bytes ends a group: what is there is to be sent before the next one comes.
    Beside each group stands how many bytes a chunk of it lacks, where one is to stay unfinished.
    """
    group = [memoryview(head)]
    size = len(head)
    source = iter(pieces)
    failure: BaseException | None = None
    while failure is None:
        try:
            view = memoryview(next(source)).cast("B")
        except StopIteration:
            break
        except Exception as error:  # noqa: BLE001  raised again below
            failure = error
            break
        group.append(view)
        size += len(view)
        if size >= _SENT_TOGETHER or len(group) >= _MOST_PIECES or not len(view):
            yield group, 0
            group, size = [], 0
    n_missing = _UNFINISHED_BYTES if _breaks_inside(failure) else 0
    if size or n_missing:
        yield group, n_missing
    if failure is not None:
        raise failure


def _breaks_inside(failure: BaseException | None) -> bool:
    return isinstance(failure, BrokenConnection) and failure.inside


def send_all(connection: socket.socket, pieces: list[memoryview], pace: Pace) -> None:
    """Send every byte of some pieces, in as few calls as the system needs.

    Raises
    ------
    TimeoutError
        When the client takes too little of them for too long.
    """
    if not hasattr(connection, "sendmsg"):
        pieces = [memoryview(b"".join(pieces))]
    pace.expect_bodies()  # it is not the client who took its time before this
    left = sum(map(len, pieces))
    while left:
        pace.wait()
        sent = (
            connection.sendmsg(pieces)
            if hasattr(connection, "sendmsg")
            else connection.send(pieces[0])
        )
        pace.moved(sent)
        left -= sent
        while left and sent >= len(pieces[0]):
            sent -= len(pieces.pop(0))
        pieces[0] = pieces[0][sent:]

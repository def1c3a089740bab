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

__all__ = ["ArrivingBody", "BodySource", "send_all", "send_chunked", "send_counted"]

WINDOW_BYTES = 1 << 20
MAX_LINE_BYTES = 4 << 10
MAX_TRAILER_BYTES = 64 << 10
MAX_CHUNK_DIGITS = 12
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
        self._length = length
        self._proceed = proceed
        self._window = memoryview(b"")
        self.complete = length == 0
        self.begun = False
        """Whether the client was told to send it."""
        self._pieces = self._read()

    def __call__(self) -> Iterator[Buffer]:
        """Return the body, or what is left of it; pieces are gone when the next one is asked for.

        Raises
        ------
        BrokenConnection
            When the body ends before its framing says so, or the framing is broken.
        """
        return self._pieces

    def drain(self, limit: int) -> bool:
        """Read and drop what is left, but no more than ``limit`` bytes; tell whether it ended."""
        for piece in self._pieces:
            limit -= memoryview(piece).nbytes
            if limit < 0:
                break
        return self.complete

    def _read(self) -> Iterator[Buffer]:
        self.begun = True
        size = WINDOW_BYTES if self._length is None else min(WINDOW_BYTES, self._length)
        self._window = memoryview(bytearray(size))
        self._proceed()
        try:
            if self._length is not None:
                yield from self._counted(self._length)
            else:
                yield from self._chunked()
        except (OSError, BadRequest) as error:
            msg = f"the body of the request broke off: {error}"
            raise BrokenConnection(msg) from error
        self.complete = True

    def _counted(self, left: int) -> Iterator[Buffer]:
        while left:
            got = self._source.readinto1(self._window[:left])
            if not got:
                raise BadRequest(f"{left} bytes of it are missing")
            left -= got
            yield self._window[:got]

    def _chunked(self) -> Iterator[Buffer]:
        while size := self._chunk_size():
            yield from self._counted(size)
            if self._line(2):
                raise BadRequest("a chunk is longer than its size says")
        left = MAX_TRAILER_BYTES
        while line := self._line(MAX_LINE_BYTES):
            left -= len(line)
            if left < 0:
                raise BadRequest("the fields after the last chunk are too long")

    def _chunk_size(self) -> int:
        digits = self._line(MAX_LINE_BYTES).partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,%d}" % MAX_CHUNK_DIGITS, digits):
            raise BadRequest("the size of a chunk is not a hexadecimal number")
        return int(digits, 16)

    def _line(self, limit: int) -> bytes:
        line = self._source.readline(limit)
        if not line.endswith(b"\n"):
            raise BadRequest("a line of the framing is cut or too long")
        return line.rstrip(b"\r\n")


def send_counted(connection: socket.socket, head: bytes, pieces: Iterable[Buffer]) -> None:
    """Send a body of known length."""
    for group, _ in _grouped(pieces, head):
        send_all(connection, group)


def send_chunked(connection: socket.socket, head: bytes, pieces: Iterable[Buffer]) -> None:
    """Send a body in chunks of about 1 MiB; the last one says that it was complete."""
    for group, n_missing in _grouped(pieces, b""):
        size = sum(map(len, group)) + n_missing
        framed = [memoryview(b"%x\r\n" % size), *group] if size else []
        if size and not n_missing:
            framed.append(memoryview(b"\r\n"))
        send_all(connection, [memoryview(head), *framed])
        head = b""
    send_all(connection, [memoryview(head + b"0\r\n\r\n")])


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


def send_all(connection: socket.socket, pieces: list[memoryview]) -> None:
    """Send every byte of some pieces, in as few calls as the system needs."""
    if not hasattr(connection, "sendmsg"):
        connection.sendall(b"".join(pieces))
        return
    left = sum(map(len, pieces))
    while True:
        sent = connection.sendmsg(pieces)
        left -= sent
        if not left:
            return
        while sent >= len(pieces[0]):
            sent -= len(pieces.pop(0))
        pieces[0] = pieces[0][sent:]

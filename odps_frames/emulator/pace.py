"""How long a client may keep a connection waiting."""

from __future__ import annotations

import socket
import time
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from odps_frames.emulator.limits import Limits

__all__ = ["Pace", "PacedReader"]


class _Phase(Enum):
    IDLE = auto()
    HEAD = auto()
    BODY = auto()


class Pace:
    """Bounds every wait for one client by what it is to do at the moment.

    A head has its time, whatever comes of it. Bodies, either way, may take for ever as long as
    enough of them moves within each stretch of time.
    """

    def __init__(self, connection: socket.socket, limits: Limits) -> None:
        self._socket = connection
        self._limits = limits
        self._phase = _Phase.IDLE
        self._deadline = 0.0
        self._moved = 0
        self.expect_head()

    def expect_head(self) -> None:
        """Wait for a request, whose head has less time once it has begun."""
        self._enter(_Phase.IDLE, self._limits.idle_seconds)

    def expect_bodies(self) -> None:
        """Wait for the body of a request, and for the client to take the one of the answer."""
        self._enter(_Phase.BODY, self._limits.stalled_seconds)

    def wait(self) -> None:
        """Let the socket wait for as long as is left.

        Raises
        ------
        TimeoutError
            When nothing is left.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the client is too slow")
        self._socket.settimeout(left)

    def moved(self, n_bytes: int) -> None:
        """Note that bytes came or went."""
        if self._phase is _Phase.IDLE:
            self._enter(_Phase.HEAD, self._limits.head_seconds)
        elif self._phase is _Phase.BODY:
            self._moved += n_bytes
            if self._moved >= self._limits.pace_bytes:
                self._enter(_Phase.BODY, self._limits.stalled_seconds)

    def _enter(self, phase: _Phase, seconds: float) -> None:
        self._phase, self._moved = phase, 0
        self._deadline = time.monotonic() + seconds


class PacedReader(socket.SocketIO):
    """What a client sends, waited for as long as its pace allows."""

    def __init__(self, connection: socket.socket, pace: Pace) -> None:
        super().__init__(connection, "r")
        self._pace = pace

    def readinto(self, buffer: Buffer, /) -> int | None:
        """Read once."""
        self._pace.wait()
        got = super().readinto(buffer)
        self._pace.moved(got or 0)
        return got

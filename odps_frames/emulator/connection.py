"""One connection of a client: requests in, answers out, one after the other."""

from __future__ import annotations

import contextlib
import logging
import re
import secrets
import socket
import struct
import threading
import time
from dataclasses import replace
from http import HTTPStatus
from io import BufferedReader
from typing import TYPE_CHECKING, TypeAlias

from odps_frames.emulator.admin import PREFIX
from odps_frames.emulator.bodies import BrokenConnection, pieces_of
from odps_frames.emulator.http_head import (
    BadRequest,
    check_caller,
    is_loopback,
    read_head,
    request_of,
)
from odps_frames.emulator.pace import Pace, PacedReader
from odps_frames.emulator.socket_bodies import ArrivingBody, send_all, send_chunked, send_counted
from odps_frames.errors import ServiceError, ServiceUnavailable
from odps_frames.wire.reply import encode_error

if TYPE_CHECKING:
    from odps_frames.emulator.app import Emulator
    from odps_frames.emulator.http_head import Head
    from odps_frames.emulator.limits import Limits
    from odps_frames.wire.http import Request, Response

__all__ = ["ClientConnection"]

Reader: TypeAlias = "BufferedReader[PacedReader]"

log = logging.getLogger(__name__)

DRAINED_BYTES = 256 << 20
"""So much of a refused upload is read; without that a reset would hide the answer."""
BUFFER_BYTES = 64 << 10
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
"""What would end a field of an answer, should it ever get into one."""


class ClientConnection:
    """Serves the requests that come over one connection."""

    def __init__(
        self,
        connection: socket.socket,
        emulator: Emulator,
        allowed_hosts: frozenset[str],
        limits: Limits,
    ) -> None:
        self._socket = connection
        self._limits = limits
        self._pace = Pace(connection, limits)
        self._emulator = emulator
        own = str(connection.getsockname()[0])
        self._hosts = allowed_hosts | {own.removeprefix("::ffff:")}
        self._guard = threading.Lock()
        self._ending = False
        self.idle_since: float | None = time.monotonic()
        """When it began to wait for a request; None while it has one."""

    def serve(self) -> None:
        """Answer requests until one side has enough."""
        with contextlib.suppress(OSError), self._socket:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with BufferedReader(PacedReader(self._socket, self._pace), BUFFER_BYTES) as reader:
                while self._next(reader):
                    pass

    def end_when_idle(self) -> None:
        """Take no further request."""
        with self._guard:
            self._ending = True
            if self.idle_since is not None:
                self._shut()

    def end_now(self) -> None:
        """Break off what is under way."""
        self._shut()

    def _shut(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _next(self, reader: Reader) -> bool:
        """Answer one request; tell whether another may follow."""
        try:
            self._pace.expect_head()
            head = read_head(reader)
            if head is None:
                return False
            with self._guard:
                if self._ending:
                    return False
                self.idle_since = None
            self._pace.expect_bodies()
            check_caller(head.headers, self._hosts)
            keeps_alive = self._exchange(head, reader)
        except BadRequest as error:
            self._answer(_refusal(error), head_only=False, closes=True)
            self._linger()
            return False
        except BrokenConnection as broken:
            self._break(reset=broken.reset)
            return False
        with self._guard:
            self.idle_since = time.monotonic()
            return keeps_alive and not self._ending

    def _exchange(self, head: Head, reader: Reader) -> bool:
        body = ArrivingBody(reader, head.content_length, lambda: self._proceed(head))
        request = replace(
            request_of(head),
            body=None if body.complete else body,
            content_length=head.content_length or None,
        )
        try:
            response = self._send(request)
        except BrokenConnection:
            raise
        except ServiceUnavailable as error:
            raise BrokenConnection(str(error)) from error
        with response:
            awaits = "100-continue" in head.headers.get("Expect", "").lower()
            unsent = awaits and not body.begun and not body.complete
            drained = not unsent and body.drain(DRAINED_BYTES)
            closes = not head.keeps_alive or not drained
            self._answer(response, head_only=head.method == "HEAD", closes=closes)
        if closes and not drained:
            self._linger()
        return not closes

    def _send(self, request: Request) -> Response:
        """Have a request answered; those beside the protocol are none where they are not meant."""
        admin = self._emulator.admin
        if admin is None or not request.path.startswith(PREFIX) or not self._is_near():
            return self._emulator.send(request)
        return admin.answer(request, secrets.token_hex(16))

    def _is_near(self) -> bool:
        """Whether the client is on this machine."""
        return is_loopback(str(self._socket.getpeername()[0]).removeprefix("::ffff:"))

    def _proceed(self, head: Head) -> None:
        if "100-continue" in head.headers.get("Expect", "").lower():
            send_all(self._socket, [memoryview(b"HTTP/1.1 100 Continue\r\n\r\n")], self._pace)

    def _answer(self, response: Response, *, head_only: bool, closes: bool) -> None:
        length = response.content_length
        fields = [
            f"HTTP/1.1 {response.status} {_phrase(response.status)}",
            *(f"{name}: {_CONTROL.sub(' ', value)}" for name, value in response.headers.items()),
            "X-Content-Type-Options: nosniff",
            "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}",
            *(["Connection: close"] if closes else []),
        ]
        head = "\r\n".join([*fields, "", ""]).encode()
        if head_only:
            send_all(self._socket, [memoryview(head)], self._pace)
        elif length is None:
            send_chunked(self._socket, head, pieces_of(response), self._pace)
        else:
            send_counted(self._socket, head, pieces_of(response), self._pace)

    def _linger(self) -> None:
        """Let the client read the answer before it learns that nobody reads its upload."""
        self._socket.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + self._limits.lingering_seconds
        left = DRAINED_BYTES
        while left > 0 and (seconds := deadline - time.monotonic()) > 0:
            self._socket.settimeout(seconds)
            got = self._socket.recv(BUFFER_BYTES)
            if not got:
                break
            left -= len(got)

    def _break(self, *, reset: bool) -> None:
        if reset:
            # Closing with a linger of zero seconds sends a reset in place of an orderly end.
            linger = struct.pack("ii", 1, 0)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def _refusal(error: BadRequest) -> Response:
    refused = ServiceError(str(error), status=error.status, code="InvalidArgument")
    return encode_error(refused, xml=False, request_id=secrets.token_hex(16))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""

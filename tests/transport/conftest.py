"""A raw server that answers with the bytes it is told to."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class RawServer:
    """Answers every request with the next of its scripted answers, then closes."""

    listener: socket.socket
    answers: list[bytes] = field(default_factory=list)
    reset: bool = False
    seen: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        host, port = self.listener.getsockname()
        return f"http://{host}:{port}"

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection, contextlib.suppress(OSError):
                self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        while self.answers:
            head = self._head(connection)
            if not head:
                return
            self.seen.append(head)
            answer = self.answers.pop(0)
            connection.sendall(answer)
            if b"keep-alive" not in answer:
                break
        if self.reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _head(self, connection: socket.socket) -> bytes:
        data = b""
        while not data.endswith((b"\r\n\r\n", b"0\r\n\r\n")):
            piece = connection.recv(65536)
            if not piece:
                break
            data += piece
        if b"chunked" in data and not data.endswith(b"0\r\n\r\n"):
            while not data.endswith(b"0\r\n\r\n"):
                data += connection.recv(65536)
        return data


@pytest.fixture
def raw_server() -> Iterator[RawServer]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = RawServer(listener)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)

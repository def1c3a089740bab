"""The embedded service behind a socket."""

from __future__ import annotations

import logging
import socket
import threading
import time
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from socketserver import BaseRequestHandler, TCPServer
from typing import TYPE_CHECKING, Any, Self

from odps_frames.emulator.connection import ClientConnection

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from odps_frames.emulator.app import Emulator

__all__ = ["Server"]

log = logging.getLogger(__name__)

WAITING_CONNECTIONS = 256
WAKING_SECONDS = 0.05
"""How soon the listener notices that it is to stop."""
GRACE_SECONDS = 5.0
"""So long requests that are under way may go on after `Server.stop`."""


class Server:
    """Serves one emulator over HTTP/1.1.

    Parameters
    ----------
    emulator : Emulator
        Who answers; closing it remains with the caller.
    host, port : str, int
        Where to listen. Port 0 takes a free one.
    allowed_hosts : collection of str
        Names, besides those of the loopback and of the address itself, under which clients may
        reach the service.
    """

    def __init__(
        self,
        emulator: Emulator,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        allowed_hosts: Collection[str] = (),
    ) -> None:
        self._emulator = emulator
        self._address = host, port
        self._allowed_hosts = frozenset(name.lower() for name in (host, *allowed_hosts))
        self._listener: _Listener | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def endpoint(self) -> str:
        """What clients are given as endpoint, once the server is started."""
        if self._listener is None:
            raise RuntimeError("the server has no endpoint before it is started")
        host, port = self._listener.server_address[:2]
        name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(str(host), str(host))  # noqa: S104  not bound to
        return f"http://{f'[{name}]' if ':' in name else name}:{port}/api"

    def start(self) -> Self:
        """Listen, and answer in threads of their own."""
        if self._listener is None:
            self._listener = _Listener(self._address, self._emulator, self._allowed_hosts)
            self._thread = threading.Thread(
                target=self._listener.serve_forever,
                args=(WAKING_SECONDS,),
                name="odps-frames server",
                daemon=True,
            )
            self._thread.start()
            self._emulator.store.announce(self.endpoint)
        return self

    def stop(self, grace: float = GRACE_SECONDS) -> None:
        """Take no more requests; those under way have ``grace`` seconds to come to their end."""
        listener, self._listener = self._listener, None
        if listener is not None:
            self._emulator.store.announce(None)
            listener.shutdown()
            listener.server_close()
            listener.hang_up(grace)


class _Listener(ThreadingHTTPServer):
    """Accepts connections and knows those that are open."""

    daemon_threads = True
    block_on_close = False  # the connections are ended one by one
    request_queue_size = WAITING_CONNECTIONS

    def __init__(
        self, address: tuple[str, int], emulator: Emulator, allowed_hosts: frozenset[str]
    ) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self._emulator = emulator
        self._allowed_hosts = allowed_hosts
        self._open: set[ClientConnection] = set()
        self._ending = False
        self._changed = threading.Condition()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without asking the network for a name, as the class above does."""
        TCPServer.server_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002  as above
        """Note a failure where the class above would print it."""
        log.error("no thread for the connection of %s", client_address)

    @contextmanager
    def connected(self, connection: socket.socket) -> Iterator[ClientConnection]:
        """Know a connection while it is open."""
        client = ClientConnection(connection, self._emulator, self._allowed_hosts)
        with self._changed:
            self._open.add(client)
            if self._ending:
                client.end_when_idle()
        try:
            yield client
        finally:
            with self._changed:
                self._open.discard(client)
                self._changed.notify_all()

    def hang_up(self, grace: float) -> None:
        """End every connection: idle ones at once, busy ones after their answer or the grace."""
        deadline = time.monotonic() + grace
        with self._changed:
            self._ending = True
            for client in self._open:
                client.end_when_idle()
            self._changed.wait_for(lambda: not self._open, deadline - time.monotonic())
            for client in self._open:
                client.end_now()


class _Handler(BaseRequestHandler):
    """Serves one connection to its end, in a thread of its own."""

    request: socket.socket
    server: _Listener

    def handle(self) -> None:
        with self.server.connected(self.request) as client:
            try:
                client.serve()
            except Exception:
                log.exception("the connection of %s failed", self.client_address)

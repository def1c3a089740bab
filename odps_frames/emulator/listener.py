"""Takes connections, and knows those that are open."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
import time
from typing import TYPE_CHECKING

from odps_frames.emulator.connection import ClientConnection

if TYPE_CHECKING:
    from odps_frames.emulator.app import Emulator
    from odps_frames.emulator.limits import Limits

__all__ = ["Listener"]

log = logging.getLogger(__name__)

WAITING_CONNECTIONS = 256
BREATHING_SECONDS = 0.1
"""So long no connection is taken where the system has no more of something."""
REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)


class Listener:
    """Listens at an address, and answers every connection in a thread of its own."""

    def __init__(
        self,
        address: tuple[str, int],
        emulator: Emulator,
        allowed_hosts: frozenset[str],
        limits: Limits,
    ) -> None:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._socket = socket.create_server(address, family=family, backlog=WAITING_CONNECTIONS)
        self._socket.settimeout(0)
        self._emulator = emulator
        self._allowed_hosts = allowed_hosts
        self._limits = limits
        self._open: dict[ClientConnection, None] = {}
        self._ending = False
        self._changed = threading.Condition()
        self._woken, self._wake = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="odps-frames server", daemon=True)
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._socket.getsockname()[:2]
        return str(host), int(port)

    def stop(self, grace: float) -> None:
        """Take no more connections, and end those that are open.

        Idle ones end at once, busy ones after their answer or the grace.
        """
        self._wake.sendall(b"!")
        self._thread.join()
        for one in (self._socket, self._woken, self._wake):
            one.close()
        deadline = time.monotonic() + grace
        with self._changed:
            self._ending = True
            for client in self._open:
                client.end_when_idle()
            self._changed.wait_for(lambda: not self._open, deadline - time.monotonic())
            for client in self._open:
                client.end_now()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._woken, selectors.EVENT_READ)
            selector.register(self._socket, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select()]
                if self._woken in ready:
                    return
                try:
                    connection, _ = self._socket.accept()
                except BlockingIOError:
                    continue  # the client is gone already
                except OSError:
                    log.exception("no connection can be taken at the moment")
                    if self._pause():
                        return
                    continue
                self._take(connection)

    def _pause(self) -> bool:
        """Wait a moment; tell whether the end came meanwhile."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._woken, selectors.EVENT_READ)
            return bool(selector.select(BREATHING_SECONDS))

    def _take(self, connection: socket.socket) -> None:
        if not self._has_room():
            _refuse(connection)
            return
        client = ClientConnection(connection, self._emulator, self._allowed_hosts, self._limits)
        thread = threading.Thread(
            target=self._serve, args=(client,), name="odps-frames connection", daemon=True
        )
        with self._changed:
            self._open[client] = None
        try:
            thread.start()
        except RuntimeError:  # the system has no thread for it
            log.exception("a connection cannot be served")
            self._forget(client)
            connection.close()

    def _has_room(self) -> bool:
        """Make room for one more connection at the cost of an idle one, if there is any."""
        with self._changed:
            if len(self._open) < self._limits.connections:
                return True
            idle = [client for client in self._open if client.idle_since is not None]
            if not idle:
                return False
            longest = min(idle, key=lambda client: client.idle_since or 0.0)
            longest.end_when_idle()
            return self._changed.wait_for(
                lambda: len(self._open) < self._limits.connections, BREATHING_SECONDS
            )

    def _serve(self, client: ClientConnection) -> None:
        try:
            client.serve()
        except Exception:
            log.exception("a connection failed")
        finally:
            self._forget(client)

    def _forget(self, client: ClientConnection) -> None:
        with self._changed:
            self._open.pop(client, None)
            self._changed.notify_all()


def _refuse(connection: socket.socket) -> None:
    """Say that there is no room, without waiting for anybody."""
    with contextlib.suppress(OSError), connection:
        connection.settimeout(0)
        connection.sendall(REFUSAL)
        connection.shutdown(socket.SHUT_WR)

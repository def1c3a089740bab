"""The embedded service behind a socket."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Self

from odps_frames.emulator.limits import Limits
from odps_frames.emulator.listener import Listener
from odps_frames.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection

    from odps_frames.emulator.app import Emulator

__all__ = ["Server"]

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
    expose : bool
        Let other machines in, where ``host`` does. Requests travel in the clear.
    limits : Limits, optional
        How much clients may take.

    Raises
    ------
    ConfigError
        When other machines would get in and ``expose`` does not say so, or when the emulator does
        not ask who they are.
    """

    def __init__(
        self,
        emulator: Emulator,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        allowed_hosts: Collection[str] = (),
        expose: bool = False,
        limits: Limits | None = None,
    ) -> None:
        if not _is_loopback(host):
            _check_exposed(emulator, host, expose=expose)
        self._emulator = emulator
        self._address = host, port
        self._allowed_hosts = frozenset(name.lower() for name in (host, *allowed_hosts))
        self._limits = limits or Limits()
        self._listener: Listener | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def endpoint(self) -> str:
        """What clients are given as endpoint, once the server is started."""
        if self._listener is None:
            raise RuntimeError("the server has no endpoint before it is started")
        host, port = self._listener.address
        name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  not bound to
        return f"http://{f'[{name}]' if ':' in name else name}:{port}/api"

    def start(self) -> Self:
        """Listen, and answer in threads of their own."""
        if self._listener is None:
            self._listener = Listener(
                self._address, self._emulator, self._allowed_hosts, self._limits
            )
            self._emulator.announce(self.endpoint)
        return self

    def stop(self, grace: float = GRACE_SECONDS) -> None:
        """Take no more requests; those under way have ``grace`` seconds to come to their end."""
        listener, self._listener = self._listener, None
        if listener is not None:
            self._emulator.announce(None)
            self._emulator.end_waits()
            listener.stop(grace)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_exposed(emulator: Emulator, host: str, *, expose: bool) -> None:
    if not expose:
        msg = (
            f"host={host!r} would let other machines in; give expose=True if that is meant, or "
            "'127.0.0.1' if not"
        )
        raise ConfigError(msg)
    if not emulator.knows_callers:
        msg = (
            f"host={host!r} would let anybody in, as the service has neither accounts nor tokens; "
            "give it some"
        )
        raise ConfigError(msg)

"""What goes over the wire: a carrier that knows which answers are still open."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import odps_frames as of

if TYPE_CHECKING:
    from odps_frames.emulator.app import Emulator
    from odps_frames.local import LocalClient
    from odps_frames.wire.http import BodyReader, Request, Response

__all__ = ["Wire", "client_over"]


@dataclass
class Wire:
    """Carries requests, and knows the answers that are open."""

    service: Emulator
    open: set[_Body] = field(default_factory=set)
    closed: threading.Condition = field(default_factory=threading.Condition)

    def send(self, request: Request, /) -> Response:
        response = self.service.send(request)
        body = _Body(response.body, self)
        self.open.add(body)
        return replace(response, body=body)

    def is_quiet(self, *, within_seconds: float) -> bool:
        """Whether no answer is open, or will be when these seconds are over."""
        with self.closed:
            return self.closed.wait_for(lambda: not self.open, within_seconds)


class _Body:
    def __init__(self, inner: BodyReader, wire: Wire) -> None:
        self._inner = inner
        self._wire = wire

    def readinto(self, buffer: memoryview, /) -> int:
        return self._inner.readinto(buffer)

    def close(self) -> None:
        self._inner.close()
        with self._wire.closed:
            self._wire.open.discard(self)
            self._wire.closed.notify_all()


def client_over(client: LocalClient) -> tuple[of.Client, Wire]:
    """Return another client of the same service, and the wire that it talks over."""
    wire = Wire(client.service)
    return of.Client(client.config, transport=wire), wire

"""One request on its way through the service, and what becomes known of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, get_args

from odps_frames.emulator.tunnel.calls import TunnelCall
from odps_frames.wire import names
from odps_frames.wire.names import Action
from odps_frames.wire.rest import RestCall

if TYPE_CHECKING:
    from odps_frames.emulator.bodies import IncomingBody
    from odps_frames.wire.http import Request

__all__ = ["OPERATIONS", "TEST_ID", "Exchange", "Sent"]

OPERATIONS: Final = (
    *(action.value for action in Action),
    *(call.__name__ for call in get_args(TunnelCall)),
    *(call.__name__ for call in get_args(RestCall)),
)
"""Words for all that can be asked: storage actions, then calls of the tunnel and of REST."""
TEST_ID: Final = "x-test-id"
"""Header field by which a client says for which test it asks; nobody signs it."""


@dataclass(slots=True)
class Sent:
    """What has left in an answer so far."""

    n_bytes: int = 0
    n_rows: int = 0


@dataclass(slots=True)
class Exchange:
    """What a rule can match, and what the log tells."""

    request: Request
    body: IncomingBody
    request_id: str
    operation: str = ""
    target: str = ""
    code: str = ""
    """Of the error that it is refused with."""
    fault: str | None = None
    """The id of the rule that hits it."""
    sent: Sent = field(default_factory=Sent)

    @property
    def session(self) -> str | None:
        """The session that the request names."""
        return self._first(names.SESSION_ID, "uploadid", "downloadid")

    @property
    def stream(self) -> str | None:
        """The stream or the block that it names."""
        return self._first(names.STREAM_ID, "BlockNumber", "blockid")

    @property
    def split(self) -> str | None:
        """Which part is read: an index, or where it starts and how many rows it has."""
        offset, count = (self.request.parameter(name) for name in ("Offset", "Count"))
        if self.operation != Action.WRITE and offset is not None:
            return f"{offset},{count or ''}"
        rows = self.request.parameter("rowrange")
        return rows.strip("()") if rows else self.request.parameter("Index")

    @property
    def client(self) -> str | None:
        """For which test it was sent."""
        return self.request.headers.get(TEST_ID)

    def _first(self, *parameters: str) -> str | None:
        found = (self.request.parameter(name) for name in parameters)
        return next((value for value in found if value), None)

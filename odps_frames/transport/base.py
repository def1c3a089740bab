"""What every transport is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from odps_frames.wire.http import Request, Response

__all__ = ["Transport"]


class Transport(Protocol):
    """Carries a request to the service and brings the answer, whatever its status.

    Raises ``ServiceUnavailable`` where no answer came.
    """

    def send(self, request: Request, /) -> Response:
        """Carry one request."""
        ...

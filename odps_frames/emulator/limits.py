"""How much of the service its clients may take."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds for the clients of one server; every one of them is a client's fault to meet."""

    connections: int = 512
    """So many are open at once, each with a thread. One more ends the one that is idle for the
    longest time; where all are busy, it is refused."""
    idle_seconds: float = 120.0
    """So long a connection may stay open without a request."""
    head_seconds: float = 30.0
    """So long the head of a request may take, from its first byte on."""
    stalled_seconds: float = 120.0
    """Within this time a client has to send or take `pace_bytes` of a body, or come to its end."""
    pace_bytes: int = 1024
    lingering_seconds: float = 2.0
    """So long a client has to take a refusal before its connection ends."""

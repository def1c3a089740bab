"""The states of sessions and streams, and what may follow what."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NEXT", "SessionStatus", "StreamState"]


class SessionStatus(StrEnum):
    """Where a read or write session stands (protocol.md §6.6)."""

    INIT = "INIT"
    NORMAL = "NORMAL"
    CRITICAL = "CRITICAL"
    EXPIRED = "EXPIRED"
    COMMITTING = "COMMITTING"
    COMMITTED = "COMMITTED"
    ABORTED = "ABORTED"
    UNKNOWN = "UNKNOWN"

    @classmethod
    def parse(cls, text: str | None) -> SessionStatus:
        """Read a state in any letter case; what nobody knows is UNKNOWN."""
        try:
            return cls((text or "").upper())
        except ValueError:
            return cls.UNKNOWN


class StreamState(StrEnum):
    """Where a write stream stands."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    ERROR = "ERROR"
    UNKNOWN = "UNKNOWN"

    @classmethod
    def parse(cls, text: str | None) -> StreamState:
        """Read a state in any letter case; ``NORMAL`` is how some answers say OPEN."""
        upper = (text or "").upper()
        if upper == "NORMAL":
            return cls.OPEN
        try:
            return cls(upper)
        except ValueError:
            return cls.UNKNOWN


_S = SessionStatus
NEXT: Mapping[SessionStatus, frozenset[SessionStatus]] = {
    _S.INIT: frozenset({_S.NORMAL, _S.CRITICAL, _S.EXPIRED}),
    _S.NORMAL: frozenset({_S.COMMITTING, _S.COMMITTED, _S.ABORTED, _S.CRITICAL, _S.EXPIRED}),
    _S.COMMITTING: frozenset({_S.COMMITTED, _S.CRITICAL}),
    _S.EXPIRED: frozenset({_S.NORMAL}),  # a read session comes back with session_refresh
    _S.COMMITTED: frozenset(),
    _S.ABORTED: frozenset(),
    _S.CRITICAL: frozenset(),
    _S.UNKNOWN: frozenset(_S),
}
"""The states that may follow each state."""

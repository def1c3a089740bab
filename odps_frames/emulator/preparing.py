"""Sessions that take their time: INIT for a while, and then ready or given up."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from odps_frames.model.lifecycle import SessionStatus

__all__ = ["Preparation", "Preparations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """What becomes of a read session after it was opened (protocol.md §6.6)."""

    polls: int = 0
    """It is INIT until it has been asked after so many times."""
    failure: str | None = None
    """Then it is CRITICAL, for this reason; else ready."""


@dataclass(slots=True)
class _Course:
    left: int
    failure: str | None


class Preparations:
    """Sessions that are not ready; a service that starts again has none."""

    def __init__(self) -> None:
        self.rule = Preparation()
        """For the sessions that are opened from now on."""
        self._courses: dict[str, _Course] = {}
        self._guard = threading.Lock()

    def begin(self, session_id: str) -> None:
        """Note that a session was opened."""
        rule = self.rule
        if rule != Preparation():
            with self._guard:
                self._courses[session_id] = _Course(rule.polls, rule.failure)

    def poll(self, session_id: str) -> None:
        """Note that a session was asked after."""
        with self._guard:
            course = self._courses.get(session_id)
            if course is not None:
                course.left -= 1
                if course.left <= 0 and course.failure is None:
                    del self._courses[session_id]

    def state(self, session_id: str) -> tuple[SessionStatus, str] | None:
        """Tell in which state a session is, and why; None for one that is ready."""
        with self._guard:
            course = self._courses.get(session_id)
            if course is None:
                return None
            if course.left > 0:
                return SessionStatus.INIT, ""
            return SessionStatus.CRITICAL, course.failure or ""

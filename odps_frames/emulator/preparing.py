"""Sessions that are said to stand otherwise than they do: INIT for a while, or given up."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from odps_frames.model.lifecycle import SessionStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Course", "Preparation", "Preparations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """What becomes of a read session after it was opened (protocol.md §6.6)."""

    polls: int = 0
    """It is INIT until it has been asked after so many times."""
    failure: str | None = None
    """Then it is CRITICAL, for this reason; else ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What is said of one session."""

    status: SessionStatus
    message: str = ""
    left: int | None = None
    """It is said until the session was asked after so many times; None is for ever."""
    failure: str | None = None
    """Then it is CRITICAL, for this reason."""


class Preparations:
    """Sessions that are not what they seem; a service that starts again has none."""

    def __init__(self, courses: Mapping[str, Course] | None = None) -> None:
        self.rule = Preparation()
        """For the read sessions that are opened from now on."""
        self._courses: dict[str, Course] = dict(courses or {})
        self._guard = threading.Lock()

    @property
    def courses(self) -> Mapping[str, Course]:
        """What is said of which session, as of now."""
        with self._guard:
            return dict(self._courses)

    def begin(self, session_id: str) -> None:
        """Note that a read session was opened."""
        rule = self.rule
        if rule.polls > 0:
            self.set(
                session_id,
                Course(status=SessionStatus.INIT, left=rule.polls, failure=rule.failure),
            )
        elif rule.failure is not None:
            self.set(session_id, _failed(rule.failure))

    def set(self, session_id: str, course: Course | None) -> None:
        """Say something of a session from now on, or nothing but the truth."""
        with self._guard:
            if course is None:
                self._courses.pop(session_id, None)
            else:
                self._courses[session_id] = course

    def poll(self, session_id: str) -> None:
        """Note that a session was asked after."""
        with self._guard:
            course = self._courses.get(session_id)
            if course is None or course.left is None:
                return
            if course.left > 1:
                self._courses[session_id] = replace(course, left=course.left - 1)
            elif course.failure is not None:
                self._courses[session_id] = _failed(course.failure)
            else:
                del self._courses[session_id]

    def state(self, session_id: str) -> tuple[SessionStatus, str] | None:
        """Tell what is said of a session, and why; None where nothing but the truth is."""
        with self._guard:
            course = self._courses.get(session_id)
        return None if course is None else (course.status, course.message)


def _failed(message: str) -> Course:
    return Course(status=SessionStatus.CRITICAL, message=message)

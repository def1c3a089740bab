"""Which client is meant when none is named: the innermost ``with``, then the newest one."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Generic, TypeVar

__all__ = ["Current"]

T = TypeVar("T")

MAX_DEFAULTS = 16


class Current(Generic[T]):
    """A default of the process, and those of ``with`` blocks above it."""

    def __init__(self, name: str) -> None:
        self._entered: ContextVar[tuple[T, ...]] = ContextVar(name, default=())
        self._defaults: list[T] = []

    def get(self) -> T | None:
        """Return the innermost of the blocks around this code, or the default."""
        entered = self._entered.get()
        if entered:
            return entered[-1]
        return self._defaults[-1] if self._defaults else None

    def set_default(self, value: T) -> None:
        """Make it what is meant outside of all blocks, until it is forgotten."""
        self._defaults = [*self._defaults, value][-MAX_DEFAULTS:]

    def enter(self, value: T) -> None:
        """Begin a block."""
        self._entered.set((*self._entered.get(), value))

    def leave(self, value: T) -> None:
        """End the innermost block of this value."""
        entered = list(self._entered.get())
        for place in range(len(entered) - 1, -1, -1):
            if entered[place] is value:
                del entered[place]
                break
        self._entered.set(tuple(entered))

    def forget(self, value: T) -> None:
        """The value is of no more use; what was the default before it is so again."""
        self._defaults = [default for default in self._defaults if default is not value]

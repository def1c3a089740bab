"""A value, with the token that sends later calls of its session to the same place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Routed"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Routed(Generic[T]):
    """What is answered to a call of a session."""

    value: T
    token: str
    warning: str | None = None
    """What the caller ought to know."""

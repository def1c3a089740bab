"""Functions that are arguments, ``x -> x + 1``: bound when the types of parameters are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from odps_frames.emulator.sql.values import Value

__all__ = ["Lambda"]


@dataclass(frozen=True, slots=True)
class Lambda:
    """A function of some parameters."""

    names: tuple[str, ...]
    """Of its parameters, in small letters."""
    depth: int
    """How many lambdas are around it."""
    body: Callable[[Mapping[str, Value]], Value]
    """Binds what it returns, where its parameters stand for values."""

    def of(self, *values: Value) -> Value:
        """Return the result for values of the parameters, in their order."""
        return self.body(dict(zip(self.names, values, strict=True)))

    def variable(self, number: int) -> str:
        """Return a name for DuckDB that no lambda around this one has, the same one every time."""
        return f"l{self.depth}_{number}"

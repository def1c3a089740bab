"""What an aggregate is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.emulator.sql.calls import Call
    from odps_frames.emulator.sql.shapes import Shape
    from odps_frames.emulator.sql.values import Value

__all__ = ["Aggregate"]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A function of a group."""

    make: Callable[[Call, Shape], Value]
    distinct: bool = False
    """Whether it may be called with DISTINCT."""
    ordered: bool = False
    """Whether it may be called with WITHIN GROUP."""

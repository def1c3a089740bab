"""A cast of a column: what it makes, and how; and that there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from odps_frames.convert.misfit import attempt

if TYPE_CHECKING:
    from odps_frames.convert.untyped import AnyArray, AnyType, Convert

__all__ = ["Cast", "NeverFitsError", "checked", "keep"]


@dataclass(frozen=True, slots=True)
class Cast:
    """Turns arrays of one Arrow type into another; raises `Misfit` where a value would change."""

    type: AnyType
    """The Arrow type of the result, whatever the data."""
    convert: Convert


class NeverFitsError(Exception):
    """No value of an Arrow type is a value of the MaxCompute type; the message says the remedy."""


def keep(array: AnyArray) -> AnyArray:
    """Change nothing."""
    return array


def checked(type_: AnyType, why: str) -> Cast:
    """Cast as Arrow does when it is told to be safe; ``why`` explains a value that it refuses."""
    return Cast(type_, lambda array: attempt(array, lambda some: some.cast(type_), why))

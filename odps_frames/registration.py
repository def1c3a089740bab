"""The calls under pandas' own names: ``pandas.read_odps`` and ``DataFrame.to_odps``."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pandas as pd

from odps_frames.frame_writes import to_odps
from odps_frames.frames import read_odps

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["register", "unregister"]


def register() -> None:
    """Add ``pandas.read_odps`` and ``DataFrame.to_odps``; what others put there stays."""
    for owner, name, function in _REGISTERED:
        present = getattr(owner, name, None)
        if present is None:
            setattr(owner, name, function)
        elif present is not function:
            warnings.warn(
                f"{owner.__name__}.{name} is not that of odps_frames: another package put it "
                f"there; call odps_frames.{name}",
                stacklevel=3,
            )


def unregister() -> None:
    """Take ``pandas.read_odps`` and ``DataFrame.to_odps`` away, where they are ours."""
    for owner, name, function in _REGISTERED:
        if getattr(owner, name, None) is function:
            delattr(owner, name)


_REGISTERED: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
    (pd, "read_odps", read_odps),
    (pd.DataFrame, "to_odps", to_odps),
)

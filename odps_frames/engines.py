"""Engines by name: imported when they are first asked for, and missed with the remedy."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["ENGINES", "engine", "engine_of"]

ENGINES = ("dask", "dataset", "duckdb", "polars", "ray")
"""The modules of ``odps_frames.integrations``; those of optional packages have an extra each."""

WITH_WORKERS = frozenset({"dask", "ray"})
"""Engines whose data is with workers, which are to write it."""


def engine(name: str) -> ModuleType:
    """Return the module of an engine.

    Raises
    ------
    ImportError
        When its package is not installed; the message says what to install.
    """
    try:
        return importlib.import_module(f"odps_frames.integrations.{name}")
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package == "odps_frames":
            raise
        msg = f"{package} is not installed; pip install 'odps-frames[{name}]'"
        raise ImportError(msg, name=missing.name) from None


def engine_of(data: object) -> str | None:
    """Name the engine whose workers hold the data; None for data of this process."""
    for base in type(data).__mro__:
        package = base.__module__.partition(".")[0]
        if package in WITH_WORKERS:
            return package
    return None

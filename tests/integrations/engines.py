"""The engines that are asked: whatever stands in ``ways``, as far as it is installed."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integrations.questions import Engine

__all__ = ["ENGINES", "MISSING"]

WAYS = Path(__file__).parent / "ways"


def _found() -> tuple[tuple[Engine, ...], tuple[str, ...]]:
    engines: list[Engine] = []
    missing: list[str] = []
    for name in sorted(path.stem for path in WAYS.glob("*.py")):
        try:
            module = importlib.import_module(f"tests.integrations.ways.{name}")
        except ImportError as absent:
            if absent.name is None or absent.name.partition(".")[0] in ("odps_frames", "tests"):
                raise
            missing.append(absent.name)
        else:
            engines += module.ENGINES
    return tuple(engines), tuple(missing)


ENGINES, MISSING = _found()
"""Those that can be asked, and the packages of the others, which are not installed."""

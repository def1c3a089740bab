"""The engines that are asked: whatever stands in ``ways``."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integrations.questions import Engine

__all__ = ["ENGINES"]

WAYS = Path(__file__).parent / "ways"


def _found() -> tuple[Engine, ...]:
    names = sorted(path.stem for path in WAYS.glob("*.py"))
    modules = [importlib.import_module(f"tests.integrations.ways.{name}") for name in names]
    return tuple(engine for module in modules for engine in module.ENGINES)


ENGINES: tuple[Engine, ...] = _found()

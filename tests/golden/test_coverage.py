"""Every recording is covered by a test, or listed with the reason why not."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.golden.conftest import Golden

HERE = Path(__file__).parent
MODULES = sorted(path for path in HERE.glob("test_*.py") if path.name != Path(__file__).name)


def covered_by(module: Path) -> frozenset[str]:
    """Return the recordings that a module of tests names in ``COVERED``."""
    covered: frozenset[str] = runpy.run_path(str(module), run_name=module.stem).get(
        "COVERED", frozenset()
    )
    return covered


def not_covered() -> frozenset[str]:
    reasons = json.loads((HERE / "not_covered.json").read_text(encoding="utf-8"))
    return frozenset(stem for stems in reasons.values() for stem in stems)


def test_every_recording_is_covered_or_listed(golden: Golden) -> None:
    covered = frozenset[str]().union(*map(covered_by, MODULES))
    assert covered | not_covered() == golden.stems
    assert not covered & not_covered()


def test_copies_are_what_was_recorded(pytestconfig: pytest.Config) -> None:
    source = Path(pytestconfig.rootpath).parent / "shared" / "golden"
    if not source.is_dir():
        pytest.skip("only where the recordings lie beside the repository")
    copies = {path.name: path.read_bytes() for path in (HERE / "data").glob("*.json")}
    assert copies == {path.name: path.read_bytes() for path in source.glob("*.json")}

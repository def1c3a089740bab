"""Kill -9 at any instant: what was acknowledged is there, once and whole, and nothing else is.

`killing/supervisor.py` chooses the moments, `killing/actors.py` is what goes on meanwhile, and
`killing/judging.py` is what must hold afterwards.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SUPERVISOR = Path(__file__).parent / "killing" / "supervisor.py"
KINDS = {"plain", "old", "over", "keyed", "flow", "d", "pics", "query", "join", "look"}
N_MOMENTS = 14
"""Kinds of moments that the supervisor knows."""
WRITERS = ("plain", "old", "over", "keyed", "pics")

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="what happens in a folder is told as Linux tells it"
)


def killed(folder: Path, n_kills: int, seed: int) -> dict[str, Any]:
    """Kill so often; whatever does not hold ends it with a message."""
    pytest.importorskip("duckdb")
    command = [sys.executable, str(SUPERVISOR), str(folder), str(n_kills), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert sum(found["moments"].values()) == n_kills
    return found


def test_every_acknowledged_commit_outlives_a_kill(tmp_path: Path) -> None:
    found = killed(tmp_path, 34, seed=1)
    assert set(found["done"]) >= KINDS


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_kills_meet_every_moment(tmp_path: Path) -> None:
    found = killed(tmp_path, 300, seed=2)
    assert set(found["done"]) >= KINDS
    assert len(found["moments"]) == N_MOMENTS, found["moments"]
    cut = {*(f"{kind} begin" for kind in KINDS), *(f"{kind} commit" for kind in WRITERS)}
    assert cut <= set(found["cut"]), found["cut"]

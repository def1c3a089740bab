"""Nothing that a caller says becomes a path, and nothing makes the service call anybody.

What a process opens can only be seen from its start on, so each of these is a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(__file__).parent


def run(*arguments: object) -> str:
    done = subprocess.run(  # noqa: S603  our own program
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    return done.stdout.strip().splitlines()[-1]


def test_no_name_becomes_a_path(tmp_path: Path) -> None:
    said = run(FOLDER / "says_hostile_names.py", FOLDER, tmp_path)
    n_names, _, rest = said.partition(" ")
    assert int(n_names) > 70
    assert rest == "[] [] [] True"


def test_nobody_is_called() -> None:
    pytest.importorskip("duckdb")
    assert run(FOLDER / "calls_nobody.py") == "[] False True"


SETTINGS = """
import tempfile, pathlib, sys
import duckdb
from odps_frames.emulator.sql import running
connection = duckdb.connect(":memory:", config=running._SETTINGS)
connection.execute(running._LOCK)
for statement in {statements!r}:
    try:
        connection.execute(statement)
    except duckdb.Error:
        continue
    print("carried out:", statement)
print("end")
"""


@pytest.mark.parametrize(
    "statements",
    [
        [
            "SET enable_external_access = true",
            "SET lock_configuration = false",
            "SET autoload_known_extensions = true",
            "SELECT * FROM read_csv('pyproject.toml')",
            "COPY (SELECT 1) TO 'x.csv'",
            "ATTACH 'x.db'",
            "INSTALL httpfs",
            "LOAD httpfs",
            "SELECT getenv('HOME')",
        ]
    ],
)
def test_the_engine_itself_is_cut_off(statements: Sequence[str]) -> None:
    pytest.importorskip("duckdb")
    assert run("-c", SETTINGS.format(statements=statements)) == "end"

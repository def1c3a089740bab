from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CHECK = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def test_imports_keep_every_contract(repository: Path) -> None:
    settings = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    command = [sys.executable, "-c", CHECK, "--no-cache", "--no-logo"]
    check = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)  # noqa: S603  our own command
    assert check.returncode == 0, check.stdout + check.stderr
    assert re.search(rf"\b{len(contracts)} kept, 0 broken", check.stdout), check.stdout

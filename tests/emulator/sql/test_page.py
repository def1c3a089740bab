"""The page of what the SQL of the service can do is true and up to date."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_every_function_has_a_statement_and_the_page_says_so() -> None:
    script = Path(__file__).with_name("page.py")
    run = subprocess.run(  # noqa: S603  our own script
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr

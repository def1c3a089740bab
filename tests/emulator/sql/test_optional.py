"""Queries need two packages that the service itself does without."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
import sys
from pathlib import Path

sys.modules[{missing!r}] = None
from odps_frames.emulator.app import Emulator
from odps_frames.wire import instance

assert not ({{"duckdb", "sqlglot"}} - {{{missing!r}}}) & set(sys.modules)
with Emulator(Path({folder!r})) as service:
    for sql in ("CREATE TABLE t (a INT)", "SELECT 1", "CREATE VIEW v AS SELECT 1 AS a"):
        answer = service.send(instance.encode_submit("demo", instance.Statement(sql=sql)))
        ref = instance.decode_submitted(answer).value
        (result,) = instance.decode_result_reply(service.send(instance.encode_result(ref))).value
        print(result.status.value, result.text)
"""


@pytest.mark.parametrize(("missing", "n_refused"), [("duckdb", 1), ("sqlglot", 2)])
def test_their_absence_is_refused_with_the_remedy(
    tmp_path: Path, missing: str, n_refused: int
) -> None:
    script = textwrap.dedent(SCRIPT).format(missing=missing, folder=str(tmp_path))
    ran = subprocess.run(  # noqa: S603  our own text
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    first, *others = ran.stdout.splitlines()
    assert first.strip() == "Success"
    refused = [text for text in others if text.strip() != "Success"]
    assert len(refused) == n_refused
    for text in refused:
        assert text.startswith("Failed ODPS-0130071:")
        assert missing in text
        assert "pip install 'odps-frames[local]'" in text

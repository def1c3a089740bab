from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from odps_frames.emulator.serve import serve
from odps_frames.errors import Conflict
from odps_frames.wire import catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PROGRAM = "import sys; from odps_frames.emulator.serve import serve; serve(sys.argv[1])"


def test_the_first_line_is_the_endpoint(tmp_path: Path) -> None:
    lines, ended = _run(tmp_path, access_id="me", secret_access_key="secret", project="p")
    assert lines[0].startswith("http://127.0.0.1:")
    assert lines[1:] == ["project: p", "access_id: me", "secret_access_key: secret"]
    assert ended


def test_all_of_it_as_json() -> None:
    lines, _ = _run(None, json=True)
    (line,) = lines
    facts = json.loads(line)
    assert set(facts) == {"endpoint", "project", "access_id", "secret_access_key"}
    assert all(facts.values())


def test_keys_that_are_made_up_are_new_each_time() -> None:
    first, second = (json.loads(_run(None, json=True)[0][0]) for _ in range(2))
    assert first["access_id"] != second["access_id"]
    assert first["secret_access_key"] != second["secret_access_key"]


def _run(path: Path | None, **options: Any) -> tuple[list[str], bool]:
    """Serve until the last line is said."""
    stopped = threading.Event()
    lines: list[str] = []
    spoken = threading.Event()

    def say(line: str) -> None:
        lines.append(line)
        if options.get("json") or len(lines) == 4:
            spoken.set()

    thread = threading.Thread(
        target=lambda: serve(path, say=say, stopped=stopped, **options), daemon=True
    )
    thread.start()
    assert spoken.wait(20)
    stopped.set()
    thread.join(20)
    return lines, not thread.is_alive()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_the_process_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with _process(tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.send_signal(number)
        assert process.wait(20) == 0


@contextlib.contextmanager
def _process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  our own
        try:
            yield process
        finally:
            process.kill()


def test_a_folder_that_another_process_serves_is_refused(
    tmp_path: Path, open_service: Callable[..., Any]
) -> None:
    with _process(tmp_path / "tables") as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(Conflict, match=str(process.pid)):
            open_service()
        process.kill()
        process.wait(20)
        assert open_service().send(catalog.encode_tenants()).ok

"""The embedded service as a process of its own, until it is told to stop."""

from __future__ import annotations

import json as json_text
import secrets
import signal
import sys
import tempfile
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from odps_frames.emulator.app import Emulator
from odps_frames.emulator.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["serve"]


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def serve(  # noqa: PLR0913  the options of the command
    path: str | Path | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    access_id: str | None = None,
    secret_access_key: str | None = None,
    project: str = "demo",
    json: bool = False,
    say: Callable[[str], None] = _print,
    stopped: threading.Event | None = None,
) -> None:
    """Serve the tables in a folder until SIGTERM or SIGINT comes.

    The first line said is the endpoint; the project and the key pair follow. With ``json`` all of
    it is one object on one line.

    Parameters
    ----------
    path : str or Path, optional
        The folder; a temporary one, deleted at the end, when left out.
    access_id, secret_access_key : str, optional
        Who may ask; made up when left out.
    stopped : threading.Event, optional
        Ends the service when it is set.
    """
    access_id = access_id or f"local{secrets.token_hex(6)}"
    secret = secret_access_key or secrets.token_urlsafe(24)
    stopped = stopped or threading.Event()
    with ExitStack() as stack:
        stack.enter_context(_signals(stopped))
        folder = Path(path or stack.enter_context(tempfile.TemporaryDirectory()))
        emulator = stack.enter_context(
            Emulator(folder, accounts={access_id: secret}, project=project)
        )
        server = stack.enter_context(Server(emulator, host, port, expose=True))
        facts = {"endpoint": server.endpoint, "project": project, "access_id": access_id}
        facts["secret_access_key"] = secret
        for line in [json_text.dumps(facts)] if json else _lines(facts):
            say(line)
        stopped.wait()


def _lines(facts: Mapping[str, str]) -> list[str]:
    endpoint, *others = facts.items()
    return [endpoint[1], *(f"{name}: {value}" for name, value in others)]


@contextmanager
def _signals(stopped: threading.Event) -> Iterator[None]:
    """Set the event when the process is told to end; only its main thread is told."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, lambda *_: stopped.set())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

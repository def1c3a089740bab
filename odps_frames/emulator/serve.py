"""The embedded service as a process of its own, until it is told to stop."""

from __future__ import annotations

import errno
import json as json_text
import logging
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from odps_frames.emulator.app import Emulator
from odps_frames.emulator.server import GRACE_SECONDS, Server
from odps_frames.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from odps_frames.config import AccessKey

__all__ = ["Service", "serve"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What is served, to whom and where.

    Raises
    ------
    ConfigError
        When there is no project.
    """

    path: str | Path | None = None
    """The folder of the tables; a temporary one, deleted at the end, when left out."""
    host: str = "127.0.0.1"
    port: int = 0
    projects: tuple[str, ...] = ("demo",)
    """The first one is what clients are told to use."""
    key: AccessKey | None = field(default=None, repr=False)
    """Who may ask; made up and told when left out."""
    tokens: tuple[str, ...] = field(default=(), repr=False)
    """Bearer tokens of others who may."""
    expose: bool = False
    """Let other machines in, where the host does."""
    allowed_hosts: tuple[str, ...] = ()
    """Further names under which clients reach the service."""
    test_mode: bool = False
    """Tests on this machine may add faults, move the clock and so on."""
    grace_seconds: float = GRACE_SECONDS
    """So long requests under way may take at the end."""

    def __post_init__(self) -> None:
        if not self.projects:
            raise ConfigError("no project is named; expected at least one")


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def serve(
    service: Service,
    *,
    json: bool = False,
    say: Callable[[str], None] = _print,
    stopped: threading.Event | None = None,
) -> None:
    """Serve the tables in a folder until SIGTERM or SIGINT comes.

    The first line said is the endpoint; variables for the environment of clients follow. With
    ``json`` all of it is one object on one line. A secret is only said where it was made up.

    At the end, requests under way are finished within a grace and queries are cancelled. Write
    sessions that are open stay so, for the next service of the folder. A second signal ends the
    process at once, which loses nothing that was acknowledged.

    Parameters
    ----------
    stopped : threading.Event, optional
        Ends the service when it is set.

    Raises
    ------
    Conflict
        When another process serves the folder.
    ConfigError
        When the address is in use, or would let other machines in unasked.
    """
    stopped = stopped or threading.Event()
    with ExitStack() as stack:
        passing: list[str] = []
        stack.enter_context(_signals(stopped, passing))
        if service.path is None:
            passing.append(stack.enter_context(tempfile.TemporaryDirectory(prefix="odps-frames-")))
        folder = Path(service.path or passing[0])
        access_id = f"local{secrets.token_hex(6)}" if service.key is None else service.key.access_id
        secret = service.key.secret_access_key if service.key else secrets.token_urlsafe(24)
        emulator = stack.enter_context(
            Emulator(
                folder,
                accounts={access_id: secret},
                tokens=service.tokens,
                project=service.projects[0],
                projects=service.projects[1:],
                test_mode=service.test_mode,
            )
        )
        server = _listening(emulator, service)
        stack.callback(server.stop, service.grace_seconds)
        facts = {
            "endpoint": server.endpoint,
            "project": service.projects[0],
            "projects": list(service.projects),
            "access_id": access_id,
            **({"secret_access_key": secret} if service.key is None else {}),
            "pid": os.getpid(),
            "path": None if service.path is None else str(Path(service.path).resolve()),
            "test_mode": service.test_mode,
        }
        for line in [json_text.dumps(facts)] if json else _lines(facts):
            say(line)
        log.info("process %d serves %s at %s", os.getpid(), folder, server.endpoint)
        stopped.wait()
        log.info("requests under way have %g s to come to their end", service.grace_seconds)


def _listening(emulator: Emulator, service: Service) -> Server:
    server = Server(
        emulator,
        service.host,
        service.port,
        allowed_hosts=service.allowed_hosts,
        expose=service.expose,
    )
    try:
        return server.start()
    except OSError as error:
        hint = "take another port, or 0 for a free one"
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            hint = "take an address of this machine"
        where = f"{service.host}:{service.port}"
        raise ConfigError(f"cannot listen at {where}: {error.strerror or error}; {hint}") from error


def _lines(facts: Mapping[str, object]) -> list[str]:
    variables = {
        "ODPS_ENDPOINT": facts["endpoint"],
        "ODPS_PROJECT_NAME": facts["project"],
        "ODPS_ACCESS_ID": facts["access_id"],
        "ODPS_ACCESS_KEY": facts.get("secret_access_key"),
    }
    exports = (f"export {name}={value}" for name, value in variables.items() if value is not None)
    return [str(facts["endpoint"]), *exports]


@contextmanager
def _signals(stopped: threading.Event, passing: list[str]) -> Iterator[None]:
    """Set the event when the process is told to end; only its main thread is told.

    ``passing`` are folders to delete where it ends at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: object) -> None:
        if not stopped.is_set():
            stopped.set()
            return
        for folder in passing:
            shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)  # what was acknowledged is on the disk

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

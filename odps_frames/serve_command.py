"""``odps-frames serve``: its options, its log, and when it ends."""

from __future__ import annotations

import argparse
import logging
import math
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from odps_frames.config import AccessKey
from odps_frames.emulator.serve import Service, serve
from odps_frames.emulator.server import GRACE_SECONDS
from odps_frames.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["add_options", "run"]

_LAST_PORT = 65_535
_LOGGER = "odps_frames"
_SECRETS = ("ODPS_ACCESS_KEY", "ODPS_SECRET_ACCESS_KEY")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its options."""
    parser.description = (
        "Serve MaxCompute's APIs over the tables in a folder until interrupted. The first line "
        "printed is the endpoint; what a client wants in its environment follows. The log goes to "
        "the standard error output."
    )
    _add_place(parser.add_argument_group("what is served, and where"))
    _add_callers(
        parser.add_argument_group(
            "who may ask",
            "Without any of these, ODPS_ACCESS_ID and ODPS_ACCESS_KEY of the environment say it; "
            "without them, a key is made up and printed.",
        )
    )
    _add_life(parser)
    parser.set_defaults(command=run, refuse=parser.error)


def _add_place(place: argparse._ArgumentGroup) -> None:
    place.add_argument("--path", help="folder of the tables; a temporary one when left out")
    place.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    place.add_argument("--port", type=_port, default=0, help="0, the default, takes a free one")
    place.add_argument(
        "--project",
        action="append",
        metavar="NAME",
        help="project that is there from the start (demo); may be given several times",
    )
    place.add_argument(
        "--expose", action="store_true", help="let other machines in, where --host does"
    )
    place.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="another name under which clients reach the service; may be given several times",
    )


def _add_callers(who: argparse._ArgumentGroup) -> None:
    who.add_argument("--access-id", metavar="ID", help="needs a secret, from one of three places")
    secret = who.add_mutually_exclusive_group()
    secret.add_argument("--secret", help="the secret; other users see it in the list of processes")
    secret.add_argument(
        "--secret-file", metavar="FILE", help="file whose first line is the secret; else the "
        "environment variable ODPS_ACCESS_KEY has it",
    )  # fmt: skip
    who.add_argument(
        "--token", action="append", default=[], help="bearer token that is accepted, too"
    )
    who.add_argument("--token-file", metavar="FILE", help="file with such tokens, one on each line")


def _add_life(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--test-mode",
        action="store_true",
        help="let tests on this machine add faults, move the clock and so on, at /__odps__/",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.add_argument(
        "--grace",
        type=_seconds,
        default=GRACE_SECONDS,
        metavar="SECONDS",
        help="so long requests under way may take at the end (%(default)g)",
    )
    parser.add_argument(
        "--exit-with-stdin",
        action="store_true",
        help="end when the standard input is closed, as it is when the process that started this "
        "one dies",
    )
    volume = parser.add_mutually_exclusive_group()
    volume.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        default="info",
        help="how much is logged; a line for every request is info, the default",
    )
    volume.add_argument("--quiet", action="store_true", help="log nothing but what went wrong")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"not a port: {text!r}; expected 0 to {_LAST_PORT}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= threading.TIMEOUT_MAX:
        raise argparse.ArgumentTypeError(f"not a number of seconds: {text!r}")
    return seconds


def run(options: argparse.Namespace) -> None:
    """Serve as the options say."""
    if options.secret_file is None and options.access_id is None and options.secret is not None:
        options.refuse("--secret belongs to an --access-id: give both or neither")
    if options.secret_file is not None and options.access_id is None:
        options.refuse("--secret-file belongs to an --access-id: give both or neither")
    service = Service(
        path=options.path,
        host=options.host,
        port=options.port,
        projects=tuple(options.project or ("demo",)),
        key=_key(options, os.environ),
        tokens=(*options.token, *_lines_of(options.token_file)),
        expose=options.expose,
        allowed_hosts=tuple(options.allow_host),
        test_mode=options.test_mode,
        grace_seconds=options.grace,
    )
    stopped = threading.Event()
    if options.exit_with_stdin:
        threading.Thread(target=_watch_input, args=(stopped,), daemon=True).start()
    handler = _log("warning" if options.quiet else options.log_level)
    try:
        serve(service, json=options.json, stopped=stopped)
    finally:
        logging.getLogger(_LOGGER).removeHandler(handler)


def _key(options: argparse.Namespace, environment: Mapping[str, str]) -> AccessKey | None:
    """Find out who may ask: the arguments, else the environment, else nobody that is known."""
    in_environment = next((environment[name] for name in _SECRETS if environment.get(name)), None)
    access_id = options.access_id
    if access_id is None:
        access_id = environment.get("ODPS_ACCESS_ID")
        if not access_id or in_environment is None:
            return None
    secret = options.secret
    if options.secret_file is not None:
        secret = next(iter(_lines_of(options.secret_file)), None)
        if secret is None:
            raise ConfigError(f"file {options.secret_file!r} is empty; expected a secret in it")
    if secret is None:
        secret = in_environment
    if not secret:
        options.refuse(
            "--access-id needs a secret: give --secret-file, set ODPS_ACCESS_KEY, or give --secret"
        )
    return AccessKey(access_id, secret)


def _lines_of(path: str | None) -> list[str]:
    if path is None:
        return []
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"file {path!r} cannot be read: {error}") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _log(level: str) -> logging.Handler:
    """Send the log of the service to the standard error output."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        logging.Formatter("%(asctime)s.%(msecs)03d %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S")
    )
    logger = logging.getLogger(_LOGGER)
    logger.addHandler(handler)
    logger.setLevel(level.upper())
    return handler


def _watch_input(stopped: threading.Event) -> None:
    """Wait for the end of the standard input."""
    while sys.stdin.buffer.read(1 << 10):
        pass
    stopped.set()

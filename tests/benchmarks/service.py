"""How fast the service is: against a plain socket that sends or takes the same bytes.

Run as a script: ``python tests/benchmarks/service.py``. Service and socket live in a process
of their own and are measured in turn, because a machine that others use too gives no figure twice;
what counts is the ratio of a pair. Peak memory counts the mapped files, which are the system's.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import numpy as np
import pyarrow as pa

from odps_frames.emulator.app import Emulator
from odps_frames.emulator.server import Server
from odps_frames.model.read import BatchOptions, ReadSpec
from odps_frames.model.splits import ByRows, RowRange, Split
from odps_frames.model.table import TableRef
from odps_frames.model.write import StreamId, WriteSpec
from odps_frames.wire import catalog, instance, read_session, write_session
from odps_frames.wire.arrow_stream import encode_stream
from odps_frames.wire.http import Response, Site
from odps_frames.wire.instance import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from odps_frames.wire.http import Request

TABLE = TableRef("demo", "t")
COLUMNS = "id BIGINT, price DOUBLE, amount BIGINT, city STRING"
BATCH_ROWS = 65_536
PIECE = bytes(1 << 20)
REQUESTS = 4_000


def rows(n_bytes: int) -> list[pa.RecordBatch]:
    """Make batches of about so many bytes."""
    chance: Any = np.random.default_rng(1)
    made = pa.table(
        {
            "id": chance.permutation(BATCH_ROWS),
            "price": chance.random(BATCH_ROWS),
            "amount": chance.integers(0, 1 << 40, BATCH_ROWS),
            "city": pa.array(["Lyon", "Oslo, the capital", "Hangzhou"]).take(
                chance.integers(0, 3, BATCH_ROWS)
            ),
        }
    ).to_batches()
    return made * max(1, n_bytes // made[0].nbytes)


def serve() -> None:
    """Be the other process: the service, and a socket that does the same without any of it."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        endpoints = []
        started = time.perf_counter()
        for name, with_length in (("chunked", False), ("counted", True)):
            emulator = Emulator(Path(folder) / name, content_length_answers=with_length)
            server = stack.enter_context(Server(stack.enter_context(emulator)))
            endpoints.append(int(server.endpoint.split(":")[2].split("/")[0]))
        seconds = (time.perf_counter() - started) / 2
        plain = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=be_plain, args=(plain,), daemon=True).start()
        print(json.dumps([*endpoints, plain.getsockname()[1], seconds]), flush=True)
        for _ in sys.stdin:
            used = resource.getrusage(resource.RUSAGE_SELF)
            print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]), flush=True)


def keep(connection: socket.socket, left: int) -> None:
    """Bring so many bytes to the disk."""
    window = memoryview(bytearray(1 << 20))
    with tempfile.TemporaryFile(buffering=0) as file:
        while left > 0:
            got = connection.recv_into(window)
            file.write(window[:got])
            left -= got
        os.fsync(file.fileno())


def line_of(connection: socket.socket) -> bytes:
    """Read a line and nothing behind it."""
    line = b""
    while not line.endswith(b"\n"):
        line += connection.recv(1)
    return line


def be_plain(listener: socket.socket) -> None:
    """Send so many bytes, keep so many, or answer so many short questions."""
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as reader:
            what, number = line_of(connection).split()
            left = int(number)
            if what == b"send":
                while left > 0:
                    connection.sendall(PIECE[:left])
                    left -= len(PIECE)
            elif what == b"keep":
                keep(connection, left)
                connection.sendall(b"!")
            else:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for _ in range(left):
                    while reader.readline() != b"\r\n":
                        pass
                    connection.sendall(b"x" * 200)


class Client:
    """A raw client: it looks at nothing that it takes."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._window = memoryview(bytearray(1 << 20))

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def head(self, request: Request, framing: str) -> bytes:
        prefix = "/api" if request.site is Site.REST else ""
        address = f"{prefix}{quote(request.path)}?{urlencode(request.query)}"
        fields = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        return (
            f"{request.method} {address} HTTP/1.1\r\nHost: localhost\r\n{fields}{framing}\r\n"
        ).encode()

    def send(self, request: Request) -> Response:
        """Carry out a small call."""
        body = request.read_body()
        head = self.head(request, f"Content-Length: {len(body)}\r\nConnection: close\r\n")
        with self.connect() as connection:
            connection.sendall(head + body)
            answer = connection.makefile("rb").read()
        first, _, content = answer.partition(b"\r\n\r\n")
        return Response.of(content, status=int(first.split()[1]))

    def drained(self, request: Request) -> int:
        """Take an answer to its end, framing and all."""
        body = request.read_body()
        head = self.head(request, f"Content-Length: {len(body)}\r\nConnection: close\r\n")
        with self.connect() as connection:
            connection.sendall(head + body)
            return self._drain(connection)

    def plain(self, what: str, n_bytes: int) -> int:
        with self.connect() as connection:
            connection.sendall(f"{what} {n_bytes}\n".encode())
            return self._drain(connection)

    def _drain(self, connection: socket.socket) -> int:
        taken = 0
        while got := connection.recv_into(self._window):
            taken += got
        return taken

    def upload(self, request: Request, pieces: list[memoryview], length: int) -> None:
        head = self.head(request, f"Content-Length: {length}\r\nConnection: close\r\n")
        with self.connect() as connection:
            connection.sendall(head)
            for piece in pieces:
                connection.sendall(piece)
            answer = connection.makefile("rb").read()
        if not answer.startswith(b"HTTP/1.1 200"):
            raise SystemExit(answer[:1000].decode())

    def keep(self, pieces: list[memoryview], length: int) -> None:
        with self.connect() as connection:
            connection.sendall(f"keep {length}\n".encode())
            for piece in pieces:
                connection.sendall(piece)
            connection.recv(1)

    def ask(self, start: bytes, question: bytes, n_bytes: int | None = None) -> None:
        """Ask the same thing many times on one connection."""
        with self.connect() as connection, connection.makefile("rb") as reader:
            connection.sendall(start)
            for _ in range(REQUESTS):
                connection.sendall(question)
                if n_bytes is not None:
                    reader.read(n_bytes)
                    continue
                length = 0
                while (line := reader.readline()) != b"\r\n":
                    if line.startswith(b"Content-Length:"):
                        length = int(line[15:])
                reader.read(length)


class Other:
    """The other process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603  our own program
            [sys.executable, __file__, "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self.ports: list[Any] = self._line()

    def _line(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def used(self) -> tuple[float, float]:
        """Its CPU seconds, and the most memory that it had, in MiB."""
        assert self._process.stdin is not None
        print("?", file=self._process.stdin, flush=True)
        seconds, peak = self._line()
        return seconds, peak

    def end(self) -> None:
        self._process.communicate()


def fill(client: Client, batches: list[pa.RecordBatch]) -> None:
    """Put the rows into a new table by one upload."""
    submitted = client.send(
        instance.encode_submit("demo", Statement(sql=f"CREATE TABLE t ({COLUMNS})"))
    )
    if not submitted.ok:
        raise SystemExit("no table")
    upload_of(client, batches)(commit=True)


def upload_of(client: Client, batches: list[pa.RecordBatch]) -> Callable[..., int]:
    pieces = [memoryview(piece).cast("B") for piece in encode_stream(batches[0].schema, batches)]
    length = sum(map(len, pieces))

    def once(*, commit: bool = False) -> int:
        session = write_session.decode_session(
            client.send(write_session.encode_create(WriteSpec(table=TABLE)))
        ).value
        stream = StreamId(session.session_id, "s", 1)
        client.send(write_session.encode_open(TABLE, stream, exactly_once=False))
        client.upload(write_session.encode_write(TABLE, stream, b"", n_rows=0), pieces, length)
        client.send(write_session.encode_close(TABLE, stream))
        end = (
            write_session.encode_commit(TABLE, session.session_id, (stream,))
            if commit
            else write_session.encode_abort(TABLE, session.session_id)
        )
        if not client.send(end).ok:
            raise SystemExit("no commit")
        return length

    return once


def read_of(client: Client) -> Callable[[], int]:
    spec = ReadSpec(table=TABLE, split_by=ByRows(rows=1 << 40))
    info = read_session.decode_info(client.send(read_session.encode_create(spec))).value
    split = Split(info.session_id, rows=RowRange(0, info.n_rows or 0))
    request = read_session.encode_read(TABLE, split, BatchOptions(max_rows=BATCH_ROWS))
    return lambda: client.drained(request)


def pairs(
    other: Other, rounds: int, ours: Callable[[], int], plain: Callable[[int], object]
) -> str:
    """Measure ours and the plain socket in turn."""
    speeds, ratios, cpu = [], [], []
    n_bytes = ours()
    for _ in range(rounds):
        before, _peak = other.used()
        started = time.perf_counter()
        n_bytes = ours()
        middle = time.perf_counter()
        after, _peak = other.used()
        resumed = time.perf_counter()
        plain(n_bytes)
        ended = time.perf_counter()
        speeds.append(n_bytes / (middle - started) / 1e9)
        ratios.append((ended - resumed) / (middle - started))
        cpu.append((after - before) / n_bytes * 1e9)
    middle_of = statistics.median
    return (
        f"{middle_of(speeds):5.2f} GB/s ({min(speeds):.2f} to {max(speeds):.2f}), "
        f"{middle_of(ratios):.2f} of a plain socket, {middle_of(cpu):.2f} CPU s/GB"
    )


def lines(gigabytes: float, rounds: int) -> Iterator[str]:
    batches = rows(int(gigabytes * 1e9))
    other = Other()
    chunked, counted, plain, seconds = other.ports
    yield f"start of the service          {seconds * 1000:.1f} ms"
    socket_client = Client(plain)
    for name, port in (("in chunks", chunked), ("with its length", counted)):
        client = Client(port)
        fill(client, batches)
        if port == chunked:
            yield f"peak memory after an upload   {other.used()[1]:.0f} MiB"
        found = pairs(other, rounds, read_of(client), lambda n: socket_client.plain("send", n))
        yield f"split {name:<23} {found}; peak {other.used()[1]:.0f} MiB"
    client = Client(chunked)
    pieces = [memoryview(piece).cast("B") for piece in encode_stream(batches[0].schema, batches)]
    found = pairs(
        other, rounds, upload_of(client, batches), lambda n: socket_client.keep(pieces, n)
    )
    yield f"upload, on the disk           {found}"
    question = client.head(catalog.encode_tenants(), "")
    per_second, ratios = [], []
    for _ in range(rounds):
        started = time.perf_counter()
        client.ask(b"", question)
        middle = time.perf_counter()
        socket_client.ask(f"ask {REQUESTS}\n".encode(), question, 200)
        per_second.append(REQUESTS / (middle - started))
        ratios.append((time.perf_counter() - middle) / (middle - started))
    yield (
        f"small requests                {statistics.median(per_second):,.0f} a second, "
        f"{statistics.median(ratios):.2f} of a plain socket"
    )
    other.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    for line in lines(options.gigabytes, options.rounds):
        print(line, flush=True)


if __name__ == "__main__":
    main()

"""A service to test, in this process and behind a socket, and short words for what it can do."""

from __future__ import annotations

import http.client
import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pyarrow as pa
import pytest

from odps_frames.config import AccessKey
from odps_frames.emulator.app import Emulator
from odps_frames.emulator.server import Server
from odps_frames.errors import ServiceUnavailable
from odps_frames.model.read import BatchOptions, ReadSpec
from odps_frames.model.splits import Split
from odps_frames.model.table import TableRef
from odps_frames.model.write import StreamId, WriteSpec
from odps_frames.wire import instance, read_session, write_session
from odps_frames.wire.arrow_stream import ArrowStreamReader, encode_stream
from odps_frames.wire.compression import Compression, decompress
from odps_frames.wire.http import Headers, Response, Site
from odps_frames.wire.instance import Statement, TaskStatus
from odps_frames.wire.signing import sign

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from odps_frames.model.read import ReadSessionInfo
    from odps_frames.model.write import WriteSessionInfo, WriteStreamInfo
    from odps_frames.wire.http import Request

KEY = AccessKey("golden-access-id", "golden-access-secret")


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


class SocketTransport:
    """Sends requests over a connection of its own, signed, and knows nothing else."""

    def __init__(self, endpoint: str, clock: Clock | None = None) -> None:
        self._host = endpoint.split("/")[2]
        self._clock: Callable[[], datetime] = clock or (lambda: datetime.now(UTC))

    def send(self, request: Request) -> Response:
        prefix = "/api" if request.site is Site.REST else ""
        address = f"{prefix}{quote(request.path)}?{urlencode(request.query)}"
        body: Any = request.body
        streamed = body is not None and not isinstance(body, bytes)
        fields = dict(sign(request, KEY, self._clock()).headers)
        if streamed:
            body = body()
            fields["Transfer-Encoding"] = "chunked"
        connection = http.client.HTTPConnection(self._host, timeout=30)
        try:
            connection.request(request.method, address, body, fields, encode_chunked=streamed)
            answer = connection.getresponse()
        except OSError as error:
            connection.close()
            raise ServiceUnavailable(str(error)) from error
        length = answer.getheader("Content-Length")
        return Response(
            answer.status,
            Headers(answer.getheaders()),
            SocketBody(connection, answer),
            None if length is None else int(length),
        )


class SocketBody:
    """A body that tells when its framing is cut."""

    def __init__(
        self, connection: http.client.HTTPConnection, answer: http.client.HTTPResponse
    ) -> None:
        self._connection = connection
        self._answer = answer

    def readinto(self, buffer: memoryview, /) -> int:
        try:
            data = self._answer.read(len(buffer))
        except (OSError, http.client.IncompleteRead) as error:
            raise ServiceUnavailable(repr(error)) from error
        if not data and self._answer.length:
            raise ServiceUnavailable("the body is shorter than its length")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._answer.close()
        self._connection.close()


@dataclass
class Service:
    """What tests say to a service."""

    send: Callable[[Request], Response]
    emulator: Emulator
    clock: Clock
    endpoint: str = ""
    counter: Iterator[int] = field(default_factory=itertools.count)

    def ref(self, table: str = "t") -> TableRef:
        return TableRef("demo", table)

    def run(self, sql: str, **settings: Any) -> tuple[TaskStatus, str]:
        """Run a statement and return its status and text."""
        submitted = self.send(instance.encode_submit("demo", Statement(sql=sql, **settings)))
        ref = instance.decode_submitted(submitted).value
        reply = instance.decode_result_reply(self.send(instance.encode_result(ref)))
        (result,) = reply.value
        return result.status, result.text

    def sql(self, sql: str) -> None:
        """Run a statement that works."""
        assert self.run(sql) == (TaskStatus.SUCCESS, "")

    def open_session(self, table: str = "t", **spec: Any) -> WriteSessionInfo:
        request = write_session.encode_create(WriteSpec(table=self.ref(table), **spec))
        return write_session.decode_session(self.send(request)).value

    def open_stream(
        self,
        session: WriteSessionInfo,
        stream: str = "s",
        version: int = 1,
        table: str = "t",
        *,
        exactly_once: bool = False,
    ) -> tuple[StreamId, WriteStreamInfo]:
        stream_id = StreamId(session.session_id, stream, version)
        request = write_session.encode_open(self.ref(table), stream_id, exactly_once=exactly_once)
        return stream_id, write_session.decode_stream(self.send(request)).value

    def send_rows(self, stream: StreamId, data: Any, table: str = "t", **options: Any) -> Any:
        """Bring rows, or a body of bytes, and return the offset of the next row."""
        body = data if isinstance(data, bytes) or callable(data) else stream_of(data)
        request = write_session.encode_write(
            self.ref(table), stream, body, n_rows=options.pop("n_rows", 0), **options
        )
        return write_session.decode_receipt(self.send(request)).value.row_offset

    def close_stream(self, stream: StreamId, table: str = "t") -> None:
        write_session.decode_done(self.send(write_session.encode_close(self.ref(table), stream)))

    def commit(
        self,
        session: WriteSessionInfo,
        streams: tuple[StreamId, ...] | None = None,
        table: str = "t",
    ) -> WriteSessionInfo:
        request = write_session.encode_commit(self.ref(table), session.session_id, streams)
        return write_session.decode_session(self.send(request)).value

    def abort(self, session: WriteSessionInfo, table: str = "t") -> None:
        request = write_session.encode_abort(self.ref(table), session.session_id)
        write_session.decode_done(self.send(request))

    def write(self, data: Any, table: str = "t", **spec: Any) -> WriteSessionInfo:
        """Write rows with one stream and commit."""
        session = self.open_session(table, **spec)
        stream, _ = self.open_stream(session, table=table)
        self.send_rows(stream, data, table)
        self.close_stream(stream, table)
        self.commit(session, table=table)
        return session

    def open_read(self, table: str = "t", **spec: Any) -> ReadSessionInfo:
        request = read_session.encode_create(ReadSpec(table=self.ref(table), **spec))
        return read_session.decode_info(self.send(request)).value

    def get_read(self, session_id: str, table: str = "t", **options: Any) -> ReadSessionInfo:
        request = read_session.encode_get(self.ref(table), session_id, **options)
        return read_session.decode_info(self.send(request)).value

    def read_split(self, split: Split, table: str = "t", **options: Any) -> pa.Table:
        request = read_session.encode_read(self.ref(table), split, BatchOptions(**options))
        return rows_of(self.send(request))

    def read(self, table: str = "t", **spec: Any) -> pa.Table:
        """Read all rows of a session as one split."""
        return self.read_split(Split(self.open_read(table, **spec).session_id), table)

    def rows(self, table: str = "t", **spec: Any) -> list[dict[str, Any]]:
        return self.read(table, **spec).to_pylist()

    def preview(self, table: str = "t", **options: Any) -> pa.Table:
        return rows_of(self.send(read_session.encode_preview(self.ref(table), **options)))


def stream_of(data: pa.Table, **options: Any) -> bytes:
    """Return the bytes of a table."""
    return b"".join(map(bytes, encode_stream(data.schema, data.to_batches(), **options)))


def rows_of(response: Response) -> pa.Table:
    """Return the rows of an answer, which must be whole."""
    if not response.ok:
        read_session.decode_info(response)
    with response:
        encoding = Compression.of_encoding(response.headers.get("Content-Encoding"))
        reader = ArrowStreamReader(decompress(response.body, encoding))
        return pa.Table.from_batches(list(reader), reader.schema)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_service(tmp_path: Path, clock: Clock) -> Iterator[Callable[..., Service]]:
    """Open services in this process, over one folder each."""
    opened: list[Emulator] = []

    def open_one(folder: str = "tables", **settings: Any) -> Service:
        emulator = Emulator(tmp_path / folder, clock=clock, **settings)
        opened.append(emulator)
        return Service(emulator.send, emulator, clock)

    yield open_one
    for emulator in opened:
        emulator.close()


@pytest.fixture
def service(open_service: Callable[..., Service]) -> Service:
    """A service in this process."""
    return open_service()


@pytest.fixture(params=["in process", "socket", "socket, with length"])
def any_service(
    request: pytest.FixtureRequest, open_service: Callable[..., Service], clock: Clock
) -> Iterator[Service]:
    """A service in each of the ways in which it can be reached."""
    if request.param == "in process":
        yield open_service()
        return
    with_length = request.param != "socket"
    service = open_service(
        accounts={KEY.access_id: KEY.secret_access_key}, content_length_answers=with_length
    )
    with Server(service.emulator) as server:
        service.send = SocketTransport(server.endpoint, clock).send
        service.endpoint = server.endpoint
        yield service


@pytest.fixture
def served(open_service: Callable[..., Service], clock: Clock) -> Iterator[Service]:
    """A service behind a socket, signatures checked."""
    service = open_service(accounts={KEY.access_id: KEY.secret_access_key})
    with Server(service.emulator) as server:
        service.send = SocketTransport(server.endpoint, clock).send
        service.endpoint = server.endpoint
        yield service


@pytest.fixture
def reach() -> Callable[[str], Service]:
    """Reach a service of another process by its endpoint."""

    def at(endpoint: str) -> Service:
        nobody: Any = None
        return Service(SocketTransport(endpoint).send, nobody, Clock(), endpoint)

    return at

"""Each effect as a caller of the service meets it, in process and behind a socket."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pyarrow as pa
import pytest

from odps_frames.emulator.faults import Cut, DropEndMark, Fault, Refuse, Reset, Truncate
from odps_frames.emulator.server import Server
from odps_frames.errors import (
    Conflict,
    CorruptStream,
    IncompleteRead,
    ServiceError,
    ServiceUnavailable,
    SessionExpired,
    Throttled,
)
from odps_frames.model.read import BatchOptions
from odps_frames.model.splits import RowRange, Split
from odps_frames.wire import names, read_session
from odps_frames.wire.arrow_stream import ArrowStreamReader
from odps_frames.wire.compression import Compression, decompress

DATA = pa.table({"a": list(range(50_000))})


@pytest.fixture
def ready(any_service: Any) -> Any:
    any_service.sql("CREATE TABLE t (a BIGINT)")
    any_service.write(DATA)
    return any_service


def read(service: Any, **options: Any) -> Any:
    return service.read_split(Split(service.open_read().session_id), **options)


def test_a_refusal_instead_of_the_call(ready: Any) -> None:
    effect = Refuse(429, headers={"Retry-After": "3"})
    ready.emulator.faults.add(Fault(effect=effect, action="TableCreateReadSession"))
    with pytest.raises(Throttled) as refusal:
        ready.open_read()
    assert refusal.value.retry_after == 3
    assert ready.open_read()


def test_a_refusal_of_the_rest_site(ready: Any) -> None:
    ready.emulator.faults.add(Fault(effect=Refuse(503), action="SubmitInstance"))
    with pytest.raises(ServiceUnavailable):
        ready.sql("DROP TABLE t")
    ready.sql("DROP TABLE t")


@pytest.mark.parametrize("effect", [Reset(), Cut(), Refuse(500)])
def test_an_answer_that_is_lost_after_the_commit(ready: Any, effect: Any) -> None:
    fault = Fault(effect=effect, action="TableCommitWriteSession", when="after")
    ready.emulator.faults.add(fault)
    with pytest.raises(ServiceUnavailable):
        ready.write(DATA)
    assert ready.read().num_rows == 2 * DATA.num_rows
    assert ready.emulator.faults.hits == ((fault, 1),)


@pytest.mark.parametrize("effect", [Reset(), Cut(), Cut(reset=False)])
def test_a_connection_that_breaks_before_the_commit(ready: Any, effect: Any) -> None:
    ready.emulator.faults.add(Fault(effect=effect, action="TableCommitWriteSession"))
    with pytest.raises(ServiceUnavailable):
        ready.write(DATA)
    assert ready.read().num_rows == DATA.num_rows
    assert ready.emulator.requests[-3].status is None


@pytest.mark.parametrize("encoding", [None, "zstd", "x-lz4-frame"])
@pytest.mark.parametrize("effect", [Reset(), Cut(), Cut(reset=False)])
@pytest.mark.parametrize("at_byte", [0, 1, 1000, 20_000])
def test_an_answer_that_breaks_off(
    ready: Any, effect: Any, at_byte: int, encoding: str | None
) -> None:
    fault = Fault(effect=effect, action="TableRead", when="at_byte", at_byte=at_byte)
    ready.emulator.faults.add(fault)
    with pytest.raises(ServiceUnavailable):
        read(ready, accept_encoding=encoding)
    assert read(ready, accept_encoding=encoding).equals(DATA)


@pytest.mark.parametrize("encoding", [None, "zstd"])
@pytest.mark.parametrize("at_byte", [0, 1000])
def test_an_answer_that_ends_early_as_if_all_were_well(
    ready: Any, at_byte: int, encoding: str | None
) -> None:
    fault = Fault(effect=Truncate(), action="TableRead", when="at_byte", at_byte=at_byte)
    ready.emulator.faults.add(fault)
    with pytest.raises((IncompleteRead, ServiceError)) as broken:
        read(ready, accept_encoding=encoding)
    assert not isinstance(broken.value, ServiceUnavailable)


@pytest.mark.parametrize("encoding", [None, "zstd", "x-lz4-frame"])
def test_a_stream_without_its_end_mark(ready: Any, encoding: str | None) -> None:
    ready.emulator.faults.add(Fault(effect=DropEndMark(), action="TableRead"))
    with pytest.raises(IncompleteRead, match="end mark"):
        read(ready, accept_encoding=encoding)


def test_a_document_that_breaks_off(ready: Any) -> None:
    fault = Fault(effect=Cut(), action="TableCreateReadSession", when="at_byte", at_byte=10)
    ready.emulator.faults.add(fault)
    with pytest.raises(ServiceUnavailable):
        ready.open_read()


# Messages of an Arrow stream: the schema, then batches.


def message_ends(max_rows: int) -> list[int]:
    batches = DATA.to_batches(max_chunksize=max_rows)
    ends = [0, DATA.schema.serialize().size]
    for batch in batches:
        ends.append(ends[-1] + pa.ipc.get_record_batch_size(batch))
    return ends


def stream(service: Any, *, max_rows: int = 4096, encoding: str | None = None) -> Any:
    split = Split(service.open_read().session_id)
    options = BatchOptions(max_rows=max_rows, accept_encoding=encoding)
    return service.send(read_session.encode_read(service.ref(), split, options))


@pytest.mark.parametrize("n_messages", [0, 1, 2, 6])
def test_a_stream_that_ends_between_messages(ready: Any, n_messages: int) -> None:
    ready.emulator.faults.add(effect="truncate", at_message=n_messages, action="TableRead")
    with stream(ready, max_rows=10_000) as answer:
        assert len(answer.read()) == message_ends(10_000)[n_messages]


@pytest.mark.parametrize("encoding", ["zstd", "x-lz4-frame"])
def test_a_compressed_stream_that_ends_between_messages_is_a_whole_frame(
    ready: Any, encoding: str
) -> None:
    ready.emulator.faults.add(effect="truncate", at_message=3, action="TableRead")
    with stream(ready, max_rows=10_000, encoding=encoding) as answer:
        plain = decompress(answer.body, Compression.of_encoding(encoding))
        reader = ArrowStreamReader(plain)
        found: list[pa.RecordBatch] = []
        with pytest.raises(IncompleteRead, match="end mark"):
            found.extend(reader)
    assert sum(batch.num_rows for batch in found) == 20_000


@pytest.mark.parametrize("encoding", [None, "zstd"])
@pytest.mark.parametrize("effect", ["reset", "cut", {"cut": {"reset": False}}])
@pytest.mark.parametrize("n_messages", [0, 1, 4])
def test_a_stream_that_breaks_between_messages(
    ready: Any, effect: Any, n_messages: int, encoding: str | None
) -> None:
    ready.emulator.faults.add(effect=effect, at_message=n_messages, action="TableRead")
    with pytest.raises(ServiceUnavailable):
        read(ready, accept_encoding=encoding)
    assert read(ready, accept_encoding=encoding).equals(DATA)


def test_bits_of_a_message_are_changed(ready: Any) -> None:
    ready.emulator.faults.add(effect={"corrupt": {"flip": 129}}, at_message=2, action="TableRead")
    with stream(ready, max_rows=10_000) as answer:
        spoilt = answer.read()
    with stream(ready, max_rows=10_000) as answer:
        whole = answer.read()
    changed = {
        place: a ^ b for place, (a, b) in enumerate(zip(spoilt, whole, strict=True)) if a != b
    }
    assert changed == {message_ends(10_000)[2]: 129}


@pytest.mark.parametrize("rows", [1, 10_000, 12_345, 50_000, 60_000])
def test_rows_that_are_left_out(ready: Any, rows: int) -> None:
    ready.emulator.faults.add(effect={"short_rows": {"rows": rows}}, action="TableRead")
    found = read(ready, max_rows=10_000)
    assert found.equals(DATA.slice(0, max(50_000 - rows, 0)))
    assert ready.emulator.requests[-1].n_rows_sent == found.num_rows


@pytest.mark.parametrize(
    ("encoding", "said"), [(None, "zstd"), ("zstd", "x-lz4-frame"), ("x-lz4-frame", "zstd")]
)
def test_an_encoding_that_is_not_true(ready: Any, encoding: str | None, said: str) -> None:
    ready.emulator.faults.add(effect="wrong_encoding", action="TableRead")
    with stream(ready, encoding=encoding) as answer:
        assert answer.headers["Content-Encoding"] == said
        with pytest.raises(CorruptStream):
            list(ArrowStreamReader(decompress(answer.body, Compression.of_encoding(said))))
    ready.emulator.faults.add(effect={"wrong_encoding": {"encoding": "br"}}, action="TableRead")
    with pytest.raises(CorruptStream, match="'br'"):
        read(ready)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_session_that_is_past_its_life(ready: Any, when: Any) -> None:
    session = ready.open_read().session_id
    ready.emulator.faults.add(effect="expire_session", when=when, session=session, times=1)
    if when == "after":
        assert ready.read_split(Split(session)).equals(DATA)
    with pytest.raises(SessionExpired):
        ready.read_split(Split(session))
    assert ready.get_read(session, refresh=True).status == "NORMAL"
    assert ready.read_split(Split(session)).equals(DATA)


def test_a_write_session_that_is_past_its_life(ready: Any) -> None:
    ready.emulator.faults.add(effect="expire_session", action="TableCommitWriteSession")
    with pytest.raises(SessionExpired):
        ready.write(DATA)
    assert ready.read().num_rows == DATA.num_rows


def test_a_stream_that_another_writer_took(ready: Any) -> None:
    ready.emulator.faults.add(effect="fence_stream", action="TableWrite", skip=1)
    for exactly_once in (False, True):
        session = ready.open_session()
        stream_id, info = ready.open_stream(session, exactly_once=exactly_once)
        options = {"row_offset": 0, "access_token": info.access_token} if exactly_once else {}
        if not exactly_once:
            ready.send_rows(stream_id, DATA)
        with pytest.raises(Conflict, match="version"):
            ready.send_rows(stream_id, DATA, **options)
        ready.emulator.faults.clear()
        ready.commit(session)
        assert ready.read().num_rows == DATA.num_rows
        ready.emulator.faults.add(effect="fence_stream", action="TableWrite")
    ready.emulator.faults.clear()


def test_a_call_that_is_to_go_elsewhere(ready: Any) -> None:
    session = ready.open_read().session_id
    ready.emulator.faults.add(effect="stale_route", session=session)
    with pytest.raises(ServiceUnavailable) as moved:
        ready.get_read(session)
    assert (moved.value.status, moved.value.code) == (308, "SlotReassigned")
    ready.emulator.faults.add(effect={"stale_route": {"token": "other"}}, session=session)
    with ready.send(read_session.encode_get(ready.ref(), session)) as answer:
        assert answer.headers[names.ROUTE_TOKEN] == "other"


def test_row_ranges_are_parts_that_rules_know(ready: Any) -> None:
    session = ready.open_read().session_id
    ready.emulator.faults.add(effect={"status": {"status": 503}}, split="10,5", times=None)
    assert ready.read_split(Split(session, rows=RowRange(0, 5))).num_rows == 5
    with pytest.raises(ServiceUnavailable):
        ready.read_split(Split(session, rows=RowRange(10, 5)))


# Waits: none of these takes its time, as the clock is moved or the service stops.


class Asking(threading.Thread):
    """Reads a split in a thread of its own."""

    def __init__(self, service: Any) -> None:
        super().__init__(daemon=True)
        self._service = service
        self.found: Any = None
        self.start()

    def run(self) -> None:
        try:
            self.found = read(self._service)
        except ServiceError as error:
            self.found = error

    def result(self) -> Any:
        self.join(30)
        assert not self.is_alive()
        return self.found


def wait_for_a_waiter(service: Any) -> None:
    """Wait until somebody waits for the clock."""
    clock = service.emulator.clock
    with clock._changed:  # noqa: SLF001  nothing else knows who waits
        assert clock._changed.wait_for(lambda: clock.waiting > 0, 20)  # noqa: SLF001  as above


HOLDING: list[dict[str, Any]] = [
    {"effect": {"delay": {"s": 3600}}},
    {"effect": {"delay": {"s": 3600}}, "when": "after"},
    {"effect": {"stall": {"s": 3600}}},
    {"effect": {"stall": {"s": 3600}}, "at_byte": 10_000},
    {"effect": {"stall": {"s": 3600}}, "at_message": 2},
    {"effect": {"slow": {"bytes_per_s": 100}}, "at_byte": 100_000},
]


@pytest.mark.parametrize("rule", HOLDING[:-1], ids=str)
def test_waits_go_by_the_clock_of_the_service(ready: Any, rule: dict[str, Any]) -> None:
    ready.emulator.faults.add(action="TableRead", **rule)
    asking = Asking(ready)
    wait_for_a_waiter(ready)
    assert asking.is_alive()
    ready.emulator.clock.advance(hours=1)
    assert asking.result().equals(DATA)


@pytest.mark.parametrize("rule", HOLDING, ids=str)
def test_waits_end_with_the_service(ready: Any, rule: dict[str, Any]) -> None:
    ready.emulator.faults.add(action="TableRead", **rule)
    asking = Asking(ready)
    wait_for_a_waiter(ready)
    ready.emulator.end_waits()
    assert isinstance(asking.result(), ServiceUnavailable)


def test_a_slow_answer_is_whole(ready: Any) -> None:
    rule = ready.emulator.faults.add(effect={"slow": {"bytes_per_s": 10_000_000}}, at_byte=1000)
    assert read(ready).equals(DATA)
    assert ready.emulator.faults.get(rule).hits == 1


def test_a_server_that_stops_lets_go_of_what_rules_hold_back(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT)")
    service.emulator.faults.add(effect={"delay": {"s": 3600}}, action="GetTenant")
    with Server(service.emulator) as server:
        host, port = server.endpoint.split("/")[2].split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(b"GET /api/tenants HTTP/1.1\r\nHost: localhost\r\n\r\n")
            wait_for_a_waiter(service)
            server.stop(grace=3600)
            assert connection.recv(1) == b""


# On the wire.


def conversation(server: Server, session: str) -> tuple[bytes, bool]:
    """Ask for rows; return what came, and whether it ended with a reset."""
    host, port = server.endpoint.split("/")[2].split(":")
    asked = (
        "POST /api/storage/v2?Action=TableRead&Target=projects.demo.tables.t"
        f"&SessionId={session} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}"
    )
    heard = b""
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(asked.encode())
        connection.shutdown(socket.SHUT_WR)
        try:
            while piece := connection.recv(1 << 16):
                heard += piece
        except ConnectionResetError:
            return heard, True
    return heard, False


@pytest.mark.parametrize(
    ("effect", "ending", "reset"),
    [
        ("reset", "between chunks", True),
        ("cut", "inside a chunk", True),
        ({"cut": {"reset": False}}, "inside a chunk", False),
        ("truncate", "complete", False),
    ],
)
def test_how_an_answer_in_chunks_ends(service: Any, effect: Any, ending: str, reset: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT)")
    service.write(DATA)
    session = service.open_read().session_id
    service.emulator.faults.add(effect=effect, at_byte=1000, action="TableRead")
    with Server(service.emulator) as server:
        heard, was_reset = conversation(server, session)
    assert was_reset is reset
    head, _, body = heard.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    size, _, rest = body.partition(b"\r\n")
    found = {
        "between chunks": int(size, 16) == 1000 and len(rest) == 1002,
        "inside a chunk": int(size, 16) == 2024 and len(rest) == 1000,
        "complete": int(size, 16) == 1000 and rest[1000:] == b"\r\n0\r\n\r\n",
    }
    assert [name for name, true in found.items() if true] == [ending]


def test_what_is_before_a_stall_is_there_at_once(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT)")
    service.write(DATA)
    session = service.open_read().session_id
    service.emulator.faults.add(effect={"stall": {"s": 3600}}, at_byte=500, action="TableRead")
    with Server(service.emulator) as server:
        host, port = server.endpoint.split("/")[2].split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(
                b"POST /api/storage/v2?Action=TableRead&Target=projects.demo.tables.t&SessionId="
                + session.encode()
                + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
            )
            heard = b""
            while len(heard.partition(b"\r\n\r\n1f4\r\n")[2]) < 500:
                heard += connection.recv(1 << 16)
            wait_for_a_waiter(service)
            service.emulator.clock.advance(hours=1)
            while not heard.endswith(b"0\r\n\r\n"):
                heard += connection.recv(1 << 16)

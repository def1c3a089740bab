from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from odps_frames.emulator.faults import Cut, Fault, Reset
from odps_frames.emulator.server import Server
from odps_frames.wire.arrow_stream import encode_stream

if TYPE_CHECKING:
    from collections.abc import Iterator

TENANTS = "GET /api/tenants HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def server(service: Any) -> Iterator[Server]:
    with Server(service.emulator) as started:
        yield started


def connect(server: Server) -> socket.socket:
    host, port = server.endpoint.split("/")[2].rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)), timeout=20)


def talk(server: Server, *said: bytes | str) -> bytes:
    """Say something, stop speaking, and return all that is answered."""
    with connect(server) as connection:
        for piece in said:
            connection.sendall(piece.encode() if isinstance(piece, str) else piece)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
        return heard(connection)


def heard(connection: socket.socket) -> bytes:
    answer = b""
    while piece := connection.recv(1 << 16):
        answer += piece
    return answer


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_requests_follow_each_other_on_one_connection(server: Server) -> None:
    answer = talk(server, (TENANTS + "\r\n") * 3)
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert answer.count(b"x-odps-request-id: ") == 3


def test_an_end_that_is_asked_for(server: Server) -> None:
    answer = talk(server, TENANTS + "Connection: close\r\n\r\n" + TENANTS + "\r\n")
    assert answer.count(b"HTTP/1.1 200 OK") == 1
    assert b"Connection: close" in answer


def test_head_has_no_body(server: Server) -> None:
    answer = talk(server, TENANTS.replace("GET", "HEAD") + "\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Length: " in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("nonsense\r\n\r\n", 400),
        ("GET /api/tenants HTTP/1.0\r\nHost: localhost\r\n\r\n", 505),
        ("GET api HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        ("GET /api/tenants HTTP/1.1\r\n\r\n", 400),
        (TENANTS + "no field\r\n\r\n", 400),
        (TENANTS + " folded: x\r\n\r\n", 400),
        (TENANTS + "Host: localhost\r\n\r\n", 400),
        (TENANTS + "Content-Length: x\r\n\r\n", 400),
        (TENANTS + "Content-Length: -1\r\n\r\n", 400),
        (TENANTS + "Transfer-Encoding: gzip\r\n\r\n", 400),
        (TENANTS + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400),
        (TENANTS + f"X: {'x' * (64 << 10)}\r\n\r\n", 431),
        (TENANTS + "X: " + "x" * (80 << 10), 431),
        ("GET /api/tenants?a=%ff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        ("GET /api/tenants", 400),
    ],
)
def test_heads_that_are_refused(server: Server, said: str, expected: int) -> None:
    answer = talk(server, said)
    assert status(answer) == expected
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["Code"] == "InvalidArgument"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", 200),
        ("localhost:1", 200),
        ("127.0.0.1:80", 200),
        ("127.9.9.9", 200),
        ("[::1]:80", 200),
        ("LOCALHOST", 200),
        ("evil.example", 421),
        ("10.0.0.1", 421),
        ("localhost.evil.example", 421),
        ("", 421),
    ],
)
def test_other_names_do_not_lead_here(server: Server, host: str, expected: int) -> None:
    assert status(talk(server, f"GET /api/tenants HTTP/1.1\r\nHost: {host}\r\n\r\n")) == expected


def test_names_that_are_allowed(service: Any) -> None:
    with Server(service.emulator, allowed_hosts=["Box"]) as server:
        head = "GET /api/projects/demo/tunnel?service HTTP/1.1\r\nHost: box:5\r\n\r\n"
        assert talk(server, head).endswith(b"\r\n\r\nbox:5")


WRITE = (
    "POST /api/storage/v2?Action={action}&Target=projects.demo.tables.t{more} HTTP/1.1\r\n"
    "Host: localhost\r\n"
)


def chunks(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def create_session(framing: str) -> str:
    return WRITE.format(action="TableCreateReadSession", more="") + framing + "\r\n"


@pytest.mark.parametrize(
    "body",
    [
        chunks(b"{", b"}"),
        b"2;ext=1\r\n{}\r\n0\r\nTrailer: x\r\n\r\n",
        b"0002\r\n{}\r\n00\r\n\r\n",
    ],
)
def test_chunked_documents(service: Any, server: Server, body: bytes) -> None:
    service.sql("CREATE TABLE t (a INT)")
    head = create_session("Transfer-Encoding: chunked\r\n")
    answer = talk(server, head, body, TENANTS, "\r\n")
    assert answer.count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize(
    "body",
    [
        b"x\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}xx\r\n0\r\n\r\n",
        b"fffffffffffffffff\r\n",
        b"2\r\n{}\r\n" + b"1" * 5000 + b"\r\n",
        b"2\r\n{}\r\n",
        b"5\r\n{}",
        b"2\r\n{}\r\n0\r\n" + b"T: x\r\n" * 20_000,
    ],
)
def test_a_body_with_broken_framing_has_no_answer(
    service: Any, server: Server, body: bytes
) -> None:
    service.sql("CREATE TABLE t (a INT)")
    answer = b""
    with contextlib.suppress(ConnectionError):
        answer = talk(server, create_session("Transfer-Encoding: chunked\r\n"), body)
    assert b"200 OK" not in answer
    assert service.emulator.requests[-1].status is None


def test_a_body_shorter_than_its_length_has_no_answer(service: Any, server: Server) -> None:
    service.sql("CREATE TABLE t (a INT)")
    assert talk(server, create_session("Content-Length: 3\r\n"), b"{}") == b""
    assert talk(server, create_session("Content-Length: 2\r\n"), b"{}").count(b"200 OK") == 1


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_refused_upload_is_read_before_it_is_answered(server: Server, framing: str) -> None:
    body = b"x" * (8 << 20)
    head = WRITE.format(action="TableWrite", more="&SessionId=s&StreamId=s&StreamVersion=1")
    said: list[bytes | str]
    if framing == "length":
        said = [head, f"Content-Length: {len(body)}\r\n\r\n", body]
    else:
        said = [head, "Transfer-Encoding: chunked\r\n\r\n", chunks(*[body[: 1 << 16]] * 128)]
    answer = talk(server, *said, TENANTS, "\r\n")
    assert status(answer) == 404
    assert answer.count(b"HTTP/1.1 200 OK") == 1


def test_clients_that_wait_are_told_to_go_on(service: Any, server: Server) -> None:
    service.sql("CREATE TABLE t (a INT)")
    with connect(server) as connection:
        head = create_session("Content-Length: 2\r\nExpect: 100-continue\r\n")
        connection.sendall(head.encode())
        assert connection.recv(1 << 16) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200 OK\r\n")


def test_clients_that_wait_need_not_send_what_is_refused(server: Server) -> None:
    head = WRITE.format(action="TableWrite", more="&SessionId=s&StreamId=s&StreamVersion=1")
    answer = talk(server, head + "Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n")
    assert status(answer) == 404
    assert b"Connection: close" in answer


def test_an_upload_that_breaks_off_leaves_nothing(service: Any, server: Server) -> None:
    service.sql("CREATE TABLE t (a BIGINT)")
    session = service.open_session()
    stream, _ = service.open_stream(session)
    data = pa.table({"a": list(range(10_000))})
    body = b"".join(map(bytes, encode_stream(data.schema, data.to_batches(max_chunksize=1000))))
    more = f"&SessionId={session.session_id}&StreamId=s&StreamVersion=1"
    head = WRITE.format(action="TableWrite", more=more) + "Content-Length: 1000000\r\n\r\n"
    assert talk(server, head, body) == b""
    service.close_stream(stream)
    service.commit(session)
    assert service.read().num_rows == 0


def test_clients_that_vanish_are_no_trouble(
    service: Any, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    service.sql("CREATE TABLE t (a BIGINT)")
    service.write(pa.table({"a": list(range(1_000_000))}))
    session = service.open_read()
    head = WRITE.format(action="TableRead", more=f"&SessionId={session.session_id}")
    for _ in range(3):
        with connect(server) as connection:
            connection.sendall((head + "Content-Length: 2\r\n\r\n{}").encode())
            connection.recv(100)
    assert talk(server, TENANTS, "\r\n").count(b"200 OK") == 1
    server.stop()
    assert not caplog.records


@pytest.mark.parametrize("at_byte", [None, 0, 5])
def test_a_reset_is_a_reset_and_a_cut_is_an_end(
    service: Any, server: Server, at_byte: int | None
) -> None:
    where: Any = {"when": "at_byte", "at_byte": at_byte} if at_byte is not None else {}
    service.emulator.faults.add(
        Fault(effect=Cut(reset=False), **where), Fault(effect=Reset(), **where)
    )
    cut = talk(server, TENANTS, "\r\n")
    assert cut.endswith(b'{"Ten'[:at_byte]) if at_byte else not cut.partition(b"\r\n\r\n")[2]
    with pytest.raises(ConnectionResetError):
        talk(server, TENANTS, "\r\n")
    assert talk(server, TENANTS, "\r\n").count(b"200 OK") == 1


def test_many_clients_at_once(service: Any, server: Server) -> None:
    service.sql("CREATE TABLE t (a INT)")
    found: list[int] = []

    def ask() -> None:
        for _ in range(5):
            answer = talk(server, create_session("Content-Length: 2\r\n"), "{}")
            found.append(answer.count(b"200 OK"))

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1] * 100


def test_stopping_ends_idle_connections_and_waits_for_busy_ones(service: Any) -> None:
    service.sql("CREATE TABLE t (a INT)")
    server = Server(service.emulator).start()
    with connect(server) as idle, connect(server) as busy:
        idle.sendall((TENANTS + "\r\n").encode())
        assert idle.recv(1 << 16).startswith(b"HTTP/1.1 200")
        busy.sendall(create_session("Content-Length: 2\r\nExpect: 100-continue\r\n").encode())
        assert busy.recv(1 << 16).startswith(b"HTTP/1.1 100")
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        assert idle.recv(1) == b""
        busy.sendall(b"{}")
        assert heard(busy).startswith(b"HTTP/1.1 200 OK\r\n")
        stopping.join()
    with pytest.raises(RuntimeError, match="started"):
        _ = server.endpoint


def test_stopping_does_not_wait_for_ever(service: Any) -> None:
    service.sql("CREATE TABLE t (a INT)")
    server = Server(service.emulator).start()
    with connect(server) as busy:
        busy.sendall(create_session("Content-Length: 2\r\nExpect: 100-continue\r\n").encode())
        assert busy.recv(1 << 16).startswith(b"HTTP/1.1 100")
        server.stop(grace=0)
        assert heard(busy) == b""


def test_other_addresses(service: Any) -> None:
    with Server(service.emulator, "127.0.0.2") as server:
        assert server.endpoint.startswith("http://127.0.0.2:")
        assert talk(server, TENANTS, "\r\n").count(b"200 OK") == 1


@pytest.mark.skipif(not socket.has_ipv6, reason="this system has no IPv6")
def test_ipv6(service: Any) -> None:
    try:
        server = Server(service.emulator, "::1").start()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with server:
        assert server.endpoint.startswith("http://[::1]:")
        assert talk(server, TENANTS, "\r\n").count(b"200 OK") == 1

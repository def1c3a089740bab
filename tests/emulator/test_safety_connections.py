"""Clients that say what no client says, or say it too slowly, or too often."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from odps_frames.emulator.limits import Limits
from odps_frames.emulator.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

TENANTS = "GET /api/tenants HTTP/1.1\r\nHost: localhost\r\n"
CREATE = (
    "POST /api/storage/v2?Action=TableCreateReadSession&Target=projects.demo.tables.t HTTP/1.1\r\n"
    "Host: localhost\r\n"
)
QUICK = Limits(
    idle_seconds=0.3, head_seconds=0.3, stalled_seconds=0.3, pace_bytes=64, lingering_seconds=0.3
)


@pytest.fixture
def server(service: Any) -> Iterator[Server]:
    service.sql("CREATE TABLE t (a INT)")
    with Server(service.emulator) as started:
        yield started


@pytest.fixture
def quick(service: Any) -> Iterator[Server]:
    """A server without patience."""
    service.sql("CREATE TABLE t (a INT)")
    with Server(service.emulator, limits=QUICK) as started:
        yield started


def connect(server: Server) -> socket.socket:
    port = int(server.endpoint.split(":")[2].removesuffix("/api"))
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def heard(connection: socket.socket) -> bytes:
    """Return all that comes until the other side ends it."""
    answer = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(1 << 16):
            answer += piece
    return answer


def talk(server: Server, said: str | bytes) -> bytes:
    with connect(server) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(said.encode("latin-1") if isinstance(said, str) else said)
            connection.shutdown(socket.SHUT_WR)
        return heard(connection)


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (f"GET /api/tenants?a={'x' * 40_000} HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (f"GET /api/tenants?{'a=1&' * 300} HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (TENANTS + "".join(f"X-{n}: y\r\n" for n in range(200)) + "\r\n", 431),
        ("GET /api/tenants HTTP/1.1\nHost: localhost\n\n", 400),
        (TENANTS + "X: a\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (TENANTS + "X: a\rY: b\r\n\r\n", 400),
        (TENANTS + "X: a\x00b\r\n\r\n", 400),
        (TENANTS + "X: a\x0bb\r\n\r\n", 400),
        (TENANTS + "X : a\r\n\r\n", 400),
        (TENANTS + "Content-Length: 0\r\n Transfer-Encoding: chunked\r\n\r\n", 400),
        (TENANTS + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400),
        (TENANTS + "Content-Length: 0, 0\r\n\r\n", 400),
        (TENANTS + "Content-Length: +0\r\n\r\n", 400),
        (TENANTS + "Content-Length: 0x0\r\n\r\n", 400),
        (TENANTS + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", 400),
        (TENANTS + "Transfer-Encoding: chunked, chunked\r\n\r\n", 400),
        (TENANTS + "Transfer-Encoding: \x0bchunked\r\n\r\n", 400),
        (TENANTS + "Host: evil.example\r\n\r\n", 400),
        (TENANTS + "x-odps-bearer-token: a\r\nX-ODPS-Bearer-Token: b\r\n\r\n", 400),
        (TENANTS + "authorization-sts-token: a\r\nauthorization-sts-token: b\r\n\r\n", 400),
        (TENANTS + "Origin: https://evil.example\r\n\r\n", 403),
        (TENANTS + "Origin: null\r\n\r\n", 403),
        (TENANTS + "Sec-Fetch-Site: cross-site\r\n\r\n", 403),
        (TENANTS + "Sec-Fetch-Site: same-site\r\n\r\n", 403),
        (TENANTS + "Sec-Fetch-Site: none\r\n\r\n", 200),
        ("OPTIONS /api/tenants HTTP/1.1\r\nHost: localhost\r\nOrigin: http://a\r\n\r\n", 403),
        ("GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        ("CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ],
)
def test_heads_that_mean_two_things_or_too_much(server: Server, head: str, expected: int) -> None:
    answer = talk(server, head)
    assert status(answer) == expected
    assert answer.count(b"HTTP/1.1 ") == 1  # nothing behind it was taken for a request
    assert b"nosniff" in answer
    assert b"Access-Control" not in answer


@pytest.mark.parametrize(
    "body",
    [
        b"2\n{}\r\n0\r\n\r\n",
        b"2\r\n{}\n0\r\n\r\n",
        b"2\r\n{}\r\n0\n\n",
        b"0x2\r\n{}\r\n0\r\n\r\n",
        b"+2\r\n{}\r\n0\r\n\r\n",
        b"-2\r\n{}\r\n0\r\n\r\n",
        b" 2\r\n{}\r\n0\r\n\r\n",
        b"2_0\r\n{}\r\n0\r\n\r\n",
        b"2;" + b"x" * 5_000 + b"\r\n{}\r\n0\r\n\r\n",
        b"2;a\rb\r\n{}\r\n0\r\n\r\n",
        b"fffffffffffffff\r\n{}",
        b"2\r\n{}\r\n0\r\n" + b"a: b\r\n" * 5_000 + b"\r\n",
        b"",
    ],
)
def test_chunks_that_mean_two_things_or_too_much(server: Server, body: bytes) -> None:
    head = CREATE + "Transfer-Encoding: chunked\r\n\r\n"
    smuggled = (TENANTS + "\r\n").encode()
    assert b"200 OK" not in talk(server, head.encode() + body + smuggled)
    assert status(talk(server, TENANTS + "\r\n")) == 200


@pytest.mark.parametrize(
    "framing",
    [f"Content-Length: {17 << 20}\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n1100000\r\n"],
)
def test_documents_are_bounded_whatever_they_claim(server: Server, framing: str) -> None:
    answer = talk(server, (CREATE + framing).encode() + b" " * (17 << 20) + b"\r\n0\r\n\r\n")
    assert status(answer) == 400
    assert b"the body is larger than" in answer


def test_a_claim_alone_costs_nothing(server: Server) -> None:
    claim = CREATE.replace("TableCreateReadSession", "TableWrite").replace(
        "tables.t", "tables.t&SessionId=s&StreamId=s&StreamVersion=1"
    )
    assert b"HTTP/1.1 404" in talk(
        server, claim + f"Content-Length: {10**17}\r\nExpect: 100-continue\r\n\r\n"
    )


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    asked = [TENANTS + "\r\n", TENANTS.replace("tenants", "nowhere") + "\r\n"] * 20
    answer = talk(server, "".join(asked))
    found = [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert len(found) == 40
    assert set(found[::2]) == {200}
    assert 200 not in found[1::2]


@pytest.mark.parametrize(
    "said",
    ["", "\r\n", "GET /api/ten", TENANTS, TENANTS + "X: y\r\n"],
)
def test_a_head_that_does_not_come_is_not_waited_for(quick: Server, said: str) -> None:
    with connect(quick) as connection:
        connection.sendall(said.encode())
        assert heard(connection) == b""


def test_a_head_that_comes_letter_by_letter_has_no_more_time(quick: Server) -> None:
    with connect(quick) as connection, contextlib.suppress(ConnectionError):
        connection.settimeout(0.02)
        for letter in (TENANTS + "X: " + "y" * 10_000).encode():
            connection.sendall(bytes([letter]))
            with contextlib.suppress(TimeoutError):
                assert connection.recv(1) == b""
                break
        else:
            pytest.fail("the connection is still open")


@pytest.mark.parametrize(
    "said",
    [
        "Content-Length: 2\r\n\r\n{",
        "Transfer-Encoding: chunked\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n2\r\n{",
        "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
    ],
)
def test_a_body_that_does_not_come_is_not_waited_for(
    quick: Server, service: Any, said: str
) -> None:
    with connect(quick) as connection:
        connection.sendall((CREATE + said).encode())
        assert heard(connection) == b""
    assert service.emulator.requests[-1].status is None


@pytest.mark.parametrize(
    "start", ["Content-Length: 100000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n"]
)
def test_a_body_that_comes_letter_by_letter_is_given_up(quick: Server, start: str) -> None:
    with connect(quick) as connection, contextlib.suppress(ConnectionError):
        connection.sendall((CREATE + start).encode())
        connection.settimeout(0.02)
        for _ in range(10_000):
            connection.sendall(b"0")
            with contextlib.suppress(TimeoutError):
                assert connection.recv(1) == b""
                break
        else:
            pytest.fail("the connection is still open")


def test_who_takes_no_answer_is_given_up(quick: Server, service: Any) -> None:
    service.sql("CREATE TABLE big (a BIGINT)")
    service.write(pa.table({"a": list(range(2_000_000))}), "big")
    session = service.open_read("big")
    head = (
        f"POST /api/storage/v2?Action=TableRead&Target=projects.demo.tables.big"
        f"&SessionId={session.session_id} HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Length: 2\r\n\r\n{}"
    )
    with connect(quick) as connection:
        connection.sendall(head.encode())
        assert connection.recv(16, socket.MSG_PEEK)
        quick.stop(grace=20)  # returns when nobody is served any more
        assert len(heard(connection)) < 16_000_000


def test_the_oldest_idle_connection_makes_room(service: Any) -> None:
    with (
        Server(service.emulator, limits=Limits(connections=2)) as server,
        connect(server) as oldest,
        connect(server) as other,
        connect(server) as newest,
    ):
        assert heard(oldest) == b""
        for connection in (other, newest):
            connection.sendall((TENANTS + "\r\n").encode())
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")


def test_there_is_no_room_beside_busy_connections(service: Any) -> None:
    service.sql("CREATE TABLE t (a INT)")
    with (
        Server(service.emulator, limits=Limits(connections=1)) as server,
        connect(server) as busy,
    ):
        busy.sendall((CREATE + "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n").encode())
        assert busy.recv(1 << 16).startswith(b"HTTP/1.1 100")
        with connect(server) as refused:
            answer = heard(refused)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 1\r\n" in answer
        busy.sendall(b"{}")
        assert busy.recv(1 << 16).startswith(b"HTTP/1.1 200")

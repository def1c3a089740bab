from __future__ import annotations

import socket
import ssl
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pytest
import requests
import urllib3

from odps_frames.config import Config, Timeout
from odps_frames.errors import ServiceUnavailable
from odps_frames.transport.http import HttpTransport
from odps_frames.wire.http import Headers, Request, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUEST = Request(method="GET", path="/x", site=Site.REST, operation="X")
HEAD = b"HTTP/1.1 200 OK\r\n"


def transport(server: Any, **settings: Any) -> HttpTransport:
    return HttpTransport(Config(endpoint=server.url, **settings))


def body(server: Any, answer: bytes, **settings: Any) -> bytes:
    server.answers.append(answer)
    return transport(server, **settings).send(REQUEST).read()


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"Content-Length: 10\r\n\r\n0123456789",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n",
        HEAD + b"Connection: close\r\n\r\n0123456789",
    ],
    ids=["length", "chunked", "close"],
)
def test_whole_bodies_of_every_framing(raw_server: Any, answer: bytes) -> None:
    assert body(raw_server, answer) == b"0123456789"


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"Content-Length: 10\r\n\r\n01234",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n6\r\n45",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\n0123\r\nnonsense\r\n",
    ],
    ids=["length", "between-chunks", "inside-chunk", "no-chunk"],
)
def test_a_body_that_ends_before_its_framing_says_so(
    raw_server: Any, answer: bytes, *, reset: bool
) -> None:
    raw_server.reset = reset
    with pytest.raises(ServiceUnavailable) as caught:
        body(raw_server, answer)
    assert caught.value.sent


def test_no_answer_may_have_been_carried_out(raw_server: Any) -> None:
    with pytest.raises(ServiceUnavailable, match="no answer") as caught:
        body(raw_server, b"")
    assert caught.value.sent


def test_no_connection_was_not_carried_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    refused = HttpTransport(Config(endpoint=f"http://127.0.0.1:{port}"))
    with pytest.raises(ServiceUnavailable, match="no connection") as caught:
        refused.send(REQUEST)
    assert not caught.value.sent


def test_idle_and_total_timeouts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for timeout in (Timeout(idle=0.05), Timeout(total=0.05)):
            waiting = HttpTransport(Config(endpoint=url, timeout=timeout))
            with pytest.raises(ServiceUnavailable) as caught:
                waiting.send(REQUEST)
            assert caught.value.sent


def test_a_request_takes_no_longer_than_it_may() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        waiting = HttpTransport(Config(endpoint=url, timeout=Timeout(total=100)))
        with pytest.raises(ServiceUnavailable):
            waiting.send(replace(REQUEST, seconds=0.05))


def test_redirections_are_answers(raw_server: Any) -> None:
    raw_server.answers.append(
        b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example/\r\nContent-Length: 0\r\n\r\n"
    )
    with transport(raw_server).send(REQUEST) as response:
        assert response.status == 302
        assert not response.ok


def test_connections_are_kept(raw_server: Any) -> None:
    answer = HEAD + b"Connection: keep-alive\r\nContent-Length: 2\r\n\r\nok"
    raw_server.answers += [answer] * 3
    carrier = transport(raw_server)
    for _ in range(3):
        assert carrier.send(REQUEST).read() == b"ok"
    assert raw_server.connections == 1


def test_a_streamed_body_is_sent_in_chunks_and_made_anew(raw_server: Any) -> None:
    made = []

    def pieces() -> Iterator[Any]:
        made.append(1)
        yield b"first"
        yield pa.py_buffer(b"second")
        yield memoryview(b"third")

    request = Request(method="POST", path="/x", site=Site.REST, body=pieces, operation="X")
    raw_server.answers += [HEAD + b"Content-Length: 0\r\n\r\n"] * 2
    carrier = transport(raw_server)
    for _ in range(2):
        carrier.send(request).read()
    assert len(made) == 2
    for seen in raw_server.seen:
        assert b"Transfer-Encoding: chunked" in seen
        assert seen.endswith(b"5\r\nfirst\r\n6\r\nsecond\r\n5\r\nthird\r\n0\r\n\r\n")


def test_only_the_headers_of_the_request_are_sent(raw_server: Any) -> None:
    kept = HEAD + b"Connection: keep-alive\r\nContent-Length: 0\r\n"
    raw_server.answers += [kept + b"Set-Cookie: a=b\r\n\r\n", kept + b"\r\n"]
    carrier = transport(raw_server)
    request = Request(
        method="GET",
        path="/a b/表",
        site=Site.REST,
        query=(("service", ""), ("partition", "pt='a+b&c'")),
        headers=Headers({"x-test": "1", "User-Agent": "me"}),
        operation="X",
    )
    carrier.send(request).read()
    carrier.send(request).read()
    lines = raw_server.seen[1].decode().split("\r\n")
    assert lines[0] == ("GET /a%20b/%E8%A1%A8?service&partition=pt%3D%27a%2Bb%26c%27 HTTP/1.1")
    names = {line.partition(":")[0].lower() for line in lines[1:] if line}
    assert names == {"host", "accept-encoding", "user-agent", "x-test"}
    assert "Accept-Encoding: identity" in lines


def test_closing_wakes_a_reader_in_another_thread() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        started = threading.Event()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(HEAD + b"Content-Length: 100\r\n\r\nx")
                connection.recv(1)  # until the client goes away

        server = threading.Thread(target=serve, daemon=True)
        server.start()
        response = HttpTransport(Config(endpoint=url)).send(REQUEST)
        failures: list[Exception] = []

        def read() -> None:
            window = memoryview(bytearray(1))
            response.body.readinto(window)
            started.set()
            try:
                response.body.readinto(window)
            except ServiceUnavailable as error:
                failures.append(error)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        assert started.wait(10)
        response.body.close()
        reader.join(10)
        server.join(10)
        assert not reader.is_alive()
        assert not server.is_alive()


def test_a_length_in_other_digits_is_no_length(raw_server: Any) -> None:
    raw_server.answers.append(HEAD + b"Content-Length: \xb2\r\nConnection: close\r\n\r\nok")
    with transport(raw_server).send(REQUEST) as response:
        assert response.content_length is None


def test_a_fault_of_tls_may_come_after_the_request(raw_server: Any) -> None:
    raw_server.answers.append(b"no TLS here")
    url = raw_server.url.replace("http://", "https://")
    with pytest.raises(ServiceUnavailable) as caught:
        HttpTransport(Config(endpoint=url, timeout=Timeout(idle=5))).send(REQUEST)
    assert caught.value.sent


@pytest.mark.parametrize(
    ("inner", "sent"),
    [(ssl.SSLCertVerificationError("self-signed"), False), (ssl.SSLError("bad record mac"), True)],
)
def test_only_a_refused_certificate_is_before_the_request(
    monkeypatch: pytest.MonkeyPatch, inner: ssl.SSLError, *, sent: bool
) -> None:
    wrapped = urllib3.exceptions.MaxRetryError(
        cast("Any", None), "/x", urllib3.exceptions.SSLError(inner)
    )

    def fail(*_: object, **__: object) -> None:
        raise requests.exceptions.SSLError(wrapped)

    monkeypatch.setattr(requests.Session, "request", fail)
    with pytest.raises(ServiceUnavailable) as caught:
        HttpTransport(Config(endpoint="https://service.example")).send(REQUEST)
    assert caught.value.sent is sent

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.wire.http import ChunkReader, Headers, Repeat, Request, Response, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUEST = Request(method="POST", path="/p", query=(("a", "1"), ("b", "2"), ("a", "3")))


def test_names_of_fields_have_no_letter_case() -> None:
    headers = Headers({"Content-Type": "a", "content-type": "b", "X": "c"})
    assert headers["CONTENT-TYPE"] == "b"
    assert "x" in headers
    assert dict(headers) == {"content-type": "b", "X": "c"}


def test_adding_fields_leaves_the_first_headers_alone() -> None:
    headers = Headers({"A": "1", "B": "2"})
    assert dict(headers.adding({"b": "3", "c": "4"})) == {"A": "1", "b": "3", "c": "4"}
    assert dict(headers) == {"A": "1", "B": "2"}


def test_what_shows_who_asks_is_not_shown() -> None:
    fields = {
        "Authorization": "ODPS id:signature",
        "authorization-sts-token": "sts",
        "X-Odps-Bearer-Token": "bearer",
        "x-odps-request-id": "shown",
    }
    text = repr(Request(method="GET", path="/", headers=Headers(fields)))
    assert "shown" in text
    assert not [value for value in ("signature", "'sts'", "'bearer'") if value in text]


def test_headers_and_requests_travel_to_other_processes() -> None:
    request = REQUEST.adding({"A": "1"})
    assert pickle.loads(pickle.dumps(request)) == request  # noqa: S301  our own bytes


def test_the_last_of_equal_parameters_counts() -> None:
    assert (REQUEST.parameter("a"), REQUEST.parameter("z")) == ("3", None)


def test_a_request_may_be_repeated_unless_it_says_otherwise() -> None:
    assert (REQUEST.repeat, REQUEST.site) == (Repeat.ALWAYS, Site.STORAGE)


def test_adding_keeps_the_order_of_parameters() -> None:
    added = REQUEST.adding({"H": "v"}, [("z", "9")])
    assert added.query == (*REQUEST.query, ("z", "9"))
    assert dict(added.headers) == {"H": "v"}
    assert dict(REQUEST.headers) == {}


def test_a_streamed_body_can_be_made_again() -> None:
    def body() -> Iterator[bytes]:
        yield b"ab"
        yield b"c"

    request = Request(method="POST", path="/", body=body)
    assert [request.read_body(), request.read_body()] == [b"abc", b"abc"]


@pytest.mark.parametrize(("body", "content"), [(None, b""), (b"abc", b"abc")])
def test_a_small_body_is_read_whole(body: bytes | None, content: bytes) -> None:
    assert Request(method="POST", path="/", body=body).read_body() == content


@given(chunks=st.lists(st.binary(max_size=5), max_size=8), size=st.integers(1, 7))
def test_chunks_come_out_in_order_whatever_the_window(chunks: list[bytes], size: int) -> None:
    reader = ChunkReader([memoryview(chunk) for chunk in chunks])
    window = memoryview(bytearray(size))
    pieces = iter(lambda: bytes(window[: reader.readinto(window)]), b"")
    assert b"".join(pieces) == b"".join(chunks)
    assert reader.readinto(window) == 0


def test_closing_a_reader_ends_who_makes_its_chunks() -> None:
    ended: list[bool] = []

    def chunks() -> Iterator[bytes]:
        try:
            yield b"ab"
            yield b"cd"
        finally:
            ended.append(True)

    reader = ChunkReader(chunks())
    assert reader.readinto(memoryview(bytearray(1))) == 1
    reader.close()
    assert ended == [True]
    assert reader.readinto(memoryview(bytearray(1))) == 0


@pytest.mark.parametrize(("status", "ok"), [(199, False), (200, True), (299, True), (308, False)])
def test_only_the_two_hundreds_are_answers(status: int, *, ok: bool) -> None:
    assert Response.of(b"", status=status).ok is ok


@given(content=st.binary(max_size=40), limit=st.none() | st.integers(0, 50))
def test_reading_stops_at_the_limit(content: bytes, limit: int | None) -> None:
    response = Response.of(content)
    assert response.content_length == len(content)
    assert response.read(limit) == content[:limit]
    assert response.read() == b""  # reading closes the body

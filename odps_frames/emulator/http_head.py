"""The head of an HTTP/1.1 request: read with limits, checked, and made a request of ours."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from odps_frames.wire.http import Headers, Request, Site

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = [
    "BadRequest",
    "Head",
    "HeadReader",
    "check_caller",
    "is_loopback",
    "read_head",
    "request_of",
]

MAX_HEAD_BYTES = 64 << 10
MAX_REQUEST_LINE_BYTES = 32 << 10
MAX_FIELDS = 128
MAX_PARAMETERS = 256
API_PATH = "/api"
_STORAGE = "/api/storage/"
_REQUEST_LINE = re.compile(r"([A-Z]{1,16}) (/[!-~]*) HTTP/1\.1")
_BARE = re.compile(rb"(?<!\r)\n|\r(?=[^\n])")
"""Line ends that some readers take for one and others do not."""
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_END = b"\r\n\r\n"


class BadRequest(Exception):
    """What came is no request that this server takes; the connection ends after the answer."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class HeadReader(Protocol):
    """What reading a head needs of a buffered connection."""

    def peek(self, size: int = 0, /) -> bytes:
        """Return what is there, after at most one read."""
        ...

    def read(self, size: int = -1, /) -> bytes:
        """Take so many bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Head:
    """Method, address and header fields."""

    method: str
    target: str
    headers: Headers

    @property
    def content_length(self) -> int | None:
        """How long the body is; None when it comes in chunks."""
        length = self.headers.get("Content-Length", "0")
        return None if self.is_chunked else int(length)

    @property
    def is_chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return "Transfer-Encoding" in self.headers

    @property
    def keeps_alive(self) -> bool:
        """Whether another request may follow."""
        return self.headers.get("Connection", "").lower() != "close"


def read_head(reader: HeadReader) -> Head | None:
    """Read a head; None when the connection ended before one began.

    Raises
    ------
    BadRequest
        When it is malformed, or longer than 64 KiB.
    """
    head = bytearray()
    while True:
        window = reader.peek(1)
        if not window:
            if head.strip():
                raise BadRequest("the connection ended inside the head of a request")
            return None
        seen = len(head)
        head += window
        end = head.find(_END, max(0, seen - len(_END) + 1))
        if end >= 0:
            reader.read(end + len(_END) - seen)
            return _parse(bytes(head[:end]))
        reader.read(len(window))
        if _BARE.search(head, max(0, seen - 1)):
            raise BadRequest("a line of the head does not end with CR LF")
        if len(head) > MAX_HEAD_BYTES:
            raise BadRequest(f"the head is longer than {MAX_HEAD_BYTES} bytes", 431)


def _parse(head: bytes) -> Head:
    if len(head) > MAX_HEAD_BYTES:
        raise BadRequest(f"the head is longer than {MAX_HEAD_BYTES} bytes", 431)
    if _BARE.search(head):
        raise BadRequest("a line of the head does not end with CR LF")
    first, *lines = head.decode("latin-1").lstrip("\r\n").split("\r\n")
    if len(first) > MAX_REQUEST_LINE_BYTES:
        raise BadRequest(f"the address is longer than {MAX_REQUEST_LINE_BYTES} bytes", 414)
    match = _REQUEST_LINE.fullmatch(first)
    if match is None:
        status = 505 if re.search(r" HTTP/(?!1\.1)", first) else 400
        raise BadRequest("expected 'METHOD /path HTTP/1.1'", status)
    if len(lines) > MAX_FIELDS:
        raise BadRequest(f"{len(lines)} header fields; expected at most {MAX_FIELDS}", 431)
    fields: dict[str, tuple[str, str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.fullmatch(name) or _CONTROL.search(value):
            raise BadRequest(f"not a header field: {line[:80]!r}")
        key = name.lower()
        if key in fields and (key in _ONCE or key.startswith(_ONCE_PREFIXES)):
            raise BadRequest(f"the field {name} stands twice")
        fields[key] = name, _text(value.strip(" \t"))
    headers = Headers(fields.values())
    _check_framing(headers)
    return Head(match.group(1), match.group(2), headers)


_ONCE = frozenset({"host", "transfer-encoding", "date", "expect", "connection", "origin"})
_ONCE_PREFIXES = ("authorization", "content-", "x-odps-", "odps-")
"""Fields that decide something. Of two, one reader would take the first and another the last."""


def _text(value: str) -> str:
    """Read UTF-8 where it is, as some clients send it."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError:
        return value


def _check_framing(headers: Headers) -> None:
    coding = headers.get("Transfer-Encoding")
    length = headers.get("Content-Length")
    if coding is not None and (coding.lower() != "chunked" or length is not None):
        raise BadRequest("expected either Transfer-Encoding: chunked or a Content-Length")
    if length is not None and not re.fullmatch(r"[0-9]{1,18}", length):
        raise BadRequest(f"Content-Length is {length[:40]!r}; expected a number of bytes")


def request_of(head: Head) -> Request:
    """Make the request that is meant: ``/api/storage/…`` is one site, ``/api/…`` the other.

    Raises
    ------
    BadRequest
        When the address is not UTF-8.
    """
    parts = urlsplit(head.target)
    try:
        path = unquote(parts.path, errors="strict")
        query = parse_qsl(
            parts.query, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS
        )
    except (UnicodeDecodeError, ValueError):
        raise BadRequest(
            "the address is not percent-encoded UTF-8, or has more than "
            f"{MAX_PARAMETERS} parameters"
        ) from None
    on_rest = path.startswith(API_PATH + "/") and not path.startswith(_STORAGE)
    return Request(
        method="GET" if head.method == "HEAD" else head.method,
        path=path.removeprefix(API_PATH) if on_rest else path,
        site=Site.REST if on_rest else Site.STORAGE,
        query=tuple(query),
        headers=head.headers,
    )


def check_caller(headers: Headers, own_addresses: Collection[str]) -> None:
    """Refuse what a web page sends: under a foreign name (DNS rebinding), or under ours.

    A browser says so by itself, and no client of MaxCompute does.

    Raises
    ------
    BadRequest
        When the Host field is missing, or names neither this machine nor an address of ours, or
        when the request comes out of a page.
    """
    host = headers.get("Host")
    if host is None:
        raise BadRequest("the field Host is missing")
    name = re.sub(r":[0-9]*$", "", host).strip("[]").lower()
    if name != "localhost" and name not in own_addresses and not is_loopback(name):
        raise BadRequest(f"Host is {host[:80]!r}; this service is not reached by that name", 421)
    if "Origin" in headers or headers.get("Sec-Fetch-Site", "none") != "none":
        raise BadRequest("the request comes from a web page; this service answers none", 403)


def is_loopback(name: str) -> bool:
    """Whether an address is one of this machine alone."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False

"""Recorded exchanges, and what it means that ours are equal to them.

Requests are equal when method and path, the multiset of query pairs, all header fields but the
user agents, and the body are: JSON bodies as values, Arrow bodies as the tables they hold.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from odps_frames.wire.http import Headers, Request, Response

DATA = Path(__file__).parent / "data"
USER_AGENTS = frozenset({"user-agent", "x-odps-user-agent"})
TRACE = {
    "odps-tunnel-retry-trace-id": "00000000-0000-4000-8000-000000000001",
    "odps-tunnel-retry-index": "0",
}


def body_of(half: dict[str, Any]) -> bytes:
    if "body_base64" in half:
        return base64.b64decode(half["body_base64"])
    if "body_text" in half:
        return str(half["body_text"]).encode()
    return json.dumps(half["body_json"]).encode() if "body_json" in half else b""


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded exchange."""

    stem: str
    document: dict[str, Any]

    @property
    def request(self) -> Request:
        """What was sent, as the service sees it."""
        half = self.document["request"]
        return Request(
            method=half["method"],
            path=half["path"],
            query=tuple((name, value) for name, value in half["query"]),
            headers=Headers((name, value) for name, value in half["headers"]),
            body=body_of(half) or None,
        )

    @property
    def response(self) -> Response:
        """What was answered, afresh each time, because a body can be read once only."""
        half = self.document["response"]
        return Response.of(body_of(half), status=half["status"], headers=dict(half["headers"]))

    @property
    def parsed(self) -> dict[str, Any]:
        """What the recorded client made of the answer."""
        found: dict[str, Any] = self.document.get("parsed_by_client") or {}
        return found

    @property
    def streamed(self) -> bool:
        """Whether the body was sent in chunks."""
        return bool(self.document["request"]["transfer"] == "chunked")

    def dressed(self, request: Request) -> Request:
        """Add to one of ours what the transport and the identity of a caller add to it."""
        recorded = self.request
        query = [
            (name, value)
            for name, value in recorded.query
            if name in {"curr_project", "curr_schema"}
        ]
        headers = {"Accept-Encoding": "identity", **request.headers}
        if callable(request.body):
            headers["Transfer-Encoding"] = "chunked"
        if "odps-tunnel-retry-trace-id" in recorded.headers:
            headers |= TRACE  # by 0.13.2 only; attempts of other recordings are the first
            headers["odps-tunnel-retry-index"] = recorded.headers["odps-tunnel-retry-index"]
        return request.adding(headers, query)


def assert_equal(sent: Request, recorded: Request) -> None:
    assert (sent.method, sent.path) == (recorded.method, recorded.path)
    assert Counter(sent.query) == Counter(recorded.query)
    assert fields_of(sent.headers) == fields_of(recorded.headers)
    ours, theirs = sent.read_body(), recorded.read_body()
    if "json" in recorded.headers.get("Content-Type", "") and theirs:
        assert json.loads(ours) == json.loads(theirs)
    elif theirs:
        assert pa.ipc.open_stream(ours).read_all().equals(pa.ipc.open_stream(theirs).read_all())
    else:
        assert not ours


def fields_of(headers: Headers) -> dict[str, str]:
    return {n.lower(): v for n, v in headers.items() if n.lower() not in USER_AGENTS}


class Golden:
    """All recordings."""

    stems = frozenset(path.stem for path in DATA.glob("*.json")) - {"signatures"}

    def __getitem__(self, stem: str) -> Recording:
        return Recording(stem, json.loads((DATA / f"{stem}.json").read_text(encoding="utf-8")))

    def assert_reproduced(self, stem: str, request: Request) -> None:
        """Assert that ours, as the layers below would send it, equals what was recorded."""
        recording = self[stem]
        assert_equal(recording.dressed(request), recording.request)

    @property
    def signatures(self) -> dict[str, Any]:
        """The vectors of signatures."""
        found: dict[str, Any] = json.loads((DATA / "signatures.json").read_text(encoding="utf-8"))
        return found


@pytest.fixture(scope="session")
def golden() -> Golden:
    """All recordings."""
    return Golden()

"""Recorded signatures: the published vectors, and the one of every recorded exchange."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from odps_frames.config import AccessKey, BearerToken
from odps_frames.errors import AuthenticationError
from odps_frames.wire.http import Headers, Request
from odps_frames.wire.signing import application_signature, canonical_string, sign, verify

if TYPE_CHECKING:
    from odps_frames.config import Credentials
    from tests.golden.conftest import Golden, Recording

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = AccessKey("golden-access-id", "golden-access-secret")
SECRETS = {KEY.access_id: KEY.secret_access_key}
APPLICATION = ("golden-app-id", "golden-app-secret")
DATE = "Fri, 02 Jan 2026 03:04:05 GMT"
TWICE = frozenset({"v1-quirk-literal-plus", "v1-quirk-percent"})
"""Where decoding once more makes a difference."""
N_VECTORS = 29


@pytest.fixture(scope="session")
def vectors(golden: Golden) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = golden.signatures["vectors"]
    return found


def request_of(vector: dict[str, Any]) -> Request:
    url = urlsplit(vector["url"])
    prefix = urlsplit(vector["endpoint"]).path
    return Request(
        method=vector["method"],
        path=unquote(url.path).removeprefix(prefix),
        query=tuple(parse_qsl(url.query, keep_blank_values=True)),
        headers=Headers(vector["request_headers"]),
    )


def credentials_of(vector: dict[str, Any]) -> Credentials:
    match vector["account"]:
        case "bearer":
            return BearerToken("golden-bearer-token")
        case "sts":
            return AccessKey(KEY.access_id, KEY.secret_access_key, "golden-sts-token")
        case _:
            return KEY


def added_by_us(vector: dict[str, Any], sent: Request) -> dict[str, str]:
    added = {n: v for n, v in sent.headers.items() if n not in vector["request_headers"]}
    if "application-authentication" in vector["headers_added"]:
        added["application-authentication"] = application_signature(
            added["Authorization"], *APPLICATION
        )
    return added


def expected(vector: dict[str, Any]) -> dict[str, str]:
    # pyodps also tells when it last fetched a token; nobody signs or needs that.
    return {n: v for n, v in vector["headers_added"].items() if n != "x-pyodps-token-timestamp"}


def test_all_vectors_are_there(vectors: list[dict[str, Any]]) -> None:
    assert len({vector["name"] for vector in vectors}) == N_VECTORS


def test_every_canonical_string_is_reproduced(vectors: list[dict[str, Any]]) -> None:
    for vector in vectors:
        request = request_of(vector)
        dated = request if "Date" in request.headers else request.adding({"Date": DATE})
        theirs = vector.get("canonical_string", vector.get("canonical_string_unused"))
        assert canonical_string(dated, dated.headers, decoded_twice=True) == theirs
        once = canonical_string(dated, dated.headers)
        assert (once == theirs) is (vector["name"] not in TWICE), vector["name"]


def test_every_vector_is_signed_alike(vectors: list[dict[str, Any]]) -> None:
    for vector in vectors:
        sent = sign(request_of(vector), credentials_of(vector), NOW, region=vector["region"])
        ours = added_by_us(vector, sent)
        if vector["name"] in TWICE:
            assert ours.keys() == expected(vector).keys()
            assert ours["Authorization"] != expected(vector)["Authorization"]
        else:
            assert ours == expected(vector), vector["name"]


def test_service_knows_who_signed_every_vector(vectors: list[dict[str, Any]]) -> None:
    for vector in vectors:
        signed = request_of(vector).adding(vector["headers_added"])
        now = datetime(2026, 1, 3, tzinfo=UTC) if "existing-date" in vector["name"] else NOW
        if vector["account"] == "bearer":
            with pytest.raises(AuthenticationError, match="no signature"):
                verify(signed, SECRETS, now)
        else:
            assert verify(signed, SECRETS, now) == KEY.access_id, vector["name"]


def signed_request(recording: Recording) -> Request:
    request = recording.request
    # The endpoint of the REST API ends in /api, which nobody signs.
    rest = recording.stem.startswith("rest-")
    path = request.path.removeprefix("/api") if rest else request.path
    date = recording.document["signing"]["date"]
    return Request(
        method=request.method,
        path=path,
        query=request.query,
        headers=request.headers.adding({"Date": date}),
    )


def test_signature_of_every_exchange_is_reproduced(golden: Golden) -> None:
    for stem in sorted(golden.stems - {"rest-list-tables-bearer"}):  # that one is not signed
        recording = golden[stem]
        signing = recording.document["signing"]
        request = signed_request(recording)
        assert canonical_string(request, request.headers) == signing["canonical_string"], stem
        ours = sign(request, KEY, NOW, region=signing["region"])
        assert ours.headers["Authorization"] == signing["authorization"], stem
        assert verify(ours, SECRETS, NOW) == KEY.access_id

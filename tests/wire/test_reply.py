from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from odps_frames import errors
from odps_frames.errors import ProtocolError, ServiceError, ServiceUnavailable
from odps_frames.wire.http import ChunkReader, Headers, Response
from odps_frames.wire.reply import (
    Reply,
    decode_document,
    decode_error,
    decode_reply,
    encode_error,
    encode_reply,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = [
    errors.AuthenticationError,
    errors.Conflict,
    errors.NotFound,
    errors.PermissionDenied,
    errors.ServiceUnavailable,
    errors.SessionExpired,
    errors.Throttled,
]


class CutBody:
    """A body that breaks off."""

    def readinto(self, _buffer: memoryview, /) -> int:
        raise ServiceUnavailable("the body ended early")

    def close(self) -> None:
        """Nothing is open."""


def answer(document: object, status: int = 200, **fields: str) -> Response:
    return Response.of(json.dumps(document).encode(), status=status, headers=fields)


def refusal(code: str | None, status: int) -> ServiceError:
    return decode_error(answer({"Code": code, "Message": "why"}, status))


@pytest.mark.covers("functions._update_request_id")
def test_a_value_comes_with_its_envelope() -> None:
    response = encode_reply(
        {"a": 1, "b": None}, request_id="r", route_token="t", warning="slow table"
    )
    assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
    reply = decode_reply(response, dict)
    assert reply == Reply(
        value={"a": 1, "WarningMessage": "slow table"},
        request_id="r",
        route_token="t",
        warning="slow table",
    )


def test_an_envelope_may_be_empty() -> None:
    assert decode_reply(answer({}), lambda _: 1) == Reply(value=1)


@pytest.mark.covers("functions._parse_json_response")
@pytest.mark.parametrize("content", [b"<html/>" + b" " * 300, b"[1]", b"", b"\xff"])
def test_an_answer_that_is_no_object_breaks_the_protocol(content: bytes) -> None:
    headers = {"x-odps-request-id": "r-1"}
    with pytest.raises(ProtocolError) as raised:
        decode_document(Response.of(content, headers=headers))
    assert (raised.value.request_id, raised.value.status) == ("r-1", 200)
    assert repr(content[:200]) in raised.value.message
    assert repr(content[:201]) not in raised.value.message or len(content) <= 200


def test_what_does_not_fit_breaks_the_protocol() -> None:
    def decode(document: dict[str, Any]) -> int:
        raise ValueError(f"no use for {document}")

    with pytest.raises(ProtocolError, match=r"no use for .*begins b'\{\"a\": 1\}'"):
        decode_reply(answer({"a": 1}), decode)


def test_an_empty_body_is_an_answer_only_where_nothing_is_expected() -> None:
    assert decode_reply(Response.of(b" \n"), len, may_be_empty=True).value == 0
    with pytest.raises(ProtocolError):
        decode_reply(Response.of(b""), len)
    with pytest.raises(ProtocolError):
        decode_reply(Response.of(b"<html/>"), len, may_be_empty=True)


def test_a_refusal_is_raised_by_whoever_wanted_a_value() -> None:
    with pytest.raises(errors.NotFound):
        decode_document(answer({"Code": "NoSuchTable", "Message": ""}, 404))
    with pytest.raises(errors.NotFound):
        decode_reply(answer({"Code": "NoSuchTable", "Message": ""}, 404), len, may_be_empty=True)


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        (errors.NotFound, "NoSuchObject NoSuchTable NoSuchPartition NoSuchSchema NoSuchVolume"),
        (errors.NotFound, "ODPS-0130131"),
        (errors.AuthenticationError, "Unauthorized AuthorizationRequired SignatureNotMatch"),
        (errors.AuthenticationError, "AuthenticationRequestExpired RequestTimeTooSkewed"),
        (errors.AuthenticationError, "RequestTimeTooSkewd ODPS-0410031 ODPS-0410042 ODPS-0410051"),
        (errors.PermissionDenied, "NoPermission AccessDenied ODPS-0130013"),
        (errors.Throttled, "SlotExceeded FlowExceeded QPSExceeded RequestQuotaExceeded"),
        (errors.SessionExpired, "SessionExpired StreamSessionNotFound"),
        (errors.Conflict, "ObjectAlreadyExists TableModified SchemaModified DataVersionConflict"),
        (errors.Conflict, "StatusConflict InvalidStateSetting OverwriteModeNotAllowed"),
        (errors.ServiceUnavailable, "InternalServerError ServiceUnavailable BadGateway"),
        (errors.ServiceUnavailable, "ODPS-0010000 ODPS-0420153 ODPS-0430055"),
        (errors.ServiceError, "InvalidArgument InvalidParameter ODPS-0420411 MethodNotAllowed"),
    ],
)
def test_the_code_decides_whatever_the_status(kind: type[ServiceError], codes: str) -> None:
    for code in codes.split():
        for status in (400, 404, 409, 429, 500):
            error = refusal(code, status)
            assert type(error) is kind, (code, status)
            assert (error.code, error.status) == (code, status)
        assert type(refusal(f"{code}: said at length - ", 400)) is kind


@pytest.mark.parametrize(
    ("status", "alone", "with_unknown_code"),
    [
        (400, errors.ServiceError, errors.ServiceError),
        (401, errors.AuthenticationError, errors.ServiceError),
        (403, errors.PermissionDenied, errors.ServiceError),
        (404, errors.NotFound, errors.ServiceError),
        (408, errors.ServiceUnavailable, errors.ServiceUnavailable),
        (409, errors.Conflict, errors.Conflict),
        (429, errors.Throttled, errors.Throttled),
        (500, errors.ServiceUnavailable, errors.ServiceUnavailable),
        (503, errors.ServiceUnavailable, errors.ServiceUnavailable),
    ],
)
def test_the_status_decides_where_no_known_code_does(
    status: int, alone: type[ServiceError], with_unknown_code: type[ServiceError]
) -> None:
    assert type(refusal(None, status)) is alone
    assert type(refusal("Novelty", status)) is with_unknown_code
    assert type(refusal("ODPS-9999999: novelty", status)) is with_unknown_code


def test_the_text_decides_nothing() -> None:
    said = {"Code": "Novelty", "Message": "NoSuchTable: session is expired, 429, Unauthorized"}
    assert type(decode_error(answer(said, 400))) is ServiceError


def test_a_code_at_the_front_of_another_is_not_that_code() -> None:
    assert type(refusal("NoPermissionNeeded", 400)) is ServiceError
    assert type(refusal("Novelty: NoPermission", 400)) is ServiceError


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_is_an_error(status: int) -> None:
    response = Response.of(b"", status=status, headers={"Location": "http://elsewhere/"})
    error = decode_error(response)
    assert isinstance(error, ServiceUnavailable) is (status == 308)
    assert "'http://elsewhere/'" in error.message
    assert error.status == status


def test_what_may_have_been_carried_out_says_so() -> None:
    error = refusal("InternalServerError", 500)
    assert isinstance(error, ServiceUnavailable)
    assert error.sent is True


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": " 7 "}, 7.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-7"}, None),
        ({"Retry-After": "9" * 400}, None),
        ({"Retry-After": "Fri, 02 Jan 2026 03:04:15 GMT"}, None),
        (
            {
                "Retry-After": "Fri, 02 Jan 2026 03:04:15 GMT",
                "Date": "Fri, 02 Jan 2026 03:04:05 GMT",
            },
            10.0,
        ),
        (
            {
                "Retry-After": "Fri, 02 Jan 2026 03:04:05 GMT",
                "Date": "Fri, 02 Jan 2026 03:04:15 GMT",
            },
            0.0,
        ),
        (
            {
                "Retry-After": "Fri, 02 Jan 2026 03:04:05 -0000",
                "Date": "Fri, 02 Jan 2026 03:04:05 GMT",
            },
            None,
        ),
    ],
)
def test_the_wait_is_what_the_service_asks_for(
    fields: Mapping[str, str], seconds: float | None
) -> None:
    assert decode_error(Response.of(b"{}", status=429, headers=fields)).retry_after == seconds


@pytest.mark.parametrize(
    "content",
    [
        b'{"Code": "NoSuchTable", "Message": "gone", "RequestId": "r"}',
        b'{"code": "NoSuchTable", "message": "gone", "RequestId": "r"}',
        b"<Error><Code>NoSuchTable</Code><Message>gone</Message><RequestId>r</RequestId></Error>",
    ],
)
def test_both_forms_are_read_whatever_their_type(content: bytes) -> None:
    error = decode_error(Response.of(content, status=400, headers={"Content-Type": "text/plain"}))
    assert type(error) is errors.NotFound
    assert (error.code, error.message, error.request_id) == ("NoSuchTable", "gone", "r")


def test_the_request_id_of_the_header_counts_first() -> None:
    response = answer({"RequestId": "body"}, 400, **{"x-odps-request-id": "header"})
    assert decode_error(response).request_id == "header"


def test_an_error_without_words_shows_what_came() -> None:
    assert "b'<html>no</html>'" in decode_error(Response.of(b"<html>no</html>", status=502)).message
    assert "no explanation" in decode_error(Response.of(b" ", status=502)).message


def test_an_error_whose_body_breaks_off_is_told_by_its_status() -> None:
    error = decode_error(Response(404, Headers({"x-odps-request-id": "r"}), CutBody()))
    assert type(error) is errors.NotFound
    assert error.request_id == "r"


CONTENTS = st.binary(max_size=60) | st.sampled_from(
    ['<Error a="%s">%s</Error>', '{"Code": %s, "Message": %s}']
).flatmap(
    lambda form: st.tuples(st.text(max_size=8), st.text(max_size=8)).map(
        lambda parts: (form % parts).encode()
    )
)


@given(
    content=CONTENTS,
    status=st.integers(100, 999),
    fields=st.dictionaries(
        st.sampled_from(["Retry-After", "Date", "Location", "x-odps-request-id"]),
        st.text(max_size=12),
    ),
)
@example(b"[" * 100_000, 500, {})
@example(b"<a>" * 100_000, 500, {})
@example(b'<?xml version="1.0" encoding="utf-7"?><Error/>', 400, {})
@example(b'<?xml version="1.0" encoding="nowhere"?><Error/>', 400, {})
@example(b'<?xml version="1.0" encoding="shift_jis"?><Error/>', 400, {})
@example(b'<!DOCTYPE a [<!ENTITY b "c">]><Error><Code>&b;</Code></Error>', 400, {})
@example(b'{"Code": {"a": 1}, "Message": []}', 400, {})
def test_making_an_error_never_fails(content: bytes, status: int, fields: dict[str, str]) -> None:
    error = decode_error(Response.of(content, status=status, headers=fields))
    assert isinstance(error, ServiceError)
    assert error.status == status
    assert error.message


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"))


@given(
    kind=st.sampled_from(KINDS),
    message=WORDS.filter(lambda text: bool(text.strip())),
    retry_after=st.none() | st.integers(0, 99).map(float),
    xml=st.booleans(),
)
def test_errors_come_back(
    kind: type[ServiceError], message: str, retry_after: float | None, *, xml: bool
) -> None:
    sent = kind(message, retry_after=retry_after)
    heard = decode_error(encode_error(sent, xml=xml, request_id="r"))
    assert type(heard) is kind
    assert (heard.message, heard.request_id, heard.retry_after) == (message, "r", retry_after)
    assert heard.code
    assert heard.status


@given(message=st.text(min_size=1), xml=st.booleans())
def test_any_text_can_be_answered(message: str, *, xml: bool) -> None:
    error = ServiceError(message, status=418, code="Novelty")
    heard = decode_error(encode_error(error, xml=xml, request_id="r"))
    assert (heard.status, heard.code) == (418, "Novelty")


def test_the_four_parts_are_always_there() -> None:
    error = ServiceError("why <&>", status=400, code="InvalidArgument")
    written = encode_error(error, xml=True, request_id="r", host_id="h")
    assert written.headers["Content-Type"] == "application/xml"
    assert written.read().endswith(
        b"<Error><Code>InvalidArgument</Code><Message>why &lt;&amp;&gt;</Message>"
        b"<RequestId>r</RequestId><HostId>h</HostId></Error>"
    )
    spoken = encode_error(error, xml=False, request_id="r", host_id="h")
    assert spoken.headers["x-odps-request-id"] == "r"
    assert json.loads(spoken.read()) == {
        "Code": "InvalidArgument",
        "Message": "why <&>",
        "RequestId": "r",
        "HostId": "h",
    }


def test_an_error_that_nobody_foresaw_is_a_fault_of_the_service() -> None:
    heard = decode_error(encode_error(ServiceError("?"), xml=False, request_id="r"))
    assert (type(heard), heard.status) == (ServiceUnavailable, 500)


def test_an_error_is_never_answered_as_a_success() -> None:
    error = ProtocolError("an answer from elsewhere was broken", status=200)
    assert encode_error(error, xml=False, request_id="r").status == 500


def test_waiting_is_rounded_up_to_whole_seconds() -> None:
    error = errors.Throttled("slow down", retry_after=0.2)
    assert encode_error(error, xml=False, request_id="").headers["Retry-After"] == "1"


def test_an_answer_without_end_is_not_kept() -> None:
    piece = b" " * (1 << 20)
    endless = Response(200, Headers(), ChunkReader(piece for _ in range(65)))
    with pytest.raises(ProtocolError, match="more than 67108864 bytes"):
        decode_document(endless)

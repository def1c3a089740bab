"""Recorded answers that are errors, or no answers at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from odps_frames.errors import (
    AuthenticationError,
    NotFound,
    ProtocolError,
    ServiceError,
    ServiceUnavailable,
    Throttled,
)
from odps_frames.model.read import ReadSpec
from odps_frames.model.table import TableRef
from odps_frames.wire import read_session
from odps_frames.wire.reply import decode_error, encode_error

if TYPE_CHECKING:
    from tests.golden.conftest import Golden

NEWER = ReadSpec(table=TableRef("golden_project", "golden_table"))
OLDER = ReadSpec(table=TableRef("golden_project", "golden_table", "default"))
REQUEST_ID = "2026010203040566600000000000000001"
COMPOSITE = "ODPS-0420411: Invalid argument - "


@dataclass(frozen=True, slots=True)
class Case:
    """What we make of one recording."""

    kind: type[ServiceError]
    code: str
    message: str
    retry_after: float | None = None


NOT_A_BLOB = "Specified cid 0 does not refer to a blob column."
CASES: dict[str, Case] = {
    "ms-v2-error-json-400": Case(ServiceError, COMPOSITE, NOT_A_BLOB),
    "ms-v2-retry-429-1": Case(Throttled, "FlowExceeded", "slow down"),
    "ms-v2-retry-503-1": Case(ServiceUnavailable, "ServiceUnavailable", "busy"),
    "v2-error-200-not-json": Case(ProtocolError, "", "b'<html/>'"),
    "v2-error-empty-404": Case(NotFound, "", "status 404 and no explanation"),
    "v2-error-empty-500": Case(ServiceUnavailable, "", "status 500 and no explanation"),
    "v2-error-json-400-invalid-argument": Case(ServiceError, COMPOSITE, NOT_A_BLOB),
    "v2-error-json-404-no-such-table": Case(
        NotFound, "NoSuchTable", "The specified table name does not exist."
    ),
    "v2-error-json-429-flow-exceeded": Case(
        Throttled, "FlowExceeded", "Your flow quota is exceeded.", 1.0
    ),
    "v2-error-json-no-code": Case(ServiceUnavailable, "", "boom"),
    "v2-error-xml-401": Case(
        AuthenticationError,
        "Unauthorized",
        "The request authorization header is invalid or missing.",
    ),
    # The recorded client finds no code here, because it insists on all four elements.
    "v2-error-xml-missing-hostid": Case(NotFound, "NoSuchTable", "gone"),
}
COVERED = frozenset(CASES)


@pytest.mark.parametrize("stem", sorted(COVERED))
def test_request_before_it_is_an_ordinary_one(golden: Golden, stem: str) -> None:
    spec = NEWER if stem.startswith("ms-") else OLDER
    golden.assert_reproduced(stem, read_session.encode_create(spec))
    assert read_session.decode_create(golden[stem].request) == spec


@pytest.mark.parametrize("stem", sorted(COVERED))
def test_client_raises_what_was_answered(golden: Golden, stem: str) -> None:
    case, response = CASES[stem], golden[stem].response
    with pytest.raises(ServiceError) as raised:
        read_session.decode_info(response)
    error = raised.value
    assert type(error) is case.kind
    assert (error.code, error.status) == (case.code, response.status)
    assert (error.request_id, error.retry_after) == (REQUEST_ID, case.retry_after)
    assert case.message in error.message


@pytest.mark.parametrize("xml", [False, True])
@pytest.mark.parametrize("stem", sorted(COVERED - {"v2-error-200-not-json"}))
def test_what_the_service_answers_is_understood(golden: Golden, stem: str, *, xml: bool) -> None:
    meant = decode_error(golden[stem].response)
    heard = decode_error(encode_error(meant, xml=xml, request_id=REQUEST_ID))
    assert type(heard) is type(meant)
    assert (heard.message, heard.status) == (meant.message, meant.status)
    assert heard.code == (meant.code or heard.code)
    assert (heard.request_id, heard.retry_after) == (meant.request_id, meant.retry_after)

"""What every answer carries, and errors as the service writes them."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from odps_frames.errors import OdpsError, ProtocolError
from odps_frames.wire import documents, names
from odps_frames.wire import xml as markup
from odps_frames.wire.error_codes import customary_answer, error_class
from odps_frames.wire.http import ERROR_BODY_BYTES, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from odps_frames.errors import ServiceError
    from odps_frames.wire.http import Headers

__all__ = [
    "Reply",
    "decode_document",
    "decode_error",
    "decode_reply",
    "encode_error",
    "encode_reply",
    "encode_warning",
]

T = TypeVar("T")

MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
QUOTED_BYTES = 200
WARNING = "WarningMessage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Generic[T]):
    """A value, in the envelope of the answer that brought it."""

    value: T
    request_id: str = ""
    route_token: str | None = None
    warning: str | None = None


def encode_reply(
    document: Mapping[str, object],
    *,
    request_id: str = "",
    route_token: str | None = None,
    warning: str | None = None,
) -> Response:
    """Answer with a JSON object; members that are None are left out."""
    members = {key: value for key, value in document.items() if value is not None}
    if warning is not None:
        members[WARNING] = warning
    fields = {names.REQUEST_ID: request_id, "Content-Type": "application/json"}
    if route_token is not None:
        fields[names.ROUTE_TOKEN] = route_token
    return Response.of(json.dumps(members).encode(), headers=fields)


def encode_warning(response: Response, warning: str) -> Response:
    """Put a warning into an answer that is a JSON object; another one is left as it is."""
    if not response.ok or response.headers.get("Content-Type") != "application/json":
        return response
    document = documents.load(response.read()) | {WARNING: warning}
    return Response.of(
        json.dumps(document).encode(), status=response.status, headers=dict(response.headers)
    )


def decode_document(response: Response) -> dict[str, Any]:
    """Read the JSON object of an answer.

    Raises
    ------
    ServiceError
        The error that the service answered with.
    ProtocolError
        When a successful answer is no JSON object.
    """
    return _decode(response, dict, may_be_empty=False)


def decode_reply(
    response: Response, decode: Callable[[dict[str, Any]], T], *, may_be_empty: bool = False
) -> Reply[T]:
    """Read the value of an answer, with what every answer carries.

    Raises
    ------
    ServiceError
        The error that the service answered with.
    ProtocolError
        When the answer is no JSON object, or ``decode`` finds a ValueError in it; it quotes the
        request id and the first 200 bytes.
    """

    def enveloped(document: dict[str, Any]) -> Reply[T]:
        return Reply(
            value=decode(document),
            request_id=_request_id(response.headers),
            route_token=response.headers.get(names.ROUTE_TOKEN),
            warning=documents.text(document, WARNING),
        )

    return _decode(response, enveloped, may_be_empty=may_be_empty)


def _decode(response: Response, decode: Callable[[dict[str, Any]], T], *, may_be_empty: bool) -> T:
    if not response.ok:
        raise decode_error(response)
    content = response.read(MAX_DOCUMENT_BYTES + 1)
    try:
        if len(content) > MAX_DOCUMENT_BYTES:
            msg = f"more than {MAX_DOCUMENT_BYTES} bytes"
            raise ValueError(msg)  # noqa: TRY301  one way out for all that is wrong
        blank = may_be_empty and not content.strip()
        return decode({} if blank else documents.load(content))
    except (ValueError, RecursionError) as error:
        msg = f"the answer breaks the protocol: {error}; it begins {content[:QUOTED_BYTES]!r}"
        raise ProtocolError(
            msg, status=response.status, request_id=_request_id(response.headers)
        ) from error


def _request_id(headers: Headers) -> str:
    return headers.get(names.REQUEST_ID, "")


def encode_error(
    error: ServiceError, *, xml: bool, request_id: str, host_id: str = "localhost"
) -> Response:
    """Answer with an error; the REST API speaks XML, the Storage API JSON (protocol.md §16.1)."""
    status, code = customary_answer(error)
    if error.status is not None and error.status >= 400:  # noqa: PLR2004  where errors begin
        status = error.status
    said = {
        "Code": error.code or code,
        "Message": error.message,
        "RequestId": request_id,
        "HostId": host_id,
    }
    if xml:
        parts = (markup.element(name, _NOT_XML.sub("\ufffd", part)) for name, part in said.items())
        content = markup.serialize(markup.element("Error", *parts))
    else:
        content = json.dumps(said).encode()
    fields = {
        names.REQUEST_ID: request_id,
        "Content-Type": names.XML if xml else "application/json",
    }
    if error.retry_after is not None:
        fields["Retry-After"] = str(math.ceil(error.retry_after))
    return Response.of(content, status=status, headers=fields)


_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def decode_error(response: Response) -> ServiceError:
    """Make the error that an answer stands for; this itself never fails.

    JSON and XML are told apart by trying, whatever the content type says (protocol.md §16.1).
    """
    content = _error_body(response)
    said = _read_xml_error(content) or _read_json_error(content) or {}
    code = said.get("Code") or ""
    return error_class(code, response.status)(
        said.get("Message") or _describe(response, content),
        status=response.status,
        code=code,
        request_id=_request_id(response.headers) or said.get("RequestId") or "",
        retry_after=_retry_after(response.headers),
    )


def _error_body(response: Response) -> bytes:
    try:
        return response.read(ERROR_BODY_BYTES)
    except (OdpsError, OSError, EOFError):
        return b""  # the status tells enough


def _read_xml_error(content: bytes) -> dict[str, str | None] | None:
    try:
        root = markup.parse(content)
    except (ValueError, LookupError):
        return None
    said = {name: root.text_of(name) for name in ("Code", "Message", "RequestId")}
    return said if said["Code"] or said["Message"] else None


def _read_json_error(content: bytes) -> dict[str, str | None] | None:
    try:
        document = documents.load(content)
        return {
            "Code": documents.text(document, "Code", "code"),
            "Message": documents.text(document, "Message", "message"),
            "RequestId": documents.text(document, "RequestId"),
        }
    except ValueError:
        return None


def _describe(response: Response, content: bytes) -> str:
    if 300 <= response.status < 400:  # noqa: PLR2004  the range is the definition
        place = response.headers.get("Location")
        where = f" to {place!r}" if place else ""
        return f"the service redirects{where}; expected an answer from the endpoint itself"
    shown = repr(content[:QUOTED_BYTES]) if content.strip() else "no explanation"
    return f"the service answered with status {response.status} and {shown}"


def _retry_after(headers: Headers) -> float | None:
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        seconds = float(text) if text.isascii() and text.isdigit() else _until(text, headers)
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if seconds is not None and math.isfinite(seconds) else None


def _until(text: str, headers: Headers) -> float | None:
    """Seconds to a date, by the clock of the service, because ours may be wrong."""
    now = headers.get("Date")
    if now is None:
        return None
    return max(0.0, (parsedate_to_datetime(text) - parsedate_to_datetime(now)).total_seconds())

"""What all answers of the REST API share: bodies in XML, JSON or plain text, and times."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

from odps_frames.errors import ProtocolError
from odps_frames.wire import names, xml
from odps_frames.wire.http import Response
from odps_frames.wire.reply import Reply, decode_error

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "broken",
    "epoch_seconds",
    "epoch_time",
    "json_answer",
    "name_of",
    "owner_headers",
    "paging",
    "read_text",
    "read_xml",
    "reply_of",
    "rfc822",
    "rfc822_time",
    "text_answer",
    "whole_number",
    "xml_answer",
]

T = TypeVar("T")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SHOWN_BYTES = 200
MAX_ITEMS = 1000


def xml_answer(
    root: xml.Element,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    request_id: str = "",
) -> Response:
    """Answer with a document."""
    return _answer(xml.serialize(root), names.XML, status, headers, request_id)


def json_answer(document: object, *, request_id: str = "") -> Response:
    """Answer with a JSON document."""
    return _answer(json.dumps(document).encode(), "application/json", 200, None, request_id)


def text_answer(text: str, *, request_id: str = "") -> Response:
    """Answer with plain text, and no line break behind it."""
    return _answer(text.encode(), "text/plain", 200, None, request_id)


def _answer(
    content: bytes, kind: str, status: int, headers: Mapping[str, str] | None, request_id: str
) -> Response:
    fields = {names.REQUEST_ID: request_id, "Content-Type": kind, **(headers or {})}
    return Response.of(content, status=status, headers=fields)


def read_xml(response: Response, root: str) -> xml.Element:
    """Read the document of an answer; an error of the service is raised.

    Raises
    ------
    ProtocolError
        When the body is no XML with that root.
    """
    if not response.ok:
        raise decode_error(response)
    content = response.read(xml.MAX_BYTES + 1)
    try:
        found = xml.parse(content)
    except ValueError as error:
        raise broken(response, f"no <{root}> in the answer: {error}", content) from None
    if found.name != root:
        raise broken(response, f"<{found.name}> came where <{root}> was expected", content)
    return found


def read_text(response: Response, limit: int = 4096) -> str:
    """Read a plain body; an error of the service is raised."""
    if not response.ok:
        raise decode_error(response)
    content = response.read(limit)
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise broken(response, "the answer is no text", content) from None


def reply_of(value: T, response: Response) -> Reply[T]:
    """Put a value in the envelope of its answer."""
    return Reply(value=value, request_id=response.headers.get(names.REQUEST_ID, ""))


def paging(marker: str | None) -> tuple[xml.Element, xml.Element]:
    """Write what every page of a list begins with."""
    return xml.element("Marker", marker or ""), xml.element("MaxItems", str(MAX_ITEMS))


def owner_headers(owner: str, created: str, modified: str) -> dict[str, str]:
    """Write the header fields in which an answer says what its document leaves out."""
    fields = {
        "x-odps-owner": owner,
        "x-odps-creation-time": created,
        "Last-Modified": modified,
    }
    return {name: value for name, value in fields.items() if value or name == "x-odps-owner"}


def name_of(node: xml.Element, response: Response) -> str:
    """Read the name of an object, which every object has."""
    name = node.text_of("Name")
    if name is None:
        raise broken(response, f"a <{node.name}> without a <Name>")
    return name


def broken(response: Response, what: str, content: bytes = b"") -> ProtocolError:
    """Make the error for an answer that breaks the protocol."""
    shown = f"; it begins {content[:SHOWN_BYTES]!r}" if content else ""
    return ProtocolError(
        what + shown,
        status=response.status,
        request_id=response.headers.get(names.REQUEST_ID, ""),
    )


def rfc822(time: datetime | None) -> str:
    """Write a time as header fields do; nothing for None."""
    return format_datetime(time.astimezone(UTC), usegmt=True) if time is not None else ""


def rfc822_time(text: str | None) -> datetime | None:
    """Read a time as header fields have it; what is no time reads as absent."""
    try:
        time = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    if time is None or time == EPOCH:
        return None  # what has no time of its own is said to be from 1970
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def epoch_seconds(time: datetime | None) -> int:
    """Write a time as whole seconds; 0 for None, because readers take no null."""
    return int(time.timestamp()) if time is not None else 0


def epoch_time(seconds: object) -> datetime | None:
    """Read a time in seconds, as a number or as text; 0 and what is no number are absent."""
    number = whole_number(seconds)
    try:
        return datetime.fromtimestamp(number, UTC) if number else None
    except (OverflowError, ValueError, OSError):
        return None


def whole_number(value: object) -> int | None:
    """Read a number or the text of one; negative ones say that it is not known."""
    try:
        number = int(value) if isinstance(value, int | str) else None
    except ValueError:
        return None
    return number if number is not None and number >= 0 else None

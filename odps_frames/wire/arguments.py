"""What the service reads out of a request, and how it refuses what it cannot make out."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

from odps_frames.errors import ServiceError
from odps_frames.model.table import TableRef
from odps_frames.wire import documents, names
from odps_frames.wire.envelope import decode_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from odps_frames.model.table import InstanceRef
    from odps_frames.wire.http import Request

__all__ = [
    "document_of",
    "known_only",
    "query_of",
    "refusing",
    "session_of",
    "table_of",
    "target_of",
]

T = TypeVar("T")


def refusing(decode: Callable[[Request], T]) -> Callable[[Request], T]:
    """Make a decoder answer a malformed request with ``InvalidArgument`` (protocol.md §16.3)."""

    @functools.wraps(decode)
    def checked(request: Request) -> T:
        try:
            return decode(request)
        except ValueError as error:
            action = query_of(request).get(names.ACTION, request.operation)
            msg = f"cannot carry out {action or request.path!r}: {error}"
            raise ServiceError(msg, status=400, code="InvalidArgument") from error

    return checked


def known_only(document: Mapping[str, Any], names: Iterable[str]) -> None:
    """Refuse a member that is none of these: an option that is passed over would be a lie."""
    known = set(names)
    for name in document:
        if name not in known:
            msg = f"{name!r} is not known; expected members of {sorted(known)}"
            raise ValueError(msg)


def query_of(request: Request) -> dict[str, str]:
    """Return the query parameters; the last of several equal names counts."""
    return dict(request.query)


def document_of(request: Request, known: Iterable[str] | None = None) -> dict[str, Any]:
    """Return the JSON body, which has none but the known members; an empty one holds nothing."""
    content = request.read_body()
    document = documents.load(content, unique=True) if content.strip() else {}
    if known is not None:
        known_only(document, known)
    return document


def target_of(request: Request) -> TableRef | InstanceRef:
    """Return what the request is about."""
    return decode_target(documents.needed(query_of(request), names.TARGET))


def table_of(request: Request) -> TableRef:
    """Return the table that the request is about."""
    target = target_of(request)
    if not isinstance(target, TableRef):
        msg = f"target {target}; expected a table"
        raise ValueError(msg)  # noqa: TRY004  whatever does not fit is a ValueError here
    return target


def session_of(request: Request) -> str:
    """Return the session that the request is about."""
    return documents.needed(query_of(request), names.SESSION_ID)

"""What every answer carries, and errors as the service writes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from odps_frames.errors import ServiceError
    from odps_frames.wire.http import Response

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Generic[T]):
    """A value, in the envelope of the answer that brought it."""

    value: T
    request_id: str = ""
    route_token: str | None = None
    warning: str | None = None


def decode_document(response: Response) -> dict[str, Any]: ...   # reads body; not ok -> raise decode_error; 2xx non-JSON / not an object -> ProtocolError quoting request id + first 200 bytes


def decode_error(response: Response) -> ServiceError: ...   # JSON and XML, plain, empty; never raises; table of code -> class (protocol 16.2/16.3); Retry-After header -> retry_after


def encode_error(error: ServiceError, *, xml: bool, request_id: str, host_id: str = "localhost") -> Response: ...

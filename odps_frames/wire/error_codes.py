"""Which class stands for which error of the service (protocol.md §16.2, §16.3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from odps_frames import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["customary_answer", "error_class"]

_BY_CLASS: Mapping[type[errors.ServiceError], tuple[str, ...]] = {
    errors.AuthenticationError: (
        "Unauthorized",
        "AuthorizationRequired",
        "SignatureNotMatch",
        "AuthenticationRequestExpired",
        "RequestTimeTooSkewed",
        "RequestTimeTooSkewd",  # the service itself has both spellings
        "ODPS-0410031",
        "ODPS-0410042",
        "ODPS-0410051",
    ),
    errors.PermissionDenied: ("NoPermission", "AccessDenied", "ODPS-0130013"),
    errors.NotFound: ("ODPS-0130131",),
    errors.Throttled: ("SlotExceeded", "FlowExceeded", "QPSExceeded", "RequestQuotaExceeded"),
    errors.SessionExpired: ("SessionExpired", "StreamSessionNotFound", "UpsertSessionNotFound"),
    errors.Conflict: (
        "ObjectAlreadyExists",
        "TableModified",
        "SchemaModified",
        "DataVersionConflict",
        "StatusConflict",
        "InvalidStateSetting",
        "OverwriteModeNotAllowed",
    ),
    errors.ServiceUnavailable: (
        "InternalServerError",
        "ServiceUnavailable",
        "BadGateway",
        "BadGatewayError",
        "ReadMetaError",
        "DataVersionError",
        "DataUnderReplication",
        "CorruptedDataStream",
        "InternalConnectionError",
        "ODPS-0010000",
        "ODPS-0110141",
        "ODPS-0420153",
        "ODPS-0430055",
    ),
    errors.ServiceError: (
        "InvalidArgument",
        "InvalidParameter",
        "InvalidPartitionSpec",
        "InvalidRowRange",
        "MalformedDataStream",
        "MethodNotAllowed",
        "ParseError",
        "SchemaParseError",
        "ScriptError",
        "InstanceNotTerminate",
        "InstanceTypeNotSupported",
        "InvalidProjectTable",
        "ODPS-0123055",
        "ODPS-0130161",
        "ODPS-0420411",
    ),
}
_BY_CODE = {code: kind for kind, codes in _BY_CLASS.items() for code in codes}
_NUMBER = re.compile(r"ODPS-\d{7}")

_BY_STATUS: Mapping[int, type[errors.ServiceError]] = {
    408: errors.ServiceUnavailable,
    409: errors.Conflict,
    429: errors.Throttled,
}
_BY_STATUS_ALONE: Mapping[int, type[errors.ServiceError]] = {
    401: errors.AuthenticationError,
    403: errors.PermissionDenied,
    404: errors.NotFound,
}
"""What counts only where the service gave no code."""

SLOT_REASSIGNED = 308
_REDIRECTIONS = range(300, 400)
_FAULTS = range(500, 600)

_CUSTOMARY: Mapping[type[errors.ServiceError], tuple[int, str]] = {
    errors.NotFound: (404, "NoSuchObject"),
    errors.PermissionDenied: (403, "NoPermission"),
    errors.AuthenticationError: (401, "Unauthorized"),
    errors.Throttled: (429, "FlowExceeded"),
    errors.ServiceUnavailable: (503, "ServiceUnavailable"),
    errors.SessionExpired: (400, "SessionExpired"),
    errors.Conflict: (409, "StatusConflict"),
}


def error_class(code: str, status: int) -> type[errors.ServiceError]:
    """Choose the class of an error: by its code, else by the status; never by its text."""
    if status in _REDIRECTIONS:
        unavailable = status == SLOT_REASSIGNED
        return errors.ServiceUnavailable if unavailable else errors.ServiceError
    if (known := _by_code(code)) is not None:
        return known
    if not code and status in _BY_STATUS_ALONE:
        return _BY_STATUS_ALONE[status]
    if status in _FAULTS:
        return errors.ServiceUnavailable
    return _BY_STATUS.get(status, errors.ServiceError)


def _by_code(code: str) -> type[errors.ServiceError] | None:
    number = _NUMBER.search(code)
    if number is not None:
        return _BY_CODE.get(number.group())
    name = code.partition(":")[0].strip()
    return errors.NotFound if name.startswith("NoSuch") else _BY_CODE.get(name)


def customary_answer(error: errors.ServiceError) -> tuple[int, str]:
    """Return status and code for an error that has none of its own."""
    for kind, answer in _CUSTOMARY.items():
        if isinstance(error, kind):
            return answer
    return 500, "InternalServerError"

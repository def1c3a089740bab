"""The error that the text of a failed task speaks of (protocol.md §16.3, §17.6)."""

from __future__ import annotations

import re

from odps_frames.errors import NotFound, PermissionDenied, ServiceError, SqlError

__all__ = ["sql_error"]

_CODED = re.compile(r"(ODPS-\d{7})\s*:\s*(?:\[(\d+),\s*(\d+)\])?\s*(.*)", re.DOTALL)
_MISSING = frozenset({"ODPS-0130131", "ODPS-0420111"})
"""No such table, no such project (protocol.md §16.3)."""
_FORBIDDEN = frozenset({"ODPS-0130013"})


def sql_error(text: str, instance_id: str) -> SqlError | ServiceError:
    """Make the error that the text of a failed task speaks of.

    The first ``ODPS-`` code in the text decides: a missing table or project is
    NotFound, a refusal PermissionDenied, all else SqlError with the place in the statement.
    """
    match = _CODED.search(text)
    code = match.group(1) if match else ""
    message = (
        f"{text.strip() or 'the statement failed and gave no reason'} (instance {instance_id})"
    )
    if code in _MISSING:
        return NotFound(message, code=code)
    if code in _FORBIDDEN:
        return PermissionDenied(message, code=code)
    line, column = (match.group(2), match.group(3)) if match else (None, None)
    return SqlError(
        message,
        code=code,
        instance_id=instance_id,
        line=int(line) if line else None,
        column=int(column) if column else None,
    )

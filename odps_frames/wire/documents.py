"""JSON objects and parameters read field by field; what does not fit is a ValueError.

A codec does not know which side it serves: :func:`odps_frames.wire.reply.decode_reply` turns the
ValueError into a ProtocolError, :func:`odps_frames.wire.arguments.refusing` into a refusal.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "flag",
    "load",
    "milliseconds",
    "needed",
    "number",
    "place",
    "rough_number",
    "section",
    "sections",
    "text",
    "texts",
    "time",
]

ABSENT = -1
"""What the wire says where a number is not known."""

MAX_DEPTH = 128
MAX_MEMBERS = 1_000_000
"""Of all objects and lists together; a few bytes of text become many times as many in memory."""
_MARK = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_LARGEST = 1 << 63

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = len(str(-(1 << 63)))


def load(content: bytes, *, unique: bool = False) -> dict[str, Any]:
    """Read a JSON object; with ``unique`` none in it may have two members of one name.

    Raises
    ------
    ValueError
        When the bytes are no JSON, or no object, or more than anybody means to say.
    """
    _check_size(content)
    try:
        document = json.loads(
            content.decode(),
            parse_constant=_refuse_constant,
            object_pairs_hook=_distinct if unique else None,
        )
        if _SURROGATE.search(content):
            json.dumps(document, ensure_ascii=False).encode()  # half a letter is no text
    except RecursionError:
        msg = "JSON that is nested too deeply"
        raise ValueError(msg) from None
    except ValueError as error:
        msg = f"not JSON: {error}"
        raise ValueError(msg) from None
    if not isinstance(document, dict):
        msg = f"a JSON {type(document).__name__}; expected an object"
        raise ValueError(msg)  # noqa: TRY004  whatever does not fit is a ValueError here
    return document


def _check_size(content: bytes) -> None:
    """Refuse JSON that would cost more than it is worth, before any of it is made."""
    n_marks = content.count(b"{") + content.count(b"[")
    if n_marks + content.count(b",") > MAX_MEMBERS:
        msg = f"JSON of more than {MAX_MEMBERS} members"
        raise ValueError(msg)
    if n_marks <= MAX_DEPTH:
        return
    depth = 0
    for match in _MARK.finditer(content):
        mark = match.group()
        depth += (mark in (b"{", b"[")) - (mark in (b"}", b"]"))
        if depth > MAX_DEPTH:
            msg = f"JSON that is nested too deeply; expected at most {MAX_DEPTH} levels"
            raise ValueError(msg)


def _refuse_constant(text: str) -> object:
    msg = f"{text} is no value of JSON"
    raise ValueError(msg)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        msg = f"the member {twice!r} stands twice"
        raise ValueError(msg)
    return found


def needed(fields: Mapping[str, Any], *keys: str) -> str:
    """Return the text under the first of these keys that has one; there must be one."""
    found = text(fields, *keys)
    if found is None:
        msg = f"{keys[0]} is missing"
        raise ValueError(msg)
    return found


def text(fields: Mapping[str, Any], *keys: str) -> str | None:
    """Return the text under the first of these keys that has one; empty text is none."""
    for key in keys:
        found = fields.get(key)
        if found is None or found == "":
            continue
        if isinstance(found, bool | dict | list):
            raise _unfit(key, found, "text")
        return str(found)
    return None


def number(fields: Mapping[str, Any], *keys: str) -> int | None:
    """Return the number under the first of these keys that has one; -1 says that none is known."""
    for key in keys:
        value = fields.get(key)
        if value is None or value == "":
            continue
        if (found := _whole(value)) is None or found < ABSENT:
            raise _unfit(key, value, "a whole number")
        return None if found == ABSENT else found
    return None


def place(fields: Mapping[str, Any], key: str) -> int | None:
    """Return a number that counts from zero; -1 is none that was left out, but a mistake."""
    found = number(fields, key)
    if found is None and fields.get(key) not in (None, ""):
        raise _unfit(key, fields[key], "a whole number, at least 0")
    return found


def rough_number(fields: Mapping[str, Any], key: str) -> int | None:
    """Return a number that nothing depends on; what is no number counts as absent."""
    found = _whole(fields.get(key))
    return None if found is None or found < 0 else found


def flag(fields: Mapping[str, Any], key: str, *, default: bool = False) -> bool:
    """Return a yes or no, which some clients write as text."""
    value = fields.get(key)
    if isinstance(value, bool):
        return value
    found = default if value is None else _FLAGS.get(str(value).strip().lower())
    if found is None:
        raise _unfit(key, value, "true or false")
    return found


_FLAGS = {"true": True, "false": False}


def texts(fields: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    """Return a list of texts, or of numbers as text; the wire says "all" by an empty one."""
    value = fields.get(key)
    if value is None:
        return None
    if not isinstance(value, list):
        raise _unfit(key, value, "a list of texts")
    for item in value:
        if isinstance(item, bool) or not isinstance(item, str | int):
            raise _unfit(key, value, "a list of texts")
    return tuple(map(str, value)) or None


def section(fields: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return an object inside of another; an absent one is empty."""
    value = fields.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _unfit(key, value, "an object")
    return value


def sections(fields: Mapping[str, Any], key: str) -> tuple[Mapping[str, Any], ...]:
    """Return a list of objects; an absent one is empty."""
    value = fields.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _unfit(key, value, "a list of objects")
    return tuple(value)


def time(fields: Mapping[str, Any], key: str) -> datetime | None:
    """Return a time given as milliseconds since 1970 or as ISO text, UTC where no zone is said.

    What is no time counts as absent: both forms are in the field (protocol.md §19, point 3).
    """
    value = fields.get(key)
    number = rough_number(fields, key)
    try:
        if number is not None:
            return _EPOCH + timedelta(milliseconds=number)
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        if found is None:
            return None
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def milliseconds(moment: datetime | None) -> int | None:
    """Write a time as whole milliseconds since 1970."""
    return None if moment is None else (moment - _EPOCH) // timedelta(milliseconds=1)


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        digits = value.strip()
        # int() alone would also take "1_000" and the digits of other scripts
        plain = digits.isascii() and digits.removeprefix("-").isdigit()
        return _whole(int(digits)) if plain and len(digits) <= _LONGEST else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and -_LARGEST <= value < _LARGEST:
        return value
    return None


def _unfit(key: str, value: object, wanted: str) -> ValueError:
    shown = repr(value)
    return ValueError(f"{key}={shown[:80]}; expected {wanted}")

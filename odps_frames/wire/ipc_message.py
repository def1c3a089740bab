"""What the head of an Arrow message says of its body, read before the body is decoded.

Arrow takes memory for as many bytes as a compressed buffer claims to become. So the claims are
added up first. The layout is that of ``Message.fbs`` of the Arrow format.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from odps_frames.wire.compression import FREE_PLAIN_BYTES, MAX_RATIO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

__all__ = ["plain_bytes_fault"]

_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3
_HEADER_TYPE, _HEADER = 1, 2
_DICTIONARY_DATA = 1
_BUFFERS, _COMPRESSION = 2, 3
_BUFFER_BYTES = 16
_CLAIM = struct.Struct("<q")
_NOT_COMPRESSED = -1


def plain_bytes_fault(head: Buffer, body: Buffer, max_bytes: int) -> str | None:
    """Say what is wrong with the sizes that the buffers of a message claim; None means nothing.

    Raises
    ------
    ValueError
        When the head cannot be read, or names buffers that the body does not have.
    """
    content = memoryview(body).cast("B")
    try:
        claimed = sum(_claims(memoryview(head).cast("B"), content))
    except (struct.error, IndexError) as error:
        msg = f"the head of a message is broken: {error}"
        raise ValueError(msg) from None
    if claimed > max_bytes:
        return f"a message claims to become {claimed} bytes; expected at most {max_bytes}"
    if claimed > max(FREE_PLAIN_BYTES, MAX_RATIO * len(content)):
        return (
            f"a message of {len(content)} bytes claims to become {claimed}; "
            f"expected at most {MAX_RATIO} times as many"
        )
    return None


def _claims(head: memoryview, body: memoryview) -> Iterator[int]:
    """Yield the size of every compressed buffer of a message, as it claims it."""
    message = _Table(head, _number(head, 0, "I"))
    kind_at = message.place(_HEADER_TYPE)
    kind = 0 if kind_at is None else head[kind_at]
    batch = message.table(_HEADER)
    if kind == _DICTIONARY_BATCH and batch is not None:
        batch = batch.table(_DICTIONARY_DATA)
    if kind not in (_DICTIONARY_BATCH, _RECORD_BATCH) or batch is None:
        return
    buffers = batch.place(_BUFFERS)
    if batch.place(_COMPRESSION) is None or buffers is None:
        return
    start = buffers + _number(head, buffers, "I")
    for place in range(start + 4, start + 4 + _BUFFER_BYTES * _number(head, start, "I"), 16):
        offset, length = _number(head, place, "q"), _number(head, place + 8, "q")
        if not length:
            continue
        if offset < 0 or length < _CLAIM.size or offset + length > len(body):
            raise IndexError("a buffer is outside of the body")
        (claim,) = _CLAIM.unpack_from(body, offset)
        if claim < _NOT_COMPRESSED:
            raise IndexError(f"a buffer claims {claim} bytes")
        yield length if claim == _NOT_COMPRESSED else claim


class _Table:
    """A table of a flat buffer: its members stand where its list of places says."""

    def __init__(self, data: memoryview, start: int) -> None:
        self._data = data
        self._start = start
        self._places = start - _number(data, start, "i")
        self._n_places = _number(data, self._places, "H")

    def place(self, member: int) -> int | None:
        """Return where a member stands; None where it is left out."""
        at = 4 + 2 * member
        if at + 2 > self._n_places:
            return None
        offset = _number(self._data, self._places + at, "H")
        return self._start + offset if offset else None

    def table(self, member: int) -> _Table | None:
        """Return a member that is a table itself."""
        place = self.place(member)
        return (
            None if place is None else _Table(self._data, place + _number(self._data, place, "I"))
        )


def _number(data: memoryview, place: int, form: str) -> int:
    if place < 0:
        raise IndexError("a place is before the beginning")
    (found,) = struct.unpack_from(f"<{form}", data, place)
    return int(found)

"""A body that can be told from others: what was read of it, as one short text."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from odps_frames.wire.http import BodyReader

__all__ = ["DigestingBody"]


class DigestingBody:
    """Passes a body on and takes its digest on the way."""

    def __init__(self, body: BodyReader) -> None:
        self._body = body
        self._hash = hashlib.blake2b(digest_size=16)

    def readinto(self, buffer: memoryview, /) -> int:
        """Read what is there."""
        n_read = self._body.readinto(buffer)
        self._hash.update(buffer[:n_read])
        return n_read

    def close(self) -> None:
        """Give up what is not read."""
        self._body.close()

    @property
    def digest(self) -> str:
        """Of all that was read so far."""
        return self._hash.hexdigest()

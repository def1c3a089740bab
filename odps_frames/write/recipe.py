"""A write session shared by its recipe: workers write, and the owner commits what they tell it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from odps_frames.transport.retry import RetryingTransport

if TYPE_CHECKING:
    import pyarrow as pa

    from odps_frames.model.write import WriteSpec
    from odps_frames.transport.base import Transport
    from odps_frames.transport.retry import Meter
    from odps_frames.wire.envelope import Envelope
    from odps_frames.write.session import Codec, WriteSession
    from odps_frames.write.stream import TableWriter

__all__ = ["SessionRecipe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecipe:
    """What a worker needs to write into a session that somebody else commits.

    It pickles, and holds no connection and no secret; made by ``WriteSession.recipe()``.
    """

    kind: type[WriteSession] = field(repr=False)
    transport: Transport = field(repr=False, compare=False)
    spec: WriteSpec
    session_id: str
    envelope: Envelope = field(repr=False)

    def open_stream(
        self, name: str = "part", *, schema: pa.Schema, compression: Codec = None
    ) -> TableWriter:
        """Open a stream of rows; its ``receipt`` is for the owner of the session.

        No two streams are the same, whatever their names. So a task that is tried again adds
        nothing: only what the owner is told of is committed.
        """
        return self.session().open_stream(
            f"{name}-{uuid.uuid4().hex}", schema=schema, compression=compression
        )

    def session(self, meter: Meter | None = None) -> WriteSession:
        """Return the session as a worker has it, who writes and does not commit."""
        below = self.transport
        retrying = below if isinstance(below, RetryingTransport) else None
        return self.kind(
            retrying.metered(meter) if retrying and meter else below,
            self.spec,
            self.session_id,
            self.envelope,
            policy=retrying.policy if retrying else None,
            meter=meter,
        )

    def joined(self) -> WriteSession:
        """Return the session as its owner has it, who commits; its state is asked for."""
        retrying = self.transport if isinstance(self.transport, RetryingTransport) else None
        return self.kind.attach(
            self.transport,
            self.spec,
            self.session_id,
            self.envelope,
            policy=retrying.policy if retrying else None,
        )

"""What the service says of write sessions and streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.catalog.sessions import ABANDONED, CLOSED, COMMITTED, OPEN
from odps_frames.model.lifecycle import StreamState
from odps_frames.model.write import StreamId, WriteSessionInfo, WriteStreamInfo
from odps_frames.wire.schema import write_schema_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odps_frames.emulator.catalog.sessions import KeptStream
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.open_session import OpenSession
    from odps_frames.model.lifecycle import SessionStatus

__all__ = ["session_info", "stream_info"]

_STATES = {
    OPEN: StreamState.OPEN,
    CLOSED: StreamState.CLOSED,
    COMMITTED: StreamState.CLOSED,
    ABANDONED: StreamState.ERROR,
}


def session_info(
    found: OpenSession,
    streams: Iterable[KeptStream] = (),
    *,
    status: SessionStatus | None = None,
    staging_id: int | None = None,
) -> WriteSessionInfo:
    """Say how a session and its streams stand."""
    return WriteSessionInfo(
        session_id=found.public_id,
        status=status or found.kept.status,
        streams=tuple(
            (StreamId(found.public_id, stream.stream, stream.version), _STATES[stream.state])
            for stream in streams
        ),
        min_uncommitted_staging_id=None if staging_id is None else str(staging_id),
    )


def stream_info(stream: KeptStream, table: Table) -> WriteStreamInfo:
    """Say how a stream stands, and why it is of no more use if so."""
    gone = stream.state == ABANDONED
    return WriteStreamInfo(
        state=_STATES[stream.state],
        n_rows=stream.n_rows,
        n_bytes=stream.n_bytes,
        error_code="StatusConflict" if gone else None,
        error_message="a newer version of the stream was opened" if gone else None,
        schema=write_schema_of(table.schema, primary_key=table.primary_key),
        table_id=table.id,
        schema_version=str(stream.schema_version),
        latest_schema_version=str(table.schema_version),
        row_offset=None if stream.access_token is None else stream.n_rows,
        access_token=stream.access_token,
    )

"""What to write, and what the service says of write sessions and streams."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from odps_frames.model.lifecycle import SessionStatus, StreamState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.model.table import TableRef
    from odps_frames.model.write_schema import WriteSchema

__all__ = [
    "StreamId",
    "WriteMode",
    "WriteReceipt",
    "WriteSessionInfo",
    "WriteSpec",
    "WriteStreamInfo",
]


class WriteMode(StrEnum):
    """How rows become visible; sent in API version 3 only (protocol.md §4)."""

    BATCH = "Batch"
    BATCH_COMPATIBLE = "BatchCompatible"
    STREAMING = "Streaming"
    STREAMING_REALTIME = "StreamingRealtime"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSpec:
    """Where to write, and whether to replace what is there."""

    table: TableRef
    partition: str = ""
    """Static front part of the partition, as ``pt=1,hh=2``; the rest comes from the data."""
    overwrite: bool = False
    quota: str | None = None
    schema_evolution: bool = False
    mode: WriteMode = WriteMode.BATCH
    flags: Mapping[str, str] = field(default_factory=dict)
    """Further flags, sent as they are."""


@dataclass(frozen=True, slots=True)
class StreamId:
    """One attempt at one stream of a write session."""

    session_id: str
    stream: str
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSessionInfo:
    """What the service says of a write session; ``streams`` only where it was asked."""

    session_id: str = ""
    status: SessionStatus = SessionStatus.UNKNOWN
    streams: tuple[tuple[StreamId, StreamState], ...] = ()
    min_uncommitted_staging_id: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteStreamInfo:
    """What the service says of a write stream."""

    state: StreamState = StreamState.UNKNOWN
    n_rows: int | None = None
    n_bytes: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    schema: WriteSchema | None = None
    table_id: str | None = None
    schema_version: str | None = None
    latest_schema_version: str | None = None
    row_offset: int | None = None
    access_token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteReceipt:
    """What the service says of one body of rows."""

    row_offset: int | None = None
    """The offset of the next row, in exactly-once mode."""
    commit_message: str | None = None
    staging_id: str | None = None
    n_rows: int | None = None

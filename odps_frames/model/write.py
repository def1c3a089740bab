"""What to write, and what the service says of write sessions and streams."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from odps_frames.model.lifecycle import SessionStatus, StreamState
from odps_frames.model.read import ArrowOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.model.schema import TableSchema
    from odps_frames.model.table import TableRef
    from odps_frames.model.write_schema import WriteSchema

__all__ = [
    "AUTO_COMMIT",
    "BlockOptions",
    "StreamId",
    "WriteMode",
    "WriteReceipt",
    "WriteSessionInfo",
    "WriteSpec",
    "WriteStreamInfo",
]


AUTO_COMMIT = "default"
"""The session of the streaming modes that nobody makes and nobody commits (protocol.md §8.1)."""


class WriteMode(StrEnum):
    """How rows become visible; sent in API version 3 only (protocol.md §4)."""

    BATCH = "Batch"
    BATCH_COMPATIBLE = "BatchCompatible"
    STREAMING = "Streaming"
    STREAMING_REALTIME = "StreamingRealtime"

    @classmethod
    def of(cls, name: str) -> WriteMode:
        """Read a mode as Python says it: ``"streaming_realtime"``.

        Raises
        ------
        ValueError
            When there is no such mode.
        """
        for mode in cls:
            if name in (mode, mode.value, mode.name.lower()):
                return mode
        known = [mode.name.lower() for mode in cls]
        msg = f"mode={name!r}; expected one of {known}"
        raise ValueError(msg)

    @property
    def streams(self) -> bool:
        """Whether rows are staged as they come, with a number each time."""
        return self in (WriteMode.STREAMING, WriteMode.STREAMING_REALTIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockOptions:
    """What a session of the block protocol may be asked for (protocol.md §9)."""

    enhance_write_check: bool = False
    """Let the service say in every receipt which block and attempt it stands for."""
    max_field_bytes: int | None = None
    """The longest text or binary value that is taken; None leaves it to the service."""
    max_partitions: int | None = None
    """So many partitions may be written at most; None leaves it to the service."""
    arrow: ArrowOptions = field(default_factory=ArrowOptions)
    """The units in which times come."""

    def __post_init__(self) -> None:
        if self.max_field_bytes is not None and self.max_field_bytes < _LEAST_FIELD_BYTES:
            msg = f"max_field_bytes={self.max_field_bytes}; expected at least {_LEAST_FIELD_BYTES}"
            raise ValueError(msg)
        if self.max_partitions is not None and self.max_partitions < 1:
            msg = f"max_partitions={self.max_partitions}; expected at least 1"
            raise ValueError(msg)


_LEAST_FIELD_BYTES = 1024


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
    exactly_once: bool = False
    """Number the rows of every stream, so that a body which comes again counts once."""
    blocks: BlockOptions | None = None
    """Of the block protocol, and only there."""

    def __post_init__(self) -> None:
        for name in ("overwrite", "schema_evolution", "exactly_once"):
            if not isinstance(value := getattr(self, name), bool):
                msg = f"{name}={value!r}; expected True or False"
                raise TypeError(msg)
        if self.blocks is not None and self.mode is not WriteMode.BATCH_COMPATIBLE:
            msg = f"blocks={self.blocks} in mode {self.mode.value}; only BatchCompatible has blocks"
            raise ValueError(msg)


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
    schema: TableSchema | None = None
    """Of the block protocol, as all three that follow (protocol.md §9)."""
    max_blocks: int | None = None
    """Numbers of blocks are below it; None is no bound."""
    enhance_write_check: bool | None = None


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
    quota_token: str | None = None
    """The right to write one attempt at one block (protocol.md §9)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteReceipt:
    """What the service says of one body of rows."""

    row_offset: int | None = None
    """The offset of the next row, in exactly-once mode."""
    commit_message: str | None = None
    staging_id: str | None = None
    n_rows: int | None = None

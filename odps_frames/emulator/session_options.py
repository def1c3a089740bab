"""What a write session was asked for beside its partition, as the catalog keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from odps_frames.model.read import ArrowOptions, TimeUnit
from odps_frames.model.write import BlockOptions, WriteMode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.model.write import WriteSpec

__all__ = ["SessionOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """The mode of a session, and what its streams and blocks may do."""

    mode: WriteMode = WriteMode.BATCH
    known_columns: int | None = None
    """With schema evolution: the number of the last column that was there at the beginning."""
    blocks: BlockOptions | None = None

    @classmethod
    def of(cls, spec: WriteSpec, last_column: int) -> SessionOptions:
        """Take what a request asks for."""
        blocks = spec.blocks
        if spec.mode is WriteMode.BATCH_COMPATIBLE and blocks is None:
            blocks = BlockOptions()
        known = last_column if spec.schema_evolution else None
        return cls(mode=spec.mode, known_columns=known, blocks=blocks)

    def encode(self) -> dict[str, Any]:
        """Write the options as plain JSON; what is usual is left out."""
        document: dict[str, Any] = {}
        if self.mode is not WriteMode.BATCH:
            document["mode"] = self.mode.value
        if self.known_columns is not None:
            document["known_columns"] = self.known_columns
        if self.blocks is not None:
            document["blocks"] = {
                "enhance_write_check": self.blocks.enhance_write_check,
                "max_field_bytes": self.blocks.max_field_bytes,
                "max_partitions": self.blocks.max_partitions,
                "timestamp_unit": self.blocks.arrow.timestamp_unit.value,
                "datetime_unit": self.blocks.arrow.datetime_unit.value,
            }
        return document

    @classmethod
    def decode(cls, document: Mapping[str, Any]) -> SessionOptions:
        """Read the options back."""
        said = document.get("blocks")
        return cls(
            mode=WriteMode(document.get("mode", WriteMode.BATCH)),
            known_columns=document.get("known_columns"),
            blocks=None if said is None else _decode_blocks(said),
        )


def _decode_blocks(said: Mapping[str, Any]) -> BlockOptions:
    return BlockOptions(
        enhance_write_check=said["enhance_write_check"],
        max_field_bytes=said["max_field_bytes"],
        max_partitions=said["max_partitions"],
        arrow=ArrowOptions(TimeUnit(said["timestamp_unit"]), TimeUnit(said["datetime_unit"])),
    )

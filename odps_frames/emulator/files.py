"""The rows themselves: Arrow IPC files that never change once they have their name."""

from __future__ import annotations

import os
import secrets
import shutil
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa

from odps_frames.emulator.immutable_files import UNFINISHED, Hold, ImmutableFiles, to_disk

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Files", "Hold", "Kept"]

SUFFIX = ".arrow"

Kept: TypeAlias = pa.RecordBatch
"""A batch as files hold it: columns by their field, times as kept."""


class Files(ImmutableFiles):
    """A folder of files of rows.

    Parameters
    ----------
    scratch : Path, optional
        Where what does not fit memory goes for a while; the system's place where left out.
    """

    def __init__(self, folder: Path, *, scratch: Path | None = None) -> None:
        super().__init__(folder)
        self.scratch = scratch

    def create(self, schema: pa.Schema) -> tuple[str, pa.RecordBatchFileWriter]:
        """Begin a file; it has no name that anybody knows until `finish`."""
        name = secrets.token_hex(16) + SUFFIX
        return name, pa.ipc.new_file(str(self._folder / (name + UNFINISHED)), schema)

    def finish(self, name: str) -> int:
        """Bring a written file to the disk under its name; return its size in bytes."""
        unfinished = self._folder / (name + UNFINISHED)
        to_disk(unfinished)
        n_bytes = unfinished.stat().st_size
        unfinished.rename(self._folder / name)
        return n_bytes

    def duplicate(self, name: str) -> str:
        """Give the rows of a file a second name; each of both may be deleted without the other."""
        other = secrets.token_hex(16) + SUFFIX
        try:
            os.link(self._folder / name, self._folder / other)
        except OSError:  # a file system without links
            shutil.copyfile(self._folder / name, self._folder / (other + UNFINISHED))
            self.finish(other)
        return other

    def open(self, name: str) -> pa.RecordBatchFileReader:
        """Map a file; its batches are parts of the map and cost no memory of their own."""
        return pa.ipc.open_file(pa.memory_map(str(self._folder / name)))

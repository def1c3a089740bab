"""The bytes of blobs: one file for each upload, which never changes once it has its name."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from odps_frames.emulator.immutable_files import UNFINISHED, ImmutableFiles, folder_to_disk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from odps_frames.wire.checksum import Digest

__all__ = ["BlobFiles", "NewBlobs"]

_SUFFIX = ".blobs"
_PIECE_BYTES = 1 << 18


class BlobFiles(ImmutableFiles):
    """A folder of files of blobs."""

    def create(self) -> NewBlobs:
        """Begin a file; it has no name that anybody knows until it is finished."""
        return NewBlobs(self._folder, secrets.token_hex(16) + _SUFFIX)

    def pieces(self, name: str, position: int, n_bytes: int) -> Iterator[bytes]:
        """Yield the bytes of one blob.

        Raises
        ------
        OSError
            When the file is gone, or shorter than that.
        """
        with (self._folder / name).open("rb") as file:
            file.seek(position)
            while n_bytes:
                piece = file.read(min(n_bytes, _PIECE_BYTES))
                if not piece:
                    raise OSError(f"file {name} of blobs lacks {n_bytes} bytes")
                n_bytes -= len(piece)
                yield piece


class NewBlobs:
    """A file of blobs as it is written."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self.name = name
        self._file = (folder / (name + UNFINISHED)).open("xb")
        self.n_bytes = 0

    def write(self, pieces: Iterable[memoryview], *digests: Digest) -> int:
        """Add a blob; return where it begins."""
        start = self.n_bytes
        for piece in pieces:
            self._file.write(piece)
            self.n_bytes += len(piece)
            for digest in digests:
                digest.update(piece)
        return start

    def finish(self) -> None:
        """Bring the file to the disk under its name."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        (self._folder / (self.name + UNFINISHED)).rename(self._folder / self.name)
        folder_to_disk(self._folder)

    def abandon(self) -> None:
        """Drop the file, finished or not."""
        try:
            self._file.close()
        except OSError:
            pass  # what could not be written is not wanted any more
        finally:
            for name in (self.name + UNFINISHED, self.name):
                (self._folder / name).unlink(missing_ok=True)

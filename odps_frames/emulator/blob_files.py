"""The bytes of blobs: one file for each upload, which never changes once it has its name.

Names are random and never made of anything that a caller said.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from odps_frames.wire.checksum import Digest

__all__ = ["BlobFiles", "NewBlobs"]

_SUFFIX = ".blobs"
_UNFINISHED = ".part"
_PIECE_BYTES = 1 << 18


class BlobFiles:
    """A folder of files of blobs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

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

    def delete(self, names: Iterable[str]) -> None:
        """Delete files; who reads one at this moment reads on, where the system allows it."""
        for name in names:
            with suppress(PermissionError):  # open, on systems that mind; the next start sweeps it
                (self._folder / name).unlink(missing_ok=True)

    def sweep(self, known: Collection[str]) -> int:
        """Delete every file that the catalog does not name; return how many there were."""
        orphans = [path for path in self._folder.iterdir() if path.name not in known]
        for path in orphans:
            path.unlink()
        return len(orphans)


class NewBlobs:
    """A file of blobs as it is written."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self.name = name
        self._file = (folder / (name + _UNFINISHED)).open("xb")
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
        (self._folder / (self.name + _UNFINISHED)).rename(self._folder / self.name)
        if os.name == "posix":
            handle = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def abandon(self) -> None:
        """Drop the file, finished or not."""
        self._file.close()
        for name in (self.name + _UNFINISHED, self.name):
            (self._folder / name).unlink(missing_ok=True)

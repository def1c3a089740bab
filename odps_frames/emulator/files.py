"""The rows themselves: Arrow IPC files that never change once they have their name.

A file is written under another name, brought to the disk and renamed; the catalog learns of it
afterwards. So what the catalog names is whole, and what it does not name is swept away at the
next start. Names are random and never made of anything that a caller said.
"""

from __future__ import annotations

import os
import secrets
import shutil
import threading
from collections import Counter, deque
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

__all__ = ["Files", "Hold", "Kept"]

SUFFIX = ".arrow"
UNFINISHED = ".part"

T = TypeVar("T")

Kept: TypeAlias = pa.RecordBatch
"""A batch as files hold it: columns by their field, times as kept."""


class Files:
    """A folder of immutable files, with those that are being read kept from deletion."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)
        self._guard = threading.Lock()
        self._holds: Counter[str] = Counter()
        self._doomed: set[str] = set()
        self._given_up: deque[list[str]] = deque()

    def create(self, schema: pa.Schema) -> tuple[str, pa.RecordBatchFileWriter]:
        """Begin a file; it has no name that anybody knows until `finish`."""
        name = secrets.token_hex(16) + SUFFIX
        return name, pa.ipc.new_file(str(self._folder / (name + UNFINISHED)), schema)

    def finish(self, name: str) -> int:
        """Bring a written file to the disk under its name; return its size in bytes."""
        unfinished = self._folder / (name + UNFINISHED)
        _to_disk(unfinished, os.O_RDWR)
        n_bytes = unfinished.stat().st_size
        unfinished.rename(self._folder / name)
        return n_bytes

    def settle(self) -> None:
        """Bring the names of finished files to the disk, once for several files."""
        if os.name == "posix":
            _to_disk(self._folder, os.O_RDONLY)

    def discard(self, name: str) -> None:
        """Drop a file that was begun and will not be finished."""
        (self._folder / (name + UNFINISHED)).unlink(missing_ok=True)

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

    def hold(self, find: Callable[[], tuple[Iterable[str], T]]) -> tuple[Hold, T]:
        """Keep the files that ``find`` names from deletion; return what else it found.

        What ``find`` reads in the catalog, and holding the files, are one step for whoever
        deletes.
        """
        with self._guard:
            names, found = find()
            held = list(names)
            self._holds.update(held)
        self._tidy()
        return Hold(self, held), found

    def let_go(self, names: list[str]) -> None:
        """Give up holding files; those that were to be deleted meanwhile are.

        The garbage collector may call this anywhere, also in a thread that has the guard already,
        so that this must not wait for it: whoever has the guard then tidies up after itself.
        """
        self._given_up.append(names)
        self._tidy()

    def delete(self, names: Iterable[str]) -> None:
        """Delete files, those that are being read as soon as nobody reads them."""
        with self._guard:
            doomed = set(names)
            held = {name for name in doomed if self._holds[name]}
            self._doomed |= held
            self._remove(doomed - held)
        self._tidy()

    def _tidy(self) -> None:
        while self._given_up and self._guard.acquire(blocking=False):
            try:
                while self._given_up:
                    self._holds.subtract(self._given_up.popleft())
                self._holds = +self._holds
                free = {name for name in self._doomed if not self._holds[name]}
                self._doomed -= free
                self._remove(free)
            finally:
                self._guard.release()

    def sweep(self, known: Collection[str]) -> int:
        """Delete every file that the catalog does not name; return how many there were."""
        orphans = [path for path in self._folder.iterdir() if path.name not in known]
        for path in orphans:
            path.unlink()
        return len(orphans)

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            try:
                (self._folder / name).unlink(missing_ok=True)
            except PermissionError:  # mapped, on systems that mind; the next start sweeps it
                continue


class Hold:
    """Files that stay until it is released, which happens at the latest when it is dropped."""

    def __init__(self, files: Files, names: list[str]) -> None:
        self._files = files
        self._names = names

    def over(self, rows: Iterator[T]) -> Iterator[T]:
        """Yield the rows and let go of the files."""
        try:
            yield from rows
        finally:
            self.release()

    def release(self) -> None:
        """Let go of the files; doing it twice does nothing."""
        names, self._names = self._names, []
        if names:
            self._files.let_go(names)

    def __del__(self) -> None:
        self.release()


def _to_disk(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

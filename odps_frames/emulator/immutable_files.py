"""A folder of files that never change once they have their name, kept while somebody reads them.

A file is written under another name, brought to the disk and renamed; the catalog learns of it
afterwards. So what the catalog names is whole, and what it does not name is swept away at the
next start. Names are random and never made of anything that a caller said.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections import Counter, deque
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

__all__ = ["UNFINISHED", "Hold", "ImmutableFiles", "folder_to_disk", "to_disk"]

UNFINISHED = ".part"
"""Ends the name of a file that is not whole yet."""

T = TypeVar("T")


class ImmutableFiles:
    """A folder of immutable files, with those that are being read kept from deletion."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)
        self._guard = threading.Lock()
        self._holds: Counter[str] = Counter()
        self._doomed: set[str] = set()
        self._given_up: deque[list[str]] = deque()

    def settle(self) -> None:
        """Bring the names of finished files to the disk, once for several files."""
        folder_to_disk(self._folder)

    def discard(self, name: str) -> None:
        """Drop a file that was begun and will not be finished."""
        (self._folder / (name + UNFINISHED)).unlink(missing_ok=True)

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
        doomed = set(names)
        if not doomed:
            return
        with self._guard:
            held = {name for name in doomed if self._holds[name]}
            self._doomed |= held
            self._remove(doomed - held)
        self._tidy()

    def sweep(self, known: Collection[str]) -> int:
        """Delete every file that the catalog does not name; return how many there were."""
        orphans = [path for path in self._folder.iterdir() if path.name not in known]
        for path in orphans:
            path.unlink()
        return len(orphans)

    def copy(self, names: Iterable[str], folder: Path) -> None:
        """Give files a second name in another folder, or copy them where the system has no links.

        They must be held meanwhile.
        """
        folder.mkdir()
        for name in names:
            try:
                os.link(self._folder / name, folder / name)
            except OSError:
                shutil.copyfile(self._folder / name, folder / name)
                to_disk(folder / name)
        folder_to_disk(folder)

    def close(self) -> None:
        """Delete nothing any more: the folder may be another one's, which sweeps it."""
        with self._guard:
            self._doomed.clear()

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

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            try:
                (self._folder / name).unlink(missing_ok=True)
            except OSError:  # mapped, on systems that mind, or read-only; the next start sweeps it
                continue


class Hold:
    """Files that stay until it is released, which happens at the latest when it is dropped."""

    def __init__(self, files: ImmutableFiles, names: list[str]) -> None:
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


def to_disk(path: Path, flags: int = os.O_RDWR) -> None:
    """Wait until the bytes of a file are on the disk."""
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def folder_to_disk(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where systems do that apart from files."""
    if os.name == "posix":
        to_disk(folder, os.O_RDONLY)

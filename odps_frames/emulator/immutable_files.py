"""A folder of files that never change once they have their name, kept while somebody reads them.

A file is written under another name, brought to the disk and renamed; the catalog learns of it
afterwards. So what the catalog names is whole, and what it does not name is swept away at the
next start. Names are random and never made of anything that a caller said.
"""

from __future__ import annotations

import itertools
import os
import shutil
import threading
from collections import Counter, deque
from typing import TYPE_CHECKING, TypeVar

from odps_frames.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
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
        self._doomed: dict[str, int] = {}
        """Files to delete, with the moment from which on nobody can find them any more."""
        self._searches: set[int] = set()
        """The moments at which those began that still look for files in the catalog."""
        self._moments = itertools.count()
        self._given_up: deque[list[str]] = deque()

    def is_empty(self) -> bool:
        """Whether there is no file at all."""
        with os.scandir(self._folder) as entries:
            return not any(entries)

    def settle(self) -> None:
        """Bring the names of finished files to the disk, once for several files."""
        folder_to_disk(self._folder)

    def discard(self, name: str) -> None:
        """Drop a file that was begun and will not be finished."""
        (self._folder / (name + UNFINISHED)).unlink(missing_ok=True)

    def hold(self, find: Callable[[], tuple[Iterable[str], T]]) -> tuple[Hold, T]:
        """Keep the files that ``find`` names from deletion; return what else it found.

        What is deleted while ``find`` looks into the catalog stays until it is known whether it
        found it, so that nobody waits for anybody.
        """
        with self._guard:
            began = next(self._moments)
            self._searches.add(began)
        held: list[str] = []
        try:
            names, found = find()
            held = list(names)
        finally:
            with self._guard:
                self._holds.update(held)
                self._searches.discard(began)
                self._remove_free()
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
        """Delete files that the catalog does not name any more, as soon as nobody reads them."""
        doomed = set(names)
        if not doomed:
            return
        with self._guard:
            self._doomed |= dict.fromkeys(doomed, next(self._moments))
            self._remove_free()
        self._tidy()

    def sweep(self, known: Mapping[str, int]) -> int:
        """Delete every file that the catalog does not name; return how many there were.

        Parameters
        ----------
        known : mapping
            The files that must be there, and how many bytes each has at least.

        Raises
        ------
        ConfigError
            When one of them is not, or is shorter. Then nothing is deleted.
        """
        with os.scandir(self._folder) as entries:
            sizes = {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}
        lost = [name for name, n_bytes in known.items() if sizes.get(name, -1) < n_bytes]
        if lost:
            raise ConfigError(
                f"folder {str(self._folder)!r} is damaged: {len(lost)} of {len(known)} files are "
                f"missing or cut, such as {lost[0]!r}; nothing was changed, put back a copy of the "
                "whole folder, or take another one"
            )
        orphans = [name for name in sizes if name not in known]
        self._remove(orphans)
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
                self._remove_free()
            finally:
                self._guard.release()

    def _remove_free(self) -> None:
        """Delete what nobody reads, and nobody can be about to read."""
        if not self._doomed:
            return
        since = min(self._searches, default=next(self._moments))
        free = [
            name
            for name, doomed in self._doomed.items()
            if doomed < since and not self._holds[name]
        ]
        for name in free:
            del self._doomed[name]
        self._remove(free)

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

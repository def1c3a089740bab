"""Folders of tables as they once were, to go back to."""

from __future__ import annotations

import re
import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from odps_frames.emulator.immutable_files import (
    UNFINISHED,
    ImmutableFiles,
    folder_to_disk,
    to_disk,
)
from odps_frames.emulator.store import BLOBS, CATALOG, FILES
from odps_frames.errors import ConfigError, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from odps_frames.emulator.clock import ClockSetting
    from odps_frames.emulator.fault_rules import Rule
    from odps_frames.emulator.preparing import Course
    from odps_frames.emulator.store import Store

__all__ = ["Moment", "Snapshots", "wipe"]

SNAPSHOTS = ".snapshots-of-service"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What a service was beside its folder."""

    clock: ClockSetting
    rules: tuple[Rule, ...]
    courses: Mapping[str, Course]


class Snapshots:
    """What one service keeps of earlier moments; it is gone with the service.

    Parameters
    ----------
    path : Path
        The folder of the tables. Copies are beside them, so that files get a second name only;
        their folders have random names.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = path / SNAPSHOTS
        self._kept: dict[str, tuple[Path, Moment]] = {}
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all, in the order in which they were made."""
        return tuple(self._kept)

    def keep(self, name: str, store: Store, moment: Moment) -> None:
        """Keep what is there now, in the place of what had the name before.

        Raises
        ------
        ConfigError
            When the name is not fit for one.
        """
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ConfigError(
                f"the name of a snapshot is {name!r}; expected up to 100 letters, digits, '.', "
                "'_' and '-'"
            )
        self._folder.mkdir(exist_ok=True)
        copy = self._folder / secrets.token_hex(16)
        store.copy_to(copy)
        before = self._kept.pop(name, None)
        self._kept[name] = copy, moment
        if before is not None:
            shutil.rmtree(before[0], ignore_errors=True)

    def find(self, name: str) -> Moment:
        """Return what a service was at a moment.

        Raises
        ------
        NotFound
            When nothing was kept under the name.
        """
        if name not in self._kept:
            there = ", ".join(self._kept) or "none"
            raise NotFound(
                f"there is no snapshot {name!r}; there are: {there}",
                status=404,
                code="NoSuchObject",
            )
        return self._kept[name][1]

    def put_back(self, name: str) -> None:
        """Make the folder, which nobody has open, what it was; the snapshot stays."""
        copy, _ = self._kept[name]
        wipe(self._path)
        for part in (FILES, BLOBS):
            there = [path.name for path in (copy / part).iterdir()]
            ImmutableFiles(copy / part).copy(there, self._path / part)
        # The catalog comes last: whoever is killed before that leaves an empty folder.
        unfinished = self._path / (CATALOG + UNFINISHED)
        shutil.copyfile(copy / CATALOG, unfinished)
        to_disk(unfinished)
        unfinished.rename(self._path / CATALOG)
        folder_to_disk(self._path)

    def close(self) -> None:
        """Drop all of them."""
        self._kept.clear()
        shutil.rmtree(self._folder, ignore_errors=True)


def wipe(path: Path) -> None:
    """Delete the tables of a folder that nobody has open; what no service made stays."""
    for one in sorted(path.glob(f"{CATALOG}*")):  # the catalog first: without it, there is nothing
        one.unlink()
    for part in (FILES, BLOBS):
        shutil.rmtree(path / part, ignore_errors=True)

"""All that answers requests over one folder; made anew whenever the folder is another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from odps_frames.emulator.blob_site import BlobSite
from odps_frames.emulator.blobs import Blobs
from odps_frames.emulator.catalog.tables import create_project
from odps_frames.emulator.instances import Instances
from odps_frames.emulator.preparing import Preparations
from odps_frames.emulator.read_sessions import ReadSessions
from odps_frames.emulator.rest import RestSite
from odps_frames.emulator.results import Results
from odps_frames.emulator.storage import StorageSite
from odps_frames.emulator.store import Store
from odps_frames.emulator.tunnel.site import TunnelSite
from odps_frames.emulator.write_sessions import WriteSessions
from odps_frames.model.table import TableRef

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

__all__ = ["Settings", "Sites"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a service answers; see `Emulator`."""

    session_seconds: int
    struct_timestamps: bool
    large_strings: bool
    content_length_answers: bool
    finish_at_once: bool
    namespaces: bool


class Sites:
    """The sites of a service over a folder, and what they share.

    Parameters
    ----------
    preparations : Preparations, optional
        What is said of sessions that were there before.

    Raises
    ------
    Conflict
        When another process has the folder open.
    """

    def __init__(
        self,
        path: Path,
        settings: Settings,
        clock: Callable[[], datetime],
        preparations: Preparations | None = None,
    ) -> None:
        self.preparations = preparations or Preparations()
        self.store = Store(path, clock=clock, session_seconds=settings.session_seconds)
        self.instances = Instances(self.store, namespaces=settings.namespaces)
        self.rest = RestSite(
            store=self.store,
            instances=self.instances,
            finish_at_once=settings.finish_at_once,
            namespaces=settings.namespaces,
        )
        lengths = settings.content_length_answers
        pairs = settings.struct_timestamps
        reads = ReadSessions(
            self.store,
            self.preparations,
            struct_timestamps=pairs,
            large_strings=settings.large_strings,
        )
        self.tunnel = TunnelSite(self.store, reads, content_length_answers=lengths)
        self.writes = WriteSessions(self.store, self.preparations)
        self.storage = StorageSite(
            reads=reads,
            results=Results(self.store, struct_timestamps=pairs),
            writes=self.writes,
            blobs=BlobSite(Blobs(self.store)),
            content_length_answers=lengths,
        )

    def create_project(self, name: str) -> None:
        """Make a project, unless it is there."""
        TableRef(name, "t")  # names of projects and tables are alike
        with self.store.database.write() as connection:
            create_project(connection, name, self.store.now())

    def close(self) -> None:
        """Stop queries and give the folder back."""
        self.instances.close()
        self.store.close()

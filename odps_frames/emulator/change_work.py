"""Statements that change rows: their queries carried out, and all that they write, at once."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from odps_frames.emulator.catalog.conflicts import missing_files
from odps_frames.emulator.row_writers import writer_for
from odps_frames.emulator.sql.running import Run
from odps_frames.emulator.sql.writes import Creation, Insertion, RowChange
from odps_frames.emulator.work import note_success

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from odps_frames.emulator.sql.writes import Write
    from odps_frames.emulator.store import Store

__all__ = ["ChangeWork"]


class ChangeWork:
    """What one statement writes, to one table or to several.

    Its queries read what was there when they were planned; what they give is in the tables when
    the one transaction at the end is through, and nowhere before.
    """

    def __init__(self, store: Store, project: str, hints: Mapping[str, str]) -> None:
        self._store = store
        self._project = project
        self._hints = hints
        self._writes: Sequence[Write] = ()
        self._runs: list[Run] = []
        self._n_done = 0
        self._pins = ExitStack()

    def plan(self, writes: Sequence[Write]) -> list[str]:
        """Take what is to be written; return the names of the files that are read for it."""
        self._writes = writes
        self._runs = [Run(write.planned) for write in writes]
        return [name for write in writes for name in write.planned.files]

    @property
    def frees_files(self) -> bool:
        """Whether rows go away, or take the place of others."""
        return not all(
            isinstance(write, Creation)
            or (
                isinstance(write, Insertion) and not write.overwrite and not write.table.primary_key
            )
            for write in self._writes
        )

    @property
    def progress(self) -> float:
        """How much is done, in percent."""
        done = self._n_done
        if done >= len(self._runs):
            return 100.0
        return (100.0 * done + self._runs[done].progress) / len(self._runs)

    def cancel(self) -> None:
        """Stop all of its queries."""
        for run in self._runs:
            run.cancel()

    def stop_if_cancelled(self) -> None:
        """End here where it was stopped."""
        for run in self._runs:
            run.stop_if_cancelled()

    def pin(self) -> bool:
        """Keep files from being joined whose rows it changes by their places."""
        changes = [write for write in self._writes if isinstance(write, RowChange)]
        for write in changes:
            self._pins.enter_context(self._store.pinned(write.table.id))
        with self._store.database.read() as connection:
            return not any(missing_files(connection, write.files) for write in changes)

    def release(self) -> None:
        """Let files be joined again."""
        self._pins.close()

    def carry_out(self, instance: str) -> None:
        """Carry the queries out and commit what they give, or leave nothing."""
        writers = [
            writer_for(self._store, write, project=self._project, hints=self._hints)
            for write in self._writes
        ]
        try:
            for run, writer in zip(self._runs, writers, strict=True):
                for batch in run.batches(self._store.files):
                    writer.take(batch)
                writer.finish()
                self._n_done += 1
            with self._store.database.write() as connection:
                self.stop_if_cancelled()
                now = self._store.now()
                for writer in writers:
                    writer.commit(connection, instance, now)
                note_success(connection, instance, now)
            for write in self._writes:
                if not isinstance(write, Creation):
                    self._store.note_commit(write.table.id)
        except BaseException:
            for writer in writers:
                writer.abandon()
            raise

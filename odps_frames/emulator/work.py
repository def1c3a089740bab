"""What an instance does beside everything else, and what it does with the rows of a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from odps_frames.convert.misfit import Misfit
from odps_frames.emulator.catalog.results import add_result
from odps_frames.emulator.columns import Keeper, WrongType, time_paths
from odps_frames.emulator.file_writer import FileWriter
from odps_frames.emulator.sql.running import Run
from odps_frames.emulator.sql.tokens import SqlFault
from odps_frames.wire.instance import TaskStatus

if TYPE_CHECKING:
    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.sql.planning import Planned
    from odps_frames.emulator.store import Store

__all__ = ["QueryWork", "Work", "note_success"]


class Work(Protocol):
    """Something that takes its time and may be stopped."""

    @property
    def frees_files(self) -> bool:
        """Whether files may be needed no more when it is done."""

    @property
    def progress(self) -> float:
        """How much is done, in percent."""

    def cancel(self) -> None:
        """Stop it wherever it is."""

    def stop_if_cancelled(self) -> None:
        """End here where it was stopped."""

    def pin(self) -> bool:
        """Keep what it counts on as it is; False where that is another already, to plan anew."""

    def release(self) -> None:
        """Count on nothing any more."""

    def carry_out(self, instance: str) -> None:
        """Do it, and note in the same transaction that the instance ended well."""


def note_success(connection: Connection, instance: str, now: int) -> None:
    """Note that an instance ended well."""
    connection.execute(
        "UPDATE instances SET status = ?, ended = ? WHERE id = ?",
        (TaskStatus.SUCCESS.value, now, instance),
    )


class QueryWork:
    """A query whose rows are kept as its result."""

    frees_files = False

    def __init__(self, store: Store, planned: Planned) -> None:
        self._store = store
        self._planned = planned
        self._run = Run(planned)

    @property
    def progress(self) -> float:
        """How much is done, in percent."""
        return self._run.progress

    def cancel(self) -> None:
        """Stop the query."""
        self._run.cancel()

    def stop_if_cancelled(self) -> None:
        """End here where it was stopped."""
        self._run.stop_if_cancelled()

    def pin(self) -> bool:
        """Nothing but its files, which are held."""
        return True

    def release(self) -> None:
        """Nothing but its files, which are held."""

    def carry_out(self, instance: str) -> None:
        """Carry the query out and keep its rows."""
        columns = self._planned.columns
        fields = [str(number) for number in range(1, len(columns) + 1)]
        times = {
            field: column.type
            for field, column in zip(fields, columns, strict=True)
            if time_paths(column.type, "")
        }
        writer, keeper = FileWriter(self._store.files, (), times), Keeper()
        try:
            for batch in self._run.batches(self._store.files):
                writer.write(self._kept(batch, keeper, fields))
            writer.finish()
            self._store.files.settle()
            with self._store.database.write() as connection:
                now = self._store.now()
                add_result(connection, instance, columns, writer.finished, now)
                note_success(connection, instance, now)
        except BaseException:
            writer.abandon()
            raise

    def _kept(self, batch: pa.RecordBatch, keeper: Keeper, fields: list[str]) -> pa.RecordBatch:
        arrays = []
        for array, column, field in zip(batch.columns, self._planned.columns, fields, strict=True):
            try:
                arrays.append(keeper.keep(array, column.type, field))
            except (Misfit, WrongType) as error:
                message = f"Illegal type cast or calculation - column {column.name}: {error}"
                raise SqlFault("ODPS-0121035", message) from None
        return pa.RecordBatch.from_arrays(arrays, names=fields)

"""Queries on their way: understood when they come, carried out beside everything else."""

from __future__ import annotations

import logging
import sqlite3
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.convert.misfit import Misfit
from odps_frames.emulator.catalog.results import add_result
from odps_frames.emulator.columns import Keeper, WrongType, time_paths
from odps_frames.emulator.file_writer import FileWriter
from odps_frames.emulator.sql.settings import check_hints
from odps_frames.emulator.sql.tokens import SqlFault
from odps_frames.wire.instance import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from odps_frames.emulator.files import Hold
    from odps_frames.emulator.sql.planning import Planned
    from odps_frames.emulator.sql.running import Run
    from odps_frames.emulator.store import Store

__all__ = ["Queries"]

log = logging.getLogger(__name__)

AT_ONCE = 4
"""So many queries are carried out side by side; the others wait."""
STOP_SECONDS = 10.0
TURN_SECONDS = 0.05
"""So often a query that waits for its turn looks whether it was cancelled."""


@dataclass(frozen=True, slots=True)
class _Job:
    instance: str
    planned: Planned
    run: Run
    hold: Hold
    ended: threading.Event


class Queries:
    """Carries queries out in threads.

    Parameters
    ----------
    finish : callable
        Told the instance, its status and its text when a query ended.
    """

    def __init__(self, store: Store, finish: Callable[[str, TaskStatus, str], None]) -> None:
        self._store = store
        self._finish = finish
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._guard = threading.Lock()
        self._jobs: dict[str, _Job] = {}

    def plan(
        self, sql: str, project: str, hints: Mapping[str, str], now: int
    ) -> tuple[Planned, Hold]:
        """Understand a query on the present versions of its tables, whose files are held.

        Raises
        ------
        SqlFault
            With the code and the place; also where the packages for queries are missing.
        """
        try:
            import odps_frames.emulator.sql.running  # noqa: F401, PLC0415  missed now, not later
            from odps_frames.emulator.sql.planning import plan_query  # noqa: PLC0415  optional
        except ImportError as error:
            message = (
                "Semantic analysis exception - queries are not supported here without the package "
                f"{error.name}; pip install 'odps-frames[local]'"
            )
            raise SqlFault("ODPS-0130071", message) from None
        check_hints(hints)

        def find() -> tuple[list[str], Planned]:
            with self._store.database.read() as connection:
                planned = plan_query(
                    connection,
                    sql,
                    project=project,
                    hints=hints,
                    now=now,
                    files=self._store.files,
                )
            return planned.files, planned

        hold, planned = self._store.files.hold(find)
        return planned, hold

    def start(self, instance: str, planned: Planned, hold: Hold) -> None:
        """Carry a query out in a thread of its own."""
        from odps_frames.emulator.sql.running import Run  # noqa: PLC0415  optional

        job = _Job(instance, planned, Run(planned), hold, threading.Event())
        with self._guard:
            self._jobs[instance] = job
        thread = threading.Thread(
            target=self._work, args=(job,), name=f"odps-query-{instance}", daemon=True
        )
        thread.start()

    def progress(self, instance: str) -> float:
        """How far a query is, in percent."""
        with self._guard:
            job = self._jobs.get(instance)
        return 100.0 if job is None else job.run.progress

    def cancel(self, instance: str) -> None:
        """Stop a query, wherever it is; one that ended stays as it is."""
        with self._guard:
            job = self._jobs.get(instance)
        if job is not None:
            job.run.cancel()

    def wait(self, instance: str) -> None:
        """Wait until a query ended."""
        with self._guard:
            job = self._jobs.get(instance)
        if job is not None:
            job.ended.wait()

    def close(self) -> None:
        """Stop all queries and wait for them."""
        with self._guard:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.run.cancel()
        for job in jobs:
            job.ended.wait(STOP_SECONDS)

    def _work(self, job: _Job) -> None:
        from odps_frames.emulator.sql.running import Cancelled  # noqa: PLC0415  optional

        try:
            while not self._turns.acquire(timeout=TURN_SECONDS):
                job.run.stop_if_cancelled()
            try:
                self._carry_out(job)
            finally:
                self._turns.release()
            status, text = TaskStatus.SUCCESS, ""
        except Cancelled:
            status, text = TaskStatus.CANCELLED, "the query was cancelled"
        except SqlFault as fault:
            status, text = TaskStatus.FAILED, str(fault)
        except Exception as error:
            log.exception("query %s failed", job.instance)
            text = (
                "ODPS-0010000:System internal error - a fault of the service itself, "
                f"{type(error).__name__}; its log has it under {job.instance}"
            )
            status = TaskStatus.FAILED
        finally:
            job.hold.release()
        try:
            if status is not TaskStatus.SUCCESS:
                self._finish(job.instance, status, text)
        except sqlite3.OperationalError:
            # It is said to run until the next start, which finds that it does not.
            log.exception("the end of query %s cannot be noted", job.instance)
        finally:
            with self._guard:
                self._jobs.pop(job.instance, None)
            job.ended.set()

    def _carry_out(self, job: _Job) -> None:
        columns = job.planned.columns
        fields = [str(number) for number in range(1, len(columns) + 1)]
        times = {
            field: column.type
            for field, column in zip(fields, columns, strict=True)
            if time_paths(column.type, "")
        }
        writer, keeper = FileWriter(self._store.files, (), times), Keeper()
        try:
            for batch in job.run.batches(self._store.files):
                writer.write(self._kept(batch, job.planned, keeper, fields))
            writer.finish()
            self._store.files.settle()
            with self._store.database.write() as connection:
                add_result(connection, job.instance, columns, writer.finished, self._store.now())
                connection.execute(
                    "UPDATE instances SET status = ?, ended = ? WHERE id = ?",
                    (TaskStatus.SUCCESS.value, self._store.now(), job.instance),
                )
        except BaseException:
            writer.abandon()
            raise

    def _kept(
        self, batch: pa.RecordBatch, planned: Planned, keeper: Keeper, fields: list[str]
    ) -> pa.RecordBatch:
        arrays = []
        for array, column, field in zip(batch.columns, planned.columns, fields, strict=True):
            try:
                arrays.append(keeper.keep(array, column.type, field))
            except (Misfit, WrongType) as error:
                message = f"Illegal type cast or calculation - column {column.name}: {error}"
                raise SqlFault("ODPS-0121035", message) from None
        return pa.RecordBatch.from_arrays(arrays, names=fields)

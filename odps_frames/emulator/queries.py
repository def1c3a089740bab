"""Queries and changes on their way: understood when they come, carried out beside all else."""

from __future__ import annotations

import logging
import sqlite3
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from odps_frames.emulator.catalog.contents import unknown_files
from odps_frames.emulator.sql.settings import check_hints
from odps_frames.emulator.sql.tokens import SqlFault
from odps_frames.wire.instance import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from odps_frames.emulator.files import Hold
    from odps_frames.emulator.store import Store
    from odps_frames.emulator.work import Work

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
    work: Work
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

    def plan(self, sql: str, project: str, hints: Mapping[str, str], now: int) -> tuple[Work, Hold]:
        """Understand a statement on the present versions of its tables, whose files are held.

        Raises
        ------
        SqlFault
            With the code and the place; also where the packages for queries are missing.
        """
        try:
            from odps_frames.emulator.planned_work import plan_work  # noqa: PLC0415  optional
        except ImportError as error:
            message = (
                "Semantic analysis exception - queries are not supported here without the package "
                f"{error.name}; pip install 'odps-frames[local]'"
            )
            raise SqlFault("ODPS-0130071", message) from None
        check_hints(hints)

        while True:
            with self._store.database.read() as connection:
                names, work = plan_work(
                    self._store, connection, sql, project=project, hints=hints, now=now
                )
            hold = self._held(names)
            if hold is None:
                continue
            if work.pin():
                return work, hold
            work.release()
            hold.release()

    def _held(self, names: list[str]) -> Hold | None:
        """Keep files from deletion; None where some of them are gone since they were found.

        A statement is not understood while files are found and held in one step: others would
        have to wait for it.
        """

        def find() -> tuple[list[str], list[str]]:
            with self._store.database.read() as connection:
                return names, unknown_files(connection, names)

        hold, gone = self._store.files.hold(find)
        if gone:
            hold.release()
            return None
        return hold

    def start(self, instance: str, work: Work, hold: Hold) -> None:
        """Carry a statement out in a thread of its own."""
        job = _Job(instance, work, hold, threading.Event())
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
        return 100.0 if job is None else job.work.progress

    def cancel(self, instance: str) -> None:
        """Stop a query, wherever it is; one that ended stays as it is."""
        with self._guard:
            job = self._jobs.get(instance)
        if job is not None:
            job.work.cancel()

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
            job.work.cancel()
        for job in jobs:
            job.ended.wait(STOP_SECONDS)

    def _work(self, job: _Job) -> None:
        from odps_frames.emulator.sql.running import Cancelled  # noqa: PLC0415  optional

        try:
            while not self._turns.acquire(timeout=TURN_SECONDS):
                job.work.stop_if_cancelled()
            try:
                job.work.carry_out(job.instance)
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
            job.work.release()
            job.hold.release()
        try:
            if status is not TaskStatus.SUCCESS:
                self._finish(job.instance, status, text)
            elif job.work.frees_files:
                self._store.collect()
        except sqlite3.OperationalError:
            # It is said to run until the next start, which finds that it does not.
            log.exception("the end of query %s cannot be noted", job.instance)
        finally:
            with self._guard:
                self._jobs.pop(job.instance, None)
            job.ended.set()

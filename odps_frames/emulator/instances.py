"""Statements that were handed in, and what they gave.

Definitions are carried out at once; queries run beside everything else, and may be stopped.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from odps_frames.emulator.catalog.schemas import need_schema
from odps_frames.emulator.compaction import compact
from odps_frames.emulator.queries import Queries
from odps_frames.emulator.refusals import no_instance
from odps_frames.emulator.result_text import Unspeakable, csv_text
from odps_frames.emulator.results import LIMITED_ROWS, Results
from odps_frames.emulator.sql.engine import run_statement
from odps_frames.emulator.sql.kinds import is_change
from odps_frames.emulator.sql.parser import parse, parse_script
from odps_frames.emulator.sql.settings import SUBMIT_MODE, is_query, split_settings
from odps_frames.emulator.sql.site import Site
from odps_frames.emulator.sql.table_names import NAMESPACES, zone_of
from odps_frames.emulator.sql.tokens import SqlFault
from odps_frames.emulator.times import is_instant
from odps_frames.errors import ServiceError
from odps_frames.model.table import InstanceRef
from odps_frames.wire.http import Request
from odps_frames.wire.instance import TaskResult, TaskStatus, decode_submit, encode_submit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.store import Store
    from odps_frames.wire.job_document import Statement

__all__ = ["Instance", "Instances"]

MAX_SQL_BYTES = 2 << 20
"""What MaxCompute takes."""

_STOPPED = (
    "ODPS-0010000:System internal error - the service stopped before the query ended; "
    "hand it in again"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A statement, and how it stands."""

    id: str
    project: str
    statement: Statement
    status: TaskStatus
    result: str
    started_at: datetime
    ended_at: datetime | None
    """None while it runs."""

    @property
    def ref(self) -> InstanceRef:
        """Its full name."""
        return InstanceRef(self.project, self.id)

    @property
    def runs(self) -> bool:
        """Whether it has not ended yet."""
        return self.ended_at is None


class Instances:
    """Carries out statements and remembers them."""

    def __init__(self, store: Store, *, namespaces: bool = False) -> None:
        self._store = store
        # What a name of two parts means where a statement does not say it.
        self._hints = {NAMESPACES: str(namespaces).lower()}
        self._queries = Queries(store, self._end)
        self._results = Results(store)
        with store.database.write() as connection:
            connection.execute(
                "UPDATE instances SET status = ?, result = ?, ended = ? WHERE status = ?",
                (
                    TaskStatus.FAILED.value,
                    _STOPPED,
                    store.now(),
                    TaskStatus.RUNNING.value,
                ),
            )

    def close(self) -> None:
        """Stop what still runs."""
        self._queries.close()

    def submit(self, project: str, statement: Statement) -> Instance:
        """Carry out a statement, or begin to; a failure is a result like any other."""
        started = self._store.now()
        instance = Instance(
            id=self._store.new_id(),
            project=project.lower(),
            statement=statement,
            status=TaskStatus.RUNNING,
            result="",
            started_at=_time(started),
            ended_at=None,
        )
        try:
            _check_length(statement.sql)
            settings, sql = split_settings(statement.sql)
            hints = {**self._hints, **statement.hints, **settings}
            if is_query(sql) or is_change(sql):
                return self._query(instance, sql, hints, started)
            with self._store.database.write() as connection:
                need_schema(connection, project, None)
                site = Site(
                    connection=connection,
                    files=self._store.files,
                    project=project,
                    hints=hints,
                    now=started,
                )
                text = _define(site, sql)
                instance = self._ended(instance, TaskStatus.SUCCESS, text)
                _keep(connection, instance)
            for table_id, partitions in site.compactions:
                compact(self._store, table_id, partitions, started)
        except SqlFault as fault:
            instance = self._ended(instance, TaskStatus.FAILED, str(fault))
            with self._store.database.write() as connection:
                _keep(connection, instance)
        self._store.collect()
        return instance

    def _query(
        self, instance: Instance, sql: str, hints: Mapping[str, str], started: int
    ) -> Instance:
        with self._store.database.read() as connection:
            need_schema(connection, instance.project, None)
        work, hold = self._queries.plan(sql, instance.project, hints, started)
        try:
            with self._store.database.write() as connection:
                _keep(connection, instance)
        except BaseException:
            work.release()
            hold.release()
            raise
        self._queries.start(instance.id, work, hold)
        return instance

    def _ended(self, instance: Instance, status: TaskStatus, result: str) -> Instance:
        ended = _time(self._store.now())
        return replace(instance, status=status, result=result, ended_at=ended)

    def _end(self, instance: str, status: TaskStatus, result: str) -> None:
        """Note that a query ended without rows."""
        with self._store.database.write() as connection:
            connection.execute(
                "UPDATE instances SET status = ?, result = ?, ended = ? WHERE id = ?",
                (status.value, result, self._store.now(), instance),
            )

    def wait(self, ref: InstanceRef) -> Instance:
        """Wait until a statement ended."""
        self._queries.wait(ref.instance)
        return self.get(ref)

    def stop(self, ref: InstanceRef) -> None:
        """Stop a query; what ended stays as it is."""
        if self.get(ref).runs:
            self._queries.cancel(ref.instance)

    def progress(self, ref: InstanceRef) -> int:
        """How far a statement is, in percent; 100 only when it ended."""
        if not self.get(ref).runs:
            return 100
        return min(99, int(self._queries.progress(ref.instance)))

    def result(self, instance: Instance) -> TaskResult:
        """Return what a statement gave, as text; rows beyond the limit of texts are left out."""
        plain = TaskResult(
            name=instance.statement.name, text=instance.result, status=instance.status
        )
        if instance.status is not TaskStatus.SUCCESS:
            return plain
        try:
            hold, result = self._results.hold(instance.ref)
        except ServiceError:
            return plain  # a definition, or the rows are past their life
        settings, _ = split_settings(instance.statement.sql)
        zone = ZoneInfo(zone_of({**instance.statement.hints, **settings}))
        rows = self._results.rows(
            result, hold, count=LIMITED_ROWS, as_pair=lambda _, type_: is_instant(type_)
        )
        whole = "ALL" if result.n_rows <= LIMITED_ROWS else "TRUNCATED"
        try:
            text, status = csv_text(rows.batches, result.columns, zone), whole
        except Unspeakable:
            text, status = "", "NO"
        columns = [{"Name": column.name, "Type": str(column.type)} for column in result.columns]
        descriptor = {
            "IsSelect": True,
            "SelectResultStatus": status,
            "Schema": {"Columns": columns},
        }
        return replace(plain, text=text, format="csv", descriptor=descriptor)

    def get(self, ref: InstanceRef) -> Instance:
        """Return what is remembered of a statement.

        Raises
        ------
        NotFound
            When the project has no such instance.
        """
        with self._store.database.read() as connection:
            row = connection.execute(
                "SELECT * FROM instances WHERE id = ? AND project = ?",
                (ref.instance, ref.project.lower()),
            ).fetchone()
        if row is None:
            raise no_instance(ref.instance)
        request = Request(method="POST", path="/", body=row["request"])
        return Instance(
            id=row["id"],
            project=row["project"],
            statement=decode_submit(request),
            status=TaskStatus(row["status"]),
            result=row["result"],
            started_at=_time(row["started"]),
            ended_at=_time(row["ended"]) if row["ended"] else None,
        )


def _check_length(sql: str) -> None:
    n_bytes = len(sql.encode())
    if n_bytes > MAX_SQL_BYTES:
        raise SqlFault(
            "ODPS-0130161",
            f"Parse exception - a statement of {n_bytes} bytes; expected at most {MAX_SQL_BYTES}",
        )


def _define(site: Site, sql: str) -> str:
    """Carry out a definition, or a script of them; nothing but settings is a statement too."""
    if not sql.strip(" \r\n\t;"):
        return ""
    if site.hints.get(SUBMIT_MODE, "").strip().lower() != "script":
        return run_statement(site, parse(sql))
    return "\n".join(filter(None, [run_statement(site, one) for one in parse_script(sql)]))


def _keep(connection: Connection, instance: Instance) -> None:
    ended = 0 if instance.ended_at is None else int(instance.ended_at.timestamp() * 1000)
    connection.execute(
        "INSERT INTO instances VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            instance.id,
            instance.project,
            encode_submit(instance.project, instance.statement).read_body(),
            instance.status.value,
            instance.result,
            int(instance.started_at.timestamp() * 1000),
            ended,
        ),
    )


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)

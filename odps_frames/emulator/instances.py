"""Statements that were handed in: carried out at once, remembered with what they gave."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from odps_frames.emulator.catalog.schemas import need_schema
from odps_frames.emulator.refusals import no_instance
from odps_frames.emulator.sql.engine import NAMESPACES, Engine
from odps_frames.emulator.sql.parser import parse
from odps_frames.emulator.sql.tokens import SqlFault
from odps_frames.wire.http import Request
from odps_frames.wire.instance import TaskStatus, decode_submit, encode_submit

if TYPE_CHECKING:
    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.store import Store
    from odps_frames.model.table import InstanceRef
    from odps_frames.wire.job_document import Statement

__all__ = ["Instance", "Instances"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A statement and how it ended."""

    id: str
    project: str
    statement: Statement
    status: TaskStatus
    result: str
    started_at: datetime
    ended_at: datetime


class Instances:
    """Carries out statements and remembers them."""

    def __init__(self, store: Store, *, namespaces: bool = False) -> None:
        self._store = store
        # What a name of two parts means where a statement does not say it.
        self._hints = {NAMESPACES: str(namespaces).lower()}

    def submit(self, project: str, statement: Statement) -> Instance:
        """Carry out a statement; a failure is a result like any other."""
        started = self._store.now()
        instance_id = self._store.new_id()

        def ended(connection: Connection, status: TaskStatus, result: str) -> Instance:
            instance = Instance(
                id=instance_id,
                project=project.lower(),
                statement=statement,
                status=status,
                result=result,
                started_at=_time(started),
                ended_at=_time(self._store.now()),
            )
            _keep(connection, instance)
            return instance

        try:
            with self._store.database.write() as connection:
                need_schema(connection, project, None)
                engine = Engine(
                    connection=connection,
                    project=project,
                    hints={**self._hints, **statement.hints},
                    now=started,
                )
                instance = ended(connection, TaskStatus.SUCCESS, engine.run(parse(statement.sql)))
        except SqlFault as fault:
            with self._store.database.write() as connection:
                instance = ended(connection, TaskStatus.FAILED, str(fault))
        self._store.collect()
        return instance

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
            ended_at=_time(row["ended"]),
        )


def _keep(connection: Connection, instance: Instance) -> None:
    connection.execute(
        "INSERT INTO instances VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            instance.id,
            instance.project,
            encode_submit(instance.project, instance.statement).read_body(),
            instance.status.value,
            instance.result,
            int(instance.started_at.timestamp() * 1000),
            int(instance.ended_at.timestamp() * 1000),
        ),
    )


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)

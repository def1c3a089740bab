"""Statements understood: what each of them reads, and the work that it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.change_work import ChangeWork
from odps_frames.emulator.sql.change_planning import plan_change
from odps_frames.emulator.sql.insert_planning import plan_creation, plan_inserts
from odps_frames.emulator.sql.inserts import CreateTableAs, parse_inserts
from odps_frames.emulator.sql.kinds import is_change
from odps_frames.emulator.sql.planning import Planning, plan_query
from odps_frames.emulator.sql.tokens import tokens_of
from odps_frames.emulator.work import QueryWork

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.sql.writes import Write
    from odps_frames.emulator.store import Store
    from odps_frames.emulator.work import Work

__all__ = ["plan_work"]


def plan_work(
    store: Store,
    connection: Connection,
    sql: str,
    *,
    project: str,
    hints: Mapping[str, str],
    now: int,
) -> tuple[list[str], Work]:
    """Understand a statement in one view of the catalog; return the files that it reads.

    Raises
    ------
    SqlFault
        With the code and the place that MaxCompute gives.
    """

    def planning_of(text: str) -> Planning:
        return Planning(connection, text, project=project, hints=hints, now=now, files=store.files)

    if is_change(sql):
        work = ChangeWork(store, project, hints)
        return work.plan(_writes(sql, planning_of)), work
    planned = plan_query(connection, sql, project=project, hints=hints, now=now, files=store.files)
    return planned.files, QueryWork(store, planned)


def _writes(sql: str, planning_of: Callable[[str], Planning]) -> Sequence[Write]:
    if tokens_of(sql)[0].is_word("UPDATE", "DELETE", "MERGE"):
        return [plan_change(planning_of(sql))]
    statement = parse_inserts(sql)
    if isinstance(statement, CreateTableAs):
        return plan_creation(planning_of(statement.query), statement)
    return plan_inserts(planning_of, statement)

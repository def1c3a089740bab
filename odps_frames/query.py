"""A query: handed in, waited for, read as often as one likes."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Self

import pyarrow as pa

from odps_frames.model.catalog import TableInfo
from odps_frames.model.table import InstanceRef, TableRef
from odps_frames.progress import watching
from odps_frames.scan import Scan, ScanOptions
from odps_frames.sources import gives_no_rows
from odps_frames.statement import (
    await_end,
    how_far,
    raise_failure,
    status_of,
    stop,
    submit,
    text_of,
)
from odps_frames.wire.instance import InstanceStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.connection import Connection
    from odps_frames.progress import ProgressOption

__all__ = ["Query", "checked_hints"]

SHOWN_LETTERS = 200
ALL = 100.0


class Query:
    """A statement that runs on the service, or has run; made by ``Client.sql``.

    Its result is read over the Storage API: all rows, in the order of the query, however many
    there are.
    """

    def __init__(self, connection: Connection, instance: InstanceRef, sql: str) -> None:
        self._connection = connection
        self._instance = instance
        self._status = InstanceStatus.RUNNING
        self._ended_well = False
        self.sql = sql
        """The statement."""

    @classmethod
    def submit(
        cls, connection: Connection, sql: str, hints: Mapping[str, object] | None = None
    ) -> Self:
        """Hand a statement in, once, and return without waiting."""
        if not sql.strip():
            msg = "sql=''; expected a statement"
            raise ValueError(msg)
        statement = connection.statement(sql, hints=checked_hints(hints))
        instance = submit(connection.transport, connection.project, statement)
        return cls(connection, instance, sql)

    @property
    def id(self) -> str:
        """The id of the instance that runs it."""
        return self._instance.instance

    @property
    def status(self) -> str:
        """``Running``, ``Suspended`` or ``Terminated``; asks the service while it may change."""
        if self._status is not InstanceStatus.TERMINATED:
            self._status = status_of(self._connection.transport, self._instance)
        return self._status.value

    @property
    def progress(self) -> float:
        """How far it is, in percent; asks the service until it ended."""
        if self.status == InstanceStatus.TERMINATED:
            return ALL
        return how_far(self._connection.transport, self._instance)

    def wait(self, timeout: float | None = None, *, progress: ProgressOption = False) -> Self:
        """Wait for its end; stopping the caller, as Ctrl-C does, stops the statement too.

        Raises
        ------
        SqlError
            When it failed or was cancelled: with the instance, the line and the column.
        NotFound, PermissionDenied
            When it failed for these reasons.
        TimeoutError
            When it still runs after so many seconds; it goes on.
        """
        if self._ended_well:
            return self
        transport = self._connection.transport
        if self._status is not InstanceStatus.TERMINATED:
            with watching(progress, label=f"query {self.id}") as report:
                await_end(
                    transport,
                    self._instance,
                    policy=self._connection.policy,
                    timeout=timeout,
                    report=report,
                )
        self._status = InstanceStatus.TERMINATED
        raise_failure(transport, self._instance)
        self._ended_well = True
        return self

    def scan(self) -> Scan:
        """Wait, and plan to read the rows; see ``Scan`` for what may be asked of them."""
        return self.plan(ScanOptions())

    def plan(self, options: ScanOptions) -> Scan:
        """Wait, and plan to read the rows in a way.

        Raises
        ------
        ValueError
            For a statement that changes tables and gives no rows.
        """
        if gives_no_rows(self.sql):
            msg = f"{self._shown_sql!r} gives no rows to read; wait() waits for its end"
            raise ValueError(msg)
        self.wait(progress=options.progress)
        session = self._connection.read_session(self._instance)
        return Scan(
            connection=self._connection,
            info=TableInfo(
                ref=TableRef(self._instance.project, "query"), schema=session.info.schema
            ),
            instance=self._instance,
            options=options,
        )

    def result(self) -> pa.Table:
        """Wait, and read all rows into a table; ``scan().to_pandas()`` makes a frame.

        A statement that changes tables gives a table without rows and columns.
        """
        if gives_no_rows(self.sql):
            self.wait()
            return pa.table({})
        return self.scan().to_arrow()

    @property
    def text(self) -> str:
        """What the service says of it as text: the output of statements that are no queries."""
        self.wait()
        return text_of(self._connection.transport, self._instance)

    def cancel(self) -> None:
        """Ask to stop it; a statement that ended stays as it is."""
        if self._status is not InstanceStatus.TERMINATED:
            stop(self._connection.transport, self._instance)

    def __repr__(self) -> str:
        return f"Query({self.id}, {self._shown_status}, {self._shown_sql!r})"

    def _repr_html_(self) -> str:
        rows = (("query", self.id), ("status", self._shown_status), ("sql", self._shown_sql))
        cells = "".join(
            f"<tr><th>{name}</th><td><pre>{html.escape(value)}</pre></td></tr>"
            for name, value in rows
        )
        return f"<table>{cells}</table>"

    @property
    def _shown_status(self) -> str:
        """What is known without asking."""
        return "Success" if self._ended_well else self._status.value

    @property
    def _shown_sql(self) -> str:
        text = self.sql.strip()
        return text if len(text) <= SHOWN_LETTERS else text[: SHOWN_LETTERS - 3] + "..."


def checked_hints(hints: Mapping[str, object] | None) -> dict[str, str]:
    """Return settings as texts, as the service takes them.

    Raises
    ------
    TypeError
        For a setting that is no text, number or truth value.
    """
    found = {}
    for name, value in (hints or {}).items():
        if not isinstance(name, str) or not isinstance(value, str | int | float):
            msg = f"hints={{{name!r}: {value!r}}}; expected a mapping of texts to texts"
            raise TypeError(msg)
        found[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return found

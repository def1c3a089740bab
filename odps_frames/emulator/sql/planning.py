"""Queries understood, on the versions that their tables have at that moment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from odps_frames.emulator.facts import TimeFact, joined_times
from odps_frames.emulator.read_plan import make_plan
from odps_frames.emulator.row_view import RowView, Selection
from odps_frames.emulator.sql.dialect import parse_query
from odps_frames.emulator.sql.engine_form import loaded, unloaded
from odps_frames.emulator.sql.lookup import Names, context_of, unnested
from odps_frames.emulator.sql.queries import Queries, typed
from odps_frames.emulator.sql.site import Site
from odps_frames.emulator.sql.values import engine_type
from odps_frames.emulator.times import is_instant
from odps_frames.model.read import ArrowOptions, ReadSpec, TimeUnit
from odps_frames.model.schema import Column

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.files import Files
    from odps_frames.emulator.read_plan import ReadPlan
    from odps_frames.emulator.sql.queries import BoundQuery
    from odps_frames.emulator.sql.scopes import Context
    from odps_frames.model.types import DataType

__all__ = [
    "FILE_COLUMN",
    "ROW_COLUMN",
    "Planned",
    "Planning",
    "Source",
    "plan_query",
]

FILE_COLUMN, ROW_COLUMN = "f", "p"
"""What the columns are called that tell where a row is."""


@dataclass(frozen=True, slots=True)
class Source:
    """A table as a query reads it: some of its columns, each under a name of its own."""

    plan: ReadPlan
    view: RowView
    names: tuple[str, ...]
    placed: bool = False
    """Whether rows tell in which file of the plan they are, and in which row of it."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A query for DuckDB, with what it reads and what comes out."""

    sql: str
    columns: tuple[Column, ...]
    sources: tuple[Source, ...]
    zone: str

    @property
    def files(self) -> list[str]:
        """The names of the files that it reads."""
        return [file.stored.name for source in self.sources for file in source.plan.files]


def plan_query(
    connection: Connection,
    sql: str,
    *,
    project: str,
    hints: Mapping[str, str],
    now: int,
    files: Files,
) -> Planned:
    """Understand a query.

    Raises
    ------
    SqlFault
        With the code and the place that MaxCompute gives.
    """
    planning = Planning(connection, sql, project=project, hints=hints, now=now, files=files)
    context = planning.context
    with unnested():
        bound = typed(Queries(context, {}).bind(parse_query(sql)), context)
    columns = tuple(Column(name, type_) for name, type_ in bound.columns if type_ is not None)
    return planning.planned(_final(bound), columns)


class Planning:
    """One statement on its way to DuckDB, and the tables that it was found to name."""

    def __init__(
        self,
        connection: Connection,
        sql: str,
        *,
        project: str,
        hints: Mapping[str, str],
        now: int,
        files: Files,
    ) -> None:
        self._files = files
        self.tables: list[Table] = []
        """Those that are read, in the order of their aliases ``r0``, ``r1``, …"""
        self.names = Names(connection=connection, project=project, hints=hints, tables=self.tables)
        self.context = context_of(self.names, sql, now=now)

    @property
    def site(self) -> Site:
        """Where the statement is carried out, as definitions know it."""
        return Site(
            connection=self.names.connection,
            files=self._files,
            project=self.names.project,
            hints=self.names.hints,
            now=self.context.now,
        )

    def planned(
        self, sql: str, columns: tuple[Column, ...], *, placed: int | None = None
    ) -> Planned:
        """Put a bound query together with what it reads.

        Parameters
        ----------
        placed : int, optional
            The number of a table whose rows tell where they are, too: as ``r0.f`` and ``r0.p``.
        """
        parts = [f"{alias} AS ({text})" for alias, text in self.context.parts]
        text = " ".join([*parts, sql])
        sources, loads = [], []
        for number, table in enumerate(self.tables):
            named = {int(place) for place in re.findall(rf"\br{number}\.c(\d+)\b", text)}
            used = named & set(range(len(table.schema.all_columns)))  # the rest is in literals
            source, load = self._source(table, number, used, placed=number == placed)
            sources.append(source)
            loads.append(load)
        heads = [*loads, *parts]
        head = f"WITH {', '.join(heads)} " if heads else ""
        return Planned(head + sql, columns, tuple(sources), self.context.zone)

    def _source(
        self, table: Table, number: int, used: set[int], *, placed: bool
    ) -> tuple[Source, str]:
        columns = table.schema.all_columns
        chosen = sorted(used) or ([] if placed else [_narrowest(self.context, table)])
        for place in chosen:
            if engine_type(columns[place].type) is None:
                column = columns[place]
                raise self.context.unsupported(
                    None, f"column {column.name} of type {column.type} in a query"
                )
        n_data = len(table.columns)
        selection = Selection(
            tuple(table.columns[place] for place in chosen if place < n_data),
            tuple((place - n_data, columns[place]) for place in chosen if place >= n_data),
        )
        spec = ReadSpec(table=table.ref)
        plan = make_plan(self.names.connection, table, table.version, spec, self._files)
        times = joined_times(file.stored.facts for file in plan.files)

        def as_pair(path: str, type_: DataType) -> bool:
            return is_instant(type_) and not times.get(path, TimeFact()).holds(TimeUnit.NANO)

        # DuckDB 2.0.1 cannot take a column of milliseconds that has a NULL; microseconds it can.
        units = ArrowOptions(datetime_unit=TimeUnit.MICRO)
        view = RowView(selection, units, as_pair)
        loads = [
            f"{loaded(f'c{place}', columns[place].type, field.type)} AS c{place}"
            for place, field in zip(chosen, view.schema, strict=True)
        ]
        if placed:
            loads += [FILE_COLUMN, ROW_COLUMN]
        names = tuple(f"c{place}" for place in chosen)
        load = f"r{number} AS (SELECT {', '.join(loads)} FROM a{number})"
        return Source(plan, view, names, placed=placed), load


def _final(bound: BoundQuery) -> str:
    items = ", ".join(
        f"{unloaded(f'q.c{number}', type_)} AS c{number}"
        for number, (_, type_) in enumerate(bound.columns)
        if type_ is not None
    )
    return f"SELECT {items} FROM ({bound.sql}) AS q"


def _narrowest(context: Context, table: Table) -> int:
    """Return a column that tells how many rows there are."""
    for place, column in enumerate(table.schema.all_columns):
        if engine_type(column.type) is not None:
            return place
    raise context.unsupported(None, f"a query over {table.ref}, none of whose columns it can read,")

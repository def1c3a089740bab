"""What the names of a query mean in the catalog: tables, and views with the queries they are."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from odps_frames.emulator.catalog.contents import list_partitions
from odps_frames.emulator.catalog.tables import find_table
from odps_frames.emulator.sql.dialect import parse_query, place_of
from odps_frames.emulator.sql.queries import BoundQuery, Queries, typed
from odps_frames.emulator.sql.scopes import Context
from odps_frames.emulator.sql.table_names import ref_of, zone_of
from odps_frames.emulator.sql.tokens import SqlFault
from odps_frames.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlglot import exp

    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.catalog.views import View
    from odps_frames.model.table import TableRef
    from odps_frames.model.types import DataType

__all__ = ["Names", "bind", "context_of", "unnested"]

MAX_VIEWS = 32
"""So many views may stand inside each other."""


def bind(names: Names, sql: str, *, now: int, inside: tuple[TableRef, ...] = ()) -> BoundQuery:
    """Understand a query; ``inside`` are views that it must not name.

    Raises
    ------
    SqlFault
        With the code and the place that MaxCompute gives.
    """
    context = context_of(names, sql, now=now, inside=inside)
    with unnested():
        return typed(Queries(context, {}).bind(parse_query(sql)), context)


def context_of(names: Names, sql: str, *, now: int, inside: tuple[TableRef, ...] = ()) -> Context:
    """Begin to understand a statement."""
    return Context(
        sql=sql,
        zone=zone_of(names.hints),
        now=now,
        hints=names.hints,
        find_table=names.find_table,
        find_partitions=names.find_partitions,
        bind_view=names.bind_view,
        inside=inside,
    )


@contextmanager
def unnested() -> Iterator[None]:
    """Say of what is nested too deeply that it is."""
    try:
        yield
    except RecursionError:
        message = "Semantic analysis exception - the query is nested too deeply"
        raise SqlFault("ODPS-0130071", message) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Looks names up as one project and its settings mean them."""

    connection: Connection
    project: str
    hints: Mapping[str, str]
    tables: list[Table] = field(default_factory=list)
    """Every table that was found, each time that it was."""

    def find_table(
        self, parts: Sequence[str]
    ) -> tuple[TableRef, list[tuple[str, DataType]]] | None:
        """Return a table with its columns, or None."""
        table = self.find(parts)
        if table is None or table.view is not None:
            return None
        self.tables.append(table)
        return table.ref, [(column.name, column.type) for column in table.schema.all_columns]

    def find_partitions(self, parts: Sequence[str]) -> list[tuple[tuple[str, ...], int]] | None:
        """Return the partitions of a table with the numbers of their rows, or None."""
        table = self.find(parts)
        if table is None:
            return None
        kept = list_partitions(self.connection, table.id) if table.partition_columns else ()
        return [(found.values, found.contents.n_rows) for found in kept]

    def bind_view(
        self, context: Context, node: exp.Expr, parts: Sequence[str]
    ) -> BoundQuery | None:
        """Bind the query of a view, with the names and settings of the time when it was made.

        Raises
        ------
        SqlFault
            Naming the view, for whatever is wrong with its query now.
        """
        table = self.find(parts)
        if table is None or table.view is None:
            return None
        view, ref = table.view, table.ref
        if ref in context.inside:
            raise context.fault(node, f"view {ref} refers to itself")
        if len(context.inside) >= MAX_VIEWS:
            raise context.fault(node, f"more than {MAX_VIEWS} views inside each other, at {ref}")
        hints = {**self.hints, **view.settings}
        names = replace(self, project=view.project, hints=hints)
        inner = replace(
            context,
            sql=view.query,
            hints=hints,
            find_table=names.find_table,
            find_partitions=names.find_partitions,
            bind_view=names.bind_view,
            inside=(*context.inside, ref),
        )
        try:
            bound = typed(Queries(inner, {}).bind(parse_query(view.query)), inner)
        except SqlFault as fault:
            message = f"{fault.message} (in view {ref})"
            raise SqlFault(fault.code, message, place_of(node, context.sql)) from None
        return _as_made(context, node, table, view, bound)

    def find(self, parts: Sequence[str]) -> Table | None:
        """Return a table or view, or None."""
        try:
            return find_table(self.connection, ref_of(parts, self.project, self.hints))
        except (NotFound, ValueError):
            return None


def _as_made(
    context: Context, node: exp.Expr, table: Table, view: View, bound: BoundQuery
) -> BoundQuery:
    """Return the columns that a view was made with, whatever its query has beside them now."""
    places = _places(view.outputs, [name for name, _ in bound.columns])
    if places is None:
        gone = ", ".join(view.outputs)
        raise context.fault(
            node,
            f"view {table.ref} was made over columns {gone}, which its query has no more; make it "
            "anew with CREATE OR REPLACE VIEW",
        )
    shown = ", ".join(f"v.c{place} AS c{number}" for number, place in enumerate(places))
    columns = tuple(
        (stored.column.name, bound.columns[place][1])
        for stored, place in zip(table.columns, places, strict=True)
    )
    return BoundQuery(f"SELECT {shown} FROM ({bound.sql}) AS v", columns)


def _places(made: Sequence[str], now: Sequence[str]) -> list[int] | None:
    wanted, here = [name.lower() for name in made], [name.lower() for name in now]
    if wanted == here:
        return list(range(len(here)))
    if any(here.count(name) != 1 for name in wanted):
        return None
    return [here.index(name) for name in wanted]

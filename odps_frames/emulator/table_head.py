"""The first rows of a table as text, which is what `Table.head` of pyodps asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from odps_frames.emulator.catalog.tables import need_rows
from odps_frames.emulator.planner import window
from odps_frames.emulator.read_plan import find_partitions, make_plan
from odps_frames.emulator.refusals import invalid, unsupported
from odps_frames.emulator.result_text import Unspeakable, csv_text
from odps_frames.emulator.row_view import RowView, Selection, select
from odps_frames.emulator.sql.table_names import zone_of
from odps_frames.emulator.times import is_instant
from odps_frames.model.read import ArrowOptions, ReadSpec
from odps_frames.model.splits import Split
from odps_frames.wire import names
from odps_frames.wire.http import Response

if TYPE_CHECKING:
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.read_plan import ReadPlan
    from odps_frames.emulator.store import Store
    from odps_frames.wire.rest import GetHead

__all__ = ["answer_head"]

MAX_ROWS = 10_000
"""What clients say of the limit."""


def answer_head(store: Store, call: GetHead, request_id: str) -> Response:
    """Answer with the first rows of a table or of one of its partitions, below their names.

    Raises
    ------
    ServiceError
        When there is no such table, partition or column, or text cannot say the values.
    """
    if not 0 <= call.n_rows <= MAX_ROWS:
        raise invalid(f"linenum={call.n_rows}; expected 0 to {MAX_ROWS}")
    partitions = (call.partition,) if call.partition else None
    spec = ReadSpec(table=call.table, partitions=partitions)

    def find() -> tuple[list[str], tuple[Table, ReadPlan]]:
        with store.database.read() as connection:
            table = need_rows(connection, call.table)
            plan = make_plan(connection, table, table.version, spec, store.files)
            find_partitions(connection, table, spec)
        return [file.stored.name for file in plan.files], (table, plan)

    hold, (table, plan) = store.files.hold(find)
    selection = _chosen(table, call.columns)
    view = RowView(selection, ArrowOptions(), lambda _, type_: is_instant(type_))
    pieces = window(plan.pieces(Split(""), 0), 0, call.n_rows)
    rows = hold.over(view.rows(store.files, plan.files, pieces))
    columns = [
        *(stored.column for stored in selection.data),
        *(column for _, column in selection.partitions),
    ]
    try:
        text = csv_text(rows, columns, ZoneInfo(zone_of({})))
    except Unspeakable as error:
        raise unsupported(f"{error} in the first rows of {table.ref} as text") from None
    fields = {names.REQUEST_ID: request_id, "Content-Type": "text/plain; charset=utf-8"}
    return Response.of(text.encode(), headers=fields)


def _chosen(table: Table, columns: tuple[str, ...] | None) -> Selection:
    if columns is None:
        return select(table, None, None)
    parts = {column.name.lower() for column in table.partition_columns}
    return select(
        table,
        [name for name in columns if name.lower() not in parts],
        [name for name in columns if name.lower() in parts],
    )

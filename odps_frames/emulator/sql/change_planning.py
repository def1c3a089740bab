"""UPDATE, DELETE and MERGE, understood on the versions that their tables have at that moment.

The query of each of them gives rows of three parts: where the row is that changes, what happens
with it, and the values that it has then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from odps_frames.emulator.sql.dialect import parse_change
from odps_frames.emulator.sql.engine_form import unloaded
from odps_frames.emulator.sql.lookup import unnested
from odps_frames.emulator.sql.merge_planning import merged
from odps_frames.emulator.sql.planning import FILE_COLUMN, ROW_COLUMN
from odps_frames.emulator.sql.row_targets import RowTarget
from odps_frames.emulator.sql.scopes import only
from odps_frames.emulator.sql.writes import ACTION_COLUMN, DELETED, UPDATED, RowChange

if TYPE_CHECKING:
    from odps_frames.emulator.sql.planning import Planning
    from odps_frames.model.schema import Column

__all__ = ["plan_change"]


def plan_change(planning: Planning) -> RowChange:
    """Understand a statement that changes rows of a table.

    Raises
    ------
    SqlFault
        With the code and the place that MaxCompute gives.
    """
    node = parse_change(planning.context.sql)
    with unnested():
        match node:
            case exp.Update():
                return _update(planning, node)
            case exp.Delete():
                return _delete(planning, node)
            case _:
                target, rows, columns = merged(planning, node)
                return _change(target, "MERGE", rows, columns)


def _update(planning: Planning, node: exp.Update) -> RowChange:
    only(planning.context, node, "this", "expressions", "from_", "where", what="UPDATE")
    further = node.args.get("from_")
    joins = [] if further is None else _joins(further.this)
    select = exp.Select(from_=exp.From(this=node.this.copy()), joins=joins)
    target = RowTarget.bind(planning, "UPDATE", select)
    binder = target.binder()
    updates = target.updates(node.expressions, binder)
    values = [updates.get(n, value) for n, value in enumerate(target.current())]
    items = [
        f"{target.assigned(value, column, node)} AS c{n}"
        for n, (value, column) in enumerate(zip(values, target.columns, strict=True))
    ]
    return _change(target, "UPDATE", _rows(target, UPDATED, items, node), target.columns)


def _delete(planning: Planning, node: exp.Delete) -> RowChange:
    if node.args.get("tables"):
        raise planning.context.fault(node, "expected DELETE FROM, and the name of a table")
    only(planning.context, node, "this", "where", what="DELETE")
    select = exp.Select(from_=exp.From(this=node.this.copy()))
    target = RowTarget.bind(planning, "DELETE", select)
    keyed = [
        (value, column)
        for value, column in zip(target.key(), target.columns, strict=True)
        if target.table.primary_key and value.type is not None
    ]
    items = [
        f"{target.assigned(value, column, node)} AS c{n}" for n, (value, column) in enumerate(keyed)
    ]
    rows = _rows(target, DELETED, items, node)
    return _change(target, "DELETE", rows, [column for _, column in keyed])


def _joins(node: exp.Expr) -> list[exp.Join]:
    """Return joins for all that stands after the FROM of an UPDATE."""
    first = node.copy()
    further = first.args.get("joins") or []
    first.set("joins", None)
    return [exp.Join(this=first, kind="CROSS"), *further]


def _rows(target: RowTarget, action: int, items: list[str], node: exp.Expr) -> str:
    where = node.args.get("where")
    condition = f" WHERE {target.binder().condition(where.this)}" if where else ""
    shown = ", ".join([target.place, f"CAST({action} AS TINYINT) AS {ACTION_COLUMN}", *items])
    return f"SELECT {shown} FROM {target.source}{condition}"


def _change(target: RowTarget, operation: str, rows: str, columns: list[Column]) -> RowChange:
    outer = ", ".join(
        [
            *(f"q.{name} AS {name}" for name in (FILE_COLUMN, ROW_COLUMN, ACTION_COLUMN)),
            *(f"{unloaded(f'q.c{n}', column.type)} AS c{n}" for n, column in enumerate(columns)),
        ]
    )
    text = f"SELECT {outer} FROM ({rows}) AS q"
    return RowChange(
        planned=target.planning.planned(text, tuple(columns), placed=target.number),
        table=target.table,
        number=target.number,
        operation=operation,
    )

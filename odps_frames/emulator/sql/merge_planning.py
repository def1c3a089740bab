"""MERGE INTO: one join of the table with its source, and for each row what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from odps_frames.emulator.sql.default_values import default_value
from odps_frames.emulator.sql.planning import FILE_COLUMN
from odps_frames.emulator.sql.queries import Part, Queries
from odps_frames.emulator.sql.row_targets import RowTarget
from odps_frames.emulator.sql.scopes import Scope, only
from odps_frames.emulator.sql.values import NULL
from odps_frames.emulator.sql.writes import ACTION_COLUMN, DELETED, INSERTED, UPDATED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from odps_frames.emulator.sql.planning import Planning
    from odps_frames.emulator.sql.values import Value
    from odps_frames.model.schema import Column

__all__ = ["merged"]

_MATCHED, _NOT_MATCHED, _BY_SOURCE = "MATCHED", "NOT MATCHED", "NOT MATCHED BY SOURCE"
_SOURCE = "the source"
"""What the source is called among the queries of WITH; no table can have such a name."""
_PRESENT = "m"
"""What the column of the source is called that is NULL where there is no row of it."""


@dataclass(frozen=True, slots=True)
class _When:
    """One WHEN: for which rows it is, and what they become."""

    kind: str
    condition: str | None
    action: int
    values: list[str]
    """The values of the row, in the types of their columns."""


def merged(planning: Planning, node: exp.Expr) -> tuple[RowTarget, str, list[Column]]:
    """Bind a MERGE; return its table, the query of its rows, and the columns of these.

    Raises
    ------
    SqlFault
        With the place, for whatever is wrong with it or not known here.
    """
    context = planning.context
    only(context, node, "this", "using", "on", "whens", what="MERGE INTO")
    whens = node.args["whens"].expressions
    for part in (node.args["on"], *(when.args.get("condition") for when in whens)):
        if part is not None and part.find(exp.Query) is not None:
            raise context.fault(part, "a condition of MERGE INTO does not take a query")
    _check_unconditional(planning, whens)
    alias = _alias(planning, node.args["using"])
    source = _source(planning, node.args["using"])
    join = exp.Join(
        this=exp.Table(
            this=exp.Identifier(this=_SOURCE), alias=exp.TableAlias(this=exp.to_identifier(alias))
        ),
        side=_side({_kind(when) for when in whens}),
        on=node.args["on"].copy(),
    )
    select = exp.Select(from_=exp.From(this=node.this.copy()), joins=[join])
    target = RowTarget.bind(planning, "MERGE INTO", select, {_SOURCE: source})
    rows = _rows(target, [_bound(target, when) for when in whens])
    return target, rows, target.columns


def _alias(planning: Planning, using: exp.Expr) -> str:
    alias: str = using.alias or (using.name if isinstance(using, exp.Table) else "")
    if not alias:
        raise planning.context.fault(
            using, "the source of MERGE INTO needs an alias: USING (…) AS s"
        )
    return alias


def _source(planning: Planning, using: exp.Expr) -> Part:
    """Bind the source, as a query of WITH whose rows say that they are there."""
    context = planning.context
    select = exp.Select(expressions=[exp.Star()], from_=exp.From(this=using.copy()))
    bound = Queries(context, {}).bind(select)
    inner, alias = f"w{len(context.parts)}", context.alias()
    context.parts.append(
        (inner, f"SELECT {alias}.*, TRUE AS {_PRESENT} FROM ({bound.sql}) AS {alias}")
    )
    return Part(inner, bound.columns)


def _kind(when: exp.Expr) -> str:
    if when.args.get("matched"):
        return _MATCHED
    return _BY_SOURCE if when.args.get("source") else _NOT_MATCHED


def _side(kinds: set[str]) -> str:
    """Return which rows without a partner the join keeps."""
    if {_NOT_MATCHED, _BY_SOURCE} <= kinds:
        return "FULL"
    return "RIGHT" if _NOT_MATCHED in kinds else "LEFT" if _BY_SOURCE in kinds else ""


def _check_unconditional(planning: Planning, whens: Sequence[exp.Expr]) -> None:
    bare = [_kind(when) for when in whens if when.args.get("condition") is None]
    for kind in (_MATCHED, _NOT_MATCHED, _BY_SOURCE):
        if bare.count(kind) > 1:
            message = f"only one WHEN {kind} of MERGE INTO may be without a condition"
            raise planning.context.fault(whens[0], message)


def _bound(target: RowTarget, when: exp.Expr) -> _When:
    context = target.planning.context
    only(context, when, "matched", "source", "condition", "then", what="WHEN")
    kind, then = _kind(when), when.args["then"]
    table, source = target.scope.relations
    # A row that is missing on one side has no values there that could be named.
    binder = target.binder(
        {
            _MATCHED: target.scope,
            _NOT_MATCHED: Scope(relations=(source,)),
            _BY_SOURCE: Scope(relations=(table,)),
        }[kind]
    )
    condition = when.args.get("condition")
    said = None if condition is None else binder.condition(condition)
    if isinstance(then, exp.Insert) and kind == _NOT_MATCHED:
        action, values = INSERTED, _inserted(target, then, binder.bind)
    elif isinstance(then, exp.Update) and kind != _NOT_MATCHED:
        only(context, then, "expressions", what="UPDATE")
        updates = target.updates(then.expressions, binder)
        action = UPDATED
        values = [updates.get(n, value) for n, value in enumerate(target.current())]
    elif isinstance(then, exp.Var) and then.name.upper() == "DELETE" and kind != _NOT_MATCHED:
        action, values = DELETED, target.key()
    else:
        raise context.fault(when, f"WHEN {kind} THEN {then.sql()} is no part of MERGE INTO")
    items = [
        target.assigned(value, column, when)
        for value, column in zip(values, target.columns, strict=True)
    ]
    return _When(kind, said, action, items)


def _inserted(
    target: RowTarget, then: exp.Insert, bind: Callable[[exp.Expr], Value]
) -> list[Value]:
    """Return the values of a row that comes; columns that are not named have their default."""
    context = target.planning.context
    only(context, then, "this", "expression", what="INSERT")
    given, named = then.args.get("expression"), then.this
    if isinstance(given, exp.Paren):
        nodes = [given.this]
    elif isinstance(given, exp.Tuple):
        nodes = given.expressions
    else:
        raise context.unsupported(then, "INSERT without VALUES (…)")
    places = list(range(len(target.columns)))
    if named is not None:
        listed = named.expressions if isinstance(named, exp.Tuple) else [named.unnest()]
        places = [_place(target, item) for item in listed]
        if left := sorted(set(range(len(target.table.columns), len(target.columns))) - set(places)):
            name = target.columns[left[0]].name
            raise context.fault(then, f"the list of columns lacks the partition column {name}")
    if len(nodes) != len(places) or len(set(places)) != len(places):
        raise context.fault(
            then,
            f"wrong columns count {len(nodes)} in data source, requires {len(places)} columns "
            "(includes dynamic partitions if any), each of them once",
        )
    values = [default_value(stored) for stored in target.table.columns]
    values += [NULL] * len(target.table.partition_columns)
    for place, node in zip(places, nodes, strict=True):
        values[place] = bind(node)
    return values


def _place(target: RowTarget, node: exp.Expr) -> int:
    names = [column.name.lower() for column in target.columns]
    if not isinstance(node, exp.Column | exp.Identifier) or node.name.lower() not in names:
        raise target.planning.context.fault(
            node,
            f"column {node.name} cannot be resolved in {target.table.ref}; expected some of: "
            f"{', '.join(names)}",
        )
    return names.index(node.name.lower())


def _rows(target: RowTarget, whens: Sequence[_When]) -> str:
    """Write the join, with the first WHEN that applies to each of its rows."""
    source = target.scope.relations[1].columns[0].value.sql.split(".")[0]
    there = {
        _MATCHED: f"r{target.number}.{FILE_COLUMN} IS NOT NULL AND {source}.{_PRESENT}",
        _NOT_MATCHED: f"r{target.number}.{FILE_COLUMN} IS NULL",
        _BY_SOURCE: f"{source}.{_PRESENT} IS NULL",
    }
    tests = [
        f"WHEN {there[when.kind]}" + (f" AND {when.condition}" if when.condition else "")
        for when in whens
    ]
    which = "CASE " + " ".join(f"{test} THEN {n}" for n, test in enumerate(tests)) + " END"
    action = _chosen([str(when.action) for when in whens], which)
    values = [
        f"{_chosen(list(column), which)} AS c{n}"
        for n, column in enumerate(zip(*(when.values for when in whens), strict=True))
    ]
    shown = ", ".join([target.place, f"CAST({action} AS TINYINT) AS {ACTION_COLUMN}", *values])
    return f"SELECT {shown} FROM {target.source} WHERE ({which}) IS NOT NULL"


def _chosen(texts: list[str], which: str) -> str:
    if len(set(texts)) == 1:
        return texts[0]
    return f"(CASE {which} " + " ".join(f"WHEN {n} THEN {t}" for n, t in enumerate(texts)) + " END)"

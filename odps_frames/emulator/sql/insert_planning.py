"""INSERT and CREATE TABLE AS, understood on the versions that their tables have at that moment."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from odps_frames.emulator.catalog.tables import StoredColumn, Table
from odps_frames.emulator.specs import selector_of
from odps_frames.emulator.sql.assigning import assigned, incompatible
from odps_frames.emulator.sql.clauses import without_parts
from odps_frames.emulator.sql.cursor import unsupported
from odps_frames.emulator.sql.default_values import default_value
from odps_frames.emulator.sql.dialect import parse_query
from odps_frames.emulator.sql.engine_form import unloaded
from odps_frames.emulator.sql.lookup import unnested
from odps_frames.emulator.sql.queries import Queries, typed
from odps_frames.emulator.sql.scopes import only
from odps_frames.emulator.sql.site import exists_already
from odps_frames.emulator.sql.table_engine import check_table
from odps_frames.emulator.sql.tokens import SqlFault
from odps_frames.emulator.sql.values import Value, engine_type
from odps_frames.emulator.sql.writes import Creation, Insertion
from odps_frames.errors import ServiceError
from odps_frames.model.schema import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from odps_frames.emulator.specs import Selector
    from odps_frames.emulator.sql.inserts import CreateTableAs, Insert, Inserts, Items
    from odps_frames.emulator.sql.planning import Planning
    from odps_frames.emulator.sql.queries import BoundQuery

__all__ = ["plan_creation", "plan_inserts"]


def plan_inserts(planning_of: Callable[[str], Planning], statement: Inserts) -> list[Insertion]:
    """Understand INSERT, with one output or several.

    Raises
    ------
    SqlFault
        With the code and the place that MaxCompute gives.
    """
    source = None if statement.source is None else _shared(planning_of(statement.source))
    found = [_insertion(planning_of, output, source) for output in statement.outputs]
    if len(found) > 1:
        _check_outputs(found, statement)
    return found


def _insertion(
    planning_of: Callable[[str], Planning], output: Insert, source: exp.Expr | None
) -> Insertion:
    planning = planning_of(output.query)
    table = planning.site.table(output.target)
    static = _static(table, output)
    node = parse_query(output.query)
    if source is not None:
        node = _from_source(planning, node, source)
    with unnested():
        bound = Queries(planning.context, {}).bind(node)
    columns = _columns(table, static, output)
    if len(bound.columns) != len(columns):
        raise planning.context.fault(
            without_parts(node),
            f"wrong columns count {len(bound.columns)} in data source, requires {len(columns)} "
            f"columns (includes dynamic partitions if any) of {table.ref}: "
            f"{', '.join(column.name for column in columns)}",
        )
    left = [stored for stored in _left_out(table, output) if stored.default is not None]
    text = _text(planning, node, bound, columns, [default_value(stored) for stored in left])
    every = (*columns, *(stored.column for stored in left))
    return Insertion(
        planned=planning.planned(text, every),
        table=table,
        static=static,
        overwrite=output.overwrite,
        if_not_exists=output.if_not_exists,
    )


def _static(table: Table, output: Insert) -> Selector:
    """Return the partition, with None for what the rows tell."""
    token = output.target.token
    names = [column.name.lower() for column in table.partition_columns]
    items: Items = output.partition or ()
    said = [name for name, _ in items]
    if table.buckets is not None and not output.overwrite:
        raise _semantic(
            f"INSERT INTO does not take clustered tables, and {table.ref} is one; "
            "use INSERT OVERWRITE",
            output,
        )
    if sorted(said) != sorted(names):
        clause = f"PARTITION({', '.join(names)})" if names else "no PARTITION clause"
        raise _semantic(
            f"the partition columns of {table.ref} are: {', '.join(names) or 'none'}; expected "
            f"{clause}, where each column may have a value",
            output,
        )
    dynamic = [name for name, value in items if value is None]
    if dynamic and table.buckets is not None:
        raise _semantic(f"clustered table {table.ref} does not take dynamic partitions", output)
    if output.if_not_exists and not output.overwrite:
        raise unsupported("INSERT INTO ... IF NOT EXISTS", token)
    if dynamic and output.if_not_exists:
        raise _semantic("IF NOT EXISTS takes a partition whose columns all have values", output)
    if dynamic != names[len(names) - len(dynamic) :]:
        raise _semantic(
            f"PARTITION({', '.join(said)}): columns without a value are the last ones of "
            f"{', '.join(names)}, in that order",
            output,
        )
    try:
        return selector_of(
            [(name, value) for name, value in items if value is not None],
            table.partition_columns,
        )
    except ServiceError as error:
        message = f"Partition exception - {error.message}"
        raise SqlFault("ODPS-0123031", message, token) from None


def _columns(table: Table, static: Selector, output: Insert) -> list[Column]:
    """Return the columns that the query gives values for, in its order."""
    dynamic = [
        column
        for column, value in zip(table.partition_columns, static, strict=True)
        if value is None
    ]
    every = [*(stored.column for stored in table.columns), *dynamic]
    if output.columns is None:
        return every
    if output.overwrite:
        raise _semantic(
            "INSERT OVERWRITE takes no list of columns; use INSERT INTO, or give a value for "
            "every column",
            output,
        )
    by_name = {column.name.lower(): column for column in every}
    for name, times in Counter(output.columns).items():
        if name not in by_name:
            raise _semantic(
                f"column {name} of {table.ref} cannot be resolved; expected some of: "
                f"{', '.join(by_name)}",
                output,
            )
        if times > 1:
            raise _semantic(f"column {name} stands twice in the list of columns", output)
    if left := [column.name for column in dynamic if column.name.lower() not in output.columns]:
        raise _semantic(f"the list of columns lacks the partition column {left[0]}", output)
    for stored in _left_out(table, output):
        column = stored.column
        if not column.nullable and stored.default is None:
            raise _semantic(
                f"column {column.name} is NOT NULL; the list of columns lacks it", output
            )
    return [by_name[name] for name in output.columns]


def _left_out(table: Table, output: Insert) -> list[StoredColumn]:
    """Return the data columns that a list of columns lacks."""
    listed = output.columns
    return [one for one in table.columns if listed and one.column.name.lower() not in listed]


def _text(
    planning: Planning,
    node: exp.Expr,
    bound: BoundQuery,
    columns: Sequence[Column],
    further: Sequence[Value] = (),
) -> str:
    """Write a query for DuckDB whose columns have the types of those that they go into.

    Parameters
    ----------
    further : sequence of Value
        Literals that stand behind its columns.
    """
    items = []
    for number, ((name, given), column) in enumerate(zip(bound.columns, columns, strict=True)):
        value = assigned(Value(f"q.c{number}", given), column.type)
        target = engine_type(column.type)
        if target is None:
            what = f"INSERT of a value into column {column.name} of type {column.type}"
            raise planning.context.unsupported(_item(node, number), what)
        if value is None:
            raise incompatible(planning.context, _item(node, number), (name, given), column)
        items.append(f"CAST({value.sql} AS {target}) AS c{number}")
    items += [f"{value.sql} AS c{n}" for n, value in enumerate(further, len(items))]
    types = [*(column.type for column in columns), *(value.type for value in further)]
    inner = f"SELECT {', '.join(items)} FROM ({bound.sql}) AS q"
    outer = ", ".join(
        f"{unloaded(f'q.c{number}', type_)} AS c{number}"
        for number, type_ in enumerate(types)
        if type_ is not None
    )
    return f"SELECT {outer} FROM ({inner}) AS q"


def _item(node: exp.Expr, number: int) -> exp.Expr:
    """Return what gives a column of a query, for the place of an error; else the query."""
    row = node.expressions[0] if isinstance(node, exp.Values) else node
    items: list[exp.Expr] = row.expressions
    plain = isinstance(row, exp.Select | exp.Tuple) and not any(item.is_star for item in items)
    return items[number] if plain else node


def _shared(planning: Planning) -> exp.Expr:
    """Read the FROM that all outputs share; sqlglot makes it ``SELECT *``."""
    source = parse_query(planning.context.sql)
    message = "expected FROM with tables or queries before the first INSERT"
    if not isinstance(source, exp.Select) or source.expressions != [exp.Star()]:
        raise planning.context.fault(source, message)
    only(planning.context, source, "expressions", "from_", "joins", "laterals", what="FROM")
    return source


def _from_source(planning: Planning, node: exp.Expr, source: exp.Expr) -> exp.Expr:
    """Give a SELECT without FROM the one that all of a statement share."""
    if not isinstance(node, exp.Select) or node.args.get("from_") or node.args.get("laterals"):
        raise planning.context.fault(
            node, "after FROM … INSERT comes SELECT without a FROM of its own"
        )
    found: exp.Expr = node.copy()
    for key in ("from_", "joins", "laterals"):
        if part := source.args.get(key):
            copied = [one.copy() for one in part] if isinstance(part, list) else part.copy()
            found.set(key, copied)
    return found


def _check_outputs(found: Sequence[Insertion], statement: Inserts) -> None:
    """Refuse outputs that go to the same place."""
    seen: dict[str, list[Insertion]] = {}
    for one, output in zip(found, statement.outputs, strict=True):
        before = seen.setdefault(one.table.id, [])
        for other in before:
            if None in one.static or None in other.static:
                raise _semantic(
                    f"table {one.table.ref} stands twice in one statement, with partitions that "
                    "the rows tell",
                    output,
                )
            if other.static == one.static:
                what = "the same partition of " if one.static else ""
                raise _semantic(
                    f"{what}table {one.table.ref} stands twice in one statement", output
                )
            if other.overwrite != one.overwrite:
                raise _semantic(
                    f"both INSERT INTO and INSERT OVERWRITE of table {one.table.ref} in one "
                    "statement",
                    output,
                )
        before.append(one)


def _semantic(message: str, output: Insert) -> SqlFault:
    return SqlFault("ODPS-0130071", f"Semantic analysis exception - {message}", output.target.token)


def plan_creation(planning: Planning, statement: CreateTableAs) -> list[Creation]:
    """Understand CREATE TABLE AS; nothing is left to do where the table may be there and is.

    Raises
    ------
    SqlFault
        With the code and the place that MaxCompute gives.
    """
    create, site = statement.table, planning.site
    found = site.find(create.name)
    if found is not None:
        if create.if_not_exists:
            return []
        raise exists_already(found, create.name)
    with unnested():
        node = parse_query(statement.query)
        bound = typed(Queries(planning.context, {}).bind(node), planning.context)
    columns = tuple(Column(name.lower(), type_) for name, type_ in bound.columns if type_)
    create = replace(create, columns=columns)
    check_table(create)
    return [
        Creation(
            planned=planning.planned(_text(planning, node, bound, columns), columns),
            create=create,
            table=Table(
                id="",
                ref=site.ref(create.name),
                columns=tuple(StoredColumn(str(n), column) for n, column in enumerate(columns, 1)),
            ),
        )
    ]

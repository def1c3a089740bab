"""Polars expressions as conditions: Polars says what they mean, and decides on the rows."""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from odps_frames.convert.arrow import normal_schema
from odps_frames.filters.condition import Expression, is_whole
from odps_frames.filters.polars_terms import said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.model.read import ArrowOptions
    from odps_frames.model.schema import TableSchema

__all__ = ["evaluate_polars", "is_polars", "parse_polars"]

_HANDED = re.compile(r"^\s*SELECTION: ", re.MULTILINE)
_KEPT = re.compile(r"^\s*FILTER ", re.MULTILINE)


def is_polars(some: object) -> bool:
    """Whether it is an expression of Polars; Polars is not imported for that."""
    polars: Any = sys.modules.get("polars")
    return polars is not None and isinstance(some, polars.Expr)


def parse_polars(expression: Any, schema: TableSchema, options: ArrowOptions) -> Expression:  # noqa: ANN401  a polars.Expr
    """Take an expression over the rows of a table, as Polars has them.

    Raises
    ------
    ValueError
        When Polars cannot ask it of these columns, it is no condition, or it looks at more rows
        than one.
    KeyError
        For an unknown column, with the names that come near.
    """
    names = tuple((name, schema.column(name)) for name in _names(expression, schema))
    types = normal_schema(tuple(column for _, column in names), options).types
    rows = pa.schema([(name, type_) for (name, _), type_ in zip(names, types, strict=True)])
    if long := [field.name for field in rows if "decimal256" in str(field.type)]:
        msg = f"the expression {expression} needs {long}, whose digits are too many for Polars"
        raise ValueError(msg)
    empty = pa.RecordBatch.from_pylist([], rows)
    evaluate_polars(expression, empty)
    known = {name: (column, rows.field(name).type) for name, column in names}
    implied = said(expression, known)
    # All that has terms here asks about single rows.
    if not is_whole(implied) and not _is_row_by_row(expression, empty):
        msg = (
            f"the expression {expression} looks at other rows, too, or may fail, as Polars takes "
            "it; such a filter can only be applied to a whole frame: "
            "scan.to_polars().filter(...)"
        )
        raise ValueError(msg)
    return Expression(expression, names, implied)


def _names(expression: Any, schema: TableSchema) -> list[str]:  # noqa: ANN401  a polars.Expr
    if expression.meta.is_literal():
        return []
    found = list(dict.fromkeys(expression.meta.root_names()))
    if found and not expression.meta.has_multiple_outputs():
        return found
    return [column.name for column in schema.all_columns]  # selectors say no names


def _is_row_by_row(expression: Any, empty: pa.RecordBatch) -> bool:  # noqa: ANN401  a polars.Expr
    """Whether each row is decided by itself: Polars hands such a filter on to a source."""
    plugins: Any = importlib.import_module("polars.io.plugins")
    handed: list[Any] = []

    def source(_columns: Any, predicate: Any, _n_rows: Any, _batch_size: Any) -> Iterator[Any]:  # noqa: ANN401  Polars'
        handed.append(predicate)
        yield frame

    with _refusals(expression, empty) as polars:
        frame = polars.from_arrow(pa.Table.from_batches([empty]))
        filtered = plugins.register_io_source(source, schema=frame.schema).filter(expression)
        filtered.collect()
    # A source is not even asked for rows that no row can be.
    if all(predicate is not None for predicate in handed):
        return True
    # Older releases plan it so, but have no words for some literals.
    plan = filtered.explain()
    return bool(_HANDED.search(plan)) and not _KEPT.search(plan)


@contextlib.contextmanager
def _refusals(expression: Any, batch: pa.RecordBatch) -> Iterator[Any]:  # noqa: ANN401  a polars.Expr; polars
    """Say of what Polars refuses what was asked."""
    polars: Any = importlib.import_module("polars")
    try:
        yield polars
    except polars.exceptions.PolarsError as error:
        columns = ", ".join(f"{field.name}: {field.type}" for field in batch.schema)
        msg = f"the expression {expression} cannot be asked of the columns {columns}: {error}"
        raise ValueError(msg) from error


def evaluate_polars(expression: Any, batch: pa.RecordBatch) -> Any:  # noqa: ANN401  a polars.Expr; truth values
    """Return what an expression says of each row, by Polars' own rules.

    Raises
    ------
    ValueError
        When it names a column that is not there, compares types that Polars does not, or says
        something else than true and false.
    """
    with _refusals(expression, batch) as polars:
        found = polars.from_arrow(pa.Table.from_batches([batch])).select(expression)
    types = found.dtypes
    if types != [polars.Boolean]:
        given = ", ".join(map(str, types))
        msg = f"the expression {expression} gives {given}; expected one condition"
        raise ValueError(msg)
    keep = found.to_series()
    if len(keep) == batch.num_rows:
        return keep.to_arrow()
    return pa.repeat(pa.scalar(keep.item(), pa.bool_()), batch.num_rows)  # a constant

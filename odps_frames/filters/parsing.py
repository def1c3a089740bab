"""The one way from what users write to a condition."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute

from odps_frames.filters.arrow_expression import parse_arrow
from odps_frames.filters.polars_expression import is_polars, parse_polars
from odps_frames.filters.sql_text import parse_sql
from odps_frames.filters.tuples import parse_tuples
from odps_frames.model.read import ArrowOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odps_frames.filters.condition import Condition
    from odps_frames.model.schema import TableSchema

__all__ = ["parse"]


def parse(
    filters: str | Sequence[object] | object | None,
    schema: TableSchema,
    *,
    timezone: str = "UTC",
    arrow: ArrowOptions | None = None,
) -> Condition | None:
    """Read a condition on the rows of a table; None where there is none.

    Parameters
    ----------
    filters
        SQL text, tuples as in ``pandas.read_parquet``, or an expression of Arrow or Polars.
    schema
        Whose columns may be named, in any letter case.
    timezone
        Zone of the times that are written without one, against columns that hold instants.
        Expressions of engines have rules of their own: columns of times have no zone there, and
        show UTC.
    arrow
        Units in which the rows come, for expressions of engines.

    Raises
    ------
    ValueError
        For what cannot be read or not be compared exactly.
    KeyError
        For an unknown column, with the names that come near.

    Examples
    --------
    >>> from odps_frames.model.schema import Column, TableSchema
    >>> from odps_frames.model.types import parse_type
    >>> schema = TableSchema((Column("amount", parse_type("decimal(10,2)")),))
    >>> str(parse("amount between 1 and 2.5", schema).terms[1].value)
    '2.5'
    """
    zone = UTC if timezone.upper() == "UTC" else ZoneInfo(timezone)
    if filters is None:
        return None
    if isinstance(filters, pa.compute.Expression):
        return parse_arrow(filters, schema, arrow or ArrowOptions())
    if is_polars(filters):
        return parse_polars(filters, schema, arrow or ArrowOptions())
    if isinstance(filters, str):
        return parse_sql(filters, schema, zone) if filters.strip() else None
    if isinstance(filters, list | tuple):
        return parse_tuples(list(filters), schema, zone)
    msg = (
        f"not filters: {filters!r}; expected SQL text, a list of tuples "
        "(column, operator, value), a pyarrow.compute.Expression or a polars.Expr"
    )
    raise TypeError(msg)

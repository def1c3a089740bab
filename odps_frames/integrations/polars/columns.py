"""Columns of a scan as Polars has them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odps_frames.scan import Scan

__all__ = ["frame_of", "narrowed", "quiet", "schema_of", "taken"]


def quiet(scan: Scan) -> Scan:
    """The scan without a display of its progress, which does not travel."""
    return replace(scan, options=replace(scan.options, progress=False))


def schema_of(scan: Scan) -> pl.Schema:
    """The schema of its frames."""
    return pl.Schema(taken(scan.arrow_schema))


def frame_of(rows: pa.Table | pa.RecordBatch, schema: pa.Schema | None = None) -> pl.DataFrame:
    """Make a frame of rows, in the units of time that were planned, where they came in others."""
    wanted = taken(rows.schema if schema is None else schema)
    if not rows.schema.equals(wanted):
        rows = rows.cast(wanted)
    return pl.DataFrame(rows)


def narrowed(scan: Scan, terms: Sequence[pl.Expr]) -> tuple[Scan, tuple[pl.Expr, ...]]:
    """Put into a scan what it can take of conditions that all have to be true.

    Returns the scan and the conditions that it took. Behind a limit it takes none: it would filter
    first.
    """
    told: list[pl.Expr] = []
    if scan.row_limit is not None:
        return scan, ()
    texts = {f.name for f in scan.arrow_schema if not taken_as(f.type).equals(f.type)}
    for term in terms:
        if texts.intersection(term.meta.root_names()):
            continue  # about another type than the column has in the table
        try:
            scan = scan.filter(term)
        except (ValueError, TypeError):
            continue  # Polars can apply more than can be asked of a scan
        told.append(term)
    return scan, tuple(told)


def taken(schema: pa.Schema) -> pa.Schema:
    """The schema in types that Polars has."""
    return pa.schema([field.with_type(taken_as(field.type)) for field in schema])


def taken_as(kind: pa.DataType) -> pa.DataType:
    """The type that Polars has for values of an Arrow type: text of longer decimals."""
    if pa.types.is_decimal256(kind):
        return pa.string()
    if pa.types.is_map(kind):
        return pa.map_(taken_as(kind.key_type), taken_as(kind.item_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(taken_as(field.type)) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(taken_as(kind.value_type)))
    return kind

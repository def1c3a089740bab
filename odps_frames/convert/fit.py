"""Incoming data cast to the types of a table, with precise complaints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from odps_frames.convert.cast import Cast, NeverFitsError
from odps_frames.convert.misfit import blame
from odps_frames.convert.plan import plan
from odps_frames.convert.untyped import pc
from odps_frames.convert.zones import check_zone
from odps_frames.errors import CastError, SchemaMismatch

if TYPE_CHECKING:
    from odps_frames.convert.untyped import AnyArray
    from odps_frames.model.schema import Column, TableSchema

__all__ = ["Fitter", "SchemaMode"]

SchemaMode = Literal["strict", "ignore_extra", "add_columns"]

_MOST_LINES = 20


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A column of the result: where it stands in the data, if it does, and how it is cast."""

    column: Column
    place: int | None
    cast: Cast

    def fit(self, batch: pa.RecordBatch, first_row: int) -> AnyArray:
        if self.place is None:
            return pa.nulls(batch.num_rows, self.cast.type)
        array: AnyArray = batch.column(self.place)
        with blame(self.column.name, array.type, str(self.column.type), first_row):
            fitted = self.cast.convert(array)
        if fitted.null_count and not self.column.nullable:
            row = first_row + pc.index(fitted.is_null(), pa.scalar(value=True)).as_py()
            raise CastError(
                f"column {self.column.name!r} is NOT NULL, and {fitted.null_count} of "
                f"{len(fitted)} rows have NULL, the first is row {row} (counted from 0); "
                "fill or drop them"
            )
        return fitted


class Fitter:
    """Casts batches of one Arrow schema to columns of a table; no value is ever changed.

    Numbers must fit exactly, text must fit its length, and text is never parsed. An instant
    keeps its moment, whatever its zone. For DATETIME and TIMESTAMP a time without a zone is read
    in ``tz``; one that the zone skips or has twice raises. A TIMESTAMP is sent in ns where the
    data is, else in us.

    Parameters
    ----------
    schema : TableSchema
        Of the whole table.
    columns : tuple of Column
        The columns that the data must carry, in the order of the result.
    source : pyarrow.Schema
        Of the data; names are compared without letter case.
    schema_mode : {"strict", "ignore_extra", "add_columns"}
        Whether columns that the table lacks are left out or raise: who adds them has done it.
    fill_missing : bool
        Whether columns that the data lacks become NULL, if they may.
    tz : str
        Zone of times without a zone.

    Raises
    ------
    SchemaMismatch
        With a table of all differences.
    """

    def __init__(
        self,
        schema: TableSchema,
        columns: tuple[Column, ...],
        source: pa.Schema,
        *,
        schema_mode: SchemaMode = "strict",
        fill_missing: bool = False,
        tz: str = "UTC",
    ) -> None:
        check_zone(tz)
        self._source = source
        differences = _Differences(schema)
        places = differences.places(source)
        wanted = []
        for column in columns:
            place = places.pop(column.name.lower(), None)
            if place is None and fill_missing and column.nullable:
                wanted.append(_Wanted(column, None, plan(pa.null(), column.type)))
            elif place is None:
                differences.missing(column)
            elif cast := differences.cast(column, source.field(place), tz):
                wanted.append(_Wanted(column, place, cast))
        if schema_mode != "ignore_extra":
            for place in places.values():
                differences.surplus(source.field(place))
        differences.raise_any()
        self._wanted = tuple(wanted)
        self.schema = pa.schema(
            [pa.field(w.column.name, w.cast.type, w.column.nullable) for w in wanted]
        )

    def fit(self, batch: pa.RecordBatch, first_row: int = 0) -> pa.RecordBatch:
        """Cast a batch of the schema given; complaints count its rows from ``first_row``.

        Raises
        ------
        CastError
            For a value that does not fit, naming column, row, value and both types.
        """
        if not batch.schema.equals(self._source):
            raise SchemaMismatch(
                f"a batch has the schema {batch.schema}; the first of the data has {self._source}; "
                "all must have the same"
            )
        arrays = [wanted.fit(batch, first_row) for wanted in self._wanted]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


class _Differences:
    """What keeps the data out of the table, line by line."""

    def __init__(self, schema: TableSchema) -> None:
        self._schema = schema
        self._lines: list[tuple[str, str, str, str]] = []

    def places(self, source: pa.Schema) -> dict[str, int]:
        places: dict[str, int] = {}
        for place, field in enumerate(source):
            if places.setdefault(field.name.lower(), place) != place:
                self._add(field.name, str(field.type), "", "stands twice (letter case aside)")
        return places

    def cast(self, column: Column, field: pa.Field[Any], tz: str) -> Cast | None:
        try:
            return plan(field.type, column.type, tz)
        except NeverFitsError as error:
            self._add(column.name, str(field.type), str(column.type), f"never fits: {error}")
            return None

    def missing(self, column: Column) -> None:
        remedy = "add it, or fill_missing=True" if column.nullable else "add it: it is NOT NULL"
        self._add(column.name, "(none)", str(column.type), remedy)

    def surplus(self, field: pa.Field[Any]) -> None:
        known = self._schema.find(field.name)
        remedy = (
            "drop it: partition= says it"
            if known
            else "drop it, or schema_mode='ignore_extra' or 'add_columns'"
        )
        self._add(field.name, str(field.type), str(known.type) if known else "(none)", remedy)

    def raise_any(self) -> None:
        if not self._lines:
            return
        shown = [("column", "data", "table", "what to do"), *self._lines[:_MOST_LINES]]
        widths = [max(map(len, cells)) for cells in zip(*shown, strict=True)]
        text = "\n".join(
            "  "
            + "  ".join(
                cell.ljust(width) for cell, width in zip(cells, widths, strict=True)
            ).rstrip()
            for cells in shown
        )
        if len(self._lines) > _MOST_LINES:
            text += f"\n  … and {len(self._lines) - _MOST_LINES} more"
        raise SchemaMismatch(f"the columns of the data do not fit those of the table:\n{text}")

    def _add(self, name: str, data: str, table: str, remedy: str) -> None:
        self._lines.append((name, data, table, remedy))

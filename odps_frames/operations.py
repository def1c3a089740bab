"""What becomes of each row of a table with a primary key: it is upserted, or its key deleted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute

from odps_frames import filters as row_filters
from odps_frames.convert.fit import Fitter
from odps_frames.errors import CastError, SchemaMismatch
from odps_frames.wire.schema import DELETE, OPERATION, UPSERT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odps_frames.filters import Condition
    from odps_frames.model.schema import TableSchema
    from odps_frames.target import Target
    from odps_frames.write_options import WriteOptions

__all__ = ["OPERATION_FIELD", "Operations", "without_operation"]

pc: Any = pa.compute

OPERATION_FIELD = pa.field(OPERATION, pa.int8())

_CODES = {
    **dict.fromkeys(("u", "upsert", "insert", "update"), UPSERT),
    **dict.fromkeys(("d", "delete"), DELETE),
}
_EXPECTED = f"'U' or {UPSERT} to upsert, 'D' or {DELETE} to delete, or a word of read_odps_changes"


def _places(schema: pa.Schema) -> list[int]:
    return [place for place, name in enumerate(schema.names) if name.lower() == OPERATION]


def without_operation(schema: pa.Schema) -> pa.Schema:
    """Leave out the column that says what becomes of each row."""
    places = _places(schema)
    if len(places) > 1:
        raise SchemaMismatch(f"the data has several columns {OPERATION!r}; drop all but one")
    return schema.remove(places[0]) if places else schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """How rows of the data are cast, and which of them delete."""

    fitter: Fitter
    required: tuple[str, ...] = ()
    """Columns that a row may lack only when it is deleted."""
    absent: tuple[str, ...] = ()
    """Columns that the data lacks, so that its rows can only be deleted."""
    condition: Condition | None = None
    said: bool = False
    """Whether a column of the data says what becomes of its rows."""

    @classmethod
    def of_data(
        cls,
        schema: TableSchema,
        source: pa.Schema,
        target: Target,
        options: WriteOptions,
        *,
        key: Iterable[str],
        tz: str,
    ) -> Operations:
        """Find out what the data says.

        Raises
        ------
        ValueError
            When it says it twice, or the condition cannot be read.
        SchemaMismatch
            For columns that do not fit.
        """
        said = options.mode == "upsert" and bool(_places(source))
        if _places(source) and not said:
            msg = (
                f"the data has a column {OPERATION!r}, which says what becomes of rows with "
                f"mode='upsert'; mode={options.mode!r} adds every row: drop the column"
            )
            raise SchemaMismatch(msg)
        if said and options.delete_where is not None:
            msg = f"delete_where= and a column {OPERATION!r} say the same thing; give one of them"
            raise ValueError(msg)
        deletes = said or options.delete_where is not None
        keys = {name.lower() for name in key}
        free = {name.lower() for name in schema.names} - keys if deletes else set()
        present = {name.lower() for name in source.names}
        missing = set() if options.fill_missing else free - present
        return cls(
            fitter=Fitter(
                schema,
                tuple(
                    replace(column, nullable=True) if column.name.lower() in free else column
                    for column in target.columns
                ),
                without_operation(source) if said else source,
                schema_mode=options.schema_mode,
                fill_missing=options.fill_missing or deletes,
                tz=tz,
            ),
            required=tuple(
                column.name
                for column in schema.columns
                if not column.nullable and column.name.lower() in free
            ),
            absent=tuple(name for name in schema.names if name.lower() in missing),
            condition=_condition(schema, options.delete_where, tz),
            said=said,
        )

    def parted(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.Array[Any] | None]:
        """Take the column of operations out of a batch of the data, where it has one."""
        if not self.said:
            return batch, None
        (place,) = _places(batch.schema)
        return batch.remove_column(place), batch.column(place)

    def of(self, fitted: pa.RecordBatch, said: pa.Array[Any] | None, first_row: int) -> Any:  # noqa: ANN401  an array
        """Return the operation of each row.

        Raises
        ------
        CastError
            For an operation that nobody knows, or an upserted row that lacks a value.
        SchemaMismatch
            For a row that is not deleted, where the data lacks a column.
        """
        if said is not None:
            codes = _codes(said, first_row)
        elif self.condition is not None:
            deleted = row_filters.mask(self.condition, fitted)
            codes = pc.if_else(deleted, _DELETED, _UPSERTED)
        else:
            codes = pa.repeat(_UPSERTED, fitted.num_rows)
        upserted = pc.equal(codes, _UPSERTED)
        self._check_upserted(fitted, upserted, first_row)
        return codes

    def _check_upserted(self, fitted: pa.RecordBatch, upserted: Any, first_row: int) -> None:  # noqa: ANN401  truth values
        if self.absent and pc.any(upserted, min_count=0).as_py():
            row = first_row + pc.index(upserted, pa.scalar(value=True)).as_py()
            raise SchemaMismatch(
                f"the data lacks the columns {list(self.absent)}, so that its rows can only be "
                f"deleted, and row {row} is not; add them, or fill_missing=True"
            )
        for name in self.required:
            lacking = pc.and_(fitted.column(name).is_null(), upserted)
            if pc.any(lacking, min_count=0).as_py():
                row = first_row + pc.index(lacking, pa.scalar(value=True)).as_py()
                raise CastError(
                    f"column {name!r} is NOT NULL, and row {row} (counted from 0), which is not "
                    "deleted, has NULL"
                )


_UPSERTED, _DELETED = pa.scalar(UPSERT, pa.int8()), pa.scalar(DELETE, pa.int8())


def _condition(schema: TableSchema, text: object, tz: str) -> Condition | None:
    try:
        found = row_filters.parse(text, schema, timezone=tz)
    except KeyError as unknown:
        msg = (
            f"delete_where={text!r} speaks of columns of the table: {unknown.args[0]} A condition "
            f"on other data can be carried out before, into a column {OPERATION!r}"
        )
        raise SchemaMismatch(msg) from None
    if text is not None and found is None:
        msg = f"delete_where={text!r} is no condition; leave it out where nothing is deleted"
        raise ValueError(msg)
    return found


def _codes(said: Any, first_row: int) -> Any:  # noqa: ANN401  arrays of any type
    """Read operations: letters, words or numbers."""
    if pa.types.is_dictionary(said.type):
        kinds = _viewless(said.dictionary)
        said = pa.DictionaryArray.from_arrays(said.indices, kinds).dictionary_decode()
    said = _viewless(said)
    if pa.types.is_integer(said.type):
        found = pc.index_in(said, value_set=pa.array([UPSERT, DELETE], said.type))
        table = pa.array([UPSERT, DELETE], pa.int8())
    elif pa.types.is_string(said.type) or pa.types.is_large_string(said.type):
        found = pc.index_in(pc.utf8_lower(said), value_set=pa.array(list(_CODES), said.type))
        table = pa.array(list(_CODES.values()), pa.int8())
    else:
        raise CastError(f"column {OPERATION!r} of type {said.type}; expected {_EXPECTED}")
    if found.null_count:
        row = pc.index(found.is_null(), pa.scalar(value=True)).as_py()
        raise CastError(
            f"column {OPERATION!r}: {found.null_count} rows say nothing that is known, such as "
            f"row {first_row + row}, {said[row].as_py()!r}; expected {_EXPECTED}"
        )
    return table.take(found)


def _viewless(texts: Any) -> Any:  # noqa: ANN401  arrays of any type
    """Take views of texts, as Polars has them, for texts: Arrow does little with them."""
    return texts.cast(pa.large_string()) if pa.types.is_string_view(texts.type) else texts

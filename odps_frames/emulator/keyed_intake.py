"""The rows of one upload to a table with a primary key: each says what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.convert.untyped import pc
from odps_frames.emulator.intake import Intake
from odps_frames.emulator.refusals import invalid
from odps_frames.wire.schema import DELETE, OPERATION, UPSERT

if TYPE_CHECKING:
    from typing import Any

    from odps_frames.convert.untyped import AnyArray
    from odps_frames.emulator.catalog.tables import StoredColumn, Table
    from odps_frames.emulator.files import Files, Kept
    from odps_frames.emulator.specs import Selector

__all__ = ["KeyedIntake", "intake_for"]


class KeyedIntake(Intake):
    """Takes rows with their operations, which it keeps beside them (protocol.md §8.9).

    Without an operation a row is upserted. A row that is deleted has a key, and may have NULL in
    every other column.
    """

    def check(self, schema: pa.Schema) -> None:
        """Compare the columns, of which the operation must be one."""
        places = [n for n, name in enumerate(schema.names) if name.lower() == OPERATION]
        if len(places) != 1:
            raise invalid(
                f"rows for table {self._table.ref}, which has a primary key: they need one column "
                f"{OPERATION} of type tinyint, {UPSERT} to upsert and {DELETE} to delete; "
                f"there are {len(places)}"
            )
        found = schema.field(places[0]).type
        if found != pa.int8():
            raise invalid(f"column {OPERATION}: expected int8; it came as {found}")
        super().check(schema.remove(places[0]))

    def _keep(self, batch: pa.RecordBatch, places: dict[str, int]) -> Kept:
        self._operations = self._read(batch.column(places[OPERATION]))
        kept = super()._keep(batch, places)
        return kept.append_column(OPERATION, self._operations)

    def _read(self, array: AnyArray) -> AnyArray:
        filled = pc.fill_null(array, UPSERT)
        known = pc.is_in(filled, value_set=pa.array([UPSERT, DELETE], pa.int8()))
        if not pc.all(known, min_count=0).as_py():
            row = int(pc.index(known, False).as_py())
            raise invalid(
                f"column {OPERATION}, row {self.n_rows + row}: {filled[row].as_py()}; expected "
                f"{UPSERT} to upsert or {DELETE} to delete"
            )
        return filled

    def _missing(self, kept: AnyArray, stored: StoredColumn) -> AnyArray:
        missing = super()._missing(kept, stored)
        if stored.column.name.lower() in self._table.primary_key:
            return missing
        return pc.and_(missing, pc.not_equal(self._operations, DELETE))


def intake_for(files: Files, table: Table, static: Selector, **options: Any) -> Intake:  # noqa: ANN401  as Intake
    """Make what takes rows of a stream for a table, with a primary key or without."""
    kind = KeyedIntake if table.primary_key else Intake
    return kind(files, table, static, **options)

"""Rows of an incremental session, told apart: inserted, updated, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from odps_frames.errors import ProtocolError
from odps_frames.model.table import Partition
from odps_frames.partitions import select
from odps_frames.wire.schema import DELETE, OPERATION, UPSERT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odps_frames.model.schema import TableSchema
    from odps_frames.partitions import Selection

__all__ = ["OP", "rows_of", "told_apart"]

OP = "_op"
"""The column that says what became of a row."""

pc: Any = pa.compute
_ROW, _PREFIX = "row", "key."


def told_apart(rows: pa.Table, key: Sequence[str]) -> pa.Table:
    """Put the column ``_op`` in the place of the system column.

    A key that is both deleted and upserted was updated, and is told once, with the row that is
    there now. A service that says nothing of operations leaves ``"upsert"``.

    Raises
    ------
    ProtocolError
        For operations that nobody knows, or several rows of a key with the same one.
    """
    place = rows.schema.get_field_index(OPERATION)
    if place < 0:
        return rows.append_column(OP, pa.repeat(pa.scalar("upsert"), len(rows)))
    codes = pc.fill_null(rows.column(place), UPSERT)
    plain = rows.remove_column(place)
    deleted, upserted = pc.equal(codes, DELETE), pc.equal(codes, UPSERT)
    if not pc.all(pc.or_(deleted, upserted), min_count=0).as_py():
        known = pc.unique(codes).to_pylist()
        msg = f"the operations of changes are {known}; expected {UPSERT} and {DELETE}"
        raise ProtocolError(msg)
    words = pc.if_else(deleted, "delete", "insert")
    if not key:
        return plain.append_column(OP, words)
    updated = _in_both(plain, key, deleted)
    words = pc.if_else(updated, "update", words)
    told = plain.append_column(OP, words)
    return told.filter(pc.invert(pc.and_(deleted, updated)))


def _in_both(rows: pa.Table, key: Sequence[str], deleted: Any) -> pa.Array[Any]:  # noqa: ANN401  truth values
    """Tell of each row whether its key is deleted in one row and upserted in another."""
    names = [_PREFIX + name for name in key]
    keys = pa.table([rows.column(name) for name in key], names=names)
    keys = keys.append_column("deleted", deleted.cast(pa.int8()))
    keys = keys.append_column(_ROW, pa.array(np.arange(len(rows))))
    found = keys.group_by(names).aggregate(
        [(_ROW, "min"), (_ROW, "max"), (_ROW, "count"), ("deleted", "sum")]
    )
    count, gone = found.column(f"{_ROW}_count"), found.column("deleted_sum")
    once = pc.and_(pc.less_equal(gone, 1), pc.less_equal(pc.subtract(count, gone), 1))
    if not pc.all(once, min_count=0).as_py():
        double = found.filter(pc.invert(once))
        example = {name: double.column(_PREFIX + name)[0].as_py() for name in key}
        msg = (
            f"the service tells several changes of one key, such as {example}; which of them is "
            "the last nobody can tell"
        )
        raise ProtocolError(msg)
    both = found.filter(pc.equal(count, 2))
    mask = np.zeros(len(rows), dtype=bool)
    for which in ("min", "max"):
        mask[both.column(f"{_ROW}_{which}").to_numpy()] = True
    return pa.array(mask)


def rows_of(rows: pa.Table, selection: Selection, schema: TableSchema) -> pa.Table:
    """Keep the rows of some partitions, those of dropped ones too."""
    names = list(schema.partition_names)
    texts = pa.table([rows.column(name).cast(pa.string()) for name in names], names=names)
    values = texts.group_by(names).aggregate([]).select(names)
    present = [
        Partition(tuple(zip(names, row, strict=True)))
        for row in zip(*(column.to_pylist() for column in values.columns), strict=True)
    ]
    chosen = {partition.values for partition in select(selection, schema, present)}
    wanted = [row in chosen for row in zip(*(c.to_pylist() for c in texts.columns), strict=True)]
    return rows.filter(pa.array(wanted, pa.bool_()))

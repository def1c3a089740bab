"""Data of a write as Arrow, with what is known of the blobs in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from odps_frames.convert.blob_cells import BLOB_CELL, BlobCells
from odps_frames.convert.blobs import blob_leaves, has_blobs, with_leaves
from odps_frames.convert.frames import arrow_reader
from odps_frames.model.schema import Column
from odps_frames.model.types import parse_type
from odps_frames.read.stored_blob import StoredBlob
from odps_frames.scan import Scan
from odps_frames.scan_blobs import REFERENCES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.convert.untyped import AnyArray
    from odps_frames.read.stored_blob import BlobSite
    from odps_frames.write_options import WriteOptions

__all__ = ["Intake", "taken_in"]


@dataclass(frozen=True, slots=True)
class Intake:
    """Data on its way in."""

    reader: pa.RecordBatchReader
    cells: BlobCells
    """The blobs that are no bytes of Arrow."""
    marked: frozenset[str]
    """Columns, in small letters, that are said to hold references that were read."""


def taken_in(data: object, options: WriteOptions, known: tuple[Column, ...]) -> Intake:
    """Look at data for a table with these columns, none where it is to be made.

    Raises
    ------
    TypeError, SchemaMismatch, CastError
        As `arrow_reader` says.
    """
    cells = BlobCells()
    if isinstance(data, Scan) and data.options.blobs == "files":
        return Intake(_with_files(data, cells), cells, frozenset())
    names = {column.name.lower() for column in known}
    said = [
        Column(name, parse_type(text))
        for name, text in options.odps_types.items()
        if name.lower() not in names
    ]
    reader = arrow_reader(data, index=options.index, columns=(*known, *said), cells=cells)
    return Intake(reader, cells, frozenset(_marked(data, reader.schema)))


def _marked(data: object, schema: pa.Schema) -> Iterator[str]:
    for field in schema:
        if REFERENCES.items() <= (field.metadata or {}).items():
            yield field.name.lower()
    if isinstance(data, pd.DataFrame):
        facts: Any = data.attrs.get("odps")
        blobs = facts.get("blobs") if isinstance(facts, dict) else None
        for name, how in (blobs or {}).items():
            if how == "refs":
                yield name.lower()


def _with_files(scan: Scan, cells: BlobCells) -> pa.RecordBatchReader:
    """Read the references of a scan as files, which Arrow by itself does not have."""
    plain = replace(scan, options=replace(scan.options, blobs="refs"))
    reader = plain.to_batches()
    places = [(i, column) for i, column in enumerate(scan.schema) if has_blobs(column.type)]

    def numbered(batch: pa.RecordBatch) -> list[AnyArray]:
        arrays: list[AnyArray] = list(batch.columns)
        for place, column in places:
            leaves = blob_leaves(arrays[place], column.name, column.type)
            made = (_cells(leaf.values, scan.connection, cells) for leaf in leaves)
            arrays[place] = with_leaves(arrays[place], column.type, made)
        return arrays

    schema = reader.schema.remove_metadata()
    nothing = numbered(_empty(schema))
    for place, column in places:
        schema = schema.set(place, pa.field(column.name, nothing[place].type, column.nullable))
    batches = (pa.RecordBatch.from_arrays(numbered(batch), schema=schema) for batch in reader)
    return pa.RecordBatchReader.from_batches(schema, batches)


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    arrays: list[AnyArray] = [pa.nulls(0, field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _cells(refs: AnyArray, site: BlobSite, cells: BlobCells) -> AnyArray:
    valid = refs.drop_null().to_pylist()
    numbers = cells.numbered([StoredBlob(ref, site) for ref in valid])
    if not refs.null_count:
        return numbers
    missing = refs.is_null().to_numpy(zero_copy_only=False)
    indices = pa.array(np.cumsum(~missing) - 1, mask=missing)
    return pa.ExtensionArray.from_storage(BLOB_CELL, numbers.storage.take(indices))

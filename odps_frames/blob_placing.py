"""Blobs of a frame: uploaded batch by batch, and their references put in their places.

A batch goes on to its stream only when all of its blobs have arrived. So a block that is sent
again has the same references, and nothing is uploaded a second time for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from odps_frames.blob_items import BlobItem, Ready, grouped, made_ready
from odps_frames.convert.blob_cells import BLOB_CELL, BlobCells
from odps_frames.convert.blobs import BlobLeaf, blob_leaves, has_blobs, with_leaves
from odps_frames.errors import OdpsError, ProtocolError, SchemaMismatch
from odps_frames.model.blob import BlobRef, Checksum
from odps_frames.model.table import Partition
from odps_frames.write.side_by_side import side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from odps_frames.convert.untyped import AnyArray
    from odps_frames.model.schema import Column
    from odps_frames.read.stored_blob import BlobSite
    from odps_frames.write.session import WriteSession

__all__ = ["BlobPlacer", "BlobRows"]

_REFERENCE_BYTES = range(16, 4096)
"""As short and as long as a reference may be; other values are contents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobRows:
    """Where the rows of a write go, which their blobs must be told too."""

    columns: tuple[Column, ...]
    static: Partition | None = None
    """What all rows have in common of their partition."""
    dynamic: tuple[str, ...] = ()
    """Columns that say the rest of it."""
    key: tuple[str, ...] = ()
    """The primary key of the table, if it has one."""
    cells: BlobCells
    """The blobs that are no bytes of Arrow."""
    marked: frozenset[str] = frozenset()
    """Columns, in small letters, that are said to hold references that were read."""

    def partitions(self, batch: pa.RecordBatch) -> Callable[[int], Partition | None]:
        """Return what tells the partition of a row."""
        if not self.dynamic:
            return lambda _: self.static
        front = self.static.items if self.static else ()
        columns: list[AnyArray] = [batch.column(name) for name in self.dynamic]
        texts: list[list[str]] = [column.cast(pa.string()).to_pylist() for column in columns]
        known: dict[tuple[str, ...], Partition] = {}

        def partition(row: int) -> Partition:
            values = tuple(text[row] for text in texts)
            if values not in known:
                known[values] = Partition((*front, *zip(self.dynamic, values, strict=True)))
            return known[values]

        return partition

    def keys(self, batch: pa.RecordBatch) -> Callable[[int], dict[str, object] | None]:
        """Return what tells the key of a row."""
        if not self.key:
            return lambda _: None
        values = {name: batch.column(name) for name in self.key}
        return lambda row: {name: array[row].as_py() for name, array in values.items()}


class BlobPlacer:
    """Uploads the blobs of batches into a write session.

    Parameters
    ----------
    session : WriteSession
        Of the rows, too.
    schema : pyarrow.Schema
        Of the batches that come: in the places of blobs are bytes, or numbers of cells.
    site : BlobSite
        Is asked whether what looks like a reference that was read is one.
    n_workers : int
        Threads that upload side by side.
    """

    def __init__(
        self,
        session: WriteSession,
        schema: pa.Schema,
        rows: BlobRows,
        site: BlobSite,
        *,
        n_workers: int,
    ) -> None:
        self._session = session
        self._rows = rows
        self._site = site
        self._n_workers = n_workers
        self._looked_at: set[str] = set()
        self._columns = [
            (schema.get_field_index(column.name), column)
            for column in rows.columns
            if has_blobs(column.type)
        ]
        self.schema = schema
        """Of the batches that go on: in the places of blobs are references."""
        for place, column in self._columns:
            field = schema.field(place)
            empty: AnyArray = pa.nulls(0, field.type)
            leaves = blob_leaves(empty, column.name, column.type)
            made = with_leaves(empty, column.type, (pa.array([], pa.binary()) for _ in leaves))
            self.schema = self.schema.set(place, field.with_type(made.type))

    def placed(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the batches with references, once the service has their blobs.

        Raises
        ------
        SchemaMismatch
            For references that were read, which nobody can write.
        """
        for batch in batches:
            yield self._placed(batch) if self._columns else batch

    def _placed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        arrays = list(batch.columns)
        leaves = {
            place: blob_leaves(arrays[place], column.name, column.type)
            for place, column in self._columns
        }
        flat = [leaf for some in leaves.values() for leaf in some]
        references = iter(self._uploaded(flat, batch))
        for place, column in self._columns:
            made = [next(references) for _ in leaves[place]]
            arrays[place] = with_leaves(arrays[place], column.type, iter(made))
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _uploaded(self, leaves: list[BlobLeaf], batch: pa.RecordBatch) -> list[AnyArray]:
        """Upload all blobs and return, for each leaf, the references."""
        cells: list[list[bytes | None]] = [[None] * len(leaf.values) for leaf in leaves]
        places: list[tuple[int, int]] = []
        ready = made_ready(self._items(leaves, batch, places))
        jobs = (self._job(group) for group in grouped(ready))
        for answer in side_by_side(jobs, self._n_workers):
            for number, reference in answer:
                leaf, position = places[number]
                cells[leaf][position] = reference
        missing = [i for i, (leaf, position) in enumerate(places) if cells[leaf][position] is None]
        if missing:  # a NULL in its place would be another value
            msg = f"{len(missing)} of {len(places)} blobs got no reference; nothing is written"
            raise ProtocolError(msg)
        return [pa.array(some, pa.binary()) for some in cells]

    def _items(
        self, leaves: list[BlobLeaf], batch: pa.RecordBatch, places: list[tuple[int, int]]
    ) -> Iterator[BlobItem]:
        """Yield the cells that are not NULL, and note where each belongs."""
        partition, key = self._rows.partitions(batch), self._rows.keys(batch)
        for number, leaf in enumerate(leaves):
            for position, value in self._values(leaf.values):
                self._look_at(leaf.path, value)
                row = int(leaf.rows[position])
                places.append((number, position))
                yield BlobItem(
                    number=len(places) - 1,
                    value=value,
                    path=leaf.path,
                    partition=partition(row),
                    distribution_key=key(row),
                )

    def _values(self, array: AnyArray) -> Iterator[tuple[int, Any]]:
        if array.type == BLOB_CELL:
            for position, number in enumerate(array.storage.to_pylist()):
                if number is not None:
                    yield position, self._rows.cells.take(number)
            return
        for position, scalar in enumerate(array):
            if scalar.is_valid:
                yield position, scalar.as_buffer()

    def _job(self, group: list[Ready]) -> Callable[[int], list[tuple[int, bytes]]]:
        def upload(worker: int) -> list[tuple[int, bytes]]:
            stream = f"blobs-{worker}"
            if len(group) == 1 and not group[0].small and _plain(group[0]):
                alone = group[0].blob
                staged = self._session.write_blob(
                    alone.data,
                    column=alone.column or "",
                    partition=alone.partition,
                    checksum=Checksum.NONE,
                    size=alone.size,
                    stream=stream,
                )
                return [(group[0].number, staged.cell)]
            many = self._session.write_blobs([ready.blob for ready in group], stream=stream)
            return [(ready.number, one.cell) for ready, one in zip(group, many, strict=True)]

        return upload

    def _look_at(self, path: str, value: Any) -> None:  # noqa: ANN401  what the caller had there
        """Refuse a column of references by the first of its values that are bytes.

        Contents hardly ever look like references, so hardly ever does anybody have to be asked.
        """
        if path in self._looked_at or not isinstance(value, bytes | bytearray | pa.Buffer):
            return
        self._looked_at.add(path)
        if len(memoryview(value)) not in _REFERENCE_BYTES:
            return
        text = bytes(memoryview(value)).decode("ascii", "replace")
        if not text.isascii() or not text.isprintable() or " " in text:
            return
        if path.partition(".")[0].lower() in self._rows.marked or self._knows(BlobRef(text)):
            raise SchemaMismatch(
                f"column {path!r} holds references that were read, such as {text[:80]!r}, and "
                "nobody can write those; read the blobs themselves, with blobs='files' or "
                "blobs='bytes', and write them"
            )

    def _knows(self, ref: BlobRef) -> bool:
        try:
            next(self._site.read_blobs([ref])).close()
        except OdpsError:
            return False
        return True


def _plain(ready: Ready) -> bool:
    """Whether a blob says nothing that only a frame has room for."""
    blob = ready.blob
    return (blob.mime_type, blob.file_name, blob.distribution_key) == (None, None, None)

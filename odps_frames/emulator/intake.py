"""The rows of one upload: checked against the table, and put into files by partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.convert.misfit import blame
from odps_frames.convert.untyped import pc
from odps_frames.emulator.blob_refs import refuse_blobs
from odps_frames.emulator.bucketing import Bucketer, sorter
from odps_frames.emulator.columns import Keeper, WrongType, is_text, time_paths
from odps_frames.emulator.file_writer import FileWriter
from odps_frames.emulator.refusals import invalid, malformed
from odps_frames.emulator.specs import canonical
from odps_frames.errors import CastError, CorruptStream, IncompleteRead
from odps_frames.model.table import Partition
from odps_frames.model.types import Kind, PrimitiveType
from odps_frames.wire.arrow_stream import ArrowStreamReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from odps_frames.convert.untyped import AnyArray
    from odps_frames.emulator.blob_refs import BlobRefs
    from odps_frames.emulator.bucketing import SettleBounds
    from odps_frames.emulator.catalog.tables import StoredColumn, Table
    from odps_frames.emulator.file_writer import NewFile
    from odps_frames.emulator.files import Files, Kept
    from odps_frames.emulator.specs import Selector, Values
    from odps_frames.model.schema import Column
    from odps_frames.wire.http import BodyReader

__all__ = ["Intake", "take_in"]

MAX_BATCH_ROWS = 1 << 28

_STEP_ROWS = 65_536
"""So many rows are converted at once."""
_HELD_BYTES = 64 << 20
"""So much waits in memory at most, for all partitions together."""
_OPEN_FILES = 256


class Intake:
    """Takes the batches of one upload; until `finish` nobody knows of them.

    Parameters
    ----------
    table : Table
        Where the rows belong.
    static : Selector
        The partition; columns that it leaves open are read out of the rows.
    optional : frozenset of str
        Columns, in lower case, that are NULL where the rows lack them.
    named_in_rows : bool
        The rows carry all partition columns, and those of ``static`` say the same there.
    blobs : BlobRefs, optional
        What references the rows may have; without it none.
    settle : callable, optional
        Keeps the bounds of a range-clustered table; it may wait for the catalog.
    """

    def __init__(
        self,
        files: Files,
        table: Table,
        static: Selector,
        *,
        optional: frozenset[str] = frozenset(),
        named_in_rows: bool = False,
        blobs: BlobRefs | None = None,
        settle: SettleBounds | None = None,
    ) -> None:
        self._files = files
        self._resolve = refuse_blobs if blobs is None else blobs.resolve
        self._table = table
        self._static = static
        self._optional = optional
        self._dynamic = [
            column
            for column, value in zip(table.partition_columns, static, strict=True)
            if value is None or named_in_rows
        ]
        self._times = {
            stored.field: stored.column.type
            for stored in table.columns
            if time_paths(stored.column.type, "")
        }
        self._keeper = Keeper()
        self._bucketer = None if table.buckets is None else Bucketer(table, settle)
        self._sorter = sorter(table)
        self._waiting: list[tuple[Kept, list[AnyArray]]] = []
        """Rows of a range-clustered table that has no bounds yet."""
        self._writers: dict[tuple[Values, int | None], FileWriter] = {}
        self.n_rows = 0

    @property
    def n_partitions(self) -> int:
        """In how many partitions the rows are."""
        return len({values for values, _ in self._writers})

    @property
    def data_columns(self) -> list[Column]:
        """The columns of the table that every row has."""
        return [stored.column for stored in self._table.columns]

    def check(self, schema: pa.Schema) -> None:
        """Compare the columns that come with those of the table, whatever their order.

        Raises
        ------
        ServiceError
            With every column that is missing or too many.
        """
        wanted = [*self.data_columns, *self._dynamic]
        came = [name.lower() for name in schema.names]
        names = [column.name.lower() for column in wanted]
        faults = [
            *(
                f"column {name!r} is missing"
                for name in names
                if name not in came and name not in self._optional
            ),
            *(f"column {name!r} is not expected" for name in came if name not in names),
            *(f"column {name!r} comes twice" for name in set(came) if came.count(name) > 1),
        ]
        if faults:
            listed = ", ".join(f"{column.name} {column.type}" for column in wanted)
            raise invalid(
                f"rows for table {self._table.ref}: {'; '.join(faults)}; expected: {listed}"
            )

    def take(self, batch: pa.RecordBatch) -> None:
        """Take a batch.

        Raises
        ------
        ServiceError
            For a value that its column cannot hold, or a NULL where none may be.
        """
        for start in range(0, batch.num_rows, _STEP_ROWS):
            step = batch.slice(start, _STEP_ROWS)
            places = {name.lower(): place for place, name in enumerate(step.schema.names)}
            kept = self._keep(step, places)
            keys = [
                self._key(step.column(places[column.name.lower()]), column)
                for column in self._dynamic
            ]
            self._waiting.append((kept, keys))
            if self._can_place():
                self._place()
            self.n_rows += step.num_rows
            self._make_room()

    def finish(self) -> list[NewFile]:
        """Bring all rows to the disk and tell in which files they are."""
        self._place()
        for writer in self._writers.values():
            writer.finish()
        self._files.settle()
        return [file for writer in self._writers.values() for file in writer.finished]

    def abandon(self) -> None:
        """Drop every file that was begun or finished."""
        for writer in self._writers.values():
            writer.abandon()

    def _can_place(self) -> bool:
        """Whether rows need not wait for more of them, out of which bounds are better."""
        if self._bucketer is None or self._bucketer.is_ready:
            return True
        held = sum(kept.nbytes for kept, _ in self._waiting)
        n_rows = sum(kept.num_rows for kept, _ in self._waiting)
        return n_rows >= _STEP_ROWS or held > _HELD_BYTES

    def _place(self) -> None:
        """Give the rows that wait to the writers of their partitions and buckets."""
        waiting, self._waiting = self._waiting, []
        if waiting and self._bucketer is not None and not self._bucketer.is_ready:
            self._bucketer.settle([kept for kept, _ in waiting])
        for kept, keys in waiting:
            buckets = [] if self._bucketer is None else [self._bucketer.of(kept)]
            for found, part in by_partition(kept, [*keys, *buckets]):
                bucket = int(found[-1]) if buckets else None
                self._writer(self._filled(found[: len(keys)]), bucket).write(part)

    def _keep(self, batch: pa.RecordBatch, places: dict[str, int]) -> Kept:
        arrays = []
        for stored in self._table.columns:
            place = places.get(stored.column.name.lower())
            array = pa.nulls(batch.num_rows) if place is None else batch.column(place)
            arrays.append(self._keep_column(array, stored))
        return pa.RecordBatch.from_arrays(
            arrays, names=[stored.field for stored in self._table.columns]
        )

    def _keep_column(self, array: AnyArray, stored: StoredColumn) -> AnyArray:
        column = stored.column
        try:
            with blame(column.name, array.type, str(column.type), self.n_rows):
                kept = self._keeper.keep(array, column.type, stored.field)
        except CastError as error:
            raise invalid(str(error)) from None
        except WrongType as error:
            raise invalid(f"column {column.name!r}: {error}") from None
        kept = self._resolve(kept, column)
        missing = kept.null_count and not column.nullable and self._missing(kept, stored)
        if missing and pc.any(missing).as_py():
            row = self.n_rows + int(pc.index(missing, True).as_py())
            raise invalid(f"column {column.name!r}, row {row}: NULL; the column is NOT NULL")
        return kept

    def _missing(self, kept: AnyArray, stored: StoredColumn) -> AnyArray:  # noqa: ARG002  of a kind of rows
        """Tell of each row whether it lacks a value that it must have."""
        return kept.is_null()

    def _key(self, array: AnyArray, column: Column) -> AnyArray:
        """Return the texts of a partition column, one form for each value."""
        found = array.type
        plain = column.type.kind if isinstance(column.type, PrimitiveType) else None
        fits = is_text(found) or (
            pa.types.is_date(found) if plain is Kind.DATE else pa.types.is_integer(found)
        )
        if not fits or (pa.types.is_integer(found) and plain is Kind.STRING):
            raise invalid(
                f"partition column {column.name!r}: expected {column.type}; it came as {found}"
            )
        if array.null_count:
            raise invalid(
                f"partition column {column.name!r}: {array.null_count} NULL from row "
                f"{self.n_rows} on; rows need a partition"
            )
        coded = array.dictionary_encode()
        texts = [self._value(value, column) for value in coded.dictionary.to_pylist()]
        return pa.array(texts, pa.string()).take(coded.indices)

    def _value(self, value: object, column: Column) -> str:
        try:
            text = canonical(column, str(value))
            Partition(((column.name, text),))
        except ValueError as error:
            raise invalid(f"partition column {column.name!r}: {error}") from None
        return text

    def _filled(self, dynamic: Sequence[str]) -> Values:
        if len(dynamic) == len(self._static):
            for said, wanted, column in zip(
                dynamic, self._static, self._table.partition_columns, strict=True
            ):
                if wanted is not None and said != wanted:
                    raise invalid(
                        f"partition column {column.name!r}: the rows say {said!r}, and the "
                        f"session was opened for {wanted!r}"
                    )
            return tuple(dynamic)
        values = iter(dynamic)
        return tuple(next(values) if value is None else value for value in self._static)

    def _writer(self, values: Values, bucket: int | None) -> FileWriter:
        writer = self._writers.pop((values, bucket), None)
        if writer is None:
            writer = FileWriter(
                self._files, values, self._times, bucket=bucket, sorter=self._sorter
            )
        self._writers[values, bucket] = writer  # the last one is the one used last
        return writer

    def _make_room(self) -> None:
        held = sum(writer.held_bytes for writer in self._writers.values())
        if held > _HELD_BYTES:
            for writer in sorted(self._writers.values(), key=lambda one: -one.held_bytes):
                held -= writer.held_bytes
                writer.flush()
                if held <= _HELD_BYTES // 2:
                    break
        opened = [writer for writer in self._writers.values() if writer.is_open]
        for writer in opened[: max(0, len(opened) - _OPEN_FILES)]:
            writer.finish()


def take_in(intake: Intake, body: BodyReader) -> None:
    """Take all rows of a body.

    Raises
    ------
    ServiceError
        When it is no Arrow stream, or not all of one, or its rows do not fit the table.
    """
    reader = ArrowStreamReader(body, max_batch_rows=MAX_BATCH_ROWS)
    try:
        intake.check(reader.schema)
        for batch in reader:
            intake.take(batch)
    except (IncompleteRead, CorruptStream) as error:
        raise malformed(f"the rows cannot be read: {error}") from error


def by_partition(batch: Kept, keys: Sequence[AnyArray]) -> Iterator[tuple[Sequence[str], Kept]]:
    """Yield the rows that share their keys, in the order in which they came."""
    if all(len(key.unique()) <= 1 for key in keys):
        if batch.num_rows:
            yield [key[0].as_py() for key in keys], batch
        return
    columns = {str(place): key for place, key in enumerate(keys)}
    order = pc.sort_indices(
        pa.table(columns), sort_keys=[(name, "ascending") for name in columns]
    )  # stable
    ordered = [key.take(order) for key in keys]
    rows = batch.take(order)
    ends = sorted({end for key in ordered for end in pc.run_end_encode(key).run_ends.to_pylist()})
    start = 0
    for end in ends:
        yield [key[start].as_py() for key in ordered], rows.slice(start, end - start)
        start = end

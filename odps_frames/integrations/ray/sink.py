"""A table as a ``Datasink`` of Ray: tasks write into one session, which is committed once."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from ray.data import Datasink
from ray.data.block import BlockAccessor

from odps_frames.integrations.ray.blocks import NO_COLUMN
from odps_frames.shared_write import PartReceipt, SharedWrite

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import ray.data
    from ray.data.block import Block
    from ray.data.datasource import WriteResult as TaskResults

    from odps_frames.connection import Connection
    from odps_frames.model.table import TableRef
    from odps_frames.shared_write import WriteTask
    from odps_frames.write_options import WriteOptions, WriteResult

__all__ = ["OdpsDatasink"]

Receipts = tuple[PartReceipt, ...]


class OdpsDatasink(Datasink[Receipts]):
    """A write of a dataset into a table; what of it goes to workers is the task alone."""

    def __init__(
        self,
        connection: Connection,
        ref: TableRef,
        options: WriteOptions,
        dataset: ray.data.Dataset,
    ) -> None:
        self._connection = connection
        self._ref = ref
        self._options = options
        self._dataset = dataset
        self._write: SharedWrite | None = None
        self._task: WriteTask | None = None
        self._result: WriteResult | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"_task": self._task}

    @property
    def min_bytes_per_write(self) -> int:
        """Keeps Ray from joining the write to what is before it: the schema would be of that."""
        return 1

    def get_name(self) -> str:
        """How Ray calls what writes it."""
        return "Odps"

    def on_write_start(self, schema: pa.Schema | None = None) -> None:
        """Make the table ready and open the session."""
        known = schema if isinstance(schema, pa.Schema) and schema.names else self._schema()
        shared = SharedWrite(self._connection, _without_stub(known), self._ref, self._options)
        self._write = shared.__enter__()
        self._task = shared.task

    def write(self, blocks: Iterable[Block], ctx: object) -> Receipts:  # noqa: ARG002  Ray gives it
        """Write the blocks of one task; this is where workers are."""
        task = self._task
        if task is None:  # the place was taken, and the mode is to leave it then
            return ()
        tables = (table for table in map(_arrow, blocks) if table.num_rows)
        groups = itertools.groupby(tables, key=lambda table: table.schema)
        return tuple(task.write(_reader(schema, group)) for schema, group in groups)

    def on_write_complete(self, write_result: TaskResults[Receipts]) -> None:
        """Commit what the tasks wrote that came to their end."""
        if self._write is None:  # there was no block at all
            self.on_write_start()
        if self._write is not None:
            receipts = itertools.chain.from_iterable(write_result.write_returns)
            self._result = self._write.commit(receipts)
            write, self._write = self._write, None
            write.__exit__(None, None, None)

    def on_write_failed(self, error: Exception) -> None:
        """Leave nothing behind."""
        self.give_up(error)

    def give_up(self, error: BaseException) -> None:
        """Abort the session, and take back the table that was made for it."""
        write, self._write = self._write, None
        if write is not None:
            write.__exit__(type(error), error, error.__traceback__)

    def result(self) -> WriteResult:
        """What was written, when all is."""
        if self._result is None:
            msg = "Ray ended the write without telling its sink"
            raise RuntimeError(msg)
        return self._result

    def _schema(self) -> pa.Schema:
        """What Ray says of the whole dataset, where the first block has no columns to tell."""
        told = self._dataset.schema()
        base = None if told is None else told.base_schema
        return base if isinstance(base, pa.Schema) else pa.schema([])


def _without_stub(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field for field in schema if field.name != NO_COLUMN])


def _arrow(block: Block) -> pa.Table:
    table: pa.Table = BlockAccessor.for_block(block).to_arrow()
    return table.replace_schema_metadata(None)


def _reader(schema: pa.Schema, tables: Iterable[pa.Table]) -> pa.RecordBatchReader:
    def batches() -> Iterator[pa.RecordBatch]:
        for table in tables:
            yield from table.to_batches()

    return pa.RecordBatchReader.from_batches(schema, batches())

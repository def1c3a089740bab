"""Rows into files: small batches joined, and what is known of each file noted."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.emulator.columns import times_in
from odps_frames.emulator.facts import FileFacts, TimeFact
from odps_frames.emulator.times import time_fact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from odps_frames.emulator.files import Files, Kept
    from odps_frames.emulator.specs import Values
    from odps_frames.model.types import DataType

__all__ = ["FileWriter", "NewFile"]

MAX_BATCH_ROWS = 65_536
_JOINED_ROWS = 8_192
"""Batches below this are joined before they are written, those above are not copied."""
_JOINED_BYTES = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A finished file that the catalog does not know yet."""

    values: Values
    name: str
    n_rows: int
    n_bytes: int
    facts: FileFacts
    bucket: int | None = None
    stream: str = ""
    """What brought it; the rows of one stream are in order, those of several are not."""


class FileWriter:
    """Writes the rows of one partition, as one file or as several where the form changes.

    Parameters
    ----------
    bucket : int, optional
        The bucket of a clustered table that all the rows are in.
    sorter : callable, optional
        Puts rows into the order that each file is to have.
    """

    def __init__(
        self,
        files: Files,
        values: Values,
        times: Mapping[str, DataType],
        *,
        bucket: int | None = None,
        sorter: Callable[[Kept], Kept] | None = None,
    ) -> None:
        self._files = files
        self._values = values
        self._bucket = bucket
        self._sorter = sorter
        self._times = times
        """The columns with times, by field."""
        self._held: list[Kept] = []
        self._held_rows = 0
        self.held_bytes = 0
        """Size of the rows that are in no file yet."""
        self._current: _Current | None = None
        self.finished: list[NewFile] = []

    @property
    def is_open(self) -> bool:
        """Whether a file is open."""
        return self._current is not None

    def write(self, batch: Kept) -> None:
        """Take rows; they are in a file after `finish` at the latest."""
        if not batch.num_rows:
            return
        if self._held and not self._held[0].schema.equals(batch.schema):
            self.flush()
        self._held.append(batch)
        self._held_rows += batch.num_rows
        self.held_bytes += batch.nbytes
        enough = self._held_rows >= _JOINED_ROWS or self.held_bytes >= _JOINED_BYTES
        if enough and self._sorter is None:
            self.flush()

    def finish(self) -> None:
        """Bring all rows to the disk."""
        self.flush()
        self._close()

    def abandon(self) -> None:
        """Drop every file of this writer."""
        if self._current is not None:
            with suppress(OSError):  # what could not be written is not wanted any more
                self._current.writer.close()
            self._files.discard(self._current.name)
            self._current = None
        self._files.delete(file.name for file in self.finished)

    def flush(self) -> None:
        """Put the rows that are held into the file, which may not be on the disk yet."""
        if not self._held:
            return
        (*_, batch) = self._held
        if len(self._held) > 1:
            (batch,) = pa.Table.from_batches(self._held).combine_chunks().to_batches()
        self._held, self._held_rows, self.held_bytes = [], 0, 0
        if self._sorter is not None:
            batch = self._sorter(batch)
        if self._current is not None and not self._current.schema.equals(batch.schema):
            self._close()
        if self._current is None:
            self._current = _Current(*self._files.create(batch.schema), batch.schema)
        for start in range(0, batch.num_rows, MAX_BATCH_ROWS):
            self._current.write(batch.slice(start, MAX_BATCH_ROWS), self._times)
        if self._sorter is not None:
            self._close()  # what comes later would be out of order

    def _close(self) -> None:
        current = self._current
        if current is not None:
            current.writer.close()
            n_bytes = self._files.finish(current.name)
            self._current = None
            self.finished.append(
                NewFile(
                    values=self._values,
                    name=current.name,
                    n_rows=sum(current.batches),
                    n_bytes=n_bytes,
                    facts=current.facts(),
                    bucket=self._bucket,
                )
            )


class _Current:
    """The file that is being written."""

    def __init__(self, name: str, writer: pa.RecordBatchFileWriter, schema: pa.Schema) -> None:
        self.name = name
        self.writer = writer
        self.schema = schema
        self.batches: list[int] = []
        self._column_bytes: Counter[str] = Counter()
        self._times: dict[str, TimeFact] = {}

    def write(self, batch: Kept, times: Mapping[str, DataType]) -> None:
        self.writer.write_batch(batch)
        self.batches.append(batch.num_rows)
        for field, column in zip(batch.schema.names, batch.columns, strict=True):
            self._column_bytes[field] += column.nbytes
            if field in times:
                for path, array in times_in(column, times[field], field):
                    known = self._times.get(path, TimeFact())
                    self._times[path] = time_fact(array, known)

    def facts(self) -> FileFacts:
        return FileFacts(
            batches=tuple(self.batches), column_bytes=self._column_bytes, times=self._times
        )

"""One reading of a dataset, or of one of its pieces."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

import pyarrow as pa
import pyarrow.dataset as ds

from odps_frames.integrations.dataset.rows import sliced

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    import pyarrow.compute as pc

    Columns = Sequence[str] | Mapping[str, pc.Expression] | None

__all__ = ["Batches", "DatasetScanner", "Readable", "Source"]

Batches = Generator[pa.RecordBatch, None, None]


class Source(Protocol):
    """What has rows: a dataset, or a piece of it."""

    @property
    def schema(self) -> pa.Schema:
        """The schema of its rows."""
        ...

    def batches(
        self, names: tuple[str, ...] | None, where: pc.Expression | None, limit: int | None
    ) -> Batches:
        """Read these columns of the rows that meet the filter, and of no more rows."""
        ...

    def count(self, where: pc.Expression | None) -> int:
        """Count the rows that meet the filter."""
        ...


class Asked(TypedDict, total=False):
    """What a scanner may be asked for."""

    columns: Columns
    filter: pc.Expression | None
    batch_size: int | None


@dataclass(frozen=True)
class DatasetScanner:
    """One reading of a dataset or of one of its pieces; it begins when a row is asked for.

    It is no ``pyarrow.dataset.Scanner``, whose threads read on after whoever asked has gone.
    """

    source: Source = field(repr=False)
    columns: Columns = None
    filter: pc.Expression | None = None
    batch_size: int | None = None

    def __post_init__(self) -> None:
        if self.batch_size is not None and self.batch_size < 1:
            msg = f"batch_size={self.batch_size}; expected a number of rows"
            raise ValueError(msg)
        _ = self.projected_schema  # refuses columns that are not there, before anything is read

    @property
    def dataset_schema(self) -> pa.Schema:
        """The schema that columns and the filter are chosen from."""
        return self.source.schema

    @cached_property
    def projected_schema(self) -> pa.Schema:
        """The schema of what is read."""
        nothing = ds.dataset(self.dataset_schema.empty_table())
        # pyarrow itself says what columns and filter may be.
        made = nothing.to_table(columns=_plain(self.columns), filter=self.filter, use_threads=False)
        return made.schema

    def to_reader(self) -> pa.RecordBatchReader:
        """Read as a stream."""
        return pa.RecordBatchReader.from_batches(self.projected_schema, self.to_batches())

    def to_batches(self) -> Batches:
        """Read piece by piece; closing the iterator closes every connection."""
        return self._batches(None)

    def to_table(self) -> pa.Table:
        """Read into a table."""
        return pa.Table.from_batches(self.to_batches(), schema=self.projected_schema)

    def head(self, num_rows: int) -> pa.Table:
        """Read the first rows, and no more than they need."""
        batches = () if num_rows <= 0 else self._batches(num_rows)
        return pa.Table.from_batches(batches, schema=self.projected_schema)

    def take(self, indices: Sequence[int] | pa.Array[Any]) -> pa.Table:
        """Read the rows at these places."""
        return self.to_table().take(indices)

    def count_rows(self) -> int:
        """Count the rows; none is read for that where the service knows it."""
        return self.source.count(self.filter)

    def __arrow_c_schema__(self) -> object:
        return self.projected_schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.to_reader().__arrow_c_stream__(requested_schema)  # type: ignore[no-untyped-call]  # stubs

    def _named(self) -> tuple[str, ...] | None:
        """The columns to be read, each once; None is all."""
        if self.columns is None or isinstance(self.columns, Mapping):
            return None
        return tuple(dict.fromkeys(self.columns))

    def _batches(self, limit: int | None) -> Batches:
        batches = self.source.batches(self._named(), self.filter, limit)
        with contextlib.closing(batches):
            for batch in batches:
                yield from sliced(self._shaped(batch), self.batch_size)

    def _shaped(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Give a batch the columns that were asked for, twice where they were asked for twice."""
        if isinstance(self.columns, Mapping):
            rows = ds.dataset(pa.Table.from_batches([batch]))
            made = rows.to_table(columns=dict(self.columns), use_threads=False)
            return made.combine_chunks().to_batches()[0]
        names = self.columns
        if names is None or list(names) == batch.schema.names:
            return batch
        return batch.select(list(names))


class Readable:
    """What a dataset and its pieces have in common: every way of reading is one scanner's."""

    def scanner(
        self,
        columns: Columns = None,
        filter: pc.Expression | None = None,  # noqa: A002  pyarrow's name
        batch_size: int | None = None,
    ) -> DatasetScanner:
        """Prepare to read columns of the rows that meet a filter."""
        return DatasetScanner(self._source(), columns, filter, batch_size)

    def to_batches(self, **asked: Unpack[Asked]) -> Batches:
        """Read piece by piece; see ``scanner``."""
        return self.scanner(**asked).to_batches()

    def to_table(self, **asked: Unpack[Asked]) -> pa.Table:
        """Read into a table; see ``scanner``."""
        return self.scanner(**asked).to_table()

    def head(self, num_rows: int, **asked: Unpack[Asked]) -> pa.Table:
        """Read the first rows; see ``scanner``."""
        return self.scanner(**asked).head(num_rows)

    def take(self, indices: Sequence[int] | pa.Array[Any], **asked: Unpack[Asked]) -> pa.Table:
        """Read the rows at these places; see ``scanner``."""
        return self.scanner(**asked).take(indices)

    def count_rows(self, **asked: Unpack[Asked]) -> int:
        """Count the rows; see ``scanner``."""
        return self.scanner(**asked).count_rows()

    @abstractmethod
    def _source(self) -> Source:
        """Itself, as what scanners read."""


def _plain(columns: Columns) -> list[str] | dict[str, pc.Expression] | None:
    """Columns as pyarrow takes them."""
    if isinstance(columns, Mapping):
        return dict(columns)
    return None if columns is None else list(columns)

"""A scan as a dataset of pyarrow: engines ask it for columns and filters, and get no others."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as fs

from odps_frames.errors import CastError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from odps_frames.scan import Scan
    from odps_frames.scan_split import ScanSplit

    Columns = Sequence[str] | Mapping[str, pc.Expression] | None

__all__ = ["DatasetScanner", "OdpsDataset", "SplitFragment", "dataset_of"]


def dataset_of(scan: Scan) -> OdpsDataset:
    """Return a scan as a dataset of pyarrow.

    Examples
    --------
    >>> import pandas as pd
    >>> import pyarrow.compute as pc
    >>> import odps_frames as of
    >>> with of.local():
    ...     result = of.to_odps(pd.DataFrame({"id": [1, 2, 3]}), "t", create=True)
    ...     of.scan_odps("t").dataset().to_table(filter=pc.field("id") > 1).num_rows
    2
    """
    return OdpsDataset(scan)


@dataclass(frozen=True)
class DatasetScanner:
    """One reading of a dataset or of one of its pieces; it begins when a row is asked for.

    It is no ``pyarrow.dataset.Scanner``, whose threads read on after whoever asked has gone.
    """

    source: OdpsDataset | SplitFragment = field(repr=False)
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
        made = nothing.to_table(columns=self.columns, filter=self.filter, use_threads=False)  # type: ignore[arg-type]  # stubs
        return made.schema

    def to_reader(self) -> pa.RecordBatchReader:
        """Read as a stream."""
        return pa.RecordBatchReader.from_batches(self.projected_schema, self.to_batches())

    def to_batches(self) -> Iterator[pa.RecordBatch]:
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
        if self.columns is None or isinstance(self.columns, dict):
            return None
        return tuple(dict.fromkeys(self.columns))

    def _batches(self, limit: int | None) -> Iterator[pa.RecordBatch]:
        batches = self.source.batches(self._named(), self.filter, limit)
        with contextlib.closing(batches):
            for batch in batches:
                yield from sliced(self._shaped(batch), self.batch_size)

    def _shaped(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Give a batch the columns that were asked for, twice where they were asked for twice."""
        if isinstance(self.columns, dict):
            rows = ds.dataset(pa.Table.from_batches([batch]))
            made = rows.to_table(columns=self.columns, use_threads=False)
            return made.combine_chunks().to_batches()[0]
        names = self.columns
        if names is None or list(names) == batch.schema.names:
            return batch
        return batch.select(list(names))


class _Readable:
    """What a dataset and its pieces have in common: every way of reading is one scanner's."""

    def scanner(
        self,
        columns: Columns = None,
        filter: pc.Expression | None = None,  # noqa: A002  pyarrow's name
        batch_size: int | None = None,
    ) -> DatasetScanner:
        """Prepare to read columns of the rows that meet a filter."""
        return DatasetScanner(self, columns, filter, batch_size)  # type: ignore[arg-type]  # both are

    def to_batches(self, **asked: Any) -> Iterator[pa.RecordBatch]:
        """Read piece by piece; see ``scanner``."""
        return self.scanner(**asked).to_batches()

    def to_table(self, **asked: Any) -> pa.Table:
        """Read into a table; see ``scanner``."""
        return self.scanner(**asked).to_table()

    def head(self, num_rows: int, **asked: Any) -> pa.Table:
        """Read the first rows; see ``scanner``."""
        return self.scanner(**asked).head(num_rows)

    def take(self, indices: Sequence[int] | pa.Array[Any], **asked: Any) -> pa.Table:
        """Read the rows at these places; see ``scanner``."""
        return self.scanner(**asked).take(indices)

    def count_rows(self, **asked: Any) -> int:
        """Count the rows; see ``scanner``."""
        return self.scanner(**asked).count_rows()


class OdpsDataset(_Readable, ds.FileSystemDataset):  # type: ignore[misc]  # our ways of reading
    """A scan as a dataset of pyarrow: every query of it is one read session.

    DuckDB, Polars and whoever else knows datasets push columns and filters into it. It pickles
    by its recipe, without a secret.
    """

    def __init__(
        self, scan: Scan, where: pc.Expression | None = None, schema: pa.Schema | None = None
    ) -> None:
        # What pyarrow would read past our methods is a file that says what to do instead: of a
        # dataset without one, reading it that way would end the process.
        place = fs.PyFileSystem(_NoFiles(scan.table))
        kind = ds.IpcFileFormat()
        files = [kind.make_fragment(scan.table, place)]
        planned = scan.arrow_schema
        super().__init__(files, planned if schema is None else schema, kind, place)
        self._scan = replace(scan, options=replace(scan.options, progress=False))
        self._where = where
        known = {field.name: field.type for field in planned}
        self._recast = frozenset(
            field.name for field in self.schema if not field.type.equals(known[field.name])
        )

    @property
    def scan(self) -> Scan:
        """What is read, before filters of the dataset."""
        return self._scan

    def batches(
        self, names: tuple[str, ...] | None, where: pc.Expression | None, limit: int | None
    ) -> Iterator[pa.RecordBatch]:
        """Read these columns of the rows that meet the filter."""
        scan, left = self._narrowed(names, _both(self._where, where))
        if limit is not None and left is None:
            scan = scan.limit(limit)
        schema = pa.schema([self.schema.field(name) for name in scan.arrow_schema.names])
        with contextlib.closing(scan.to_batches()) as batches:
            rows = (fitted(batch, schema) for batch in batches)
            yield from chosen(rows, left, names, limit)

    def count(self, where: pc.Expression | None) -> int:
        """Count the rows that meet the filter."""
        scan, left = self._narrowed((), _both(self._where, where))
        if left is None:
            return scan.count_rows()
        return sum(batch.num_rows for batch in self.batches(None, where, None))

    def _narrowed(
        self, names: tuple[str, ...] | None, where: pc.Expression | None
    ) -> tuple[Scan, pc.Expression | None]:
        """Put columns and filter into the scan; what it cannot take is left to be applied.

        A filter behind a limit stays behind, and one on a column that is given another type is
        about that type.
        """
        scan = self._scan
        if where is not None and (scan.row_limit is not None or self._asks_recast(where)):
            return scan, where
        if where is not None:
            scan = scan.filter(where)
        return (scan if names is None else scan.select(*names)), None

    def _asks_recast(self, where: pc.Expression) -> bool:
        if not self._recast:
            return False
        others = pa.schema([field for field in self.schema if field.name not in self._recast])
        try:
            ds.dataset(others.empty_table()).to_table(filter=where, use_threads=False)
        except pa.ArrowInvalid:
            return True
        return False

    def get_fragments(self, filter: pc.Expression | None = None) -> Iterator[SplitFragment]:  # type: ignore[override]  # noqa: A002  pyarrow's name
        """Open one read session, and return its pieces; any process can read each of them."""
        scan, left = self._narrowed(None, _both(self._where, filter))
        for split in scan.splits():
            yield SplitFragment(split, left, self.schema)

    def replace_schema(self, schema: pa.Schema) -> Self:
        """Give the columns other types, as far as no value changes, or leave some out.

        Raises
        ------
        KeyError
            For a column that is not there.
        """
        known = set(self.schema.names)
        if missing := [name for name in schema.names if name not in known]:
            msg = f"no columns {missing} in {self._scan.table}; it has {self.schema.names}"
            raise KeyError(msg)
        return type(self)(self._scan.select(*schema.names), self._where, schema)

    def filter(self, expression: pc.Expression) -> Self:
        """Keep the rows that meet a filter."""
        return type(self)(self._scan, _both(self._where, expression), self.schema)

    def sort_by(self, sorting: str | list[tuple[str, str]], **options: Any) -> ds.InMemoryDataset:
        """Read it, and sort it in memory."""
        return self._in_memory().sort_by(sorting, **options)  # type: ignore[arg-type]  # as pyarrow's

    def join(self, right_dataset: ds.Dataset, *how: Any, **options: Any) -> ds.InMemoryDataset:
        """Read both sides, and join them in memory."""
        return self._in_memory().join(_held(right_dataset), *how, **options)

    def join_asof(self, right_dataset: ds.Dataset, *how: Any, **options: Any) -> ds.InMemoryDataset:
        """Read both sides, and join them in memory by the nearest key."""
        return self._in_memory().join_asof(_held(right_dataset), *how, **options)

    def _in_memory(self) -> ds.InMemoryDataset:
        return ds.InMemoryDataset(self.to_table())

    def __arrow_c_schema__(self) -> object:
        return self.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.scanner().__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        where = "" if self._where is None else f", where {self._where}"
        return f"<OdpsDataset of {self._scan.table}{where}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._scan, self._where, self.schema)


@dataclass(frozen=True)
class SplitFragment(_Readable):
    """A piece of the read session that a dataset opened."""

    split: ScanSplit
    where: pc.Expression | None
    schema: pa.Schema = field(repr=False)

    @property
    def physical_schema(self) -> pa.Schema:
        """The schema of its rows."""
        return self.schema

    @property
    def partition_expression(self) -> pc.Expression:
        """What is known of all its rows: nothing but that they are."""
        return pc.scalar(True)  # noqa: FBT003  a literal

    def batches(
        self, names: tuple[str, ...] | None, where: pc.Expression | None, limit: int | None
    ) -> Iterator[pa.RecordBatch]:
        """Read these columns of the rows that meet the filter."""
        where = _both(self.where, where)
        narrow = names is not None and where is None
        split = self.split.select(names) if narrow and names is not None else self.split
        schema = pa.schema([self.schema.field(name) for name in split.arrow_schema.names])
        with contextlib.closing(split.to_batches()) as batches:
            rows = (fitted(batch, schema) for batch in batches)
            yield from chosen(rows, where, names, limit)

    def count(self, where: pc.Expression | None) -> int:
        """Count the rows that meet the filter."""
        known = self.split.n_rows
        if known is not None and where is None and self.where is None:
            return known
        names = () if where is None and self.where is None else None
        return sum(batch.num_rows for batch in self.batches(names, where, None))


class _NoFiles(fs.FileSystemHandler):
    """The place of a dataset whose rows are in no file."""

    def __init__(self, table: str) -> None:
        self._table = table

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _NoFiles) and self._table == other._table

    def __hash__(self) -> int:
        return hash(self._table)

    def get_type_name(self) -> str:
        return "odps"

    def normalize_path(self, path: str) -> str:
        return path

    def get_file_info(self, paths: list[str]) -> list[fs.FileInfo]:
        return [fs.FileInfo(path, fs.FileType.NotFound) for path in paths]

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        msg = (
            f"the rows of {self._table} are in no file that pyarrow could open by itself; give it "
            "dataset.to_table(), or dataset.scanner(…).to_reader() for a stream"
        )
        raise NotImplementedError(msg)

    get_file_info_selector = open_input_stream = open_input_file = _refuse
    create_dir = delete_dir = delete_dir_contents = delete_root_dir_contents = _refuse
    delete_file = move = copy_file = open_output_stream = open_append_stream = _refuse


def fitted(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Give a batch the types that were promised, where it came in others.

    Raises
    ------
    CastError
        For a value that they cannot hold.
    """
    if batch.schema.equals(schema):
        return batch
    try:
        return batch.cast(schema)
    except pa.ArrowInvalid as beyond:
        remedy = "read it with timestamp_unit='us'" if "timestamp" in str(beyond) else "cast it"
        msg = f"a column holds what its type here does not: {beyond}; {remedy}, or leave it out"
        raise CastError(msg) from None


def chosen(
    batches: Iterable[pa.RecordBatch],
    where: pc.Expression | None,
    names: tuple[str, ...] | None,
    limit: int | None,
) -> Iterator[pa.RecordBatch]:
    """Keep of the rows those that meet a filter, so many of them, and of them these columns."""
    left = limit
    for batch in batches:
        kept = batch if where is None else _meeting(batch, where)
        if names is not None and list(names) != kept.schema.names:
            kept = kept.select(list(names))
        if left is not None:
            kept = kept.slice(0, left)
            left -= kept.num_rows
        if kept.num_rows:
            yield kept
        if left == 0:
            return


def _meeting(batch: pa.RecordBatch, where: pc.Expression) -> pa.RecordBatch:
    rows = ds.dataset(pa.Table.from_batches([batch])).to_table(filter=where, use_threads=False)
    return pa.RecordBatch.from_struct_array(rows.to_struct_array().combine_chunks())


def sliced(batch: pa.RecordBatch, size: int | None) -> Iterator[pa.RecordBatch]:
    """Cut a batch into pieces of no more rows than this."""
    if size is None or batch.num_rows <= size:
        yield batch
        return
    for start in range(0, batch.num_rows, size):
        yield batch.slice(start, size)


def _both(first: pc.Expression | None, second: pc.Expression | None) -> pc.Expression | None:
    if first is None or second is None:
        return second if first is None else first
    return first & second


def _held(dataset: ds.Dataset) -> ds.Dataset:
    """A dataset that pyarrow can read past our methods."""
    return dataset._in_memory() if isinstance(dataset, OdpsDataset) else dataset  # noqa: SLF001  of the same class

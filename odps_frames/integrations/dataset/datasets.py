"""A scan as a dataset of pyarrow."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow import fs

from odps_frames.integrations.dataset.fragment import SplitFragment
from odps_frames.integrations.dataset.no_files import NoFiles
from odps_frames.integrations.dataset.rows import both, chosen, fitted
from odps_frames.integrations.dataset.scanner import Readable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.integrations.dataset.scanner import Batches
    from odps_frames.scan import Scan

__all__ = ["OdpsDataset"]


class OdpsDataset(Readable, ds.FileSystemDataset):  # type: ignore[misc]  # our ways of reading
    """A scan as a dataset of pyarrow: every query of it is one read session.

    DuckDB, Polars and whoever else knows datasets push columns and filters into it. It pickles
    by its recipe, without a secret.
    """

    def __init__(
        self, scan: Scan, where: pc.Expression | None = None, schema: pa.Schema | None = None
    ) -> None:
        # What pyarrow would read past our methods is a file that says what to do instead: of a
        # dataset without one, reading it that way would end the process.
        place = fs.PyFileSystem(NoFiles(scan.table))
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
    ) -> Batches:
        """Read these columns of the rows that meet the filter."""
        scan, left = self._narrowed(names, both(self._where, where))
        if limit is not None and left is None:
            scan = scan.limit(limit)
        schema = pa.schema([self.schema.field(name) for name in scan.arrow_schema.names])
        with contextlib.closing(scan.to_batches()) as batches:
            rows = (fitted(batch, schema) for batch in batches)
            yield from chosen(rows, left, names, limit)

    def count(self, where: pc.Expression | None) -> int:
        """Count the rows that meet the filter."""
        scan, left = self._narrowed((), both(self._where, where))
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

    def get_fragments(self, filter: pc.Expression | None = None) -> Iterator[SplitFragment]:  # noqa: A002  pyarrow's name
        """Open one read session, and return its pieces; any process can read each of them."""
        scan, left = self._narrowed(None, both(self._where, filter))
        for split in scan.splits():
            yield SplitFragment(split, left, self.schema)

    def replace_schema(self, schema: pa.Schema) -> Self:  # type: ignore[override]  # stubs
        """Give the columns other types, as far as no value changes, or leave some out.

        Raises
        ------
        KeyError
            For a column that is not there.
        ValueError
            For a filter that is behind a limit, and may need columns that go.
        """
        known = set(self.schema.names)
        if missing := [name for name in schema.names if name not in known]:
            msg = f"no columns {missing} in {self._scan.table}; it has {self.schema.names}"
            raise KeyError(msg)
        scan, left = self._narrowed(None, self._where)
        if left is not None:
            msg = f"other columns for {self!r}, whose filter needs these; replace them first"
            raise ValueError(msg)
        return type(self)(scan.select(*schema.names), None, schema)

    def filter(self, expression: pc.Expression) -> Self:
        """Keep the rows that meet a filter."""
        return type(self)(self._scan, both(self._where, expression), self.schema)

    def sort_by(
        self,
        sorting: str | list[tuple[str, Literal["ascending", "descending"]]],
        **options: Any,  # noqa: ANN401  as pyarrow's
    ) -> ds.InMemoryDataset:
        """Read it, and sort it in memory."""
        return self._in_memory().sort_by(sorting, **options)

    def join(
        self,
        right_dataset: ds.Dataset,
        *how: Any,  # noqa: ANN401  as pyarrow's
        **options: Any,  # noqa: ANN401  as pyarrow's
    ) -> ds.InMemoryDataset:
        """Read both sides, and join them in memory."""
        return self._in_memory().join(_held(right_dataset), *how, **options)

    def join_asof(
        self,
        right_dataset: ds.Dataset,
        *how: Any,  # noqa: ANN401  as pyarrow's
        **options: Any,  # noqa: ANN401  as pyarrow's
    ) -> ds.InMemoryDataset:
        """Read both sides, and join them in memory by the nearest key."""
        return self._in_memory().join_asof(_held(right_dataset), *how, **options)

    def _source(self) -> Self:
        return self

    def _in_memory(self) -> ds.InMemoryDataset:
        return ds.InMemoryDataset(self.to_table())  # type: ignore[call-arg]  # stubs

    def __arrow_c_schema__(self) -> object:
        return self.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.scanner().__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        where = "" if self._where is None else f", where {self._where}"
        return f"<OdpsDataset of {self._scan.table}{where}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._scan, self._where, self.schema)


def _held(dataset: ds.Dataset) -> ds.Dataset:
    """A dataset that pyarrow can read past our methods."""
    return dataset._in_memory() if isinstance(dataset, OdpsDataset) else dataset  # noqa: SLF001  of the same class

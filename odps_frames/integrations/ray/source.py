"""A scan as a ``Datasource`` of Ray: one read session, and a task for each of its splits."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, cast

import pyarrow as pa
from ray.data import Datasource
from ray.data.block import BlockMetadata
from ray.data.datasource import ReadTask

from odps_frames import filters as row_filters
from odps_frames.errors import SchemaMismatch
from odps_frames.integrations.ray.blocks import block_rows, blocks, shown_schema
from odps_frames.scan_blobs import marked
from odps_frames.transport.retry import Meter

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from odps_frames.filters import Condition
    from odps_frames.model.splits import Split
    from odps_frames.scan import Scan
    from odps_frames.scan_reading import Reading

__all__ = ["OdpsDatasource", "SplitReader"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SplitReader:
    """What a task does: it reads some splits; it pickles without a connection and a secret."""

    reading: Reading | None
    """None where there is nothing to read."""
    splits: tuple[Split, ...]
    schema: pa.Schema
    looks_first: bool
    """Whether the columns of the condition are looked at before any others are read."""
    n_rows: int
    """Rows a block."""
    limit: int | None

    __name__ = "read_odps"  # Ray asks every function for it

    def __call__(self) -> Iterator[pa.Table]:
        """Read them as blocks."""
        with contextlib.closing(self._batches()) as batches:
            yield from blocks(batches, self.schema, self.n_rows)

    def _batches(self) -> Generator[pa.RecordBatch]:
        left = self.limit
        for split in self.splits:
            if self.reading is None or left == 0:
                return
            if self.looks_first and not self._has_any(self.reading, split):
                continue
            batches = self.reading.batches(Meter(), (split,), limit=left)
            with contextlib.closing(batches):  # type: ignore[type-var]  # a generator
                for batch in batches:
                    left = None if left is None else left - batch.num_rows
                    yield batch

    @staticmethod
    def _has_any(reading: Reading, split: Split) -> bool:
        """Whether any row of a split meets the condition; other columns are not read for that."""
        batches = reading.select(()).batches(Meter(), (split,))
        with contextlib.closing(batches):  # type: ignore[type-var]  # a generator
            return any(batch.num_rows for batch in batches)


class OdpsDatasource(Datasource):
    """One read session of a scan, opened when this is made; all tasks read that version.

    Ray pushes columns and conditions into copies of it. The session is open by then, so columns
    are named to its streams, and of splits without any row that meets the condition no other
    column is read. It pickles without a secret.
    """

    def __init__(self, scan: Scan) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Ray gives it no types
        self._projection_map: dict[str, str] | None = None
        splits = scan.splits()
        self._table = scan.table
        self._schema = marked(scan.arrow_schema, scan.schema, scan.options.blobs)
        self._splits = tuple(split.plain for split in splits)
        self._asked: frozenset[str] | None = None
        """The columns of conditions that Ray has pushed; None where there are none."""
        self._reading: Reading | None = None
        if splits:
            reading = splits[0].reading
            quiet = replace(reading.options, progress=False, max_workers=1, preserve_order=True)
            self._reading = replace(reading, options=quiet)
            self._schema = marked(reading.schema, reading.columns, quiet.blobs)

    def get_name(self) -> str:
        """How Ray calls what reads it."""
        return "Odps"

    def estimate_inmemory_data_size(self) -> int | None:
        """What the service expects to send, as it says."""
        return 0 if self._reading is None else self._reading.info.stats.estimated_bytes

    def get_read_tasks(
        self,
        parallelism: int,
        per_task_row_limit: int | None = None,
        data_context: object = None,  # noqa: ARG002  Ray gives it
    ) -> list[ReadTask]:
        """Return tasks that together read each row once; nothing is asked of the service."""
        known = self._projected()
        reading = self._reading
        if reading is None:
            return [self._task((), None, known, per_task_row_limit)]
        if self._projection_map is not None:
            reading = reading.select(known.names)
        if not self._splits:
            return [self._task((), None, known, per_task_row_limit)]
        groups = _grouped(self._splits, max(1, parallelism))
        return [self._task(group, reading, known, per_task_row_limit) for group in groups]

    def supports_projection_pushdown(self) -> bool:
        """Columns are named to the service."""
        return True

    def supports_predicate_pushdown(self) -> bool:
        """Conditions are applied where the rows are read."""
        return True

    def apply_projection(self, projection_map: Mapping[str, str] | None) -> Self:
        """Return one with these columns alone.

        Raises
        ------
        SchemaMismatch
            For a column that is not there.
        """
        missing = [name for name in projection_map or () if name not in self._schema.names]
        if missing:
            msg = f"no columns {missing} in {self._table}; it has {self._schema.names}"
            raise SchemaMismatch(msg)
        asked = None if projection_map is None else dict(projection_map)
        return cast("Self", super().apply_projection(asked))

    def apply_predicate(self, predicate_expr: Any) -> Self:  # noqa: ANN401  an expression of Ray
        """Return one with the rows that meet a condition; itself where Ray has to see to that."""
        condition = None if self._reading is None else self._condition(predicate_expr)
        if self._reading is None or condition is None:
            return self
        used = row_filters.columns_of(condition)
        if used is None or not used <= set(self._projected().names):
            return self
        made = cast("Self", super().apply_predicate(predicate_expr))
        held = self._reading.condition
        both = condition if held is None else row_filters.both(held, condition)
        made._reading = replace(self._reading, condition=both, narrowed=True)  # noqa: SLF001  a copy
        made._asked = (self._asked or frozenset()) | used  # noqa: SLF001  the same
        return made

    def _condition(self, predicate: Any) -> Condition | None:  # noqa: ANN401  an expression of Ray
        """What Ray's expression says by Arrow's rules, which are Ray's own."""
        reading = self._reading
        if reading is None:
            return None
        try:
            return row_filters.parse(
                predicate.to_pyarrow(), reading.info.schema, arrow=reading.spec.arrow
            )
        except (KeyError, TypeError, ValueError, NotImplementedError, pa.ArrowException):
            return None

    def _projected(self) -> pa.Schema:
        if self._projection_map is None:
            return self._schema
        return pa.schema([self._schema.field(name) for name in self._projection_map])

    def _task(
        self,
        splits: tuple[Split, ...],
        reading: Reading | None,
        schema: pa.Schema,
        limit: int | None,
    ) -> ReadTask:
        rows = _known_rows(splits, reading)
        size: int | None = 0
        per_block = 1
        if reading is not None:
            stats = reading.info.stats
            share = len(splits) / len(self._splits)
            size = None if stats.estimated_bytes is None else int(stats.estimated_bytes * share)
            per_block = block_rows(stats, with_contents=reading.options.blobs == "bytes")
        asked = self._asked
        reader = SplitReader(
            reading=reading,
            splits=splits,
            schema=schema,
            looks_first=asked is not None and not asked >= set(schema.names),
            n_rows=per_block,
            limit=limit,
        )
        facts = BlockMetadata(
            num_rows=rows if rows is None or limit is None else min(rows, limit),
            size_bytes=size,
            input_files=None,
            exec_stats=None,
        )
        return ReadTask(reader, facts, schema=shown_schema(schema), per_task_row_limit=limit)


def _known_rows(splits: tuple[Split, ...], reading: Reading | None) -> int | None:
    """How many rows there are, where the service counted them; never a guess."""
    if reading is None:
        return 0
    counts = [split.rows.count for split in splits if split.rows is not None]
    return sum(counts) if reading.counted and len(counts) == len(splits) else None


def _grouped(splits: Sequence[Split], n_groups: int) -> list[tuple[Split, ...]]:
    """Put neighbours together, so that there are no more groups than that."""
    n_groups = min(n_groups, len(splits))
    bounds = [len(splits) * number // n_groups for number in range(n_groups + 1)]
    return [tuple(splits[a:b]) for a, b in itertools.pairwise(bounds)]

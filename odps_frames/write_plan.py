"""What a write would do, found out by doing all of it but the sending."""

from __future__ import annotations

import html
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from odps_frames.errors import Conflict
from odps_frames.model.table import Partition
from odps_frames.preparation import prepare
from odps_frames.write.stream import BLOCK_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from odps_frames.connection import Connection
    from odps_frames.model.table import TableRef
    from odps_frames.preparation import Prepared
    from odps_frames.write_options import WriteOptions

__all__ = ["WritePlan", "plan_upload"]

_LEFT_OUT, _NONE = "(left out)", "(none)"


@dataclass(frozen=True, slots=True, kw_only=True)
class WritePlan:
    """What ``to_odps`` would do; nothing of it was done."""

    table: str
    creates: bool = False
    """Whether the table would be made."""
    columns: tuple[tuple[str, str, str], ...] = ()
    """Every column with its type in the data and in the table."""
    adds: tuple[str, ...] = ()
    """Columns that would be added to the table, with their types."""
    rows: int = 0
    partitions: Mapping[str, int] = field(default_factory=dict)
    """Rows for each partition; empty for tables without partitions."""
    makes: tuple[str, ...] = ()
    """Partitions that would be made."""
    replaces: tuple[str, ...] = ()
    """Partitions whose rows would go away, or the table itself where it has none."""
    bytes: int = 0
    """Arrow bytes before compression."""
    streams: int = 0
    """Streams that would write side by side."""

    def _repr_html_(self) -> str:
        facts = {
            "table": self.table + (" (to be made)" if self.creates else ""),
            "rows": f"{self.rows:,}",
            "bytes": f"{self.bytes:,}",
            "streams": f"{self.streams:,}",
            "columns to add": ", ".join(self.adds),
            "partitions": ", ".join(f"{name}: {n:,}" for name, n in self.partitions.items()),
            "partitions to make": ", ".join(self.makes),
            "to replace": ", ".join(self.replaces),
        }
        rows = [(name, text) for name, text in facts.items() if text]
        rows += [(f"column {name}", f"{data} → {kind}") for name, data, kind in self.columns]
        cells = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>"
            for name, text in rows
        )
        return f"<table>{cells}</table>"


def plan_upload(
    connection: Connection, data: object, ref: TableRef, options: WriteOptions
) -> WritePlan:
    """Read, cast and count the data, and say what its upload would do.

    Raises
    ------
    Conflict
        With ``mode="error"``, when the place is taken.
    SchemaMismatch, CastError
        As the upload would.
    TypeError
        For a reader, whose rows come once: the plan would use them up.
    """
    if isinstance(data, pa.RecordBatchReader):
        raise TypeError(
            "dry_run=True of a RecordBatchReader would use its rows up, and the write itself would "
            "find none; give a callable that returns a fresh one"
        )
    prepared = prepare(connection, data, ref, options)
    if prepared is None:
        if options.mode == "ignore":
            return WritePlan(table=str(ref))
        what = f"partition {options.partition} of {ref}" if options.partition else str(ref)
        raise Conflict(f"{what} exists, and mode='error' writes only what does not")
    options = prepared.flow.options
    counted: Counter[tuple[str, ...]] = Counter()
    n_rows = n_bytes = 0
    for batch in prepared.batches:
        n_rows += batch.num_rows
        n_bytes += batch.nbytes
        counted.update(_by_partition(batch, prepared))
    partitions = _named(counted, n_rows, prepared, options)
    present = _present(connection, ref, prepared)
    blocks = max(1, -(-n_bytes // BLOCK_BYTES))
    return WritePlan(
        table=str(ref),
        creates=prepared.new,
        columns=tuple(_columns(prepared)),
        adds=tuple(f"{column.name} {column.type}" for column in prepared.added),
        rows=n_rows,
        partitions=partitions,
        makes=tuple(name for name in partitions if name not in present),
        replaces=_replaced(ref, partitions, present, prepared),
        bytes=n_bytes,
        streams=min(options.n_streams, blocks),
    )


def _by_partition(batch: pa.RecordBatch, prepared: Prepared) -> dict[tuple[str, ...], int]:
    """Count the rows of each partition that the rows themselves say."""
    names = [column.name for column in prepared.flow.target.dynamic]
    if not names or not batch.num_rows:
        return {}
    grouped = pa.Table.from_batches([batch.select(names)]).group_by(names)
    found = grouped.aggregate([([], "count_all")])
    texts = [found.column(name).cast(pa.string()).to_pylist() for name in names]
    counts: list[Any] = found.column("count_all").to_pylist()
    return dict(zip(zip(*texts, strict=True), counts, strict=True))


def _named(
    counted: Mapping[tuple[str, ...], int],
    n_rows: int,
    prepared: Prepared,
    options: WriteOptions,
) -> dict[str, int]:
    static, target = options.partition, prepared.flow.target
    if not target.dynamic:
        return {str(static): n_rows} if static else {}
    front = static.values if static else ()
    return {
        str(Partition(tuple(zip(target.names, (*front, *values), strict=True)))): n
        for values, n in counted.items()
    }


def _present(connection: Connection, ref: TableRef, prepared: Prepared) -> frozenset[str]:
    """The partitions that are there."""
    if prepared.new or not prepared.schema.partition_columns:
        return frozenset()
    static = prepared.flow.target.partition
    return frozenset(str(one.partition) for one in connection.list_partitions(ref, static))


def _replaced(
    ref: TableRef, partitions: Mapping[str, int], present: frozenset[str], prepared: Prepared
) -> tuple[str, ...]:
    if prepared.new or not prepared.flow.target.overwrite:
        return ()
    if not prepared.schema.partition_columns:
        return (str(ref),)
    return tuple(name for name in partitions if name in present)


def _columns(prepared: Prepared) -> Iterator[tuple[str, str, str]]:
    for one in prepared.source:
        column = prepared.schema.find(one.name)
        yield one.name, str(one.type), _LEFT_OUT if column is None else str(column.type)
    came = {name.lower() for name in prepared.source.names}
    for column in prepared.flow.target.columns:
        if column.name.lower() not in came:
            yield column.name, _NONE, str(column.type)

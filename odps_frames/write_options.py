"""How rows go into a table, and what came of it."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from odps_frames.convert.fit import SchemaMode
from odps_frames.wire.compression import Compression
from odps_frames.write.fan import DEFAULT_STREAMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from odps_frames.model.table import Partition
    from odps_frames.progress import ProgressOption

__all__ = ["Mode", "SchemaMode", "WriteOptions", "WriteResult", "names_in"]

Mode = Literal["append", "overwrite", "overwrite_partitions", "upsert", "error", "ignore"]


def names_in(said: str | Sequence[str] | None) -> tuple[str, ...] | None:
    """Read one name or several; None stays None."""
    if said is None:
        return None
    return (said,) if isinstance(said, str) else tuple(said)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """How rows go into a table."""

    mode: Mode = "append"
    partition: Partition | None = None
    partition_cols: tuple[str, ...] | None = None
    create: bool = False
    schema_mode: SchemaMode = "strict"
    fill_missing: bool = False
    odps_types: Mapping[str, str] = field(default_factory=dict)
    lifecycle: int | None = None
    index: bool = False
    null_partition: str | None = None
    n_streams: int = DEFAULT_STREAMS
    compression: Compression = Compression.NONE
    progress: ProgressOption = False
    primary_key: tuple[str, ...] = ()
    """Of a table that is made."""
    delete_where: Any = None
    """A condition; the keys of the rows that meet it are deleted."""

    def __post_init__(self) -> None:
        for name, value, known in (
            ("mode", self.mode, get_args(Mode)),
            ("schema_mode", self.schema_mode, get_args(SchemaMode)),
        ):
            if value not in known:
                msg = f"{name}={value!r}; expected one of {list(known)}"
                raise ValueError(msg)
        types = self.odps_types and self.schema_mode != "add_columns"
        made = types or self.primary_key or self.lifecycle is not None
        if made and not self.create:
            msg = (
                "odps_types=, primary_key= and lifecycle= are for tables that are made; "
                "give create=True too"
            )
            raise ValueError(msg)
        if self.delete_where is not None and self.mode != "upsert":
            msg = f"delete_where= with mode={self.mode!r}; only mode='upsert' deletes rows"
            raise ValueError(msg)
        for name, number in (("n_streams", self.n_streams), ("lifecycle", self.lifecycle)):
            if number is not None and (type(number) is not int or number < 1):
                msg = f"{name}={number!r}; expected a whole number, at least 1"
                raise ValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteResult:
    """What a write did."""

    table: str
    rows: int
    bytes: int
    """Arrow bytes before compression."""
    partitions: tuple[str, ...]
    """The partitions that the rows went to, as ``pt=1,hh=2``; empty for unpartitioned tables."""
    session_id: str | None
    retries: int
    seconds: float
    resumed: bool = False
    """Whether the answer to the commit was lost, and its success was found out by asking."""
    warnings: tuple[str, ...] = ()
    """What the service warned of."""

    def _repr_html_(self) -> str:
        cells = {
            "table": self.table,
            "rows": f"{self.rows:,}",
            "bytes": f"{self.bytes:,}",
            "partitions": f"{len(self.partitions):,}",
            "session": self.session_id or "",
            "retries": str(self.retries),
            "seconds": f"{self.seconds:.2f}",
        }
        rows = "".join(
            f"<tr><th>{name}</th><td>{html.escape(text)}</td></tr>" for name, text in cells.items()
        )
        return f"<table>{rows}</table>"

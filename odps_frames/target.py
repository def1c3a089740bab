"""Where the rows of a write go: which partitions, and which columns they carry there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from odps_frames.errors import SchemaMismatch
from odps_frames.model.table import Partition
from odps_frames.model.types import Kind, PrimitiveType

if TYPE_CHECKING:
    from odps_frames.model.schema import Column, TableSchema
    from odps_frames.model.table import TableRef
    from odps_frames.model.types import DataType
    from odps_frames.write_options import WriteOptions

__all__ = ["Target", "spelt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which partitions the rows go to, and which columns they carry there."""

    partition: Partition | None
    """The static part, where text can say it to the service."""
    constants: tuple[tuple[Column, str], ...]
    """Static values that travel as columns, as no text could say them."""
    dynamic: tuple[Column, ...]
    columns: tuple[Column, ...]
    """The columns that the data must have."""
    names: tuple[str, ...]
    overwrite: bool

    @classmethod
    def of(
        cls, ref: TableRef, schema: TableSchema, present: list[str], options: WriteOptions
    ) -> Target:
        """Read what ``partition`` and ``partition_cols`` say of this table.

        Raises
        ------
        ValueError
            When they do not say which partition a row goes to, or the mode asks for another.
        """
        static = options.partition
        known = schema.partition_columns
        n_static = len(static.items) if static else 0
        front = tuple(column.name.lower() for column in known[:n_static])
        if static and tuple(name.lower() for name in static.names) != front:
            _refuse_partition(ref, schema, f"partition={str(static)!r}")
        dynamic = known[n_static:]
        given = options.partition_cols
        if given is not None and {name.lower() for name in given} != {
            column.name.lower() for column in dynamic
        }:
            _refuse_partition(ref, schema, f"partition_cols={list(given)}")
        lower = {name.lower() for name in present}
        if given is None and any(column.name.lower() not in lower for column in dynamic):
            missing = [column.name for column in dynamic if column.name.lower() not in lower]
            msg = (
                f"{ref} is partitioned by {list(schema.partition_names)}, and the data has no "
                f"{missing}; name the partition, partition={_example(dynamic)!r}, or add columns"
            )
            raise SchemaMismatch(msg)
        if options.null_partition is not None and not dynamic:
            msg = (
                f"null_partition={options.null_partition!r}, but no column of the data says a "
                "partition; leave it out"
            )
            raise ValueError(msg)
        overwrite = _checked_mode(ref, schema, options, complete=not dynamic)
        spoken = static is None or static.speakable
        values = static.values if static else ()
        constants = () if spoken else tuple(zip(known[:n_static], values, strict=True))
        return cls(
            partition=static if spoken else None,
            constants=constants,
            dynamic=dynamic,
            columns=schema.columns + dynamic,
            names=schema.partition_names,
            overwrite=overwrite,
        )


def spelt(partition: Partition | None, schema: TableSchema) -> Partition | None:
    """Write whole numbers and dates of a partition in the one way in which the table has them."""
    if partition is None:
        return None
    types = {column.name.lower(): column.type for column in schema.partition_columns}
    return Partition(
        tuple((name, _spelt(value, types.get(name.lower()))) for name, value in partition.items)
    )


def _spelt(value: str, type_: DataType | None) -> str:
    """What cannot be read stays as it is, for the service to refuse."""
    if not isinstance(type_, PrimitiveType):
        return value
    try:
        if type_.kind is Kind.DATE:
            return date.fromisoformat(value).isoformat()
        whole = type_.kind in (Kind.TINYINT, Kind.SMALLINT, Kind.INT, Kind.BIGINT)
        if whole and re.fullmatch(r"[+-]?[0-9]+", value):
            return str(int(value))
    except ValueError:
        pass
    return value


def _refuse_partition(ref: TableRef, schema: TableSchema, given: str) -> None:
    if not schema.partition_columns:
        msg = f"{given}, but {ref} has no partitions; leave it out"
    else:
        msg = (
            f"{given} does not fit {ref}, which is partitioned by "
            f"{list(schema.partition_names)}: a static partition= names the first of these, "
            "partition_cols= all the others"
        )
    raise ValueError(msg)


def _checked_mode(
    ref: TableRef, schema: TableSchema, options: WriteOptions, *, complete: bool
) -> bool:
    """Whether the session overwrites; refuses a mode that would replace more than was said."""
    if options.mode == "overwrite" and not complete:
        msg = (
            f"mode='overwrite' of {ref}, which is partitioned by {list(schema.partition_names)}, "
            "needs partition= with all of these; to replace just the partitions that the data "
            "has, use mode='overwrite_partitions'"
        )
        raise ValueError(msg)
    if options.mode == "overwrite_partitions" and not schema.partition_columns:
        msg = f"mode='overwrite_partitions', but {ref} has no partitions; use mode='overwrite'"
        raise ValueError(msg)
    return options.mode in ("overwrite", "overwrite_partitions")


def _example(columns: tuple[Column, ...]) -> str:
    return ",".join(f"{column.name}=…" for column in columns)

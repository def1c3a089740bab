"""The schema that a write stream wants: coded types with the numbers of their columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from odps_frames.model.types import DataType

__all__ = ["WriteColumn", "WriteSchema"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteColumn:
    """A column, or a member of a nested one."""

    name: str
    type: DataType
    column_id: int | None = None
    nullable: bool = True
    comment: str = ""
    distribution_key: bool = False
    children: tuple[WriteColumn, ...] = ()


@dataclass(frozen=True, slots=True)
class WriteSchema:
    """Data columns, and the system columns that every batch must carry."""

    columns: tuple[WriteColumn, ...]
    system_columns: tuple[WriteColumn, ...] = ()
    partition_columns: tuple[WriteColumn, ...] = ()

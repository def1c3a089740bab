"""What the catalog says of projects, schemas, tables and partitions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from odps_frames.model.buckets import Buckets
    from odps_frames.model.schema import TableSchema
    from odps_frames.model.table import Partition, TableRef

__all__ = [
    "Page",
    "PartitionInfo",
    "ProjectInfo",
    "SchemaEntry",
    "TableEntry",
    "TableInfo",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One piece of a list; ``marker`` asks for the next one and is None at the end."""

    items: tuple[T, ...]
    marker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectInfo:
    """A project."""

    name: str
    owner: str = ""
    created_at: datetime | None = None
    modified_at: datetime | None = None
    comment: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    region: str = ""
    state: str = "AVAILABLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaEntry:
    """A schema, the level between project and table."""

    name: str
    owner: str = ""
    type: str = "MANAGED"
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableEntry:
    """A table as lists show it."""

    name: str
    owner: str = ""
    type: str = "MANAGED_TABLE"
    schema: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableInfo:
    """A table; times are in UTC and whole seconds."""

    ref: TableRef
    schema: TableSchema
    table_id: str = ""
    comment: str = ""
    owner: str = ""
    created_at: datetime | None = None
    modified_at: datetime | None = None
    """When its rows changed last."""
    ddl_at: datetime | None = None
    """When its definition changed last."""
    accessed_at: datetime | None = None
    lifecycle: int | None = None
    """Days after which unchanged data is dropped; None keeps it."""
    n_bytes: int | None = None
    n_rows: int | None = None
    is_view: bool = False
    view_text: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    primary_key: tuple[str, ...] = ()
    """Known from the extended document only, as are the fields that follow."""
    transactional: bool = False
    buckets: Buckets | None = None
    schema_version: str | None = None
    data_version: int | None = None
    n_files: int | None = None
    retain_hours: int | None = None
    """How long a transactional table keeps what was replaced or deleted."""

    @property
    def is_transactional(self) -> bool:
        """Whether its rows can be changed, as far as the document that was asked for tells."""
        return self.transactional or self.properties.get("transactional", "").lower() == "true"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionInfo:
    """A partition; times are in UTC and whole seconds."""

    partition: Partition
    created_at: datetime | None = None
    modified_at: datetime | None = None
    """When its rows changed last."""
    ddl_at: datetime | None = None
    """When its definition changed last."""
    n_bytes: int | None = None
    n_rows: int | None = None
    lifecycle: int | None = None
    """Days after which it is dropped unless it changes; known, as the next one, of one alone."""
    n_files: int | None = None

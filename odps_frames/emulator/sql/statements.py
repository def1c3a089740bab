"""The statements that this service carries out, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.partition_conditions import Chosen
    from odps_frames.emulator.sql.tokens import Token
    from odps_frames.model.buckets import Buckets
    from odps_frames.model.schema import Column
    from odps_frames.model.types import DataType

__all__ = [
    "AddColumns",
    "AddPartitions",
    "ChangeColumn",
    "ChangeOwner",
    "Compact",
    "CreateLike",
    "CreateSchema",
    "CreateTable",
    "CreateView",
    "Describe",
    "DropColumns",
    "DropPartitions",
    "DropSchema",
    "DropTable",
    "MergePartitions",
    "RenamePartition",
    "RenameTable",
    "SetBuckets",
    "SetComment",
    "SetLifecycle",
    "SetProperties",
    "ShowCreateTable",
    "ShowPartitions",
    "ShowSchemas",
    "ShowTables",
    "Spec",
    "Statement",
    "SwitchLifecycle",
    "TableName",
    "Touch",
    "TruncateTable",
    "UnsetProperties",
]

Spec: TypeAlias = tuple[tuple[str, str], ...]
"""A partition as a statement names it: columns with values as texts."""


@dataclass(frozen=True, slots=True)
class TableName:
    """A name of up to three parts, and where it stands."""

    parts: tuple[str, ...]
    token: Token


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTable:
    """CREATE TABLE with columns."""

    name: TableName
    columns: tuple[Column, ...]
    defaults: Mapping[str, str] = field(default_factory=dict)
    """By column, the literal as it was written."""
    partition_columns: tuple[Column, ...] = ()
    if_not_exists: bool = False
    replace: bool = False
    comment: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    lifecycle: int | None = None
    primary_key: tuple[str, ...] = ()
    buckets: Buckets | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateLike:
    """CREATE TABLE … LIKE."""

    name: TableName
    source: TableName
    if_not_exists: bool = False
    lifecycle: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateView:
    """CREATE VIEW."""

    name: TableName
    query: str
    columns: tuple[tuple[str, str], ...] = ()
    """Names and comments; none where the query names them."""
    comment: str = ""
    if_not_exists: bool = False
    replace: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DropTable:
    """DROP TABLE or DROP VIEW."""

    name: TableName
    if_exists: bool = False
    is_view: bool = False


@dataclass(frozen=True, slots=True)
class AddPartitions:
    """ALTER TABLE ADD PARTITION."""

    name: TableName
    specs: tuple[Spec, ...]
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropPartitions:
    """ALTER TABLE DROP PARTITION."""

    name: TableName
    chosen: tuple[Chosen, ...]
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class RenamePartition:
    """ALTER TABLE PARTITION RENAME TO PARTITION."""

    name: TableName
    spec: Spec
    to: Spec


@dataclass(frozen=True, slots=True)
class MergePartitions:
    """ALTER TABLE MERGE PARTITION … OVERWRITE PARTITION."""

    name: TableName
    chosen: tuple[Chosen, ...]
    into: Spec
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class AddColumns:
    """ALTER TABLE ADD COLUMNS."""

    name: TableName
    columns: tuple[Column, ...]
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropColumns:
    """ALTER TABLE DROP COLUMNS."""

    name: TableName
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeColumn:
    """ALTER TABLE CHANGE COLUMN; None leaves a thing as it is."""

    name: TableName
    column: str
    new_name: str | None = None
    type: DataType | None = None
    comment: str | None = None
    nullable: bool | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class RenameTable:
    """ALTER TABLE or VIEW RENAME TO."""

    name: TableName
    to: TableName
    is_view: bool = False


@dataclass(frozen=True, slots=True)
class SetComment:
    """ALTER TABLE or VIEW SET COMMENT."""

    name: TableName
    comment: str
    is_view: bool = False


@dataclass(frozen=True, slots=True)
class ChangeOwner:
    """ALTER TABLE or VIEW CHANGEOWNER TO."""

    name: TableName
    owner: str
    is_view: bool = False


@dataclass(frozen=True, slots=True)
class SetLifecycle:
    """ALTER TABLE SET LIFECYCLE."""

    name: TableName
    days: int


@dataclass(frozen=True, slots=True)
class SwitchLifecycle:
    """ALTER TABLE ENABLE or DISABLE LIFECYCLE, of one partition where it is named."""

    name: TableName
    enabled: bool
    spec: Spec | None = None


@dataclass(frozen=True, slots=True)
class SetProperties:
    """ALTER TABLE SET TBLPROPERTIES."""

    name: TableName
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class UnsetProperties:
    """ALTER TABLE UNSET TBLPROPERTIES."""

    name: TableName
    properties: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetBuckets:
    """ALTER TABLE CLUSTERED BY, or None for NOT CLUSTERED."""

    name: TableName
    buckets: Buckets | None


@dataclass(frozen=True, slots=True)
class Touch:
    """ALTER TABLE TOUCH, of one partition where it is named."""

    name: TableName
    spec: Spec | None = None


@dataclass(frozen=True, slots=True)
class Compact:
    """ALTER TABLE MERGE SMALLFILES or COMPACT, of one partition where it is named."""

    name: TableName
    spec: Spec | None
    how: Literal["MERGE SMALLFILES", "COMPACT MINOR", "COMPACT MAJOR"]


@dataclass(frozen=True, slots=True)
class TruncateTable:
    """TRUNCATE TABLE; ``chosen`` is empty where the whole table is meant."""

    name: TableName
    chosen: tuple[Chosen, ...] = ()


@dataclass(frozen=True, slots=True)
class CreateSchema:
    """CREATE SCHEMA; the name has one or two parts."""

    name: TableName
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropSchema:
    """DROP SCHEMA; the name has one or two parts."""

    name: TableName
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class ShowSchemas:
    """SHOW SCHEMAS, of the project of the caller or of another one."""

    name: TableName | None = None


@dataclass(frozen=True, slots=True)
class ShowTables:
    """SHOW TABLES, of the schema of the caller or of another one."""

    name: TableName | None = None
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class ShowPartitions:
    """SHOW PARTITIONS; ``spec`` may leave columns out."""

    name: TableName
    spec: Spec = ()


@dataclass(frozen=True, slots=True)
class ShowCreateTable:
    """SHOW CREATE TABLE."""

    name: TableName


@dataclass(frozen=True, slots=True)
class Describe:
    """DESC, of one partition where it is named."""

    name: TableName
    extended: bool = False
    spec: Spec | None = None


Statement: TypeAlias = (
    CreateTable
    | CreateLike
    | CreateView
    | DropTable
    | AddPartitions
    | DropPartitions
    | RenamePartition
    | MergePartitions
    | AddColumns
    | DropColumns
    | ChangeColumn
    | RenameTable
    | SetComment
    | ChangeOwner
    | SetLifecycle
    | SwitchLifecycle
    | SetProperties
    | UnsetProperties
    | SetBuckets
    | Touch
    | Compact
    | TruncateTable
    | CreateSchema
    | DropSchema
    | ShowSchemas
    | ShowTables
    | ShowPartitions
    | ShowCreateTable
    | Describe
)

"""The statements that this service carries out, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.tokens import Token
    from odps_frames.model.buckets import Buckets
    from odps_frames.model.schema import Column

__all__ = [
    "AddColumns",
    "AddPartitions",
    "CreateSchema",
    "CreateTable",
    "DropPartitions",
    "DropSchema",
    "DropTable",
    "ShowSchemas",
    "Spec",
    "Statement",
    "TableName",
    "TruncateTable",
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
    """CREATE TABLE."""

    name: TableName
    columns: tuple[Column, ...]
    partition_columns: tuple[Column, ...] = ()
    if_not_exists: bool = False
    comment: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    lifecycle: int | None = None
    primary_key: tuple[str, ...] = ()
    buckets: Buckets | None = None


@dataclass(frozen=True, slots=True)
class DropTable:
    """DROP TABLE."""

    name: TableName
    if_exists: bool = False


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
    specs: tuple[Spec, ...]
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class AddColumns:
    """ALTER TABLE ADD COLUMNS."""

    name: TableName
    columns: tuple[Column, ...]
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class TruncateTable:
    """TRUNCATE TABLE; ``specs`` is empty where the whole table is meant."""

    name: TableName
    specs: tuple[Spec, ...] = ()


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


Statement: TypeAlias = (
    CreateTable
    | DropTable
    | AddPartitions
    | DropPartitions
    | AddColumns
    | TruncateTable
    | CreateSchema
    | DropSchema
    | ShowSchemas
)

"""What binding a query gives: DuckDB text, with the names and types of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from odps_frames.emulator.sql.values import Value
    from odps_frames.model.types import DataType

__all__ = ["BoundQuery", "Output", "Part", "Parts"]


@dataclass(frozen=True, slots=True)
class BoundQuery:
    """A query for DuckDB, whose columns are ``c0``, ``c1``, …, with names and types."""

    sql: str
    columns: tuple[tuple[str, DataType | None], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A query of WITH, under the alias that DuckDB knows it by."""

    alias: str
    columns: tuple[tuple[str, DataType | None], ...]


Parts: TypeAlias = Mapping[str, Part]


@dataclass(frozen=True, slots=True)
class Output:
    """A column that SELECT gives."""

    name: str
    value: Value

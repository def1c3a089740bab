"""The columns of a table."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from odps_frames.model.types import DecimalType, Kind, PrimitiveType, VarcharType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odps_frames.model.types import DataType

__all__ = ["KEY_TYPES", "Column", "TableSchema", "can_key"]

KEY_TYPES = "a whole number, decimal, boolean, string, varchar, binary, date or time"
_MOST_DIGITS = 38
_NO_KEYS = frozenset(
    {
        *(Kind.FLOAT, Kind.DOUBLE, Kind.JSON, Kind.BLOB, Kind.GEOGRAPHY, Kind.VARIANT),
        *(Kind.INTERVAL_DAY_TIME, Kind.INTERVAL_YEAR_MONTH),
    }
)


def can_key(type_: DataType) -> bool:
    """Whether a primary key can have columns of a type: those whose equality is plain."""
    match type_:
        case PrimitiveType(kind=kind):
            return kind not in _NO_KEYS
        case DecimalType(precision=precision):
            return precision <= _MOST_DIGITS
        case VarcharType():
            return True
        case _:
            return False


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    type: DataType
    comment: str = ""
    nullable: bool = True


@dataclass(frozen=True)
class TableSchema:
    """Data columns, then partition columns; names are unique whatever their letter case."""

    columns: tuple[Column, ...]
    partition_columns: tuple[Column, ...] = ()

    def __post_init__(self) -> None:
        names = [column.name.lower() for column in self.all_columns]
        if twice := sorted(name for name, n in Counter(names).items() if n > 1):
            msg = f"columns stand twice in a schema (letter case does not count): {twice}"
            raise ValueError(msg)

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """Data columns, then partition columns."""
        return self.columns + self.partition_columns

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the data columns."""
        return tuple(column.name for column in self.columns)

    @property
    def partition_names(self) -> tuple[str, ...]:
        """Names of the partition columns."""
        return tuple(column.name for column in self.partition_columns)

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name.lower(): column for column in self.all_columns}

    def find(self, name: str) -> Column | None:
        """Return the column of that name, whatever its letter case, or None."""
        return self._by_name.get(name.lower())

    def column(self, name: str) -> Column:
        """Return the column of that name.

        Raises
        ------
        KeyError
            With the names that come near.
        """
        found = self.find(name)
        if found is None:
            raise KeyError(self.unknown([name]))
        return found

    def keyed(self, names: Iterable[str]) -> TableSchema:
        """Return the schema of a table with this primary key, whose columns are never NULL.

        Raises
        ------
        ValueError
            For a name that is no data column, that stands twice, or of a type no key can have.
        TypeError
            For a bare name.
        """
        if isinstance(names, str):
            msg = f"primary_key={names!r}; expected a list of names, [{names!r}]"
            raise TypeError(msg)
        asked = list(names)
        key = {name.lower() for name in asked}
        if len(key) != len(asked):
            msg = f"primary_key={asked}; a column stands twice"
            raise ValueError(msg)
        own = {column.name.lower(): column for column in self.columns}
        for name in asked:
            column = own.get(name.lower())
            if column is None:
                msg = f"primary_key={asked}; expected data columns out of {list(self.names)}"
                raise ValueError(msg)
            if not can_key(column.type):
                msg = f"primary_key={asked}; {name!r} is {column.type}; expected {KEY_TYPES}"
                raise ValueError(msg)
        columns = tuple(
            replace(column, nullable=False) if column.name.lower() in key else column
            for column in self.columns
        )
        return TableSchema(columns, self.partition_columns)

    def unknown(self, names: Iterable[str]) -> str:
        """Say of names that are not there which they may have meant."""
        known = [column.name for column in self.all_columns]
        parts = []
        for name in names:
            near = difflib.get_close_matches(name.lower(), [n.lower() for n in known], n=3)
            hint = [self._by_name[n].name for n in near] or known[:10]
            parts.append(f"no column {name!r}; did you mean {' or '.join(map(repr, hint))}?")
        return " ".join(parts)

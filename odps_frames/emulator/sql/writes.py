"""What a statement that changes rows will write, understood and not yet carried out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.specs import Selector, Values
    from odps_frames.emulator.sql.planning import Planned
    from odps_frames.emulator.sql.statements import CreateTable

__all__ = ["ACTION_COLUMN", "DELETED", "INSERTED", "UPDATED", "Creation", "Insertion", "RowChange"]
__all__ += ["Write"]

INSERTED, UPDATED, DELETED = 0, 1, 2
"""What happens with a row."""
ACTION_COLUMN = "a"
"""What the column is called that tells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Insertion:
    """Rows of a query that go into a table, beside those that are there or in their place."""

    planned: Planned
    """Its columns have the names of those of the table that they go into."""
    table: Table
    static: Selector
    """The partition, as far as the statement names it."""
    overwrite: bool
    if_not_exists: bool = False
    """Leave the partition as it is where it is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """Rows of a query, and the table that is made for them."""

    planned: Planned
    create: CreateTable
    table: Table
    """As it will be; it has no id yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChange:
    """Rows of a table that are replaced or go away, and rows that come.

    The query gives the place of the row, what happens with it, and the values that it has then.
    """

    planned: Planned
    table: Table
    number: int
    """Which of the tables that the query reads it is."""
    operation: str
    """UPDATE, DELETE or MERGE."""

    @property
    def partitions(self) -> dict[int, Values]:
        """The partitions that those files are in, by their numbers."""
        sources = self.planned.sources[self.number].plan.files
        return {file.stored.id: file.stored.values for file in sources}

    @property
    def files(self) -> tuple[int, ...]:
        """The numbers in the catalog of the files that places are in."""
        return tuple(file.stored.id for file in self.planned.sources[self.number].plan.files)


Write: TypeAlias = Insertion | Creation | RowChange

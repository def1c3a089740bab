"""A read as an expression of Dask, which knows how many rows it has and reads no more than asked.

``dask.dataframe.from_map`` makes it, and pushes columns into it by itself; what is added here is
that counting reads no column, or nothing at all where the service said how many rows there are,
and that ``head`` reads no more rows than it shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask.dataframe as dd
from dask.dataframe.dask_expr import _collection, _expr, _reductions
from dask.dataframe.dask_expr.io import io

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from odps_frames.integrations.dask.frame_maker import FrameMaker
    from odps_frames.model.splits import Split

__all__ = ["LABEL", "frame_of"]

LABEL = "read-odps"

# Dask says that it is typed; what it is made of is not.
core: Any = _expr
reductions: Any = _reductions
collection: Any = _collection
FromMap: Any = io.FromMapProjectable


class ReadOdps(FromMap):  # type: ignore[misc]  # as said above
    """One task a split."""

    def _simplify_up(self, parent: Any, dependents: Any) -> Any:  # noqa: ANN401  expressions of Dask
        if isinstance(parent, reductions.Len | core.Lengths):
            return self._counted(parent, dependents)
        if type(parent) is core.Index:
            wanted = core.determine_column_projection(self, parent, dependents)
            return RowsOfIndex(self._of([name for name in self.columns if name in wanted]))
        if type(parent) is core.Head and parent.n >= 0:
            return self._cut(parent)
        return super()._simplify_up(parent, dependents)

    def _counted(self, parent: Any, dependents: Any) -> Any:  # noqa: ANN401
        lengths = self._get_lengths()
        if lengths is not None:
            known = lengths if isinstance(parent, core.Lengths) else sum(lengths)
            return core.Literal(known)
        users = [use() for use in dependents[self._name]]
        alone = all(isinstance(use, reductions.Len | core.Lengths | None) for use in users)
        return type(parent)(self._of([])) if self.columns and alone else None

    def _of(self, columns: list[str]) -> Any:  # noqa: ANN401
        """The rows with these columns."""
        if columns == self.columns:
            return self
        return self.substitute_parameters({"columns": columns, "_series": False})

    def _cut(self, parent: Any) -> Any:  # noqa: ANN401
        options = self.operand("kwargs")
        limit = options.get("limit")
        if limit is not None and limit <= parent.n:
            return None
        cut = self.substitute_parameters({"kwargs": {**options, "limit": parent.n}})
        return core.Head(cut, parent.n, parent.operand("npartitions"))

    def _get_lengths(self) -> tuple[int, ...] | None:
        """Rows of each partition, where they are known before they are read."""
        maker: FrameMaker = self.operand("func")
        pieces: Sequence[Split | None] = self.operand("iterables")[0]
        limit = self.operand("kwargs").get("limit")
        found = [_n_rows(maker, pieces[place]) for place in self._partitions]
        known = [n for n in found if n is not None]
        if len(known) < len(found):
            return None
        return tuple(known if limit is None else (min(n, limit) for n in known))


class RowsOfIndex(core.Index):  # type: ignore[misc]  # as said above
    """The index of a read, which is counted as the read is."""

    def _simplify_up(self, parent: Any, dependents: Any) -> Any:  # noqa: ANN401
        if isinstance(parent, reductions.Len | core.Lengths):
            return type(parent)(self.frame)
        return super()._simplify_up(parent, dependents)


def _n_rows(maker: FrameMaker, split: Split | None) -> int | None:
    if maker.reading is None or split is None:
        return 0
    return split.rows.count if maker.reading.counted and split.rows is not None else None


def frame_of(maker: FrameMaker, splits: Sequence[Split], meta: pd.DataFrame) -> dd.DataFrame:
    """Return a frame with a partition for each split, or an empty one where there is none."""
    pieces = tuple(splits) or (None,)
    made = dd.from_map(maker, pieces, meta=meta, label=LABEL)
    (read,) = made.expr.find_operations(FromMap)  # without the change of texts
    found: dd.DataFrame = collection.new_collection(ReadOdps(*read.operands))
    return found

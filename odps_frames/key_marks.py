"""Whether two tasks wrote rows of one key, of which nobody could say which counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from odps_frames.errors import CastError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

    from odps_frames.target import Target

__all__ = ["KeyMarks"]

Marks = np.ndarray[Any, np.dtype[np.uint64]]


class KeyMarks:
    """Notes a mark of eight bytes for each key that passes; equal keys have equal marks."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._marks: list[Marks] = []

    @classmethod
    def of(cls, key: tuple[str, ...], target: Target) -> Self:
        """Make one for a table with this key, which is unique in its partition; none is no key."""
        return cls((*(column.name for column in target.dynamic), *key) if key else ())

    def noted(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Let rows pass, of which no two have the same key."""
        for batch in batches:
            if self._names:
                frame = batch.select(list(self._names)).to_pandas(types_mapper=pd.ArrowDtype)
                hashes = pd.util.hash_pandas_object(frame, index=False)
                self._marks.append(np.asarray(hashes, dtype=np.uint64))
            yield batch

    def packed(self) -> bytes:
        """The marks, to be sent."""
        return np.concatenate([np.empty(0, np.uint64), *self._marks]).tobytes()

    @staticmethod
    def check_apart(parts: Iterable[bytes]) -> None:
        """Refuse parts that share a key.

        Raises
        ------
        CastError
            Telling how to bring the rows of a key together.
        """
        marks = np.concatenate([np.frombuffer(part, np.uint64) for part in (b"", *parts)])
        n_double = len(marks) - len(np.unique(marks))
        if n_double:
            msg = (
                f"{n_double} keys were written by more than one task; tasks have no order, so "
                "that nobody could say which row counts, and nothing is written. Bring the rows "
                "of a key into one partition of the data, or keep one of them"
            )
            raise CastError(msg)

"""A piece of a scan, which any process can read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import pyarrow as pa

from odps_frames.model.splits import Split
from odps_frames.transport.retry import Meter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odps_frames.scan_reading import Reading

__all__ = ["ScanSplit", "read_split"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSplit(Split):
    """A piece of the read session of a scan; it pickles, and holds no connection and no secret.

    Reading it elsewhere opens no other session, so that all pieces are of one version of the
    table, for as long as the session lives (a day, on the service).
    """

    reading: Reading = field(repr=False, compare=False)

    @classmethod
    def of(cls, piece: Split, reading: Reading) -> Self:
        """Make one of a piece of the session that is read."""
        return cls(
            session_id=piece.session_id,
            index=piece.index,
            rows=piece.rows,
            bucket=piece.bucket,
            reading=reading,
        )

    @property
    def plain(self) -> Split:
        """The piece of the session alone."""
        return Split(self.session_id, self.index, self.rows, self.bucket)

    @property
    def n_rows(self) -> int | None:
        """How many rows it has, where that is known before they are read."""
        return self.rows.count if self.reading.counted and self.rows is not None else None

    @property
    def arrow_schema(self) -> pa.Schema:
        """The schema of its batches."""
        return self.reading.schema

    def select(self, columns: Sequence[str]) -> Self:
        """Keep these columns; no more is then asked of the service."""
        return self.of(self.plain, self.reading.select(columns))

    def to_batches(self) -> pa.RecordBatchReader:
        """Read as a stream."""
        batches = self.reading.batches(Meter(), (self.plain,))
        return pa.RecordBatchReader.from_batches(self.arrow_schema, batches)

    def to_arrow(self) -> pa.Table:
        """Read into a table."""
        batches = self.reading.batches(Meter(), (self.plain,))
        return pa.Table.from_batches(batches, schema=self.arrow_schema)

    def __arrow_c_schema__(self) -> object:
        return self.arrow_schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.to_batches().__arrow_c_stream__(requested_schema)  # type: ignore[no-untyped-call]  # stubs


def read_split(split: object, columns: Sequence[str] | None = None) -> pa.RecordBatchReader:
    """Read a piece of a scan, in whatever process it came to.

    Parameters
    ----------
    split : ScanSplit
        One of ``Scan.splits()``.
    columns : sequence of str, optional
        Those wanted of the scan's, in this order; no others are asked of the service.

    Returns
    -------
    pyarrow.RecordBatchReader
        The rows, as they come; ``read_all()`` makes a table of them.

    Raises
    ------
    TypeError
        For what is no piece of a scan.
    SessionExpired
        When its session is past its life: plan the scan again.

    Examples
    --------
    >>> import pandas as pd
    >>> import odps_frames as of
    >>> with of.local():
    ...     result = of.to_odps(pd.DataFrame({"id": [1, 2, 3]}), "t", create=True)
    ...     [of.read_split(split).read_all().num_rows for split in of.scan_odps("t").splits()]
    [3]
    """
    if not isinstance(split, ScanSplit):
        msg = f"split={split!r}; expected one of the splits of a scan, Scan.splits()"
        raise TypeError(msg)
    return (split if columns is None else split.select(columns)).to_batches()

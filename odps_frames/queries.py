"""Reads that say outright whether they read a table or a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack, overload

from odps_frames.frames import ReadOptions, read_odps
from odps_frames.sources import QueryText, TableName

if TYPE_CHECKING:
    import pandas as pd

    from odps_frames.chunks import FrameReader

__all__ = ["read_odps_query", "read_odps_table"]


@overload
def read_odps_query(
    sql: str,
    *,
    chunksize: None = None,
    **options: Unpack[ReadOptions],
) -> pd.DataFrame: ...
@overload
def read_odps_query(
    sql: str,
    *,
    chunksize: int,
    **options: Unpack[ReadOptions],
) -> FrameReader: ...
def read_odps_query(
    sql: str,
    *,
    chunksize: int | None = None,
    **options: Unpack[ReadOptions],
) -> pd.DataFrame | FrameReader:
    """Run a query and read its rows into a DataFrame; all options are those of ``read_odps``.

    Examples
    --------
    >>> import odps_frames as of
    >>> with of.local():
    ...     of.read_odps_query("SELECT 1 AS a")["a"].tolist()
    [1]
    """
    return read_odps(QueryText(sql), chunksize=chunksize, **options)


@overload
def read_odps_table(
    name: str, *, chunksize: None = None, **options: Unpack[ReadOptions]
) -> pd.DataFrame: ...
@overload
def read_odps_table(
    name: str, *, chunksize: int, **options: Unpack[ReadOptions]
) -> FrameReader: ...
def read_odps_table(
    name: str, *, chunksize: int | None = None, **options: Unpack[ReadOptions]
) -> pd.DataFrame | FrameReader:
    """Read a table into a DataFrame; all options are those of ``read_odps``.

    Examples
    --------
    >>> import pandas as pd
    >>> import odps_frames as of
    >>> with of.local():
    ...     result = of.to_odps(pd.DataFrame({"id": [1, 2]}), "t", create=True)
    ...     of.read_odps_table("t")["id"].tolist()
    [1, 2]
    """
    return read_odps(TableName(name), chunksize=chunksize, **options)

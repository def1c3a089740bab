"""Scans as frames of Polars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from odps_frames.frames import scan_odps as frames_scan
from odps_frames.integrations.polars.columns import frame_of
from odps_frames.integrations.polars.source import streamed

if TYPE_CHECKING:
    from odps_frames.scan import Scan

__all__ = ["lazy", "read_odps", "scan_odps", "to_polars"]


def scan_odps(source: str, **options: Any) -> pl.LazyFrame:  # noqa: ANN401  those of of.scan_odps
    """Return a table, or the result of a query, as a LazyFrame; options as in ``of.scan_odps``.

    Every ``collect`` is one read session of the present version, of the columns, partitions and
    rows that the plan asks for; its splits are read side by side.

    Examples
    --------
    >>> import polars as pl
    >>> import odps_frames as of
    >>> with of.local():
    ...     result = of.polars.write_odps(pl.DataFrame({"id": [1, 2, 3]}), "t", create=True)
    ...     of.polars.scan_odps("t").filter(pl.col("id") > 1).collect()["id"].to_list()
    [2, 3]
    """
    return lazy(frames_scan(source, **options))


def read_odps(source: str, **options: Any) -> pl.DataFrame:  # noqa: ANN401  those of of.scan_odps
    """Read a table, or the result of a query, into a DataFrame; options as in ``of.scan_odps``.

    Examples
    --------
    >>> import polars as pl
    >>> import odps_frames as of
    >>> with of.local():
    ...     result = of.polars.write_odps(pl.DataFrame({"id": [1, 2, 3]}), "t", create=True)
    ...     of.polars.read_odps("t", filters="id > 1").height
    2
    """
    return to_polars(frames_scan(source, **options))


def to_polars(scan: Scan) -> pl.DataFrame:
    """Read a scan into a DataFrame."""
    return frame_of(scan.to_arrow())


def lazy(scan: Scan, *, resolved: bool | None = None) -> pl.LazyFrame:
    """Return a scan as a LazyFrame.

    ``resolved`` chooses how Polars is told: by its resolvers, whose sources are the splits, or as
    one source; by default by what the installed Polars has.
    """
    if hasattr(pl, "scan_external_reader") if resolved is None else resolved:
        from odps_frames.integrations.polars.resolver import resolving  # noqa: PLC0415  newer Polars

        return resolving(scan)
    return streamed(scan)

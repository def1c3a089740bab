"""Dask: tables as Dask DataFrames, read and written by its workers; ``odps_frames.dask``."""

from __future__ import annotations

from odps_frames.integrations.dask.reading import read_odps, to_dask
from odps_frames.integrations.dask.writing import to_odps, upload

__all__ = ["read_odps", "to_dask", "to_odps", "upload"]

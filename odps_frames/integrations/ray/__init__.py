"""Ray Data: tables as Ray Datasets, read and written by its tasks; ``odps_frames.ray``."""

from __future__ import annotations

from odps_frames.integrations.ray.reading import read_odps, to_ray
from odps_frames.integrations.ray.writing import upload, write_odps

__all__ = ["read_odps", "to_ray", "upload", "write_odps"]

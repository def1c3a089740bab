"""Tables in Polars: lazy frames that push columns, rows and limits into a scan, and sinks."""

from odps_frames.integrations.polars.reading import lazy, read_odps, scan_odps, to_polars
from odps_frames.integrations.polars.writing import sink_odps, write_odps

__all__ = ["lazy", "read_odps", "scan_odps", "sink_odps", "to_polars", "write_odps"]

"""One row condition: read from text, tuples or Arrow expressions; applied here, or said in SQL."""

from odps_frames.filters.condition import Condition, both, columns_of
from odps_frames.filters.mask import apply, mask
from odps_frames.filters.parsing import parse
from odps_frames.filters.printing import described, to_sql
from odps_frames.filters.pushing import about_partitions, pushed
from odps_frames.filters.tokens import Unreadable

__all__ = [
    "Condition",
    "Unreadable",
    "about_partitions",
    "apply",
    "both",
    "columns_of",
    "described",
    "mask",
    "parse",
    "pushed",
    "to_sql",
]

"""Functions over many rows: of groups, and of windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.aggregates_nested import NESTED_AGGREGATES
from odps_frames.emulator.sql.aggregates_plain import PLAIN_AGGREGATES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.aggregate import Aggregate

__all__ = ["AGGREGATES", "GROUPINGS"]

AGGREGATES: Mapping[str, Aggregate] = {**PLAIN_AGGREGATES, **NESTED_AGGREGATES}

GROUPINGS = frozenset({"grouping", "grouping_id"})
"""Functions that tell which keys a row of GROUPING SETS, CUBE or ROLLUP is grouped by."""

"""Functions of values, by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.functions_arrays import array_overloads
from odps_frames.emulator.sql.functions_bytes import BYTES_FUNCTIONS
from odps_frames.emulator.sql.functions_catalog import CATALOG_FUNCTIONS
from odps_frames.emulator.sql.functions_choices import CHOICE_FUNCTIONS
from odps_frames.emulator.sql.functions_nested import NESTED_FUNCTIONS
from odps_frames.emulator.sql.functions_numbers import NUMBER_FUNCTIONS
from odps_frames.emulator.sql.functions_patterns import PATTERN_FUNCTIONS
from odps_frames.emulator.sql.functions_text import TEXT_FUNCTIONS
from odps_frames.emulator.sql.functions_times import TIME_FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.calls import Function

__all__ = ["FUNCTIONS"]

FUNCTIONS: Mapping[str, Function] = {
    **TEXT_FUNCTIONS,
    **PATTERN_FUNCTIONS,
    **NUMBER_FUNCTIONS,
    **BYTES_FUNCTIONS,
    **CHOICE_FUNCTIONS,
    **TIME_FUNCTIONS,
    **NESTED_FUNCTIONS,
    **array_overloads(TEXT_FUNCTIONS),
    **CATALOG_FUNCTIONS,
}

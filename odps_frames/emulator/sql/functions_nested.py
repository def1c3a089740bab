"""Functions of arrays, maps, structs and JSON, together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.functions_arrays import ARRAY_FUNCTIONS
from odps_frames.emulator.sql.functions_json import JSON_FUNCTIONS
from odps_frames.emulator.sql.functions_lambdas import LAMBDA_FUNCTIONS
from odps_frames.emulator.sql.functions_maps import MAP_FUNCTIONS
from odps_frames.emulator.sql.functions_sequences import SEQUENCE_FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.calls import Function

__all__ = ["NESTED_FUNCTIONS"]


NESTED_FUNCTIONS: Mapping[str, Function] = {
    **ARRAY_FUNCTIONS,
    **MAP_FUNCTIONS,
    **SEQUENCE_FUNCTIONS,
    **LAMBDA_FUNCTIONS,
    **JSON_FUNCTIONS,
}

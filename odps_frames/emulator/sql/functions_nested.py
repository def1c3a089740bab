"""Functions of arrays, maps, structs and JSON, together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.functions_arrays import ARRAY_FUNCTIONS
from odps_frames.emulator.sql.functions_json import JSON_FUNCTIONS
from odps_frames.emulator.sql.functions_lambdas import LAMBDA_FUNCTIONS
from odps_frames.emulator.sql.functions_maps import MAP_FUNCTIONS
from odps_frames.emulator.sql.values import STRING, Value, text_literal
from odps_frames.model.types import ArrayType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.calls import Call, Function

__all__ = ["NESTED_FUNCTIONS"]


def _split(call: Call) -> Value:
    """Split at a sign; MaxCompute takes a regular expression, of which signs are a part.

    Empty parts at the end are left out, unless a third argument says false.
    """
    call.count(2, 3)
    trimmed = True if len(call.args) == 2 else call.args[2].constant  # noqa: PLR2004
    if not isinstance(trimmed, bool):
        raise call.fault("argument 3 of function split must be true or false")
    separator = str(call.constant(1, str, "a separator"))
    plain = separator.replace("\\", "")
    escaped = len(separator) - len(plain)
    if not plain or escaped > 1 or (not escaped and any(sign in ".^$*+?()[]{}|" for sign in plain)):
        raise call.fault(f"split by the pattern {separator!r} is not supported here")
    if escaped and plain.isalnum():
        raise call.fault(f"split by the pattern {separator!r} is not supported here")
    text = call.sql(0, "string")
    parts = f"string_split({text}, {text_literal(plain)})"
    return Value(f"mc_trimmed({parts})" if trimmed else parts, ArrayType(STRING))


NESTED_FUNCTIONS: Mapping[str, Function] = {
    **ARRAY_FUNCTIONS,
    **MAP_FUNCTIONS,
    **LAMBDA_FUNCTIONS,
    **JSON_FUNCTIONS,
    "split": _split,
}

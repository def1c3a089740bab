"""The function that counts from one value to another: whole numbers, dates and times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.intervals import months_later
from odps_frames.emulator.sql.time_values import wall
from odps_frames.emulator.sql.values import BIGINT, INTERVAL, Value, engine_type, family
from odps_frames.model.types import ArrayType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.calls import Call, Function

__all__ = ["SEQUENCE_FUNCTIONS"]

_DAY = 86_400_000_000_000
_PER_UNIT: Mapping[str, int] = {"date": _DAY, "datetime": 1_000_000, "timestamp": 1}
"""Nanoseconds of the unit in which DuckDB counts a time."""


def _sequence(call: Call) -> Value:
    call.count(2, 3)
    kinds = {family(value.type) for value in call.args} - {"null"}
    if kinds == {"integer"}:
        return _numbers(call)
    type_, (start, stop) = call.meeting(0, 1)
    step = call.args[2] if len(call.args) == 3 else Value("", INTERVAL, None)  # noqa: PLR2004
    if family(type_) in _PER_UNIT and family(step.type) == "interval_day_time":
        return _steps(call, start, stop, step)
    if family(type_) in _PER_UNIT and family(step.type) == "interval_year_month":
        return _months(call, start, stop, step)
    given = ", ".join(str(value.type or "null") for value in call.args)
    raise call.fault(
        f"sequence of {given} is not supported here; expected whole numbers, "
        "or dates or times with an interval"
    )


def _numbers(call: Call) -> Value:
    type_, values = call.meeting(*range(len(call.args)))
    start, stop = (f"CAST({value.sql} AS BIGINT)" for value in values[:2])
    step = f"CASE WHEN {start} <= {stop} THEN 1 ELSE -1 END"
    if len(values) == 3:  # noqa: PLR2004  with a step
        step = f"CAST({values[2].sql} AS BIGINT)"
    made = ArrayType(type_ or BIGINT)
    return Value(f"CAST(mc_sequence({start}, {stop}, {step}) AS {engine_type(made)})", made)


def _steps(call: Call, start: Value, stop: Value, step: Value) -> Value:
    """Count by steps of one length; a day where none is said."""
    unit = _PER_UNIT[family(start.type)]
    day, sql = family(start.type) == "date", start.sql
    length = f"({stop.sql} - {sql})"
    said = step.constant if isinstance(step.constant, int) else 0
    if said % unit:
        raise call.fault(f"sequence of {start.type} by parts of its unit is not supported here")
    by = f"CAST({said // unit} AS BIGINT)"
    if step.constant is None:
        by = f"CASE WHEN {length} >= 0 THEN {_DAY // unit} ELSE {-_DAY // unit} END"
    elif said == 0:
        raise call.fault("sequence by an interval that is no literal is not supported here")
    item = f"{sql} + CAST(p AS INTEGER)" if day else f"{sql} + p"
    counted = f"mc_sequence(CAST(0 AS BIGINT), CAST({length} AS BIGINT), {by})"
    made = ArrayType(start.type or BIGINT)
    listed = f"list_transform({counted}, lambda p: {item})"
    return Value(f"CAST({listed} AS {engine_type(made)})", made)


def _months(call: Call, start: Value, stop: Value, step: Value) -> Value:
    """Count by months from the start, so that a short month shortens no later one."""
    months = step.constant
    later = months_later(start, "p")
    if not isinstance(months, int) or not months or later is None:
        raise call.fault("sequence by an interval that is no literal is not supported here")
    sign = "<=" if months > 0 else ">="
    length = f"date_diff('month', {wall(call, 0)}, {wall(call, 1)})"
    toward = f"(CASE WHEN {start.sql} {sign} {stop.sql} THEN {length} ELSE {-months} END)"
    counted = f"mc_sequence(CAST(0 AS BIGINT), CAST({toward} AS BIGINT), CAST({months} AS BIGINT))"
    listed = f"list_transform({counted}, lambda p: {later})"
    made = ArrayType(start.type or BIGINT)
    kept = f"list_filter({listed}, lambda p: p {sign} {stop.sql})"
    return Value(f"CAST({kept} AS {engine_type(made)})", made)


SEQUENCE_FUNCTIONS: Mapping[str, Function] = {"sequence": _sequence}

"""Functions over many rows: of groups, and of windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from odps_frames.emulator.sql.values import BIGINT, DOUBLE, STRING, Value, engine_type, family
from odps_frames.model.types import ArrayType, DecimalType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from odps_frames.emulator.sql.calls import Call, Function

__all__ = ["AGGREGATES", "RANKINGS", "Aggregate"]

_ORDERED = frozenset(
    {"integer", "float", "decimal", "text", "boolean", "binary", "date", "datetime"}
    | {"timestamp", "timestamp_ntz", "interval_day_time", "null", "struct"}
)
_MAX_DIGITS = 38
_SUM_DIGITS = 10
"""So many digits a sum of decimals has more than its numbers."""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A function of a group."""

    over: Callable[[Call, str, str], Value]
    """Given the call, ``DISTINCT `` or nothing, and `` OVER (…)`` or nothing."""
    distinct: bool = False
    """Whether DISTINCT changes what it means."""
    windowed: bool = True


def _count(call: Call, distinct: str, over: str) -> Value:
    call.count(1, 100)
    items = [value.sql for value in call.args]
    if not distinct and len(items) > 1:
        raise call.fault("count of several values is not supported here")
    if len(items) == 1:
        return Value(f"count({distinct}{items[0]}){over}", BIGINT)
    nulls = " OR ".join(f"{item} IS NULL" for item in items)
    tuples = f"CASE WHEN {nulls} THEN NULL ELSE row({', '.join(items)}) END"
    return Value(f"count(DISTINCT {tuples}){over}", BIGINT)


def _sum(call: Call, distinct: str, over: str) -> Value:
    call.count(1)
    value = call.args[0]
    match family(value.type):
        case "integer":
            return Value(f"CAST(sum({distinct}{value.sql}){over} AS BIGINT)", BIGINT)
        case "decimal" if isinstance(value.type, DecimalType):
            digits = min(value.type.precision + _SUM_DIGITS, _MAX_DIGITS)
            type_ = DecimalType(digits, value.type.scale)
            return Value(f"CAST(sum({distinct}{value.sql}){over} AS {engine_type(type_)})", type_)
        case _:
            return Value(f"sum({distinct}{call.sql(0, 'double')}){over}", DOUBLE)


def _avg(call: Call, distinct: str, over: str) -> Value:
    call.count(1)
    if isinstance(call.args[0].type, DecimalType):
        raise call.fault("avg of decimals is not supported here; cast them to double")
    return Value(f"avg({distinct}{call.sql(0, 'double')}){over}", DOUBLE)


def _extreme(word: str) -> Callable[[Call, str, str], Value]:
    def carry_out(call: Call, _: str, over: str) -> Value:
        call.count(1)
        value = call.args[0]
        if family(value.type) not in _ORDERED:
            raise call.fault(f"{call.name} of {value.type} is not supported here")
        return Value(f"{word}({value.sql}){over}", value.type)

    return carry_out


def _statistic(word: str) -> Callable[[Call, str, str], Value]:
    def carry_out(call: Call, distinct: str, over: str) -> Value:
        call.count(1)
        if isinstance(call.args[0].type, DecimalType):
            raise call.fault(f"{call.name} of decimals is not supported here; cast them to double")
        return Value(f"{word}({distinct}{call.sql(0, 'double')}){over}", DOUBLE)

    return carry_out


def _collect(distinct: str) -> Callable[[Call, str, str], Value]:
    def carry_out(call: Call, said: str, over: str) -> Value:
        call.count(1)
        value = call.args[0]
        type_ = ArrayType(value.type or STRING)
        listed = f"list({distinct or said}{value.sql}) FILTER (WHERE {value.sql} IS NOT NULL){over}"
        return Value(f"coalesce({listed}, CAST([] AS {engine_type(type_)}))", type_)

    return carry_out


def _wm_concat(call: Call, distinct: str, over: str) -> Value:
    call.count(2)
    separator = call.constant(0, str, "a separator")
    quoted = "'" + str(separator).replace("'", "''") + "'"
    return Value(f"string_agg({distinct}{call.sql(1, 'string')}, {quoted}){over}", STRING)


AGGREGATES: Mapping[str, Aggregate] = {
    "count": Aggregate(_count, distinct=True),
    "sum": Aggregate(_sum, distinct=True),
    "avg": Aggregate(_avg, distinct=True),
    "max": Aggregate(_extreme("max"), distinct=True),
    "min": Aggregate(_extreme("min"), distinct=True),
    "stddev": Aggregate(_statistic("stddev_pop")),
    "stddev_samp": Aggregate(_statistic("stddev_samp")),
    "variance": Aggregate(_statistic("var_pop")),
    "var_pop": Aggregate(_statistic("var_pop")),
    "var_samp": Aggregate(_statistic("var_samp")),
    "median": Aggregate(_statistic("median")),
    "collect_list": Aggregate(_collect(""), windowed=False),
    "collect_set": Aggregate(_collect("DISTINCT "), windowed=False),
    "wm_concat": Aggregate(_wm_concat, distinct=True, windowed=False),
}


def _rank(word: str) -> Function:
    def carry_out(call: Call) -> Value:
        call.count(0)
        type_ = DOUBLE if word in ("percent_rank", "cume_dist") else BIGINT
        return Value(f"{word}()", type_)

    return carry_out


def _ntile(call: Call) -> Value:
    call.count(1)
    return Value(f"ntile({call.sql(0, 'bigint')})", BIGINT)


def _shifted(word: str) -> Function:
    def carry_out(call: Call) -> Value:
        call.count(1, 3)
        value = call.args[0]
        rows = str(call.constant(1, int, "a number of rows")) if len(call.args) > 1 else "1"
        if len(call.args) < 3:  # noqa: PLR2004  without a value for rows that are not there
            return Value(f"{word}({value.sql}, {rows})", value.type)
        type_, (found, default) = call.meeting(0, 2)
        return Value(f"{word}({found.sql}, {rows}, {default.sql})", type_)

    return carry_out


def _end(word: str) -> Function:
    def carry_out(call: Call) -> Value:
        call.count(1)
        return Value(f"{word}({call.args[0].sql})", call.args[0].type)

    return carry_out


RANKINGS: Mapping[str, Function] = {
    "row_number": _rank("row_number"),
    "rank": _rank("rank"),
    "dense_rank": _rank("dense_rank"),
    "percent_rank": _rank("percent_rank"),
    "cume_dist": _rank("cume_dist"),
    "ntile": _ntile,
    "lag": _shifted("lag"),
    "lead": _shifted("lead"),
    "first_value": _end("first_value"),
    "last_value": _end("last_value"),
}
"""Functions that stand before OVER only."""

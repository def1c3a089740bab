"""Aggregates of numbers, texts and conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.aggregate import Aggregate
from odps_frames.emulator.sql.casts import cast
from odps_frames.emulator.sql.decimals import mean_type, quotient, unscaled
from odps_frames.emulator.sql.values import BIGINT, BOOLEAN, DOUBLE, Value, engine_type, family
from odps_frames.model.types import ArrayType, DecimalType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from odps_frames.emulator.sql.calls import Call
    from odps_frames.emulator.sql.shapes import Shape

__all__ = ["PLAIN_AGGREGATES"]

_ORDERED = frozenset(
    {"integer", "float", "decimal", "text", "boolean", "binary", "date", "datetime"}
    | {"timestamp", "timestamp_ntz", "interval_day_time", "null", "struct"}
)
_MAX_DIGITS = 38
_SUM_DIGITS = 10
"""So many digits a sum of decimals has more than its numbers."""


def _count(call: Call, shape: Shape) -> Value:
    call.count(1, 100)
    items = [value.sql for value in call.args]
    if not shape.distinct and len(items) > 1:
        raise call.fault("count of several values is not supported here")
    if len(items) == 1:
        return Value(shape.call("count", items[0]), BIGINT)
    nulls = " OR ".join(f"{item} IS NULL" for item in items)
    tuples = f"CASE WHEN {nulls} THEN NULL ELSE row({', '.join(items)}) END"
    return Value(shape.call("count", tuples), BIGINT)


def _count_if(call: Call, shape: Shape) -> Value:
    call.count(1)
    return Value(shape.call("count", "1", where=call.sql(0, "boolean")), BIGINT)


def _approx_distinct(call: Call, shape: Shape) -> Value:
    """Count exactly: no approximation is nearer."""
    call.count(1)
    return Value(shape.call("count", call.args[0].sql, distinct="DISTINCT "), BIGINT)


def _sum(call: Call, shape: Shape) -> Value:
    call.count(1)
    value = call.args[0]
    match family(value.type):
        case "integer":
            return Value(f"CAST({shape.call('sum', value.sql)} AS BIGINT)", BIGINT)
        case "decimal" if isinstance(value.type, DecimalType):
            digits = min(value.type.precision + _SUM_DIGITS, _MAX_DIGITS)
            type_ = DecimalType(digits, value.type.scale)
            return Value(f"CAST({shape.call('sum', value.sql)} AS {engine_type(type_)})", type_)
        case _:
            return Value(shape.call("sum", call.sql(0, "double")), DOUBLE)


def _avg(call: Call, shape: Shape) -> Value:
    call.count(1)
    value = call.args[0]
    if isinstance(value.type, DecimalType):
        type_ = mean_type(value.type)
        total = unscaled(shape.call("sum", value.sql))
        count = f"CAST({shape.call('count', value.sql)} AS HUGEINT)"
        return quotient(total, count, type_.scale - value.type.scale, type_)
    return Value(shape.call("avg", call.sql(0, "double")), DOUBLE)


def _extreme(word: str) -> Callable[[Call, Shape], Value]:
    def carry_out(call: Call, shape: Shape) -> Value:
        call.count(1)
        value = call.args[0]
        if family(value.type) not in _ORDERED:
            raise call.fault(f"{call.name} of {value.type} is not supported here")
        return Value(shape.call(word, value.sql), value.type)

    return carry_out


def _of_extreme(word: str, *, ranked: int) -> Callable[[Call, Shape], Value]:
    """Return the value beside the greatest or smallest one, which stands at ``ranked``."""

    def carry_out(call: Call, shape: Shape) -> Value:
        call.count(2)
        by, value = call.args[ranked], call.args[1 - ranked]
        if family(by.type) not in _ORDERED:
            raise call.fault(f"{call.name} by {by.type} is not supported here")
        return Value(shape.call(word, value.sql, by.sql), value.type)

    return carry_out


def _any_value(call: Call, shape: Shape) -> Value:
    call.count(1)
    return Value(shape.call("any_value", call.args[0].sql), call.args[0].type)


def _statistic(word: str) -> Callable[[Call, Shape], Value]:
    def carry_out(call: Call, shape: Shape) -> Value:
        call.count(1)
        if isinstance(call.args[0].type, DecimalType):
            raise call.fault(f"{call.name} of decimals is not supported here; cast them to double")
        return Value(shape.call(word, call.sql(0, "double")), DOUBLE)

    return carry_out


def _median(call: Call, shape: Shape) -> Value:
    call.count(1)
    value = call.args[0]
    if isinstance(value.type, DecimalType):
        type_ = mean_type(value.type)  # the middle of two numbers has one digit more
        wide = cast(value, type_) or value
        return Value(f"CAST({shape.call('median', wide.sql)} AS {engine_type(type_)})", type_)
    return Value(shape.call("median", call.sql(0, "double")), DOUBLE)


def _paired(word: str) -> Callable[[Call, Shape], Value]:
    def carry_out(call: Call, shape: Shape) -> Value:
        call.count(2)
        if any(isinstance(value.type, DecimalType) for value in call.args):
            raise call.fault(f"{call.name} of decimals is not supported here; cast them to double")
        return Value(shape.call(word, call.sql(0, "double"), call.sql(1, "double")), DOUBLE)

    return carry_out


def _percentile(call: Call, shape: Shape) -> Value:
    """Return exact percentiles, between two numbers in proportion to the distance."""
    call.count(2)
    value, share = call.args
    if family(value.type) not in ("integer", "null"):
        raise call.fault(f"percentile of {value.type} is not supported here; expected bigint")
    type_ = ArrayType(DOUBLE) if isinstance(share.type, ArrayType) else DOUBLE
    found = cast(share, type_)
    if found is None:
        raise call.fault(f"argument 2 of percentile is {share.type}; expected double")
    return Value(shape.call("quantile_cont", call.sql(0, "double"), found.sql), type_)


def _bits(word: str) -> Callable[[Call, Shape], Value]:
    def carry_out(call: Call, shape: Shape) -> Value:
        call.count(1)
        return Value(shape.call(word, call.sql(0, "bigint")), BIGINT)

    return carry_out


def _truth(word: str) -> Callable[[Call, Shape], Value]:
    def carry_out(call: Call, shape: Shape) -> Value:
        call.count(1)
        return Value(shape.call(word, call.sql(0, "boolean")), BOOLEAN)

    return carry_out


PLAIN_AGGREGATES: Mapping[str, Aggregate] = {
    "any_value": Aggregate(_any_value),
    "approx_distinct": Aggregate(_approx_distinct),
    "arg_max": Aggregate(_of_extreme("arg_max_null", ranked=0)),
    "arg_min": Aggregate(_of_extreme("arg_min_null", ranked=0)),
    "avg": Aggregate(_avg, distinct=True),
    "bitwise_and_agg": Aggregate(_bits("bit_and")),
    "bitwise_or_agg": Aggregate(_bits("bit_or")),
    "bitwise_xor_agg": Aggregate(_bits("bit_xor")),
    "bool_and": Aggregate(_truth("bool_and")),
    "bool_or": Aggregate(_truth("bool_or")),
    "corr": Aggregate(_paired("corr")),
    "count": Aggregate(_count, distinct=True),
    "count_if": Aggregate(_count_if),
    "covar_pop": Aggregate(_paired("covar_pop")),
    "covar_samp": Aggregate(_paired("covar_samp")),
    "every": Aggregate(_truth("bool_and")),
    "max": Aggregate(_extreme("max"), distinct=True),
    "max_by": Aggregate(_of_extreme("arg_max_null", ranked=1)),
    "median": Aggregate(_median),
    "min": Aggregate(_extreme("min"), distinct=True),
    "min_by": Aggregate(_of_extreme("arg_min_null", ranked=1)),
    "percentile": Aggregate(_percentile),
    "stddev": Aggregate(_statistic("stddev_pop")),
    "stddev_pop": Aggregate(_statistic("stddev_pop")),
    "stddev_samp": Aggregate(_statistic("stddev_samp")),
    "sum": Aggregate(_sum, distinct=True),
    "var_pop": Aggregate(_statistic("var_pop")),
    "var_samp": Aggregate(_statistic("var_samp")),
    "variance": Aggregate(_statistic("var_pop")),
}

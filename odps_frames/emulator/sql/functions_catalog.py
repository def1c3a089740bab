"""Functions of the catalog, answered beforehand from what a query reads: ``max_pt`` and others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.values import BOOLEAN, STRING, Value, text_literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from odps_frames.emulator.sql.calls import Call, Function

__all__ = ["CATALOG_FUNCTIONS"]

_NO_TABLE = "ODPS-0130131"


def _partitions(call: Call, name: str) -> Sequence[tuple[tuple[str, ...], int]]:
    found = call.context.find_partitions(name.split("."))
    if found is None:
        message = f"Table not found - table {name} cannot be resolved"
        raise call.context.fault(call.node, message, _NO_TABLE)
    return found


def _max_pt(call: Call) -> Value:
    """Return the greatest value, as text, of the first partition column among those with rows."""
    call.count(1)
    name = str(call.constant(0, str, "the name of a table"))
    values = [spec[0] for spec, n_rows in _partitions(call, name) if n_rows]
    if not values:
        raise call.fault(f"table {name} has no partition with rows, of which max_pt could tell")
    return Value(text_literal(max(values)), STRING, max(values))


def _table_exists(call: Call) -> Value:
    call.count(1)
    name = str(call.constant(0, str, "the name of a table"))
    exists = call.context.find_partitions(name.split(".")) is not None
    return Value(str(exists).upper(), BOOLEAN, exists)


def _partition_exists(call: Call) -> Value:
    """Tell whether a partition is there, whose values stand in the order of the columns."""
    call.count(2, 100)
    name = str(call.constant(0, str, "the name of a table"))
    spec = tuple(
        str(call.constant(place, str, "the value of a partition column"))
        for place in range(1, len(call.args))
    )
    found = [values for values, _ in _partitions(call, name)]
    if found and len(found[0]) != len(spec):
        columns, given = len(found[0]), len(spec)
        raise call.fault(f"table {name} has {columns} partition columns, not {given}")
    exists = spec in found
    return Value(str(exists).upper(), BOOLEAN, exists)


CATALOG_FUNCTIONS: Mapping[str, Function] = {
    "max_pt": _max_pt,
    "partition_exists": _partition_exists,
    "table_exists": _table_exists,
}

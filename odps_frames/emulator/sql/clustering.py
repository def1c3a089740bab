"""What CREATE TABLE says of buckets, checked against the columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from odps_frames.emulator.bucketing import can_cluster

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from odps_frames.emulator.sql.statements import CreateTable
    from odps_frames.model.buckets import Buckets
    from odps_frames.model.schema import Column

__all__ = ["buckets_fault", "columns_to_cluster_fault", "whole_buckets"]

RANGE_BUCKETS = 16
"""How many buckets a range-clustered table has that names no number."""


def whole_buckets(buckets: Buckets | None) -> Buckets | None:
    """Fill in the number of buckets, where it is left to the service."""
    if buckets is None or buckets.n is not None:
        return buckets
    return replace(buckets, n=RANGE_BUCKETS)


def buckets_fault(statement: CreateTable) -> str | None:
    """Return what is wrong with the buckets of a new table, or None."""
    buckets = statement.buckets
    if buckets is None:
        return None
    return columns_to_cluster_fault(buckets, statement.columns, statement.primary_key)


def columns_to_cluster_fault(
    buckets: Buckets, columns: Iterable[Column], primary_key: Sequence[str]
) -> str | None:
    """Return what is wrong with buckets over some columns, or None."""
    if primary_key:
        return "a table with a PRIMARY KEY has its buckets by that key; CLUSTERED BY is too much"
    types = {column.name.lower(): column.type for column in columns}
    for name in (*buckets.columns, *buckets.sort_names):
        if name.lower() not in types:
            return f"there is no data column {name} to cluster or sort by"
        if not can_cluster(types[name.lower()]):
            return (
                f"clustering or sorting by a column of type {types[name.lower()]} is not "
                f"supported here: {name}"
            )
    return None

"""The settings of queries that are known here, by what becomes of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["allowed_values", "is_known"]

_OFF = ("false", "")
_ON = ("true", "")

_ONLY: Mapping[str, tuple[str, ...]] = {
    "odps.sql.allow.cartesian": _ON,
    "odps.sql.allow.fullscan": _ON,
    "odps.sql.bigint.division.as.double": _OFF,
    "odps.sql.bigquery.compatible": _OFF,
    "odps.sql.decimal.odps2": _ON,
    "odps.sql.decimal.tostring.trimzero": _ON,
    "odps.sql.decimal256.auto.promotion": _OFF,
    "odps.sql.decimal256.enable": _OFF,
    "odps.sql.executionengine.enable.rand.time.seed": _OFF,
    "odps.sql.executionengine.enable.string.to.date.full.format": _OFF,
    "odps.sql.hive.compatible": _OFF,
    "odps.sql.hive.compatible.flags": ("",),
    "odps.sql.mysql.compatible": _OFF,
    "odps.sql.python.version": ("cp27", "cp37", "cp311", "false", ""),
    "odps.sql.type.system.odps2": _ON,
    "odps.sql.udf.strict.mode": _OFF,
}
"""With other values than these, MaxCompute gives a query another meaning than it has here."""

_HONOURED = frozenset(
    {
        "odps.default.schema",
        "odps.namespace.schema",
        "odps.sql.allow.namespace.schema",
        "odps.sql.decimal2.extended.scale.enable",
        "odps.sql.groupby.orderby.position.alias",
        "odps.sql.groupby.position.alias",
        "odps.sql.map.key.dedup.policy",
        "odps.sql.orderby.position.alias",
        "odps.sql.timezone",
        "odps.sql.validate.orderby.limit",
    }
)

_WITHOUT_EFFECT = frozenset(
    {
        "odps.sql.cfile2.field.maxsize",
        "odps.sql.groupby.skewindata",
        "odps.sql.metering.value.max",
        "odps.sql.planner.mode",
        "odps.sql.preparse.odps2",
        "odps.sql.runtime.mode",
        "odps.sql.select.output.format",
        "odps.sql.skewinfo",
        "odps.sql.skewjoin",
        "odps.sql.submit.mode",
        "odps.sql.type.json.enable",
    }
)
_FAMILIES = re.compile(
    r"odps\.sql\.(acid|always|auto|cbo|cost|counters|ddl|distributed|dynamic|enable|external|io"
    r"|instances?|job|jobconf|joiner|mapjoin|mapper|max|mcqa2?|merge|optimizer|output|partition"
    r"|reducer|reshuffle|resource|result|runtime|session|split|statistics|storage|udf|udt"
    r"|unstructured|upsertable|writer)\..*"
)
"""Families of settings that say how a statement is carried out."""


def allowed_values(name: str) -> tuple[str, ...] | None:
    """Return the values of a setting that mean what happens here; None where all do."""
    return _ONLY.get(name.lower())


def is_known(name: str) -> bool:
    """Whether it is known what a setting does; settings outside ``odps.sql`` say no meaning."""
    lower = name.lower()
    if not lower.startswith("odps.sql.") or lower in _ONLY or lower in _HONOURED | _WITHOUT_EFFECT:
        return True
    return _FAMILIES.fullmatch(lower) is not None

"""Paths of the REST API (protocol.md §17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.wire import names
from odps_frames.wire.http import Request, Site

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odps_frames.model.table import InstanceRef, TableRef

__all__ = ["get", "instance_path", "paged", "project_path", "table_path", "table_query"]

_FORBIDDEN = frozenset("/\\?#%&")


def project_path(project: str, *further: str) -> str:
    """Make ``/projects/P``, with further segments below it."""
    return "/".join(["/projects", *map(_segment, (project, *further))])


def table_path(table: TableRef) -> str:
    """Make ``/projects/P/tables/T``; the schema never stands in the path."""
    return project_path(table.project, "tables", table.table)


def instance_path(instance: InstanceRef) -> str:
    """Make ``/projects/P/instances/I``."""
    return project_path(instance.project, "instances", instance.instance)


def table_query(schema: str | None) -> tuple[tuple[str, str], ...]:
    """Name the schema, where there is one."""
    return ((names.CURRENT_SCHEMA, schema),) if schema else ()


def get(operation: str, path: str, query: Iterable[tuple[str, str]] = ()) -> Request:
    """Make a request that reads."""
    return Request(method="GET", path=path, site=Site.REST, query=tuple(query), operation=operation)


def paged(query: tuple[tuple[str, str], ...], marker: str | None) -> tuple[tuple[str, str], ...]:
    """Ask for the page that a marker names, or the first one."""
    return (("expectmarker", "true"), *query, *((("marker", marker),) if marker else ()))


def _segment(name: str) -> str:
    if not name or name in {".", ".."} or any(c in _FORBIDDEN or c <= " " for c in name):
        msg = f"not a name that a path can hold: {name!r}; expected letters, digits and underscores"
        raise ValueError(msg)
    return name

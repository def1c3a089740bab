"""Views made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from odps_frames.emulator.catalog import definitions, tables
from odps_frames.emulator.catalog.tables import StoredColumn, Table
from odps_frames.emulator.catalog.views import View
from odps_frames.emulator.sql.settings import check_hints
from odps_frames.emulator.sql.site import exists_already, semantic
from odps_frames.emulator.sql.table_names import NAMESPACES
from odps_frames.emulator.sql.tokens import SqlFault
from odps_frames.model.schema import Column, TableSchema

if TYPE_CHECKING:
    from odps_frames.emulator.sql.site import Site
    from odps_frames.emulator.sql.statements import CreateView
    from odps_frames.model.table import TableRef
    from odps_frames.model.types import DataType

__all__ = ["create_view"]

_KEPT = frozenset({"odps.default.schema", NAMESPACES})
"""What a view remembers of the settings that it was made with, besides those of its queries."""
_PASSING = frozenset({"odps.sql.timezone", "odps.sql.submit.mode"})


def create_view(site: Site, statement: CreateView) -> None:
    """Carry out CREATE VIEW; the query must be one that can be carried out now."""
    name = statement.name
    found = site.find(name)
    if found is not None and (found.view is None or not statement.replace):
        if statement.if_not_exists and found.view is not None:
            return
        raise exists_already(found, name)
    ref = site.ref(name)
    outputs = _outputs(site, statement)
    given = statement.columns or tuple((output, "") for output, _ in outputs)
    if len(given) != len(outputs):
        raise semantic(
            f"view {ref} names {len(given)} columns, and its query gives {len(outputs)}", name
        )
    columns = tuple(
        Column(column.lower(), type_, comment)
        for (column, comment), (_, type_) in zip(given, outputs, strict=True)
    )
    _check(columns, statement, ref)
    view = Table(
        id="",
        ref=ref,
        columns=tuple(StoredColumn(str(number), one) for number, one in enumerate(columns, 1)),
        last_field=len(columns),
        comment=statement.comment,
        view=View(
            query=statement.query,
            project=site.project.lower(),
            outputs=tuple(output for output, _ in outputs),
            settings=_settings(site),
        ),
    )
    if found is None:
        tables.create_table(site.connection, view, site.now)
    else:  # who may do what with it stays, and so does its owner
        again = replace(view, id=found.id, owner=found.owner)
        definitions.redefine(site.connection, again, site.now, columns=True)


def _check(columns: tuple[Column, ...], statement: CreateView, ref: TableRef) -> None:
    try:
        TableSchema(columns)
    except ValueError as error:
        message = f"view {ref}: {error}; name its columns otherwise"
        raise semantic(message, statement.name) from None


def _outputs(site: Site, statement: CreateView) -> list[tuple[str, DataType]]:
    try:
        from odps_frames.emulator.sql.lookup import Names, bind  # noqa: PLC0415  optional
    except ImportError as error:
        raise semantic(
            f"views are not supported here without the package {error.name}; "
            "pip install 'odps-frames[local]'",
            statement.name,
        ) from None
    check_hints(site.hints)
    names = Names(connection=site.connection, project=site.project, hints=site.hints)
    try:
        bound = bind(names, statement.query, now=site.now, inside=(site.ref(statement.name),))
    except SqlFault as fault:
        message = f"{fault.message} (in the query of view {site.ref(statement.name)})"
        raise SqlFault(fault.code, message, statement.name.token) from None
    return [(output, type_) for output, type_ in bound.columns if type_ is not None]


def _settings(site: Site) -> dict[str, str]:
    return {
        name: value
        for name, value in site.hints.items()
        if name in _KEPT or (name.startswith("odps.sql.") and name not in _PASSING)
    }

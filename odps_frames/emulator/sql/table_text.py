"""Tables and views as the statements that make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.wire import ddl

if TYPE_CHECKING:
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.catalog.views import View

__all__ = ["table_text", "view_text"]


def table_text(table: Table) -> str:
    """Write the statement that makes a table like this one."""
    return ddl.create_table(
        table.ref,
        table.schema,
        comment=table.comment,
        lifecycle=table.lifecycle,
        properties=table.properties,
        buckets=table.buckets,
        primary_key=table.primary_key,
        if_not_exists=True,
        defaults={
            stored.column.name: stored.default
            for stored in table.columns
            if stored.default is not None
        },
    )


def view_text(table: Table, view: View) -> str:
    """Write the statement that makes a view like this one."""
    return ddl.create_view(table.ref, table.schema, view.query, comment=table.comment)

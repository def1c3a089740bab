"""The schemas of a project, as the REST site lists, makes and drops them (protocol.md §17.8)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from odps_frames.emulator.catalog import schemas, tables
from odps_frames.emulator.refusals import invalid
from odps_frames.model.catalog import Page, SchemaEntry
from odps_frames.model.table import TableRef
from odps_frames.wire import catalog, schema_calls

if TYPE_CHECKING:
    from odps_frames.emulator.catalog.schemas import KeptSchema
    from odps_frames.emulator.store import Store
    from odps_frames.wire.http import Response

__all__ = ["answer_schema_call"]

PAGE_ITEMS = 1000


def answer_schema_call(store: Store, call: schema_calls.SchemaCall, request_id: str) -> Response:
    """Answer a call about schemas.

    Raises
    ------
    ServiceError
        When the service refuses.
    """
    match call:
        case schema_calls.ListSchemas():
            return catalog.encode_schemas(_page(store, call), request_id=request_id)
        case schema_calls.GetSchema(project=project, schema=schema):
            with store.database.read() as connection:
                found = schemas.need_schema(connection, project, schema)
            return catalog.encode_schema(_entry(found), request_id=request_id)
        case schema_calls.CreateSchema(project=project, schema=schema):
            _check_name(schema)
            with store.database.write() as connection:
                schemas.create_schema(connection, project, schema, store.now())
            return catalog.encode_done(status=201, request_id=request_id)
        case schema_calls.DropSchema(project=project, schema=schema):
            with store.database.write() as connection:
                schemas.drop_schema(connection, project, schema)
            return catalog.encode_done(request_id=request_id)


def _page(store: Store, call: schema_calls.ListSchemas) -> Page[SchemaEntry]:
    with store.database.read() as connection:
        schemas.need_schema(connection, call.project, None)
        found = schemas.list_schemas(
            connection,
            call.project,
            prefix=call.prefix or "",
            after=call.marker or "",
            limit=PAGE_ITEMS + 1,
        )
    if call.owner not in (None, tables.OWNER):
        return Page(())
    page = found[:PAGE_ITEMS]
    marker = page[-1].name if len(found) > PAGE_ITEMS else None
    return Page(tuple(map(_entry, page)), marker)


def _entry(schema: KeptSchema) -> SchemaEntry:
    created = datetime.fromtimestamp(schema.created // 1000, UTC)
    return SchemaEntry(name=schema.name, owner=tables.OWNER, created_at=created)


def _check_name(name: str) -> None:
    try:
        TableRef("p", "t", name)  # names of schemas and tables are alike
    except ValueError as error:
        raise invalid(str(error)) from None

"""The REST site: projects, tables, partitions and instances, as XML (protocol.md §17)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from odps_frames.emulator.catalog import contents, schemas, tables
from odps_frames.emulator.refusals import no_partition
from odps_frames.emulator.schema_site import answer_schema_call
from odps_frames.emulator.specs import chosen, parse_partition, parse_selector, partition_of
from odps_frames.emulator.sql.table_names import NAMESPACES
from odps_frames.emulator.table_head import answer_head
from odps_frames.model.catalog import (
    Page,
    PartitionInfo,
    ProjectInfo,
    TableEntry,
    TableInfo,
)
from odps_frames.wire import catalog, instance, rest

if TYPE_CHECKING:
    from odps_frames.emulator.catalog.contents import KeptPartition
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.instances import Instances
    from odps_frames.emulator.store import Store
    from odps_frames.wire.http import Request, Response

__all__ = ["RestSite"]

OfInstance: TypeAlias = (
    rest.GetInstance
    | rest.GetTaskStatus
    | rest.GetResult
    | rest.GetSource
    | rest.GetProgress
    | rest.GetSummary
    | rest.GetDetail
    | rest.StopInstance
)

PAGE_ITEMS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class RestSite:
    """Answers the calls of the REST API."""

    store: Store
    instances: Instances
    finish_at_once: bool = False
    """Answer a statement with its result, so that nobody has to ask for it."""
    namespaces: bool = False
    """Say to clients that names of two parts are schema and table."""

    def answer(  # noqa: C901, PLR0911  one line a resource
        self, call: rest.RestCall, request: Request, request_id: str
    ) -> Response:
        """Answer a call; the request tells under which address the service was reached.

        Raises
        ------
        ServiceError
            When the service refuses.
        """
        host = request.headers.get("Host", "localhost")
        match call:
            case rest.GetTenant():
                parameters = {NAMESPACES: str(self.namespaces).lower()}
                return catalog.encode_tenant(parameters, request_id=request_id)
            case rest.GetLogviewHost() | rest.GetWebconsoleHost():
                return catalog.encode_host(f"http://{host}", request_id=request_id)
            case rest.DiscoverEndpoint(project=project):
                self._project(project)
                return catalog.encode_endpoint(host, request_id=request_id)
            case rest.PutLogs():
                return instance.encode_stopped(request_id=request_id)
            case rest.GetProject(project=project):
                return catalog.encode_project(self._project(project), request_id=request_id)
            case rest.ListSchemas() | rest.GetSchema() | rest.CreateSchema() | rest.DropSchema():
                return answer_schema_call(self.store, call, request_id)
            case rest.ListTables() | rest.GetTable():
                return self._tables(call, request_id)
            case rest.ListPartitions() | rest.GetPartition():
                return self._partitions(call, request, request_id)
            case rest.GetHead():
                return answer_head(self.store, call, request_id)
            case rest.SubmitInstance():
                return self._submit(call, host, request_id)
            case _:
                return self._instance(call, request_id)

    def _submit(self, call: rest.SubmitInstance, host: str, request_id: str) -> Response:
        done = self.instances.submit(call.project, call.statement)
        if self.finish_at_once:
            done = self.instances.wait(done.ref)
        return instance.encode_submitted(
            call.project,
            done.id,
            base_url=f"http://{host}/api",
            request_id=request_id,
            results=(self.instances.result(done),) if self.finish_at_once else None,
        )

    def _project(self, name: str) -> ProjectInfo:
        with self.store.database.read() as connection:
            created = schemas.need_schema(connection, name, None).created
        return ProjectInfo(
            name=name.lower(),
            owner=tables.OWNER,
            created_at=_time(created),
            modified_at=_time(created),
            region="local",
        )

    def _tables(self, call: rest.ListTables | rest.GetTable, request_id: str) -> Response:
        if isinstance(call, rest.ListTables):
            return catalog.encode_tables(self._table_page(call), request_id=request_id)
        with self.store.database.read() as connection:
            table = tables.need_table(connection, call.table)
            found = contents.contents(connection, table.id)
        info = TableInfo(
            ref=table.ref,
            schema=table.schema,
            table_id=table.id,
            comment=table.comment,
            owner=table.owner,
            created_at=_time(table.created),
            modified_at=_time(table.modified),
            ddl_at=_time(table.defined),
            lifecycle=table.lifecycle,
            n_bytes=found.n_bytes,
            n_rows=found.n_rows,
            properties=table.properties,
            primary_key=table.primary_key,
            buckets=table.buckets,
            transactional=table.transactional,
            is_view=table.view is not None,
            view_text=table.view.query if table.view else "",
            retain_hours=table.retain_hours if table.transactional else None,
            schema_version=str(table.schema_version),
            data_version=table.version,
            n_files=found.n_files,
        )
        return catalog.encode_table(info, extended=call.extended, request_id=request_id)

    def _table_page(self, call: rest.ListTables) -> Page[TableEntry]:
        with self.store.database.read() as connection:
            schema = schemas.need_schema(connection, call.project, call.schema)
            found = tables.list_tables(
                connection,
                call.project,
                schema.name,
                prefix=call.prefix or "",
                after=call.marker or "",
                limit=PAGE_ITEMS + 1,
            )
        page = found[:PAGE_ITEMS]
        every = (
            TableEntry(
                name=table.ref.table,
                owner=table.owner,
                type="MANAGED_TABLE" if table.view is None else "VIRTUAL_VIEW",
            )
            for table in page
        )
        entries = tuple(
            entry
            for entry in every
            if call.type in (None, entry.type) and call.owner in (None, entry.owner)
        )
        return Page(entries, page[-1].ref.table if len(found) > PAGE_ITEMS else None)

    def _partitions(
        self, call: rest.ListPartitions | rest.GetPartition, request: Request, request_id: str
    ) -> Response:
        # The text is read anew, now that the partition columns are known.
        spec = request.parameter("partition") or ""
        with self.store.database.read() as connection:
            table = tables.need_table(connection, call.table)
            if isinstance(call, rest.ListPartitions):
                selector = parse_selector(spec, table.partition_columns)
                found = contents.list_partitions(
                    connection, table.id, after=call.marker or "", backwards=call.reverse
                )
                matching = (one for one in found if chosen(one.values, [selector]))
                page = list(islice(matching, PAGE_ITEMS + 1))
                return catalog.encode_partitions(
                    _partition_page(table, page), request_id=request_id
                )
            values = parse_partition(spec, table.partition_columns)
            partition = contents.find_partition(connection, table.id, values)
        if partition is None:
            raise no_partition(table.ref, partition_of(values, table.partition_columns))
        return catalog.encode_partition(_partition_info(table, partition), request_id=request_id)

    def _instance(self, call: OfInstance, request_id: str) -> Response:
        done = self.instances.get(call.instance)
        statuses = instance.InstanceStatus
        status = statuses.RUNNING if done.runs else statuses.TERMINATED
        match call:
            case rest.GetInstance():
                return instance.encode_status_reply(
                    status,
                    owner=tables.OWNER,
                    started_at=done.started_at,
                    ended_at=done.ended_at,
                    request_id=request_id,
                )
            case rest.GetTaskStatus():
                return instance.encode_tasks_reply(
                    status,
                    (instance.TaskInfo(done.statement.name, done.status),),
                    owner=tables.OWNER,
                    started_at=done.started_at,
                    ended_at=done.ended_at,
                    request_id=request_id,
                )
            case rest.GetResult():
                return instance.encode_result_reply(
                    (self.instances.result(done),), request_id=request_id
                )
            case rest.GetSource():
                return instance.encode_source_reply(done.statement, request_id=request_id)
            case rest.GetProgress():
                percentage = self.instances.progress(done.ref)
                return instance.encode_progress_reply(percentage, request_id=request_id)
            case rest.GetSummary():
                return instance.encode_summary_reply(request_id=request_id)
            case rest.GetDetail():
                return instance.encode_detail_reply(request_id=request_id)
            case rest.StopInstance():
                self.instances.stop(done.ref)
                return instance.encode_stopped(request_id=request_id)


def _partition_page(table: Table, found: list[KeptPartition]) -> Page[PartitionInfo]:
    page = found[:PAGE_ITEMS]
    marker = contents.encode_spec(page[-1].values) if len(found) > PAGE_ITEMS else None
    return Page(tuple(_partition_info(table, partition) for partition in page), marker)


def _partition_info(table: Table, partition: KeptPartition) -> PartitionInfo:
    return PartitionInfo(
        partition=partition_of(partition.values, table.partition_columns),
        created_at=_time(partition.created),
        modified_at=_time(partition.modified),
        ddl_at=_time(partition.created),
        n_bytes=partition.contents.n_bytes,
        n_rows=partition.contents.n_rows,
        lifecycle=table.lifecycle_of(partition.values),
        n_files=partition.contents.n_files,
    )


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)

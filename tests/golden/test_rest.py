"""Recorded exchanges of the REST API: we send the same requests, and understand both halves.

The file is one table, and as long as it: a recording without a row fails.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from odps_frames.errors import NotFound, PermissionDenied, ServiceError
from odps_frames.model.catalog import (
    Page,
    PartitionInfo,
    ProjectInfo,
    SchemaEntry,
    TableEntry,
    TableInfo,
)
from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.table import InstanceRef, Partition, TableRef
from odps_frames.model.types import parse_type
from odps_frames.wire import catalog, instance, rest
from odps_frames.wire.http import Request, Response, Site

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.wire.reply import Reply

PREFIX = "/api"
OTHERS = frozenset(
    {
        # Headers that the transport and the signature add, not the codecs.
        "accept-encoding",
        "application-authentication",
        "authorization-sts-token",
        "user-agent",
        "x-odps-bearer-token",
        "x-odps-user-agent",
        "x-pyodps-token-timestamp",
    }
)

P = "golden_project"
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
TABLE = TableRef(P, "golden_table")
SPEC = Partition.parse("pt=20240101")
RUN = InstanceRef(P, "20260102030405678ggolden1")
FAILED_RUN = InstanceRef(P, "20260102030405678ggolden2")
VERSIONS = {"PYODPS_VERSION": "0.13.2", "PYODPS_PYTHON_VERSION": "3.x"}
DEFINITION = {**VERSIONS, "odps.sql.submit.mode": ""}
THREE_LEVELS = {"odps.sql.allow.namespace.schema": "true", "odps.namespace.schema": "true"}
SCHEMA = TableSchema(
    (
        Column("id", parse_type("bigint")),
        Column("name", parse_type("string"), "a name"),
        Column("tags", parse_type("array<struct<k:string,v:decimal(10,2)>>")),
    ),
    (Column("pt", parse_type("string")),),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What we make of one recording."""

    call: rest.RestCall | type[ServiceError]
    """What the service reads, or how it refuses."""
    request: Request | None
    """What our client sends, or None where it has no such call."""
    why_not: str = ""
    """Why there is no such call."""
    decode: Callable[[Response], Reply[Any]] | None = None
    value: object = None
    """What our client reads, or the class of the error that it raises."""


def table_info(name: str, schema: str | None = None) -> TableInfo:
    return TableInfo(
        ref=TableRef(P, name, schema),
        schema=SCHEMA,
        table_id="golden-table-id",
        comment="golden table",
        owner="golden_owner",
        created_at=NEW_YEAR,
        modified_at=NEW_YEAR,
        ddl_at=NEW_YEAR,
        n_bytes=1024,
        n_rows=3,
    )


def get_table(name: str, value: object = None, schema: str | None = None) -> Case:
    ref = TableRef(P, name, schema)
    return Case(
        request=catalog.encode_get_table(ref),
        call=rest.GetTable(ref),
        decode=lambda response: catalog.decode_table(response, ref),
        value=value or table_info(name, schema),
    )


def partition_info(value: str) -> PartitionInfo:
    return PartitionInfo(
        partition=Partition((("pt", value),)),
        created_at=NEW_YEAR,
        modified_at=NEW_YEAR,
        ddl_at=NEW_YEAR,
        n_bytes=512,
        n_rows=2,
    )


def list_partitions(
    values: list[str],
    *,
    answered: str | None = None,
    marker: str | None = None,
    prefix: Partition | None = None,
    reverse: bool = False,
) -> Case:
    return Case(
        request=catalog.encode_list_partitions(
            TABLE, marker=marker, prefix=prefix, reverse=reverse
        ),
        call=rest.ListPartitions(table=TABLE, marker=marker, prefix=prefix, reverse=reverse),
        decode=catalog.decode_partitions,
        value=Page(tuple(map(partition_info, values)), answered),
    )


def list_tables(
    names: list[str],
    *,
    answered: str | None = None,
    marker: str | None = None,
    schema: str | None = None,
) -> Case:
    return Case(
        request=catalog.encode_list_tables(P, marker=marker, schema=schema),
        call=rest.ListTables(project=P, marker=marker, schema=schema),
        decode=catalog.decode_tables,
        value=Page(tuple(TableEntry(name=n, owner="golden_owner") for n in names), answered),
    )


def submit(
    name: str,
    sql: str,
    hints: dict[str, str],
    value: object = RUN,
    *,
    schema: str | None = None,
) -> Case:
    statement = instance.Statement(
        sql=sql, hints=hints, name=name, uuid="00000000-0000-4000-8000-000000000001"
    )
    request = instance.encode_submit(P, statement)
    if schema:
        request = request.adding(query=[("curr_schema", schema)])
    return Case(
        request=request,
        call=rest.SubmitInstance(P, statement, schema),
        decode=instance.decode_submitted,
        value=value,
    )


def definition(name: str, sql: str, hints: dict[str, str] | None = None) -> Case:
    return submit(name, sql, {**DEFINITION, **(hints or {})})


def query(sql: str, number: int, hints: dict[str, str] | None = None) -> Case:
    run = InstanceRef(P, f"20260102030405678ggolden{number}")
    return submit("AnonymousSQLTask", sql, {**VERSIONS, **(hints or {})}, run)


def status(run: InstanceRef, *, polled: bool, value: instance.InstanceStatus) -> Case:
    return Case(
        request=instance.encode_status(run) if polled else None,
        why_not="" if polled else "our client always says ?instancestatus",
        call=rest.GetInstance(run),
        decode=instance.decode_status_reply,
        value=value,
    )


def task_status(run: InstanceRef, name: str, value: instance.TaskStatus) -> Case:
    return Case(
        request=instance.encode_task_status(run),
        call=rest.GetTaskStatus(run),
        decode=instance.decode_tasks_reply,
        value=(instance.TaskInfo(name, value),),
    )


def result(run: InstanceRef, value: instance.TaskResult) -> Case:
    return Case(
        request=instance.encode_result(run),
        call=rest.GetResult(run),
        decode=instance.decode_result_reply,
        value=(value,),
    )


TERMINATED = instance.InstanceStatus.TERMINATED
CASES: dict[str, Case] = {
    "create-partition-post": definition(
        "SQLAddPartitionTask",
        "ALTER TABLE golden_project.`golden_table` ADD IF NOT EXISTS  PARTITION (pt='20240104');",
    ),
    "create-schema": Case(
        request=catalog.encode_create_schema(P, "golden_schema2"),
        call=rest.CreateSchema(P, "golden_schema2"),
        decode=catalog.decode_done,
    ),
    "create-table-1-post": definition(
        "SQLCreateTableTask",
        "CREATE TABLE IF NOT EXISTS golden_project.`golden_new` (\nid bigint, name string\n)\n"
        "COMMENT 'golden\\'s'\nPARTITIONED BY (\npt string\n)\nLIFECYCLE 7;",
    ),
    "create-table-2-status": status(RUN, polled=False, value=TERMINATED),
    "create-table-3-taskstatus": task_status(
        RUN, "SQLCreateTableTask", instance.TaskStatus.SUCCESS
    ),
    "create-table-schema-post": definition(
        "SQLCreateTableTask",
        "CREATE TABLE golden_project.`golden_new2` (\n  `id` BIGINT NOT NULL,\n"
        "  `d` DECIMAL(10,2) COMMENT 'it\\'s',\n  `m` MAP<STRING,ARRAY<TIMESTAMP>>,\n"
        "  PRIMARY KEY (`id`)\n)\nPARTITIONED BY (\n  `pt` STRING\n)\nTBLPROPERTIES (\n"
        "  'acid.data.retain.hours' = '24',\n  'transactional' = 'true'\n);",
    ),
    "create-table-with-schema-post": definition(
        "SQLCreateTableTask",
        "CREATE TABLE golden_project.golden_schema.`golden_new3` (\nid bigint\n);",
        THREE_LEVELS,
    ),
    "delete-schema": Case(
        request=catalog.encode_drop_schema(P, "golden_schema2"),
        call=rest.DropSchema(P, "golden_schema2"),
        decode=catalog.decode_done,
    ),
    "drop-partition-post": definition(
        "SQLDropPartitionTask",
        "ALTER TABLE golden_project.`golden_table` DROP IF EXISTS  PARTITION (pt='20240104');",
    ),
    "drop-table-post": definition(
        "SQLDropTableTask", "DROP TABLE IF EXISTS golden_project.`golden_new`;"
    ),
    "execute-sql-1-post": query(
        "select * from golden_table where name = '<&>';",
        1,
        {"odps.sql.type.system.odps2": "true"},
    ),
    "execute-sql-2-status-running": status(
        RUN, polled=False, value=instance.InstanceStatus.RUNNING
    ),
    "execute-sql-3-status-terminated": status(RUN, polled=True, value=TERMINATED),
    "execute-sql-4-taskstatus": task_status(RUN, "AnonymousSQLTask", instance.TaskStatus.SUCCESS),
    "execute-sql-failed-1-post": query("select * from golden_missing;", 2),
    "execute-sql-failed-2-status": status(FAILED_RUN, polled=False, value=TERMINATED),
    "execute-sql-failed-3-taskstatus": task_status(
        FAILED_RUN, "AnonymousSQLTask", instance.TaskStatus.FAILED
    ),
    "execute-sql-failed-4-result": result(
        FAILED_RUN,
        instance.TaskResult(
            name="AnonymousSQLTask",
            text="ODPS-0130131:[1,15] Table not found - "
            "table golden_project.golden_missing cannot be resolved",
            status=instance.TaskStatus.FAILED,
        ),
    ),
    "execute-sql-parse-error": submit("AnonymousSQLTask", "selec 1;", VERSIONS, ServiceError),
    "execute-sql-sync": query("alter table golden_table set lifecycle 3;", 3),
    "execute-sql-with-schema-post": submit(
        "AnonymousSQLTask",
        "select 1;",
        {**VERSIONS, **THREE_LEVELS, "odps.default.schema": "golden_schema"},
        InstanceRef(P, "20260102030405678ggolden4"),
        schema="golden_schema",
    ),
    "instance-progress": Case(
        request=instance.encode_progress(RUN),
        call=rest.GetProgress(RUN, "AnonymousSQLTask"),
        decode=instance.decode_progress_reply,
        value=100.0,
    ),
    "instance-result-csv": result(
        RUN,
        instance.TaskResult(
            name="AnonymousSQLTask",
            text='"id","name"\n1,"a"\n2,\\N\n',
            format="csv",
            descriptor={
                "IsSelect": True,
                "SelectResultStatus": "ALL",
                "Schema": {
                    "Columns": [
                        {"Name": "id", "Type": "bigint"},
                        {"Name": "name", "Type": "string"},
                    ]
                },
            },
        ),
    ),
    "instance-source": Case(
        request=instance.encode_source(RUN),
        call=rest.GetSource(RUN),
        decode=instance.decode_source_reply,
        value=instance.Statement(sql="select * from golden_table;"),
    ),
    "instance-stop": Case(request=instance.encode_stop(RUN), call=rest.StopInstance(RUN)),
    "list-partitions-page-1": list_partitions(["20240101", "20240102"], answered="bWFya2Vy"),
    "list-partitions-page-2": list_partitions(["20240103"], marker="bWFya2Vy"),
    "list-partitions-prefix": list_partitions(["20240101"], prefix=SPEC, reverse=True),
    "list-schemas": Case(
        request=catalog.encode_list_schemas(P),
        call=rest.ListSchemas(P),
        decode=catalog.decode_schemas,
        value=Page(
            (
                SchemaEntry(name="default", owner="golden_owner", created_at=NEW_YEAR),
                SchemaEntry(name="golden_schema"),
            )
        ),
    ),
    "list-tables-app-account": list_tables(["t1"]),
    "list-tables-bearer": list_tables(["t1"]),
    "list-tables-filter": Case(
        request=None,
        why_not="our client filters by the beginning of the name only",
        call=rest.ListTables(project=P, prefix="pre_", owner="golden_owner", type="MANAGED_TABLE"),
        decode=catalog.decode_tables,
        value=Page((TableEntry(name="pre_1", owner="golden_owner"),)),
    ),
    "list-tables-page-1": list_tables(["t1", "t2"], answered="bWFya2Vy"),
    "list-tables-page-2": list_tables(["t3"], marker="bWFya2Vy"),
    "list-tables-sts": list_tables(["t1"]),
    "list-tables-v4": list_tables(["t1"]),
    "list-tables-with-schema": list_tables(["t1"], schema="golden_schema"),
    "logview-host": Case(
        request=catalog.encode_logview_host(),
        call=rest.GetLogviewHost(),
        decode=catalog.decode_host,
        value="http://logview.example.com",
    ),
    "partition-exist-false": Case(
        request=catalog.encode_get_partition(TABLE, Partition.parse("pt=19990101")),
        call=rest.GetPartition(TABLE, Partition.parse("pt=19990101")),
        decode=lambda response: catalog.decode_partition(response, SPEC),
        value=NotFound,
    ),
    "partition-exist-true": Case(
        request=catalog.encode_get_partition(TABLE, SPEC),
        call=rest.GetPartition(TABLE, SPEC),
        decode=lambda response: catalog.decode_partition(response, SPEC),
        value=partition_info("20240101"),
    ),
    "project-exist-404": Case(
        request=catalog.encode_get_project("golden_missing"),
        call=rest.GetProject("golden_missing"),
        decode=catalog.decode_project,
        value=NotFound,
    ),
    "project-get": Case(
        request=catalog.encode_get_project(P),
        call=rest.GetProject(P),
        decode=catalog.decode_project,
        value=ProjectInfo(
            name=P,
            owner="golden_owner",
            created_at=NEW_YEAR,
            modified_at=NEW_YEAR,
            comment="golden",
            properties={"odps.schema.model.enabled": "false"},
            region="cn-golden",
        ),
    ),
    "schema-exist-false": Case(
        request=catalog.encode_get_schema(P, "golden_missing"),
        call=rest.GetSchema(P, "golden_missing"),
        decode=catalog.decode_schema,
        value=NotFound,
    ),
    "schema-exist-true": Case(
        request=catalog.encode_get_schema(P, "golden_schema"),
        call=rest.GetSchema(P, "golden_schema"),
        decode=catalog.decode_schema,
        value=SchemaEntry(name="golden_schema", owner="golden_owner", created_at=NEW_YEAR),
    ),
    "survey-logs": Case(
        request=None, why_not="our client counts nobody's calls", call=rest.PutLogs(P)
    ),
    "table-exist-false": get_table("golden_missing", NotFound),
    "table-exist-true": get_table("golden_table2"),
    "table-get": get_table("golden_table"),
    "table-get-403": get_table("golden_secret", PermissionDenied),
    "table-get-404": get_table("golden_missing2", NotFound),
    "table-get-enable-schema": get_table("golden_d_table", schema="default"),
    "table-get-extended": Case(
        request=catalog.encode_get_table(TABLE, extended=True),
        call=rest.GetTable(TABLE, extended=True),
        decode=lambda response: catalog.decode_table(
            response, TABLE, known=TableInfo(ref=TABLE, schema=SCHEMA)
        ),
        value=TableInfo(
            ref=TABLE,
            schema=SCHEMA,
            primary_key=("id",),
            transactional=True,
            retain_hours=24,
            schema_version="1",
            n_files=1,
        ),
    ),
    "table-get-with-schema": get_table("golden_s_table", schema="golden_schema"),
    "tenants": Case(
        request=catalog.encode_tenants(),
        call=rest.GetTenant(),
        decode=catalog.decode_tenant,
        value={"odps.namespace.schema": "false"},
    ),
    "truncate-partition-post": definition(
        "SQLTruncateTableTask",
        "TRUNCATE TABLE golden_project.`golden_table` PARTITION (pt='20240104');",
    ),
    "tunnel-service": Case(
        request=catalog.encode_discover(P),
        call=rest.DiscoverEndpoint(P),
        decode=catalog.decode_endpoint,
        value="tunnel.example.com",
    ),
    "tunnel-service-quota": Case(
        request=catalog.encode_discover(P, quota="golden_quota"),
        call=rest.DiscoverEndpoint(P, "golden_quota"),
        decode=catalog.decode_endpoint,
        value="tunnel-quota.example.com",
    ),
}

COVERED = frozenset(f"rest-{name}" for name in CASES)


def as_the_service_sees_it(recording: Any) -> Request:
    request: Request = recording.request
    return replace(request, path=request.path.removeprefix(PREFIX), site=Site.REST)


def own_headers(request: Request) -> dict[str, str]:
    return {n.lower(): v for n, v in request.headers.items() if n.lower() not in OTHERS}


@pytest.mark.parametrize("name", sorted(CASES))
def test_client_sends_what_was_recorded(golden: Any, name: str) -> None:
    case = CASES[name]
    if case.request is None:
        assert case.why_not
        return
    expected = as_the_service_sees_it(golden[f"rest-{name}"])
    sent = case.request.adding(query=[("curr_project", P)])
    assert (sent.method, sent.path, sent.site) == (expected.method, expected.path, Site.REST)
    assert Counter(sent.query) == Counter(expected.query)
    assert own_headers(sent) == own_headers(expected)
    assert sent.read_body() == expected.read_body()


@pytest.mark.parametrize("name", sorted(CASES))
def test_service_reads_what_was_recorded(golden: Any, name: str) -> None:
    case = CASES[name]
    request = as_the_service_sees_it(golden[f"rest-{name}"])
    if isinstance(case.call, type):
        with pytest.raises(case.call) as raised:
            rest.decode_rest(request)
        assert (raised.value.status, raised.value.code) == (405, "MethodNotAllowed")
    else:
        assert rest.decode_rest(request) == case.call


@pytest.mark.parametrize("name", sorted(name for name in CASES if CASES[name].decode))
def test_client_understands_what_was_answered(golden: Any, name: str) -> None:
    case = CASES[name]
    assert case.decode is not None
    response = golden[f"rest-{name}"].response
    if isinstance(case.value, type):
        with pytest.raises(case.value) as raised:
            case.decode(response)
        error = raised.value
        assert isinstance(error, ServiceError)
        assert error.status == response.status
        assert error.request_id == response.headers["x-odps-request-id"]
    else:
        reply = case.decode(response)
        assert reply.value == case.value
        assert reply.request_id == response.headers["x-odps-request-id"]

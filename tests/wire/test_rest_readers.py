"""Unmodified pyodps reads what the REST codecs answer; no socket, no service of ours."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import odps  # type: ignore[import-untyped]
import pytest
import requests
from odps.errors import (  # type: ignore[import-untyped]
    NoSuchObject,
    NoSuchTable,
    ParseError,
)
from requests.adapters import BaseAdapter

from odps_frames.errors import NotFound, ServiceError
from odps_frames.model.buckets import Buckets
from odps_frames.model.catalog import (
    Page,
    PartitionInfo,
    ProjectInfo,
    SchemaEntry,
    TableEntry,
    TableInfo,
)
from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.table import Partition, TableRef
from odps_frames.model.types import parse_type
from odps_frames.wire import catalog, instance, rest
from odps_frames.wire.http import Headers, Request, Response, Site
from odps_frames.wire.reply import encode_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENDPOINT = "http://127.0.0.1:9/api"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
TABLE = TableInfo(
    ref=TableRef("p", "t"),
    schema=TableSchema(
        (
            Column("id", parse_type("bigint"), "the key", nullable=False),
            Column("m", parse_type("map<string,array<struct<a:decimal(10,2)>>>")),
        ),
        (Column("pt", parse_type("string")), Column("hh", parse_type("string"))),
    ),
    table_id="tid",
    comment="]]> <&> 名",
    owner="me",
    created_at=NOON,
    modified_at=NOON,
    ddl_at=NOON,
    lifecycle=7,
    n_bytes=10,
    n_rows=3,
    properties={"a": "b"},
    primary_key=("id",),
    transactional=True,
    buckets=Buckets(columns=("id",), n=16),
    schema_version="1",
    n_files=2,
)
VALUES = ["2026", "杭 州+1", "it's", 'a%2Fb&c<d>"e"']


class Service(BaseAdapter):
    """Answers requests of a session out of one function."""

    def __init__(self, answer: Callable[[rest.RestCall], Response]) -> None:
        super().__init__()
        self.answer = answer
        self.calls: list[rest.RestCall] = []

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        answer = self._answer(request)
        found = requests.Response()
        found.status_code = answer.status
        found.headers.update(dict(answer.headers))
        found.request = request
        found.url = request.url or ""
        found._content = answer.read()  # noqa: SLF001  how a response is made by hand
        return found

    def _answer(self, request: requests.PreparedRequest) -> Response:
        address = urlsplit(request.url or "")
        body = request.body or b""
        read = Request(
            method=request.method or "",
            path=address.path.removeprefix("/api"),
            site=Site.REST,
            query=tuple(parse_qsl(str(address.query), keep_blank_values=True)),
            headers=Headers(dict(request.headers)),
            body=body.encode() if isinstance(body, str) else body,
        )
        try:
            call = rest.decode_rest(read)
            self.calls.append(call)
            return self.answer(call)
        except ServiceError as error:
            return encode_error(error, xml=True, request_id="r")

    def close(self) -> None:
        """Hold nothing."""


def answer(call: rest.RestCall) -> Response:  # noqa: C901, PLR0911  one line a call
    match call:
        case rest.GetTenant():
            return catalog.encode_tenant({"odps.namespace.schema": "false"})
        case rest.GetProject(project="p"):
            return catalog.encode_project(
                ProjectInfo(name="p", owner="me", created_at=NOON, properties={"k": "v"})
            )
        case rest.ListTables(marker=None):
            return catalog.encode_tables(Page((TableEntry(name="t", owner="me"),), "next"))
        case rest.ListTables():
            return catalog.encode_tables(Page((TableEntry(name="u"),)))
        case rest.ListSchemas():
            return catalog.encode_schemas(Page((SchemaEntry(name="default"),)))
        case rest.GetTable(table=TableRef("p", "t"), extended=extended):
            return catalog.encode_table(TABLE, extended=extended)
        case rest.ListPartitions(marker=None):
            return catalog.encode_partitions(Page((info(VALUES[0]), info(VALUES[1])), "next"))
        case rest.ListPartitions():
            return catalog.encode_partitions(Page((info(VALUES[2]), info(VALUES[3]))))
        case rest.GetPartition(partition=partition) if partition.values[0] in VALUES:
            return catalog.encode_partition(info(partition.values[0]))
        case rest.SubmitInstance(statement=statement):
            return submitted(statement)
        case _:
            return instance_answer(call)


def info(value: str) -> PartitionInfo:
    partition = Partition((("pt", value), ("hh", "01")))
    return PartitionInfo(partition=partition, created_at=NOON, n_bytes=5, n_rows=2, n_files=1)


def submitted(statement: instance.Statement) -> Response:
    match statement.sql.rstrip(";").split()[0]:
        case "selec":
            raise ServiceError("ODPS-0130161:[1,1] Parse exception", status=400, code="ParseError")
        case "alter":
            results = (instance.TaskResult(name=statement.name, text="done"),)
            return instance.encode_submitted("p", "sync", base_url=ENDPOINT, results=results)
        case word:
            return instance.encode_submitted("p", word, base_url=ENDPOINT)


def instance_answer(call: rest.RestCall) -> Response:
    match call:
        case rest.GetInstance():
            return instance.encode_status_reply(
                instance.InstanceStatus.TERMINATED, owner="me", started_at=NOON, ended_at=NOON
            )
        case rest.GetTaskStatus(instance=run):
            failed = run.instance == "fail"
            status = instance.TaskStatus.FAILED if failed else instance.TaskStatus.SUCCESS
            tasks = (instance.TaskInfo("AnonymousSQLTask", status),)
            return instance.encode_tasks_reply(instance.InstanceStatus.TERMINATED, tasks)
        case rest.GetResult():
            text = "ODPS-0130131:[1,15] Table not found - table p.x cannot be resolved"
            result = instance.TaskResult(
                name="AnonymousSQLTask", text=text, status=instance.TaskStatus.FAILED
            )
            return instance.encode_result_reply((result,))
        case rest.GetSource():
            return instance.encode_source_reply(instance.Statement(sql="select ']]>';"))
        case rest.GetProgress():
            return instance.encode_progress_reply(40)
        case rest.GetSummary():
            return instance.encode_summary_reply()
        case rest.GetDetail():
            return instance.encode_detail_reply()
        case rest.StopInstance():
            return instance.encode_stopped()
        case _:
            raise NotFound(f"nothing for {call}", status=404, code="NoSuchObject")


@pytest.fixture
def service() -> Service:
    return Service(answer)


@pytest.fixture
def reader(service: Service) -> Iterator[Any]:
    client = odps.ODPS("id", "secret", "p", ENDPOINT, logview_host="http://logview.example.com")
    adapters = client.rest.session.adapters
    before = dict(adapters)
    client.rest.session.mount("http://", service)
    yield client
    adapters.update(before)


def test_projects_and_schemas(reader: Any) -> None:
    project = reader.get_project("p")
    project.reload()
    assert (project.name, project.owner, project.properties) == ("p", "me", {"k": "v"})
    assert project.creation_time.timestamp() == NOON.timestamp()
    assert reader.exist_project("missing") is False
    assert [schema.name for schema in reader.list_schemas()] == ["default"]


def test_tables(reader: Any, service: Service) -> None:
    assert [table.name for table in reader.list_tables(prefix="x_")] == ["t", "u"]
    listed = [call for call in service.calls if isinstance(call, rest.ListTables)]
    assert [call.marker for call in listed] == [None, "next"]
    assert {call.prefix for call in listed} == {"x_"}
    assert reader.exist_table("t") is True
    assert reader.exist_table("missing") is False


def test_a_table(reader: Any) -> None:
    table = reader.get_table("t")
    schema = table.table_schema
    assert [(c.name, str(c.type).lower(), c.nullable) for c in schema.simple_columns] == [
        ("id", "bigint", False),
        ("m", "map<string,array<struct<`a`:decimal(10,2)>>>", True),
    ]
    assert [c.name for c in schema.partitions] == ["pt", "hh"]
    assert (table.comment, table.owner, table.lifecycle) == ("]]> <&> 名", "me", 7)
    assert (table.size, table.record_num, table.is_virtual_view) == (10, 3, False)
    assert table.creation_time.timestamp() == NOON.timestamp()
    assert table.primary_key == ["id"]
    assert table.is_transactional is True
    assert table.table_properties == {"a": "b"}
    assert table.file_num == 2
    assert (table.cluster_info.bucket_num, table.cluster_info.cluster_cols) == (16, ["id"])


def test_partitions(reader: Any) -> None:
    table = reader.get_table("t")
    partitions = list(table.partitions)
    assert [p.partition_spec.kv["pt"] for p in partitions] == VALUES
    assert [(p.size, p.record_num) for p in partitions] == [(5, 2)] * 4
    assert partitions[0].creation_time.timestamp() == NOON.timestamp()


@pytest.mark.parametrize("value", VALUES)
def test_a_partition(reader: Any, value: str) -> None:
    table = reader.get_table("t")
    spec = odps.types.PartitionSpec()
    spec["pt"], spec["hh"] = value, "01"
    assert table.exist_partition(spec) is True
    partition = table.get_partition(spec)
    assert (partition.size, partition.record_num, partition.file_num) == (5, 2, 1)
    assert table.exist_partition("pt=missing,hh=01") is False


def test_statements(reader: Any, service: Service) -> None:
    run = reader.run_sql("select '<&> 名'", hints={"odps.a": True})
    run.wait_for_success(interval=0)
    (call,) = [call for call in service.calls if isinstance(call, rest.SubmitInstance)]
    assert call.statement.sql == "select '<&> 名';"
    assert call.statement.hints["odps.a"] == "true"
    assert call.statement.uuid
    assert run.start_time.timestamp() == NOON.timestamp()
    assert run.get_sql_query() == "select ']]>';"
    assert run.get_task_progress().stages[0].finished_percentage == 40
    assert run.get_task_detail() == {"Instance": {}}
    run.get_task_summary()
    run.stop()


def test_a_statement_that_is_done_at_once_is_not_asked_for(reader: Any, service: Service) -> None:
    run = reader.run_sql("alter table t set lifecycle 1")
    run.wait_for_success(interval=0)
    assert run.get_task_result() == "done"
    assert [type(call) for call in service.calls if call != rest.GetTenant()] == [
        rest.SubmitInstance
    ]


def test_failures_keep_their_class(reader: Any) -> None:
    logging.getLogger("odps").setLevel(logging.ERROR)
    with pytest.raises(NoSuchTable, match="Table not found"):
        reader.execute_sql("fail")
    with pytest.raises(ParseError):
        reader.execute_sql("selec 1")
    with pytest.raises(NoSuchObject):
        reader.get_table("missing").reload()

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.errors import NotFound, ProtocolError
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
from odps_frames.wire import catalog, rest, xml
from odps_frames.wire.http import Response

if TYPE_CHECKING:
    from odps_frames.wire.http import Request

REF = TableRef("p", "t", "s")
SOME_TIME = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
LETTERS = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
TEXTS = st.text(LETTERS, max_size=20)
COUNTS = st.none() | st.integers(0, 2**62)
TIMES = st.none() | st.integers(1, 253402300799).map(lambda s: datetime.fromtimestamp(s, UTC))
VALUES = st.text(LETTERS | st.sampled_from("'\"\\,/= %"), min_size=1, max_size=10)
PARTITIONS = st.lists(
    st.tuples(NAMES, VALUES), min_size=1, max_size=3, unique_by=lambda item: item[0]
).map(lambda items: Partition(tuple(items)))
TYPES = st.sampled_from(
    ["bigint", "string", "decimal(38,18)", "array<struct<a:int,`b c`:map<string,date>>>"]
).map(parse_type)


@st.composite
def schemas(draw: st.DrawFn) -> TableSchema:
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    columns = tuple(Column(n, draw(TYPES), draw(TEXTS), draw(st.booleans())) for n in names)
    cut = draw(st.integers(0, len(columns)))
    return TableSchema(columns[:cut], columns[cut:])


@st.composite
def tables(draw: st.DrawFn) -> TableInfo:
    unlike = st.lists(NAMES, min_size=1, max_size=2, unique_by=str.lower).map(tuple)
    order = st.just(()) | unlike.map(lambda names: (*names[:-1], f"{names[-1]} DESC"))
    buckets = st.one_of(
        st.builds(Buckets, columns=unlike, n=st.integers(1, 4096), sorted_by=order),
        st.builds(
            Buckets,
            columns=unlike,
            n=st.none() | st.integers(1, 4096),
            sorted_by=order,
            kind=st.just("range"),
        ),
    )
    return TableInfo(
        ref=REF,
        schema=draw(schemas()),
        table_id=draw(st.text("0123456789abcdef", max_size=32)),
        comment=draw(TEXTS),
        owner=draw(TEXTS),
        created_at=draw(TIMES),
        modified_at=draw(TIMES),
        ddl_at=draw(TIMES),
        accessed_at=draw(TIMES),
        lifecycle=draw(st.none() | st.integers(0, 37231)),
        n_bytes=draw(COUNTS),
        n_rows=draw(COUNTS),
        is_view=draw(st.booleans()),
        view_text=draw(TEXTS),
        properties=draw(st.dictionaries(NAMES, TEXTS, max_size=3)),
        primary_key=draw(st.lists(NAMES, max_size=2).map(tuple)),
        transactional=draw(st.booleans()),
        buckets=draw(st.none() | buckets),
        schema_version=draw(st.none() | st.integers(0, 9).map(str)),
        data_version=draw(COUNTS),
        n_files=draw(COUNTS),
    )


@given(info=tables())
def test_an_extended_document_carries_a_table_whole(info: TableInfo) -> None:
    response = catalog.encode_table(info, extended=True, request_id="r1")
    reply = catalog.decode_table(response, REF)
    assert reply.value == info
    assert reply.request_id == "r1"


@given(info=tables())
def test_a_plain_document_and_an_extended_one_make_a_table(info: TableInfo) -> None:
    plain = catalog.decode_table(catalog.encode_table(info), REF).value
    assert (plain.primary_key, plain.transactional, plain.n_files) == ((), False, None)
    extended = catalog.encode_table(info, extended=True)
    assert catalog.decode_table(extended, REF, known=plain).value == info


def document_of(response: Response) -> dict[str, Any]:
    text = xml.parse(response.read()).text_of("Schema")
    document: dict[str, Any] = json.loads(text or "")
    return document


def test_the_document_of_a_table_is_the_one_that_readers_expect() -> None:
    info = TableInfo(
        ref=REF,
        schema=TableSchema(
            (Column("a", parse_type("bigint"), "c", nullable=False),),
            (Column("pt", parse_type("string")),),
        ),
        created_at=SOME_TIME,
        primary_key=("a",),
        transactional=True,
        schema_version="1",
    )
    document = document_of(catalog.encode_table(info, extended=True))
    reserved = {"Transactional": "true", "PrimaryKey": ["a"], "schema_version": "1"}
    assert json.loads(document.pop("Reserved")) == reserved
    assert document == {
        "tableName": "t",
        "owner": "",
        "comment": "",
        "createTime": 1767323045,
        "lastModifiedTime": 0,
        "lastDDLTime": 0,
        "lastAccessTime": 0,
        "hubLifecycle": -1,
        "lifecycle": -1,
        "isVirtualView": False,
        "isExternal": False,
        "shardExist": False,
        "tableLabel": "",
        "size": -1,
        "recordNum": -1,
        "columns": [
            {"name": "a", "type": "bigint", "comment": "c", "label": "", "isNullable": False}
        ],
        "partitionKeys": [
            {"name": "pt", "type": "string", "comment": "", "label": "", "isNullable": True}
        ],
        "tableProperties": "{}",
        "IsArchived": False,
        "PhysicalSize": 0,
        "FileNum": -1,
    }


def table_answer(schema: str) -> Response:
    root = xml.element("Table", xml.element("Schema", schema, cdata=True))
    return Response.of(xml.serialize(root), headers={"x-odps-request-id": "r1"})


def test_a_document_may_be_encoded_as_a_mail_header() -> None:
    encoded = "=?utf-8?b?eyJjb2x1bW5zIjogW3sibmFtZSI6ICLlkI0iLCAidHlwZSI6ICJzdHJpbmcifV19?="
    info = catalog.decode_table(table_answer(encoded), REF).value
    assert info.schema == TableSchema((Column("名", parse_type("string")),))


@pytest.mark.parametrize(
    ("schema", "complaint"),
    [
        ('{"columns": [{"name": "a", "type": "quaternion"}]}', "column 'a'.*'quaternion'"),
        ('{"columns": [{"type": "bigint"}]}', "name"),
        ('{"columns": 3}', "columns of table p.s.t"),
        ('{"columns": [{"name": "a", "type": "int"}, {"name": "A", "type": "int"}]}', "twice"),
        ("{}", "has no columns"),
        ("[]", "a JSON list; expected an object"),
        ("{", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("", "not JSON"),
    ],
)
def test_a_table_that_breaks_the_protocol_is_refused(schema: str, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint) as raised:
        catalog.decode_table(table_answer(schema), REF)
    assert raised.value.request_id == "r1"


@given(
    page=st.builds(
        Page,
        st.lists(
            st.builds(
                PartitionInfo,
                partition=PARTITIONS,
                created_at=TIMES,
                modified_at=TIMES,
                ddl_at=TIMES,
                n_bytes=COUNTS,
                n_rows=COUNTS,
            ),
            max_size=3,
        ).map(tuple),
        st.none() | st.text("abc=", min_size=1),
    )
)
def test_partitions_come_back_in_lists_and_alone(page: Page[PartitionInfo]) -> None:
    reply = catalog.decode_partitions(catalog.encode_partitions(page, request_id="r"))
    assert (reply.value, reply.request_id) == (page, "r")
    for info in page.items:
        alone = catalog.decode_partition(catalog.encode_partition(info), info.partition)
        assert alone.value == info


@given(partition=PARTITIONS)
def test_a_partition_named_in_a_request_is_the_one_that_was_meant(partition: Partition) -> None:
    request = catalog.encode_get_partition(REF, partition, extended=True)
    assert rest.decode_rest(request) == rest.GetPartition(REF, partition, extended=True)
    listed = catalog.encode_list_partitions(REF, prefix=partition, marker="m", reverse=True)
    assert rest.decode_rest(listed) == rest.ListPartitions(
        table=REF, prefix=partition, marker="m", reverse=True
    )


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("pt='it's'", (("pt", "it's"),)),  # pyodps writes quotes as they are
        ("pt=1,hh=2", (("pt", "1"), ("hh", "2"))),
        ("pt=1/hh=2", (("pt", "1"), ("hh", "2"))),
        ('pt="1"', (("pt", "1"),)),
        (r"pt='C:\new'", (("pt", r"C:\new"),)),
        ("pt='1' , hh = '2'", (("pt", "1"), ("hh", "2"))),
    ],
)
def test_partitions_of_other_clients_are_read_as_they_mean_them(
    text: str, items: tuple[tuple[str, str], ...]
) -> None:
    assert catalog.decode_spec(text) == Partition(items)


def test_a_listed_partition_without_columns_breaks_the_protocol() -> None:
    answer = b'<Partitions><Partition><Column Name="" Value="1"/></Partition></Partitions>'
    with pytest.raises(ProtocolError, match="not a partition column"):
        catalog.decode_partitions(Response.of(answer))


@given(
    page=st.builds(
        Page,
        st.lists(
            st.builds(
                TableEntry,
                name=NAMES,
                owner=TEXTS,
                type=st.sampled_from(["MANAGED_TABLE", "VIRTUAL_VIEW"]),
                schema=st.none() | NAMES,
            ),
            max_size=3,
        ).map(tuple),
        st.none() | NAMES,
    )
)
def test_lists_of_tables_come_back(page: Page[TableEntry]) -> None:
    assert catalog.decode_tables(catalog.encode_tables(page)).value == page


@given(
    page=st.builds(
        Page,
        st.lists(st.builds(SchemaEntry, name=NAMES, owner=TEXTS), max_size=3).map(tuple),
        st.none() | NAMES,
    )
)
def test_schemas_come_back_in_lists_and_alone(page: Page[SchemaEntry]) -> None:
    assert catalog.decode_schemas(catalog.encode_schemas(page)).value == page
    for entry in page.items:
        assert catalog.decode_schema(catalog.encode_schema(entry)).value == entry


@given(
    project=st.builds(
        ProjectInfo,
        name=NAMES,
        owner=NAMES,
        created_at=TIMES,
        modified_at=TIMES,
        comment=TEXTS,
        properties=st.dictionaries(NAMES, TEXTS, max_size=3),
        region=TEXTS,
    )
)
def test_projects_come_back(project: ProjectInfo) -> None:
    assert catalog.decode_project(catalog.encode_project(project)).value == project


def test_a_project_always_has_the_three_header_fields() -> None:
    fields = catalog.encode_project(ProjectInfo(name="p")).headers
    assert fields["x-odps-owner"] == ""
    assert fields["x-odps-creation-time"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert fields["Last-Modified"] == "Thu, 01 Jan 1970 00:00:00 GMT"


@pytest.mark.parametrize(
    "authority",
    ["127.0.0.1:45517", "dt.cn-hangzhou.maxcompute.aliyun.com", "localhost:1", "[::1]:65535", "h"],
)
def test_endpoints_come_back(authority: str) -> None:
    assert catalog.decode_endpoint(catalog.encode_endpoint(authority)).value == authority


@pytest.mark.parametrize(
    "authority",
    [
        "",
        "host\n",
        " host",
        "user@host",
        "user:secret@host:80",
        "host/path",
        "http://host",
        "host:0",
        "host:65536",
        "host:",
        "ho\x00st",
        "host\\evil",
        "a b",
        "-host",
        "host:80?x",
    ],
)
def test_an_endpoint_that_is_more_than_host_and_port_is_refused(authority: str) -> None:
    with pytest.raises(ProtocolError, match="not the address of an endpoint"):
        catalog.decode_endpoint(Response.of(authority.encode()))
    with pytest.raises(ValueError, match="not the address of an endpoint"):
        catalog.encode_endpoint(authority)


def test_a_tenant_without_parameters_has_none() -> None:
    parameters = {"odps.namespace.schema": "true"}
    assert catalog.decode_tenant(catalog.encode_tenant(parameters)).value == parameters
    assert catalog.decode_tenant(Response.of(b"{}")).value == {}


def test_errors_of_the_service_are_raised_by_every_reader() -> None:
    document = b"<Error><Code>NoSuchObject</Code><Message>gone</Message></Error>"
    for decode in (
        catalog.decode_tables,
        catalog.decode_partitions,
        catalog.decode_project,
        catalog.decode_endpoint,
        catalog.decode_tenant,
        catalog.decode_schemas,
    ):
        with pytest.raises(NotFound, match="gone"):
            decode(Response.of(document, status=404))


@pytest.mark.parametrize("content", [b"", b"<html/>", b"{}", b"<Tables><Table/></Tables>"])
def test_an_answer_that_is_no_list_of_tables_breaks_the_protocol(content: bytes) -> None:
    with pytest.raises(ProtocolError):
        catalog.decode_tables(Response.of(content))


@pytest.mark.parametrize("name", ["", "a/b", "..", "a?b", "a b", "a%2fb", "a\nb"])
def test_names_cannot_leave_their_place_in_a_path(name: str) -> None:
    with pytest.raises(ValueError, match="not a name that a path can hold"):
        catalog.encode_get_project(name)


@pytest.mark.parametrize(
    ("request_", "call"),
    [
        (
            catalog.encode_list_tables("p", prefix="a_", schema="s", marker="m"),
            rest.ListTables(project="p", prefix="a_", schema="s", marker="m"),
        ),
        (catalog.encode_get_table(REF, extended=True), rest.GetTable(REF, extended=True)),
        (catalog.encode_list_partitions(REF), rest.ListPartitions(table=REF)),
        (catalog.encode_get_project("p"), rest.GetProject("p")),
        (catalog.encode_discover("p", quota="q"), rest.DiscoverEndpoint("p", "q")),
        (catalog.encode_tenants(), rest.GetTenant()),
        (catalog.encode_logview_host(), rest.GetLogviewHost()),
        (catalog.encode_list_schemas("p", marker="m"), rest.ListSchemas("p", "m")),
        (catalog.encode_get_schema("p", "s"), rest.GetSchema("p", "s")),
    ],
)
def test_the_service_reads_what_the_client_asks(request_: Request, call: rest.RestCall) -> None:
    assert rest.decode_rest(request_) == call
    assert rest.decode_rest(request_.adding(query=[("curr_project", "other")])) == call

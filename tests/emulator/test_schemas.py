"""Schemas as the service keeps them: made, listed and dropped, and tables that live in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from odps_frames.emulator import schema_site
from odps_frames.errors import Conflict, NotFound, ServiceError
from odps_frames.model.read import ReadSpec
from odps_frames.model.splits import Split
from odps_frames.model.table import TableRef
from odps_frames.wire import catalog, read_session
from odps_frames.wire.http import Headers, Request, Site
from odps_frames.wire.instance import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Callable

THREE_LEVELS = {"odps.namespace.schema": "true", "odps.sql.allow.namespace.schema": "true"}


def create(service: Any, name: str) -> None:
    catalog.decode_done(service.send(catalog.encode_create_schema("demo", name)))


def drop(service: Any, name: str) -> None:
    catalog.decode_done(service.send(catalog.encode_drop_schema("demo", name)))


def schemas(service: Any, project: str = "demo") -> list[str]:
    found: list[str] = []
    marker = None
    while True:
        request = catalog.encode_list_schemas(project, marker=marker)
        page = catalog.decode_schemas(service.send(request)).value
        found += [entry.name for entry in page.items]
        marker = page.marker
        if marker is None:
            return found


def tables(service: Any, schema: str | None = None) -> list[str]:
    request = catalog.encode_list_tables("demo", schema=schema)
    return [entry.name for entry in catalog.decode_tables(service.send(request)).value.items]


def columns(service: Any, ref: TableRef) -> tuple[str, ...]:
    info = catalog.decode_table(service.send(catalog.encode_get_table(ref)), ref).value
    return tuple(info.schema.names)


def test_a_schema_is_made_listed_and_dropped(service: Any) -> None:
    create(service, "Sales")
    create(service, "a1")
    assert schemas(service) == ["a1", "default", "sales"]
    entry = catalog.decode_schema(service.send(catalog.encode_get_schema("demo", "SALES"))).value
    assert (entry.name, entry.type) == ("sales", "MANAGED")
    assert entry.created_at == service.clock.now
    drop(service, "sales")
    assert schemas(service) == ["a1", "default"]
    with pytest.raises(NotFound) as refusal:
        drop(service, "sales")
    assert refusal.value.code == "NoSuchObject"


def test_pages_of_schemas(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_site, "PAGE_ITEMS", 2)
    for name in ("s3", "s1", "s2", "a"):
        create(service, name)
    assert schemas(service) == ["a", "default", "s1", "s2", "s3"]
    request = catalog.encode_list_schemas("demo")
    for words, expected in (
        ([("name", "S")], ["s1", "s2"]),
        ([("owner", "nobody")], []),
        ([("name", "x")], []),
    ):
        page = catalog.decode_schemas(service.send(request.adding(query=words))).value
        assert [entry.name for entry in page.items] == expected


@pytest.mark.parametrize("name", ["default", "DEFAULT", "taken"])
def test_a_name_can_be_taken_once(service: Any, name: str) -> None:
    create(service, "taken")
    with pytest.raises(Conflict) as refusal:
        create(service, name)
    assert refusal.value.code == "ObjectAlreadyExists"


@pytest.mark.parametrize("body", [b"", b"<Schema/>", b"<Other><Name>s</Name></Other>", b"<"])
def test_a_body_without_a_name(service: Any, body: bytes) -> None:
    request = Request(
        method="POST",
        path="/projects/demo/schemas",
        site=Site.REST,
        headers=Headers({"Content-Type": "application/xml"}),
        body=body,
    )
    with pytest.raises(ServiceError) as refusal:
        catalog.decode_done(service.send(request))
    assert (refusal.value.status, refusal.value.code) == (400, "InvalidArgument")


@pytest.mark.parametrize("name", ["a.b", "a b", "a-b"])
def test_names_that_no_schema_can_have(service: Any, name: str) -> None:
    with pytest.raises(ServiceError) as refusal:
        create(service, name)
    assert (refusal.value.status, refusal.value.code) == (400, "InvalidArgument")
    assert schemas(service) == ["default"]


def test_projects_that_are_not_there(service: Any) -> None:
    for request in (
        catalog.encode_list_schemas("other"),
        catalog.encode_get_schema("other", "default"),
        catalog.encode_create_schema("other", "s"),
        catalog.encode_drop_schema("other", "s"),
    ):
        with pytest.raises(NotFound) as refusal:
            catalog.decode_done(service.send(request))
        assert refusal.value.code == "NoSuchProject"


def test_a_schema_with_tables_stays(service: Any) -> None:
    create(service, "s")
    service.sql("CREATE TABLE demo.s.t (a BIGINT)")
    for name in ("s", "default"):
        with pytest.raises(Conflict) as refusal:
            drop(service, name)
        assert refusal.value.code == "SchemaNotEmpty"
    service.sql("DROP TABLE demo.s.t")
    drop(service, "s")
    assert schemas(service) == ["default"]


def test_one_name_in_several_schemas(service: Any) -> None:
    create(service, "s")
    service.sql("CREATE TABLE t (a BIGINT)")
    service.sql("CREATE TABLE demo.s.t (b STRING) PARTITIONED BY (pt STRING)")
    assert columns(service, TableRef("demo", "t")) == ("a",)
    assert columns(service, TableRef("demo", "t", "default")) == ("a",)
    assert columns(service, TableRef("DEMO", "T", "S")) == ("b",)
    assert (tables(service), tables(service, "s")) == (["t"], ["t"])
    service.sql("ALTER TABLE demo.s.t ADD PARTITION (pt='1')")
    service.sql("DROP TABLE demo.default.t")
    assert (tables(service), tables(service, "s")) == ([], ["t"])


def test_a_session_of_one_schema_is_none_of_another(service: Any) -> None:
    create(service, "s")
    ours, other = TableRef("demo", "t", "s"), TableRef("demo", "t")
    service.sql("CREATE TABLE t (a BIGINT)")
    service.sql("CREATE TABLE demo.s.t (a BIGINT)")
    service.write(pa.table({"a": [1]}))
    opened = service.send(read_session.encode_create(ReadSpec(table=ours)))
    split = Split(read_session.decode_info(opened).value.session_id)
    assert not list(rows(service, ours, split))
    with pytest.raises(NotFound):
        rows(service, other, split)


def rows(service: Any, ref: TableRef, split: Split) -> list[dict[str, Any]]:
    answer = service.send(read_session.encode_read(ref, split))
    if not answer.ok:
        read_session.decode_info(answer)
    with answer:
        return pa.ipc.open_stream(answer.read(1 << 20)).read_all().to_pylist()


@pytest.mark.parametrize(
    ("hints", "name"),
    [
        ({}, "demo.s.t"),
        (THREE_LEVELS, "s.t"),
        ({**THREE_LEVELS, "odps.default.schema": "s"}, "t"),
        ({**THREE_LEVELS, "odps.default.schema": "other"}, "s.t"),
        ({**THREE_LEVELS, "odps.default.schema": "other"}, "`demo`.`S`.`T`"),
    ],
)
def test_how_statements_name_a_table_in_a_schema(
    service: Any, hints: dict[str, str], name: str
) -> None:
    create(service, "s")
    create(service, "other")
    assert service.run(f"CREATE TABLE {name} (a INT)", hints=hints) == (TaskStatus.SUCCESS, "")
    assert (tables(service), tables(service, "s"), tables(service, "other")) == ([], ["t"], [])


@pytest.mark.parametrize("namespaces", [False, True])
def test_what_two_parts_mean_without_hints(
    open_service: Callable[..., Any], *, namespaces: bool
) -> None:
    service = open_service(namespaces=namespaces, projects=("s",))
    create(service, "s")
    service.sql("CREATE TABLE s.t (a INT)")
    assert tables(service, "s") == (["t"] if namespaces else [])
    parameters = catalog.decode_tenant(service.send(catalog.encode_tenants())).value
    assert parameters == {"odps.namespace.schema": "true" if namespaces else "false"}


def test_statements_about_schemas(service: Any) -> None:
    service.sql("CREATE SCHEMA s1")
    service.sql("create schema if not exists demo.s1;")
    service.sql("CREATE SCHEMA IF NOT EXISTS demo.`s2`")
    done = TaskStatus.SUCCESS
    assert service.run("SHOW SCHEMAS") == (done, "default\ns1\ns2")
    assert service.run("SHOW SCHEMAS IN demo") == (done, "default\ns1\ns2")
    service.sql("DROP SCHEMA demo.s1")
    service.sql("DROP SCHEMA IF EXISTS s1")
    assert service.run("SHOW SCHEMAS FROM demo") == (done, "default\ns2")


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("CREATE SCHEMA s", "ODPS-0130071"),
        ("CREATE SCHEMA default", "ODPS-0130071"),
        ("CREATE SCHEMA nowhere.s", "ODPS-0130131"),
        ("CREATE SCHEMA a.b.c", "ODPS-0130161"),
        ("CREATE SCHEMA", "ODPS-0130161"),
        ("DROP SCHEMA other", "ODPS-0130131"),
        ("DROP SCHEMA s", "ODPS-0130071"),
        ("DROP SCHEMA default", "ODPS-0130071"),
        ("SHOW SCHEMAS IN nowhere", "ODPS-0130131"),
        ("CREATE TABLE demo.other.t (a INT)", "ODPS-0130131"),
    ],
)
def test_statements_that_fail(service: Any, sql: str, code: str) -> None:
    service.sql("CREATE SCHEMA s")
    service.sql("CREATE TABLE demo.s.t (a INT)")
    status, text = service.run(sql)
    assert status is TaskStatus.FAILED
    assert text.startswith(f"{code}:[1,") or code == "ODPS-0130131"
    assert code in text
    assert schemas(service) == ["default", "s"]


def test_schemas_outlive_the_process(open_service: Callable[..., Any]) -> None:
    first = open_service()
    create(first, "s")
    first.sql("CREATE TABLE demo.s.t (a INT)")
    first.emulator.close()
    again = open_service()
    assert schemas(again) == ["default", "s"]
    assert tables(again, "s") == ["t"]

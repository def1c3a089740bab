from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from odps_frames.emulator import rest as emulator_rest
from odps_frames.errors import NotFound, ServiceError
from odps_frames.model.table import InstanceRef, Partition, TableRef
from odps_frames.wire import catalog, instance
from odps_frames.wire.http import Request, Site
from odps_frames.wire.instance import InstanceStatus, Statement, TaskStatus

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def parted(service: Any) -> Any:
    service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING, n INT)")
    for spec in ("pt='a',n=1", "pt='a',n=2", "pt='b',n=1"):
        service.sql(f"ALTER TABLE t ADD PARTITION ({spec})")
    return service


def test_projects(any_service: Any) -> None:
    project = catalog.decode_project(any_service.send(catalog.encode_get_project("DEMO"))).value
    assert (project.name, project.created_at) == (
        "demo",
        any_service.clock.now.replace(microsecond=0),
    )
    with pytest.raises(NotFound) as refusal:
        catalog.decode_project(any_service.send(catalog.encode_get_project("nowhere")))
    assert refusal.value.code == "NoSuchProject"
    any_service.emulator.create_project("Nowhere")
    catalog.decode_project(any_service.send(catalog.encode_get_project("nowhere")))
    with pytest.raises(ValueError, match="letters"):
        any_service.emulator.create_project("../x")


def test_the_storage_endpoint_is_the_address_that_was_asked(served: Any) -> None:
    reply = catalog.decode_endpoint(served.send(catalog.encode_discover("demo")))
    assert f"http://{reply.value}/api" == served.endpoint
    assert reply.request_id


def test_harmless_questions(service: Any) -> None:
    assert catalog.decode_tenant(service.send(catalog.encode_tenants())).value == {
        "odps.namespace.schema": "false"
    }
    host = catalog.decode_host(service.send(catalog.encode_logview_host()))
    assert host.value == "http://localhost"
    logs = Request(method="PUT", path="/projects/demo/logs", site=Site.REST, body=b"{}")
    assert service.send(logs).ok


def test_schemas(service: Any) -> None:
    page = catalog.decode_schemas(service.send(catalog.encode_list_schemas("demo"))).value
    assert [entry.name for entry in page.items] == ["default"]
    catalog.decode_schema(service.send(catalog.encode_get_schema("demo", "default")))
    for request in (
        catalog.encode_get_schema("demo", "other"),
        catalog.encode_list_tables("demo", schema="other"),
        catalog.encode_get_table(TableRef("demo", "t", "other")),
    ):
        with pytest.raises(NotFound) as refusal:
            catalog.decode_schema(service.send(request))
        assert refusal.value.code == "NoSuchObject"


def test_tables(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulator_rest, "PAGE_ITEMS", 2)
    for name in ("b1", "a", "b_2", "b3", "B4"):
        service.sql(f"CREATE TABLE {name} (a INT)")
    assert _all_tables(service) == ["a", "b1", "b3", "b4", "b_2"]
    assert _all_tables(service, prefix="B") == ["b1", "b3", "b4", "b_2"]
    assert _all_tables(service, prefix="b_") == ["b_2"]
    assert _all_tables(service, prefix="c") == []


def _all_tables(service: Any, **options: Any) -> list[str]:
    found: list[str] = []
    marker = None
    while True:
        request = catalog.encode_list_tables("demo", marker=marker, **options)
        page = catalog.decode_tables(service.send(request)).value
        assert len(page.items) <= 2
        found += [entry.name for entry in page.items]
        marker = page.marker
        if marker is None:
            return found


def test_a_table(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT)")
    before = _table(service)
    service.clock.advance(hours=1)
    service.write(pa.table({"a": [1, 2, 3]}))
    after = _table(service, extended=True)
    assert (after.n_rows, after.n_files, after.data_version) == (3, 1, 1)
    assert after.n_bytes > 24
    assert after.table_id == before.table_id
    assert after.modified_at - before.modified_at == timedelta(hours=1)
    assert after.ddl_at == before.ddl_at
    assert _table(service, ref=TableRef("DEMO", "T", "default")).ref.table == "T"


def _table(service: Any, *, ref: TableRef | None = None, extended: bool = False) -> Any:
    ref = ref or service.ref()
    reply = service.send(catalog.encode_get_table(ref, extended=extended))
    return catalog.decode_table(reply, ref).value


def test_a_missing_table(service: Any) -> None:
    with pytest.raises(NotFound) as refusal:
        _table(service)
    assert (refusal.value.status, refusal.value.code) == (404, "NoSuchTable")


def test_partitions(parted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulator_rest, "PAGE_ITEMS", 2)
    assert _all_partitions(parted) == ["pt=a,n=1", "pt=a,n=2", "pt=b,n=1"]
    assert _all_partitions(parted, reverse=True) == ["pt=b,n=1", "pt=a,n=2", "pt=a,n=1"]
    assert _all_partitions(parted, prefix=Partition((("pt", "a"),))) == ["pt=a,n=1", "pt=a,n=2"]
    assert _all_partitions(parted, prefix=Partition((("N", "01"),))) == ["pt=a,n=1", "pt=b,n=1"]
    with pytest.raises(ServiceError, match="partition columns"):
        _all_partitions(parted, prefix=Partition((("z", "1"),)))


def _all_partitions(service: Any, **options: Any) -> list[str]:
    found: list[str] = []
    marker = None
    while True:
        request = catalog.encode_list_partitions(service.ref(), marker=marker, **options)
        page = catalog.decode_partitions(service.send(request)).value
        found += [str(info.partition) for info in page.items]
        marker = page.marker
        if marker is None:
            return found


def test_a_partition(parted: Any) -> None:
    parted.clock.advance(hours=1)
    parted.write(pa.table({"a": [1, 2]}), partition="pt=a,n=1")
    info = _partition(parted, "a", "1")
    assert info.n_rows == 2
    assert info.modified_at - info.created_at == timedelta(hours=1)
    assert _partition(parted, "a", "2").n_rows == 0
    with pytest.raises(NotFound) as refusal:
        _partition(parted, "z", "1")
    assert refusal.value.code == "NoSuchPartition"
    with pytest.raises(ServiceError, match="each partition column"):
        _partition(parted, "a")


def _partition(service: Any, *values: str) -> Any:
    partition = Partition(tuple(zip(("pt", "n"), values, strict=False)))
    reply = service.send(catalog.encode_get_partition(service.ref(), partition))
    return catalog.decode_partition(reply, partition).value


@pytest.mark.parametrize("text", ["pt='it's'", r"pt='it\'s'", "pt=it's", 'pt="it\'s"'])
def test_partitions_as_various_clients_write_them(service: Any, text: str) -> None:
    service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING)")
    service.write(pa.table({"a": [1], "pt": ["it's"]}))
    request = Request(
        method="GET",
        path="/projects/demo/tables/t",
        site=Site.REST,
        query=(("partition", text),),
    )
    assert service.send(request).ok


def test_an_instance(any_service: Any) -> None:
    request = instance.encode_submit("demo", Statement(sql="CREATE TABLE t (a INT)", name="Make"))
    ref = instance.decode_submitted(any_service.send(request)).value
    status = instance.decode_status_reply(any_service.send(instance.encode_status(ref))).value
    assert status is InstanceStatus.TERMINATED
    reply = any_service.send(instance.encode_task_status(ref))
    (task,) = instance.decode_tasks_reply(reply).value
    assert (task.name, task.status) == ("Make", TaskStatus.SUCCESS)
    source = instance.decode_source_reply(any_service.send(instance.encode_source(ref))).value
    assert source.sql.startswith("CREATE TABLE t (a INT)")
    progress = instance.decode_progress_reply(
        any_service.send(instance.encode_progress(ref, "Make"))
    )
    assert progress.value == 100
    assert any_service.send(instance.encode_stop(ref)).read() == b""


def test_the_address_of_an_instance_is_the_one_that_was_asked(served: Any) -> None:
    request = instance.encode_submit("demo", Statement(sql="DROP TABLE nope"))
    with served.send(request) as answer:
        assert answer.status == 201
        assert answer.headers["Location"].startswith(f"{served.endpoint}/projects/demo/instances/")


def test_unknown_instances(service: Any) -> None:
    with pytest.raises(NotFound):
        instance.decode_result_reply(
            service.send(instance.encode_result(InstanceRef("demo", "nobody")))
        )


def test_statements_may_be_answered_with_their_result(open_service: Callable[..., Any]) -> None:
    service = open_service(finish_at_once=True)
    answer = service.send(instance.encode_submit("demo", Statement(sql="DROP TABLE nope")))
    assert answer.status == 201
    assert b"<Status>Failed</Status>" in answer.read()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/projects/demo/tables/t"),
        ("GET", "/nothing"),
        ("PUT", "/projects/demo/schemas"),
    ],
)
def test_what_is_not_offered(service: Any, method: str, path: str) -> None:
    answer = service.send(Request(method=method, path=path, site=Site.REST))
    with pytest.raises(ServiceError) as refusal:
        catalog.decode_tables(answer)
    assert (refusal.value.status, refusal.value.code) == (405, "MethodNotAllowed")

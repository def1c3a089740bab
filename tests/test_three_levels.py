"""Schemas through the client: made and dropped, and how the names of their tables are read."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import odps_frames as of
from odps_frames.client import Client
from odps_frames.errors import ServiceUnavailable
from odps_frames.model.table import TableRef
from odps_frames.naming import Naming
from odps_frames.wire.http import Response

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from odps_frames.local import LocalClient
    from odps_frames.wire.http import Request


@pytest.fixture
def client(tmp_path: Path) -> Iterator[LocalClient]:
    with of.local(tmp_path) as client:
        yield client


def operations(client: LocalClient) -> list[str]:
    return [request.operation for request in client.service.requests]


def test_schemas_are_made_listed_and_dropped(client: LocalClient) -> None:
    client.create_schema("Sales")
    client.create_schema("demo.a")
    assert client.schemas() == ["a", "default", "sales"]
    with pytest.raises(of.Conflict, match="exists already"):
        client.create_schema("sales")
    client.create_schema("sales", if_not_exists=True)
    client.drop_schema("a")
    with pytest.raises(of.NotFound, match=r"demo\.a does not exist"):
        client.drop_schema("a")
    client.drop_schema("a", if_exists=True)
    client.create_table("sales.t", {"id": "bigint"})
    with pytest.raises(of.Conflict, match="drop them first"):
        client.drop_schema("sales", if_exists=True)
    assert client.schemas() == ["default", "sales"]
    with pytest.raises(of.NotFound, match="nowhere"):
        client.create_schema("nowhere.s")


@pytest.mark.parametrize("name", ["", "a.b.c", "a b", "a.", ".a"])
def test_what_is_no_name_of_a_schema(client: LocalClient, name: str) -> None:
    before = operations(client)
    for call in (client.create_schema, client.drop_schema):
        with pytest.raises(ValueError, match="name"):
            call(name)
    assert operations(client) == before


def test_every_call_takes_a_name_in_a_schema(client: LocalClient) -> None:
    client.create_schema("s")
    frame = pd.DataFrame({"id": [1, 2, 3], "pt": ["a", "a", "b"]})
    of.to_odps(frame, "s.t", partition_cols=["pt"], create=True)
    of.to_odps(frame.head(1), "t", partition_cols=["pt"], create=True)
    assert (client.tables(), client.tables(schema="s")) == (["t"], ["t"])
    for name in ("s.t", "demo.s.t", "`demo`.`s`.`t`"):
        assert of.read_odps(name)["id"].tolist() == [1, 2, 3]
        assert of.scan_odps(name).partitions("pt=b").to_arrow().num_rows == 1
        assert client.preview(name, 2).num_rows == 2
        assert client.exists(name)
        assert client.read_session(name).to_arrow().num_rows == 3
    assert of.read_odps("t")["id"].tolist() == [1]
    table = client.table("s.t")
    assert table.name == "demo.s.t"
    table.create_partition("pt=c")
    table.drop_partition("pt=a")
    assert [str(partition) for partition in table.partitions()] == ["pt=b", "pt=c"]
    assert of.read_odps("s.t")["id"].tolist() == [3]
    table.truncate("pt=b")
    assert of.read_odps("s.t").empty
    client.drop_table("demo.s.t")
    assert (client.tables(), client.tables(schema="s")) == (["t"], [])
    assert of.read_odps("demo.t")["id"].tolist() == [1]


def test_a_scan_of_a_schema_travels(client: LocalClient) -> None:
    client.create_schema("s")
    of.to_odps(pd.DataFrame({"id": [1, 2]}), "s.t", create=True)
    scan = pickle.loads(pickle.dumps(of.scan_odps("s.t")))  # noqa: S301  our own bytes
    assert scan.to_arrow()["id"].to_pylist() == [1, 2]


def test_a_client_with_a_schema(tmp_path: Path) -> None:
    with of.local(tmp_path, schema="s") as client:
        client.create_schema("other")
        of.to_odps(pd.DataFrame({"id": [1]}), "t", create=True)
        of.to_odps(pd.DataFrame({"id": [2]}), "other.t", create=True)
        client.create_table("demo.default.u", {"id": "bigint"})
        assert client.tables() == ["t"]
        assert client.tables(schema="other") == ["t"]
        assert client.tables(schema="default") == ["u"]
        assert of.read_odps("t")["id"].tolist() == [1]
        assert of.read_odps("other.t")["id"].tolist() == [2]
        assert "GetSchema" not in operations(client)
        with pytest.raises(of.NotFound, match=r"schema demo\.demo does not exist"):
            client.describe("demo.t")
        client.drop_table("t")
    with of.local(tmp_path) as client:
        assert client.schemas() == ["default", "other", "s"]


def test_a_schema_that_cannot_be_leaves_no_service_behind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a name"):
        of.local(tmp_path, schema="a b")
    with of.local(tmp_path) as client:
        assert client.schemas() == ["default"]


def test_two_parts_are_asked_of_the_service_once(client: LocalClient) -> None:
    client.service.create_project("other")
    client.create_schema("s")
    for _ in range(2):
        assert client.ref("s.t") == TableRef("demo", "t", "s")
        assert client.ref("S.t") == TableRef("demo", "t", "s")
        assert client.ref("demo.t") == TableRef("demo", "t")
        assert client.ref("other.t") == TableRef("other", "t")
    assert operations(client).count("GetSchema") == 3
    assert client.ref("a.b.c") == TableRef("a", "c", "b")
    assert client.ref("t") == TableRef("demo", "t")
    assert operations(client).count("GetSchema") == 3


@pytest.mark.parametrize("name", ["both", "demo"])
def test_what_is_a_schema_and_a_project_is_refused(client: LocalClient, name: str) -> None:
    client.service.create_project("both")
    client.create_schema(name)
    with pytest.raises(of.ConfigError) as refusal:
        of.read_odps(f"{name}.t")
    assert f"'demo.{name}.t'" in str(refusal.value)
    assert f"'{name}.default.t'" in str(refusal.value)
    client.drop_schema(name)
    assert client.ref(f"{name}.t") == TableRef(name, "t")


def test_what_is_neither_says_so(client: LocalClient) -> None:
    with pytest.raises(of.NotFound, match="neither a schema 'nowhere' in project 'demo' nor a"):
        of.read_odps("nowhere.t")
    client.create_schema("nowhere")
    assert client.ref("nowhere.t").schema == "nowhere"


def test_a_client_without_a_project_has_no_schemas_to_ask_for(client: LocalClient) -> None:
    config = client.config
    with Client(of.Config(endpoint=config.endpoint)) as nobody:
        assert nobody.ref("demo.t") == TableRef("demo", "t")
        nobody.close()


class Answers:
    """A service that answers each path in one way, and counts."""

    def __init__(self, answers: dict[str, Response | Exception]) -> None:
        self._answers = answers

    def send(self, request: Request, /) -> Response:
        answer = self._answers[request.path]
        if isinstance(answer, Exception):
            raise answer
        return answer


def tenant(value: str) -> Response:
    return Response.of(
        b'{"Tenant": {"Parameters": {"odps.namespace.schema": "%s"}}}' % value.encode()
    )


@pytest.mark.parametrize(
    "refusal",
    [
        of.ServiceError("no", status=405, code="MethodNotAllowed"),
        of.ServiceError("no", status=400, code="InvalidParameter"),
        of.PermissionDenied("no", status=403, code="NoPermission"),
    ],
)
@pytest.mark.parametrize(("told", "schema"), [("true", "s"), ("false", None)])
def test_a_service_that_tells_no_schema_is_asked_what_names_mean(
    refusal: of.ServiceError, told: str, schema: str | None
) -> None:
    missing = of.NotFound("no", status=404, code="NoSuchProject")
    answers: dict[str, Response | Exception] = {
        "/projects/p/schemas/s": refusal,
        "/tenants": tenant(told),
        "/projects/s": missing if schema else Response.of(b"<Project/>"),
    }
    naming = Naming(Answers(answers), "p", None)
    assert naming.ref("s.t") == (TableRef("p", "t", "s") if schema else TableRef("s", "t"))


def test_a_project_that_is_hidden_is_a_project() -> None:
    answers: dict[str, Response | Exception] = {
        "/projects/p/schemas/q": of.NotFound("no", status=404, code="NoSuchSchema"),
        "/projects/q": of.PermissionDenied("no", status=403, code="NoPermission"),
    }
    assert Naming(Answers(answers), "p", None).ref("q.t") == TableRef("q", "t")


def test_trouble_is_no_answer() -> None:
    answers: dict[str, Response | Exception] = {
        "/projects/p/schemas/q": ServiceUnavailable("no answer"),
    }
    with pytest.raises(ServiceUnavailable):
        Naming(Answers(answers), "p", None).ref("q.t")

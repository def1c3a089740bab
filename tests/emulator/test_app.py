from __future__ import annotations

import logging
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from odps_frames.config import AccessKey, BearerToken
from odps_frames.emulator.store import Store
from odps_frames.errors import AuthenticationError, Conflict, NotFound, ServiceError
from odps_frames.model.read import BatchOptions
from odps_frames.model.splits import Split
from odps_frames.wire import catalog, names, read_session
from odps_frames.wire.http import Request, Site
from odps_frames.wire.reply import decode_error
from odps_frames.wire.signing import sign

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.emulator.app import RequestRecord

KEY = AccessKey("me", "secret")
TENANT = catalog.encode_tenants()


def action(name: str, **changes: Any) -> Request:
    query = (("Action", name), ("Target", "projects.demo.tables.t"), ("SessionId", "s"))
    return Request(**{"method": "POST", "path": "/api/storage/v2", "query": query, **changes})


@pytest.mark.parametrize("region", [None, "cn-golden"])
def test_signatures(open_service: Callable[..., Any], region: str | None) -> None:
    service = open_service(accounts={"me": "secret"})
    now = service.clock.now

    def ask(credentials: Any) -> Any:
        request = catalog.encode_list_tables("demo", prefix="a +%&=日")
        return catalog.decode_tables(service.send(sign(request, credentials, now, region=region)))

    assert ask(KEY).value.items == ()
    for wrong in (AccessKey("me", "guess"), AccessKey("you", "secret"), BearerToken("secret")):
        with pytest.raises(AuthenticationError) as refusal:
            ask(wrong)
        assert refusal.value.status in (401, 403)
    with pytest.raises(AuthenticationError):
        catalog.decode_tenant(service.send(TENANT))
    service.clock.advance(minutes=16)
    with pytest.raises(AuthenticationError) as skewed:
        ask(KEY)
    assert skewed.value.code == "RequestTimeTooSkewed"


def test_bearer_tokens(open_service: Callable[..., Any]) -> None:
    service = open_service(tokens=["abc"])
    for token, works in (("abc", True), ("abd", False), ("日", False)):
        request = TENANT.adding({names.BEARER_TOKEN: token})
        assert service.send(request).ok is works
    assert not service.send(TENANT).ok


def test_every_answer_tells_the_time_of_the_service(any_service: Any) -> None:
    any_service.clock.advance(days=-400)
    for request in (TENANT, action("TableRead")):
        with any_service.send(request) as answer:
            sent = parsedate_to_datetime(answer.headers["Date"])
            assert sent == any_service.clock.now


def test_without_accounts_anybody_may_ask(service: Any) -> None:
    assert service.send(TENANT).ok


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (action("TableFly"), 400, "InvalidArgument"),
        (action("TableRead", method="GET"), 400, "InvalidArgument"),
        (action("TableRead", path="/api/storage/v9"), 400, "InvalidArgument"),
        (action("TableRead", path="/projects/demo/tables/t"), 400, "InvalidArgument"),
        (action("TableWriteBlob"), 400, "InvalidArgument"),
        (action("InstanceRead"), 400, "InvalidArgument"),
        (action("TableCreateReadSession", body=b"{"), 400, "InvalidArgument"),
        (action("TableCreateReadSession", body=b"[]"), 400, "InvalidArgument"),
        (action("TableCreateReadSession", body=b" " * (17 << 20)), 400, "InvalidArgument"),
        (action("TableCommitWriteSession"), 404, "NoSuchTable"),
    ],
)
def test_refusals_are_answers(service: Any, request_: Request, status: int, code: str) -> None:
    answer = service.send(request_)
    assert answer.headers["x-odps-request-id"]
    assert answer.headers["Content-Type"] == "application/json"
    error = decode_error(answer)
    assert (error.status, error.code) == (status, code)


def test_the_rest_site_refuses_in_xml(service: Any) -> None:
    answer = service.send(catalog.encode_get_project("nowhere"))
    assert answer.headers["Content-Type"] == "application/xml"
    body = answer.read()
    for part in (b"<Code>", b"<Message>", b"<RequestId>", b"<HostId>"):
        assert part in body


def test_faults_of_the_service_are_no_reason_to_try_again(
    service: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Store) -> int:
        raise ZeroDivisionError

    service.sql("CREATE TABLE t (a INT)")
    monkeypatch.setattr(Store, "now", fail)
    with caplog.at_level(logging.CRITICAL + 1, "odps_frames"), pytest.raises(ServiceError) as fault:
        service.open_session()
    assert (fault.value.status, fault.value.code) == (400, "EmulatorFault")


def test_requests_are_remembered(any_service: Any) -> None:
    any_service.sql("CREATE TABLE t (a INT)")
    with pytest.raises(NotFound):
        any_service.open_read("nope")
    session = any_service.open_read()
    any_service.read_split(Split(session.session_id))
    data = pa.table({"a": pa.array([1], pa.int32())})
    any_service.write(data)
    records: list[RequestRecord] = list(any_service.emulator.requests)
    assert [(record.operation, record.status) for record in records] == [
        ("SubmitInstance", 201),
        ("GetResult", 200),
        ("TableCreateReadSession", 404),
        ("TableCreateReadSession", 200),
        ("TableRead", 200),
        ("TableCreateWriteSession", 200),
        ("TableCreateWriteStream", 200),
        ("TableWrite", 200),
        ("TableCloseWriteStream", 200),
        ("TableCommitWriteSession", 200),
    ]
    assert records[0].target == "/projects/demo/instances"
    assert (records[4].target, records[4].session) == (
        "projects.demo.tables.t",
        session.session_id,
    )
    assert records[7].n_bytes > 100
    assert len({record.request_id for record in records}) == len(records)


def test_route_tokens_come_with_sessions(service: Any) -> None:
    service.sql("CREATE TABLE t (a INT)")
    session = service.open_read()
    request = read_session.encode_read(service.ref(), Split(session.session_id), BatchOptions())
    with service.send(request) as answer:
        assert answer.headers[names.ROUTE_TOKEN].startswith("read-")


def test_a_folder_has_one_service_at_a_time(open_service: Callable[..., Any]) -> None:
    service = open_service()
    service.sql("CREATE TABLE t (a INT)")
    with pytest.raises(Conflict, match=r"in use by the service of process \d+"):
        open_service()
    service.emulator.close()
    assert open_service().read().num_rows == 0


def test_several_projects(open_service: Callable[..., Any]) -> None:
    service = open_service(project="One", projects=["two"])
    for project, there in (("one", True), ("TWO", True), ("demo", False)):
        answer = service.send(catalog.encode_list_tables(project))
        assert answer.ok is there


def test_old_clients_ask_for_a_stream_with_get(service: Any) -> None:
    service.sql("CREATE TABLE t (a INT)")
    stream, _ = service.open_stream(service.open_session())
    query = (
        ("Action", "TableGetWriteStream"),
        ("Target", "projects.demo.schemas.default.tables.t"),
        ("SessionId", stream.session_id),
        ("StreamId", stream.stream),
        ("StreamVersion", "1"),
    )
    request = Request(method="GET", path="/api/storage/v2", site=Site.STORAGE, query=query)
    assert service.send(request).ok

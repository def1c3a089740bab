from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.errors import NotFound, PermissionDenied, ProtocolError, ServiceError, SqlError
from odps_frames.model.table import InstanceRef, TableRef
from odps_frames.wire import instance, rest
from odps_frames.wire.http import Repeat, Request, Response, Site
from odps_frames.wire.instance import (
    InstanceStatus,
    Statement,
    TaskInfo,
    TaskResult,
    TaskStatus,
)

RUN = InstanceRef("p", "20260102abc")
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
LETTERS = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
TEXTS = st.text(LETTERS | st.sampled_from("\r\n\t]>'\\"))
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    statement=st.builds(
        Statement,
        sql=TEXTS.map(lambda text: text.strip() + ";"),
        hints=st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=3),
        name=st.from_regex(r"[A-Za-z]{1,10}", fullmatch=True),
        priority=st.integers(0, 9),
        uuid=st.uuids().map(str),
    )
)
def test_statements_come_back(statement: Statement) -> None:
    request = instance.encode_submit("p", statement)
    assert instance.decode_submit(request) == statement
    assert rest.decode_rest(request) == rest.SubmitInstance("p", statement)
    source = instance.encode_source_reply(statement, request_id="r")
    assert instance.decode_source_reply(source).value == statement


def test_a_statement_travels_with_one_semicolon_and_only_once() -> None:
    request = instance.encode_submit("p", Statement(sql="  select 1\n"))
    assert instance.decode_submit(request).sql == "select 1;"
    assert (request.method, request.path, request.site) == (
        "POST",
        "/projects/p/instances",
        Site.REST,
    )
    assert request.repeat is Repeat.UNSENT


SETTINGS = (
    b"<Instance><Job><Tasks><SQL><Config><Property><Name>settings</Name><Value>%s</Value>"
    b"</Property></Config></SQL></Tasks></Job></Instance>"
)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Instance/>",
        b"<Job/>",
        b"<Instance><Job><Tasks/></Job></Instance>",
        b"<Instance><Job><Tasks><XFlow/></Tasks></Job></Instance>",
        b"<Instance><Job><Tasks><SQL/><SQL/></Tasks></Job></Instance>",
        SETTINGS % b"[]",
        SETTINGS % b"{",
        SETTINGS % (b"[" * 100_000),
    ],
)
def test_a_body_that_is_no_statement_is_refused(body: bytes) -> None:
    request = Request(method="POST", path="/projects/p/instances", site=Site.REST, body=body)
    with pytest.raises(ServiceError, match="no statement in the request") as raised:
        rest.decode_rest(request)
    assert (raised.value.status, raised.value.code) == (400, "InvalidArgument")


@pytest.mark.parametrize("results", [None, (TaskResult(name="t", text="OK"),)])
@pytest.mark.parametrize("base_url", ["http://h:1/api", "http://h:1/api/", "https://h"])
def test_the_instance_is_named_by_the_location(
    results: tuple[TaskResult, ...] | None, base_url: str
) -> None:
    response = instance.encode_submitted(
        "p", RUN.instance, base_url=base_url, request_id="r", results=results
    )
    assert response.status == 201
    assert "//projects" not in response.headers["Location"]
    reply = instance.decode_submitted(response)
    assert (reply.value, reply.request_id) == (RUN, "r")


@pytest.mark.parametrize("location", ["", "/", "http://h/api/projects/p/instances", "20260102abc"])
def test_a_location_without_instance_breaks_the_protocol(location: str) -> None:
    with pytest.raises(ProtocolError, match=r"expected '\.\.\./projects/P/instances/I'"):
        instance.decode_submitted(Response.of(b"", status=201, headers={"Location": location}))


@pytest.mark.parametrize("status", list(InstanceStatus))
def test_states_of_instances_come_back(status: InstanceStatus) -> None:
    response = instance.encode_status_reply(status, owner="o", started_at=NOON, ended_at=None)
    assert response.headers["x-odps-start-time"] == "Fri, 02 Jan 2026 12:00:00 GMT"
    assert "x-odps-end-time" not in response.headers
    assert instance.decode_status_reply(response).value is status


@pytest.mark.parametrize("text", ["", "Dreaming"])
def test_an_unknown_state_of_an_instance_breaks_the_protocol(text: str) -> None:
    content = f"<Instance><Status>{text}</Status></Instance>".encode()
    with pytest.raises(ProtocolError, match="expected Running, Suspended or Terminated"):
        instance.decode_status_reply(Response.of(content))


def test_tasks_come_back() -> None:
    tasks = tuple(TaskInfo(f"t{status}", status) for status in TaskStatus)
    response = instance.encode_tasks_reply(InstanceStatus.RUNNING, tasks, started_at=NOON)
    assert instance.decode_tasks_reply(response).value == tasks


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("SUCCESS", TaskStatus.SUCCESS),
        ("failed", TaskStatus.FAILED),
        ("Dreaming", TaskStatus.UNKNOWN),
        ("", TaskStatus.UNKNOWN),
    ],
)
def test_states_of_tasks_are_read_in_any_letter_case(text: str, status: TaskStatus) -> None:
    content = (
        f"<Instance><Tasks><Task><Name>t</Name><Status>{text}</Status></Task></Tasks></Instance>"
    )
    assert instance.decode_tasks_reply(Response.of(content.encode())).value == (
        TaskInfo("t", status),
    )


@given(
    results=st.lists(
        st.builds(
            TaskResult,
            name=st.from_regex(r"[A-Za-z]{1,10}", fullmatch=True),
            text=ANY_TEXT,
            format=st.sampled_from(["csv", "text"]),
            status=st.sampled_from(TaskStatus),
            descriptor=st.none() | st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=2),
        ),
        max_size=3,
    ).map(tuple)
)
def test_results_come_back_whatever_they_hold(results: tuple[TaskResult, ...]) -> None:
    response = instance.encode_result_reply(results, request_id="r")
    reply = instance.decode_result_reply(response)
    assert (reply.value, reply.request_id) == (results, "r")


@pytest.mark.parametrize("text", ["*", "/w=="])
def test_a_result_that_is_not_the_text_it_claims_breaks_the_protocol(text: str) -> None:
    content = (
        f'<Instance><Tasks><Task><Name>t</Name><Result Transform="Base64">{text}</Result>'
        "</Task></Tasks></Instance>"
    )
    with pytest.raises(ProtocolError, match="result of an instance"):
        instance.decode_result_reply(Response.of(content.encode()))


@pytest.mark.parametrize("percentage", [0, 42, 100])
def test_progress_comes_back(percentage: int) -> None:
    response = instance.encode_progress_reply(percentage)
    assert instance.decode_progress_reply(response).value == percentage


def test_progress_is_the_mean_of_the_stages() -> None:
    content = (
        b"<Progress><Stage><FinishedPercentage>100</FinishedPercentage></Stage>"
        b"<Stage><FinishedPercentage>50</FinishedPercentage></Stage></Progress>"
    )
    assert instance.decode_progress_reply(Response.of(content)).value == 75
    assert instance.decode_progress_reply(Response.of(b"<Progress/>")).value == 0


def test_sql_errors_say_where() -> None:
    text = "ODPS-0130161:[3,14] Parse exception - invalid token 'selec'"
    error = instance.sql_error(text, "i1")
    assert isinstance(error, SqlError)
    assert (error.code, error.line, error.column) == ("ODPS-0130161", 3, 14)
    assert error.instance_id == "i1"
    assert text in str(error)
    assert "i1" in str(error)


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("ODPS-0130131:[1,15] Table not found - table p.t", NotFound, "ODPS-0130131"),
        ("FAILED: ODPS-0420111: Project not found - 'q'.", NotFound, "ODPS-0420111"),
        ("ODPS-0130013:Authorization exception - no", PermissionDenied, "ODPS-0130013"),
        ("ODPS-0123144: Cast exception - overflow", SqlError, "ODPS-0123144"),
        ("something broke", SqlError, ""),
        ("", SqlError, ""),
    ],
)
def test_the_code_decides_the_class(text: str, kind: type[Exception], code: str) -> None:
    error = instance.sql_error(text, "i1")
    assert type(error) is kind
    assert error.code == code
    assert str(error).strip()


@pytest.mark.parametrize(
    ("request_", "call"),
    [
        (instance.encode_status(RUN), rest.GetInstance(RUN)),
        (instance.encode_task_status(RUN), rest.GetTaskStatus(RUN)),
        (instance.encode_result(RUN), rest.GetResult(RUN)),
        (instance.encode_source(RUN), rest.GetSource(RUN)),
        (instance.encode_progress(RUN, "t"), rest.GetProgress(RUN, "t")),
        (instance.encode_stop(RUN), rest.StopInstance(RUN)),
    ],
)
def test_the_service_reads_what_the_client_asks(request_: Request, call: rest.RestCall) -> None:
    assert rest.decode_rest(request_) == call


def ask(method: str, path: str, *query: tuple[str, str]) -> Request:
    return Request(method=method, path=path, site=Site.REST, query=query)


@pytest.mark.parametrize(
    ("request_", "call"),
    [
        (ask("GET", "/webconsole/host"), rest.GetWebconsoleHost()),
        (ask("PUT", "/projects/p/logs"), rest.PutLogs("p")),
        (
            ask(
                "GET",
                "/projects/p/instances/20260102abc",
                ("instancesummary", ""),
                ("taskname", "t"),
            ),
            rest.GetSummary(RUN, "t"),
        ),
        (
            ask(
                "GET",
                "/projects/p/instances/20260102abc",
                ("instancedetail", ""),
                ("taskname", "t"),
            ),
            rest.GetDetail(RUN, "t"),
        ),
        (
            ask("GET", "/projects/p/tables/t", ("data", ""), ("linenum", "3"), ("cols", "a,b")),
            rest.GetHead(table=TableRef("p", "t"), n_rows=3, columns=("a", "b")),
        ),
    ],
)
def test_calls_that_only_other_clients_make(request_: Request, call: rest.RestCall) -> None:
    assert rest.decode_rest(request_) == call


@pytest.mark.parametrize(
    "request_",
    [
        ask("DELETE", "/projects/p/tables/t"),
        ask("PUT", "/projects/p/schemas"),
        ask("GET", "/projects/p/resources"),
        ask("POST", "/projects/p/tables/t", ("data", ""), ("linenum", "3")),
        ask("GET", "/projects/p/tunnel"),
        ask("GET", "/projects/p/instances"),
        ask("GET", "/projects/p/instances/i", ("info", "")),
        ask("GET", "/projects/p/instances/i", ("result", ""), ("source", "")),
        ask("PUT", "/projects/p/instances/i", ("info", ""), ("taskname", "t")),
        ask("DELETE", "/projects/p/instances/i"),
        ask("GET", "/"),
        ask("GET", "/projects/"),
        ask("GET", "/projects/p/tables/t/more"),
    ],
)
def test_anything_else_is_not_offered(request_: Request) -> None:
    with pytest.raises(ServiceError, match="is not offered") as raised:
        rest.decode_rest(request_)
    assert (raised.value.status, raised.value.code) == (405, "MethodNotAllowed")


def test_names_that_nothing_can_have_are_not_found() -> None:
    with pytest.raises(NotFound) as raised:
        rest.decode_rest(ask("GET", "/projects/p/tables/a-b"))
    assert (raised.value.status, raised.value.code) == (404, "NoSuchObject")


def test_a_partition_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ServiceError, match="not a partition") as raised:
        rest.decode_rest(ask("GET", "/projects/p/tables/t", ("partition", "20260101")))
    assert (raised.value.status, raised.value.code) == (400, "InvalidArgument")

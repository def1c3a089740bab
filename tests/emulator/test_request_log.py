"""What the service tells of the requests that it saw."""

from __future__ import annotations

import logging
from typing import Any

import pyarrow as pa
import pytest

from odps_frames.emulator import request_log
from odps_frames.errors import ServiceUnavailable
from odps_frames.model.read import BatchOptions
from odps_frames.model.splits import RowRange, Split
from odps_frames.wire import catalog, names, read_session
from odps_frames.wire.http import Request, Site

DATA = pa.table({"a": list(range(1000)), "b": ["x" * 20] * 1000})


@pytest.fixture
def ready(any_service: Any) -> Any:
    any_service.sql("CREATE TABLE t (a BIGINT, b STRING)")
    any_service.write(DATA)
    return any_service


def test_a_record_tells_all_of_a_request(ready: Any) -> None:
    session = ready.open_read().session_id
    split = Split(session, rows=RowRange(10, 90))
    request = read_session.encode_read(ready.ref(), split, BatchOptions())
    fields = {names.TRACE_ID: "t-1", names.TRACE_INDEX: "2", "x-test-id": "mine"}
    rule = ready.emulator.faults.add(effect={"delay": {"s": 0}}, action="TableRead")
    with ready.send(request.adding(fields)) as answer:
        n_bytes = len(answer.read())
    record = ready.emulator.requests[-1]
    assert record.action == record.operation == "TableRead"
    assert (record.session, record.stream, record.split) == (session, None, "10,90")
    assert (record.trace_id, record.trace_index, record.client) == ("t-1", 2, "mine")
    assert (record.method, record.path) == ("POST", request.path)
    assert (record.status, record.code, record.fault) == (200, "", rule.id)
    assert (record.n_bytes_sent, record.n_rows_sent) == (n_bytes, 90)
    assert record.n_bytes == len(request.read_body())
    assert record.seconds > 0
    assert record.at == ready.clock()


def test_refusals_have_their_codes(ready: Any) -> None:
    ready.send(catalog.encode_get_project("nowhere")).read()
    ready.emulator.faults.add(effect={"status": {"status": 429}}, action="GetProject")
    ready.send(catalog.encode_get_project("demo")).read()
    codes = [(one.status, one.code, one.fault) for one in ready.emulator.requests[-2:]]
    assert codes == [(404, "NoSuchProject", None), (429, "FlowExceeded", "fault-1")]


def test_an_answer_that_breaks_off_counts_as_far_as_it_came(ready: Any) -> None:
    ready.emulator.faults.add(effect="cut", at_byte=100, action="TableRead")
    with pytest.raises(ServiceUnavailable):
        ready.read()
    assert ready.emulator.requests[-1].n_bytes_sent == 100
    ready.emulator.faults.add(effect="reset", action="TableRead")
    with pytest.raises(ServiceUnavailable):
        ready.read()
    assert ready.emulator.requests[-1].status is None
    assert ready.emulator.requests[-1].fault == "fault-2"


def test_requests_are_chosen(ready: Any) -> None:
    session = ready.open_read().session_id
    since = ready.emulator.requests[-1].id
    for _ in range(3):
        ready.read_split(Split(session))
    ready.read()
    requests = ready.emulator.requests
    assert len(requests.select(action="TableRead", since=since)) == 4
    assert len(requests.select(action="TableRead", session=session)) == 3
    assert [one.id for one in requests.select(limit=2)] == [one.id for one in requests[-2:]]
    assert requests.select(limit=0) == ()
    assert [one.operation for one in requests.select(since=since, action="*Create*")] == [
        "TableCreateReadSession"
    ]


def test_sums_tell_what_was_moved(ready: Any) -> None:
    before = ready.emulator.counters
    assert (before.write_sessions, before.streams, before.read_sessions) == (1, 1, 0)
    session = ready.open_read().session_id
    sent = 0
    for columns in (None, ("a",)):
        request = read_session.encode_read(
            ready.ref(), Split(session), BatchOptions(columns=columns)
        )
        with ready.send(request) as answer:
            sent += len(answer.read())
    counters = ready.emulator.counters
    assert counters.read_sessions == 1
    assert counters.requests["TableRead"] == counters.succeeded["TableRead"] == 2
    assert counters.n_bytes_sent["TableRead"] == sent
    assert counters.n_rows_sent["TableRead"] == 2000
    assert counters.n_bytes["TableWrite"] > 20_000
    of_session = counters.sessions[session]
    assert (of_session.requests, of_session.n_bytes, of_session.n_rows) == (2, sent, 2000)
    assert before.read_sessions == 0


def test_what_is_remembered_is_bounded(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_log, "REMEMBERED_SESSIONS", 2)
    service.sql("CREATE TABLE t (a BIGINT)")
    sessions = [service.open_read().session_id for _ in range(3)]
    for session in (*sessions, sessions[1]):
        service.read_split(Split(session))
    assert list(service.emulator.counters.sessions) == [sessions[2], sessions[1]]
    log = request_log.RequestLog(service.clock)
    assert log._entries.maxlen == request_log.REMEMBERED_REQUESTS  # noqa: SLF001  10,000 requests


def test_a_line_for_every_request(service: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "odps_frames"):
        service.send(Request(method="GET", path="/projects/no\nwhere 4", site=Site.REST)).read()
    (record,) = caplog.records
    line = record.getMessage()
    assert line.startswith("GET GetProject '/projects/no\\nwhere 4' 404 NoSuchProject in=0 out=")
    assert service.emulator.requests[-1].request_id in line
    assert "\n" not in line

"""What tests of other processes may do, over HTTP, in test mode only."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from odps_frames.emulator.server import Server
from odps_frames.errors import ServiceUnavailable, SessionExpired
from odps_frames.model.splits import Split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Admin:
    """Talks to the resources beside the protocol."""

    def __init__(self, endpoint: str) -> None:
        self._host = endpoint.split("/")[2]

    def send(
        self, method: str, path: str, document: Any = None, **fields: str
    ) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection(self._host, timeout=30)
        headers = {"Content-Type": "application/json"} if method in ("POST", "PUT") else {}
        headers |= {name.replace("_", "-"): value for name, value in fields.items()}
        body = None if document is None else json.dumps(document)
        connection.request(method, f"/__odps__/{path}", body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, json.loads(content)

    def ask(self, method: str, path: str, document: Any = None) -> dict[str, Any]:
        status, found = self.send(method, path, document)
        assert status == 200, found
        return found

    def refused(self, method: str, path: str, document: Any = None, **fields: str) -> Any:
        status, found = self.send(method, path, document, **fields)
        assert status >= 400
        return status, found["Message"]


@pytest.fixture
def service(open_service: Callable[..., Any]) -> Any:
    service = open_service(test_mode=True)
    service.sql("CREATE TABLE t (a BIGINT)")
    service.write(pa.table({"a": [1, 2, 3]}))
    return service


@pytest.fixture
def admin(service: Any) -> Iterator[Admin]:
    with Server(service.emulator) as server:
        yield Admin(server.endpoint)


def test_nothing_is_there_without_test_mode(open_service: Callable[..., Any]) -> None:
    service = open_service()
    with Server(service.emulator) as server:
        admin = Admin(server.endpoint)
        elsewhere = http.client.HTTPConnection(server.endpoint.split("/")[2], timeout=30)
        for path in ("faults", "healthz", "capabilities", "clock", "nothing"):
            status, said = admin.refused("GET", path)
            elsewhere.request("GET", f"/elsewhere/{path}")
            answer = elsewhere.getresponse()
            message = json.loads(answer.read())["Message"]
            assert status == answer.status
            assert said == message.replace("/elsewhere/", "/__odps__/")
        elsewhere.close()
        assert admin.refused("POST", "reset", {})[0] == 400
    assert service.emulator.admin is None


def test_rules_come_and_go(service: Any, admin: Admin) -> None:
    rule = {"match": {"action": "TableRead"}, "effect": "reset", "times": 2}
    made = admin.ask("POST", "faults", rule)
    assert made["id"] == "fault-1"
    admin.ask("PUT", "faults/mine", {"effect": {"delay": {"s": 0}}, "match": {"method": "PUT"}})
    admin.ask("PUT", "faults/mine", {"effect": "cut", "match": {"method": "PUT"}})
    with pytest.raises(ServiceUnavailable):
        service.read()
    listed = admin.ask("GET", "faults")["faults"]
    assert [(one["id"], one["hits"]) for one in listed] == [("fault-1", 1), ("mine", 0)]
    assert listed[0]["match"] == {"action": "TableRead"}
    assert listed[1]["effect"] == {"cut": {"reset": True}}
    assert admin.ask("GET", "faults/fault-1") == listed[0]
    admin.ask("DELETE", "faults/fault-1")
    assert [rule.fault.id for rule in service.emulator.faults.rules] == ["mine"]
    admin.ask("DELETE", "faults")
    assert service.emulator.faults.rules == ()
    assert service.rows() == [{"a": 1}, {"a": 2}, {"a": 3}]


def test_the_log_is_told(service: Any, admin: Admin) -> None:
    session = service.open_read().session_id
    service.read_split(Split(session))
    found = admin.ask("GET", f"requests?action=TableRead&session={session}&since=1&limit=5")
    (entry,) = found["requests"]
    assert (entry["action"], entry["status"], entry["rows_out"]) == ("TableRead", 200, 3)
    counters = admin.ask("GET", "counters")
    assert counters["rows_out"]["TableRead"] == 3
    assert counters["sessions"][session]["rows_out"] == 3
    assert counters["write_sessions"] == counters["streams"] == counters["read_sessions"] == 1
    assert not [one for one in service.emulator.requests if "__odps__" in one.path]


def test_the_clock_is_moved(service: Any, admin: Admin) -> None:
    assert admin.ask("GET", "clock") == {"now": "2026-01-02T03:04:05+00:00", "frozen": False}
    admin.ask("POST", "clock", {"advance_s": 60})
    assert admin.ask("POST", "clock", {"freeze": True})["frozen"]
    told = admin.ask("POST", "clock", {"freeze": "2030-01-01T00:00:00Z"})
    assert told == {"now": "2030-01-01T00:00:00+00:00", "frozen": True}
    assert service.emulator.clock.now().year == 2030
    assert not admin.ask("POST", "clock", {"freeze": False})["frozen"]


def test_sessions_are_listed_and_changed(service: Any, admin: Admin) -> None:
    read, write = service.open_read().session_id, service.open_session().session_id
    listed = admin.ask("GET", "sessions")["sessions"]
    told = {one["id"]: (one["kind"], one["status"], one["of"]) for one in listed}
    assert told[read] == ("read", "NORMAL", "demo.t")
    assert told[write] == ("write", "NORMAL", "demo.t")
    assert len(told) == 3
    assert [one["id"] for one in admin.ask("GET", "sessions?kind=read")["sessions"]] == [read]
    admin.ask("POST", f"sessions/{read}", {"status": "INIT", "polls": 2, "message": "wait"})
    assert [service.get_read(read).status for _ in range(3)] == ["INIT", "INIT", "NORMAL"]
    admin.ask("POST", f"sessions/{read}", {"expire": True})
    assert admin.ask("GET", f"sessions/{read}")["status"] == "EXPIRED"
    with pytest.raises(SessionExpired):
        service.read_split(Split(read))


def test_a_service_goes_back(service: Any, admin: Admin) -> None:
    admin.ask("POST", "snapshot", {"name": "three rows"[:5]})
    service.write(pa.table({"a": [4]}))
    assert admin.ask("GET", "snapshot") == {"snapshots": ["three"]}
    admin.ask("POST", "restore", {"name": "three"})
    assert len(service.rows()) == 3
    admin.ask("POST", "reset")
    assert service.emulator.requests == ()
    service.sql("CREATE TABLE t (a BIGINT)")


def test_what_is_there(admin: Admin) -> None:
    assert admin.ask("GET", "healthz") == {"status": "ok"}
    told = admin.ask("GET", "capabilities")
    assert told["test_mode"] is True
    assert told["effects"]["truncate"] == ["at_byte", "at_message"]
    assert "TableRead" in told["actions"]
    assert "/__odps__/faults" in told["resources"]


@pytest.mark.parametrize(
    ("method", "path", "document", "status", "said"),
    [
        ("GET", "nothing", None, 404, "there are /__odps__/capabilities"),
        ("GET", "faults/a/b", None, 404, "there is no /__odps__/faults/a/b"),
        ("GET", "faults/a", None, 404, "no rule 'a'"),
        ("PUT", "faults", {"effect": "reset"}, 405, "expected GET or POST"),
        ("POST", "faults/a", {"effect": "reset"}, 405, "expected GET or POST"),
        ("POST", "faults", {"effect": "explode"}, 400, "no effect is 'explode'"),
        ("POST", "faults", {"effect": "reset", "x": 1}, 400, "no member 'x'"),
        ("POST", "faults", [1], 400, "expected an object"),
        ("PUT", "faults/a", {"id": "b", "effect": "reset"}, 400, "id is 'b', and 'a'"),
        ("POST", "clock", {}, 400, "expected one of"),
        ("POST", "clock", {"advance_s": True}, 400, "expected one of"),
        ("POST", "clock", {"advance_s": 1, "freeze": True}, 400, "expected one of"),
        ("POST", "clock", {"advance_s": -1}, 400, "cannot be moved"),
        ("POST", "clock", {"freeze": "soon"}, 400, "freeze is 'soon'"),
        ("DELETE", "clock", None, 405, "expected POST"),
        ("GET", "requests?limit=x", None, 400, "limit is 'x'"),
        ("GET", "requests?acton=x", None, 400, "no parameter 'acton'"),
        ("GET", "requests/1", None, 405, "expected GET"),
        ("GET", "sessions?kind=x", None, 400, "kind is 'x'"),
        ("GET", "sessions/x", None, 404, "'x' does not exist"),
        ("POST", "sessions", {}, 405, "expected GET or POST"),
        ("POST", "sessions/x", {}, 400, "expected {"),
        ("POST", "sessions/x", {"expire": True, "status": "INIT"}, 400, "expected {"),
        ("POST", "snapshot", {}, 400, "name is None"),
        ("POST", "snapshot", {"name": "../x"}, 400, "the name of a snapshot is '../x'"),
        ("POST", "restore", {"name": "x"}, 404, "no snapshot 'x'; there are: none"),
        ("GET", "reset", None, 405, "expected POST"),
    ],
)
def test_what_makes_no_sense_is_refused(
    admin: Admin, method: str, path: str, document: Any, status: int, said: str
) -> None:
    found, message = admin.refused(method, path, document)
    assert found == status
    assert said in message


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Referer": "http://localhost/page"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Mode": "no-cors"}, 403),
        ({"X_Forwarded_For": "10.0.0.1"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_web_pages_are_not_let_in(
    service: Any, admin: Admin, fields: dict[str, str], status: int
) -> None:
    assert admin.refused("POST", "reset", {}, **fields)[0] == status
    assert len(service.rows()) == 3


def test_nobody_signs_these_requests(open_service: Callable[..., Any]) -> None:
    service = open_service(test_mode=True, accounts={"me": "secret"})
    with Server(service.emulator) as server:
        admin = Admin(server.endpoint)
        admin.ask("POST", "faults", {"effect": "reset"})
        assert len(service.emulator.faults.rules) == 1
        assert service.emulator.requests == ()


def test_a_browser_that_asks_beforehand_is_told_nothing(admin: Admin) -> None:
    fields = {"Origin": "http://evil.example", "Access_Control_Request_Method": "PUT"}
    assert admin.refused("OPTIONS", "faults", None, **fields)[0] == 403
    assert admin.refused("OPTIONS", "faults")[0] == 405


def test_other_machines_are_not_let_in(
    service: Any, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("odps_frames.emulator.connection.is_loopback", lambda _: False)
    status, _ = admin.refused("GET", "faults")
    assert status == 400
    assert service.emulator.requests[-1].path == "/__odps__/faults"

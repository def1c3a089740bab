"""Documents and statements that cost more than they say, and what answers give away."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from odps_frames.emulator.bodies import MAX_DOCUMENT_BYTES
from odps_frames.emulator.instances import MAX_SQL_BYTES
from odps_frames.emulator.store import Store
from odps_frames.wire.documents import MAX_DEPTH, MAX_MEMBERS
from odps_frames.wire.http import Request, Site
from odps_frames.wire.instance import TaskStatus
from odps_frames.wire.reply import decode_error

if TYPE_CHECKING:
    from pathlib import Path

    from odps_frames.errors import ServiceError


def refusal(service: Any, request: Request) -> ServiceError:
    response = service.send(request)
    assert not response.ok
    return decode_error(response)


def create(body: bytes) -> Request:
    query = (("Action", "TableCreateReadSession"), ("Target", "projects.demo.tables.t"))
    return Request(method="POST", path="/api/storage/v2", query=query, body=body)


def submit(body: bytes) -> Request:
    return Request(
        method="POST", path="/projects/demo/instances", site=Site.REST, body=body, operation="x"
    )


def job(inner: str, front: str = "") -> bytes:
    return (
        f'<?xml version="1.0"?>{front}<Instance><Job><Tasks><SQL><Name>n</Name>'
        f"<Query>{inner}</Query></SQL></Tasks></Job></Instance>"
    ).encode()


BRACKETS = b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"a":' + BRACKETS + b"}", "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b"[" * 1_000_000, "nested too deeply"),
        (b'{"RequiredDataColumns": [' + b"1," * MAX_MEMBERS + b"1]}", "members"),
        (b'{"SplitMaxFileNum": ' + b"9" * 5_000 + b"}", "not JSON|SplitMaxFileNum"),
        (b'{"SplitMaxFileNum": 1e300}', "SplitMaxFileNum=1e[+]300; expected a whole number"),
        (b'{"SplitMaxFileNum": 9223372036854775808}', "expected a whole number"),
        (b'{"SplitMaxFileNum": 1e999}', "SplitMaxFileNum=inf"),
        (b'{"SplitMaxFileNum": NaN}', "NaN is no value of JSON"),
        (b'{"SplitMaxFileNum": Infinity}', "Infinity is no value of JSON"),
        (b'{"FilterPredicate": "a", "FilterPredicate": "b"}', "'FilterPredicate' stands twice"),
        (b'{"SplitOptions": {"SplitMode": "Size", "SplitMode": "Bucket"}}', "'SplitMode' stands"),
        (b'{"FilterPredicate": "\xff"}', "not JSON"),
        (b'{"FilterPredicate": "\xed\xa0\x80"}', "not JSON"),
        (b'{"FilterPredicate": "\\ud800"}', "not JSON"),
        (b'{"\\udfff": 1}', "not JSON"),
        ('{"FilterPredicate": "a"}'.encode("utf-16"), "not JSON"),
        (b" " * (MAX_DOCUMENT_BYTES + 1), "larger than"),
        (b'"' * 1_000, "not JSON"),
    ],
)
def test_json_that_nobody_means(service: Any, body: bytes, message: str) -> None:
    service.sql("CREATE TABLE t (a BIGINT)")
    error = refusal(service, create(body))
    assert (error.status, error.code) == (400, "InvalidArgument")
    with pytest.raises(type(error), match=message):
        raise error


def test_json_that_looks_deep_and_is_not(service: Any) -> None:
    service.sql("CREATE TABLE t (a STRING)")
    text = "a = '" + "[{" * 5_000 + "'"
    body = json.dumps({"FilterPredicate": text}).encode()
    assert service.send(create(body)).ok


LAUGHS = (
    "<!DOCTYPE l [<!ENTITY a '"
    + "ha" * 100
    + "'>"
    + "".join(
        f"<!ENTITY {name} '{f'&{below};' * 10}'>"
        for below, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]>"
)


@pytest.mark.parametrize(
    "body",
    [
        job("&i;", LAUGHS),
        job("&a;", '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'),
        job("&a;", '<!DOCTYPE x [<!ENTITY a SYSTEM "http://127.0.0.1:9/">]>'),
        job("x", '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">'),
        job("x", '<!DOCTYPE x [<!ENTITY % a SYSTEM "http://127.0.0.1:9/">%a;]>'),
        job("&undeclared;"),
        b"<a>" * 100_000,
        b"<r>" + b"<a/>" * 600_000 + b"</r>",
        b"<Instance " + b" ".join(b"a%d=''" % n for n in range(1_000)) + b"/>",
        job("\ud800".encode("utf-8", "surrogatepass").decode("latin-1")).replace(b"\xc3", b"\xed"),
        b'<?xml version="1.0" encoding="utf-7"?><Instance/>',
        b"\xff\xfe<\x00a\x00/\x00",
        b"",
        b"x" * (MAX_DOCUMENT_BYTES + 1),
    ],
)
def test_xml_that_nobody_means(service: Any, body: bytes) -> None:
    error = refusal(service, submit(body))
    assert (error.status, error.code) == (400, "InvalidArgument")
    assert "root:" not in error.message
    assert len(error.message) < 1_000


def test_statements_are_as_long_as_maxcompute_takes_them(service: Any) -> None:
    status, text = service.run("SELECT 1 -- " + "x" * MAX_SQL_BYTES)
    assert status is TaskStatus.FAILED
    assert text.startswith("ODPS-0130161")
    assert f"expected at most {MAX_SQL_BYTES}" in text


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
        "SELECT 1" + "+1" * 5_000,
        "SELECT " + "NOT " * 5_000 + "TRUE",
        "SELECT " + "ARRAY(" * 5_000 + "1" + ")" * 5_000,
        "SELECT * FROM " + "(SELECT * FROM " * 1_000 + "t" + ")" * 1_000,
        "CREATE TABLE x (a " + "ARRAY<" * 5_000 + "INT" + ">" * 5_000 + ")",
    ],
)
def test_statements_that_nest_without_end(service: Any, sql: str) -> None:
    status, text = service.run(sql)
    assert status is TaskStatus.FAILED
    assert text.startswith("ODPS-0130")


def test_a_fault_of_the_service_names_no_place_on_its_machine(
    service: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Store) -> int:
        raise FileNotFoundError(2, "No such file", str(tmp_path / "secret"))

    service.sql("CREATE TABLE t (a INT)")
    monkeypatch.setattr(Store, "now", fail)
    with caplog.at_level(logging.CRITICAL + 1, "odps_frames"):
        answer = service.send(create(b"{}"))
    content = answer.read().decode()
    assert "No such file" in content
    assert str(tmp_path) not in content
    assert answer.headers["x-odps-request-id"] in content


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "x\r\nSet-Cookie: a=b", "\x00", "é"])
def test_what_was_said_comes_back_as_data(service: Any, text: str) -> None:
    for request in (
        Request(method="GET", path=f"/projects/{text}", site=Site.REST),
        Request(method="GET", path=f"/projects/demo/tables/{text}", site=Site.REST),
        Request(method="GET", path=f"/projects/demo/instances/{text}", site=Site.REST),
        Request(method="POST", path="/api/storage/v2", query=(("Action", text),)),
        Request(
            method="POST",
            path="/api/storage/v2",
            query=(("Action", "TableRead"), ("SessionId", text), ("Target", f"projects.{text}")),
        ),
    ):
        response = service.send(request)
        assert response.headers["Content-Type"] in ("application/json", "application/xml")
        assert not any("\r" in value or "\n" in value for value in response.headers.values())
        content = response.read()
        if response.headers["Content-Type"] == "application/xml":
            assert b"<script>" not in content
        else:
            json.loads(content)
        assert response.status in (400, 404, 405)

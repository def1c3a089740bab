from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from odps_frames.emulator.faults import (
    Cut,
    DropEndMark,
    Fault,
    Faults,
    Refuse,
    Reset,
    Truncate,
)
from odps_frames.errors import IncompleteRead, ServiceError, ServiceUnavailable, Throttled
from odps_frames.model.splits import Split

DATA = pa.table({"a": list(range(50_000))})


@pytest.fixture
def ready(any_service: Any) -> Any:
    any_service.sql("CREATE TABLE t (a BIGINT)")
    any_service.write(DATA)
    return any_service


def read(service: Any, **options: Any) -> Any:
    return service.read_split(Split(service.open_read().session_id), **options)


def test_rules_are_counted() -> None:
    faults = Faults()
    rule = Fault(effect=Reset(), action="Table*", target="*.tables.t*", skip=1, times=2)
    other = Fault(effect=Cut(), times=None)
    faults.add(rule, other)
    found = [faults.match("TableRead", "projects.p.tables.t1") for _ in range(4)]
    assert found == [other, rule, rule, other]
    assert faults.match("GetTable", "/projects/p/tables/t1") == other
    assert faults.hits == ((rule, 2), (other, 3))
    faults.clear()
    assert faults.match("TableRead", "projects.p.tables.t1") is None


def test_a_refusal_instead_of_the_call(ready: Any) -> None:
    effect = Refuse(429, headers={"Retry-After": "3"})
    ready.emulator.faults.add(Fault(effect=effect, action="TableCreateReadSession"))
    with pytest.raises(Throttled) as refusal:
        ready.open_read()
    assert refusal.value.retry_after == 3
    assert ready.open_read()


def test_a_refusal_of_the_rest_site(ready: Any) -> None:
    ready.emulator.faults.add(Fault(effect=Refuse(503), action="SubmitInstance"))
    with pytest.raises(ServiceUnavailable):
        ready.sql("DROP TABLE t")
    ready.sql("DROP TABLE t")


@pytest.mark.parametrize("effect", [Reset(), Cut(), Refuse(500)])
def test_an_answer_that_is_lost_after_the_commit(ready: Any, effect: Any) -> None:
    fault = Fault(effect=effect, action="TableCommitWriteSession", when="after")
    ready.emulator.faults.add(fault)
    with pytest.raises(ServiceUnavailable):
        ready.write(DATA)
    assert ready.read().num_rows == 2 * DATA.num_rows
    assert ready.emulator.faults.hits == ((fault, 1),)


@pytest.mark.parametrize("effect", [Reset(), Cut()])
def test_a_connection_that_breaks_before_the_commit(ready: Any, effect: Any) -> None:
    ready.emulator.faults.add(Fault(effect=effect, action="TableCommitWriteSession"))
    with pytest.raises(ServiceUnavailable):
        ready.write(DATA)
    assert ready.read().num_rows == DATA.num_rows
    assert ready.emulator.requests[-3].status is None


@pytest.mark.parametrize("encoding", [None, "zstd", "x-lz4-frame"])
@pytest.mark.parametrize("effect", [Reset(), Cut()])
@pytest.mark.parametrize("at_byte", [0, 1, 1000, 20_000])
def test_an_answer_that_breaks_off(
    ready: Any, effect: Any, at_byte: int, encoding: str | None
) -> None:
    fault = Fault(effect=effect, action="TableRead", when="at_byte", at_byte=at_byte)
    ready.emulator.faults.add(fault)
    with pytest.raises(ServiceUnavailable):
        read(ready, accept_encoding=encoding)
    assert read(ready, accept_encoding=encoding).equals(DATA)


@pytest.mark.parametrize("encoding", [None, "zstd"])
@pytest.mark.parametrize("at_byte", [0, 1000])
def test_an_answer_that_ends_early_as_if_all_were_well(
    ready: Any, at_byte: int, encoding: str | None
) -> None:
    fault = Fault(effect=Truncate(), action="TableRead", when="at_byte", at_byte=at_byte)
    ready.emulator.faults.add(fault)
    with pytest.raises((IncompleteRead, ServiceError)) as broken:
        read(ready, accept_encoding=encoding)
    assert not isinstance(broken.value, ServiceUnavailable)


@pytest.mark.parametrize("encoding", [None, "zstd", "x-lz4-frame"])
def test_a_stream_without_its_end_mark(ready: Any, encoding: str | None) -> None:
    ready.emulator.faults.add(Fault(effect=DropEndMark(), action="TableRead"))
    with pytest.raises(IncompleteRead, match="end mark"):
        read(ready, accept_encoding=encoding)


def test_a_document_that_breaks_off(ready: Any) -> None:
    fault = Fault(effect=Cut(), action="TableCreateReadSession", when="at_byte", at_byte=10)
    ready.emulator.faults.add(fault)
    with pytest.raises(ServiceUnavailable):
        ready.open_read()

"""Results of queries in the service: sessions over them, limits, life, restarts, stops."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from odps_frames.errors import NotFound, ServiceError, SessionExpired
from odps_frames.model.lifecycle import SessionStatus
from odps_frames.model.read import ArrowOptions, BatchOptions, ReadSpec, ResultOptions, TimeUnit
from odps_frames.model.splits import RowRange, Split
from odps_frames.model.table import InstanceRef
from odps_frames.wire import instance, read_session
from odps_frames.wire.arrow_stream import ArrowStreamReader
from odps_frames.wire.compression import Compression, decompress
from odps_frames.wire.instance import InstanceStatus, Statement, TaskStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.model.read import ReadSessionInfo

    Service = Any  # of a fixture, whose class no test module can import

MANY = 25_000
NUMBERS = f"SELECT id FROM t WHERE id < {MANY} ORDER BY id"
ENDLESS = "SELECT count(*) FROM t a JOIN t b JOIN t c JOIN t d WHERE a.id + b.id + c.id + d.id < 0"


class Queries:
    """Words for queries of one service."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def submit(self, sql: str, **hints: str) -> InstanceRef:
        statement = Statement(sql=sql, hints=hints)
        answer = self.service.send(instance.encode_submit("demo", statement))
        return instance.decode_submitted(answer).value

    def status(self, ref: InstanceRef) -> InstanceStatus:
        return instance.decode_status_reply(self.service.send(instance.encode_status(ref))).value

    def task(self, ref: InstanceRef) -> TaskStatus:
        answer = self.service.send(instance.encode_task_status(ref))
        (task,) = instance.decode_tasks_reply(answer).value
        return task.status

    def text(self, ref: InstanceRef) -> Any:
        (result,) = instance.decode_result_reply(
            self.service.send(instance.encode_result(ref))
        ).value
        return result

    def run(self, sql: str, **hints: str) -> InstanceRef:
        ref = self.submit(sql, **hints)
        self.service.emulator._instances.wait(ref)  # noqa: SLF001  waiting is no part of the wire
        assert self.task(ref) is TaskStatus.SUCCESS, self.text(ref).text
        return ref

    def open(self, ref: InstanceRef, **spec: Any) -> ReadSessionInfo:
        request = read_session.encode_create(ReadSpec(table=ref, **spec))
        return read_session.decode_info(self.service.send(request)).value

    def read(
        self, ref: InstanceRef, session: str, rows: RowRange | None = None, **options: Any
    ) -> pa.Table:
        split = Split(session, rows=rows)
        request = read_session.encode_read(ref, split, BatchOptions(**options))
        response = self.service.send(request)
        if not response.ok:
            read_session.decode_info(response)
        encoding = Compression.of_encoding(response.headers.get("Content-Encoding"))
        with response:
            reader = ArrowStreamReader(decompress(response.body, encoding))
            return pa.Table.from_batches(list(reader), reader.schema)


@pytest.fixture
def filled(service: Service) -> Queries:
    service.sql("CREATE TABLE t (id BIGINT, s STRING)")
    service.write(pa.table({"id": range(MANY), "s": [str(n % 7) for n in range(MANY)]}))
    return Queries(service)


def test_a_result_is_read_by_ranges(filled: Queries) -> None:
    ref = filled.run(NUMBERS)
    info = filled.open(ref)
    assert (info.n_rows, info.status, info.schema.names) == (MANY, SessionStatus.NORMAL, ("id",))
    for start, count in ((0, 1), (1, 9_999), (12_345, 12_655), (24_999, 1)):
        found = filled.read(ref, info.session_id, RowRange(start, count))
        assert found["id"].to_pylist() == list(range(start, start + count))
    assert filled.read(ref, info.session_id).num_rows == MANY
    assert filled.read(ref, info.session_id, skip_rows=MANY - 2)["id"].to_pylist() == [
        MANY - 2,
        MANY - 1,
    ]


@pytest.mark.parametrize("encoding", [None, "zstd", "x-lz4-frame"])
def test_columns_and_compression(filled: Queries, encoding: str | None) -> None:
    ref = filled.run("SELECT id, s, id * 2 AS d FROM t ORDER BY id LIMIT 3")
    session = filled.open(ref).session_id
    found = filled.read(ref, session, columns=("d", "s"), accept_encoding=encoding)
    assert found.to_pydict() == {"d": [0, 2, 4], "s": ["0", "1", "2"]}
    with pytest.raises(ServiceError, match="no column 'x'"):
        filled.read(ref, session, columns=("x",))


def test_batches_are_as_large_as_asked_for(filled: Queries) -> None:
    ref = filled.run(NUMBERS)
    found = filled.read(ref, filled.open(ref).session_id, max_rows=1000)
    assert {batch.num_rows for batch in found.to_batches()} == {1000}


def test_rows_beyond_the_end_are_not_there(filled: Queries) -> None:
    ref = filled.run("SELECT id FROM t ORDER BY id LIMIT 3")
    session = filled.open(ref).session_id
    assert filled.read(ref, session, RowRange(2, 100)).num_rows == 1
    with pytest.raises(ServiceError, match="there are 3"):
        filled.read(ref, session, RowRange(4, 1))


def test_an_empty_result_has_its_columns(filled: Queries) -> None:
    ref = filled.run("SELECT id, s FROM t WHERE id < 0")
    info = filled.open(ref)
    assert (info.n_rows, info.schema.names) == (0, ("id", "s"))
    assert filled.read(ref, info.session_id).schema.names == ["id", "s"]


@pytest.mark.covers("EnableLimit")
def test_only_readers_that_allow_it_are_limited(filled: Queries) -> None:
    ref = filled.run(NUMBERS)
    allowed = ResultOptions(limited=True)
    info = filled.open(ref, result=allowed)
    assert info.n_rows == 10_000
    assert filled.read(ref, info.session_id).num_rows == 10_000
    whole = filled.open(ref)
    assert whole.n_rows == MANY
    assert filled.read(ref, whole.session_id, result=allowed).num_rows == 10_000


def test_units_of_times(filled: Queries) -> None:
    ref = filled.run("SELECT timestamp'2020-01-01 00:00:00.5' AS x", **{"odps.sql.timezone": "UTC"})
    info = filled.open(ref, arrow=ArrowOptions(TimeUnit.MILLI))
    assert filled.read(ref, info.session_id).schema.types == [pa.timestamp("ms")]
    with pytest.raises(ServiceError, match="cannot hold exactly"):
        filled.open(ref, arrow=ArrowOptions(TimeUnit.SECOND))


def test_sessions_live_and_are_brought_back(filled: Queries) -> None:
    ref = filled.run(NUMBERS)
    session = filled.open(ref).session_id
    filled.service.clock.advance(hours=25)
    with pytest.raises(SessionExpired):
        filled.read(ref, session)
    request = read_session.encode_get(ref, session)
    assert request.method == "GET"
    assert read_session.decode_info(filled.service.send(request)).value.status is (
        SessionStatus.EXPIRED
    )
    refresh = read_session.encode_get(ref, session, refresh=True)
    assert read_session.decode_info(filled.service.send(refresh)).value.n_rows == MANY
    assert filled.read(ref, session).num_rows == MANY


def test_old_results_go_and_their_files_with_them(filled: Queries) -> None:
    ref = filled.run(NUMBERS)
    folder = filled.service.emulator._store.files._folder  # noqa: SLF001  the files themselves
    before = len(list(folder.iterdir()))
    filled.service.clock.advance(hours=49)
    filled.service.sql("CREATE TABLE other (a INT)")
    assert len(list(folder.iterdir())) == before - 1
    assert filled.task(ref) is TaskStatus.SUCCESS
    with pytest.raises(ServiceError, match="past its life"):
        filled.open(ref)


def test_a_restart_loses_no_result(open_service: Callable[..., Service]) -> None:
    first = Queries(open_service())
    first.service.sql("CREATE TABLE t (id BIGINT)")
    first.service.write(pa.table({"id": range(10)}))
    ref = first.run("SELECT id FROM t ORDER BY id")
    session = first.open(ref).session_id
    first.service.emulator.close()
    second = Queries(open_service())
    assert second.read(ref, session)["id"].to_pylist() == list(range(10))
    assert second.open(ref).n_rows == 10


def test_what_ran_when_the_service_stopped_has_failed(
    open_service: Callable[..., Service],
) -> None:
    first = Queries(open_service())
    first.service.sql("CREATE TABLE t (id BIGINT)")
    first.service.write(pa.table({"id": range(2_000)}))
    ref = first.submit(ENDLESS)
    assert first.status(ref) is InstanceStatus.RUNNING
    first.service.emulator.close()
    second = Queries(open_service())
    assert second.status(ref) is InstanceStatus.TERMINATED
    assert second.task(ref) in (TaskStatus.CANCELLED, TaskStatus.FAILED)


def test_a_query_runs_until_it_is_stopped(filled: Queries) -> None:
    ref = filled.submit(ENDLESS)
    assert filled.status(ref) is InstanceStatus.RUNNING
    assert filled.task(ref) is TaskStatus.RUNNING
    progress = filled.service.send(instance.encode_progress(ref))
    assert 0 <= instance.decode_progress_reply(progress).value < 100
    with pytest.raises(ServiceError, match="still runs"):
        filled.open(ref)
    filled.service.send(instance.encode_stop(ref)).body.close()
    filled.service.emulator._instances.wait(ref)  # noqa: SLF001  waiting is no part of the wire
    assert filled.task(ref) is TaskStatus.CANCELLED
    with pytest.raises(ServiceError, match="no rows to read"):
        filled.open(ref)
    filled.service.send(instance.encode_stop(ref)).body.close()  # once more changes nothing
    assert filled.task(ref) is TaskStatus.CANCELLED


def test_statements_without_rows_have_no_result(filled: Queries) -> None:
    ref = filled.submit("CREATE TABLE u (a INT)")
    with pytest.raises(ServiceError, match="no rows to read") as refused:
        filled.open(ref)
    assert (refused.value.status, refused.value.code) == (400, "InstanceTypeNotSupported")
    with pytest.raises(NotFound):
        filled.open(InstanceRef("demo", "nobody"))


@pytest.mark.parametrize(
    "spec",
    [
        {"FilterPredicate": "a > 1"},
        {"RequiredPartitions": ["pt=1"]},
        {"RequiredBucketIds": [1]},
    ],
)
def test_what_older_clients_could_ask_for_is_refused_by_name(
    filled: Queries, spec: dict[str, Any]
) -> None:
    ref = filled.run(NUMBERS)
    request = read_session.encode_create(ReadSpec(table=ref))
    asked = replace(request, body=json.dumps(spec).encode())
    with pytest.raises(ServiceError, match=next(iter(spec))):
        read_session.decode_info(filled.service.send(asked))


def test_texts_of_results(filled: Queries) -> None:
    found = filled.text(filled.run("SELECT id, s, null n FROM t ORDER BY id LIMIT 2"))
    assert found.format == "csv"
    assert found.text == '"id","s","n"\n0,"0",\\N\n1,"1",\\N\n'
    assert found.descriptor["SelectResultStatus"] == "ALL"
    assert found.descriptor["Schema"]["Columns"][0] == {"Name": "id", "Type": "bigint"}
    many = filled.text(filled.run(NUMBERS))
    assert many.descriptor["SelectResultStatus"] == "TRUNCATED"
    assert many.text.count("\n") == 10_001
    for sql in ("SELECT x'00' AS b", "SELECT '\\\\N' AS s"):
        assert filled.text(filled.run(sql)).descriptor["SelectResultStatus"] == "NO"


def test_queries_are_answered_with_their_rows_where_statements_are_finished_at_once(
    open_service: Callable[..., Service],
) -> None:
    service = open_service(finish_at_once=True)
    answer = service.send(instance.encode_submit("demo", Statement(sql="SELECT 1 AS a")))
    (result,) = instance.decode_result_reply(answer).value
    assert (result.status, result.text) == (TaskStatus.SUCCESS, '"a"\n1\n')


def test_settings_alone_are_a_statement(filled: Queries) -> None:
    assert filled.text(filled.submit("SET odps.sql.timezone=UTC")).status is TaskStatus.SUCCESS
    wrong = filled.text(filled.submit("SET nothing;"))
    assert (wrong.status, wrong.text[:18]) == (TaskStatus.FAILED, "ODPS-0130161:[1,5]")

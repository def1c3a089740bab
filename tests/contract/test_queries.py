"""Queries end to end: all rows or an error, run once, stopped with their caller."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames.client import Client
from odps_frames.emulator.faults import Cut, DropEndMark, Fault, Refuse, Reset, Truncate
from odps_frames.emulator.queries import AT_ONCE

if TYPE_CHECKING:
    Stand = Any  # the class of a fixture, which no test module can import

MILLION = 1_000_000
ENDLESS = "SELECT count(*) FROM t a JOIN t b JOIN t c JOIN t d WHERE a.id + b.id + c.id + d.id < 0"


@pytest.fixture(scope="module", autouse=True)
def tables(module_stand: Stand) -> None:
    ids = pa.array(range(MILLION))
    data = pa.table({"id": ids, "name": pa.array([f"name {n % 1000}" for n in range(MILLION)])})
    of.to_odps(data, "million", create=True, client=module_stand.client)
    of.to_odps(pa.table({"id": range(1000)}), "t", create=True, client=module_stand.client)


def operations(stand: Stand, name: str) -> list[Any]:
    return [record for record in stand.service.requests if record.operation == name]


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_every_row_of_a_million_comes_in_order_through_cuts(stand: Stand, compression: Any) -> None:
    stand.service.faults.add(
        Fault(effect=Cut(), action="InstanceRead", when="at_byte", at_byte=500_000, times=2),
        Fault(effect=Reset(), action="InstanceRead", when="at_byte", at_byte=900_000),
        Fault(effect=Truncate(), action="InstanceRead", when="at_byte", at_byte=700_001),
        Fault(effect=DropEndMark(), action="InstanceRead"),
        Fault(effect=Refuse(503), action="InstanceRead"),
    )
    frame = of.read_odps(
        "SELECT id, name FROM million ORDER BY id DESC",
        client=stand.client,
        compression=compression,
    )
    assert len(frame) == MILLION
    assert frame["id"].is_monotonic_decreasing
    assert (frame["id"].iloc[0], frame["id"].iloc[-1]) == (MILLION - 1, 0)
    assert (frame["name"] == "name " + (frame["id"] % 1000).astype("str")).all()
    assert frame.attrs["odps"]["retries"] > 0


@pytest.mark.parametrize("effect", [Truncate(), Cut(), Reset()])
def test_a_result_that_never_comes_whole_is_an_error(stand: Stand, effect: Any) -> None:
    stand.service.faults.add(
        Fault(effect=effect, action="InstanceRead", when="at_byte", at_byte=1000, times=None)
    )
    with pytest.raises((of.IncompleteRead, of.CorruptStream, of.ServiceUnavailable)):
        of.read_odps("SELECT id FROM t ORDER BY id", client=stand.client)


@pytest.mark.covers(
    "CreateReadSessionResponse.download_id", "CreateReadSessionResponse.status", "InstanceRead"
)
def test_ten_thousand_and_one_rows_are_as_many(stand: Stand) -> None:
    query = stand.client.sql("SELECT id FROM million ORDER BY id LIMIT 10001")
    assert query.result()["id"].to_pylist() == list(range(10_001))


@pytest.mark.parametrize("chunksize", [7, 4096, 100_000])
def test_chunks_of_a_query(stand: Stand, chunksize: int) -> None:
    sql = "SELECT id FROM million WHERE id < 10000 ORDER BY id"
    with of.read_odps(sql, client=stand.client, chunksize=chunksize) as frames:
        found = [value for frame in frames for value in frame["id"]]
    assert found == list(range(10_000))


def test_columns_filters_and_limits_of_a_query(stand: Stand) -> None:
    sql = "SELECT id, name, id * 2 AS twice FROM million ORDER BY id"
    scan = of.scan_odps(sql, client=stand.client)
    assert [column.name for column in scan.schema] == ["id", "name", "twice"]
    assert scan.select("twice", "id").limit(2).to_arrow().to_pydict() == {
        "twice": [0, 2],
        "id": [0, 1],
    }
    assert scan.filter("name = 'name 7' and id > 999000").select("id").to_arrow().to_pydict() == {
        "id": [999_007]
    }
    assert scan.limit(0).to_arrow().num_rows == 0
    frame = of.read_odps(sql, client=stand.client, columns=["name", "id"], limit=3, index_col="id")
    assert frame["name"].to_dict() == {0: "name 0", 1: "name 1", 2: "name 2"}
    assert of.read_odps(sql, client=stand.client, columns=[], limit=3).shape == (3, 0)
    with pytest.raises(of.SchemaMismatch, match="did you mean"):
        of.read_odps(sql, client=stand.client, columns=["nam"])


def test_a_small_limit_reads_no_more(stand: Stand) -> None:
    scan = of.scan_odps("SELECT id FROM million ORDER BY id", client=stand.client)
    frame = scan.limit(10).to_pandas()
    assert frame.attrs["odps"]["bytes"] < 4096


def test_rows_as_they_come_are_the_same_rows(stand: Stand) -> None:
    frame = of.read_odps("SELECT id FROM million", client=stand.client, preserve_order=False)
    assert sorted(frame["id"]) == list(range(MILLION))


@pytest.mark.parametrize(
    "option", [{"partitions": "pt=1"}, {"split_size": 1 << 20}, {"max_bytes": 1}]
)
def test_options_of_tables_are_refused_before_anything_is_sent(
    stand: Stand, option: dict[str, Any]
) -> None:
    before = len(stand.service.requests)
    with pytest.raises(ValueError, match=f"{next(iter(option))}=.* was given for a query"):
        of.read_odps("SELECT 1 AS a", client=stand.client, **option)
    with pytest.raises(ValueError, match=r"hints=.* was given for a table"):
        of.read_odps("t", client=stand.client, hints={"a": "b"})
    assert len(stand.service.requests) == before


def test_a_statement_whose_answer_is_lost_runs_once_and_can_be_found(stand: Stand) -> None:
    before = len(operations(stand, "SubmitInstance"))
    stand.service.faults.add(Fault(effect=Reset(), action="SubmitInstance", when="after"))
    with pytest.raises(of.ServiceUnavailable, match="it was not sent again") as lost:
        stand.client.sql("SELECT 1 AS a")
    assert len(operations(stand, "SubmitInstance")) == before + 1
    assert "SELECT 1 AS a" in str(lost.value)
    assert "uuid" in str(lost.value)


def test_a_statement_that_never_arrived_is_handed_in_again(stand: Stand) -> None:
    stand.service.faults.add(
        Fault(effect=Refuse(429, headers={"Retry-After": "1"}), action="SubmitInstance")
    )
    assert stand.client.sql("SELECT 1 AS a").result().to_pylist() == [{"a": 1}]


def test_lost_answers_to_questions_are_asked_again(stand: Stand) -> None:
    for action in ("GetInstance", "GetTaskStatus", "InstanceCreateReadSession"):
        stand.service.faults.add(Fault(effect=Reset(), action=action, when="after"))
    assert stand.client.sql("SELECT 1 AS a").result().to_pylist() == [{"a": 1}]
    assert all(hits == 1 for _, hits in stand.service.faults.hits)


def interrupting(stand: Stand, error: type[BaseException]) -> Client:
    """Make a client that is interrupted when it first waits for a statement."""

    def sleep(_: float) -> None:
        raise error

    config = stand.client.config
    return Client(config, policy=replace(stand.client.policy, sleep=sleep))


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_stopping_the_caller_stops_the_query(stand: Stand, error: type[BaseException]) -> None:
    client = interrupting(stand, error)
    query = client.sql(ENDLESS, wait=False)
    with pytest.raises(error):
        query.wait()
    assert len(operations(stand, "StopInstance")) >= 1
    client.close()
    joined = of.Query(stand.client, query._instance, ENDLESS)  # noqa: SLF001  another caller
    with pytest.raises(of.SqlError, match="cancelled") as stopped:
        joined.wait()
    assert stopped.value.instance_id == query.id


def test_ctrl_c_stays_what_it_is_when_stopping_fails(stand: Stand) -> None:
    client = interrupting(stand, KeyboardInterrupt)
    query = client.sql(ENDLESS, wait=False)
    stand.service.faults.add(Fault(effect=Refuse(403), action="StopInstance"))
    with pytest.raises(KeyboardInterrupt):
        query.wait()
    stand.service.faults.clear()
    query.cancel()
    client.close()


def test_a_query_can_be_followed_and_cancelled(stand: Stand) -> None:
    query = stand.client.sql(ENDLESS, wait=False)
    assert query.status == "Running"
    assert 0 <= query.progress < 100
    assert query.id in repr(query)
    assert "Running" in repr(query)
    with pytest.raises(TimeoutError, match="still runs after 3 s"):
        query.wait(timeout=3)
    query.cancel()
    with pytest.raises(of.SqlError, match="cancelled"):
        query.wait()
    assert (query.status, query.progress) == ("Terminated", 100.0)
    query.cancel()  # once more changes nothing
    assert "cancelled" not in repr(query)


def test_queries_run_beside_each_other_and_beside_reads(stand: Stand) -> None:
    endless = [stand.client.sql(ENDLESS, wait=False) for _ in range(3)]
    found: list[int] = []

    def read() -> None:
        found.append(len(of.read_odps("SELECT id FROM t", client=stand.client)))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1000] * 4
    for query in endless:
        query.cancel()


def test_errors_are_typed(stand: Stand) -> None:
    with pytest.raises(of.SqlError) as failed:
        of.read_odps("SELECT\n  nope FROM t", client=stand.client)
    error = failed.value
    assert (error.code, error.line, error.column) == ("ODPS-0130071", 2, 3)
    assert error.instance_id in str(error)
    with pytest.raises(of.NotFound):
        of.read_odps("SELECT 1 AS a FROM nope", client=stand.client)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 AS a",
        "\n -- hello\n (select 1 as a)",
        "with x as (select 1 a) select a from x",
        "SET odps.sql.timezone=UTC;\nSELECT 1 AS a",
        "SELECT 1 AS a -- ' (",
        "values (1)",
    ],
)
def test_what_reads_as_a_query_is_one(stand: Stand, text: str) -> None:
    assert of.read_odps(text, client=stand.client).iloc[0, 0] == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("my table", "begins with none of"),
        ("DROP TABLE t", "begins with none of"),
        ("SELECT (1", "is not closed"),
        ("SELECT 1)", "closes nothing"),
        ("SELECT 'a", "quote"),
    ],
)
def test_what_does_not_is_refused_before_anything_is_sent(
    stand: Stand, text: str, words: str
) -> None:
    before = len(stand.service.requests)
    for read in (of.read_odps, of.read_odps_query):
        with pytest.raises(ValueError, match=words):
            read(text, client=stand.client)
    assert len(stand.service.requests) == before


def test_tables_and_queries_said_outright(stand: Stand) -> None:
    assert of.read_odps_query("SELECT 1 AS a", client=stand.client)["a"].tolist() == [1]
    assert len(of.read_odps_table("t", client=stand.client, limit=3)) == 3
    with pytest.raises(ValueError, match="not a table name"):
        of.read_odps_table("SELECT 1 AS a", client=stand.client)


def test_statements_that_give_no_rows(stand: Stand) -> None:
    query = stand.client.sql("CREATE TABLE IF NOT EXISTS made (a INT)")
    assert query.text == ""
    assert query.result().shape == (0, 0)
    with pytest.raises(ValueError, match="gives no rows to read"):
        query.scan()
    with pytest.raises(of.ServiceError, match="no rows to read"):
        stand.client.sql("SHOW SCHEMAS").result()
    with pytest.raises(ValueError, match="expected a statement"):
        stand.client.sql(" ")


def test_hints_are_texts(stand: Stand) -> None:
    zone = {"odps.sql.timezone": "America/New_York", "odps.sql.submit.mode": ""}
    sql = "SELECT cast(from_unixtime(0) AS STRING) AS at"
    assert of.read_odps(sql, client=stand.client, hints=zone)["at"].tolist() == [
        "1969-12-31 19:00:00"
    ]
    with pytest.raises(TypeError, match="expected a mapping of texts"):
        stand.client.sql("SELECT 1 AS a", hints={"a": None})


def test_a_query_shows_itself(stand: Stand) -> None:
    query = stand.client.sql("SELECT 1 AS a, '<&>' AS b")
    assert repr(query) == f"Query({query.id}, Success, {query.sql!r})"
    assert "&lt;&amp;&gt;" in query._repr_html_()


def test_progress_is_shown_or_told(stand: Stand, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[of.Progress] = []
    of.read_odps("SELECT id FROM t", client=stand.client, progress=seen.append)
    assert seen[-1].rows == 1000
    of.read_odps("SELECT id FROM t", client=stand.client, progress=True)
    assert "query" in capsys.readouterr().err


def test_a_query_that_waits_for_its_turn_is_cancelled_at_once(stand: Stand) -> None:
    running = [stand.client.sql(ENDLESS, wait=False) for _ in range(AT_ONCE)]
    waiting = stand.client.sql(ENDLESS, wait=False)
    waiting.cancel()
    with pytest.raises(of.SqlError, match="cancelled"):
        waiting.wait()
    assert [query.status for query in running] == ["Running"] * AT_ONCE
    for query in running:
        query.cancel()
        with pytest.raises(of.SqlError, match="cancelled"):
            query.wait()


def test_many_comments_before_what_is_no_query_are_read_once() -> None:
    with pytest.raises(ValueError, match="begins with none of"):
        of.read_odps("/* a */ " * 1000 + "DROP TABLE t")

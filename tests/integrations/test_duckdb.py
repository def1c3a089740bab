"""Scans in DuckDB, and what DuckDB has into tables."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest

import odps_frames as of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from odps_frames.local import LocalClient
    from tests.integrations.questions import Tables


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def random_condition(random: Random) -> str:
    n, sign = random.randrange, random.choice(["=", "<>", "<", "<=", ">", ">="])
    terms: list[Callable[[], str]] = [
        lambda: f"id {sign} {n(3_000)}",
        lambda: f"visitor {sign} {n(8)}",
        lambda: f"ratio {sign} {random.choice(['0.5', '3', '-0.0'])}",
        lambda: f"ratio {sign} '{random.choice(['nan', 'inf'])}'::double",
        lambda: "text " + sign + random.choice([" 'it''s'", " 'Hangzhou'", " '%_'", " ''"]),
        lambda: f"visitor in ({n(8)}, {n(8)}{random.choice(['', ', null'])})",
        lambda: random.choice(["flag", "not flag", "flag is null", "flag = true"]),
        lambda: f"day {sign} date '2026-01-{n(1, 28):02}'",
        lambda: f"moment {sign} timestamp '2026-01-01 {n(24):02}:{n(60):02}:00'",
        lambda: f"amount {sign} {n(4_000) / 100}",
        lambda: f"pt {sign} '{random.choice(['20260101', '20260103', 'x'])}'",
        lambda: f"{random.choice(['text', 'amount', 'ratio'])} is not null",
        lambda: random.choice(
            [
                "isnan(ratio)",
                "text like 'H%'",
                "ratio in (0.5, 'nan'::double)",
                "ratio between 0.5 and 2",
                "ratio is distinct from 0.5",
                "visitor is not distinct from null",
                "text not in ('it''s', '%_')",
            ]
        ),
    ]
    term = random.choice(terms)()
    match random.random():
        case turn if turn < 0.15:
            return f"not ({term})"
        case turn if turn < 0.35:
            return f"({term} or {random_condition(random)})"
        case turn if turn < 0.5:
            return f"({term} and {random_condition(random)})"
    return term


@pytest.mark.parametrize("part", range(4))
def test_random_conditions_give_what_they_give_on_a_table_of_duckdb(
    plans: Tables, con: duckdb.DuckDBPyConnection, part: int
) -> None:
    plans.events.to_duckdb("scanned", con)
    con.execute("create table kept as from scanned")
    for seed in range(part * 30, part * 30 + 30):
        where = random_condition(Random(seed))  # noqa: S311  no secret
        found = con.sql(f"select id, pt from scanned where {where}").fetchall()
        wanted = con.sql(f"select id, pt from kept where {where}").fetchall()
        assert Counter(found) == Counter(wanted), where


def explained(con: duckdb.DuckDBPyConnection, text: str) -> str:
    return "\n".join(row[1] for row in con.execute(f"explain {text}").fetchall())


def test_explain_shows_what_is_pushed(plans: Tables, con: duckdb.DuckDBPyConnection) -> None:
    plans.events.to_duckdb("e", con)
    told = explained(con, "select text from e where id < 10")
    assert "Projections: text" in told
    assert "Filters" in told
    assert '"id" < 10' in told.replace("id<10", '"id" < 10')


def test_a_view_and_a_relation_are_made_in_either_order(
    plans: Tables, con: duckdb.DuckDBPyConnection
) -> None:
    cities = plans.cities
    for relation in (
        cities.to_duckdb("a", con),
        cities.to_duckdb(con, "b"),
        cities.to_duckdb(con=con, name='odd "name"'),
        cities.to_duckdb(con),
        cities.to_duckdb(None, con),
        cities.to_duckdb(),
    ):
        assert len(relation.fetchall()) == 4
    for name in ("a", "b", '"odd ""name"""'):
        assert con.sql(f"select count(*) from {name}").fetchall() == [(4,)]
    con.execute("select 1")  # it is open still


@pytest.mark.parametrize("told", [("a", "b"), ("",), (1,), ("a", 1)])
def test_what_is_no_name_and_no_connection_is_refused(plans: Tables, told: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="expected"):
        plans.cities.to_duckdb(*told)


def test_a_view_reads_what_the_table_has_then(
    client: LocalClient, con: duckdb.DuckDBPyConnection, table: str
) -> None:
    of.to_odps(pa.table({"id": [1]}), table, create=True, client=client)
    of.scan_odps(table, client=client).to_duckdb("v", con)
    assert con.sql("select count(*) from v").fetchall() == [(1,)]
    of.to_odps(pa.table({"id": [2]}), table, client=client)
    assert con.sql("select count(*) from v").fetchall() == [(2,)]


def test_scans_and_datasets_of_the_surroundings_are_found(
    client: LocalClient, plans: Tables
) -> None:
    scan = plans.events
    found: Any = duckdb.sql("select count(*) from scan where id < 5")
    assert found.fetchall() == [(5,)]
    dataset = scan.dataset()
    since = len(client.service.requests)
    found = duckdb.sql("select id from dataset where pt = 'x'")
    assert found.fetchall() == []
    # The partition that is not there was left out before a session was opened.
    assert [r.operation for r in client.service.requests[since:]] == ["ListPartitions"]
    assert dataset.schema.names == scan.arrow_schema.names


def test_every_type_is_duckdbs_own(plans: Tables, con: duckdb.DuckDBPyConnection) -> None:
    relation = plans.types.to_duckdb(con)
    kinds = dict(zip(relation.columns, map(str, relation.types), strict=True))
    assert kinds["exact"] == "DECIMAL(38,18)"
    assert kinds["moment"] == "TIMESTAMP_MS"
    assert kinds["instant"] == kinds["clock"] == "TIMESTAMP_NS"
    assert kinds["mapping"] == "MAP(VARCHAR, BIGINT)"
    assert kinds["record"] == "STRUCT(a INTEGER, b VARCHAR[])"
    assert kinds["raw"] == "BLOB"
    for name in relation.columns:
        nothing = con.sql(f'select "{name}" from relation where "{name}" is null').fetchall()
        assert len(nothing) == (0 if name == "id" else 1), name


def test_intervals_come_whole_or_not_at_all(
    client: LocalClient, con: duckdb.DuckDBPyConnection, table: str
) -> None:
    spans = pa.array([timedelta(days=-3, microseconds=1), None], pa.duration("ns"))
    of.to_odps(pa.table({"span": spans}), table, create=True, client=client)
    relation = of.scan_odps(table, client=client).to_duckdb(con)
    assert relation.fetchall() == [(timedelta(days=-3, microseconds=1),), (None,)]
    of.to_odps(pa.table({"span": pa.array([1], pa.duration("ns"))}), table, client=client)
    with pytest.raises(duckdb.Error, match="would lose data"):
        relation.fetchall()


def test_relations_and_queries_go_into_tables(
    client: LocalClient, plans: Tables, con: duckdb.DuckDBPyConnection, table: str
) -> None:
    plans.events.to_duckdb("e", con)
    text = "select id, text, moment, pt from e where id < 500"
    options: Any = {"partition_cols": "pt", "client": client}
    made = of.duckdb.write_odps(text, table, con=con, create=True, **options)
    assert (made.rows, len(made.partitions)) == (500, 3)
    assert of.duckdb.write_odps(con.sql(text), table, **options).rows == 500
    assert of.to_odps(con.sql(text), table, **options).rows == 500
    back = of.duckdb.scan_odps(table, client=client)
    assert len(back.filter("id = 7").fetchall()) == 3


def test_what_cannot_be_written_is_refused(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(TypeError, match="expected a relation or the text of a query"):
        of.duckdb.write_odps(pa.table({}), "t")
    with pytest.raises(ValueError, match="con= was given for a relation"):
        of.duckdb.write_odps(con.sql("select 1 as id"), "t", con=con)


def test_a_relation_is_written_as_a_stream(
    client: LocalClient, con: duckdb.DuckDBPyConnection, table: str
) -> None:
    n_batches, taken = 1_000, []

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(n_batches):
            taken.append(number)
            yield pa.record_batch({"id": pa.array([number] * 10_000, pa.int64())})

    made = pa.RecordBatchReader.from_batches(pa.schema([("id", pa.int64())]), batches())
    options: Any = {"create": True, "client": client, "odps_types": {"id": "tinyint"}}
    with pytest.raises(of.CastError):
        of.duckdb.write_odps(con.from_arrow(made), table, **options)
    # Values above 127 were refused, and the batches behind them were never made.
    assert 128 <= len(taken) < n_batches

"""What holds for every engine: one session, one version, few bytes, an early stop, no secret."""

from __future__ import annotations

import gc
import pickle
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import odps_frames as of
from odps_frames.integrations.polars import lazy
from tests.integrations.wire import Wire, client_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.local import LocalClient

    Ask = Callable[[of.Scan], list[int]]

ROWS = 60_000
SPLITS = of.ByRows(2_000)


def in_duckdb(scan: of.Scan, text: str) -> list[int]:
    con = duckdb.connect()
    scan.to_duckdb("t", con)
    return [value for (value,) in con.sql(text).fetchall()]


def in_polars(frame: pl.LazyFrame) -> list[int]:
    return frame.collect().to_series().to_list()


def in_arrow(table: pa.Table) -> list[int]:
    found: list[Any] = table.column(0).to_pylist()
    return found


ENGINES: dict[str, dict[str, Ask]] = {
    "dataset": {
        "all": lambda scan: in_arrow(scan.dataset().to_table()),
        "one": lambda scan: in_arrow(scan.dataset().to_table(columns=["id"])),
        "few": lambda scan: in_arrow(
            scan.dataset().to_table(columns=["id"], filter=pc.field("id") < 300)
        ),
        "partition": lambda scan: in_arrow(
            scan.dataset().to_table(columns=["id"], filter=pc.field("pt") == "1")
        ),
        "first": lambda scan: in_arrow(
            scan.dataset().head(3, columns=["id"], filter=pc.field("id") >= 5)
        ),
    },
    "duckdb": {
        "all": lambda scan: in_duckdb(scan, "select id from t where text <> pt"),
        "one": lambda scan: in_duckdb(scan, "select id from t"),
        "few": lambda scan: in_duckdb(scan, "select id from t where id < 300"),
        "partition": lambda scan: in_duckdb(scan, "select id from t where pt = '1'"),
        "first": lambda scan: in_duckdb(scan, "select id from t where id >= 5 limit 3"),
    },
    **{
        f"polars-{way}": {
            "all": lambda scan, way=resolved: in_polars(lazy(scan, resolved=way)),  # type: ignore[misc]  # of this turn
            "one": lambda scan, way=resolved: in_polars(lazy(scan, resolved=way).select("id")),  # type: ignore[misc]  # of this turn
            "few": lambda scan, way=resolved: in_polars(  # type: ignore[misc]  # of this turn
                lazy(scan, resolved=way).filter(pl.col("id") < 300).select("id")
            ),
            "partition": lambda scan, way=resolved: in_polars(  # type: ignore[misc]  # of this turn
                lazy(scan, resolved=way).filter(pl.col("pt") == "1").select("id")
            ),
            "first": lambda scan, way=resolved: in_polars(  # type: ignore[misc]  # of this turn
                lazy(scan, resolved=way).filter(pl.col("id") >= 5).select("id").head(3)
            ),
        }
        for way, resolved in (("resolved", True), ("one-source", False))
    },
}

each_engine = pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)


def rows(start: int = 0) -> pa.Table:
    ids = range(start, start + ROWS)
    texts = [f"text {n}" for n in ids]
    return pa.table({"id": [*ids], "text": texts, "pt": [str(n % 3) for n in ids]})


@pytest.fixture(scope="module")
def filled(shared_client: LocalClient) -> str:
    of.to_odps(rows(), "promised", create=True, partition_cols=["pt"], client=shared_client)
    return "promised"


def count(client: LocalClient, since: int, operation: str) -> int:
    return [record.operation for record in client.service.requests[since:]].count(operation)


@each_engine
@pytest.mark.parametrize("question", ["all", "one", "few", "partition", "first"])
def test_a_query_is_one_read_session(
    client: LocalClient, filled: str, engine: dict[str, Ask], question: str
) -> None:
    scan = of.scan_odps(filled, split_by=SPLITS, client=client)
    since = len(client.service.requests)
    found = engine[question](scan)
    assert len(found) == {"few": 300, "partition": ROWS / 3, "first": 3}.get(question, ROWS)
    assert count(client, since, "TableCreateReadSession") == 1


@each_engine
def test_bytes_fall_with_the_projection_and_with_the_filters(
    client: LocalClient, filled: str, engine: dict[str, Ask]
) -> None:
    scan = of.scan_odps(filled, client=client)
    cost = {}
    for question in ("all", "one", "few", "partition"):
        since = len(client.service.requests)
        engine[question](scan)
        streams = client.service.requests[since:]
        cost[question] = sum(r.n_bytes_sent for r in streams if r.operation == "TableRead")
    assert cost["few"] > 0
    assert cost["one"] < cost["all"] / 2
    assert cost["few"] < cost["one"] / 20
    assert cost["partition"] < cost["all"] / 3


@each_engine
def test_the_first_rows_end_the_reading(
    client: LocalClient, filled: str, engine: dict[str, Ask]
) -> None:
    counted, wire = client_over(client)
    scan = of.scan_odps(filled, split_by=SPLITS, client=counted)
    assert len(engine["first"](scan)) == 3
    gc.collect()
    nothing_is_left(wire)


def nothing_is_left(wire: Wire) -> None:
    """A second is what threads may take to see that nobody wants more of them."""
    assert wire.is_quiet(within_seconds=1)
    reading = [t for t in threading.enumerate() if t.name.startswith("odps-read")]
    for thread in reading:
        thread.join(1)
    assert not [thread for thread in reading if thread.is_alive()]


def test_closed_generators_and_readers_end_the_reading(client: LocalClient, filled: str) -> None:
    counted, wire = client_over(client)
    scan = of.scan_odps(filled, split_by=SPLITS, client=counted)
    dataset: Any = scan.dataset()
    with closing(dataset.to_batches()) as batches:
        assert next(batches).num_rows
    nothing_is_left(wire)
    reader = dataset.scanner().to_reader()
    assert reader.read_next_batch().num_rows
    del reader
    nothing_is_left(wire)
    chunks = lazy(scan).collect_batches(chunk_size=100, engine="streaming")
    assert next(iter(chunks)).height
    del chunks
    nothing_is_left(wire)


@each_engine
def test_the_table_changes_between_planning_and_reading(
    client: LocalClient, table: str, engine: dict[str, Ask]
) -> None:
    of.to_odps(rows(), table, create=True, partition_cols=["pt"], client=client)
    scan = of.scan_odps(table, split_by=SPLITS, client=client)
    of.to_odps(rows(ROWS), table, mode="overwrite_partitions", partition_cols=["pt"], client=client)
    assert sorted(engine["one"](scan)) == list(range(ROWS, 2 * ROWS))


@each_engine
def test_the_table_changes_while_it_is_read(
    client: LocalClient, table: str, engine: dict[str, Ask]
) -> None:
    of.to_odps(rows(), table, create=True, partition_cols=["pt"], client=client)

    class Changing(Wire):
        """Changes the table when the first stream of rows is asked for."""

        changed = False

        def send(self, request: Any, /) -> Any:
            response = super().send(request)
            if not self.changed and client.service.requests[-1].operation == "TableRead":
                self.changed = True
                fresh = rows(ROWS)
                mode: Any = "overwrite_partitions"
                of.to_odps(fresh, table, mode=mode, partition_cols=["pt"], client=client)
            return response

    wire = Changing(client.service)
    scan = of.scan_odps(table, split_by=SPLITS, client=of.Client(client.config, transport=wire))
    assert sorted(engine["one"](scan)) == list(range(ROWS))
    assert wire.changed


def test_pieces_are_of_one_version(client: LocalClient, table: str) -> None:
    of.to_odps(rows(), table, create=True, partition_cols=["pt"], client=client)
    dataset = of.scan_odps(table, split_by=SPLITS, client=client).dataset()
    first, *others = dataset.get_fragments()
    found = in_arrow(first.to_table(columns=["id"]))
    of.to_odps(rows(ROWS), table, mode="overwrite_partitions", partition_cols=["pt"], client=client)
    for fragment in others:
        found += in_arrow(pickle.loads(pickle.dumps(fragment)).to_table(columns=["id"]))  # noqa: S301  our own
    assert sorted(found) == list(range(ROWS))


def test_nothing_that_pickles_has_a_secret(client: LocalClient, filled: str) -> None:
    config = client.config
    secret = config.secret_access_key
    assert secret is not None
    careful = of.connect(
        config.endpoint,
        project=config.project,
        access_id=config.access_id,
        secret_access_key=secret,
        set_as_default=False,
    )
    scan = of.scan_odps(filled, client=careful)
    fragment, *_ = scan.dataset().get_fragments()
    plan = lazy(scan, resolved=True)
    plan.explain()  # opens a session, which must not travel either
    found = [scan.dataset(), fragment, plan, lazy(scan, resolved=False)]
    for each in found:
        assert secret.encode() not in pickle.dumps(each)
        assert secret not in repr(each)
    careful.close()


def test_what_pickles_is_read_elsewhere(client: LocalClient, filled: str) -> None:
    scan = of.scan_odps(filled, client=client).filter("id < 10").select("id")
    for plan in (lazy(scan, resolved=True), lazy(scan, resolved=False)):
        assert in_polars(pickle.loads(pickle.dumps(plan)).sort("id")) == list(range(10))  # noqa: S301  our own
    dataset = pickle.loads(pickle.dumps(scan.dataset().filter(pc.field("id") > 3)))  # noqa: S301  our own
    assert sorted(in_arrow(dataset.to_table())) == list(range(4, 10))

"""The datasource by itself: what it asks of the service, and what travels to workers."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from ray import cloudpickle
from ray.data.datatype import DataType
from ray.data.expressions import col, udf

import odps_frames as of
from odps_frames.integrations.ray.sink import OdpsDatasink
from odps_frames.integrations.ray.source import OdpsDatasource
from odps_frames.write_options import WriteOptions
from tests.integrations.wire import client_over

if TYPE_CHECKING:
    from odps_frames.local import LocalClient
    from tests.integrations.wire import Wire

pytestmark = pytest.mark.slow  # Ray takes a minute to come and go

ROWS = 6_000
BY = of.ByRows(1_000)
FRAME = pd.DataFrame(
    {
        "id": np.arange(ROWS),
        "text": [f"a text of number {n}{'.' * 80}" for n in range(ROWS)],
        "pt": [f"2026010{n // 2_000}" for n in range(ROWS)],
    }
)


@pytest.fixture(scope="module")
def sales(shared_client: LocalClient) -> str:
    of.to_odps(FRAME, "ray_sales", partition_cols=["pt"], create=True, client=shared_client)
    return "ray_sales"


def source(client: of.Client, table: str, **options: Any) -> OdpsDatasource:
    return OdpsDatasource(of.scan_odps(table, client=client, **({"split_by": BY} | options)))


def rows(source: OdpsDatasource, parallelism: int = 100, limit: int | None = None) -> pa.Table:
    """Carry the tasks out in this process."""
    tasks = source.get_read_tasks(parallelism, limit)
    blocks: list[Any] = [block for task in tasks for block in task()]
    return pa.concat_tables(blocks)


def operations(client: LocalClient, since: int) -> list[str]:
    return [record.operation for record in client.service.requests[since:]]


def only(source: OdpsDatasource, *columns: str) -> OdpsDatasource:
    return source.apply_projection({name: name for name in columns})


def test_one_session_however_often_ray_asks(client: LocalClient, sales: str) -> None:
    since = len(client.service.requests)
    made = source(client, sales)
    asked = len(client.service.requests)
    assert operations(client, since).count("TableCreateReadSession") == 1
    narrow = only(made.apply_predicate(col("id") > 10), "text")
    for parallelism in (1, 2, 6, 50):
        assert len(made.get_read_tasks(parallelism)) == min(parallelism, 6)
        assert len(narrow.get_read_tasks(parallelism)) == min(parallelism, 6)
    assert made.estimate_inmemory_data_size()
    assert len(client.service.requests) == asked


@pytest.mark.parametrize("parallelism", [1, 4, 6])
def test_tasks_bring_each_row_once(client: LocalClient, sales: str, parallelism: int) -> None:
    found = rows(source(client, sales), parallelism)
    assert found["id"].to_pylist() == list(range(ROWS))
    assert found.schema == of.scan_odps(sales, client=client).arrow_schema


def test_numbers_of_rows_are_those_that_the_service_counted_or_none(
    client: LocalClient, sales: str
) -> None:
    made = source(client, sales)
    tasks = made.get_read_tasks(4)
    assert sum(task.metadata.num_rows or 0 for task in tasks) == ROWS
    assert [task.metadata.num_rows for task in made.get_read_tasks(6, 10)] == [10] * 6
    by_size = source(client, sales, split_by=of.BySize(10_000))
    filtered = source(client, sales, filters="id > 5")
    pushed = made.apply_predicate(col("id") > 5)
    for unknown in (by_size, filtered, pushed):
        assert {task.metadata.num_rows for task in unknown.get_read_tasks(6)} == {None}


@pytest.mark.parametrize("options", [{"partitions": "pt=1999"}, {"limit": 0}])
def test_nothing_has_a_schema_and_no_rows(
    client: LocalClient, sales: str, options: dict[str, Any]
) -> None:
    made = only(source(client, sales, **options), "text")
    (task,) = made.get_read_tasks(8)
    assert task.metadata.num_rows == made.estimate_inmemory_data_size() == 0
    assert task.schema == pa.schema([("text", pa.string())])
    assert rows(made).schema == task.schema
    assert made.apply_predicate(col("text") == "x") is made


def test_an_empty_table_has_a_schema_and_no_rows(client: LocalClient, table: str) -> None:
    client.create_table(table, {"id": "bigint"})
    assert rows(source(client, table)).schema == pa.schema([("id", pa.int64())])


def test_a_limit_is_exact_and_stops_early(client: LocalClient, sales: str) -> None:
    assert rows(source(client, sales, limit=2_500))["id"].to_pylist() == list(range(2_500))
    since = len(client.service.requests)
    assert rows(source(client, sales), 1, limit=1_500).num_rows == 1_500
    assert operations(client, since).count("TableRead") == 2


def test_columns_come_in_the_order_asked_for(client: LocalClient, sales: str) -> None:
    found = rows(only(source(client, sales), "text", "id"))
    assert found.column_names == ["text", "id"]
    assert found["id"].to_pylist() == list(range(ROWS))


def test_no_column_still_counts_the_rows(client: LocalClient, sales: str) -> None:
    made = only(source(client, sales))
    assert rows(made).num_rows == ROWS
    few = only(source(client, sales).apply_predicate(col("id") < 1_234))
    assert rows(few).num_rows == 1_234


def test_a_condition_is_applied_exactly_to_columns_that_do_not_come(
    client: LocalClient, sales: str
) -> None:
    made = source(client, sales, filters="id >= 100").apply_predicate(col("id") < 2_500)
    made = made.apply_predicate(col("pt") == "20260101")
    assert rows(only(made, "text"))["text"].to_pylist() == FRAME["text"][2_000:2_500].tolist()


def test_what_the_source_cannot_take_is_left_to_ray(client: LocalClient, sales: str) -> None:
    @udf(return_dtype=DataType.from_arrow(pa.bool_()))
    def odd(column: Any) -> Any:
        return column

    whatever: Any = odd
    made = source(client, sales)
    assert made.apply_predicate(whatever(col("id"))) is made
    assert made.apply_predicate(col("nowhere") == 1) is made
    assert made.apply_predicate(col("id") == "a text") is made
    narrow = only(made, "id")
    assert narrow.apply_predicate(col("text") == "x") is narrow
    with pytest.raises(of.SchemaMismatch, match=r"no columns \['ID'\] .* it has \['id'"):
        only(made, "ID")


def cost(wire: Wire, source: OdpsDatasource) -> int:
    def sent() -> int:
        return sum(wire.service.counters.n_bytes_sent.values())

    before = sent()
    rows(source)
    return sent() - before


def test_fewer_bytes_come_for_fewer_columns_and_rows(client: LocalClient, sales: str) -> None:
    other, wire = client_over(client)
    made = source(other, sales)
    whole = cost(wire, made)
    assert cost(wire, only(made, "id")) < whole / 2
    assert cost(wire, only(made)) < whole / 2
    assert cost(wire, only(made.apply_predicate(col("id") < 100), "text")) < whole / 2
    assert cost(wire, made.apply_predicate(col("id") < 100)) < whole / 2
    assert cost(wire, made.apply_predicate(col("id") < 0)) < whole / 3
    by_size = {"split_by": of.BySize(2_000)}  # to ranges of rows no filter is said
    few, many = (source(other, sales, filters=f"id < {n}", **by_size) for n in (100, ROWS))
    assert cost(wire, few) < cost(wire, many) / 4
    assert not wire.open


def test_a_task_that_is_given_up_closes_what_it_read(client: LocalClient, sales: str) -> None:
    other, wire = client_over(client)
    (task,) = source(other, sales, split_by=of.ByRows(ROWS)).get_read_tasks(1)
    running = iter(task())
    next(running)
    running.close()  # type: ignore[attr-defined]  # a generator
    assert not wire.open


def test_the_planned_version_is_read_whatever_becomes_of_the_table(
    client: LocalClient, table: str
) -> None:
    of.to_odps(FRAME[["id"]], table, create=True, client=client)
    made = source(client, table)
    of.to_odps(FRAME[["id"]] + ROWS, table, mode="overwrite", client=client)
    assert rows(made)["id"].to_pylist() == list(range(ROWS))
    assert rows(made.apply_predicate(col("id") >= ROWS)).num_rows == 0
    assert rows(source(client, table))["id"].to_pylist() == list(range(ROWS, 2 * ROWS))


def test_blobs_are_references_that_say_so_or_bytes(client: LocalClient, table: str) -> None:
    client.create_table(table, {"id": "bigint", "b": "blob"})
    of.to_odps(pd.DataFrame({"id": [1, 2], "b": [b"one", b"two"]}), table, client=client)
    refs = rows(source(client, table, split_by=None))
    assert refs.schema.field("b").metadata == {b"odps_frames.blobs": b"refs"}
    contents = rows(source(client, table, split_by=None, blobs="bytes"))
    assert contents["b"].to_pylist() == [b"one", b"two"]
    with pytest.raises(ValueError, match="blobs='files'"):
        source(client, table, blobs="files")


def dumped(value: object) -> bytes:
    """Pickle as Ray does."""
    found: bytes = cloudpickle.dumps(value)  # type: ignore[no-untyped-call]  # Ray's
    return found


def careful(client: LocalClient) -> of.Client:
    """A client whose secret does not travel."""
    config = client.config
    return of.connect(
        config.endpoint,
        project=config.project,
        access_id=config.access_id,
        secret_access_key=config.secret_access_key,
        set_as_default=False,
    )


@pytest.mark.parametrize("dumps", [pickle.dumps, dumped])
def test_no_secret_travels(client: LocalClient, sales: str, dumps: Any) -> None:
    secret = (client.config.secret_access_key or "").encode()
    made = source(careful(client), sales).apply_predicate(col("id") > 10)
    assert secret not in dumps(made)
    assert not any(secret in dumps(task) for task in made.get_read_tasks(3))


def test_no_secret_travels_with_a_sink(client: LocalClient, table: str) -> None:
    secret = (client.config.secret_access_key or "").encode()
    asked = careful(client)
    options = WriteOptions(create=True)
    sink = OdpsDatasink(asked, asked.ref(table), options, None)  # type: ignore[arg-type]  # unasked
    sink.on_write_start(pa.schema([("id", pa.int64())]))
    packed = dumped(sink)
    receipts = pickle.loads(pickle.dumps(sink.write([pa.table({"id": [1, 2]})], None)))  # noqa: S301
    assert secret not in packed
    assert len(receipts) == 1
    sink.on_write_failed(RuntimeError("enough"))
    assert not client.exists(table)

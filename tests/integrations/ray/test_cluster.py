"""Ray with two worker processes, killed in the middle: every row comes and goes once."""

from __future__ import annotations

import functools
import os
import signal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import ray
from ray.data.expressions import col

import odps_frames as of
from odps_frames.emulator.faults import Cut, Fault
from odps_frames.integrations.ray.sink import OdpsDatasink
from odps_frames.integrations.ray.writing import written
from odps_frames.write_options import WriteOptions
from tests.integrations import ray_cluster

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from odps_frames.local import LocalClient

pytestmark = pytest.mark.slow  # Ray takes a minute to come and go

ROWS = 6_000
BY = of.ByRows(1_000)
FRAME = pd.DataFrame(
    {
        "id": np.arange(ROWS),
        "text": [f"a text of number {n}" for n in range(ROWS)],
        "pt": [f"p{n % 2}" for n in range(ROWS)],
    }
)


@pytest.fixture(scope="module", autouse=True)
def cluster(shared_client: LocalClient) -> None:
    ray_cluster.start(shared_client.config)


@pytest.fixture
def careful(client: LocalClient) -> of.Client:
    """A client whose secret does not travel: workers find it in their surroundings."""
    config = client.config
    return of.connect(
        config.endpoint,
        project=config.project,
        access_id=config.access_id,
        secret_access_key=config.secret_access_key,
        set_as_default=False,
    )


@pytest.fixture(scope="module")
def sales(shared_client: LocalClient) -> str:
    of.to_odps(FRAME, "ray_facts", partition_cols=["pt"], create=True, client=shared_client)
    return "ray_facts"


@pytest.fixture
def small_blocks() -> Iterator[None]:
    """Ray makes several blocks of a task."""
    context = ray.data.DataContext.get_current()
    before = context.target_max_block_size
    context.target_max_block_size = 4_000
    yield
    context.target_max_block_size = before


def read(client: of.Client, table: str, **options: Any) -> ray.data.Dataset:
    ds: ray.data.Dataset = of.ray.read_odps(table, client=client, **({"split_by": BY} | options))
    return ds


def operations(client: LocalClient, since: int) -> list[str]:
    return [record.operation for record in client.service.requests[since:]]


def ids(rows: Any) -> list[int]:
    found: list[Any] = arrow(rows)["id"].to_pylist()
    return sorted(found)


def arrow(rows: ray.data.Dataset) -> pa.Table:
    """All rows, past ``Dataset.to_pandas``, which warns of itself."""
    return pa.concat_tables([ray.get(ref) for ref in rows.to_arrow_refs()])


def stored(client: of.Client, table: str) -> list[int]:
    found: list[int] = sorted(of.read_odps(table, client=client)["id"].tolist())
    return found


def die_once(mark: Path) -> None:
    """Kill this process, unless one was killed before."""
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def die_in_the_middle(mark: Path, batch: Any) -> Any:
    if 4_600 in batch["id"]:
        die_once(mark)
    return batch


class DyingSink(OdpsDatasink):
    """Its first task dies when it has sent all its rows, or some of them."""

    def __init__(self, *said: Any, mark: Path, at_the_end: bool) -> None:
        super().__init__(*said)
        self.mark = mark
        self.at_the_end = at_the_end

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"mark": self.mark, "at_the_end": self.at_the_end}

    def write(self, blocks: Iterable[Any], ctx: object) -> Any:
        if not self.at_the_end:
            blocks = list(blocks)
            super().write([block[:3] for block in blocks], ctx)
            die_once(self.mark)
        receipts = super().write(blocks, ctx)
        die_once(self.mark)
        return receipts


def sink(client: of.Client, table: str, ds: ray.data.Dataset, **options: Any) -> Any:
    return (client, client.ref(table), WriteOptions(**options), ds)


def test_it_reads_what_pandas_reads_in_one_session(client: LocalClient, sales: str) -> None:
    since = len(client.service.requests)
    ds = read(client, sales)
    found = arrow(ds).sort_by("id")
    assert operations(client, since).count("TableCreateReadSession") == 1
    assert found.equals(of.scan_odps(sales, client=client).to_arrow().sort_by("id"))
    assert ds.schema().names == ["id", "text", "pt"]


def test_columns_and_conditions_go_into_the_read(client: LocalClient, sales: str) -> None:
    since = len(client.service.requests)
    ds = read(client, sales).filter(expr=(col("id") < 100) & (col("pt") == "p0"))
    assert ds.select_columns(["text"]).count() == 50
    assert ds.count() == 50
    assert ds.select_columns(["id"]).sum("id") == sum(range(0, 100, 2))
    renamed = ds.rename_columns({"text": "words"}).select_columns(["words"])
    assert renamed.take(1) == [{"words": "a text of number 0"}]
    assert operations(client, since).count("TableCreateReadSession") == 1
    bare = read(client, sales).select_columns([])
    assert (bare.count(), bare.schema().names) == (ROWS, [])


def test_two_branches_of_a_query_are_of_the_planned_version(
    client: LocalClient, table: str
) -> None:
    of.to_odps(FRAME[["id"]], table, create=True, client=client)
    since = len(client.service.requests)
    ds = read(client, table)
    of.to_odps(FRAME[["id"]] + ROWS, table, mode="overwrite", client=client)
    first, last = ds.filter(expr=col("id") < 10), ds.filter(expr=col("id") >= ROWS - 5)
    assert ids(first.union(last)) == [*range(10), *range(ROWS - 5, ROWS)]
    assert ids(ds) == list(range(ROWS))
    assert operations(client, since).count("TableCreateReadSession") == 1


def test_counting_reads_nothing_where_the_rows_are_known(client: LocalClient, sales: str) -> None:
    ds = read(client, sales)
    since = len(client.service.requests)
    assert ds.count() == ds.select_columns(["id"]).count() == ROWS
    assert operations(client, since) == []
    assert read(client, sales, split_by=None).count() == ROWS
    assert read(client, sales, filters="id >= 10").count() == ROWS - 10


def test_a_limit_stops_early(client: LocalClient, sales: str) -> None:
    ds = read(client, sales, override_num_blocks=6, concurrency=1)
    since = len(client.service.requests)
    assert len(ds.take(7)) == 7
    assert operations(client, since).count("TableRead") < 6
    assert read(client, sales, limit=2_500).count() == 2_500
    both = of.scan_odps(sales, client=client, split_by=BY).filter("id >= 40").limit(3).to_ray()
    assert both.count() == len(both.take_all()) == 3
    assert read(client, sales, partitions="pt=p1", limit=5, split_by=None).count() == 5


@pytest.mark.parametrize("options", [{"partitions": "pt=p9"}, {"limit": 0}, {"filters": "id < 0"}])
def test_nothing_keeps_its_schema(client: LocalClient, sales: str, options: dict[str, Any]) -> None:
    ds = read(client, sales, **options)
    assert ds.schema().names == ["id", "text", "pt"]
    assert (ds.count(), ds.take_all()) == (0, [])
    copy = f"ray_none_{'_'.join(options)}"
    assert of.ray.write_odps(ds, copy, create=True, client=client).rows == 0
    assert of.read_odps(copy, client=client).columns.tolist() == ["id", "text", "pt"]


def test_a_query_is_read_too(client: LocalClient, sales: str) -> None:
    ds = of.ray.read_odps(f"select id + 1 as id from {sales} where id < 10", client=client)
    assert ids(ds) == list(range(1, 11))


def test_options_are_checked(client: LocalClient, sales: str) -> None:
    with pytest.raises(ValueError, match="override_num_blocks=0"):
        read(client, sales, override_num_blocks=0)
    with pytest.raises(ValueError, match="concurrency=0"):
        of.ray.write_odps(read(client, sales), "x", concurrency=0, client=client)
    with pytest.raises(TypeError, match=r"DataFrame; expected a ray\.data\.Dataset"):
        of.ray.write_odps(FRAME, "x", client=client)
    with pytest.raises(ValueError, match="index=True of a Ray dataset"):
        of.to_odps(read(client, sales), "x", index=True, client=client)
    with pytest.raises(ValueError, match="data of ray"):
        of.to_odps(read(client, sales), "x", dry_run=True, client=client)


def test_a_worker_is_killed_while_it_reads(
    client: LocalClient, careful: of.Client, sales: str, tmp_path: Path, small_blocks: None
) -> None:
    del small_blocks
    since = len(client.service.requests)
    client.service.faults.add(
        Fault(effect=Cut(), action="TableRead", when="at_byte", at_byte=20_000, times=4)
    )
    mark = tmp_path / "mark"
    ds = read(careful, sales, split_by=of.ByRows(2_000))
    whole = ds.map_batches(functools.partial(die_in_the_middle, mark), batch_size=100).materialize()
    assert mark.exists()
    assert whole.num_blocks() > 6
    assert ids(whole) == list(range(ROWS))
    asked = operations(client, since)
    assert asked.count("TableCreateReadSession") == 1
    assert asked.count("TableRead") > 4


@pytest.mark.parametrize("at_the_end", [False, True])
def test_a_worker_is_killed_while_it_writes(
    client: LocalClient, careful: of.Client, table: str, tmp_path: Path, *, at_the_end: bool
) -> None:
    since = len(client.service.requests)
    mark = tmp_path / "mark"
    ds = ray.data.from_pandas([FRAME[start : start + 1_000] for start in range(0, ROWS, 1_000)])
    said = sink(careful, table, ds, create=True, partition_cols=("pt",))
    result = written(ds, DyingSink(*said, mark=mark, at_the_end=at_the_end), None)
    assert mark.exists()
    assert (result.rows, sorted(result.partitions)) == (ROWS, ["pt=p0", "pt=p1"])
    assert stored(client, table) == list(range(ROWS))
    asked = operations(client, since)
    assert asked.count("TableCreateWriteSession") == asked.count("TableCommitWriteSession") == 1
    assert asked.count("TableCreateWriteStream") > 6


def test_a_table_goes_from_tasks_to_tasks(
    client: LocalClient, careful: of.Client, sales: str, table: str
) -> None:
    ds = read(careful, sales).filter(expr=col("id") >= 100)
    result = of.to_odps(ds, table, create=True, partition_cols=["pt"], client=careful)
    assert result.rows == ROWS - 100
    assert stored(client, table) == list(range(100, ROWS))
    shuffled = read(careful, table).map(lambda row: {"id": row["id"] * 2, "pt": "p0"})
    of.ray.write_odps(
        shuffled,
        table,
        mode="overwrite_partitions",
        partition_cols="pt",
        fill_missing=True,
        concurrency=1,
        client=careful,
    )
    odd = [n for n in range(100, ROWS) if n % 2]
    assert stored(client, table) == sorted([*odd, *(2 * n for n in range(100, ROWS))])


def test_a_failure_of_a_task_leaves_nothing(client: LocalClient, sales: str, table: str) -> None:
    ds = read(client, sales, columns=["id"])
    with pytest.raises(of.CastError, match="128 of int64 does not fit tinyint"):
        of.ray.write_odps(ds, table, create=True, odps_types={"id": "tinyint"}, client=client)
    assert not client.exists(table)


def fail(batch: Any) -> Any:
    if ROWS - 1 in batch["id"]:
        raise RuntimeError("a failure of the user's")
    return batch


def test_a_failure_before_the_write_leaves_nothing(
    client: LocalClient, sales: str, table: str
) -> None:
    ds = read(client, sales).map_batches(fail)
    with pytest.raises(ray.exceptions.RayTaskError, match="a failure of the user's"):
        of.ray.write_odps(ds, table, create=True, client=client)
    assert not client.exists(table)


def test_a_place_that_is_taken(client: LocalClient, sales: str, table: str) -> None:
    of.to_odps(FRAME[:5], table, create=True, client=client)
    ds = read(client, sales)
    assert of.ray.write_odps(ds, table, mode="ignore", client=client).rows == 0
    with pytest.raises(of.Conflict, match="mode='error'"):
        of.ray.write_odps(ds, table, if_exists="fail", client=client)
    with pytest.raises(of.SchemaMismatch, match="add it, or fill_missing=True"):
        of.ray.write_odps(ds.select_columns(["id"]), table, client=client)
    assert stored(client, table) == list(range(5))


def test_blocks_of_several_kinds_go_into_one_table(client: LocalClient, table: str) -> None:
    nulls = pa.table({"id": pa.array([1, 2]), "n": pa.array([None, None])})
    numbers = pa.table({"id": pa.array([3]), "n": pa.array([7])})
    frame = pd.DataFrame({"id": [4], "n": [8]})
    client.create_table(table, {"id": "bigint", "n": "bigint"})
    parts = [ray.data.from_arrow(nulls), ray.data.from_arrow(numbers), ray.data.from_pandas(frame)]
    ds = parts[0].union(*parts[1:])
    assert of.ray.write_odps(ds, table, client=client).rows == 4
    found = of.read_odps(table, client=client, dtype_backend="pyarrow").sort_values("id")
    assert found["n"].fillna(0).tolist() == [0, 0, 7, 8]
    with pytest.raises(of.SchemaMismatch, match=r"odps_types=\{'n'"):
        of.ray.write_odps(ray.data.from_arrow(nulls), f"{table}_new", create=True, client=client)


class InterruptedSink(OdpsDatasink):
    """Somebody presses Ctrl-C when all is written."""

    def on_write_complete(self, write_result: object) -> None:
        del write_result
        raise KeyboardInterrupt


def test_an_interrupt_leaves_nothing(client: LocalClient, sales: str, table: str) -> None:
    ds = read(client, sales)
    with pytest.raises(KeyboardInterrupt):
        written(ds, InterruptedSink(*sink(client, table, ds, create=True)), None)
    assert not client.exists(table)


def late(row: dict[str, Any]) -> bool:
    return bool(row["id"] >= ROWS - 10)


@pytest.mark.filterwarnings("ignore:Use 'expr' instead of 'fn':UserWarning")
def test_a_first_block_without_rows_decides_nothing(
    client: LocalClient, sales: str, table: str
) -> None:
    ds = read(client, sales).filter(late)
    assert of.ray.write_odps(ds, table, create=True, client=client).rows == 10
    assert stored(client, table) == list(range(ROWS - 10, ROWS))


def test_a_dataset_without_blocks_says_what_is_missing(client: LocalClient, table: str) -> None:
    with pytest.raises(of.SchemaMismatch):
        of.ray.write_odps(ray.data.from_items([]), table, create=True, client=client)
    assert not client.exists(table)

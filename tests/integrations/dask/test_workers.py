"""Workers in processes of their own, killed in the middle: every row comes and goes once."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from distributed import Client as DaskClient
from distributed import LocalCluster, WorkerPlugin

import odps_frames as of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from odps_frames.local import LocalClient

ROWS = 4_000
FRAME = pd.DataFrame({"id": np.arange(ROWS), "pt": [f"p{n % 2}" for n in range(ROWS)]})


class KillOnce(WorkerPlugin):
    """Kills the first worker that has carried out such a task, before anybody learns of it."""

    idempotent = False

    def __init__(self, task: str, mark: Path) -> None:
        self.name = f"kill-{task}"
        self._task = task
        self._mark = mark

    def transition(self, key: Any, start: str, finish: str, **_: Any) -> None:
        del start
        if finish != "memory" or self._task not in str(key):
            return
        try:
            self._mark.touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def careful(shared_client: LocalClient) -> of.Client:
    """A client whose secret does not travel."""
    config = shared_client.config
    return of.connect(
        config.endpoint,
        project=config.project,
        access_id=config.access_id,
        secret_access_key=config.secret_access_key,
        set_as_default=False,
    )


@pytest.fixture(scope="module")
def cluster(careful: of.Client) -> Iterator[DaskClient]:
    """Two worker processes, which find the secret in their surroundings."""
    config = careful.config
    surroundings = {
        "ODPS_ACCESS_ID": config.access_id,
        "ODPS_ACCESS_KEY": config.secret_access_key,
    }
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            env=surroundings,
        ) as cluster,
        DaskClient(cluster) as client,
    ):
        yield client


@pytest.fixture
def killed(cluster: DaskClient, tmp_path: Path) -> Any:
    """Return a block in which a worker is killed when it has carried out such a task."""

    @contextmanager
    def block(task: str) -> Iterator[None]:
        plugin, mark = KillOnce(task, tmp_path / "mark"), tmp_path / "mark"
        cluster.register_plugin(plugin)
        yield
        cluster.unregister_worker_plugin(plugin.name)
        assert mark.exists()
        cluster.wait_for_workers(2)

    return block


def last(client: LocalClient) -> int:
    return max((record.id for record in client.service.requests), default=0)


def operations(client: LocalClient, since: int) -> list[str]:
    return [record.operation for record in client.service.requests.select(since=since)]


def ids(client: of.Client, table: str) -> list[int]:
    found: list[int] = sorted(of.read_odps(table, client=client)["id"].tolist())
    return found


def parts() -> dd.DataFrame:
    found: dd.DataFrame = dd.from_pandas(FRAME, npartitions=8)
    return found


def test_a_worker_is_killed_while_it_reads(
    client: LocalClient, careful: of.Client, table: str, killed: Any
) -> None:
    of.to_odps(FRAME, table, partition_cols=["pt"], create=True, client=client)
    since = last(client)
    ddf = of.dask.read_odps(table, split_by=of.ByRows(500), client=careful)
    of.to_odps(FRAME.iloc[:1], table, mode="overwrite_partitions", client=client)
    with killed("read-odps"):
        found = ddf.compute()
    assert sorted(found["id"].tolist()) == list(range(ROWS))
    assert operations(client, since).count("TableCreateReadSession") == 1


def test_a_worker_is_killed_while_it_writes(
    client: LocalClient, careful: of.Client, table: str, killed: Any
) -> None:
    since = last(client)
    with killed("write-odps"):
        result = of.dask.to_odps(parts(), table, partition_cols=["pt"], create=True, client=careful)
    assert result.rows == ROWS
    assert ids(client, table) == list(range(ROWS))
    asked = operations(client, since)
    assert asked.count("TableCreateWriteSession") == asked.count("TableCommitWriteSession") == 1


def test_a_worker_is_killed_when_it_has_committed(
    client: LocalClient, careful: of.Client, table: str, killed: Any
) -> None:
    client.create_table(table, {"id": "bigint"})
    delayed = of.dask.to_odps(parts()[["id"]], table, compute=False, client=careful)
    with killed("commit-odps"):
        result = delayed.compute()
    assert result.rows == ROWS
    assert ids(client, table) == list(range(ROWS))


def test_a_table_travels_from_worker_to_worker(
    client: LocalClient, careful: of.Client, cluster: DaskClient, table: str
) -> None:
    assert len(cluster.scheduler_info()["workers"]) == 2
    of.to_odps(FRAME, table, partition_cols=["pt"], create=True, client=client)
    ddf = of.dask.read_odps(table, split_by=of.ByRows(500), filters="id >= 100", client=careful)
    counts = ddf.groupby("pt")["id"].count().compute()
    assert counts.to_dict() == {"p0": (ROWS - 100) // 2, "p1": (ROWS - 100) // 2}
    copy = f"{table}_copy"
    shuffled = ddf.shuffle("id")
    of.dask.to_odps(shuffled, copy, partition_cols=["pt"], create=True, client=careful)
    assert ids(client, copy) == list(range(100, ROWS))


def test_a_failure_of_a_worker_leaves_nothing(
    client: LocalClient, careful: of.Client, cluster: DaskClient, table: str
) -> None:
    assert cluster.status == "running"
    wrong = parts().assign(n=parts()["id"].mask(parts()["id"] < ROWS - 1, 1))
    with pytest.raises(of.CastError, match=f"{ROWS - 1}"):
        of.dask.to_odps(
            wrong,
            table,
            partition_cols=["pt"],
            create=True,
            odps_types={"n": "tinyint"},
            client=careful,
        )
    assert not client.exists(table)

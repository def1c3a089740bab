"""A write of many workers: one session, one commit, whatever becomes of the tasks."""

from __future__ import annotations

import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames.model.table import Partition
from odps_frames.model.types import parse_type
from odps_frames.shared_write import PartReceipt, SharedWrite, WriteTask
from odps_frames.write_options import WriteOptions

if TYPE_CHECKING:
    from odps_frames.local import LocalClient

SCHEMA = pa.schema([pa.field("id", pa.int64())]).append(pa.field("pt", pa.string()))


def part(number: int, n_rows: int = 50) -> pd.DataFrame:
    ids = range(number * n_rows, (number + 1) * n_rows)
    return pd.DataFrame({"id": list(ids), "pt": [f"p{i % 2}" for i in ids]})


def write_part(task: WriteTask, number: int) -> PartReceipt:
    return task.write(part(number))


def shared(
    client: LocalClient, table: str, schema: pa.Schema = SCHEMA, **options: Any
) -> SharedWrite:
    return SharedWrite(client, schema, client.ref(table), WriteOptions(**options))


def ids(client: LocalClient, table: str) -> list[int]:
    found: list[int] = sorted(of.read_odps(table, client=client)["id"].tolist())
    return found


def test_workers_write_one_session_with_one_commit(client: LocalClient, table: str) -> None:
    since = max((record.id for record in client.service.requests), default=0)
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(2, mp_context=context) as pool,
        shared(client, table, create=True, partition_cols=("pt",)) as write,
    ):
        receipts = list(pool.map(write_part, repeat(write.task), range(4)))
        assert ids(client, table) == []
        result = write.commit(receipts)
    assert ids(client, table) == list(range(200))
    assert (result.rows, sorted(result.partitions)) == (200, ["pt=p0", "pt=p1"])
    asked = [record.operation for record in client.service.requests.select(since=since)]
    assert asked.count("TableCreateWriteSession") == 1
    assert asked.count("TableCommitWriteSession") == 1


def test_tasks_that_are_tried_again_add_nothing(client: LocalClient, table: str) -> None:
    with shared(client, table, create=True, partition_cols=("pt",)) as write:
        assert write.task is not None
        write.task.write(part(0))  # its receipt was lost
        receipt = write.task.write(part(0))
        told = [receipt, pickle.loads(pickle.dumps(receipt))]  # noqa: S301  our own
        assert write.commit(told).rows == 50
    assert ids(client, table) == list(range(50))


def test_leaving_without_a_commit_leaves_nothing(client: LocalClient, table: str) -> None:
    with shared(client, table, create=True, partition_cols=("pt",)) as write:
        assert write.task is not None
        write.task.write(part(0))
    assert not client.exists(table)


def test_a_failure_leaves_nothing(client: LocalClient, table: str) -> None:
    def fail() -> None:
        with shared(client, table, create=True, partition_cols=("pt",)) as write:
            assert write.task is not None
            write.task.write(part(0))
            raise RuntimeError("a failure of the engine")

    with pytest.raises(RuntimeError, match="of the engine"):
        fail()
    assert not client.exists(table)


def test_an_overwrite_by_nothing_empties(client: LocalClient, table: str) -> None:
    of.to_odps(part(0)[["id"]], table, create=True, client=client)
    with shared(client, table, pa.schema([("id", pa.int64())]), mode="overwrite") as write:
        assert write.commit([]).rows == 0
    assert ids(client, table) == []


def test_a_partition_is_overwritten_and_no_other(client: LocalClient, table: str) -> None:
    of.to_odps(part(0), table, create=True, partition_cols=["pt"], client=client)
    with shared(
        client,
        table,
        pa.schema([("id", pa.int64())]),
        mode="overwrite",
        partition=Partition.of("pt=p0"),
    ) as write:
        assert write.task is not None
        write.commit([write.task.write(pd.DataFrame({"id": [1000]}))])
    assert ids(client, table) == [*range(1, 50, 2), 1000]


def test_upserts_are_shared_too(client: LocalClient, table: str) -> None:
    client.create_table(
        table,
        of.TableSchema(
            (
                of.Column("id", parse_type("bigint"), nullable=False),
                of.Column("v", parse_type("bigint")),
            )
        ),
        primary_key=["id"],
        properties={"transactional": "true"},
    )
    schema = pa.schema([("id", pa.int64()), ("v", pa.int64())])
    with shared(client, table, schema, mode="upsert") as write:
        assert write.task is not None
        parts = [
            write.task.write(pd.DataFrame({"id": [1, 2], "v": [1, 2]})),
            write.task.write(pd.DataFrame({"id": [3], "v": [3]})),
        ]
        write.commit(parts)
    assert ids(client, table) == [1, 2, 3]


def test_a_key_of_two_parts_is_refused(client: LocalClient, table: str) -> None:
    columns = (
        of.Column("id", parse_type("bigint"), nullable=False),
        of.Column("v", parse_type("bigint")),
    )
    client.create_table(
        table,
        of.TableSchema(columns, (of.Column("pt", parse_type("string")),)),
        primary_key=["id"],
        properties={"transactional": "true"},
    )
    schema = SCHEMA.insert(1, pa.field("v", pa.int64()))
    rows = [pd.DataFrame({"id": [1], "v": [v], "pt": [pt]}) for v, pt in ((1, "a"), (2, "b"))]
    with shared(client, table, schema, mode="upsert") as write:
        assert write.task is not None
        assert write.commit([write.task.write(part) for part in rows]).rows == 2
    with shared(client, table, schema, mode="upsert") as write:
        assert write.task is not None
        parts = [write.task.write(part) for part in (*rows, rows[0].assign(v=3))]
        with pytest.raises(of.CastError, match="1 keys were written by more than one task"):
            write.commit(parts)
    assert sorted(of.read_odps(table, client=client)["v"]) == [1, 2]


def test_columns_of_unknown_types_are_not_made(client: LocalClient, table: str) -> None:
    schema = SCHEMA.append(pa.field("what", pa.null()))
    with (
        pytest.raises(of.SchemaMismatch, match=r"\['what'\]"),
        shared(client, table, schema, create=True, partition_cols=("pt",)),
    ):
        pass
    assert not client.exists(table)


def test_what_does_not_fit_fails_in_its_task(client: LocalClient, table: str) -> None:
    client.create_table(table, {"id": "tinyint"})
    with shared(client, table, pa.schema([("id", pa.int64())])) as write:
        assert write.task is not None
        with pytest.raises(of.CastError, match="300"):
            write.task.write(pd.DataFrame({"id": [300]}))
    assert ids(client, table) == []


def test_a_place_that_is_taken(client: LocalClient, table: str) -> None:
    of.to_odps(part(0), table, create=True, partition_cols=["pt"], client=client)
    with shared(client, table, mode="ignore", partition_cols=("pt",)) as write:
        assert write.task is None
        assert write.commit([]).rows == 0
    with (
        pytest.raises(of.Conflict, match="mode='error'"),
        shared(client, table, mode="error", partition_cols=("pt",)),
    ):
        pass
    assert ids(client, table) == list(range(50))


def test_tasks_hold_no_secret_that_was_not_to_travel(client: LocalClient, table: str) -> None:
    secret = client.config.secret_access_key
    assert secret is not None
    careful = of.connect(
        client.config.endpoint,
        project=client.config.project,
        access_id=client.config.access_id,
        secret_access_key=secret,
        set_as_default=False,
    )
    options = WriteOptions(create=True, partition_cols=("pt",))
    with SharedWrite(careful, SCHEMA, careful.ref(table), options) as write:
        assert secret.encode() not in pickle.dumps(write.task)

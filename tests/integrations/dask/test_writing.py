"""Dask DataFrames into tables: one session, one commit, all rows or none."""

from __future__ import annotations

import pickle
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

import odps_frames as of
from odps_frames.emulator.faults import Fault, Refuse
from odps_frames.model.types import parse_type

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dask.delayed import Delayed

    from odps_frames.local import LocalClient

ROWS = 600
FRAME = pd.DataFrame({"id": np.arange(ROWS), "pt": [f"p{n % 2}" for n in range(ROWS)]})


@pytest.fixture(autouse=True)
def here() -> Iterator[None]:
    with dask.config.set(scheduler="threads", num_workers=2):
        yield


def parts(frame: pd.DataFrame = FRAME, npartitions: int = 4) -> dd.DataFrame:
    found: dd.DataFrame = dd.from_pandas(frame, npartitions=npartitions)
    return found


def ids(client: of.Client, table: str) -> list[int]:
    found: list[int] = sorted(of.read_odps(table, client=client)["id"].tolist())
    return found


def last(client: LocalClient) -> int:
    return max((record.id for record in client.service.requests), default=0)


def operations(client: LocalClient, since: int) -> list[str]:
    return [record.operation for record in client.service.requests.select(since=since)]


def fail_at(number: int, error: type[BaseException] = RuntimeError) -> dd.DataFrame:
    """The rows, of which one partition cannot be computed."""

    def check(frame: pd.DataFrame) -> pd.DataFrame:
        if (frame["id"] == number).any():
            raise error("a failure of the computation")
        return frame

    found: dd.DataFrame = parts().map_partitions(check, meta=FRAME.iloc[:0])
    return found


def keyed_table(client: LocalClient, table: str) -> str:
    columns = (
        of.Column("id", parse_type("bigint"), nullable=False),
        of.Column("pt", parse_type("string")),
    )
    properties = {"transactional": "true"}
    client.create_table(table, of.TableSchema(columns), primary_key=["id"], properties=properties)
    return table


def test_partitions_go_through_one_session_with_one_commit(client: LocalClient, table: str) -> None:
    since = last(client)
    result = of.dask.to_odps(parts(), table, partition_cols=["pt"], create=True, client=client)
    assert (result.rows, sorted(result.partitions)) == (ROWS, ["pt=p0", "pt=p1"])
    assert ids(client, table) == list(range(ROWS))
    asked = operations(client, since)
    assert asked.count("TableCreateWriteSession") == asked.count("TableCommitWriteSession") == 1


def test_the_front_door_lets_workers_write(client: LocalClient, table: str) -> None:
    result = of.to_odps(parts()[["id"]], table, create=True, client=client)
    assert result.rows == ROWS
    assert ids(client, table) == list(range(ROWS))


@pytest.mark.parametrize(
    "options",
    [{"dry_run": True}, {"n_streams": 2}, {"progress": True}],
    ids=lambda o: next(iter(o)),
)
def test_what_workers_cannot_do_is_refused(
    client: LocalClient, table: str, options: dict[str, Any]
) -> None:
    (name,) = options
    with pytest.raises(ValueError, match=f"{name}=.* data of dask"):
        of.to_odps(parts(), table, create=True, client=client, **options)
    assert not client.exists(table)


def test_a_table_is_copied_by_splits(client: LocalClient, table: str) -> None:
    of.to_odps(FRAME, table, partition_cols=["pt"], create=True, client=client)
    ddf = of.dask.read_odps(table, split_by=of.ByRows(100), client=client)
    copy = f"{table}_copy"
    of.dask.to_odps(ddf, copy, partition_cols=["pt"], create=True, client=client)
    assert ids(client, copy) == list(range(ROWS))


def test_every_type_survives_the_way_through_dask(asked_client: LocalClient, table: str) -> None:
    whole = of.read_odps("q_types", dtype_backend="pyarrow", client=asked_client)
    ddf = of.dask.read_odps("q_types", dtype_backend="pyarrow", client=asked_client)
    names = [f"{table}_{way}" for way in ("dask", "pandas")]
    for name, data in zip(names, (ddf, whole), strict=True):
        asked_client.create_table(name, asked_client.table("q_types").schema)
        of.to_odps(data, name, client=asked_client)
    by_dask, by_pandas = (
        of.read_odps(name, dtype_backend="pyarrow", client=asked_client) for name in names
    )
    pd.testing.assert_frame_equal(by_dask, by_pandas)


def test_modes_do_what_they_say(client: LocalClient, table: str) -> None:
    of.to_odps(FRAME, table, partition_cols=["pt"], create=True, client=client)
    one = parts(pd.DataFrame({"id": [1_000, 1_001]}), 2)
    of.dask.to_odps(one, table, mode="overwrite", partition="pt=p0", client=client)
    assert ids(client, table) == [*range(1, ROWS, 2), 1_000, 1_001]
    other = parts(pd.DataFrame({"id": [5, 6], "pt": ["p1", "p2"]}), 2)
    of.dask.to_odps(other, table, mode="overwrite_partitions", client=client)
    assert ids(client, table) == [5, 6, 1_000, 1_001]
    assert of.dask.to_odps(other, table, mode="ignore", client=client).rows == 0
    with pytest.raises(of.Conflict, match="mode='error'"):
        of.dask.to_odps(other, table, if_exists="fail", client=client)
    assert ids(client, table) == [5, 6, 1_000, 1_001]


def test_an_overwrite_by_nothing_empties(client: LocalClient, table: str) -> None:
    of.to_odps(FRAME[["id"]], table, create=True, client=client)
    nothing = parts(FRAME[["id"]])
    result = of.dask.to_odps(nothing[nothing["id"] < 0], table, mode="overwrite", client=client)
    assert result.rows == 0
    assert ids(client, table) == []


def test_a_failure_of_the_computation_leaves_nothing(client: LocalClient, table: str) -> None:
    with pytest.raises(RuntimeError, match="a failure of the computation"):
        of.dask.to_odps(fail_at(400), table, partition_cols=["pt"], create=True, client=client)
    assert not client.exists(table)


def test_an_interruption_leaves_nothing(client: LocalClient, table: str) -> None:
    ddf = fail_at(400, KeyboardInterrupt)
    with dask.config.set(scheduler="sync"), pytest.raises(KeyboardInterrupt):
        of.dask.to_odps(ddf, table, partition_cols=["pt"], create=True, client=client)
    assert not client.exists(table)


def test_a_failure_of_the_service_leaves_nothing(client: LocalClient, table: str) -> None:
    target = f"*tables.{table}*"
    client.service.faults.add(
        Fault(effect=Refuse(403, "Denied"), action="TableWrite", target=target, skip=2, times=None)
    )
    with pytest.raises(of.ServiceError, match="as a rule demands"):
        of.dask.to_odps(parts(), table, partition_cols=["pt"], create=True, client=client)
    assert not client.exists(table)


def test_what_does_not_fit_leaves_nothing(client: LocalClient, table: str) -> None:
    client.create_table(table, {"id": "tinyint"})
    with pytest.raises(of.CastError, match="id"):
        of.dask.to_odps(parts(FRAME[["id"]]), table, client=client)
    with pytest.raises(of.SchemaMismatch, match="pt"):
        of.dask.to_odps(parts(), table, client=client)
    assert ids(client, table) == []


def test_types_of_objects_are_to_be_said(client: LocalClient, table: str) -> None:
    with dask.config.set({"dataframe.convert-string": False}):
        frame = pd.DataFrame(
            {"id": [1, 2], "price": pd.Series([Decimal("1.5"), None], dtype=object)}
        )
        ddf = parts(frame, 2)
        with pytest.raises(of.SchemaMismatch, match=r"\['price'\].*odps_types="):
            of.dask.to_odps(ddf, table, create=True, client=client)
        assert not client.exists(table)
        types = {"price": "decimal(10,2)"}
        of.dask.to_odps(ddf, table, create=True, odps_types=types, client=client)
    found = of.read_odps(table, client=client).sort_values("id")["price"].tolist()
    assert found[0] == Decimal("1.50")
    assert pd.isna(found[1])


def test_columns_and_the_index_are_written_as_pandas_would(client: LocalClient, table: str) -> None:
    frame = FRAME[["id"]].set_index(pd.Index(range(ROWS, 2 * ROWS), name="place"))
    of.dask.to_odps(parts(frame), table, create=True, index=True, client=client)
    found = of.read_odps(table, client=client)
    assert sorted(found["place"].tolist()) == list(range(ROWS, 2 * ROWS))
    assert (found["place"] - found["id"] == ROWS).all()
    more = parts(frame.assign(extra=1.5))
    of.dask.to_odps(more, table, index=True, schema_mode="add_columns", client=client)
    assert of.read_odps(table, client=client)["extra"].count() == ROWS


def test_upserts_and_deletes_by_key(client: LocalClient, table: str) -> None:
    keyed_table(client, table)
    of.dask.to_odps(parts(), table, mode="upsert", client=client)
    assert ids(client, table) == list(range(ROWS))
    of.dask.to_odps(parts(), table, mode="upsert", delete_where="id >= 10", client=client)
    assert ids(client, table) == list(range(10))


def test_a_key_in_two_partitions_of_the_data_is_refused(client: LocalClient, table: str) -> None:
    keyed_table(client, table)
    twice = pd.DataFrame({"id": [1, 1, 2, 1], "pt": ["a", "b", "c", "d"]})
    with pytest.raises(of.CastError, match="1 keys were written by more than one task"):
        of.dask.to_odps(parts(twice, 2), table, mode="upsert", client=client)
    assert ids(client, table) == []
    of.dask.to_odps(parts(twice, 1), table, mode="upsert", client=client)
    assert of.read_odps(table, client=client).sort_values("id")["pt"].tolist() == ["d", "c"]


@pytest.mark.parametrize("what", [parts()["id"], parts().index, parts().to_delayed()[0]])
def test_what_is_no_frame_is_refused(client: LocalClient, table: str, what: Any) -> None:
    with pytest.raises(TypeError, match="expected a Dask DataFrame"):
        of.to_odps(what, table, create=True, client=client)


def test_references_of_blobs_are_refused(client: LocalClient, table: str) -> None:
    client.create_table(table, {"photo": "blob"})
    of.to_odps(pd.DataFrame({"photo": [b"one", b"two"]}), table, client=client)
    ddf = of.dask.read_odps(table, client=client)
    with pytest.raises((of.SchemaMismatch, of.CastError), match="references"):
        of.dask.to_odps(ddf, table, client=client)
    with_bytes = of.dask.read_odps(table, blobs="bytes", client=client)
    of.dask.to_odps(with_bytes, table, client=client)
    assert sorted(of.read_odps(table, blobs="bytes", client=client)["photo"]) == [
        *(b"one", b"one"),
        *(b"two", b"two"),
    ]


def later(client: LocalClient, table: str, **options: Any) -> Delayed:
    client.create_table(table, {"id": "bigint"})
    ddf = options.pop("ddf", parts(FRAME[["id"]]))
    found: Delayed = of.dask.to_odps(ddf, table, compute=False, client=client, **options)
    return found


def test_a_write_for_later_is_carried_out_later(client: LocalClient, table: str) -> None:
    since = last(client)
    delayed = later(client, table)
    assert ids(client, table) == []
    result = delayed.compute()
    assert (result.table, result.rows) == (f"demo.{table}", ROWS)
    assert ids(client, table) == list(range(ROWS))
    assert operations(client, since).count("TableCreateWriteSession") == 1


def test_a_write_for_later_adds_its_rows_once(client: LocalClient, table: str) -> None:
    delayed = later(client, table)
    first, second = delayed.compute(), delayed.compute()
    assert (first.rows, first.session_id) == (second.rows, second.session_id)
    assert ids(client, table) == list(range(ROWS))


def test_a_write_for_later_that_fails_leaves_nothing(client: LocalClient, table: str) -> None:
    delayed = later(client, table, ddf=fail_at(400)[["id"]])
    with pytest.raises(RuntimeError, match="a failure of the computation"):
        delayed.compute()
    assert ids(client, table) == []


def test_a_write_for_later_needs_its_table(client: LocalClient, table: str) -> None:
    with pytest.raises(ValueError, match=r"make it first, with client\.create_table"):
        of.dask.to_odps(parts(), table, create=True, compute=False, client=client)
    with pytest.raises(ValueError, match="mode='ignore' of a write that is carried out later"):
        of.dask.to_odps(parts(), table, mode="ignore", compute=False, client=client)


def test_no_secret_is_in_what_travels_or_shows(client: LocalClient, table: str) -> None:
    secret = client.config.secret_access_key
    assert secret is not None
    careful = of.connect(
        client.config.endpoint,
        project=client.config.project,
        access_id=client.config.access_id,
        secret_access_key=secret,
        set_as_default=False,
    )
    client.create_table(table, {"id": "bigint"})
    delayed = of.dask.to_odps(parts(FRAME[["id"]]), table, compute=False, client=careful)
    graph = dict(delayed.dask)
    assert secret.encode() not in pickle.dumps(graph)
    assert secret not in repr(graph) + str(list(graph)) + repr(delayed)

"""A version that is pinned stays what it was, for whoever is given its token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

import odps_frames as of

if TYPE_CHECKING:
    from odps_frames.local import LocalClient


def frame(*ids: int, pt: str | None = None) -> pd.DataFrame:
    found = pd.DataFrame({"id": list(ids)})
    return found if pt is None else found.assign(pt=pt)


def ids(name: str, client: LocalClient, **options: object) -> list[int]:
    found = of.read_odps(name, client=client, **options)  # type: ignore[call-overload]
    return sorted(found["id"].tolist())


def test_every_reader_of_a_snapshot_reads_its_version(client: LocalClient, table: str) -> None:
    of.to_odps(frame(1, 2, 3), table, create=True, client=client)
    token = of.scan_odps(table, client=client).snapshot()
    of.to_odps(frame(4), table, client=client)
    assert ids(table, client, snapshot=token) == [1, 2, 3]
    of.to_odps(frame(9), table, mode="overwrite", client=client)
    assert ids(table, client, snapshot=token) == [1, 2, 3]
    assert ids(table, client, snapshot=token, filters="id > 1") == [2, 3]
    assert ids(table, client, snapshot=token, limit=1) == [1]
    assert of.scan_odps(table, snapshot=token, client=client).count_rows() == 3
    assert of.scan_odps(table, snapshot=token, client=client).snapshot() == token
    assert ids(table, client) == [9]


def test_partitions_are_those_that_there_were(client: LocalClient, table: str) -> None:
    of.to_odps(frame(1, pt="a"), table, partition_cols=["pt"], create=True, client=client)
    of.to_odps(frame(2, pt="b"), table, partition_cols=["pt"], client=client)
    token = of.scan_odps(table, client=client).snapshot()
    client.table(table).drop_partition("pt=a")
    of.to_odps(frame(3, pt="c"), table, partition_cols=["pt"], client=client)
    assert ids(table, client, snapshot=token) == [1, 2]
    assert ids(table, client, snapshot=token, partitions="pt=a") == [1]
    assert ids(table, client, snapshot=token, partitions=of.latest()) == [2]
    assert ids(table, client, snapshot=token, partitions="pt=c") == []
    assert ids(table, client, snapshot=token, filters="pt = 'a'") == [1]


def test_a_snapshot_of_some_partitions_has_only_them(client: LocalClient, table: str) -> None:
    of.to_odps(frame(1, pt="a"), table, partition_cols=["pt"], create=True, client=client)
    of.to_odps(frame(2, pt="b"), table, partition_cols=["pt"], client=client)
    token = of.scan_odps(table, partitions="pt=b", client=client).snapshot()
    assert ids(table, client, snapshot=token) == [2]


def test_columns_are_those_that_there_were(client: LocalClient, table: str) -> None:
    of.to_odps(frame(1), table, create=True, client=client)
    token = of.scan_odps(table, client=client).snapshot()
    of.to_odps(frame(2).assign(more="x"), table, schema_mode="add_columns", client=client)
    scan = of.scan_odps(table, snapshot=token, client=client)
    assert [column.name for column in scan.schema] == ["id"]
    assert scan.to_arrow().to_pylist() == [{"id": 1}]


def test_splits_of_a_snapshot_are_of_its_version(client: LocalClient, table: str) -> None:
    of.to_odps(frame(1, 2, 3), table, create=True, client=client)
    token = of.scan_odps(table, split_by=of.ByRows(2), client=client).snapshot()
    of.to_odps(frame(4), table, mode="overwrite", client=client)
    splits = of.scan_odps(table, snapshot=token, client=client).splits()
    assert [split.to_arrow()["id"].to_pylist() for split in splits] == [[1, 2], [3]]


def test_a_snapshot_costs_one_session_however_often_it_is_read(
    client: LocalClient, table: str
) -> None:
    of.to_odps(frame(1, 2, 3), table, create=True, client=client)
    since = len(client.service.requests)
    token = of.scan_odps(table, client=client).snapshot()
    for _ in range(3):
        ids(table, client, snapshot=token)
    asked = [record.operation for record in client.service.requests[since:]]
    assert asked.count("TableCreateReadSession") == 1


def test_the_token_holds_no_secret(client: LocalClient, table: str) -> None:
    of.to_odps(frame(1), table, create=True, client=client)
    token = of.scan_odps(table, client=client).snapshot()
    assert str(client.config.secret_access_key) not in token


@pytest.mark.parametrize(
    "token",
    ["", "latest", "odps-snapshot-1.", "odps-snapshot-1.eJw", "odps-snapshot-1.%%%", 7],
)
def test_what_is_no_snapshot_is_refused_before_anything_is_read(
    client: LocalClient, table: str, token: object
) -> None:
    of.to_odps(frame(1), table, create=True, client=client)
    with pytest.raises(ValueError, match=r"expected the text that Scan.snapshot\(\) gave"):
        of.read_odps(table, snapshot=token, client=client)  # type: ignore[call-overload]


def test_a_snapshot_of_another_table_or_units_is_refused(client: LocalClient, table: str) -> None:
    of.to_odps(frame(1), table, create=True, client=client)
    of.to_odps(frame(1), f"{table}_2", create=True, client=client)
    token = of.scan_odps(table, client=client).snapshot()
    with pytest.raises(ValueError, match=f"the snapshot is of demo.{table}, not of"):
        of.read_odps(f"{table}_2", snapshot=token, client=client)
    with pytest.raises(ValueError, match="the snapshot has times in nano, not in micro"):
        of.read_odps(table, snapshot=token, timestamp_unit="us", client=client)
    with pytest.raises(ValueError, match="whose result never changes"):
        of.scan_odps(f"SELECT * FROM {table}", client=client).snapshot()

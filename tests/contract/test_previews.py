"""The first rows without a session: limit, partition, columns, in both versions of the API."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames.emulator.faults import Fault, Refuse, Truncate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.client import Client
    from odps_frames.local import LocalClient

ROWS = pa.table(
    {
        "id": pa.array(range(300), pa.int64()),
        "name": pa.array([f"n{n}" for n in range(300)]),
        "pt": pa.array(["a"] * 150 + ["b"] * 150),
    }
)


@pytest.fixture(params=["2", "3"])
def caller(client: LocalClient, request: pytest.FixtureRequest) -> Iterator[Client]:
    made = of.connect(
        storage_options={
            name: getattr(client.config, name)
            for name in ("endpoint", "project", "access_id", "secret_access_key")
        },
        api_version=request.param,
        set_as_default=False,
    )
    yield made
    made.close()


@pytest.fixture
def parted(caller: Client, table: str) -> str:
    of.to_odps(ROWS, table, partition_cols="pt", create=True, client=caller)
    return table


@pytest.fixture
def plain(caller: Client, table: str) -> str:
    of.to_odps(ROWS.drop_columns("pt"), table, create=True, client=caller)
    return table


def storage_calls(client: LocalClient, since: int) -> list[str]:
    operations = [record.operation for record in client.service.requests[since:]]
    return [name for name in operations if name.startswith("Table")]


@pytest.mark.covers(
    "PreviewTableRequest.limit", "PreviewTableRequest.partition", "PreviewTableRequest.columns"
)
@pytest.mark.parametrize("columns", [None, ["name"], ["pt", "id"], ["PT"], ["name", "id", "pt"]])
@pytest.mark.parametrize("limit", [1, 7, 150])
def test_a_partition_is_previewed(
    client: LocalClient, caller: Client, parted: str, limit: int, columns: list[str] | None
) -> None:
    since = len(client.service.requests)
    found = caller.preview(parted, limit, partition="pt=b", columns=columns)
    assert storage_calls(client, since) == ["TablePreview"]
    names = ROWS.schema.names if columns is None else [name.lower() for name in columns]
    assert found.equals(ROWS.slice(150, limit).select(names))
    again = caller.table(parted).preview(limit, partition={"pt": "b"}, columns=columns)
    assert again.equals(found)


@pytest.mark.parametrize("columns", [None, ["name"], ["name", "id"]])
def test_a_table_is_previewed(
    client: LocalClient, caller: Client, plain: str, columns: list[str] | None
) -> None:
    since = len(client.service.requests)
    found = caller.preview(plain, 5, columns=columns)
    assert storage_calls(client, since) == ["TablePreview"]
    assert found.equals(ROWS.slice(0, 5).select(columns or ["id", "name"]))
    assert of.read_odps(plain, limit=5, client=caller)["id"].tolist() == [0, 1, 2, 3, 4]


def test_without_a_limit_the_service_decides(caller: Client, parted: str) -> None:
    assert caller.preview(parted, None).equals(ROWS.slice(0, 100))
    found = caller.preview(parted, None, partition="pt=b", columns=["id"])
    assert found.equals(ROWS.slice(150, 100).select(["id"]))
    with pytest.raises(of.NotFound, match="pt"):
        caller.preview(parted, None, partition="pt=zz")


def test_more_than_there_is_and_more_partitions_are_read_by_a_session(
    client: LocalClient, caller: Client, parted: str
) -> None:
    since = len(client.service.requests)
    assert caller.preview(parted, 400, partition="pt=a").equals(ROWS.slice(0, 150))
    assert "TableRead" in storage_calls(client, since)
    scan = caller.table(parted).scan()
    assert scan.partitions(["pt=a", "pt=b"]).limit(200).to_arrow().equals(ROWS.slice(0, 200))
    assert caller.preview(parted, 10, partition="pt=zz").num_rows == 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault(effect=Refuse(400), action="TablePreview"),
        Fault(effect=Truncate(), action="TablePreview", when="at_byte", at_byte=700),
    ],
)
def test_where_a_preview_fails_a_session_is_read(
    client: LocalClient, caller: Client, parted: str, fault: Fault
) -> None:
    client.service.faults.add(fault)
    assert caller.preview(parted, 10, partition="pt=a").equals(ROWS.slice(0, 10))
    assert [hits for _, hits in client.service.faults.hits] == [1]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"columns": ["nmae"]}, of.SchemaMismatch, "name"),
        ({"columns": ["id", "ID"]}, ValueError, "twice"),
        ({"partition": "zz=1"}, ValueError, "zz"),
        ({"limit": -1}, ValueError, "limit=-1"),
    ],
)
def test_previews_that_make_no_sense_are_never_sent(
    client: LocalClient,
    caller: Client,
    parted: str,
    options: dict[str, Any],
    error: Any,
    words: str,
) -> None:
    since = len(client.service.requests)
    with pytest.raises(error, match=words):
        caller.preview(parted, **options)
    assert storage_calls(client, since) == []


def test_times_beyond_nanoseconds_are_previewed(caller: Client, table: str) -> None:
    caller.create_table(table, {"t": "timestamp_ntz"})
    values = pa.array([datetime(9999, 12, 31), datetime(2026, 1, 2)], pa.timestamp("us"))  # noqa: DTZ001  as stored
    of.to_odps(pa.table({"t": values}), table, client=caller)
    assert caller.preview(table, 2)["t"].to_pylist() == values.to_pylist()

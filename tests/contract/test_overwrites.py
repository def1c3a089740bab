"""What an overwrite replaces, in every way of writing."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames.client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

    Stand = Any  # the class of a fixture, which no test module can import

NUMBERS = itertools.count()
OLD = pa.table({"id": [1, 2, 3], "pt": ["a", "b", "b"], "hh": ["1", "1", "2"]})
WAYS: dict[str, dict[str, Any]] = {
    "batch": {},
    "version": {},
    "exactly once": {"exactly_once": True},
    "evolving": {"schema_evolution": True},
    "blocks": {"mode": "batch_compatible"},
    "streaming": {"mode": "streaming", "autocommit": False},
    "realtime": {"mode": "streaming_realtime", "autocommit": False},
}
STREAMING = ("streaming", "realtime")
"""Of version 3 alone."""


BOTH = [(version, way) for version in ("2", "3") for way in WAYS]


@pytest.fixture(params=[pair for pair in BOTH if pair[1] not in STREAMING or pair[0] == "3"])
def pair(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A version of the API, and a way of writing that it has."""
    version, way = request.param
    return str(version), str(way)


@pytest.fixture
def way(pair: tuple[str, str]) -> str:
    return pair[1]


@pytest.fixture
def client(stand: Stand, pair: tuple[str, str]) -> Iterator[Client]:
    config = replace(stand.client.config, api_version=pair[0])
    made = Client(config, policy=stand.time.policy())
    yield made
    made.close()


def write(client: Client, name: str, way: str, data: pa.Table, *, abort: bool, **spec: Any) -> None:
    session = client.write_session(name, overwrite=True, **WAYS[way], **spec)
    version = 3 if way == "version" else None
    with session.open_stream(schema=data.schema, version=version) as writer:
        for batch in data.to_batches(max_chunksize=1):
            writer.write(batch)
            writer.flush()
        if not data.num_rows:
            writer.write(pa.RecordBatch.from_pylist([], schema=data.schema))
    (session.abort if abort else session.commit)()


@pytest.fixture
def parted(client: Client) -> str:
    name = f"o{next(NUMBERS)}"
    levels = {"pt": "string", "hh": "string"}
    client.create_table(name, {"id": "bigint"}, partition_by=levels)
    of.to_odps(OLD, name, client=client)
    return name


def stored(client: Client, name: str) -> list[tuple[Any, ...]]:
    found = of.scan_odps(name, client=client).to_arrow().to_pylist()
    return sorted(tuple(row.values()) for row in found)


NEW = pa.table({"id": [7, 8], "pt": ["b", "c"], "hh": ["2", "1"]})
CASES: dict[str, tuple[str, pa.Table, list[tuple[Any, ...]]]] = {
    "static": (
        "pt=b,hh=2",
        NEW.select(["id"]),
        [(1, "a", "1"), (2, "b", "1"), (7, "b", "2"), (8, "b", "2")],
    ),
    "static, nothing": (
        "pt=b,hh=2",
        NEW.select(["id"]).slice(0, 0),
        [(1, "a", "1"), (2, "b", "1")],
    ),
    "dynamic": (
        "",
        NEW,
        [(1, "a", "1"), (2, "b", "1"), (7, "b", "2"), (8, "c", "1")],
    ),
    "dynamic, nothing": ("", NEW.slice(0, 0), [(1, "a", "1"), (2, "b", "1"), (3, "b", "2")]),
    "static in front": (
        "pt=b",
        NEW.select(["id", "hh"]).slice(0, 1),
        [(1, "a", "1"), (2, "b", "1"), (7, "b", "2")],
    ),
}


@pytest.mark.parametrize("case", list(CASES))
@pytest.mark.parametrize("abort", [False, True], ids=["commit", "abort"])
@pytest.mark.covers("CreateWriteSessionRequest.partial_partition_spec")
def test_exactly_the_partitions_that_are_meant(
    client: Client,
    parted: str,
    way: str,
    case: str,
    abort: bool,  # noqa: FBT001  a case
) -> None:
    partition, data, expected = CASES[case]
    before = stored(client, parted)
    write(client, parted, way, data, abort=abort, partition=partition)
    assert stored(client, parted) == (before if abort else expected)


@pytest.mark.parametrize("n_rows", [0, 2])
def test_the_whole_of_a_table_without_partitions(client: Client, way: str, n_rows: int) -> None:
    name = f"o{next(NUMBERS)}"
    client.create_table(name, {"id": "bigint"})
    of.to_odps(OLD.select(["id"]), name, client=client)
    write(client, name, way, NEW.select(["id"]).slice(0, n_rows), abort=False)
    assert stored(client, name) == [(7,), (8,)][:n_rows]

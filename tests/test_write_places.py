"""Tables and partitions that a write makes: for one writer only, and gone again when it fails."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest

import odps_frames as of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.local import LocalClient

ONE = pa.table({"a": [1]})


def at_once(n: int, call: Any) -> list[Any]:
    barrier = threading.Barrier(n)
    results: list[Any] = []

    def run() -> None:
        barrier.wait()
        try:
            results.append(call())
        except of.Conflict as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("mode", ["error", "ignore"])
@pytest.mark.parametrize("partition", [None, "pt=x"])
def test_of_many_writers_one_has_the_place(
    client: LocalClient, table: str, mode: Any, partition: str | None
) -> None:
    if partition is not None:
        client.create_table(table, {"a": "bigint"}, partition_by={"pt": "string"})
    results = at_once(
        4,
        lambda: of.to_odps(ONE, table, mode=mode, create=True, partition=partition, client=client),
    )
    written = [result for result in results if getattr(result, "rows", 0) == 1]
    assert len(written) == 1
    assert len(of.read_odps(table, client=client)) == 1
    if mode == "error":
        assert sum(isinstance(result, of.Conflict) for result in results) == 3


def failing() -> pa.RecordBatchReader:
    def batches() -> Iterator[pa.RecordBatch]:
        yield ONE.to_batches()[0]
        raise LookupError("the source is gone")

    return pa.RecordBatchReader.from_batches(ONE.schema, batches())


@pytest.mark.parametrize("mode", ["append", "error", "ignore"])
def test_a_failed_write_leaves_no_table(client: LocalClient, table: str, mode: Any) -> None:
    with pytest.raises(LookupError, match="gone"):
        of.to_odps(failing(), table, mode=mode, create=True, client=client)
    assert not client.exists(table)
    assert of.to_odps(ONE, table, mode=mode, create=True, client=client).rows == 1


def test_a_failed_write_leaves_no_partition(client: LocalClient, table: str) -> None:
    made = client.create_table(table, {"a": "bigint"}, partition_by={"pt": "string"})
    for mode in ("append", "error", "ignore"):
        with pytest.raises(LookupError, match="gone"):
            of.to_odps(failing(), table, mode=mode, partition="pt=x", client=client)
        assert made.partitions() == []


def test_options_of_new_tables(client: LocalClient, table: str) -> None:
    for _ in range(2):  # the same call may be made every day
        of.to_odps(ONE, table, create=True, lifecycle=3, odps_types={"a": "bigint"}, client=client)
    with pytest.raises(of.SchemaMismatch, match="exists and has it as bigint"):
        of.to_odps(ONE, table, create=True, odps_types={"a": "int"}, client=client)
    with pytest.raises(ValueError, match="give create=True too"):
        of.to_odps(ONE, table, lifecycle=3, client=client)
    assert len(of.read_odps(table, client=client)) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_streams": 1.5}, "n_streams=1.5; expected a whole number"),
        ({"n_streams": "4"}, "n_streams='4'; expected a whole number"),
        ({"create": True, "lifecycle": "7"}, "lifecycle='7'; expected a whole number"),
        ({"create": True, "lifecycle": 0}, "lifecycle=0; expected a whole number, at least 1"),
        ({"create": True, "null_partition": "x"}, "no column of the data says a partition"),
        ({"partition": {"pt": None}}, "partition column 'pt' is None; expected a value"),
        ({"partition": {"pt": float("nan")}}, "partition column 'pt' is nan"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    client: LocalClient, table: str, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        of.to_odps(ONE, table, client=client, **options)
    assert not client.exists(table)


CHANGES = [
    ({"a": "bigint", "pt": "string"}, {"a": "bigint"}, {"pt": "string"}, "overwrite"),
    ({"a": "bigint"}, {"a": "bigint", "pt": "string"}, None, "overwrite_partitions"),
    ({"a": "bigint"}, {"a": "double"}, {"pt": "string"}, "append"),
]


@pytest.mark.parametrize(("before", "after", "parts", "mode"), CHANGES, ids=repr)
def test_a_table_that_is_made_anew_meanwhile_is_left_alone(
    client: LocalClient, table: str, before: Any, after: Any, parts: Any, mode: Any
) -> None:
    first = None if "pt" in before else {"pt": "string"}
    client.create_table(table, before, partition_by=first)
    theirs = pa.table({"a": [1, 2], "pt": ["x", "y"]})

    def late() -> pa.Table:
        client.drop_table(table)
        client.create_table(table, after, partition_by=parts)
        of.to_odps(theirs, table, client=client)
        return pa.table({"a": [3], "pt": ["z"]})

    with pytest.raises(of.Conflict, match="was made anew or changed while this was about to"):
        of.to_odps(late, table, mode=mode, client=client)
    assert of.scan_odps(table, client=client).to_arrow()["pt"].to_pylist() == ["x", "y"]


@pytest.mark.parametrize("frame", [pd.DataFrame(), pd.DataFrame({"pt": ["a"]})])
def test_a_table_needs_a_column(client: LocalClient, table: str, frame: pd.DataFrame) -> None:
    columns = list(frame.columns) or None
    with pytest.raises(of.SchemaMismatch, match="needs a column"):
        of.to_odps(frame, table, create=True, partition_cols=columns, client=client)
    with pytest.raises(of.SchemaMismatch, match=r"not names.*'a b'"):
        of.to_odps(pa.table({"a b": [1]}), table, create=True, client=client)
    assert not client.exists(table)


@pytest.mark.parametrize("value", ["x*", "[1]", "a?"])
def test_a_value_that_looks_like_a_pattern_is_itself(
    client: LocalClient, table: str, value: str
) -> None:
    data = pd.DataFrame({"a": [1, 2], "pt": [value, "xy"]})
    result = of.to_odps(data, table, partition_cols="pt", create=True, client=client)
    for selection in ({"pt": value}, f"pt={value}", f"pt='{value}'", result.partitions[0]):
        assert of.read_odps(table, partitions=selection, client=client)["a"].tolist() == [1]
    assert len(of.read_odps(table, partitions="pt='x?'", client=client)) == 0
    assert len(of.read_odps(table, partitions="pt=x?y*", client=client)) == 0


def test_old_times_and_a_small_limit(client: LocalClient, table: str) -> None:
    times = pa.array(["1200-01-01", "2020-01-01"]).cast(pa.timestamp("s"))
    of.to_odps(pa.table({"t": times}), table, create=True, client=client)
    assert len(of.read_odps(table, limit=1, client=client)) == 1
    assert client.preview(table, 2)["t"].cast(pa.timestamp("s")).to_pylist() == times.to_pylist()


def test_types_that_cannot_be_never_reach_a_cast(client: LocalClient, table: str) -> None:
    kind = pa.decimal128(10, 15_597_570)
    values = pa.Array.from_buffers(kind, 1, [None, pa.py_buffer((125).to_bytes(16, "little"))])
    with pytest.raises(of.SchemaMismatch, match="scale"):
        of.to_odps(pa.table({"v": values}), table, create=True, client=client)
    assert not client.exists(table)

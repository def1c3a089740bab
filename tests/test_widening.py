"""Columns that data has and its table has not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames.emulator.faults import Fault, Refuse

if TYPE_CHECKING:
    from odps_frames.local import LocalClient


@pytest.fixture
def filled(client: LocalClient, table: str) -> str:
    client.create_table(table, {"id": "bigint"}, partition_by={"pt": "string"})
    of.to_odps(pa.table({"id": [1]}), table, partition="pt=x", client=client)
    return table


def stored(client: LocalClient, table: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = (
        of.scan_odps(table, client=client).to_arrow().sort_by("id").to_pydict()
    )
    return found


def types(client: LocalClient, table: str) -> dict[str, str]:
    return {column.name: str(column.type) for column in client.table(table).schema.columns}


WIDER = pa.table({"id": [2], "name": ["n"], "At": pa.array([0], pa.timestamp("us"))})


@pytest.mark.parametrize("streamed", [False, True])
def test_columns_are_added_before_the_rows_come(
    client: LocalClient,
    filled: str,
    streamed: bool,  # noqa: FBT001  a case
) -> None:
    data = WIDER.to_reader if streamed else WIDER
    of.to_odps(data, filled, partition="pt=x", schema_mode="add_columns", client=client)
    assert types(client, filled) == {"id": "bigint", "name": "string", "at": "timestamp_ntz"}
    found = stored(client, filled)
    assert (found["id"], found["name"]) == ([1, 2], [None, "n"])
    assert found["at"] == [None, pd.Timestamp(0)]
    of.to_odps(WIDER, filled, partition="pt=x", schema_mode="add_columns", client=client)
    assert stored(client, filled)["id"] == [1, 2, 2]


def test_their_types_may_be_said(client: LocalClient, filled: str) -> None:
    data = pa.table({"id": [2], "price": [1.5], "pt": ["y"]})
    of.to_odps(
        data,
        filled,
        mode="overwrite_partitions",
        schema_mode="add_columns",
        odps_types={"price": "float", "id": "bigint"},
        client=client,
    )
    assert types(client, filled) == {"id": "bigint", "price": "float"}
    assert stored(client, filled) == {"id": [1, 2], "price": [None, 1.5], "pt": ["x", "y"]}
    with pytest.raises(of.SchemaMismatch, match=r"'price': 'double'.*has it as float"):
        of.to_odps(
            data, filled, schema_mode="add_columns", odps_types={"price": "double"}, client=client
        )
    with pytest.raises(of.SchemaMismatch, match="has no such column"):
        of.to_odps(
            data, filled, schema_mode="add_columns", odps_types={"nobody": "double"}, client=client
        )


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        ({"id": [[1]], "name": ["n"]}, of.SchemaMismatch, "never fits"),
        ({"id": pa.array([1 << 63], pa.uint64()), "name": ["n"]}, of.CastError, "'id'"),
        ({"name": ["n"]}, of.SchemaMismatch, "add it, or fill_missing"),
        ({"id": [1], "bad name": ["n"]}, of.SchemaMismatch, "not names of MaxCompute columns"),
        ({"id": [1], "pt": ["y"]}, of.SchemaMismatch, "partition= says it"),
    ],
)
def test_data_that_does_not_fit_changes_nothing(
    client: LocalClient, filled: str, data: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        of.to_odps(
            pa.table(data), filled, partition="pt=x", schema_mode="add_columns", client=client
        )
    assert types(client, filled) == {"id": "bigint"}
    assert stored(client, filled)["id"] == [1]


def test_letter_case_of_types_does_not_count(client: LocalClient, filled: str) -> None:
    data = pa.table({"id": [2], "Price": [1], "pt": ["y"]})
    said = {"price": "decimal(18,2)"}
    of.to_odps(data, filled, schema_mode="add_columns", odps_types=said, client=client)
    assert types(client, filled) == {"id": "bigint", "price": "decimal(18,2)"}


def test_operations_are_no_column(client: LocalClient, filled: str, table: str) -> None:
    data = pa.table({"id": [2], "__operation": ["D"]})
    with pytest.raises(of.SchemaMismatch, match="give mode='upsert', or rename it"):
        of.to_odps(data, filled, partition="pt=x", schema_mode="add_columns", client=client)
    with pytest.raises(of.SchemaMismatch, match="give mode='upsert', or rename it"):
        of.to_odps(data, f"{table}_new", create=True, client=client)
    assert types(client, filled) == {"id": "bigint"}
    assert stored(client, filled)["id"] == [1]


def test_the_other_modes_say_what_differs(client: LocalClient, filled: str) -> None:
    with pytest.raises(of.SchemaMismatch, match=r"name +string +\(none\).*add_columns"):
        of.to_odps(WIDER, filled, partition="pt=x", client=client)
    assert types(client, filled) == {"id": "bigint"}


def test_a_write_that_fails_leaves_the_columns_and_no_rows(
    client: LocalClient, filled: str
) -> None:
    client.service.faults.add(
        Fault(effect=Refuse(403, "NoPermission"), action="TableCommitWriteSession")
    )
    with pytest.raises(of.PermissionDenied):
        of.to_odps(WIDER, filled, partition="pt=x", schema_mode="add_columns", client=client)
    assert list(types(client, filled)) == ["id", "name", "at"]
    assert stored(client, filled)["id"] == [1]


@pytest.mark.parametrize(("kind", "fits"), [("STRING", True), ("DOUBLE", False)])
def test_columns_that_somebody_else_added_meanwhile(
    client: LocalClient,
    filled: str,
    kind: str,
    fits: bool,  # noqa: FBT001  a case
) -> None:
    data = WIDER.drop_columns(["At"])

    def read_late() -> pa.RecordBatchReader:
        client.run(f"ALTER TABLE {filled} ADD COLUMNS (name {kind})")
        return data.to_reader()

    def write() -> of.WriteResult:
        return of.to_odps(
            read_late, filled, partition="pt=x", schema_mode="add_columns", client=client
        )

    if fits:
        write()
        assert stored(client, filled)["name"] == [None, "n"]
    else:
        with pytest.raises(of.SqlError):
            write()
        assert stored(client, filled)["id"] == [1]

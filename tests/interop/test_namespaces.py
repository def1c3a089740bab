"""Schemas between project and table: an unmodified pyodps makes and fills them, and so do we."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import odps  # type: ignore[import-untyped]
import pandas as pd
import pyarrow as pa
import pytest
from odps.maxstorage import MaxStorageClient  # type: ignore[import-untyped]

import odps_frames as of
from odps_frames.client import Client
from odps_frames.emulator.app import Emulator
from odps_frames.emulator.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Stand = Any


@pytest.fixture(params=[False, True], ids=["two levels", "three levels"])
def service(request: pytest.FixtureRequest, stand: Stand, tmp_path: Path) -> Iterator[Any]:
    """A service that tells its callers that names have so many levels."""
    accounts = {stand.access_id: stand.secret}
    service = Emulator(tmp_path, accounts=accounts, namespaces=request.param)
    with service, Server(service) as server:
        yield server


@pytest.fixture
def ours(service: Any, stand: Stand) -> Iterator[Client]:
    client = Client(stand.config().__class__(**_settings(stand, service)))
    yield client
    client.close()


def _settings(stand: Stand, service: Any) -> dict[str, Any]:
    return {
        "endpoint": service.endpoint,
        "project": "demo",
        "access_id": stand.access_id,
        "secret_access_key": stand.secret,
    }


@pytest.fixture
def theirs(service: Any, stand: Stand) -> Any:
    return stand.entry(endpoint=service.endpoint)


def read(entry: Any, table: Any) -> pa.Table:
    session = MaxStorageClient(entry).create_table_read_session(table)
    batches: list[pa.RecordBatch] = []
    for split in session.splits:
        with session.open_arrow_reader(split) as reader:
            batches += reader
    return pa.Table.from_batches(batches)


def write(entry: Any, table: Any, data: pa.Table) -> None:
    session = MaxStorageClient(entry).create_table_write_session(table)
    with session.open_arrow_writer("0") as writer:
        for batch in data.to_batches():
            writer.write_batch(batch)
    session.commit()


def test_schemas_live_and_die(theirs: Any, ours: Client) -> None:
    theirs.create_schema("s")
    assert theirs.exist_schema("s")
    assert not theirs.exist_schema("nowhere")
    assert [schema.name for schema in theirs.list_schemas()] == ["default", "s"]
    schema = theirs.get_schema("s")
    schema.reload()
    assert schema.owner
    assert schema.creation_time == schema.last_modified_time
    with pytest.raises(odps.errors.ODPSError, match="exists already"):
        theirs.create_schema("s")
    ours.create_schema("ours")
    assert theirs.exist_schema("ours")
    theirs.delete_schema("s")
    assert ours.schemas() == ["default", "ours"]
    with pytest.raises(odps.errors.NoSuchObject):
        theirs.delete_schema("s")


def test_tables_of_a_schema(theirs: Any, ours: Client) -> None:
    theirs.create_schema("s")
    made = theirs.create_table("t", ("id bigint", "pt string"), schema="s")
    theirs.create_table("t", "name string", schema="default")
    assert theirs.exist_table("t", schema="s")
    assert not theirs.exist_table("u", schema="s")
    assert [table.name for table in theirs.list_tables(schema="s")] == ["t"]
    found = theirs.get_table("t", schema="s")
    assert [column.name for column in found.table_schema.columns] == ["id", "pt"]
    made.create_partition("pt='a'")
    assert made.exist_partition("pt=a")
    assert [str(one.partition_spec) for one in found.partitions] == ["pt='a'"]
    assert ours.table("demo.s.t").schema.names == ("id",)
    assert ours.table("s.t").schema.names == ("id",)
    assert ours.table("default.t").schema.names == ("name",)
    made.truncate("pt=a")
    made.delete_partition("pt=a")
    with pytest.raises(odps.errors.ODPSError, match="drop them first"):
        theirs.delete_schema("s")
    theirs.delete_table("t", schema="s")
    assert ours.tables(schema="s") == []
    assert ours.tables() == ["t"]


def test_rows_of_a_schema(theirs: Any, ours: Client) -> None:
    ours.create_schema("s")
    of.to_odps(pd.DataFrame({"id": [1, 2]}), "s.t", create=True, client=ours)
    of.to_odps(pd.DataFrame({"id": [9]}), "t", create=True, client=ours)
    assert read(theirs, theirs.get_table("t", schema="s"))["id"].to_pylist() == [1, 2]
    write(theirs, theirs.get_table("t", schema="s"), pa.table({"id": [3]}))
    assert of.read_odps("s.t", client=ours)["id"].tolist() == [1, 2, 3]
    assert of.read_odps("t", client=ours)["id"].tolist() == [9]


def test_an_entry_with_a_schema_of_its_own(service: Any, stand: Stand, ours: Client) -> None:
    entry = stand.entry(endpoint=service.endpoint, schema="s")
    ours.create_schema("s")
    # Its create_table forgets that schema when the service says that names have three levels.
    entry.execute_sql("CREATE TABLE t (id bigint)")
    entry.execute_sql("ALTER TABLE t ADD COLUMNS (name string)")
    assert ours.tables(schema="s") == ["t"]
    assert ours.table("demo.s.t").schema.names == ("id", "name")
    assert ours.tables() == []


@pytest.fixture
def schemas_on() -> Iterator[None]:
    """Pyodps takes names of two parts for a schema and a table, whatever the service says."""
    odps.options.enable_schema = True
    yield
    odps.options.enable_schema = False


@pytest.mark.usefixtures("schemas_on")
def test_with_schemas_turned_on_by_pyodps(theirs: Any, ours: Client) -> None:
    ours.create_schema("s")
    of.to_odps(pd.DataFrame({"id": [1]}), "s.t", create=True, client=ours)
    of.to_odps(pd.DataFrame({"id": [2]}), "t", create=True, client=ours)
    assert read(theirs, theirs.get_table("s.t"))["id"].to_pylist() == [1]
    assert read(theirs, theirs.get_table("t"))["id"].to_pylist() == [2]
    assert theirs.get_table("t").full_table_name == "demo.default.`t`"
    theirs.execute_sql("CREATE TABLE s.u (id bigint)")
    assert [table.name for table in theirs.list_tables(schema="s")] == ["t", "u"]


def test_definitions_in_two_parts_never_become_others(ours: Client) -> None:
    """The hint says which reading is meant, whatever the service takes as the usual one."""
    ours.create_table("demo.t", {"id": "bigint"})
    assert ours.tables() == ["t"]
    ours.drop_table("demo.t")
    assert ours.tables() == []

"""An unmodified pyodps 0.13.2, which shares no code with this package, against the service."""

from __future__ import annotations

import importlib
import warnings
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from urllib3.util import ssl_

from odps_frames.emulator.app import Emulator
from odps_frames.emulator.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACCOUNTS = {"interop-id": "interop-secret"}
REGION = "cn-interop"
# pyodps uses what its own dependencies have deprecated, and leaves connections to the collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ROWS: list[dict[str, Any]] = [
    {"a": 1, "b": "x", "d": Decimal("1.50"), "at": datetime.fromisoformat("2026-01-02T03:04:05")},
    {"a": None, "b": "日本", "d": None, "at": None},
    {"a": -(2**63), "b": "", "d": Decimal("-9.99"), "at": None},
]
FIELDS: Any = [
    ("a", pa.int64()),
    ("b", pa.string()),
    ("d", pa.decimal128(10, 2)),
    ("at", pa.timestamp("ms")),
]
COLUMNS = pa.schema(FIELDS)
DATA = pa.Table.from_pylist(ROWS, COLUMNS)
LONG = pa.Table.from_pylist(ROWS * 1000, COLUMNS)


@pytest.fixture(scope="module")
def pyodps() -> Any:
    """The package, without the ciphers that it forces upon the whole process."""
    ciphers = getattr(ssl_, "DEFAULT_CIPHERS", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = importlib.import_module("odps")
        importlib.import_module("odps.maxstorage")
    if ciphers is not None:
        vars(ssl_)["DEFAULT_CIPHERS"] = ciphers
    return module


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    with Emulator(tmp_path, accounts=ACCOUNTS) as emulator:
        yield emulator


@pytest.fixture
def endpoint(emulator: Emulator) -> Iterator[str]:
    with Server(emulator) as server:
        yield server.endpoint


@pytest.fixture(params=[None, REGION], ids=["V1", "V4"])
def entry(request: pytest.FixtureRequest, endpoint: str, pyodps: Any) -> Any:
    """The entry object, which signs in the older or the newer way."""
    ((access_id, secret),) = ACCOUNTS.items()
    return pyodps.ODPS(
        access_id,
        secret,
        project="demo",
        endpoint=endpoint,
        region_name=request.param,
    )


@pytest.fixture
def table(entry: Any) -> Any:
    columns = "a bigint, b string, d decimal(10,2), at datetime"
    return entry.create_table("t", (columns, "pt string"), lifecycle=7, comment="hello")


@pytest.fixture
def storage(entry: Any, table: Any, pyodps: Any) -> Any:
    assert table.name == "t"
    return pyodps.maxstorage.MaxStorageClient(entry)


def write(storage: Any, data: pa.Table, *, compress: str | None = None, **spec: Any) -> Any:
    session = storage.create_table_write_session("t", **spec)
    writer = session.open_arrow_writer("0", compress_algo=compress)
    for batch in data.to_batches(max_chunksize=500):
        writer.write_batch(batch)
    writer.close()
    return session


def read(session: Any, **options: Any) -> pa.Table:
    batches = [
        batch for split in session.splits for batch in session.open_arrow_reader(split, **options)
    ]
    return pa.Table.from_batches(batches, batches[0].schema if batches else pa.schema([]))


def test_tables(entry: Any, table: Any) -> None:
    table.reload()
    assert [(column.name, str(column.type).lower()) for column in table.table_schema.columns] == [
        ("a", "bigint"),
        ("b", "string"),
        ("d", "decimal(10,2)"),
        ("at", "datetime"),
        ("pt", "string"),
    ]
    assert (table.lifecycle, table.comment) == (7, "hello")
    assert [found.name for found in entry.list_tables()] == ["t"]
    assert entry.exist_table("t")
    assert not entry.exist_table("u")
    table.drop()
    assert not entry.exist_table("t")


@pytest.mark.parametrize("value", ["20260101", "a b", "50%+1", "日本🦆", "a/b"])
def test_partitions(table: Any, value: str) -> None:
    spec = f"pt='{value}'"
    table.create_partition(spec)
    assert table.exist_partition(spec)
    assert not table.exist_partition("pt='nope'")
    assert [partition.partition_spec.kv["pt"] for partition in table.partitions] == [value]
    table.delete_partition(spec)
    assert list(table.partitions) == []


@pytest.mark.parametrize("compress", [None, "zstd", "lz4"])
def test_writing_and_reading(storage: Any, compress: str | None) -> None:
    write(storage, LONG, compress=compress, partition_spec="pt=x").commit()
    session = storage.create_table_read_session("t", columns=["b", "a"], partitions=["pt=x"])
    table = read(session, compress_algo=compress)
    assert table.column_names == ["b", "a", "pt"]
    assert table.select(["a", "b"]).equals(LONG.select(["a", "b"]))
    assert table["pt"].unique().to_pylist() == ["x"]


@pytest.mark.parametrize(
    ("mode", "number", "splits"), [("SIZE", 20_000, 6), ("ROW_OFFSET", 700, 5)]
)
def test_splits(storage: Any, pyodps: Any, mode: str, number: int, splits: int) -> None:
    write(storage, LONG, partition_spec="pt=x").commit()
    ms = pyodps.maxstorage
    options = ms.SplitOptions(split_mode=ms.SplitMode[mode], split_number=number)
    session = storage.create_table_read_session("t", split_options=options)
    assert len(session.splits) >= splits
    assert read(session).drop_columns(["pt"]).equals(LONG)


def test_a_session_is_found_by_its_id(storage: Any) -> None:
    write(storage, DATA, partition_spec="pt=x").commit()
    session_id = storage.create_table_read_session("t").id
    assert read(storage.create_table_read_session("t", session_id=session_id)).num_rows == 3


def test_dynamic_partitions_and_overwriting(storage: Any) -> None:
    parted = DATA.append_column("pt", pa.array(["x", "y", "x"]))
    write(storage, parted).commit()
    write(storage, DATA.slice(0, 1), partition_spec="pt=x", overwrite=True).commit()
    table = read(storage.create_table_read_session("t"))
    assert table.select(["a", "pt"]).to_pylist() == [{"a": 1, "pt": "x"}, {"a": None, "pt": "y"}]


def test_exactly_once(storage: Any) -> None:
    session = storage.create_table_write_session("t", partition_spec="pt=x")
    writer = session.open_arrow_writer("0", exactly_once_mode=True)
    for _ in range(2):
        writer.write_batch(DATA.to_batches()[0])
        writer.flush()
    assert writer.get_row_offset() == 6
    writer.close()
    session.commit()
    assert read(storage.create_table_read_session("t")).num_rows == 6


def test_aborting(storage: Any) -> None:
    write(storage, DATA, partition_spec="pt=x").abort()
    assert read(storage.create_table_read_session("t")).num_rows == 0


def test_previewing(storage: Any) -> None:
    write(storage, DATA, partition_spec="pt=x").commit()
    table = storage.preview_table("t", partition_spec="pt=x", columns=["a"], limit=2).read()
    assert table.to_pylist() == [{"a": 1}, {"a": None}]


def test_a_wrong_secret_is_refused(emulator: Emulator, endpoint: str, pyodps: Any) -> None:
    entry = pyodps.ODPS("interop-id", "guess", project="demo", endpoint=endpoint)
    with pytest.raises(pyodps.errors.ODPSError):
        list(entry.list_tables())
    assert {record.status for record in emulator.requests} <= {401, 403}


def test_errors_have_the_classes_that_pyodps_knows(entry: Any, table: Any, pyodps: Any) -> None:
    with pytest.raises(pyodps.errors.NoSuchObject):
        entry.get_table("nope").reload()
    with pytest.raises(pyodps.errors.NoSuchTable):
        entry.execute_sql("drop table nope")
    with pytest.raises(pyodps.errors.ParseError):
        entry.execute_sql("create table (")
    assert table.name == "t"

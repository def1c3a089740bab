from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

import odps_frames as of

if TYPE_CHECKING:
    from odps_frames.local import LocalClient

FRAME = pd.DataFrame({"id": pd.array([1, 2, 3, 4], "Int64"), "pt": ["a", "b", "a", "c"]})


def parts(client: LocalClient, table: str) -> dict[str, list[int]]:
    frame = of.read_odps(table, client=client)
    return {str(key): sorted(rows["id"].tolist()) for key, rows in frame.groupby("pt")}


@pytest.fixture
def filled(client: LocalClient, table: str) -> str:
    result = of.to_odps(FRAME, table, partition_cols="pt", create=True, client=client)
    assert result.partitions == ("pt=a", "pt=b", "pt=c")
    return table


def test_append(client: LocalClient, filled: str) -> None:
    result = of.to_odps(FRAME, filled, client=client)
    assert (result.rows, result.table, result.retries) == (4, f"demo.{filled}", 0)
    assert result.bytes > 0
    assert result.session_id
    assert not result.resumed
    assert parts(client, filled) == {"a": [1, 1, 3, 3], "b": [2, 2], "c": [4, 4]}


def test_a_static_partition(client: LocalClient, filled: str) -> None:
    rows = pd.DataFrame({"id": [7, 8]})
    result = of.to_odps(rows, filled, partition="pt=new", client=client)
    assert result.partitions == ("pt=new",)
    assert parts(client, filled)["new"] == [7, 8]


def test_overwriting_one_partition_leaves_the_others(client: LocalClient, filled: str) -> None:
    rows = pd.DataFrame({"id": [9]})
    of.to_odps(rows, filled, mode="overwrite", partition={"pt": "a"}, client=client)
    assert parts(client, filled) == {"a": [9], "b": [2], "c": [4]}


def test_overwriting_a_partition_with_nothing_empties_it(client: LocalClient, filled: str) -> None:
    none = pd.DataFrame({"id": pd.array([], "Int64")})
    of.to_odps(none, filled, mode="overwrite", partition="pt=a", client=client)
    assert parts(client, filled) == {"b": [2], "c": [4]}


def test_overwriting_the_partitions_of_the_data(client: LocalClient, filled: str) -> None:
    rows = pd.DataFrame({"id": [10, 11], "pt": ["a", "d"]})
    result = of.to_odps(rows, filled, mode="overwrite_partitions", client=client)
    assert result.partitions == ("pt=a", "pt=d")
    assert parts(client, filled) == {"a": [10], "b": [2], "c": [4], "d": [11]}


def test_overwriting_a_table_without_partitions(client: LocalClient, table: str) -> None:
    of.to_odps(FRAME, table, create=True, client=client)
    of.to_odps(FRAME.head(1), table, mode="overwrite", client=client)
    assert of.read_odps(table, client=client)["id"].tolist() == [1]
    of.to_odps(FRAME.head(0), table, if_exists="replace", client=client)
    assert len(of.read_odps(table, client=client)) == 0


def test_error_and_ignore(client: LocalClient, table: str) -> None:
    of.to_odps(FRAME, table, mode="error", partition_cols="pt", create=True, client=client)
    with pytest.raises(of.Conflict, match="exists"):
        of.to_odps(FRAME, table, mode="error", client=client)
    with pytest.raises(of.Conflict, match=f"partition pt=a of demo.{table} exists"):
        of.to_odps(FRAME[["id"]], table, if_exists="fail", partition="pt=a", client=client)
    of.to_odps(FRAME[["id"]], table, mode="error", partition="pt=z", client=client)
    assert of.to_odps(FRAME, table, mode="ignore", client=client).rows == 0
    result = of.to_odps(FRAME[["id"]], table, mode="ignore", partition="pt=y", client=client)
    assert result.rows == 4
    assert sorted(parts(client, table)) == ["a", "b", "c", "y", "z"]


@pytest.mark.parametrize(
    ("options", "error", "complaint"),
    [
        ({"mode": "overwrite"}, ValueError, "overwrite_partitions"),
        ({"mode": "replace"}, ValueError, "mode='replace'; expected one of"),
        ({"mode": "append", "if_exists": "append"}, ValueError, "say the same thing"),
        ({"if_exists": "truncate"}, ValueError, "if_exists='truncate'"),
        ({"schema_mode": "loose"}, ValueError, "schema_mode='loose'"),
        ({"partition": "xx=1"}, ValueError, r"does not fit.*\['pt'\]"),
        ({"partition": "pt=1", "partition_cols": "pt"}, ValueError, "partition_cols"),
        ({"partition_cols": ["id"]}, ValueError, r"partition_cols=\['id'\] does not fit"),
        ({"partition": 7}, TypeError, "not a partition: 7"),
        ({"partition": "pt="}, ValueError, "not a partition value"),
        ({"n_streams": 0}, ValueError, "n_streams=0"),
        ({"compression": "gzip"}, ValueError, "gzip"),
        ({"progress": 3}, ValueError, "progress=3"),
        ({"partition": "pt=a"}, of.SchemaMismatch, "pt"),
    ],
)
def test_bad_options_are_refused_and_nothing_changes(
    client: LocalClient,
    filled: str,
    options: dict[str, Any],
    error: type[Exception],
    complaint: str,
) -> None:
    before = client.service.requests
    with pytest.raises(error, match=complaint):
        of.to_odps(FRAME, filled, client=client, **options)
    actions = {entry.operation for entry in client.service.requests[len(before) :]}
    assert not actions & {"TableCreateWriteSession", "TableWrite", "SubmitInstance"}
    assert parts(client, filled) == {"a": [1, 3], "b": [2], "c": [4]}


def test_modes_of_tables_without_partitions(client: LocalClient, table: str) -> None:
    of.to_odps(FRAME, table, create=True, client=client)
    with pytest.raises(ValueError, match="has no partitions; use mode='overwrite'"):
        of.to_odps(FRAME, table, mode="overwrite_partitions", client=client)
    with pytest.raises(ValueError, match="has no partitions; leave it out"):
        of.to_odps(FRAME, table, partition="pt=1", client=client)


def test_a_table_that_is_not_there(client: LocalClient, table: str) -> None:
    with pytest.raises(of.NotFound, match="create=True"):
        of.to_odps(FRAME, table, client=client)
    assert not client.exists(table)


def test_static_and_dynamic_partition_columns_together(client: LocalClient, table: str) -> None:
    rows = pd.DataFrame({"id": [1, 2], "hh": ["x", "y"]})
    result = of.to_odps(
        rows, table, partition="pt=1", partition_cols=["hh"], create=True, client=client
    )
    assert result.partitions == ("pt=1,hh=x", "pt=1,hh=y")
    assert [str(p) for p in client.table(table).partitions()] == ["pt=1,hh=x", "pt=1,hh=y"]
    rows = pd.DataFrame({"id": [3], "hh": ["y"]})
    of.to_odps(rows, table, mode="overwrite_partitions", partition="pt=1", client=client)
    frame = of.read_odps(table, client=client)
    assert sorted(zip(frame["id"], frame["hh"], strict=True)) == [(1, "x"), (3, "y")]


def test_a_row_without_a_partition_is_never_dropped(client: LocalClient, filled: str) -> None:
    rows = pd.DataFrame({"id": [5, 6, 7], "pt": [None, "a", None]})
    with pytest.raises(of.CastError, match=r"2 rows have no value in the partition column 'pt'"):
        of.to_odps(rows, filled, client=client)
    assert parts(client, filled) == {"a": [1, 3], "b": [2], "c": [4]}
    of.to_odps(rows, filled, null_partition="none", client=client)
    assert parts(client, filled) == {"a": [1, 3, 6], "b": [2], "c": [4], "none": [5, 7]}


VALUES = [
    "it's",
    'say "x"',
    "a/b",
    "a=b",
    "a,b",
    "50%",
    "%2F",
    "two words",
    "杭州",
    "🚀",
    "a+b&c=d",
    "back\\slash",
    "'quoted'",
    "#hash?",
    "pt=x",
    "`tick`",
    "..",
    "a:b",
]


@pytest.mark.parametrize("value", VALUES)
def test_partition_values_survive_whatever_they_hold(
    client: LocalClient, table: str, value: str
) -> None:
    rows = pd.DataFrame({"id": pd.array([1, 2], "Int64"), "pt": [value, "other"]})
    of.to_odps(rows, table, partition_cols="pt", create=True, client=client)
    assert {p.values for p in client.table(table).partitions()} == {(value,), ("other",)}
    assert parts(client, table) == {value: [1], "other": [2]}
    assert of.read_odps(table, partitions={"pt": value}, client=client)["id"].tolist() == [1]
    assert of.read_odps(table, filters=[("pt", "==", value)], client=client)["id"].tolist() == [1]
    static = pd.DataFrame({"id": [3]})
    result = of.to_odps(static, table, partition={"pt": value}, client=client)
    assert result.rows == 1
    assert parts(client, table) == {value: [1, 3], "other": [2]}
    of.to_odps(static, table, mode="overwrite", partition={"pt": value}, client=client)
    assert parts(client, table) == {value: [3], "other": [2]}
    with pytest.raises(of.Conflict):
        of.to_odps(static, table, mode="error", partition={"pt": value}, client=client)
    client.table(table).drop_partition({"pt": value})
    assert parts(client, table) == {"other": [2]}


@pytest.mark.parametrize("value", ["", "line\nbreak", "nul\x00"])
def test_partition_values_that_none_can_have(client: LocalClient, filled: str, value: str) -> None:
    rows = pd.DataFrame({"id": [5], "pt": [value]})
    with pytest.raises(ValueError, match="not a partition value"):
        of.to_odps(rows, filled, client=client)
    with pytest.raises(ValueError, match="not a partition value"):
        of.to_odps(rows[["id"]], filled, partition={"pt": value}, client=client)
    assert parts(client, filled) == {"a": [1, 3], "b": [2], "c": [4]}


SOURCES = {
    "pandas": lambda: FRAME,
    "arrow": lambda: pa.Table.from_pandas(FRAME),
    "batch": lambda: pa.RecordBatch.from_pandas(FRAME),
    "reader": lambda: pa.Table.from_pandas(FRAME).to_reader(max_chunksize=1),
    "dataset": lambda: ds.dataset(pa.Table.from_pandas(FRAME)),
    "polars": lambda: pl.from_pandas(FRAME),
    "callable": lambda: lambda: pa.Table.from_pandas(FRAME).to_reader(),
    "scan": None,
}


@pytest.mark.parametrize("source", SOURCES)
def test_what_may_be_written(client: LocalClient, filled: str, table: str, source: str) -> None:
    make = SOURCES[source]
    data: Any = of.scan_odps(filled, client=client) if make is None else make()
    result = of.to_odps(
        data, table + "_copy", partition_cols="pt", create=True, client=client, n_streams=2
    )
    assert result.rows == 4
    assert parts(client, table + "_copy") == {"a": [1, 3], "b": [2], "c": [4]}


def test_what_may_not(client: LocalClient, filled: str) -> None:
    with pytest.raises(TypeError, match="int"):
        of.to_odps(7, filled, client=client)
    with pytest.raises(TypeError, match="expected its name"):
        of.to_odps(FRAME, 7, client=client)  # type: ignore[call-overload]  # that is the point


def test_a_source_that_fails_leaves_nothing(client: LocalClient, filled: str) -> None:
    def batches() -> Any:
        yield pa.RecordBatch.from_pydict({"id": [5], "pt": ["a"]})
        raise LookupError("the source is gone")

    schema = pa.table({"id": [1], "pt": ["a"]}).schema
    reader = pa.RecordBatchReader.from_batches(schema, batches())
    with pytest.raises(LookupError, match="gone"):
        of.to_odps(reader, filled, client=client)
    assert client.service.requests[-1].operation == "TableAbortWriteSession"
    assert parts(client, filled) == {"a": [1, 3], "b": [2], "c": [4]}


def test_columns_are_found_by_name(client: LocalClient, filled: str) -> None:
    rows = pd.DataFrame({"PT": ["a"], "Id": [5]})
    of.to_odps(rows, filled, client=client)
    assert parts(client, filled)["a"] == [1, 3, 5]


def test_columns_that_differ(client: LocalClient, filled: str) -> None:
    extra = FRAME.assign(more=1)
    with pytest.raises(of.SchemaMismatch, match="more"):
        of.to_odps(extra, filled, client=client)
    of.to_odps(extra, filled, schema_mode="ignore_extra", client=client)
    with pytest.raises(of.SchemaMismatch, match="id"):
        of.to_odps(FRAME[["pt"]], filled, client=client)
    with pytest.raises(of.SchemaMismatch, match="partition='pt="):
        of.to_odps(FRAME[["id"]], filled, client=client)
    of.to_odps(FRAME[["pt"]].head(1), filled, fill_missing=True, client=client)
    frame = of.read_odps(filled, client=client)
    assert len(frame) == 9
    assert frame["id"].isna().sum() == 1


@pytest.mark.parametrize(
    ("kind", "value", "complaint"),
    [
        ("tinyint", 128, r"column 'v'.*row 1.*128"),
        ("int", 2**31, r"row 1.*2147483648"),
        ("bigint", 1.5, r"row 1.*1\.5"),
        ("decimal(4,2)", Decimal("1.234"), r"row 1.*1\.234"),
        ("decimal(4,2)", Decimal("123.45"), r"row 1"),
        ("varchar(3)", "four", r"row 1.*four"),
        ("bigint", "text", "v"),
        ("date", "2026-01-01", "v"),
    ],
)
def test_a_value_that_does_not_fit_is_named_before_anything_is_sent(
    client: LocalClient, table: str, kind: str, value: Any, complaint: str
) -> None:
    client.create_table(table, {"v": kind})
    fits = {"decimal(4,2)": Decimal("1.00"), "varchar(3)": "abc"}.get(kind, value)
    first = 1.0 if value == 1.5 else 1 if isinstance(value, int) else fits
    rows = pd.DataFrame({"v": [first, value]})
    sent = len(client.service.requests)
    with pytest.raises((of.CastError, of.SchemaMismatch), match=complaint):
        of.to_odps(rows, table, client=client)
    assert "TableCreateWriteSession" not in {
        entry.operation for entry in client.service.requests[sent:]
    }
    assert len(of.read_odps(table, client=client)) == 0


def test_types_of_a_table_that_is_made(client: LocalClient, table: str) -> None:
    frame = pd.DataFrame(
        {
            "i": pd.array([1], "Int32"),
            "f": [1.5],
            "s": ["x"],
            "n": pd.to_datetime(["2026-01-01"]),
            "z": pd.to_datetime(["2026-01-01"], utc=True),
            "d": [Decimal("1.50")],
            "b": [True],
            "day": [date(2026, 1, 1)],
            "list": [[1, 2]],
        }
    )
    of.to_odps(
        frame, table, create=True, odps_types={"d": "decimal(18,2)"}, lifecycle=7, client=client
    )
    info = client.table(table).info
    assert {column.name: str(column.type) for column in info.schema.columns} == {
        "i": "int",
        "f": "double",
        "s": "string",
        "n": "timestamp_ntz",
        "z": "timestamp",
        "d": "decimal(18,2)",
        "b": "boolean",
        "day": "date",
        "list": "array<bigint>",
    }
    assert info.lifecycle == 7


def test_an_override_of_a_column_that_is_not_there(client: LocalClient, table: str) -> None:
    with pytest.raises(ValueError, match="nope"):
        of.to_odps(FRAME, table, create=True, odps_types={"nope": "int"}, client=client)
    with pytest.raises(ValueError, match="not a MaxCompute type"):
        of.to_odps(FRAME, table, create=True, odps_types={"id": "integer"}, client=client)
    assert not client.exists(table)


def test_the_index_is_written_when_asked_for(client: LocalClient, table: str) -> None:
    frame = pd.DataFrame({"v": [1, 2]}, index=pd.Index(["a", "b"], name="key"))
    of.to_odps(frame, table, index=True, create=True, client=client)
    assert of.read_odps(table, client=client)["key"].tolist() == ["a", "b"]


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize("n_streams", [1, 3])
def test_many_blocks_in_several_streams(
    client: LocalClient,
    table: str,
    compression: Any,
    n_streams: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("odps_frames.write.fan.BLOCK_BYTES", 4096)
    frame = pd.DataFrame({"id": pd.array(range(20_000), "Int64"), "pt": ["a", "b"] * 10_000})
    reader = pa.Table.from_pandas(frame).to_reader(max_chunksize=500)
    result = of.to_odps(
        reader,
        table,
        partition_cols="pt",
        create=True,
        compression=compression,
        n_streams=n_streams,
        client=client,
    )
    assert result.rows == 20_000
    writes = [e for e in client.service.requests if e.operation == "TableWrite"]
    assert len(writes) > 10
    back = of.read_odps(table, client=client).sort_values("id", ignore_index=True)
    pd.testing.assert_frame_equal(back, frame)


def test_progress_is_told(client: LocalClient, table: str) -> None:
    told: list[of.Progress] = []
    of.to_odps(FRAME, table, create=True, progress=told.append, client=client)
    assert told[-1].rows == len(FRAME)


def test_a_result_can_be_looked_at(client: LocalClient, filled: str) -> None:
    result = of.to_odps(FRAME, filled, client=client)
    assert f"<td>demo.{filled}</td>" in result._repr_html_()

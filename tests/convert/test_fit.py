from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from odps_frames.convert.fit import Fitter
from odps_frames.errors import CastError, SchemaMismatch
from odps_frames.model.schema import Column, TableSchema

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Column]


def batch_of(columns: dict[str, Any]) -> pa.RecordBatch:
    return pa.record_batch(columns)


def schema_of(**types: Any) -> pa.Schema:
    return pa.schema(list(types.items()))


@pytest.fixture
def schema(column: Make) -> TableSchema:
    return TableSchema(
        (column("int", "Id", nullable=False), column("string", "name"), column("timestamp", "at")),
        (column("string", "pt"),),
    )


def test_columns_come_in_the_order_of_the_table_under_its_names(schema: TableSchema) -> None:
    batch = batch_of(
        {"AT": pa.array([0], pa.timestamp("ms")), "PT": ["a"], "id": [1], "Name": ["x"]}
    )
    fitter = Fitter(schema, schema.all_columns, batch.schema)
    expected = pa.schema(
        [
            pa.field("Id", pa.int32(), nullable=False),
            *schema_of(name=pa.string(), at=pa.timestamp("us"), pt=pa.string()),
        ]
    )
    assert fitter.schema.equals(expected)
    found = fitter.fit(batch)
    assert found.schema.equals(expected)
    assert found.to_pydict() == {
        "Id": [1],
        "name": ["x"],
        "at": batch.column("AT").to_pylist(),
        "pt": ["a"],
    }
    assert fitter.fit(batch.slice(1)).num_rows == 0


def test_all_differences_are_told_at_once(schema: TableSchema) -> None:
    source = schema_of(id=pa.binary(), at=pa.int64(), pt=pa.string(), new=pa.int8())
    with pytest.raises(SchemaMismatch) as caught:
        Fitter(schema, schema.columns, source)
    lines = [line.split() for line in str(caught.value).splitlines()[1:]]
    assert [line[:3] for line in lines] == [
        ["column", "data", "table"],
        ["Id", "binary", "int"],
        ["name", "(none)", "string"],
        ["at", "int64", "timestamp"],
        ["pt", "string", "string"],
        ["new", "int8", "(none)"],
    ]
    assert "never fits" in str(caught.value)
    assert "fill_missing=True" in str(caught.value)
    assert "partition= says it" in str(caught.value)
    assert "schema_mode='ignore_extra'" in str(caught.value)


def test_a_long_list_of_differences_is_cut(schema: TableSchema) -> None:
    source = pa.schema([(f"c{i}", pa.int8()) for i in range(30)])
    with pytest.raises(SchemaMismatch, match="and 13 more"):
        Fitter(schema, schema.columns, source)


def test_extra_columns_can_be_left_out(schema: TableSchema) -> None:
    batch = batch_of({"id": [1], "new": [2], "name": ["x"], "at": pa.nulls(1)})
    fitter = Fitter(schema, schema.columns, batch.schema, schema_mode="ignore_extra")
    assert fitter.fit(batch).schema.names == ["Id", "name", "at"]


def test_missing_columns_can_be_null_if_they_may(schema: TableSchema) -> None:
    batch = batch_of({"id": [1, 2]})
    fitter = Fitter(schema, schema.columns, batch.schema, fill_missing=True)
    found = fitter.fit(batch)
    assert found.to_pydict() == {"Id": [1, 2], "name": [None, None], "at": [None, None]}
    assert found.schema.equals(fitter.schema)
    with pytest.raises(SchemaMismatch, match="NOT NULL"):
        Fitter(schema, schema.columns, pa.schema([("name", pa.string())]), fill_missing=True)


def test_names_that_differ_by_case_alone_are_ambiguous(schema: TableSchema) -> None:
    source = pa.schema([("id", pa.int32()), ("ID", pa.int32())])
    with pytest.raises(SchemaMismatch, match=r"ID .*stands twice"):
        Fitter(schema, schema.columns, source, fill_missing=True)


def test_null_in_a_column_that_must_not_have_it_is_counted(schema: TableSchema) -> None:
    batch = batch_of({"id": [1, None, None], "name": ["x"] * 3, "at": pa.nulls(3)})
    fitter = Fitter(schema, schema.columns, batch.schema)
    with pytest.raises(CastError, match=r"'Id' is NOT NULL, and 2 of 3 rows .* first is row 41 "):
        fitter.fit(batch, 40)


def test_rows_are_counted_from_the_first_of_the_data(schema: TableSchema) -> None:
    batch = batch_of({"id": [1, 2**40], "name": ["x", "y"], "at": pa.nulls(2)})
    fitter = Fitter(schema, schema.columns, batch.schema)
    message = r"column 'Id', row 8 .*1099511627776 of int64 does not fit int: "
    with pytest.raises(CastError, match=message):
        fitter.fit(batch, 7)
    assert fitter.fit(batch.slice(0, 1), 7).num_rows == 1


def test_every_batch_has_the_schema_that_was_announced(schema: TableSchema) -> None:
    batch = batch_of({"id": [1], "name": ["x"], "at": pa.nulls(1)})
    fitter = Fitter(schema, schema.columns, batch.schema)
    other = batch.set_column(0, "id", pa.array([1.0]))
    with pytest.raises(SchemaMismatch, match="must have the same"):
        fitter.fit(other)


def test_no_python_is_called_for_each_value(column: Make) -> None:
    wanted = (
        column("int", "a"),
        column("decimal(10,2)", "b"),
        column("varchar(20)", "c"),
        column("datetime", "d"),
        column("array<tinyint>", "e"),
        column("map<string,float>", "f"),
        column("struct<x:interval_day_time>", "g"),
        column("double", "h"),
    )

    def batch(n_rows: int) -> pa.RecordBatch:
        numbers = pa.array(range(n_rows))
        small: Any = pa.array([i % 100 for i in range(n_rows)])
        lists: Any = pa.FixedSizeListArray.from_arrays(small, 1)
        offsets: Any = pa.array(range(n_rows + 1), pa.int32())
        keys: Any = numbers.cast(pa.large_string())
        floats = small.cast(pa.float64())
        return batch_of(
            {
                "a": floats,
                "b": floats,
                "c": numbers.cast(pa.string()).dictionary_encode(),
                "d": numbers.cast(pa.timestamp("s")),
                "e": lists,
                "f": pa.MapArray.from_arrays(offsets, keys, floats),
                "g": pa.StructArray.from_arrays([numbers.cast(pa.duration("us"))], names=["x"]),
                "h": numbers,
            }
        )

    def calls(n_rows: int) -> int:
        data = batch(n_rows)
        fitter = Fitter(TableSchema(wanted), wanted, data.schema, tz="Asia/Shanghai")
        count = 0

        def note(*_: object) -> None:
            nonlocal count
            count += 1

        sys.setprofile(note)
        try:
            fitter.fit(data)
        finally:
            sys.setprofile(None)
        return count

    calls(10)
    assert calls(10_000) == calls(10) > 0

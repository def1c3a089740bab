"""Every type at its extremes: table, frame, stream, table again, equal in every dtype backend."""

from __future__ import annotations

import math
from decimal import Context, Decimal
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odps_frames.convert.arrow import normal_schema, normalise
from odps_frames.convert.fit import Fitter
from odps_frames.convert.frames import arrow_reader
from odps_frames.convert.pandas import DtypeBackend, to_pandas
from odps_frames.errors import CastError
from odps_frames.model.read import ArrowOptions, TimeUnit
from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.types import parse_type

BACKENDS: tuple[DtypeBackend | None, ...] = (None, "pyarrow", "numpy_nullable", "numpy")
REFUSED_BY_NUMPY = ("tinyint", "smallint", "int", "bigint", "boolean")
"""Types of which numpy has no NULL: a column of them that has one is refused."""
MICRO = ArrowOptions(timestamp_unit=TimeUnit.MICRO)
EXACT = Context(prec=100)


class Case(NamedTuple):
    """A type, and what a column of it may hold; times are drawn as their numbers."""

    type: str
    values: st.SearchStrategy[Any]
    options: ArrowOptions = ArrowOptions()


def whole(bits: int) -> st.SearchStrategy[int]:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return st.sampled_from([low, high, 0]) | st.integers(low, high)


def between(low: int, high: int) -> st.SearchStrategy[int]:
    return st.sampled_from([low, high]) | st.integers(low, high)


def decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    digits = between(1 - 10**precision, 10**precision - 1)
    return digits.map(lambda number: Decimal(number).scaleb(-scale, context=EXACT))


def rows(values: st.SearchStrategy[Any], max_size: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.none() | values, max_size=max_size)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
SECONDS = (-62_135_596_800, 253_402_300_799)
DAYS = between(-719_162, 2_932_896)
MILLIS = between(SECONDS[0] * 10**3, SECONDS[1] * 10**3 + 999)
MICROS = between(SECONDS[0] * 10**6, SECONDS[1] * 10**6 + 999_999)
NANOS = between(-(2**63) + 1, 2**63 - 1)  # the very first is NaT to numpy
FLOATS = st.floats(allow_nan=False)
KEYED_DAYS = st.lists(st.tuples(whole(64), rows(DAYS, max_size=2)), max_size=3)
CASES = [
    Case("tinyint", whole(8)),
    Case("smallint", whole(16)),
    Case("int", whole(32)),
    Case("bigint", whole(64)),
    Case("float", st.floats(width=32)),
    Case("double", st.floats()),
    Case("boolean", st.booleans()),
    Case("string", TEXT),
    Case("char(5)", TEXT),
    Case("varchar(5)", TEXT),
    Case("json", st.sampled_from(["{}", "null", '{"日": [1]}'])),
    Case("binary", st.binary(max_size=5)),
    Case("blob", st.binary(max_size=5)),
    Case("date", DAYS),
    Case("datetime", MILLIS),
    Case("timestamp", NANOS),
    Case("timestamp", MICROS, MICRO),
    Case("timestamp_ntz", NANOS),
    Case("timestamp_ntz", MICROS, MICRO),
    Case("decimal(38,0)", decimals(38, 0)),
    Case("decimal(38,18)", decimals(38, 18)),
    Case("decimal(38,38)", decimals(38, 38)),
    Case("decimal(1,0)", decimals(1, 0)),
    Case("decimal(54,18)", decimals(54, 18)),
    Case("interval_day_time", NANOS),
    Case("array<bigint>", rows(whole(64))),
    Case("array<boolean>", rows(st.booleans())),
    Case("array<double>", rows(FLOATS)),
    Case("array<float>", rows(st.floats(width=32, allow_nan=False))),
    Case("array<binary>", rows(st.binary(max_size=3))),
    Case("array<date>", rows(DAYS)),
    Case("array<datetime>", rows(MILLIS)),
    Case("array<timestamp>", rows(NANOS)),
    Case("array<timestamp>", rows(MICROS), MICRO),
    Case("array<timestamp_ntz>", rows(MICROS), MICRO),
    Case("array<interval_day_time>", rows(NANOS)),
    Case("array<decimal(38,18)>", rows(decimals(38, 18))),
    Case("array<array<string>>", rows(rows(TEXT, max_size=2))),
    Case("vector(float,2)", st.lists(st.floats(width=32, allow_nan=False), min_size=2, max_size=2)),
    Case("map<string,bigint>", st.lists(st.tuples(TEXT, st.none() | whole(64)))),
    Case("map<bigint,array<date>>", KEYED_DAYS),
    Case(
        "struct<a:tinyint,B:array<decimal(3,1)>,c:map<int,string>>",
        st.fixed_dictionaries(
            {
                "a": st.none() | whole(8),
                "B": st.none() | rows(decimals(3, 1), max_size=2),
                "c": st.none() | st.lists(st.tuples(whole(32), st.none() | TEXT), max_size=2),
            }
        ),
    ),
]


def case_id(case: Any) -> str:
    return f"{case.type}-{case.options.timestamp_unit}" if isinstance(case, Case) else str(case)


def back(frame: Any, column: Column, case: Case) -> pa.Table:
    """What is read of a table after a frame was written to it."""
    reader = arrow_reader(frame, columns=(column,))
    fitter = Fitter(TableSchema((column,)), (column,), reader.schema)
    batches = [fitter.fit(batch) for batch in reader]
    for batch in batches:
        batch.validate(full=True)
    found = [normalise(batch, (column,), case.options) for batch in batches]
    return pa.Table.from_batches(found, normal_schema((column,), case.options))


def table_of(values: list[Any], column: Column, case: Case, n_chunks: int) -> pa.Table:
    schema = normal_schema((column,), case.options)
    chunks = [values[start::n_chunks] for start in range(n_chunks)]
    batches = [
        pa.record_batch([pa.array(chunk, schema.types[0], from_pandas=False)], schema=schema)
        for chunk in chunks
    ]
    return pa.Table.from_batches(batches, schema)


def without_nan(table: pa.Table) -> pa.Table:
    """What a frame makes of floats: NaN and NULL are one, and written as NULL."""
    if not pa.types.is_floating(table.schema.types[0]):
        return table
    values = [
        None if value is None or math.isnan(value) else value for value in table["x"].to_pylist()
    ]
    return pa.table([pa.array(values, table.schema.types[0])], schema=table.schema)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES, ids=case_id)
@settings(max_examples=40)
@given(data=st.data(), n_chunks=st.integers(1, 3), tz=st.sampled_from(["UTC", "Asia/Shanghai"]))
def test_values_survive_the_way_through_a_frame(
    case: Case, backend: DtypeBackend | None, data: st.DataObject, n_chunks: int, tz: str
) -> None:
    values = data.draw(rows(case.values, max_size=5))
    column = Column("x", parse_type(case.type))
    table = table_of(values, column, case, n_chunks)
    if backend in ("numpy", "numpy_nullable") and "<" in case.type:
        tz = "UTC"  # Python's own times do not reach the ends of the calendar in other zones
    if backend == "numpy" and case.type in REFUSED_BY_NUMPY and None in values:
        with pytest.raises(CastError, match=r"column 'x', row .*numpy has no NULL"):
            to_pandas(table, (column,), dtype_backend=backend, tz=tz)
        return
    frame = to_pandas(table, (column,), dtype_backend=backend, tz=tz)
    found = back(frame, column, case)
    expected = without_nan(table)
    assert found.schema == expected.schema
    assert found["x"].combine_chunks().equals(expected["x"].combine_chunks())


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_type_survives_in_one_frame_empty_and_null(backend: DtypeBackend | None) -> None:
    columns = tuple(
        Column(f"c{i}", parse_type(case.type))
        for i, case in enumerate(CASES)
        if backend != "numpy" or case.type not in REFUSED_BY_NUMPY
    )
    schema = normal_schema(columns)
    arrays: list[Any] = [pa.array([None, None], type_) for type_ in schema.types]
    for table in (schema.empty_table(), pa.table(arrays, schema=schema)):
        frame = to_pandas(table, columns, dtype_backend=backend)
        reader = arrow_reader(frame, columns=columns)
        fitter = Fitter(TableSchema(columns), columns, reader.schema)
        found = [normalise(fitter.fit(batch), columns) for batch in reader]
        assert pa.Table.from_batches(found, schema).equals(table)


@pytest.mark.parametrize("backend", [None, "pyarrow"])
def test_nan_inside_a_list_stays_nan(backend: DtypeBackend | None) -> None:
    column = Column("x", parse_type("array<double>"))
    case = Case("array<double>", st.nothing())
    table = table_of([[math.nan, None, 1.0]], column, case, 1)
    found = back(to_pandas(table, (column,), dtype_backend=backend), column, case)
    value: Any
    (value,) = found["x"].to_pylist()
    assert math.isnan(value[0])
    assert value[1:] == [None, 1.0]


@pytest.mark.parametrize("backend", ["numpy_nullable", "numpy"])
def test_nan_inside_a_list_of_python_is_missing(backend: Any) -> None:
    column = Column("x", parse_type("array<double>"))
    case = Case("array<double>", st.nothing())
    table = table_of([[math.nan, 1.0]], column, case, 1)
    found = back(to_pandas(table, (column,), dtype_backend=backend), column, case)
    assert found["x"].to_pylist() == [[None, 1.0]]

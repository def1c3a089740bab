from __future__ import annotations

import datetime as dt
import math
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from odps_frames.convert.arrow import normal_schema
from odps_frames.convert.pandas import DtypeBackend, to_pandas
from odps_frames.convert.untyped import pc
from odps_frames.errors import CastError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.model.schema import Column

    Make = Callable[..., Column]

SHANGHAI = "Asia/Shanghai"
DTYPES = {
    # By type: the dtype by default, with "numpy_nullable", and with "numpy".
    "tinyint": ("Int8", "Int8", "int8"),
    "smallint": ("Int16", "Int16", "int16"),
    "int": ("Int32", "Int32", "int32"),
    "bigint": ("Int64", "Int64", "int64"),
    "float": ("float32", "Float32", "float32"),
    "double": ("float64", "Float64", "float64"),
    "boolean": ("boolean", "boolean", "bool"),
    "string": ("str", "string", "str"),
    "char(3)": ("str", "string", "str"),
    "varchar(3)": ("str", "string", "str"),
    "json": ("str", "string", "str"),
    "binary": ("binary[pyarrow]", "object", "object"),
    "date": ("date32[day][pyarrow]", "object", "object"),
    "datetime": (f"datetime64[ms, {SHANGHAI}]",) * 3,
    "timestamp": (f"datetime64[ns, {SHANGHAI}]",) * 3,
    "timestamp_ntz": ("datetime64[ns]",) * 3,
    "decimal(38,18)": ("decimal128(38, 18)[pyarrow]", "object", "object"),
    "decimal(54,18)": ("decimal256(54, 18)[pyarrow]", "object", "object"),
    "array<int>": ("list<element: int32>[pyarrow]", "object", "object"),
    "array<timestamp>": (
        f"list<element: timestamp[ns, tz={SHANGHAI}]>[pyarrow]",
        "object",
        "object",
    ),
    "map<string,date>": ("map<string, date32[day]>[pyarrow]", "object", "object"),
    "struct<a:int>": ("struct<a: int32>[pyarrow]", "object", "object"),
    "interval_day_time": ("duration[ns][pyarrow]", "timedelta64[ns]", "timedelta64[ns]"),
}
BACKENDS: dict[DtypeBackend | None, int] = {None: 0, "numpy_nullable": 1, "numpy": 2}


def null_table(schema: Any, n_rows: int) -> pa.Table:
    return pa.table([pa.nulls(n_rows, type_) for type_ in schema.types], schema=schema)


def one(array: Any) -> pa.Table:
    return pa.table({"x": array})


@pytest.mark.parametrize("type_", DTYPES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_dtypes_never_depend_on_the_data(
    type_: str, backend: DtypeBackend | None, column: Make
) -> None:
    columns = (column(type_),)
    schema = normal_schema(columns)
    expected = DTYPES[type_][BACKENDS[backend]]
    nulls = null_table(schema, 2)
    tables = [schema.empty_table(), pa.Table.from_batches([], schema)]
    if not (backend == "numpy" and expected.startswith(("int", "bool"))):
        tables += [nulls, pa.concat_tables([nulls, nulls])]
    for table in tables:
        found = to_pandas(table, columns, dtype_backend=backend, tz=SHANGHAI)
        assert str(found["x"].dtype) == expected
        assert len(found) == table.num_rows
        assert found["x"].isna().all()


@pytest.mark.parametrize("type_", DTYPES)
def test_the_arrow_backend_keeps_arrow_types(type_: str, column: Make) -> None:
    columns = (column(type_),)
    table = normal_schema(columns).empty_table()
    found = to_pandas(table, columns, dtype_backend="pyarrow")["x"].dtype
    assert isinstance(found, pd.ArrowDtype)
    stored = found.pyarrow_dtype
    if type_ in ("datetime", "timestamp"):
        assert stored == pa.timestamp("ms" if type_ == "datetime" else "ns", "UTC")
    elif type_ != "array<timestamp>":
        assert stored == table.schema.types[0]


def test_integers_beside_null_keep_every_digit(column: Make) -> None:
    values = [2**63 - 1, None, -(2**63)]
    array = pa.chunked_array(
        [pa.array(values), pa.array(values).slice(1), pa.array([], pa.int64())]
    )
    found = to_pandas(one(array), (column("bigint"),))["x"]
    assert found.isna().tolist() == [False, True, False, True, False]
    assert [found[i] for i in (0, 2, 4)] == [2**63 - 1, -(2**63), -(2**63)]


def test_null_of_floats_is_nan(column: Make) -> None:
    array = pa.array([1.5, None, math.nan, -math.inf])
    found = to_pandas(one(array), (column("double"),))["x"]
    assert found.isna().tolist() == [False, True, True, False]
    assert found[3] == -math.inf


@pytest.mark.parametrize("tz", ["UTC", SHANGHAI, "America/New_York", "+08:00"])
@pytest.mark.parametrize("backend", [None, "pyarrow", "numpy_nullable", "numpy"])
@pytest.mark.parametrize(
    ("type_", "unit", "ticks"),
    [
        ("datetime", "ms", [-62_135_596_800_000, None, 253_402_300_799_999]),
        ("timestamp", "us", [-62_135_596_800_000_000, None, 253_402_300_799_999_999]),
        ("timestamp", "ns", [-(2**63) + 1, None, 2**63 - 1]),
    ],
)
def test_instants_are_exact_at_the_ends_of_the_calendar(
    tz: str,
    backend: DtypeBackend | None,
    type_: str,
    unit: Any,
    ticks: list[int | None],
    column: Make,
) -> None:
    table = one(pa.array(ticks, pa.timestamp(unit)))
    found: Any = to_pandas(table, (column(type_),), dtype_backend=backend, tz=tz)["x"]
    instants = pa.array(found.array) if backend == "pyarrow" else None
    if instants is None:
        in_utc = found.dt.tz_convert("UTC").dt.tz_localize(None)
        assert in_utc.dtype == f"datetime64[{unit}]"
        instants = pa.array(in_utc.to_numpy(), from_pandas=True)
    assert instants.cast(pa.int64()).to_pylist() == ticks


def test_a_zone_shows_the_same_moment(column: Make) -> None:
    table = one(pa.array([0], pa.timestamp("ms")))
    found = to_pandas(table, (column("datetime"),), tz=SHANGHAI)["x"]
    assert found[0] == pd.Timestamp("1970-01-01 08:00", tz=SHANGHAI)
    with pytest.raises(ConfigError, match="no time zone 'Mars'"):
        to_pandas(table, (column("datetime"),), tz="Mars")


def test_the_time_that_numpy_takes_for_missing_is_refused(column: Make) -> None:
    for type_, kind in (
        ("timestamp", pa.timestamp("ns")),
        ("interval_day_time", pa.duration("ns")),
    ):
        table = one(pa.array([0, -(2**63)]).view(kind))
        with pytest.raises(CastError, match=r"column 'x', row 1 .*NaT"):
            to_pandas(table, (column(type_),), dtype_backend="numpy")
        kept: Any = to_pandas(table, (column(type_),), dtype_backend="pyarrow")["x"].array
        assert pa.array(kept).cast(pa.int64()).to_pylist() == [0, -(2**63)]


@pytest.mark.parametrize(("type_", "array"), [
    ("int", pa.array([1, None], pa.int32())),
    ("boolean", pa.array([True, None])),
])  # fmt: skip
def test_numpy_raises_where_null_would_change_the_dtype(
    type_: str, array: Any, column: Make
) -> None:
    with pytest.raises(CastError, match=rf"column 'x', row 1 .*None of {type_} .*'numpy'"):
        to_pandas(one(array), (column(type_),), dtype_backend="numpy")
    assert to_pandas(one(array[:1]), (column(type_),), dtype_backend="numpy")["x"][0] == 1


def test_objects_hold_exact_values(column: Make) -> None:
    columns = tuple(
        column(type_, name)
        for name, type_ in {
            "decimal": "decimal(38,18)",
            "date": "date",
            "bytes": "binary",
            "list": "array<bigint>",
            "map": "map<string,timestamp>",
            "struct": "struct<a:decimal(3,1),b:array<int>>",
        }.items()
    )
    values: dict[str, Any] = {
        "decimal": [Decimal("9" * 20 + "." + "9" * 18), None],
        "date": [dt.date(1, 1, 1), dt.date(9999, 12, 31)],
        "bytes": [b"\x00\xff", None],
        "list": [[2**63 - 1, None], None],
        "map": [[("a", 0), ("a", None)], []],
        "struct": [{"a": Decimal("1.5"), "b": [1, None]}, None],
    }
    schema = normal_schema(columns)
    table = pa.table([pa.array(values[f.name], f.type) for f in schema], schema=schema)
    moment = pd.Timestamp(0, tz="UTC")
    for backend in ("numpy", "numpy_nullable"):
        found = to_pandas(table, columns, dtype_backend=backend)
        for name in ("decimal", "date", "bytes", "list", "struct"):
            assert found[name].tolist() == values[name]
        assert found["map"].tolist() == [[("a", moment), ("a", None)], []]


def test_nested_times_that_python_cannot_show_are_named(column: Make) -> None:
    array = pa.array([[0], [253_402_300_799_999]], pa.list_(pa.timestamp("ms")))
    columns = (column("array<datetime>"),)
    with pytest.raises(CastError, match=r"column 'x', row 1 .*tz='UTC'"):
        to_pandas(one(array), columns, dtype_backend="numpy", tz=SHANGHAI)
    assert to_pandas(one(array), columns, dtype_backend="numpy")["x"][1][0].year == 9999
    kept: Any = to_pandas(one(array), columns, tz=SHANGHAI)["x"].array
    assert pa.array(kept).flatten().cast(pa.int64()).to_pylist() == [0, 253_402_300_799_999]


def test_a_mapper_decides_before_the_backend(column: Make) -> None:
    table = pa.table({"a": [1], "b": pa.array([0], pa.timestamp("ms"))})
    seen = []

    def mapper(type_: pa.DataType) -> Any:
        seen.append(type_)
        return pd.Float64Dtype() if type_ == pa.int64() else None

    columns = (column("bigint", "a"), column("datetime", "b"))
    found = to_pandas(table, columns, types_mapper=mapper, tz=SHANGHAI)
    assert [str(dtype) for dtype in found.dtypes] == ["Float64", f"datetime64[ms, {SHANGHAI}]"]
    assert seen == [pa.int64(), pa.timestamp("ms", SHANGHAI)]


def test_an_unknown_backend_is_refused(column: Make) -> None:
    with pytest.raises(ValueError, match="dtype_backend is 'polars'; expected None"):
        to_pandas(one(pa.array([1])), (column("bigint"),), dtype_backend="polars")  # type: ignore[arg-type]  # the point


def test_a_frame_without_columns_keeps_its_rows() -> None:
    found = to_pandas(one(pa.array([1, 2, 3])).select([]), ())
    assert found.shape == (3, 0)
    assert found.columns.dtype == "str"


def test_names_and_order_are_those_of_the_columns(column: Make) -> None:
    table = pa.table({"b": [1], "a": ["x"]})
    found = to_pandas(table, (column("bigint", "B"), column("string", "a")))
    assert found.columns.tolist() == ["B", "a"]
    assert found.columns.dtype == "str"
    assert isinstance(found.index, pd.RangeIndex)


@pytest.mark.parametrize("backend", [None, "numpy_nullable", "numpy"])
def test_frames_can_be_written_to_and_leave_the_table_alone(
    backend: DtypeBackend | None, column: Make
) -> None:
    table = pa.table({"a": [1, 2], "b": [1.5, 2.5], "c": pa.array([1, 2], pa.timestamp("ns"))})
    columns = (column("bigint", "a"), column("double", "b"), column("timestamp_ntz", "c"))
    found = to_pandas(table, columns, dtype_backend=backend)
    for name in "abc":
        values: Any = found[name].array
        values[0] = values[1]
    assert table["a"].to_pylist() == [1, 2]
    assert table["b"].to_pylist() == [1.5, 2.5]
    assert table["c"].cast(pa.int64()).to_pylist() == [1, 2]


def test_chunks_of_text_are_left_alone(column: Make) -> None:
    chunks = pa.chunked_array([["a"], ["b", None], ["c"]])
    found: Any = to_pandas(one(chunks), (column("string"),))["x"].array
    assert found.__arrow_array__().num_chunks == 3
    decimals = pa.chunked_array([[Decimal("1.5")], [None]])
    kept: Any = to_pandas(one(decimals), (column("decimal(2,1)"),))["x"].array
    assert kept.__arrow_array__().num_chunks == 2


def test_columns_are_let_go_one_by_one(column: Make) -> None:
    n_rows = 200_000
    columns = tuple(column("bigint", f"c{i}") for i in range(20))
    pool = pa.default_memory_pool()
    before = pool.bytes_allocated()
    held: list[int] = []

    def watch(_: pa.DataType) -> None:
        held.append(pool.bytes_allocated() - before)

    def table() -> pa.Table:
        numbers = pa.array(np.zeros(n_rows, np.int64))
        return pa.table([pc.add(numbers, i) for i in range(20)], names=[c.name for c in columns])

    to_pandas(table(), columns, types_mapper=watch)
    assert held[0] > 20 * n_rows * 8 * 0.9
    assert held[-1] < 4 * n_rows * 8


def test_no_python_is_called_for_each_value(column: Make) -> None:
    columns = tuple(
        column(type_, f"c{i}") for i, type_ in enumerate(DTYPES) if not type_.startswith("char")
    )
    schema = normal_schema(columns)

    def calls(n_rows: int) -> int:
        nulls = null_table(schema, n_rows)
        count = 0

        def note(*_: object) -> None:
            nonlocal count
            count += 1

        sys.setprofile(note)
        try:
            to_pandas(nulls, columns, tz=SHANGHAI)
        finally:
            sys.setprofile(None)
        return count

    calls(10)
    assert calls(10_000) == calls(10) > 0

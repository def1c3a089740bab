from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from odps_frames.convert.frames import MAX_BATCH_ROWS, arrow_reader
from odps_frames.errors import CastError, SchemaMismatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.model.schema import Column

TABLE = pa.table({"a": [1, None, 3], "b": ["x", None, "z"]})


def read(data: object, **options: Any) -> pa.Table:
    found = arrow_reader(data, **options).read_all()
    found.validate(full=True)
    return found


@pytest.mark.parametrize(
    "data",
    [
        TABLE,
        TABLE.combine_chunks().to_batches()[0],
        ds.dataset(TABLE),
        ds.dataset(TABLE).scanner(),
        TABLE.to_reader,
        lambda: TABLE,
        pl.DataFrame(TABLE),
        pl.DataFrame(TABLE).lazy(),
        pd.DataFrame({"a": pd.array([1, None, 3], "Int64"), "b": ["x", None, "z"]}),
    ],
    ids=lambda data: type(data).__module__ + "." + type(data).__name__,
)
def test_whatever_holds_rows_is_read(data: object) -> None:
    assert read(data).to_pydict() == TABLE.to_pydict()


def test_a_reader_is_read_once() -> None:
    assert read(TABLE.to_reader()).equals(TABLE)


def test_arrow_keeps_nan() -> None:
    found = read(pa.table({"a": [float("nan"), None]}))
    assert found["a"].null_count == 1


@pytest.mark.parametrize(
    "data",
    [[1], {"a": [1]}, 5, None, "table", pd.Series([1]), pl.Series([1]), pa.array([1]), lambda: 5],
)
def test_other_things_are_refused_by_name(data: Any) -> None:
    name = "int" if callable(data) else type(data).__name__
    with pytest.raises(TypeError, match=rf"data is a .*{name}; expected a frame of pandas"):
        arrow_reader(data)


class Stream:
    """A stream of rows by somebody unknown."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._data.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize(
    ("series", "message"),
    [
        (pl.Series([{"k": 1}], dtype=pl.Object), "dtype Object, .*addresses.*json.dumps"),
        (pl.Series([1], dtype=pl.Int128), "dtype Int128, .*Decimal"),
        (pl.Series([[1]], dtype=pl.List(pl.Int128)), r"dtype List\(Int128\), .*Decimal"),
        (
            pl.Series([{"m": 1}], dtype=pl.Struct({"m": pl.Int128})),
            r"dtype Struct\(.*Int128.*\), .*Decimal",
        ),
    ],
    ids=str,
)
def test_dtypes_of_polars_that_streams_do_not_carry_are_refused(
    series: pl.Series, message: str
) -> None:
    frame = pl.DataFrame({"fine": [1], "p": series})
    for data in (frame, frame.lazy(), lambda: frame):
        with pytest.raises(SchemaMismatch, match=rf"column 'p' has the Polars {message}"):
            arrow_reader(data)


def test_a_type_unknown_to_pyarrow_is_not_called_a_wrong_kind_of_data() -> None:
    frame = pl.DataFrame({"p": pl.Series([1], dtype=pl.Int128)})
    with pytest.raises(
        SchemaMismatch, match="Stream with a column of a type that pyarrow does not"
    ):
        arrow_reader(Stream(frame))


def test_names_of_members_are_not_taken_for_dtypes() -> None:
    assert read(pl.DataFrame({"Object": [{"Object": 1}]}))["Object"].to_pylist() == [{"Object": 1}]


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame({"a": range(150_000)}),
        pa.table({"a": pa.array(range(150_000))}),
        pa.record_batch({"a": pa.array(range(150_000))}),
        pl.DataFrame({"a": range(150_000)}),
    ],
    ids=lambda data: type(data).__name__,
)
def test_batches_are_capped(data: object) -> None:
    batches = list(arrow_reader(data))
    assert max(batch.num_rows for batch in batches) == MAX_BATCH_ROWS
    assert pa.Table.from_batches(batches)["a"].to_pylist() == list(range(150_000))


def test_very_large_batches_are_halved_unless_the_halves_share_what_is_large() -> None:
    def sizes(array: Any) -> list[int]:
        batch = pa.record_batch([array], ["a"])
        return [found.num_rows for found in arrow_reader(batch, max_batch_bytes=1000)]

    wide = pa.array(["x" * 30] * 60)
    assert sizes(wide) == [15, 15, 15, 15]
    assert sizes(pa.array(["x" * 2000] * 2)) == [1, 1]
    assert sizes(pa.DictionaryArray.from_arrays(pa.array([0] * 120, pa.int8()), wide)) == [120]
    assert sizes(wide[:5]) == [5]


def arrow_column(array: Any) -> Any:
    return pd.arrays.ArrowExtensionArray(array)


TIMES: Any = ["2024-01-01", None]
FRAME = pd.DataFrame(
    {
        "int": np.array([1, 2], "i2"),
        "float": [1.5, np.nan],
        "float32": np.array([1.5, np.nan], "f4"),
        "bool": [True, False],
        "str": ["a", None],
        "old_str": pd.array(["a", None], pd.StringDtype("python")),
        "Int8": pd.array([1, None], "Int8"),
        "Float64": pd.array([1.5, None], "Float64"),
        "boolean": pd.array([True, None], "boolean"),
        "datetime": pd.to_datetime(TIMES),
        "zoned": pd.to_datetime(TIMES).tz_localize("dateutil/Asia/Shanghai"),
        "timedelta": pd.to_timedelta(["1s", None]),
        "category": pd.Categorical(["b", None], categories=["a", "b"]),
        "numbers": pd.Categorical([5, None]),
        "sparse": pd.arrays.SparseArray([0.0, np.nan]),
        "decimal": arrow_column(pa.array([Decimal("1.5"), None]).cast(pa.decimal128(3, 1))),
        "arrow_float": arrow_column(pa.array([1.5, float("nan")])),
        "arrow_text": arrow_column(pa.array(["a", None])),
        "unsigned": np.array([1, 2**64 - 1], "u8"),
        "swapped": np.array([1, 2], ">i4"),
        "object": pd.Series([b"x", pd.NA], dtype=object),
        "nothing": pd.Series([None, np.nan], dtype=object),
    }
)
FRAME_TYPES = {
    "int": pa.int16(),
    "float": pa.float64(),
    "float32": pa.float32(),
    "bool": pa.bool_(),
    "str": pa.large_string(),
    "old_str": pa.large_string(),
    "Int8": pa.int8(),
    "Float64": pa.float64(),
    "boolean": pa.bool_(),
    "datetime": pa.timestamp("us"),
    "zoned": pa.timestamp("us", "UTC"),
    "timedelta": pa.duration("us"),
    "category": pa.large_string(),
    "numbers": pa.int64(),
    "sparse": pa.float64(),
    "decimal": pa.decimal128(3, 1),
    "arrow_float": pa.float64(),
    "arrow_text": pa.large_string(),
    "unsigned": pa.uint64(),
    "swapped": pa.int32(),
    "object": pa.large_binary(),
    "nothing": pa.null(),
}


def test_every_dtype_has_its_arrow_type_and_every_missing_value_is_null() -> None:
    found = read(FRAME)
    assert dict(zip(found.schema.names, found.schema.types, strict=True)) == FRAME_TYPES
    for name in found.schema.names:
        expected = FRAME[name].isna().tolist()
        expected[1] = expected[1] or name == "arrow_float"
        assert found[name].is_null().to_pylist() == expected, name
    empty = read(FRAME.iloc[:0])
    assert empty.schema.types[:-2] == found.schema.types[:-2]
    assert empty.num_rows == 0


def test_rows_keep_their_order_whatever_the_index() -> None:
    found = read(FRAME.iloc[::-1])
    assert found["int"].to_pylist() == [2, 1]
    assert found["str"].to_pylist() == [None, "a"]
    assert found["category"].to_pylist() == [None, "b"]


def test_numbers_are_not_copied() -> None:
    for values in (np.arange(5), np.array([1.5, np.nan]), np.array([1, 2], "M8[ms]")):
        frame = pd.DataFrame({"a": values}, copy=False)
        batch = arrow_reader(frame).read_next_batch()
        buffer = batch.column(0).buffers()[1]
        assert buffer is not None
        assert buffer.address == values.ctypes.data


def test_the_levels_of_an_index_become_columns_when_asked() -> None:
    frame = pd.DataFrame({"v": [1, 2]}, index=pd.Index(["x", "y"], name="id"))
    assert read(frame).schema.names == ["v"]
    assert read(frame, index=True).to_pydict() == {"id": ["x", "y"], "v": [1, 2]}
    deep = frame.set_index(pd.Index([7, 8], name="n"), append=True)
    assert read(deep, index=True).to_pydict() == {"id": ["x", "y"], "n": [7, 8], "v": [1, 2]}
    with pytest.raises(SchemaMismatch, match="rename_axis"):
        arrow_reader(pd.DataFrame({"v": [1]}), index=True)
    with pytest.raises(SchemaMismatch, match=r"twice in the frame: \['v'\]"):
        arrow_reader(frame.rename_axis("v"), index=True)
    with pytest.raises(TypeError, match="has no index"):
        arrow_reader(TABLE, index=True)


def test_names_must_be_text_and_unique() -> None:
    with pytest.raises(SchemaMismatch, match=r"the frame has \[0, 1\]; .*astype\('str'\)"):
        arrow_reader(pd.DataFrame([[1, 2]]))
    with pytest.raises(SchemaMismatch, match=r"twice in the frame: \['a'\]"):
        arrow_reader(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(SchemaMismatch, match="names of columns are text"):
        arrow_reader(pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])))


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (pd.period_range("2024", periods=1), r"period\[D\]"),
        (pd.interval_range(0, 1), "interval"),
        (np.array([1j]), "complex128"),
        (pd.Categorical([pd.Interval(0, 1)]), "interval"),
    ],
)
def test_dtypes_that_no_table_holds_are_refused_by_name(values: Any, dtype: str) -> None:
    with pytest.raises(SchemaMismatch, match=rf"column 'p' has the dtype {dtype}"):
        arrow_reader(pd.DataFrame({"p": values}))


def test_objects_of_several_kinds_are_refused_with_column_and_row() -> None:
    frame = pd.DataFrame({"p": pd.Series([1, None, "x"], dtype=object)})
    with pytest.raises(CastError, match=r"column 'p', row 2 .*'x' .*it is str after int"):
        arrow_reader(frame)


def test_the_columns_of_a_table_tell_maps_from_structs(column: Callable[..., Column]) -> None:
    frame = pd.DataFrame({"P": [{"a": 1}, None]})
    assert pa.types.is_struct(read(frame).schema.types[0])
    found = read(frame, columns=(column("map<string,int>", "p"),))
    assert found["P"].to_pylist() == [[("a", 1)], None]


def test_a_frame_is_converted_as_it_is_read() -> None:
    """Memory for batches, not for the frame: floats get their validity batch by batch."""
    frame = pd.DataFrame({f"c{i}": np.zeros(1_000_000) for i in range(4)})
    pool = pa.default_memory_pool()
    before, most = pool.bytes_allocated(), 0
    for batch in arrow_reader(frame):
        most = max(most, pool.bytes_allocated() - before)
        assert batch.num_columns == 4
    assert most < MAX_BATCH_ROWS * 4

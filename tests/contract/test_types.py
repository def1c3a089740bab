"""Every type at its extremes goes into a table and comes back, through every dtype backend."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest

import odps_frames as of

if TYPE_CHECKING:
    from odps_frames.local import LocalClient

FIRST, LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999000)  # noqa: DTZ001  as stored
LAST_MICRO = datetime(9999, 12, 31, 23, 59, 59, 999999)  # noqa: DTZ001  as stored
NANOS = [0, 1, -1, 999_999_999, 2**63 - 1, -(2**63) + 1, None]
PAIRS = [("k", 1), ("", None), ("schlüssel", -(2**63))]

COLUMNS: dict[str, pa.Array[Any]] = {
    "tinyint": pa.array([-(2**7), 2**7 - 1, 0, None], pa.int8()),
    "smallint": pa.array([-(2**15), 2**15 - 1, 0, None], pa.int16()),
    "int": pa.array([-(2**31), 2**31 - 1, 0, None], pa.int32()),
    "bigint": pa.array([-(2**63), 2**63 - 1, 2**53 + 1, None], pa.int64()),
    "float": pa.array([1.5, float("inf"), -0.0, None], pa.float32()),
    "double": pa.array([5e-324, 1.7976931348623157e308, float("-inf"), None], pa.float64()),
    "boolean": pa.array([True, False, None], pa.bool_()),
    "string": pa.array(["", "a", 'it\'s "x" \\', "杭州 🚀", "nul\x00inside", None]),
    "char(3)": pa.array(["abc", "ä🚀x", None]),
    "varchar(5)": pa.array(["", "12345", "杭州杭州杭", None]),
    "json": pa.array(['{"a": [1, null]}', "null", None]),
    "binary": pa.array([b"", b"\x00\xff", None], pa.binary()),
    "date": pa.array([date(1, 1, 1), date(9999, 12, 31), date(1969, 12, 31), None], pa.date32()),
    "datetime": pa.array([FIRST, LAST, datetime(1900, 1, 1), None], pa.timestamp("ms")),  # noqa: DTZ001  as stored
    "timestamp": pa.array(NANOS, pa.timestamp("ns")),
    "timestamp_ntz": pa.array(NANOS, pa.timestamp("ns")),
    "decimal(38,18)": pa.array(
        [Decimal("9" * 20 + "." + "9" * 18), Decimal("-0.000000000000000001"), None],
        pa.decimal128(38, 18),
    ),
    "decimal(38,0)": pa.array(
        [Decimal("9" * 38), Decimal("-" + "9" * 38), None], pa.decimal128(38)
    ),
    "decimal(1,1)": pa.array([Decimal("0.9"), Decimal("-0.9"), None], pa.decimal128(1, 1)),
    "array<bigint>": pa.array([[], [1, None, 2**63 - 1], None], pa.list_(pa.int64())),
    "array<array<string>>": pa.array(
        [[[]], [["a", None], None], None], pa.list_(pa.list_(pa.string()))
    ),
    "map<string,bigint>": pa.array([[], PAIRS, None], pa.map_(pa.string(), pa.int64())),
    "struct<a:int,b:array<string>>": pa.array(
        [{"a": 1, "b": ["x"]}, {"a": None, "b": None}, None],
        pa.struct([("a", pa.int32()), ("b", pa.list_(pa.string()))]),
    ),
    "array<timestamp>": pa.array([[1, None], [], None], pa.list_(pa.timestamp("ns"))),
    "interval_day_time": pa.array(
        [timedelta(days=99999, microseconds=1), timedelta(days=-99999), None], pa.duration("ns")
    ),
}
ZONED = {"datetime", "timestamp"}
NO_NUMPY = {
    # NULL has no place in numpy's own integers, booleans and times, or the value would change.
    "tinyint", "smallint", "int", "bigint", "boolean",
}  # fmt: skip


def stored(client: LocalClient, name: str) -> pa.Table:
    return of.scan_odps(name, client=client).to_arrow()


@pytest.fixture
def written(client: LocalClient, table: str, kind: str) -> str:
    client.create_table(table, {"v": kind, "n": "bigint"})
    values = COLUMNS[kind]
    data = pa.table({"v": values, "n": pa.array(range(len(values)))})
    assert of.to_odps(data, table, client=client).rows == len(values)
    return table


@pytest.mark.parametrize("kind", COLUMNS)
def test_arrow_goes_in_and_comes_back(client: LocalClient, written: str, kind: str) -> None:
    back = stored(client, written)
    column = back["v"].combine_chunks()
    assert column.cast(COLUMNS[kind].type).equals(COLUMNS[kind])
    assert column.type.equals(COLUMNS[kind].type) or pa.types.is_nested(column.type)


@pytest.mark.parametrize("backend", [None, "pyarrow", "numpy_nullable"])
@pytest.mark.parametrize("kind", COLUMNS)
def test_a_frame_goes_in_and_comes_back(
    client: LocalClient, written: str, kind: str, backend: Any
) -> None:
    frame = of.read_odps(written, dtype_backend=backend, client=client)
    assert len(frame) == len(COLUMNS[kind])
    client.create_table(written + "_again", {"v": kind, "n": "bigint"})
    of.to_odps(frame, written + "_again", client=client)
    assert stored(client, written + "_again").equals(stored(client, written))


@pytest.mark.parametrize("kind", COLUMNS)
def test_plain_numpy_holds_a_column_or_refuses_it(
    client: LocalClient, written: str, kind: str
) -> None:
    if kind in NO_NUMPY:
        with pytest.raises(of.CastError, match=r"column 'v'.*row"):
            of.read_odps(written, dtype_backend="numpy", client=client)
        frame = of.read_odps(written, dtype_backend="numpy", filters="v is not null", client=client)
        assert frame["v"].tolist() == COLUMNS[kind].drop_null().to_pylist()
        return
    frame = of.read_odps(written, dtype_backend="numpy", client=client)
    client.create_table(written + "_again", {"v": kind, "n": "bigint"})
    of.to_odps(frame, written + "_again", client=client)
    assert stored(client, written + "_again").equals(stored(client, written))


DTYPES = {
    "tinyint": "Int8",
    "smallint": "Int16",
    "int": "Int32",
    "bigint": "Int64",
    "float": "float32",
    "double": "float64",
    "boolean": "boolean",
    "string": "str",
    "char(3)": "str",
    "varchar(5)": "str",
    "json": "str",
    "binary": "binary[pyarrow]",
    "date": "date32[day][pyarrow]",
    "datetime": "datetime64[ms, Asia/Shanghai]",
    "timestamp": "datetime64[ns, Asia/Shanghai]",
    "timestamp_ntz": "datetime64[ns]",
    "decimal(38,18)": "decimal128(38, 18)[pyarrow]",
    "interval_day_time": "duration[ns][pyarrow]",
}


@pytest.mark.parametrize("kind", DTYPES)
def test_dtypes_do_not_depend_on_the_data(client: LocalClient, written: str, kind: str) -> None:
    for filters in (None, "n >= 0", "n < 0", "v is null"):
        frame = of.read_odps(written, filters=filters, tz="Asia/Shanghai", client=client)
        assert str(frame["v"].dtype) == DTYPES[kind], filters


@pytest.mark.parametrize("kind", ["timestamp", "timestamp_ntz"])
def test_times_beyond_nanoseconds_come_in_a_wider_unit(
    client: LocalClient, table: str, kind: str
) -> None:
    client.create_table(table, {"v": kind})
    values = pa.array([FIRST, LAST_MICRO, None], pa.timestamp("us"))
    of.to_odps(
        pa.table({"v": values.cast(pa.timestamp("us", "UTC" if kind in ZONED else None))}),
        table,
        client=client,
    )
    assert stored(client, table)["v"].combine_chunks().equals(values)
    frame = of.read_odps(table, client=client)
    assert str(frame["v"].dtype).startswith("datetime64[us")
    of.to_odps(frame, table, mode="overwrite", client=client)
    assert stored(client, table)["v"].combine_chunks().equals(values)


def test_a_unit_that_cannot_hold_a_value_raises(client: LocalClient, table: str) -> None:
    client.create_table(table, {"v": "timestamp", "w": "datetime"})
    data = pa.table(
        {
            "v": pa.array([1_500_000], pa.timestamp("us", "UTC")),
            "w": pa.array([FIRST], pa.timestamp("ms", "UTC")),
        }
    )
    of.to_odps(data, table, client=client)
    whole = of.read_odps(table, timestamp_unit="ms", client=client)
    assert str(whole["v"].dtype) == "datetime64[ms, UTC]"
    with pytest.raises((of.ServiceError, of.CastError), match="v"):
        of.read_odps(table, timestamp_unit="s", client=client)
    with pytest.raises((of.ServiceError, of.CastError), match="w"):
        of.read_odps(table, datetime_unit="ns", client=client)


def test_times_are_instants_shown_in_the_zone_asked_for(client: LocalClient, table: str) -> None:
    client.create_table(table, {"d": "datetime", "t": "timestamp", "n": "timestamp_ntz"})
    shanghai = pd.Timestamp("2026-01-02 08:00", tz="Asia/Shanghai")
    wall = pd.Timestamp("2026-01-02 08:00")
    frame = pd.DataFrame({"d": [shanghai], "t": [shanghai], "n": [wall]})
    of.to_odps(frame, table, client=client)
    back = of.read_odps(table, tz="America/New_York", client=client)
    assert back["d"][0] == shanghai
    assert str(back["t"][0]) == "2026-01-01 19:00:00-05:00"
    assert back["n"][0] == wall


@pytest.mark.parametrize("kind", ["interval_year_month", "geography", "variant"])
def test_types_without_a_known_form_are_refused_by_name(
    client: LocalClient, table: str, kind: str
) -> None:
    def write() -> None:
        client.create_table(table, {"v": kind})
        of.to_odps(pa.table({"v": pa.array(["x"])}), table, client=client)

    with pytest.raises((of.OdpsError, ValueError), match=kind):
        write()


@pytest.mark.parametrize(
    ("kind", "value"), [("bigint", 7), ("int", 7), ("date", date(2026, 1, 2)), ("string", "x")]
)
def test_partition_columns_of_every_type(
    client: LocalClient, table: str, kind: str, value: Any
) -> None:
    client.create_table(table, {"v": "bigint"}, partition_by={"pt": kind})
    of.to_odps(pa.table({"v": [1], "pt": [value]}), table, client=client)
    of.to_odps(pa.table({"v": [2]}), table, partition={"pt": value}, client=client)
    back = stored(client, table)
    assert back["pt"].to_pylist() == [value, value]
    assert of.scan_odps(table, partitions={"pt": value}, client=client).to_arrow().num_rows == 2


FLAT = [kind for kind in COLUMNS if "<" not in kind]


def nested(values: Any) -> pa.Table:
    """Put every value into a list, a map, a struct, and a list in a struct in a map."""
    n = len(values)
    one_each: Any = pa.array(range(n + 1), pa.int32())
    keys: Any = pa.array([f"k{i}" for i in range(n)])
    lists = pa.ListArray.from_arrays(one_each, values)
    structs: Any = pa.StructArray.from_arrays([lists], ["x"])
    return pa.table(
        {
            "l": lists,
            "m": pa.MapArray.from_arrays(one_each, keys, values),
            "s": pa.StructArray.from_arrays([values, lists], ["a", "b"]),
            "d": pa.MapArray.from_arrays(one_each, keys, structs),
        }
    )


@pytest.mark.parametrize("kind", FLAT)
def test_every_type_stands_in_every_nested_one(client: LocalClient, table: str, kind: str) -> None:
    columns = {
        "l": f"array<{kind}>",
        "m": f"map<string,{kind}>",
        "s": f"struct<a:{kind},b:array<{kind}>>",
        "d": f"map<string,struct<x:array<{kind}>>>",
    }
    client.create_table(table, columns)
    data = nested(COLUMNS[kind])
    of.to_odps(data, table, client=client)
    back = stored(client, table)
    assert back.cast(data.schema).equals(data)
    again = of.read_odps(table, client=client)
    of.to_odps(again, table, mode="overwrite", client=client)
    assert stored(client, table).equals(back)


@pytest.mark.parametrize(
    ("kind", "text"), [("varchar(3)", "abcd"), ("char(2)", "abc"), ("varchar(1)", "🚀🚀")]
)
@pytest.mark.parametrize("inside", ["{}", "array<{}>", "struct<a:{}>"])
def test_texts_that_are_too_long_are_refused_on_both_sides(
    client: LocalClient, table: str, kind: str, text: str, inside: str
) -> None:
    client.create_table(table, {"v": inside.format(kind)})
    texts = pa.array([text[:1], None, text])
    values: Any = texts
    if inside.startswith("array"):
        values = pa.ListArray.from_arrays([0, 1, 2, 3], texts)
    elif inside.startswith("struct"):
        values = pa.StructArray.from_arrays([texts], ["a"])
    with pytest.raises(of.CastError, match="column 'v', row 2 "):
        of.to_odps(pa.table({"v": values}), table, client=client)
    batch = pa.record_batch({"v": values})
    session = client.write_session(table)
    with (
        pytest.raises(of.ServiceError, match="longer than"),
        session,
        session.open_stream("s", schema=batch.schema) as writer,
    ):
        writer.write(batch)
    assert stored(client, table).num_rows == 0


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("interval_year_month", "interval_year_month"),
        ("geography", "geography"),
        ("variant", "variant"),
        ("vector(float,3)", "vector"),
        ("array<geography>", "geography"),
    ],
)
def test_types_that_cannot_be_kept_are_refused_when_a_table_is_made(
    client: LocalClient, table: str, kind: str, named: str
) -> None:
    with pytest.raises(of.OdpsError, match=named):
        client.create_table(table, {"v": kind})
    assert not client.exists(table)

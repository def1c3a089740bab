"""Every type that both clients can carry, value by value, and why they cannot carry the rest."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import odps  # type: ignore[import-untyped]
import pandas as pd
import pyarrow as pa
import pytest
from odps.tunnel.io.types import odps_type_to_arrow_type  # type: ignore[import-untyped]
from odps.types import validate_data_type  # type: ignore[import-untyped]

import odps_frames as of

if TYPE_CHECKING:
    from odps_frames.client import Client

    Sides = Any  # the class of a fixture, which no test module can import

FIRST, LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999000)  # noqa: DTZ001  as stored
LAST_MICRO = datetime(9999, 12, 31, 23, 59, 59, 999999)  # noqa: DTZ001  as stored
NANOS = [0, 1, -1, 999_999_999, 2**63 - 1, -(2**63) + 1, None]
NAN, INFINITY = float("nan"), float("inf")
TEXTS = ["", "a", 'it\'s "x" \\ %2B+', "杭州 🚀", "nul\x00inside\r\n\t", "\ufeff", None]
WIDE = [Decimal("9" * 20 + "." + "9" * 18), Decimal("-0.000000000000000001"), Decimal(0), None]
DIGITS = [Decimal("9" * 38), Decimal("-" + "9" * 38), Decimal(0), None]
DAYS = [date(1, 1, 1), date(9999, 12, 31), date(1969, 12, 31), date(2024, 2, 29), None]
PAIRS = [[("k", 1), ("", None), ("schlüssel", -(2**63))], [], None]
RECORD = pa.struct([("a", pa.int32()), ("b", pa.list_(pa.string())), ("c", pa.decimal128(5, 2))])

CARRIED: dict[str, pa.Array[Any]] = {
    "tinyint": pa.array([-(2**7), 2**7 - 1, 0, None], pa.int8()),
    "smallint": pa.array([-(2**15), 2**15 - 1, 0, None], pa.int16()),
    "int": pa.array([-(2**31), 2**31 - 1, 0, None], pa.int32()),
    "bigint": pa.array([-(2**63), 2**63 - 1, 2**53 + 1, None], pa.int64()),
    "float": pa.array([1.5, INFINITY, -INFINITY, -0.0, NAN, 1e-45, None], pa.float32()),
    "double": pa.array([5e-324, 1.7976931348623157e308, -INFINITY, -0.0, NAN, None], pa.float64()),
    "boolean": pa.array([True, False, None], pa.bool_()),
    "string": pa.array(TEXTS),
    "char(3)": pa.array(["abc", "ä🚀x", None]),
    "varchar(5)": pa.array(["", "12345", "杭州杭州杭", None]),
    "json": pa.array(['{"a": [1, null]}', "null", '"杭州"', None]),
    "binary": pa.array([b"", b"\x00\xff", bytes(range(256)), None], pa.binary()),
    "date": pa.array(DAYS, pa.date32()),
    "datetime": pa.array([FIRST, LAST, datetime(1900, 1, 1), None], pa.timestamp("ms")),  # noqa: DTZ001  as stored
    "timestamp": pa.array(NANOS, pa.timestamp("ns")),
    "timestamp_ntz": pa.array(NANOS, pa.timestamp("ns")),
    "decimal(38,18)": pa.array(WIDE, pa.decimal128(38, 18)),
    "decimal": pa.array(WIDE, pa.decimal128(38, 18)),
    "decimal(38,0)": pa.array(DIGITS, pa.decimal128(38)),
    "decimal(1,1)": pa.array([Decimal("0.9"), Decimal("-0.9"), None], pa.decimal128(1, 1)),
    "array<bigint>": pa.array([[], [1, None, 2**63 - 1], None], pa.list_(pa.int64())),
    "array<array<string>>": pa.array(
        [[[]], [["a", None], None], None], pa.list_(pa.list_(pa.string()))
    ),
    "array<timestamp>": pa.array([NANOS, [], None], pa.list_(pa.timestamp("ns"))),
    "array<json>": pa.array([["{}", None], [], None], pa.list_(pa.string())),
    "map<string,bigint>": pa.array(PAIRS, pa.map_(pa.string(), pa.int64())),
    "map<bigint,array<date>>": pa.array(
        [[(1, DAYS), (2, None)], [], None], pa.map_(pa.int64(), pa.list_(pa.date32()))
    ),
    "struct<a:int,b:array<string>,c:decimal(5,2)>": pa.array(
        [{"a": 1, "b": ["x", None], "c": Decimal("-999.99")}, dict.fromkeys("abc"), None], RECORD
    ),
}

NO_ARROW = ("interval_year_month", "geography", "variant", "blob")
"""Types without an Arrow form in pyodps; no other source gives one (protocol.md §13.2). A BLOB
column holds references, whose values travel by calls of their own."""

SECONDS_AND_NANOS = pa.struct([("sec", pa.int64()), ("nano", pa.int32())])
SPANS = [timedelta(days=99999, microseconds=1), timedelta(days=-99999), timedelta(0), None]
SPAN_PAIRS = [(99999 * 86400, 1000), (-99999 * 86400, 0), (0, 0)]


@pytest.fixture
def sides(all_sides: dict[str, Sides]) -> Sides:
    """One pair of clients: what they sign and how says nothing of values."""
    return all_sides["V4"]


def bits(column: pa.ChunkedArray[Any], like: pa.Array[Any]) -> pa.Array[Any]:
    """Return values that are equal when every bit is; names of children are of no account."""
    array = column.combine_chunks().cast(like.type)
    kinds: dict[pa.DataType, pa.DataType] = {pa.float32(): pa.int32(), pa.float64(): pa.int64()}
    return array.view(kinds[like.type]) if like.type in kinds else array


def expected(values: pa.Array[Any]) -> pa.Array[Any]:
    return bits(pa.chunked_array([values]), values)


def batch_of(values: pa.Array[Any]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([values], names=["v"])


@pytest.mark.parametrize("kind", CARRIED)
def test_they_read_what_we_wrote(sides: Sides, ours: Client, table: str, kind: str) -> None:
    values = CARRIED[kind]
    ours.create_table(table, {"v": kind})
    of.to_odps(pa.table({"v": values}), table, client=ours)
    for compress in (None, "zstd", "lz4"):
        session = sides.storage.create_table_read_session(table)
        seen = sides.read_session(session, compress_algo=compress)["v"]
        assert bits(seen, values).equals(expected(values))
        assert seen.type.equals(values.type) or pa.types.is_nested(seen.type)


@pytest.mark.parametrize("compress", [None, "zstd", "lz4"])
@pytest.mark.parametrize("kind", CARRIED)
def test_we_read_what_they_wrote(
    sides: Sides, theirs: Any, table: str, kind: str, compress: str | None
) -> None:
    values = CARRIED[kind]
    theirs.create_table(table, f"v {kind}")
    sides.write(table, [batch_of(values), batch_of(values.slice(1, 1))], compress=compress)
    stored = sides.stored(table)["v"]
    assert bits(stored.slice(0, len(values)), values).equals(expected(values))
    assert bits(stored.slice(len(values)), values).equals(expected(values).slice(1, 1))


@pytest.mark.parametrize("kind", CARRIED)
def test_both_name_a_type_alike(theirs: Any, ours: Client, table: str, kind: str) -> None:
    theirs.create_table(table, f"v {kind}")
    (column,) = theirs.get_table(table).table_schema.columns
    assert validate_data_type(str(ours.table(table).schema.columns[0].type)) == column.type
    assert column.type == validate_data_type("decimal(38,18)" if kind == "decimal" else kind)


@pytest.mark.parametrize("kind", ["timestamp", "timestamp_ntz"])
def test_times_beyond_nanoseconds_need_another_unit(
    sides: Sides, ours: Client, table: str, kind: str
) -> None:
    values = pa.array([FIRST, LAST_MICRO, None], pa.timestamp("us"))
    ours.create_table(table, {"v": kind})
    sides.write(table, [batch_of(values)])
    assert sides.stored(table)["v"].combine_chunks().equals(values)
    wide = sides.read(table, arrow_options={"TimestampUnit": "micro"})
    assert wide["v"].combine_chunks().equals(values)
    # pyodps asks for nanoseconds unless told otherwise. Nothing wraps: the service refuses.
    with pytest.raises(odps.errors.InvalidArgument, match=r"'v'.*'micro'"):
        sides.read(table)


@pytest.mark.parametrize("kind", ["interval_day_time", "struct<sec:bigint,nano:int>"])
def test_pyodps_takes_pairs_for_times(sides: Sides, ours: Client, table: str, kind: str) -> None:
    # Both travel as struct<sec: int64, nano: int32>, and so do times of some services: pyodps
    # makes times of all (protocol.md §12). The numbers are right, the type is lost.
    spans = pa.array(SPANS, pa.duration("ns"))
    pairs = [{"sec": sec, "nano": nano} for sec, nano in SPAN_PAIRS]
    values = pa.array([*pairs, None], SECONDS_AND_NANOS)
    ours.create_table(table, {"v": kind})
    sides.write(table, [batch_of(values)])
    stored = sides.stored(table)["v"].combine_chunks()
    assert stored.equals(spans if kind == "interval_day_time" else values)
    seen = sides.read(table)["v"].combine_chunks()
    assert seen.type == pa.timestamp("ns")
    assert seen.cast(pa.int64()).equals(spans.cast(pa.int64()))


@pytest.mark.parametrize("kind", NO_ARROW)
def test_pyodps_has_no_arrow_form_of_some_types(kind: str) -> None:
    with pytest.raises(TypeError, match=f"(?i)unsupported type: {kind}"):
        odps_type_to_arrow_type(validate_data_type(kind))


def test_pyodps_carries_json_as_text_and_has_no_type_for_it(
    sides: Sides, ours: Client, table: str
) -> None:
    ours.create_table(table, {"v": "json"})
    session = sides.storage.create_table_read_session(table)
    with pytest.raises(TypeError, match="JSON"):
        _ = session.arrow_schema
    writing = sides.storage.create_table_write_session(table)
    with pytest.raises(TypeError, match="JSON"):
        writing.open_arrow_writer("0").get_as_record_writer()
    writing.abort()


def test_pyodps_gives_whole_decimals_the_scale_that_the_stream_denies(
    sides: Sides, ours: Client, table: str
) -> None:
    # It reads a scale of zero as one that is missing (protocol.md §13.2). Only its schema says so.
    ours.create_table(table, {"v": "decimal(10,0)"})
    of.to_odps(pa.table({"v": [Decimal(1234567890)]}), table, client=ours)
    session = sides.storage.create_table_read_session(table)
    assert session.arrow_schema.field("v").type == pa.decimal128(10, 18)
    rows = sides.read_session(session)
    assert rows.schema.field("v").type == pa.decimal128(10)
    assert rows["v"].to_pylist() == [Decimal(1234567890)]


def test_pyodps_forgets_the_case_of_fields(sides: Sides, ours: Client, table: str) -> None:
    kind = pa.struct([("Aa", pa.int32()), ("b", pa.string())])
    ours.create_table(table, {"v": "struct<Aa:int,b:string>"})
    of.to_odps(pa.table({"v": pa.array([{"Aa": 1, "b": "x"}], kind)}), table, client=ours)
    session = sides.storage.create_table_read_session(table)
    assert str(session.table_schema["v"].type).lower() == "struct<`aa`:int,`b`:string>"
    assert sides.read_session(session)["v"].to_pylist() == [{"Aa": 1, "b": "x"}]


RECORDS: dict[str, list[Any]] = {
    "tinyint": [-128, 127, None],
    "bigint": [-(2**63), 2**63 - 1, None],
    "float": [1.5, -INFINITY, None],
    "double": [5e-324, INFINITY, None],
    "boolean": [True, False, None],
    "string": [text for text in TEXTS if text != "\ufeff"],
    "char(3)": ["abc", None],
    "varchar(5)": ["", "12345", None],
    "date": DAYS,
    "timestamp_ntz": [pd.Timestamp("2026-01-02 03:04:05.123456789"), None],
    "decimal(38,18)": WIDE,
    "decimal(38,0)": DIGITS,
    "array<bigint>": [[1, None], [], None],
    "map<string,bigint>": [{"k": 1, "": None}, {}, None],
}
"""Values without a zone: those with one are shown by pyodps in the zone of the machine."""


@pytest.mark.parametrize("kind", RECORDS)
def test_records_hold_the_same_values(sides: Sides, ours: Client, table: str, kind: str) -> None:
    ours.create_table(table, {"v": kind})
    session = sides.storage.create_table_write_session(table)
    writer = session.open_arrow_writer("0").get_as_record_writer()
    for value in RECORDS[kind]:
        writer.write([value])
    writer.close()
    session.commit()
    stored = sides.stored(table)["v"].to_pylist(maps_as_pydicts="strict")
    assert stored == RECORDS[kind]
    reading = sides.storage.create_table_read_session(table)
    with reading.open_arrow_reader(reading.splits[0]) as reader:
        assert [record["v"] for record in reader.get_as_record_reader()] == RECORDS[kind]


def test_records_of_pyodps_have_limits_of_their_own(sides: Sides, ours: Client, table: str) -> None:
    ours.create_table(table, {"b": "binary", "s": "struct<a:int>"})
    writing = sides.storage.create_table_write_session(table)
    with pytest.raises(AttributeError, match="field_names"):
        writing.open_arrow_writer("0").get_as_record_writer()
    writing.abort()
    of.to_odps(pd.DataFrame({"b": [b"\xff"], "s": [{"a": 1}]}), table, client=ours)
    reading = sides.storage.create_table_read_session(table)
    with (
        reading.open_arrow_reader(reading.splits[0]) as reader,
        pytest.raises(UnicodeDecodeError),
    ):
        next(iter(reader.get_as_record_reader()))

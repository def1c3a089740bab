"""Every type through the older tunnel: records by both codecs of pyodps, and Arrow."""

from __future__ import annotations

import importlib.util
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import odps  # type: ignore[import-untyped]
import pandas as pd
import pyarrow as pa
import pytest
from odps.config import option_context, options  # type: ignore[import-untyped]
from odps.tunnel import tabletunnel  # type: ignore[import-untyped]
from odps.tunnel.io import reader, writer  # type: ignore[import-untyped]

import odps_frames as of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from odps_frames.client import Client

    Sides = Any  # the class of a fixture, which no test module can import

INFINITY = float("inf")
MOMENT = datetime(2024, 2, 29, 23, 59, 59, 999000, tzinfo=UTC)
OLD_MOMENT = datetime(1900, 1, 1, tzinfo=UTC)
NANOS = [1_709_251_199_123_456_789, 0, 2**62, None]
STAMPS = [None if n is None else pd.Timestamp(n) for n in NANOS]
SPANS = [timedelta(days=99999, microseconds=1), timedelta(days=-3, microseconds=7), None]
SPAN_PAIRS = [{"sec": 99999 * 86400, "nano": 1000}, {"sec": -3 * 86400, "nano": 7000}, None]
PAIR = pa.struct([("sec", pa.int64()), ("nano", pa.int32())])
RECORD = pa.struct([("a", pa.int32()), ("b", pa.list_(pa.string())), ("c", pa.decimal128(5, 2))])
STRUCTS: list[Any] = [
    {"a": 1, "b": ["x", None], "c": Decimal("-999.99")},
    dict.fromkeys("abc"),
    None,
]

CARRIED: dict[str, tuple[list[Any], pa.DataType]] = {
    "tinyint": ([-(2**7), 2**7 - 1, 0, None], pa.int8()),
    "smallint": ([-(2**15), 2**15 - 1, None], pa.int16()),
    "int": ([-(2**31), 2**31 - 1, None], pa.int32()),
    "bigint": ([-(2**63) + 1, 2**63 - 1, 2**53 + 1, None], pa.int64()),
    "float": ([1.5, INFINITY, -0.0, 2**-149, None], pa.float32()),
    "double": ([5e-324, 1.7976931348623157e308, -INFINITY, -0.0, None], pa.float64()),
    "boolean": ([True, False, None], pa.bool_()),
    "string": (["", "a", 'it\'s "x" \\ %2B+', "杭州 🚀", "nul\x00\r\n\t", None], pa.string()),
    "char(3)": (["abc", "ä🚀x", None], pa.string()),
    "varchar(5)": (["", "12345", "杭州杭州杭", None], pa.string()),
    "binary": ([b"", b"\x00\xff", bytes(range(256)), None], pa.binary()),
    "date": ([date(1, 1, 1), date(9999, 12, 31), date(1969, 12, 31), None], pa.date32()),
    "datetime": ([MOMENT, OLD_MOMENT, None], pa.timestamp("ms", "UTC")),
    "decimal(38,18)": (
        [Decimal("9" * 20 + "." + "9" * 18), Decimal("-1e-18"), None],
        pa.decimal128(38, 18),
    ),
    "decimal": ([Decimal("1.5"), Decimal(0), None], pa.decimal128(38, 18)),
    "decimal(1,1)": ([Decimal("0.9"), Decimal("-0.9"), None], pa.decimal128(1, 1)),
    "array<bigint>": ([[], [1, None, 2**63 - 1], None], pa.list_(pa.int64())),
    "array<array<string>>": ([[[]], [["a", None], None], None], pa.list_(pa.list_(pa.string()))),
    "array<date>": ([[date(1, 1, 1), None], [], None], pa.list_(pa.date32())),
    "map<string,bigint>": ([{"k": 1, "": None}, {}, None], pa.map_(pa.string(), pa.int64())),
    "map<bigint,array<double>>": (
        [{1: [0.5, None], 2: None}, {}, None],
        pa.map_(pa.int64(), pa.list_(pa.float64())),
    ),
    "struct<a:int,b:array<string>,c:decimal(5,2)>": (STRUCTS, RECORD),
    "array<struct<a:int,b:array<string>,c:decimal(5,2)>>": (
        [[STRUCTS[0], None], [], None],
        pa.list_(RECORD),
    ),
}
"""What both forms carry: values as Python has them, and the type in which our client reads them."""

RECORDS_ONLY: dict[str, tuple[list[Any], pa.DataType]] = {
    "json": ([{"a": [1, None]}, "杭州", 1.5, None], pa.string()),
    "decimal(10,0)": ([Decimal(1234567890), Decimal(-7), None], pa.decimal128(10, 0)),
    "decimal(38,0)": ([Decimal("9" * 38), Decimal(0), None], pa.decimal128(38, 0)),
}

PLAIN: dict[str, list[Any]] = {"binary": [b"", b"abc", None], "json": [{"a": [1, None]}, "b", None]}
"""The slower codec decodes binary values that it was given, and measures JSON that is a number."""


@pytest.fixture
def sides(all_sides: dict[str, Sides]) -> Sides:
    """One pair of clients: what they sign and how says nothing of values."""
    return all_sides["V4"]


@pytest.fixture(autouse=True)
def plain_values() -> Iterator[None]:
    """Times are in UTC, whatever zone this machine is in, and may be old."""
    with option_context() as chosen:
        chosen.local_timezone = "UTC"
        chosen.allow_antique_date = True
        yield


def without_extensions(module: ModuleType) -> ModuleType:
    """Import another copy of a module of pyodps that does without its compiled parts."""
    name = f"{module.__name__}_plain"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, module.__file__)
        assert spec is not None
        assert spec.loader is not None
        copy = importlib.util.module_from_spec(spec)
        forced, options.force_py = options.force_py, True
        try:
            spec.loader.exec_module(copy)
        finally:
            options.force_py = forced
        sys.modules[name] = copy
    return sys.modules[name]


@pytest.fixture(params=["compiled", "plain"])
def codec(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """pyodps has its codec of records twice; each is taken in its turn."""
    if request.param == "plain":
        readers, writers = without_extensions(reader), without_extensions(writer)
        for module, names in (
            (readers, ["TunnelRecordReader", "BufferedRecordReader"]),
            (writers, ["RecordWriter", "BufferedRecordWriter"]),
        ):
            for name in names:
                assert "_c" not in getattr(module, name).__mro__[1].__module__
                monkeypatch.setattr(tabletunnel, name, getattr(module, name))
    chosen: str = request.param
    return chosen


def stored(sides: Sides, table: str, type_: pa.DataType) -> list[Any]:
    """Return what our client reads, as Python has it."""
    column = sides.stored(table)["v"].combine_chunks()
    assert column.type.equals(type_) or pa.types.is_nested(type_) or pa.types.is_timestamp(type_)
    found: list[Any] = (column.cast(type_) if pa.types.is_timestamp(type_) else column).to_pylist()
    if pa.types.is_map(type_):
        return [None if value is None else dict(value) for value in found]
    return found


def plain(value: Any) -> Any:
    """Make dictionaries of the named tuples that pyodps has for structs."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value._asdict() if hasattr(value, "_asdict") else value


def same(found: list[Any], expected: list[Any]) -> None:
    assert found == expected
    assert list(map(repr, map(signs, found))) == list(map(repr, map(signs, expected)))


def signs(value: Any) -> Any:
    """Tell zeros by their signs, and nothing else that is equal."""
    return value if isinstance(value, float) else None


@pytest.mark.parametrize("kind", [*CARRIED, *RECORDS_ONLY])
def test_records(
    sides: Sides, theirs: Any, ours: Client, table: str, kind: str, codec: str
) -> None:
    values, type_ = (CARRIED | RECORDS_ONLY)[kind]
    if codec == "plain" and kind in PLAIN:
        values = PLAIN[kind]
    ours.create_table(table, {"v": kind})
    with theirs.get_table(table).open_writer() as output:
        output.write([[value] for value in values])
    if kind != "json":
        same(stored(sides, table, type_), values)
    with theirs.get_table(table).open_reader() as rows:
        assert rows.count == len(values)
        same([plain(record[0]) for record in rows], values)


@pytest.mark.parametrize("kind", ["timestamp", "timestamp_ntz"])
def test_records_of_times(
    sides: Sides, theirs: Any, ours: Client, table: str, kind: str, codec: str
) -> None:
    assert codec
    zone = "UTC" if kind == "timestamp" else None
    ours.create_table(table, {"v": kind})
    with theirs.get_table(table).open_writer() as output:
        output.write([[stamp and stamp.tz_localize(zone)] for stamp in STAMPS])
    column = sides.stored(table)["v"].combine_chunks()
    assert column.cast(pa.int64()).to_pylist() == NANOS
    with theirs.get_table(table).open_reader() as rows:
        found = [record[0] for record in rows]
    assert [None if stamp is None else stamp.value for stamp in found] == NANOS


def test_records_of_spans(sides: Sides, theirs: Any, ours: Client, table: str, codec: str) -> None:
    assert codec
    ours.create_table(table, {"v": "interval_day_time"})
    with theirs.get_table(table).open_writer() as output:
        output.write([[None if span is None else pd.Timedelta(span)] for span in SPANS])
    assert sides.stored(table)["v"].to_pylist() == SPANS
    with theirs.get_table(table).open_reader() as rows:
        assert [record[0] for record in rows] == SPANS


def test_records_of_times_beyond_nanoseconds(theirs: Any, ours: Client, table: str) -> None:
    beyond = pa.array([datetime(2500, 1, 1), None], pa.timestamp("us"))  # noqa: DTZ001  as stored
    ours.create_table(table, {"v": "timestamp", "d": "datetime"})
    of.to_odps(pa.table({"v": beyond, "d": beyond.cast(pa.timestamp("ms"))}), table, client=ours)
    with theirs.get_table(table).open_reader() as rows:
        assert [record["d"] and record["d"].year for record in rows.read(columns=["d"])] == [
            2500,
            None,
        ]
        with pytest.raises(pd.errors.OutOfBoundsDatetime):  # pandas holds what pyodps reads
            list(rows)
    with (
        theirs.get_table(table).open_reader(arrow=True) as rows,
        pytest.raises(odps.errors.InvalidArgument, match=r"'v'.*read it as records"),
    ):
        rows.read_all()


def as_sent(values: list[Any], type_: pa.DataType) -> pa.RecordBatch:
    rows = [list(v.items()) if pa.types.is_map(type_) and v is not None else v for v in values]
    return pa.record_batch({"v": pa.array(rows, type_)})


@pytest.mark.parametrize("kind", CARRIED)
def test_arrow(sides: Sides, theirs: Any, ours: Client, table: str, kind: str) -> None:
    values, type_ = CARRIED[kind]
    ours.create_table(table, {"v": kind})
    batch = as_sent(values, type_)
    with theirs.get_table(table).open_writer(arrow=True) as output:
        output.write(batch)
        output.write(batch.slice(1, 1))
    same(stored(sides, table, type_), [*values, values[1]])
    with theirs.get_table(table).open_reader(arrow=True) as rows:
        seen = rows.read_all()["v"].combine_chunks()
    expected = pa.concat_arrays([batch["v"], batch["v"].slice(1, 1)])
    assert seen.cast(type_).equals(expected)


@pytest.mark.parametrize("kind", ["timestamp", "timestamp_ntz"])
def test_arrow_of_times(sides: Sides, theirs: Any, ours: Client, table: str, kind: str) -> None:
    values = pa.array([*NANOS, -1], pa.timestamp("ns"))
    ours.create_table(table, {"v": kind})
    with theirs.get_table(table).open_writer(arrow=True) as output:
        output.write(pa.record_batch({"v": values}))
    assert (
        sides.stored(table)["v"].combine_chunks().cast(pa.int64()).equals(values.cast(pa.int64()))
    )
    with theirs.get_table(table).open_reader(arrow=True) as rows:
        seen = rows.read_all()["v"].combine_chunks()
    assert seen.cast(pa.int64()).equals(values.cast(pa.int64()))


def test_arrow_of_spans(sides: Sides, theirs: Any, ours: Client, table: str) -> None:
    ours.create_table(table, {"v": "interval_day_time"})
    with theirs.get_table(table).open_writer(arrow=True) as output:
        output.write(pa.record_batch({"v": pa.array(SPAN_PAIRS, PAIR)}))
    assert sides.stored(table)["v"].to_pylist() == SPANS
    with theirs.get_table(table).open_reader(arrow=True) as rows:
        assert rows.read_all()["v"].to_pylist() == SPAN_PAIRS


@pytest.mark.parametrize("kind", ["decimal(10,0)", "array<decimal(38,0)>"])
def test_arrow_is_refused_where_pyodps_reads_another_scale(
    theirs: Any, ours: Client, table: str, kind: str
) -> None:
    ours.create_table(table, {"v": kind})
    number: Any = [Decimal(1)] if kind.startswith("array") else Decimal(1)
    of.to_odps(pa.table({"v": pa.array([number])}), table, client=ours)
    with (
        theirs.get_table(table).open_reader(arrow=True) as rows,
        pytest.raises(odps.errors.MethodNotAllowed, match=r"'v'.*scale to be another"),
    ):
        rows.read_all()


def test_json_comes_back_as_it_was_meant(
    sides: Sides, theirs: Any, ours: Client, table: str
) -> None:
    ours.create_table(table, {"v": "json"})
    with theirs.get_table(table).open_writer() as output:
        output.write([[{"a": [1, None]}], [None]])
    assert sides.stored(table)["v"].to_pylist() == ['{"a": [1, null]}', None]

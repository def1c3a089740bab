from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.convert.arrow import (
    arrow_schema,
    arrow_type,
    check_stream_schema,
    normal_schema,
    normal_type,
    normalise,
    same_type,
)
from odps_frames.convert.timestamps import PAIR, duration_to_pair
from odps_frames.errors import CastError, CorruptStream
from odps_frames.model.read import ArrowOptions, TimeUnit
from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.types import parse_type

if TYPE_CHECKING:
    from collections.abc import Callable

MICRO = ArrowOptions(timestamp_unit=TimeUnit.MICRO, datetime_unit=TimeUnit.SECOND)
NANOS = st.integers(-(2**63), 2**63 - 1)


def pair(nanos: int | None) -> dict[str, int] | None:
    if nanos is None:
        return None
    sec, nano = divmod(nanos, 10**9)
    return {"sec": sec, "nano": nano}


def batch(array: Any, name: str = "x") -> pa.RecordBatch:
    return pa.record_batch([array], [name])


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        ("tinyint", pa.int8()),
        ("smallint", pa.int16()),
        ("int", pa.int32()),
        ("bigint", pa.int64()),
        ("float", pa.float32()),
        ("double", pa.float64()),
        ("boolean", pa.bool_()),
        ("string", pa.string()),
        ("char(3)", pa.string()),
        ("varchar(3)", pa.string()),
        ("json", pa.string()),
        ("binary", pa.binary()),
        ("blob", pa.binary()),
        ("date", pa.date32()),
        ("datetime", pa.timestamp("ms")),
        ("timestamp", pa.timestamp("ns")),
        ("timestamp_ntz", pa.timestamp("ns")),
        ("decimal", pa.decimal128(38, 18)),
        ("decimal(10)", pa.decimal128(10, 0)),
        ("decimal(54,18)", pa.decimal256(54, 18)),
        ("interval_day_time", PAIR),
        ("array<int>", pa.list_(pa.int32())),
        ("vector(float,3)", pa.list_(pa.float32())),
        ("map<string,datetime>", pa.map_(pa.string(), pa.timestamp("ms"))),
        (
            "struct<B:int,a:array<date>>",
            pa.struct([("B", pa.int32()), ("a", pa.list_(pa.date32()))]),
        ),
    ],
)
def test_every_type_has_its_arrow_form(type_: str, expected: pa.DataType) -> None:
    assert arrow_type(parse_type(type_)) == expected


def test_units_are_those_asked_for() -> None:
    assert arrow_type(parse_type("array<timestamp>"), MICRO) == pa.list_(pa.timestamp("us"))
    assert arrow_type(parse_type("datetime"), MICRO) == pa.timestamp("s")


@pytest.mark.parametrize("type_", ["interval_year_month", "geography", "variant"])
def test_a_type_without_arrow_form_is_refused_by_name(type_: str) -> None:
    with pytest.raises(ValueError, match=type_):
        arrow_type(parse_type(type_))
    with pytest.raises(ValueError, match=type_):
        arrow_type(parse_type(f"array<{type_}>"))


def test_schema_keeps_nullability_and_may_leave_partition_columns_out(
    column: Callable[..., Column],
) -> None:
    schema = TableSchema(
        (column("int", "a", nullable=False), column("interval_day_time", "b")),
        (column("string", "pt"),),
    )
    assert arrow_schema(schema) == pa.schema(
        [
            pa.field("a", pa.int32(), nullable=False),
            pa.field("b", PAIR),
            pa.field("pt", pa.string()),
        ]
    )
    assert arrow_schema(schema, partition_columns=False).names == ["a", "b"]
    assert normal_schema(schema.columns).field("b").type == pa.duration("ns")


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (pa.string(), pa.large_string(), True),
        (pa.binary(), pa.large_binary(), True),
        (pa.list_(pa.string()), pa.large_list(pa.field("e", pa.large_string(), False)), True),  # noqa: FBT003  as pyarrow has it
        (pa.map_(pa.string(), pa.int8()), pa.map_(pa.large_string(), pa.int8()), True),
        (pa.struct([("a", pa.string())]), pa.struct([("a", pa.large_string())]), True),
        (pa.struct([("a", pa.int8())]), pa.struct([("b", pa.int8())]), False),
        (pa.list_(pa.int8()), pa.list_(pa.int8(), 2), False),
        (pa.timestamp("ms"), pa.timestamp("ms", "UTC"), False),
        (pa.timestamp("ms"), pa.timestamp("us"), False),
        (pa.string(), pa.binary(), False),
        (pa.decimal128(10, 2), pa.decimal128(10, 3), False),
    ],
)
def test_same_type(a: pa.DataType, b: pa.DataType, same: bool) -> None:  # noqa: FBT001  expected
    assert same_type(a, b) is same
    assert same_type(b, a) is same


@pytest.mark.parametrize(
    ("type_", "sent"),
    [
        ("string", pa.large_string()),
        ("timestamp", PAIR),
        ("timestamp_ntz", PAIR),
        ("array<timestamp>", pa.large_list(PAIR)),
        ("decimal(54,18)", pa.decimal128(38, 18)),
        ("decimal(54,18)", pa.decimal256(54, 18)),
        ("interval_day_time", PAIR),
    ],
)
def test_forms_of_the_wire_are_accepted(
    type_: str, sent: pa.DataType, column: Callable[..., Column]
) -> None:
    check_stream_schema(pa.schema([("X", sent)]), (column(type_),))


@pytest.mark.parametrize(
    "sent",
    [
        [("y", pa.timestamp("ms"))],
        [("x", pa.timestamp("us"))],
        [("x", pa.timestamp("ms", "UTC"))],
        [("x", PAIR)],
        [("x", pa.int64())],
        [],
        [("x", pa.timestamp("ms")), ("y", pa.int8())],
    ],
)
def test_another_schema_is_a_corrupt_stream(
    sent: list[tuple[str, pa.DataType]], column: Callable[..., Column]
) -> None:
    with pytest.raises(CorruptStream, match="the session promised"):
        check_stream_schema(pa.schema(sent), (column("datetime"),))


def test_order_counts(column: Callable[..., Column]) -> None:
    columns = (column("int", "a"), column("int", "b"))
    with pytest.raises(CorruptStream, match=r"\['b', 'a'\]"):
        check_stream_schema(pa.schema([("b", pa.int32()), ("a", pa.int32())]), columns)


@given(st.lists(st.none() | NANOS))
def test_pairs_become_times_to_the_nanosecond(nanos: list[int | None]) -> None:
    pairs = pa.array([pair(n) for n in nanos], PAIR)
    columns = Column("a", parse_type("timestamp")), Column("b", parse_type("interval_day_time"))
    found = normalise(pa.record_batch([pairs, pairs], names=["a", "b"]), columns)
    found.validate(full=True)
    assert found.schema.types == [pa.timestamp("ns"), pa.duration("ns")]
    assert found.column(0).cast(pa.int64()).to_pylist() == nanos
    assert found.column(1).cast(pa.int64()).to_pylist() == nanos
    assert duration_to_pair(found.column(1)).equals(pairs)


@given(
    st.lists(st.none() | st.lists(st.none() | NANOS, max_size=3), max_size=6),
    st.integers(0, 3),
    st.booleans(),
)
def test_pairs_become_times_wherever_they_are(
    lists: list[list[int | None] | None],
    start: int,
    large: bool,  # noqa: FBT001  drawn
) -> None:
    pairs: Any = [None if one is None else [pair(n) for n in one] for one in lists]
    rows = [None if one is None else {"l": one, "m": [("k", e) for e in one]} for one in pairs]
    kind = pa.large_list(PAIR) if large else pa.list_(PAIR)
    sent = pa.array(rows, pa.struct([("l", kind), ("m", pa.map_(pa.string(), PAIR))]))
    columns = (
        Column("x", parse_type("struct<l:array<timestamp>,m:map<string,interval_day_time>>")),
    )
    found = normalise(batch(sent.slice(start)), columns)
    found.validate(full=True)
    assert found.schema == normal_schema(columns)
    plain: Any = found.column(0).cast(
        pa.struct([("l", pa.list_(pa.int64())), ("m", pa.map_(pa.string(), pa.int64()))])
    )
    expected = [
        None if one is None else {"l": one, "m": [("k", n) for n in one]} for one in lists[start:]
    ]
    assert plain.to_pylist() == expected


@pytest.mark.parametrize(
    ("sent", "options", "why"),
    [
        ((9_223_372_036, 854_775_808), ArrowOptions(), "'ns' cannot count that far"),
        ((-9_223_372_037, 145_224_191), ArrowOptions(), "'ns' cannot count that far"),
        ((2**63 - 1, 0), ArrowOptions(), "'ns' cannot count that far"),
        ((-(2**63), -1), ArrowOptions(), "'ns' cannot count that far"),
        ((0, 10**9), ArrowOptions(), "less than 10"),
        ((0, 1), MICRO, "digits finer than 'us'"),
    ],
)
def test_a_pair_that_the_unit_cannot_hold_is_named(
    sent: tuple[int, int], options: ArrowOptions, why: str, column: Callable[..., Column]
) -> None:
    value = dict(zip(("sec", "nano"), sent, strict=True))
    pairs = pa.array([None, {"sec": 0, "nano": 0}, value], PAIR)
    with pytest.raises(CastError, match=rf"column 'x', row 2 .*{sent[0]}.*{why}"):
        normalise(batch(pairs), (column("timestamp"),), options)


def test_the_row_of_a_bad_pair_is_that_of_the_list_that_holds_it(
    column: Callable[..., Column],
) -> None:
    sent = pa.array([[pair(0)], None, [], [pair(0), pair(2**63)]], pa.list_(PAIR))
    with pytest.raises(CastError, match="column 'x', row 2 "):
        normalise(batch(sent.slice(1)), (column("array<timestamp>"),))


def test_half_a_pair_is_refused(column: Callable[..., Column]) -> None:
    sent = pa.StructArray.from_arrays(
        [pa.array([1, 2]), pa.array([0, None], pa.int32())], fields=list(PAIR)
    )
    with pytest.raises(CastError, match=r"row 1 .*half of the pair is missing"):
        normalise(batch(sent), (column("timestamp"),))


def test_negative_nanoseconds_count_back(column: Callable[..., Column]) -> None:
    sent = pa.array([{"sec": -2, "nano": -5}, {"sec": 1, "nano": -1}], PAIR)
    found = normalise(batch(sent), (column("interval_day_time"),))
    assert found.column(0).cast(pa.int64()).to_pylist() == [-2_000_000_005, 999_999_999]


def test_coarse_units_reach_the_ends_of_the_calendar(column: Callable[..., Column]) -> None:
    first, last = -62_135_596_800, 253_402_300_799
    sent = pa.array([{"sec": first, "nano": 0}, {"sec": last, "nano": 999_999_000}], PAIR)
    found = normalise(batch(sent), (column("timestamp"),), MICRO)
    assert found.column(0).cast(pa.int64()).to_pylist() == [first * 10**6, last * 10**6 + 999_999]


def test_nothing_is_copied_where_nothing_changes(column: Callable[..., Column]) -> None:
    columns = (column("string", "a"), column("array<int>", "b"), column("timestamp", "c"))
    sent = pa.record_batch(
        [
            pa.array(["x", None]),
            pa.array([[1], None], pa.list_(pa.field("item", pa.int32()))),
            pa.array([1, None], pa.timestamp("ns")),
        ],
        names=["a", "b", "c"],
    )
    before = [buffer.address for a in sent.columns for buffer in a.buffers() if buffer]
    found = normalise(sent, columns)
    assert [buffer.address for a in found.columns for buffer in a.buffers() if buffer] == before
    assert found.schema == normal_schema(columns)


def test_large_strings_become_plain_and_share_their_text(column: Callable[..., Column]) -> None:
    sent = pa.array(["x", None, "yz"], pa.large_string())
    found = normalise(batch(sent), (column("string"),)).column(0)
    assert found.type == pa.string()
    assert found.to_pylist() == ["x", None, "yz"]
    (_, _, text), (_, _, sent_text) = found.buffers(), sent.buffers()
    assert text is not None
    assert sent_text is not None
    assert text.address == sent_text.address


def test_a_short_decimal_is_widened(column: Callable[..., Column]) -> None:
    sent = pa.array([10**37, None], pa.decimal128(38, 0))
    found = normalise(batch(sent), (column("decimal(54,0)"),)).column(0)
    assert found.type == pa.decimal256(54, 0) == normal_type(parse_type("decimal(54,0)"))
    assert found.to_pylist() == sent.to_pylist()


def test_a_batch_without_columns_keeps_its_rows() -> None:
    sent = batch(pa.array([1, 2])).select([])
    assert normalise(sent, ()).num_rows == 2


def vectors(*values: list[float] | None) -> pa.RecordBatch:
    return batch(pa.array(values, pa.list_(pa.float32())))


@pytest.mark.parametrize("type_", ["vector(float,2)", "array<vector(float,2)>"])
def test_vectors_have_the_length_that_their_type_says(type_: str) -> None:
    nested = type_.startswith("array")

    def given(*values: list[float] | None) -> pa.RecordBatch:
        found: Any = vectors(*values).column(0)
        return batch(pa.ListArray.from_arrays([0, len(values)], found) if nested else found)

    columns = (Column("x", parse_type(type_)),)
    right = given([1.0, 2.0], None)
    assert normalise(right, columns).column(0).to_pylist() == right.column(0).to_pylist()
    with pytest.raises(CastError, match=f"row {10 if nested else 11} .*a vector has 2 elements"):
        normalise(given([1.0, 2.0], [1.0]), columns, first_row=10)

"""Records: what is written is read back, and nothing that is cut or changed is taken."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from crc32c import crc32c
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.emulator.tunnel.columns import record_type
from odps_frames.emulator.tunnel.record_reader import read_records
from odps_frames.emulator.tunnel.record_writer import encode_records
from odps_frames.emulator.tunnel.varints import encode_signed, encode_unsigned, signed
from odps_frames.errors import ServiceError
from odps_frames.model.schema import Column
from odps_frames.model.types import (
    ArrayType,
    DecimalType,
    Field,
    Kind,
    MapType,
    PrimitiveType,
    StructType,
    VarcharType,
)
from odps_frames.wire.http import ChunkReader

if TYPE_CHECKING:
    from odps_frames.model.types import DataType

LONGS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=5)
PAIRS = st.fixed_dictionaries({"sec": LONGS, "nano": st.integers(0, 999_999_999)})
LEAVES: list[tuple[DataType, st.SearchStrategy[Any]]] = [
    (PrimitiveType(Kind.BIGINT), LONGS),
    (PrimitiveType(Kind.TINYINT), st.integers(-128, 127)),
    (PrimitiveType(Kind.BOOLEAN), st.booleans()),
    (PrimitiveType(Kind.DOUBLE), st.floats(allow_nan=False)),
    (PrimitiveType(Kind.FLOAT), st.floats(allow_nan=False, width=32)),
    (PrimitiveType(Kind.STRING), TEXTS),
    (PrimitiveType(Kind.JSON), TEXTS),
    (VarcharType(9), TEXTS),
    (PrimitiveType(Kind.BINARY), st.binary(max_size=5)),
    (PrimitiveType(Kind.DATE), st.integers(-(2**31), 2**31 - 1)),
    (PrimitiveType(Kind.DATETIME), LONGS),
    (PrimitiveType(Kind.TIMESTAMP), PAIRS),
    (PrimitiveType(Kind.TIMESTAMP_NTZ), PAIRS),
    (PrimitiveType(Kind.INTERVAL_DAY_TIME), PAIRS),
    (DecimalType(12, 3), st.decimals(-(10**9) + 1, 10**9 - 1, places=3)),
]


def nested(
    inner: st.SearchStrategy[tuple[DataType, st.SearchStrategy[Any]]],
) -> st.SearchStrategy[tuple[DataType, st.SearchStrategy[Any]]]:
    lists = inner.map(
        lambda one: (ArrayType(one[0]), st.lists(st.none() | one[1], max_size=3)),
    )
    maps = st.tuples(st.sampled_from(LEAVES[:2]), inner).map(
        lambda two: (
            MapType(two[0][0], two[1][0]),
            st.lists(st.tuples(two[0][1], st.none() | two[1][1]), max_size=3),
        )
    )
    structs = st.lists(inner, min_size=1, max_size=2).map(
        lambda some: (
            StructType(tuple(Field(f"f{i}", one[0]) for i, one in enumerate(some))),
            st.fixed_dictionaries({f"f{i}": st.none() | one[1] for i, one in enumerate(some)}),
        )
    )
    return lists | maps | structs


TYPED = st.recursive(st.sampled_from(LEAVES), nested, max_leaves=4)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[DataType], pa.RecordBatch]:
    chosen = draw(st.lists(TYPED, min_size=1, max_size=3))
    n_rows = draw(st.integers(0, 5))
    arrays = []
    for type_, values in chosen:
        drawn = draw(st.lists(st.none() | values, min_size=n_rows, max_size=n_rows))
        arrays.append(pa.array(drawn, record_type(type_)))
    names = [f"c{i}" for i in range(len(arrays))]
    return [type_ for type_, _ in chosen], pa.RecordBatch.from_arrays(arrays, names=names)


def written(types: list[DataType], *batches: pa.RecordBatch) -> bytes:
    return b"".join(encode_records(types, batches))


def read(types: list[DataType], data: bytes, chunk: int = 1 << 16) -> list[pa.RecordBatch]:
    columns = [Column(f"c{i}", type_) for i, type_ in enumerate(types)]
    pieces = [data[at : at + chunk] for at in range(0, len(data), chunk)]
    return list(read_records(columns, ChunkReader(pieces)))


@given(tables(), st.integers(0, 3), st.sampled_from([1, 7, 1 << 16]))
def test_records_come_back(
    given: tuple[list[DataType], pa.RecordBatch], skipped: int, chunk: int
) -> None:
    types, batch = given
    part = batch.slice(skipped)
    found = read(types, written(types, part, batch), chunk)
    expected = pa.Table.from_batches([part, batch])
    schema = pa.schema([(f"c{i}", record_type(type_)) for i, type_ in enumerate(types)])
    assert pa.Table.from_batches(found, schema).equals(expected)


BIGINT, STRING = PrimitiveType(Kind.BIGINT), PrimitiveType(Kind.STRING)
TYPES: list[DataType] = [BIGINT, STRING, ArrayType(BIGINT)]
BATCH = pa.RecordBatch.from_arrays(
    [
        pa.array([1, None, -(2**40)]),
        pa.array(["a", "杭州", None]),
        pa.array([[1, None], [], None], pa.list_(pa.int64())),
    ],
    names=["c0", "c1", "c2"],
)


def test_a_cut_is_found_at_every_byte() -> None:
    data = written(TYPES, BATCH)
    for length in range(len(data)):
        with pytest.raises(ServiceError, match=r"end before|checksum|form|ten bytes|count"):
            read(TYPES, data[:length])


def test_a_change_is_found_at_every_byte() -> None:
    data = written(TYPES, BATCH)
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 0x01
        with pytest.raises(ServiceError):
            read(TYPES, bytes(changed))


def test_bytes_after_the_end_are_refused() -> None:
    with pytest.raises(ServiceError, match="bytes follow"):
        read(TYPES, written(TYPES, BATCH) + b"\0")


def test_no_record_is_a_body_too() -> None:
    assert read(TYPES, written(TYPES)) == []


def test_a_record_as_bytes() -> None:
    # One row: bigint 300 in field 1. Each checksum is over the number of the field and its value.
    checked = (1).to_bytes(4, "little") + (300).to_bytes(8, "little")
    one = crc32c(checked)
    expected = (
        bytes.fromhex("08 d804")
        + bytes.fromhex("80 c0ff7f")
        + encode_unsigned(one)
        + bytes.fromhex("f0 ffff7f 02")
        + bytes.fromhex("f8 ffff7f")
        + encode_unsigned(crc32c(one.to_bytes(4, "little")))
    )
    batch = pa.RecordBatch.from_arrays([pa.array([300])], names=["c0"])
    assert written([BIGINT], batch) == expected


def test_checksums_may_come_as_negative_numbers() -> None:
    # Writers that hold a checksum in 32 signed bits send ten bytes for those above 2**31.
    for number in range(200):
        batch = pa.RecordBatch.from_arrays([pa.array([number])], names=["c0"])
        data = written([BIGINT], batch)
        one = crc32c((1).to_bytes(4, "little") + number.to_bytes(8, "little"))
        if one >> 31 and data.count(encode_unsigned(one)) == 1:
            longer = data.replace(encode_unsigned(one), encode_unsigned(one - 2**32 + 2**64))
            assert read([BIGINT], longer)[0].equals(batch)
            return
    pytest.fail("no checksum was above 2**31")


def test_a_record_larger_than_any_window() -> None:
    texts = pa.array(["x" * (1 << 20), None, "y" * 3])
    batch = pa.RecordBatch.from_arrays([texts], names=["c0"])
    (found,) = read([STRING], written([STRING], batch))
    assert found.equals(batch)


def test_values_that_no_column_holds_are_named() -> None:
    wide: list[DataType] = [DecimalType(38, 2)]
    batch = pa.RecordBatch.from_arrays([pa.array([Decimal("123.45")])], names=["c0"])
    data = written(wide, batch)
    with pytest.raises(ServiceError, match=r"'c0' of type decimal\(4,1\)"):
        read([DecimalType(4, 1)], data)


@given(LONGS)
def test_varints_are_inverses(number: int) -> None:
    data = encode_signed(number)
    found = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(data))
    assert signed(found) == number
    assert all(byte & 0x80 for byte in data[:-1])
    assert not data[-1] & 0x80

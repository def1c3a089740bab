from __future__ import annotations

import random
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pytest

from odps_frames.errors import CorruptStream, IncompleteRead, OdpsError
from odps_frames.wire.arrow_stream import (
    END_MARK,
    ArrowStreamReader,
    encode_stream,
    impossible_types,
)
from odps_frames.wire.compression import Compression, decompress
from odps_frames.wire.http import ChunkReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TABLE = pa.table(
    {
        "id": pa.array([1, None, 3, 4, 5, 6, 7, 8, 9], pa.int64()),
        "name": pa.array(["a", "b", None, "d", "e", "ff", "", "h", "i"]),
        "tags": pa.array([["x"], [], None, ["y", None], [], [], [], [], ["z"]]),
        "price": pa.array([Decimal("1.50")] * 9, pa.decimal128(10, 2)),
    }
)
CODECS: list[Literal["lz4", "zstd"] | None] = [None, "lz4", "zstd"]


def joined(pieces: Iterable[object]) -> bytes:
    return b"".join(bytes(memoryview(piece)) for piece in pieces)  # type: ignore[arg-type]  # any buffer


def stream(rows: int = 3, codec: Literal["lz4", "zstd"] | None = None) -> bytes:
    return joined(encode_stream(TABLE.schema, TABLE.to_batches(max_chunksize=rows), codec=codec))


def compressed(plain: bytes, compression: Compression) -> bytes:
    if compression.ipc_codec is None:
        return plain
    return bytes(pa.compress(plain, compression.ipc_codec, asbytes=True))


def read(data: bytes, compression: Compression = Compression.NONE, chunk: int = 7) -> pa.Table:
    pieces = [data[start : start + chunk] for start in range(0, len(data), chunk)]
    reader = ArrowStreamReader(decompress(ChunkReader(pieces), compression))
    return pa.Table.from_batches(list(reader), schema=reader.schema)


@pytest.mark.parametrize("codec", CODECS)
def test_a_stream_is_what_pyarrow_writes(codec: Literal["lz4", "zstd"] | None) -> None:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=codec)
    with pa.ipc.new_stream(sink, TABLE.schema, options=options) as writer:
        writer.write_table(TABLE, max_chunksize=3)
    assert stream(3, codec) == sink.getvalue().to_pybytes()


@pytest.mark.parametrize("chunk", [1, 7, 1000])
@pytest.mark.parametrize("compression", list(Compression))
def test_a_whole_stream_is_read_whatever_the_chunks(compression: Compression, chunk: int) -> None:
    assert read(compressed(stream(), compression), compression, chunk).equals(TABLE)


@pytest.mark.parametrize("chunk", [1, 7, 1000])
@pytest.mark.parametrize("compression", list(Compression))
def test_a_stream_cut_at_any_byte_is_never_complete(compression: Compression, chunk: int) -> None:
    data = compressed(stream(), compression)
    for end in range(len(data)):
        with pytest.raises((IncompleteRead, CorruptStream)):
            read(data[:end], compression, chunk)


def test_a_stream_without_its_end_mark_is_incomplete() -> None:
    data = stream()
    assert data.endswith(END_MARK)
    with pytest.raises(IncompleteRead, match="end mark"):
        read(data.removesuffix(END_MARK))


def test_four_zero_bytes_are_no_end_mark() -> None:
    with pytest.raises(IncompleteRead):
        read(stream().removesuffix(END_MARK) + b"\x00\x00\x00\x00")


def test_what_follows_the_end_mark_is_refused() -> None:
    with pytest.raises(CorruptStream, match="follow"):
        read(stream() + b"!")
    with pytest.raises(CorruptStream, match="follow"):
        read(stream() + stream())


def test_a_body_cut_between_two_compressed_frames_is_incomplete() -> None:
    plain = stream()
    first = bytes(pa.compress(plain[:200], "zstd", asbytes=True))
    second = bytes(pa.compress(plain[200:], "zstd", asbytes=True))
    assert read(first + second, Compression.ZSTD).equals(TABLE)
    with pytest.raises(IncompleteRead):
        read(first, Compression.ZSTD)


def test_an_empty_stream_has_a_schema_and_no_rows() -> None:
    empty = joined(encode_stream(TABLE.schema, []))
    assert read(empty).equals(TABLE.slice(0, 0))
    assert TABLE.slice(0, 0).num_rows == 0


def test_a_claim_of_more_memory_than_allowed_takes_none() -> None:
    data = bytearray(stream())
    data[4:8] = (0x7FFFFFFF).to_bytes(4, "little")
    reader = ArrowStreamReader(ChunkReader([bytes(data)]), max_message_bytes=1 << 20)
    with pytest.raises(CorruptStream, match="claims 2147483647 bytes"):
        list(reader)


def test_a_claim_of_more_rows_than_allowed_is_refused() -> None:
    rows = pa.Array.from_buffers(pa.null(), 1 << 40, [None])
    nulls = pa.record_batch({"n": rows})
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(allow_64bit=True)
    with pa.ipc.new_stream(sink, nulls.schema, options=options) as writer:
        writer.write_batch(nulls)
    with pytest.raises(CorruptStream, match="1099511627776 rows"):
        read(sink.getvalue().to_pybytes())


def test_broken_bytes_never_pass_for_values_that_are_not_valid() -> None:
    """Flip bytes: what is accepted is valid in full, all else raises one of our errors."""
    data = stream()
    draw = random.Random(20261124)  # noqa: S311  a test that can be repeated
    outcomes = set()
    for _ in range(400):
        mutant = bytearray(data)
        for _ in range(draw.choice([1, 4])):
            mutant[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        try:
            read(bytes(mutant), chunk=4096).validate(full=True)
            outcomes.add("accepted")
        except OdpsError:
            outcomes.add("refused")
    assert outcomes == {"accepted", "refused"}


def test_invalid_text_is_named_as_such() -> None:
    broken = pa.Array.from_buffers(
        pa.string(),
        1,
        [None, pa.py_buffer(b"\x00\x00\x00\x00\x01\x00\x00\x00"), pa.py_buffer(b"\xff")],
    )
    batch = pa.record_batch({"s": broken})
    with pytest.raises(CorruptStream, match="UTF8"):
        read(joined(encode_stream(batch.schema, [batch])))


def test_large_buffers_are_passed_on_uncopied() -> None:
    batch = pa.record_batch({"n": pa.array(range(100_000), pa.int64())})
    values = batch.column(0).buffers()[1]
    pieces = list(encode_stream(batch.schema, [batch]))
    addresses = [piece.address for piece in pieces if isinstance(piece, pa.Buffer)]
    assert values is not None
    assert addresses == [values.address]


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda kind: kind,
        pa.list_,
        lambda kind: pa.struct([("a", pa.int8()), ("b", kind)]),
        lambda kind: pa.map_(pa.string(), kind),
        lambda kind: pa.dictionary(pa.int8(), kind),
    ],
    ids=["plain", "list", "struct", "map", "dictionary"],
)
@pytest.mark.parametrize("scale", [15_597_570, 11, -1])
def test_a_decimal_that_cannot_be_is_refused_with_the_schema(
    wrapped: Callable[[pa.DataType], pa.DataType], scale: int
) -> None:
    schema = pa.schema([("id", pa.int64()), ("price", wrapped(pa.decimal128(10, scale)))])
    assert "'price'" in (impossible_types(schema) or "")
    with pytest.raises(CorruptStream, match="impossible type: column 'price'"):
        read(joined(encode_stream(schema, [])))


def test_decimals_within_their_precision_are_possible() -> None:
    kinds = [pa.decimal128(10, 0), pa.decimal128(10, 10), pa.list_(pa.decimal256(70, 3))]
    assert impossible_types(pa.schema([(str(kind), kind) for kind in kinds])) is None


@pytest.mark.parametrize("kind", [pa.int8(), pa.struct([("inner", pa.int8())])])
def test_a_name_that_is_not_utf8_is_refused(kind: pa.DataType) -> None:
    name = "inner" if pa.types.is_struct(kind) else "outer"
    data = joined(encode_stream(pa.schema([("outer", kind)]), []))
    assert data.count(name.encode()) == 1
    with pytest.raises(CorruptStream, match="not UTF-8"):
        read(data.replace(name.encode(), b"\xff" * 5))

"""Frames of Arrow messages: what is written is read back, and no cut or change is missed."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.emulator.tunnel.arrow_frames import CHUNK_BYTES, decode_frames, encode_frames
from odps_frames.errors import ServiceError
from odps_frames.wire.arrow_stream import ArrowStreamReader
from odps_frames.wire.http import ChunkReader

SMALL = pa.RecordBatch.from_pylist([{"a": 1, "b": "x"}, {}, {"a": 3, "b": "杭州"}])
SCHEMA = SMALL.schema
BINARY = pa.schema([pa.field("v", pa.binary())])


def binary_batch(values: list[bytes | None]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(values, pa.binary())], schema=BINARY)


def read(schema: pa.Schema, data: bytes, piece: int = 1 << 20) -> list[pa.RecordBatch]:
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    return list(ArrowStreamReader(decode_frames(schema, ChunkReader(pieces))))


@given(
    st.lists(st.lists(st.none() | st.binary(max_size=3), max_size=5), max_size=4),
    st.sampled_from([1, 5, 1 << 20]),
)
def test_batches_come_back(columns: list[list[bytes | None]], piece: int) -> None:
    batches = [binary_batch(column) for column in columns]
    assert read(BINARY, b"".join(encode_frames(batches)), piece) == batches


@pytest.mark.parametrize("n_bytes", [CHUNK_BYTES - 1, CHUNK_BYTES, 3 * CHUNK_BYTES + 5])
def test_batches_larger_than_a_chunk(n_bytes: int) -> None:
    batches = [binary_batch([bytes(n_bytes), None])] * 2
    assert read(BINARY, b"".join(encode_frames(batches))) == batches


def test_messages_that_fill_their_chunks_end_with_an_empty_one() -> None:
    message = bytes(memoryview(SMALL.serialize()))
    batches = [SMALL] * (CHUNK_BYTES // len(message) + 1)
    for n_batches in range(1, len(batches) + 1):
        assert read(SCHEMA, b"".join(encode_frames(batches[:n_batches]))) == batches[:n_batches]


def test_a_cut_is_found_at_every_byte() -> None:
    data = b"".join(encode_frames([SMALL, SMALL]))
    for length in range(len(data)):
        with pytest.raises(ServiceError, match=r"checksum|expected frames"):
            read(SCHEMA, data[:length])


def test_a_change_is_found_at_every_byte() -> None:
    data = b"".join(encode_frames([SMALL]))
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 0x10
        if at in range(4):
            # The size of the chunks is under no checksum; one that holds all says the same.
            continue
        with pytest.raises(ServiceError, match="checksum"):
            read(SCHEMA, bytes(changed))


def test_no_batch_is_a_body_too() -> None:
    assert read(SCHEMA, b"".join(encode_frames([]))) == []
    assert read(SCHEMA, bytes(4)) == []  # as a writer ends that was never given anything


@pytest.mark.parametrize("size", [bytes(5), b"\xff\xff\xff\xff"])
def test_impossible_sizes_are_refused(size: bytes) -> None:
    with pytest.raises(ServiceError, match="expected 1 to"):
        read(SCHEMA, size)

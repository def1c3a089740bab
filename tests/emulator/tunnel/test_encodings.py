"""Compressed bodies: whole ones are read, cut ones and unknown ones are refused."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.emulator.tunnel.encodings import chosen_encoding, decoded, encoded
from odps_frames.errors import CorruptStream, IncompleteRead, ServiceError
from odps_frames.wire.http import ChunkReader

ENCODINGS = [None, "deflate", "zstd", "x-lz4-frame", "x-odps-lz4-frame"]
PLAIN = b"0123456789" * 50_000


def plain(data: bytes, encoding: str | None, *, piece: int = 1 << 16, step: int = 1 << 16) -> bytes:
    body = ChunkReader([data[at : at + piece] for at in range(0, len(data), piece)])
    reader = decoded(body, encoding)
    found = bytearray()
    window = memoryview(bytearray(step))
    while got := reader.readinto(window):
        found += window[:got]
    reader.close()
    return bytes(found)


@given(st.lists(st.binary(max_size=50)), st.sampled_from(ENCODINGS), st.integers(1, 40))
def test_bodies_come_back(pieces: list[bytes], encoding: str | None, step: int) -> None:
    data = b"".join(map(bytes, encoded(pieces, encoding)))
    assert plain(data, encoding, piece=step, step=step) == b"".join(pieces)


@pytest.mark.parametrize("encoding", ENCODINGS[1:])
def test_large_bodies_are_compressed(encoding: str) -> None:
    data = b"".join(map(bytes, encoded([PLAIN], encoding)))
    assert len(data) < len(PLAIN) // 10
    assert plain(data, encoding) == PLAIN


@pytest.mark.parametrize("encoding", ENCODINGS[1:])
def test_cut_bodies_are_refused(encoding: str) -> None:
    data = b"".join(map(bytes, encoded([b"0123456789"], encoding)))
    for length in range(1, len(data)):
        with pytest.raises((ServiceError, IncompleteRead, CorruptStream)):
            plain(data[:length], encoding)


def test_more_than_one_deflated_frame_is_refused() -> None:
    with pytest.raises(ServiceError, match="bytes follow"):
        plain(zlib.compress(b"a") + zlib.compress(b"b"), "deflate")


def test_what_cannot_be_inflated_is_refused() -> None:
    with pytest.raises(ServiceError, match="does not decompress"):
        plain(b"plain bytes", "deflate")


def test_unknown_encodings_are_refused_by_name() -> None:
    with pytest.raises(ServiceError, match="x-snappy-framed"):
        decoded(ChunkReader([]), "x-snappy-framed")
    with pytest.raises(ServiceError, match="x-snappy-framed"):
        chosen_encoding("x-snappy-framed")


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        (None, None),
        ("identity", None),
        ("gzip, br", None),
        ("gzip, deflate", "deflate"),
        ("ZSTD", "zstd"),
        ("x-lz4-frame;q=0.5", "x-lz4-frame"),
        ("identity, deflate", None),
    ],
)
def test_the_first_known_encoding_is_chosen(accepted: str | None, chosen: str | None) -> None:
    assert chosen_encoding(accepted) == chosen

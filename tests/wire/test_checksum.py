"""Checksums of blocks and of whole blobs."""

from __future__ import annotations

import hashlib
import itertools
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.errors import CorruptStream, IncompleteRead
from odps_frames.model.blob import Checksum
from odps_frames.wire.checksum import (
    BLOCK_BYTES,
    BlockReader,
    Digest,
    decode_footer,
    sealed,
    sealed_bytes,
)
from odps_frames.wire.http import ChunkReader

if TYPE_CHECKING:
    from collections.abc import Iterable

SIZES = [0, 1, 4095, 4096, 4097, 8192, 64 * 4096 - 1, 64 * 4096, 64 * 4096 + 1, 300_001]
NOISE = hashlib.shake_256(b"blob").digest(400_000)


def in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def plain(pieces: Iterable[bytes], window: int = 1000) -> bytes:
    reader = BlockReader(ChunkReader(pieces))
    buffer = memoryview(bytearray(window))
    found = b""
    while got := reader.readinto(buffer):
        found += bytes(buffer[:got])
    return found


def test_the_checksum_of_a_block_is_crc32c_little_endian() -> None:
    assert b"".join(sealed([b"123456789"])) == b"123456789" + 0xE3069283.to_bytes(4, "little")


@pytest.mark.covers("BlobRead CRC32C")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("piece", [1000, 4096, 4100, 1 << 20])
def test_blocks_come_back_whatever_the_pieces(size: int, piece: int) -> None:
    data = NOISE[:size]
    whole = b"".join(sealed(in_pieces(data, piece)))
    assert len(whole) == sealed_bytes(size) == size + 4 * -(-size // BLOCK_BYTES)
    assert plain(in_pieces(whole, piece)) == data
    for start in range(0, size, BLOCK_BYTES):  # no block depends on those before it
        block = data[start : start + BLOCK_BYTES]
        place = start // BLOCK_BYTES * (BLOCK_BYTES + 4)
        assert whole[place : place + len(block) + 4] == b"".join(sealed([block]))


@given(st.lists(st.binary(max_size=9000), max_size=5), st.integers(1, 9000), st.integers(1, 9000))
def test_blocks_come_back_from_any_pieces(pieces: list[bytes], piece: int, window: int) -> None:
    whole = b"".join(sealed(pieces))
    assert plain(in_pieces(whole, piece), window) == b"".join(pieces)


@pytest.mark.parametrize("size", [1, 4096, 4097, 20_000])
def test_a_flipped_bit_is_found_in_every_block(size: int) -> None:
    whole = b"".join(sealed([NOISE[:size]]))
    step = 1 if len(whole) < 5000 else 997
    for place in itertools.chain(range(0, len(whole), step), range(len(whole) - 5, len(whole))):
        spoilt = bytearray(whole)
        spoilt[place] ^= 1 << place % 8
        with pytest.raises(CorruptStream, match="CRC32C"):
            plain([bytes(spoilt)])


@pytest.mark.parametrize("size", [1, 4096, 4097, 9000])
def test_a_body_cut_inside_of_a_block_is_refused(size: int) -> None:
    whole = b"".join(sealed([NOISE[:size]]))
    for n_bytes in range(1, len(whole)):
        if n_bytes % (BLOCK_BYTES + 4):
            with pytest.raises((CorruptStream, IncompleteRead)):
                plain([whole[:n_bytes]])


def test_no_byte_comes_out_before_its_block_is_verified() -> None:
    whole = bytearray(b"".join(sealed([NOISE[:9000]])))
    whole[5000] ^= 1  # in the second block
    reader = BlockReader(ChunkReader(in_pieces(bytes(whole), 100)))
    window = memoryview(bytearray(10_000))
    assert reader.readinto(window) == BLOCK_BYTES
    with pytest.raises(CorruptStream, match="bytes 4096 to 8192"):
        reader.readinto(window)


@given(st.lists(st.binary(max_size=100), max_size=5))
def test_footers_say_what_the_data_is(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    digest = Digest(Checksum.CRC32, Checksum.MD5)
    for piece in pieces:
        digest.update(piece)
    assert (digest.crc32, digest.n_bytes) == (zlib.crc32(data), len(data))
    assert digest.md5 == hashlib.md5(data, usedforsecurity=False).hexdigest()
    other = Digest(Checksum.CRC32, Checksum.MD5)
    other.update(data + b"x")
    for checksum in Checksum:
        footer = decode_footer(digest.footer(checksum))
        assert footer.checksum is checksum
        assert footer.fits(digest)
        assert footer.fits(other) is (checksum is Checksum.NONE)


@pytest.mark.parametrize(
    "document",
    [
        {"Checksum": {"Type": 3}},
        {"Checksum": {"Type": 1}},
        {"Checksum": {"Type": 2}},
        {"Checksum": {"Type": 1, "Crc32": "x"}},
        {"Checksum": 1},
    ],
)
def test_footers_that_nobody_understands_are_refused(document: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"Checksum|Crc32"):
        decode_footer(document)


def test_a_footer_may_say_nothing() -> None:
    assert decode_footer({}).fits(Digest())

from __future__ import annotations

import pyarrow as pa
import pytest

from odps_frames.errors import CorruptStream
from odps_frames.wire.compression import Compression, decompress
from odps_frames.wire.http import ChunkReader


@pytest.mark.parametrize(
    ("name", "encoding"), [(None, None), ("lz4", "x-lz4-frame"), ("zstd", "zstd")]
)
def test_names_of_callers_and_of_the_wire(name: str | None, encoding: str | None) -> None:
    compression = Compression.of(name)
    assert compression.content_encoding == encoding
    assert Compression.of_encoding(encoding) is compression
    assert Compression.of(compression) is compression


def test_letter_case_and_identity() -> None:
    assert Compression.of_encoding("X-LZ4-Frame") is Compression.LZ4
    assert Compression.of_encoding(" identity ") is Compression.NONE


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="expected None, 'lz4' or 'zstd'"):
        Compression.of("gzip")
    with pytest.raises(CorruptStream, match="gzip"):
        Compression.of_encoding("gzip")


@pytest.mark.parametrize("compression", [Compression.LZ4, Compression.ZSTD])
def test_a_small_body_may_not_become_a_huge_one(
    compression: Compression, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("odps_frames.wire.compression.FREE_PLAIN_BYTES", 1 << 20)
    monkeypatch.setattr("odps_frames.wire.compression.MAX_RATIO", 100)
    for n_bytes, fits in ((1 << 20, True), (4 << 20, False)):
        packed = pa.compress(bytes(n_bytes), compression.ipc_codec or "zstd", asbytes=True)
        reader = decompress(ChunkReader([packed]), compression)
        window = memoryview(bytearray(1 << 16))
        if fits:
            assert sum(iter(lambda: reader.readinto(window), 0)) == n_bytes  # noqa: B023  used at once
            continue
        with pytest.raises(CorruptStream, match="expected at most 100 times"):
            sum(iter(lambda: reader.readinto(window), 0))  # noqa: B023  used at once

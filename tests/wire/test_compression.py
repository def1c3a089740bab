from __future__ import annotations

import pytest

from odps_frames.errors import CorruptStream
from odps_frames.wire.compression import Compression


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

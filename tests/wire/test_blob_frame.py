"""Frames of blobs."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.errors import CorruptStream, IncompleteRead
from odps_frames.model.blob import Checksum
from odps_frames.wire.blob_frame import (
    DownloadHeader,
    FrameReader,
    UploadHeader,
    decode_download_header,
    decode_upload_header,
    encode_download_header,
    encode_frame,
    encode_upload_header,
    frame_bytes,
)
from odps_frames.wire.checksum import Digest
from odps_frames.wire.http import ChunkReader

if TYPE_CHECKING:
    from collections.abc import Iterable

HEADER: dict[str, object] = {"ContentType": "text/plain"}


def frame(data: bytes, checksum: Checksum = Checksum.CRC32, header: Any = None) -> bytes:
    return b"".join(map(bytes, encode_frame(header or HEADER, [data], len(data), checksum)))


def read_all(pieces: Iterable[bytes], window: int = 7) -> list[tuple[dict[str, Any], bytes, bool]]:
    reader = FrameReader(ChunkReader(pieces))
    buffer = memoryview(bytearray(window))
    found = []
    while (begun := reader.begin()) is not None:
        header, size = begun
        data, digest = b"", Digest(Checksum.CRC32, Checksum.MD5)
        while got := reader.readinto(buffer):
            data += bytes(buffer[:got])
            digest.update(buffer[:got])
        assert len(data) == size
        found.append((header, data, reader.finish().fits(digest)))
    return found


@given(st.lists(st.binary(max_size=40), max_size=4), st.integers(1, 50), st.sampled_from(Checksum))
def test_frames_come_back_from_any_pieces(
    blobs: list[bytes], piece: int, checksum: Checksum
) -> None:
    body = b"".join(frame(data, checksum) for data in blobs)
    pieces = [body[start : start + piece] for start in range(0, len(body), piece)]
    assert read_all(pieces) == [(HEADER, data, True) for data in blobs]


def test_a_frame_is_three_parts_behind_their_lengths() -> None:
    header, footer = b'{"ContentType": "text/plain"}', b'{"Checksum": {"Type": 0}}'
    parts = [struct.pack("<q", len(part)) + part for part in (header, b"abc", footer)]
    assert frame(b"abc", Checksum.NONE) == b"".join(parts)
    assert frame_bytes(HEADER, 3) == len(b"".join(parts))


def test_a_body_cut_at_every_byte_is_refused() -> None:
    body = frame(b"first") + frame(b"second")
    for n_bytes in range(1, len(body)):
        if n_bytes == len(frame(b"first")):
            assert len(read_all([body[:n_bytes]])) == 1  # how many there must be knows the caller
            continue
        with pytest.raises(IncompleteRead, match="the body ended in frame"):
            read_all([body[:n_bytes]])


@pytest.mark.parametrize(
    "body",
    [
        struct.pack("<q", -1),
        struct.pack("<q", 1 << 40),
        struct.pack("<q", 3) + b"[1]" + struct.pack("<q", 0),
        struct.pack("<q", 3) + b"{x}" + struct.pack("<q", 0),
        struct.pack("<q", 2) + b"{}" + struct.pack("<q", -2),
        struct.pack("<q", 2) + b"{}" + struct.pack("<qq", 0, -1),
        frame(b"x")[:-25] + b"!" * 25,
    ],
)
def test_what_is_no_frame_is_refused(body: bytes) -> None:
    with pytest.raises(CorruptStream, match="frame 1 is no blob"):
        read_all([body])


@pytest.mark.covers("BlobWriteItem.size")
@pytest.mark.parametrize(("size", "said"), [(3, "4 bytes or more"), (5, "4 bytes")])
def test_data_of_another_length_than_declared_is_refused(size: int, said: str) -> None:
    pieces = encode_frame(HEADER, [b"ab", b"cd"], size, Checksum.NONE)
    with pytest.raises(ValueError, match=said):
        list(pieces)


def test_a_frame_streams() -> None:
    asked = []

    def data() -> Iterable[bytes]:
        for number in range(3):
            asked.append(number)
            yield b"x" * 10

    pieces = iter(encode_frame(HEADER, data(), 30, Checksum.MD5))
    next(pieces)
    assert asked == []
    next(pieces)
    assert asked == [0]


UPLOAD = UploadHeader(
    column_index=6,
    partition_values=("pt=1", "hh=2"),
    distribution_key=b"\x00key",
    mime_type="image/png",
    file_name="ü.png",
)


@pytest.mark.parametrize("header", [UPLOAD, UploadHeader(column_index=0)])
def test_headers_of_uploads_come_back(header: UploadHeader) -> None:
    document = json.loads(json.dumps(encode_upload_header(header, "3")))
    assert decode_upload_header(document, "3") == header


@pytest.mark.covers("CustomFileName")
def test_version_2_knows_no_file_names() -> None:
    with pytest.raises(ValueError, match=r"file_name='ü\.png'; version 2 .* api_version='3'"):
        encode_upload_header(UPLOAD, "2")
    said = encode_upload_header(UPLOAD, "3")
    assert said["CustomFileName"] == "ü.png"
    assert decode_upload_header(said, "2").file_name is None


@pytest.mark.parametrize(
    "document", [{}, {"ColumnIndex": "x"}, {"ColumnIndex": 1, "DistributionKey": "?"}]
)
def test_headers_of_uploads_that_cannot_be_are_refused(document: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"ColumnIndex|DistributionKey"):
        decode_upload_header(document, "3")


@pytest.mark.parametrize(
    "header", [DownloadHeader(), DownloadHeader(mime_type="a/b", file_name="c")]
)
def test_headers_of_downloads_come_back(header: DownloadHeader) -> None:
    assert decode_download_header(encode_download_header(header)) == header

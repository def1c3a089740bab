"""Frames: a header, data and a footer, each behind its length (protocol.md §11.2, §11.3).

Both directions stream: a frame of any size costs no more memory than a piece of it.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from odps_frames.errors import CorruptStream, IncompleteRead
from odps_frames.model.blob import Checksum
from odps_frames.wire import documents
from odps_frames.wire.checksum import Digest, Footer, decode_footer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from typing_extensions import Buffer

    from odps_frames.wire.http import BodyReader

__all__ = [
    "DownloadHeader",
    "FrameReader",
    "UploadHeader",
    "decode_download_header",
    "decode_upload_header",
    "encode_download_header",
    "encode_frame",
    "encode_upload_header",
    "frame_bytes",
]

_LENGTH: Final = struct.Struct("<q")
MAX_PART_BYTES: Final = 1 << 20
"""Headers and footers are a few names; longer ones are no frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadHeader:
    """Where a blob belongs, and what readers are told of it."""

    column_index: int
    partition_values: tuple[str, ...] = ()
    """Each as ``name=value``."""
    distribution_key: bytes | None = None
    """An Arrow IPC stream of one row: the primary key of the blob's row."""
    mime_type: str | None = None
    file_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadHeader:
    """What a reader is told of a blob."""

    mime_type: str | None = None
    file_name: str | None = None


def encode_upload_header(header: UploadHeader, api_version: str) -> dict[str, object]:
    """Write the header of an upload.

    Raises
    ------
    ValueError
        When it has a file name, and the version of the API knows none.
    """
    if header.file_name is not None and api_version == "2":
        raise ValueError(
            f"file_name={header.file_name!r}; version 2 of the API keeps no names of blobs: "
            "leave it out, or connect with api_version='3'"
        )
    key = header.distribution_key
    known = {
        "DistributionKey": None if key is None else base64.b64encode(key).decode(),
        "ContentType": header.mime_type,
        "CustomFileName": header.file_name,
    }
    return {
        "PartitionValues": list(header.partition_values),
        "ColumnIndex": header.column_index,
        **{name: value for name, value in known.items() if value is not None},
    }


def decode_upload_header(document: Mapping[str, Any], api_version: str) -> UploadHeader:
    """Read the header of an upload; version 2 knows no file names and passes them over.

    Raises
    ------
    ValueError
        When it does not say which column it is for, or its distribution key is no base64.
    """
    column = documents.number(document, "ColumnIndex")
    if column is None:
        raise ValueError("ColumnIndex is missing in the header of a frame")
    key = documents.text(document, "DistributionKey")
    return UploadHeader(
        column_index=column,
        partition_values=documents.texts(document, "PartitionValues") or (),
        distribution_key=None if key is None else _decode_key(key),
        mime_type=documents.text(document, "ContentType"),
        file_name=None if api_version == "2" else documents.text(document, "CustomFileName"),
    )


def _decode_key(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"DistributionKey={text[:80]!r} is no base64: {error}") from None


def encode_download_header(header: DownloadHeader) -> dict[str, object]:
    """Write the header of a download; what is not known is left out."""
    known = {"ContentType": header.mime_type, "CustomFileName": header.file_name}
    return {name: value for name, value in known.items() if value is not None}


def decode_download_header(document: Mapping[str, Any]) -> DownloadHeader:
    """Read the header of a download."""
    return DownloadHeader(
        mime_type=documents.text(document, "ContentType"),
        file_name=documents.text(document, "CustomFileName"),
    )


def encode_frame(
    header: Mapping[str, object], data: Iterable[Buffer], size: int, checksum: Checksum
) -> Iterator[Buffer]:
    """Yield a frame; its length is said before its data is read.

    Raises
    ------
    ValueError
        When the data turns out shorter or longer than ``size``; nobody takes the frame then.
    """
    digest = Digest(checksum)
    yield _part(header) + _LENGTH.pack(size)
    for piece in data:
        digest.update(piece)
        if digest.n_bytes > size:
            break
        yield piece
    if digest.n_bytes != size:
        amount = f"{size} bytes" if digest.n_bytes < size else f"{size} and no more"
        raise ValueError(f"a blob has {digest.n_bytes} bytes or more; {amount} were declared")
    yield _part(digest.footer(checksum))


def frame_bytes(header: Mapping[str, object], size: int) -> int:
    """Return how long a frame without a checksum is."""
    footer = Digest().footer(Checksum.NONE)
    return len(_part(header)) + _LENGTH.size + size + len(_part(footer))


def _part(document: Mapping[str, object]) -> bytes:
    content = json.dumps(document).encode()
    return _LENGTH.pack(len(content)) + content


class FrameReader:
    """Frames out of a body, one after the other.

    ``begin`` reads a header, ``readinto`` the data, ``finish`` what follows it. A body that ends
    inside of a frame raises IncompleteRead, lengths and documents that cannot be CorruptStream.
    """

    def __init__(self, body: BodyReader) -> None:
        self._body = body
        self._n_frames = 0
        self.left = 0
        """Bytes of data that the present frame still has."""

    def begin(self) -> tuple[dict[str, Any], int] | None:
        """Return the header of the next frame and the length of its data; None after the last."""
        first = memoryview(bytearray(1))
        if not self._body.readinto(first):
            return None
        self._n_frames += 1
        rest = self._exactly(_LENGTH.size - 1)
        header = self._document(self._checked(bytes(first) + rest, MAX_PART_BYTES))
        self.left = self._checked(self._exactly(_LENGTH.size), None)
        return header, self.left

    def readinto(self, buffer: memoryview, /) -> int:
        """Read data of the present frame; zero is its end."""
        window = buffer[: min(len(buffer), self.left)]
        if not len(window):
            return 0
        got = self._body.readinto(window)
        if not got:
            raise self._cut(f"{self.left} bytes before the end of its data")
        self.left -= got
        return got

    def finish(self) -> Footer:
        """Read the footer; all of the data has to be read before."""
        content = self._exactly(self._checked(self._exactly(_LENGTH.size), MAX_PART_BYTES))
        try:
            return decode_footer(documents.load(content))
        except ValueError as error:
            raise self._broken(f"its footer cannot be read: {error}") from error

    def close(self) -> None:
        """Give up what is not read."""
        self._body.close()

    def _document(self, n_bytes: int) -> dict[str, Any]:
        try:
            return documents.load(self._exactly(n_bytes))
        except ValueError as error:
            raise self._broken(f"its header cannot be read: {error}") from error

    def _checked(self, packed: bytes, limit: int | None) -> int:
        (length,) = _LENGTH.unpack(packed)
        if length < 0 or (limit is not None and length > limit):
            raise self._broken(f"a part of {length} bytes")
        return int(length)

    def _exactly(self, n_bytes: int) -> bytes:
        content = memoryview(bytearray(n_bytes))
        n_read = 0
        while n_read < n_bytes:
            got = self._body.readinto(content[n_read:])
            if not got:
                raise self._cut("outside of its data")
            n_read += got
        return bytes(content)

    def _cut(self, where: str) -> IncompleteRead:
        return IncompleteRead(f"the body ended in frame {self._n_frames}, {where}")

    def _broken(self, what: str) -> CorruptStream:
        return CorruptStream(f"frame {self._n_frames} is no blob: {what}")

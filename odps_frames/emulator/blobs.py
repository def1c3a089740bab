"""Blobs: uploaded into write sessions, read by reference (protocol.md §11)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.emulator.catalog.blobs import KeptBlob, add_blobs, find_blob
from odps_frames.emulator.open_session import normal_session
from odps_frames.emulator.refusals import invalid, malformed, no_blob
from odps_frames.emulator.routed import Routed
from odps_frames.emulator.specs import parse_selector
from odps_frames.errors import CorruptStream, IncompleteRead
from odps_frames.model.blob import BlobReceipt, Checksum, blob_column_ids
from odps_frames.wire.blob_frame import (
    DownloadHeader,
    FrameReader,
    UploadHeader,
    decode_upload_header,
    encode_download_header,
    encode_frame,
    frame_bytes,
)
from odps_frames.wire.checksum import Digest, sealed, sealed_bytes
from odps_frames.wire.compression import BLOB_RATIO, Compression, compressed, decompress
from odps_frames.wire.schema import write_schema_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from odps_frames.emulator.blob_files import NewBlobs
    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.open_session import OpenSession
    from odps_frames.emulator.store import Store
    from odps_frames.model.write_schema import WriteColumn
    from odps_frames.wire.blobs import BlobReadCall, BlobWriteCall
    from odps_frames.wire.http import BodyReader

__all__ = ["Blobs", "BlobsRead"]

_WINDOW_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class BlobsRead:
    """The body of an answer, and its length where it is known beforehand."""

    pieces: Iterator[Buffer]
    compression: Compression
    n_bytes: int | None


class Blobs:
    """Takes blobs and gives them back."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def write(self, call: BlobWriteCall, body: BodyReader) -> Routed[BlobReceipt]:
        """Take one blob or a batch; they are on the disk when this returns.

        Raises
        ------
        ServiceError
            When they belong nowhere, or did not come as they were sent. Then none is taken.
        """
        with self._store.database.read() as connection:
            found = self._session(connection, call)
        upload = _Upload(call, found, self._store.blob_files.create())
        try:
            upload.take(decompress(body, call.compression, max_ratio=BLOB_RATIO))
            upload.file.finish()
            with self._store.database.write() as connection:
                found = self._session(connection, call)
                found.keep(connection)
                add_blobs(connection, upload.blobs)
        except (IncompleteRead, CorruptStream) as error:
            upload.file.abandon()
            raise malformed(f"the blobs cannot be read: {error}") from error
        except BaseException:
            upload.file.abandon()
            raise
        return Routed(upload.receipt(), found.token)

    def _session(self, connection: Connection, call: BlobWriteCall) -> OpenSession:
        now = self._store.now()
        return normal_session(connection, call.table, call.stream.session_id, now)

    def read(self, call: BlobReadCall, api_version: str) -> BlobsRead:
        """Give blobs back: one as it is, several as frames.

        Raises
        ------
        NotFound
            When there is one of them no more, or not yet.
        """

        def find() -> tuple[set[str], list[KeptBlob]]:
            blobs = []
            with self._store.database.read() as connection:
                for ref in call.refs:
                    blob = find_blob(connection, ref.text)
                    if blob is None:
                        raise no_blob(ref.text)
                    blobs.append(blob)
            return {blob.name for blob in blobs}, blobs

        hold, blobs = self._store.blob_files.hold(find)
        pieces: Iterator[Buffer]
        if len(blobs) == 1:
            pieces, n_bytes = self._data(blobs[0]), blobs[0].n_bytes
        else:
            headers = [_said(blob, api_version) for blob in blobs]
            pieces = self._frames(blobs, headers)
            n_bytes = sum(
                frame_bytes(header, blob.n_bytes)
                for blob, header in zip(blobs, headers, strict=True)
            )
        pieces = hold.over(pieces)
        codec = call.compression.ipc_codec
        if codec is not None:
            return BlobsRead(sealed(compressed(pieces, codec)), call.compression, None)
        return BlobsRead(sealed(pieces), call.compression, sealed_bytes(n_bytes))

    def _data(self, blob: KeptBlob) -> Iterator[Buffer]:
        return self._store.blob_files.pieces(blob.name, blob.position, blob.n_bytes)

    def _frames(self, blobs: list[KeptBlob], headers: list[dict[str, object]]) -> Iterator[Buffer]:
        for blob, header in zip(blobs, headers, strict=True):
            yield from encode_frame(header, self._data(blob), blob.n_bytes, Checksum.NONE)


def _said(blob: KeptBlob, api_version: str) -> dict[str, object]:
    """What a reader is told of a blob; version 2 knows no names."""
    file_name = None if api_version == "2" else blob.file_name
    return encode_download_header(DownloadHeader(mime_type=blob.mime_type, file_name=file_name))


class _Upload:
    """What one call brings."""

    def __init__(self, call: BlobWriteCall, found: OpenSession, file: NewBlobs) -> None:
        self._call = call
        self._found = found
        schema = write_schema_of(found.table.schema, primary_key=found.table.primary_key)
        self._columns = {number: path for path, number in blob_column_ids(schema).items()}
        self._keys = [column for column in schema.columns if column.distribution_key]
        self._md5: str | None = None
        self.file = file
        self.blobs: list[KeptBlob] = []

    def take(self, body: BodyReader) -> None:
        """Take all of a body."""
        if self._call.column_index is None:
            self._take_frames(FrameReader(body))
            return
        header = UploadHeader(
            column_index=self._call.column_index, partition_values=self._call.partition_values
        )
        self._check(header)
        digest = Digest(Checksum.MD5)
        self._keep(header, body, digest)
        self._md5 = digest.md5

    def receipt(self) -> BlobReceipt:
        """Tell the caller what to write into rows."""
        n_bytes = sum(blob.n_bytes for blob in self.blobs)
        refs = tuple(blob.staged for blob in self.blobs)
        return BlobReceipt(refs=refs, n_bytes=n_bytes, md5=self._md5)

    def _take_frames(self, frames: FrameReader) -> None:
        while (begun := frames.begin()) is not None:
            document, _ = begun
            try:
                header = decode_upload_header(document, self._call.api_version)
            except ValueError as error:
                raise invalid(f"frame {len(self.blobs)}: {error}") from error
            self._check(header)
            digest = Digest(Checksum.CRC32, Checksum.MD5)
            self._keep(header, frames, digest)
            footer = frames.finish()
            if not footer.fits(digest):
                raise malformed(
                    f"frame {len(self.blobs) - 1}: its footer says {footer.checksum.upper()} "
                    f"{footer.value}; what came has CRC32 {digest.crc32} and MD5 {digest.md5}"
                )

    def _keep(self, header: UploadHeader, body: BodyReader | FrameReader, digest: Digest) -> None:
        start = self.file.write(_pieces(body), digest)
        self.blobs.append(
            KeptBlob(
                ref=f"blob-{secrets.token_hex(16)}",
                # No text, so that nobody takes it for the reference of a reader.
                staged=b"\xff" + secrets.token_bytes(16),
                session=self._found.id,
                table_id=self._found.table.id,
                column_id=header.column_index,
                name=self.file.name,
                position=start,
                n_bytes=digest.n_bytes,
                mime_type=header.mime_type,
                file_name=header.file_name,
                committed=self._found.commits_itself,
            )
        )

    def _check(self, header: UploadHeader) -> None:
        if header.column_index not in self._columns:
            places = ", ".join(f"{n} ({path})" for n, path in self._columns.items()) or "none"
            raise invalid(
                f"ColumnIndex={header.column_index} is no BLOB of {self._found.table.ref}; "
                f"it has {places}"
            )
        text = ",".join(header.partition_values)
        said = parse_selector(text, self._found.table.partition_columns)
        for value, static in zip(said, self._found.kept.static, strict=True):
            if None not in (value, static) and value != static:
                raise invalid(
                    f"PartitionValues {text!r}; the session was opened for another partition"
                )
        if self._keys:
            _check_key(header.distribution_key, self._keys)


def _pieces(body: BodyReader | FrameReader) -> Iterator[memoryview]:
    window = memoryview(bytearray(_WINDOW_BYTES))
    while got := body.readinto(window):
        yield window[:got]


def _check_key(key: bytes | None, columns: list[WriteColumn]) -> None:
    """Refuse what is not one row of the key of a table."""
    if key is None:
        raise invalid(
            "DistributionKey is missing, which blobs of tables with a primary key need; "
            "they come in frames (Mode=Batch)"
        )
    try:
        row = pa.ipc.open_stream(key).read_all()
    except (pa.ArrowInvalid, OSError, EOFError) as error:
        raise invalid(f"DistributionKey is no Arrow stream: {error}") from error
    names = [column.name.lower() for column in columns]
    found = [name.lower() for name in row.schema.names]
    if row.num_rows != 1 or sorted(found) != sorted(names):
        raise invalid(
            f"DistributionKey has {row.num_rows} rows of {', '.join(found) or 'nothing'}; "
            f"expected one of {', '.join(names)}"
        )

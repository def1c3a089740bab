"""What a write session does with blobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from odps_frames.model.blob import Blob, Checksum
from odps_frames.wire.compression import Compression
from odps_frames.write.blobs import BLOB_STREAM, BlobUploads

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from odps_frames.model.blob import BlobData, StagedBlob
    from odps_frames.model.table import Partition
    from odps_frames.model.write import StreamId
    from odps_frames.transport.notices import Notices

__all__ = ["BlobMethods"]


class BlobMethods:
    """The part of a write session that uploads blobs."""

    _blobs: BlobUploads
    notices: Notices

    def write_blob(  # noqa: PLR0913  what can be said of a blob
        self,
        data: BlobData,
        *,
        column: str,
        partition: str | Mapping[str, object] | Partition | None = None,
        distribution_key: Mapping[str, object] | bytes | None = None,
        mime_type: str | None = None,
        file_name: str | None = None,
        checksum: Checksum | None = None,
        size: int | None = None,
        stream: int | str | StreamId = BLOB_STREAM,
        compression: Literal["lz4", "zstd"] | None = None,
    ) -> StagedBlob:
        """Upload a blob, as a stream; the parameters are the fields of ``Blob``.

        The ``cell`` of the result goes into the BLOB column of a batch of this session. Without a
        checksum the MD5 that the service answers with is compared; beside a MIME type, a file
        name or a key, where it answers with none, CRC32 is the usual checksum. Data that cannot
        seek needs ``size`` only beside one of these or a checksum.

        Raises
        ------
        ValueError
            Before anything is sent, for what does not fit the table or the version of the API.
        CorruptStream
            When the service holds other bytes than were sent.
        """
        if checksum is None:
            framed = any(said is not None for said in (mime_type, file_name, distribution_key))
            checksum = Checksum.CRC32 if framed else Checksum.NONE
        blob = Blob(
            data,
            column=column,
            partition=partition,
            distribution_key=distribution_key,
            mime_type=mime_type,
            file_name=file_name,
            checksum=checksum,
            size=size,
        )
        staged = self._blobs.write(blob, stream=stream, compression=Compression.of(compression))
        self.notices.tell()
        return staged

    def write_blobs(
        self,
        blobs: Iterable[Blob],
        *,
        stream: int | str | StreamId = BLOB_STREAM,
        compression: Literal["lz4", "zstd"] | None = None,
    ) -> tuple[StagedBlob, ...]:
        """Upload blobs, many in one request; the results are in the order of the blobs.

        Blobs are taken from an iterator as they are sent, so that they need not be in memory
        together.
        """
        chosen = Compression.of(compression)
        staged = self._blobs.write_many(blobs, stream=stream, compression=chosen)
        self.notices.tell()
        return staged

    def close_blobs(self) -> tuple[StreamId, ...]:
        """Say that all blobs are uploaded; return their streams.

        A session that commits does so by itself. One that only writes, for another that commits,
        gives it the streams (``accept_blobs``).
        """
        return self._blobs.close_streams()

    def accept_blobs(self, streams: Iterable[StreamId]) -> None:
        """Note streams of blobs that others have filled and closed, for the commit to name."""
        self._blobs.accept(streams)

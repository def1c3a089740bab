"""Answers the calls of the tunnel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.bodies import OutgoingBody
from odps_frames.emulator.results import Results
from odps_frames.emulator.tunnel.arrow_frames import encode_frames
from odps_frames.emulator.tunnel.calls import (
    CommitUpload,
    GetDownload,
    GetUpload,
    OpenDownload,
    OpenUpload,
    PreviewRows,
    ReadRows,
    WriteBlock,
)
from odps_frames.emulator.tunnel.documents import encode_download, encode_upload
from odps_frames.emulator.tunnel.downloads import TableDownloads
from odps_frames.emulator.tunnel.encodings import chosen_encoding, encoded
from odps_frames.emulator.tunnel.record_writer import encode_records
from odps_frames.emulator.tunnel.result_downloads import ResultDownloads
from odps_frames.emulator.tunnel.uploads import Uploads
from odps_frames.model.table import TableRef
from odps_frames.wire import names
from odps_frames.wire.arrow_stream import encode_stream
from odps_frames.wire.http import Headers, Response
from odps_frames.wire.read_session import PreviewCall

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Buffer

    from odps_frames.emulator.bodies import IncomingBody
    from odps_frames.emulator.read_sessions import ReadSessions
    from odps_frames.emulator.shaping import Shape
    from odps_frames.emulator.store import Store
    from odps_frames.emulator.tunnel.calls import Source, TunnelCall
    from odps_frames.emulator.tunnel.downloads import Download, Downloads
    from odps_frames.emulator.tunnel.uploads import Upload

__all__ = ["TunnelSite"]


class TunnelSite:
    """Answers the calls of the protocol before the Storage API.

    Parameters
    ----------
    content_length_answers : bool
        Say the length of every stream beforehand, for which all of it is held.
    """

    def __init__(
        self, store: Store, reads: ReadSessions, *, content_length_answers: bool = False
    ) -> None:
        self._content_length_answers = content_length_answers
        self._uploads = Uploads(store)
        self._tables = TableDownloads(store)
        self._results = ResultDownloads(store, Results(store))
        self._reads = reads

    def answer(
        self, call: TunnelCall, body: IncomingBody, request_id: str, shape: Shape
    ) -> Response:
        """Answer a call; ``body`` is read where rows come in.

        Raises
        ------
        ServiceError
            When the service refuses.
        """
        match call:
            case OpenUpload():
                return _upload(self._uploads.open(call), request_id)
            case GetUpload():
                return _upload(self._uploads.get(call), request_id)
            case CommitUpload():
                return _upload(self._uploads.commit(call), request_id)
            case WriteBlock():
                self._uploads.write(call, body)
                return Response.of(b"", headers={names.REQUEST_ID: request_id})
            case OpenDownload():
                return _download(self._downloads(call.source).open(call), request_id)
            case GetDownload():
                return _download(self._downloads(call.source).get(call), request_id)
            case ReadRows():
                return self._read(call, request_id, shape)
            case PreviewRows():
                return self._preview(call, request_id, shape)

    def _downloads(self, source: Source) -> Downloads:
        return self._tables if isinstance(source, TableRef) else self._results

    def _read(self, call: ReadRows, request_id: str, shape: Shape) -> Response:
        encoding = chosen_encoding(call.encoding)
        rows = self._downloads(call.source).read(call)
        batches = shape.batches(rows.batches)
        pieces: Iterable[Buffer] = (
            encode_frames(batches) if call.arrow else encode_records(rows.types, batches)
        )
        return self._stream(shape.checked(iter(pieces)), request_id, encoding)

    def _preview(self, call: PreviewRows, request_id: str, shape: Shape) -> Response:
        rows = self._reads.preview(
            PreviewCall(
                table=call.table,
                limit=call.limit,
                partition=call.partition,
                columns=call.columns,
            )
        )
        return self._stream(encode_stream(rows.schema, shape.batches(rows.batches)), request_id)

    def _stream(
        self, pieces: Iterable[Buffer], request_id: str, encoding: str | None = None
    ) -> Response:
        fields = {names.REQUEST_ID: request_id, "Content-Type": names.OCTETS}
        if encoding is not None:
            fields["Content-Encoding"] = encoding
        sent = encoded(pieces, encoding)
        length = None
        if self._content_length_answers:
            sent = iter(held := list(sent))
            length = sum(memoryview(piece).nbytes for piece in held)
        return Response(200, Headers(fields), OutgoingBody(sent), length)


def _upload(upload: Upload, request_id: str) -> Response:
    return encode_upload(
        upload.id, upload.status, upload.blocks, upload.schema, request_id=request_id
    )


def _download(download: Download, request_id: str) -> Response:
    return encode_download(
        download.id, download.status, download.n_rows, download.schema, request_id=request_id
    )

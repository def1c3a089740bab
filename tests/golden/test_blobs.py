"""Recorded exchanges about blobs."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from odps_frames.errors import CorruptStream, OdpsError
from odps_frames.model.blob import Blob, BlobReceipt, BlobRef, Checksum
from odps_frames.model.table import TableRef
from odps_frames.model.write import StreamId, WriteSpec
from odps_frames.read.blobs import read_blobs
from odps_frames.transport.notices import Notices
from odps_frames.transport.retry import RetryPolicy
from odps_frames.wire import blobs as wire
from odps_frames.wire.blob_frame import FrameReader, UploadHeader, decode_upload_header
from odps_frames.wire.checksum import Digest, Footer
from odps_frames.wire.compression import Compression, decompress
from odps_frames.wire.envelope import Envelope
from odps_frames.wire.http import ChunkReader, Response
from odps_frames.wire.reply import encode_reply
from odps_frames.wire.schema import encode_write_schema
from odps_frames.wire.write_answers import decode_schema_reply
from odps_frames.write.blobs import BlobUploads
from tests.golden.conftest import fields_of

if TYPE_CHECKING:
    from odps_frames.wire.http import Request
    from tests.golden.conftest import Golden

OLDER = TableRef("golden_project", "golden_table", "default")
NEWER = TableRef("golden_project", "golden_table")
STREAM = StreamId("golden-write-session-id", "0", 1)
"""The stream that the recorded uploads name."""
PLAIN = Envelope()
GOLDEN = b"golden blob payload \x00\x01\xff" * 4
REFS = ("ref-a", "ref-b", "ref-c")


@dataclass(frozen=True, slots=True)
class Single:
    """An upload of one blob."""

    table: TableRef
    data: bytes
    partition: str | None = None
    compression: Compression = Compression.NONE
    envelope: Envelope = PLAIN


@dataclass(frozen=True, slots=True)
class Batch:
    """An upload of frames."""

    table: TableRef
    blobs: tuple[Blob, ...]
    envelope: Envelope = PLAIN


def batch(table: TableRef, api_version: str) -> Batch:
    three = api_version == "3"
    none = Checksum.NONE
    first = Blob(b"first", column="b", partition="pt=20240101", mime_type="text/plain")
    return Batch(
        table,
        (
            replace(first, checksum=none, file_name="a.txt" if three else None),
            Blob(b"\x00\x01\x02\x03", column="b", mime_type="image/png"),
            Blob(
                b"third",
                column="arr.element.f2",
                distribution_key=b"golden",
                checksum=Checksum.MD5,
                file_name="c.bin" if three else None,
            ),
        ),
        Envelope(api_version=api_version),
    )


def in_a_file(blob: Blob) -> Blob:
    """Return the blob with its data in a file that stands before it, behind other bytes."""
    file = io.BytesIO(b"passed over" + bytes(memoryview(blob.data)))  # type: ignore[arg-type]  # bytes
    file.seek(len(b"passed over"))
    return replace(blob, data=file)


def automatic() -> Batch:
    usual: dict[str, Any] = {
        "column": "b",
        "mime_type": "text/plain",
        "file_name": "f.txt",
        "checksum": Checksum.NONE,
    }
    envelope = Envelope(api_version="3", route_token="golden-route-token-1")
    return Batch(NEWER, (Blob(b"x", **usual), Blob(b"yy", **usual)), envelope)


ZSTD, LZ4 = Compression.ZSTD, Compression.LZ4
UPLOADS: dict[str, Single | Batch] = {
    "v2-blob-write-batch": batch(OLDER, "2"),
    "v2-blob-write-stream": Single(OLDER, GOLDEN, "pt=20240101"),
    "v2-blob-write-stream-lz4": Single(OLDER, GOLDEN, compression=LZ4),
    "v2-blob-write-stream-zstd": Single(OLDER, GOLDEN, compression=ZSTD),
    "v2-blob-write-stream-md5-mismatch": Single(OLDER, GOLDEN),
    "v3-blob-write-batch": batch(OLDER, "3"),
    "ms-v3-blob-auto-upload-batch": automatic(),
}
for version in ("2", "3"):
    blob, envelope = b"golden blob", Envelope(api_version=version)
    UPLOADS |= {
        f"ms-v{version}-blob-write-batch": batch(NEWER, version),
        f"ms-v{version}-blob-write-stream": Single(NEWER, blob, "pt=20240101", envelope=envelope),
        f"ms-v{version}-blob-write-stream-zstd": Single(NEWER, blob, None, ZSTD, envelope),
    }

DOWNLOADS: dict[str, Compression] = {
    "v2-blob-read-multi": Compression.NONE,
    "v2-blob-read-multi-lz4-crc-inside": LZ4,
    "v2-blob-read-multi-lz4-crc-outside-corrupts": LZ4,
    "v2-blob-read-single": Compression.NONE,
    "v2-blob-read-zstd-single": ZSTD,
    "v3-blob-read-multi": Compression.NONE,
}
for version in ("2", "3"):
    DOWNLOADS |= {
        f"ms-v{version}-blob-read-multi": Compression.NONE,
        f"ms-v{version}-blob-read-multi-lz4-crc-outside": LZ4,
        f"ms-v{version}-blob-read-multi-zstd-crc-outside": ZSTD,
        f"ms-v{version}-blob-read-single": Compression.NONE,
    }
SINGLE = frozenset(stem for stem in DOWNLOADS if stem.endswith("-single"))
"""Our client asks for a single reference twice, because the answer then says its length."""
OTHER_ORDER = frozenset({"v2-blob-read-multi-lz4-crc-inside", "v2-blob-read-zstd-single"})
"""Answered as nobody else expects: the checksums inside of what is compressed."""

COVERED = {*UPLOADS, *DOWNLOADS}


class Recorded:
    """Answers every request with what was recorded, and questions for the schema."""

    def __init__(self, golden: Golden, stem: str) -> None:
        schema = golden["v3-table-create-write-stream-blob-schema"].response
        self._schema = decode_schema_reply(schema).value
        self._golden = golden[stem]
        self.requests: list[Request] = []

    def send(self, request: Request, /) -> Response:
        if request.operation == "TableGetWriteSchema":
            said = encode_write_schema(self._schema)
            return encode_reply({"TableSchema": said})
        # Bodies are made anew for each attempt; one attempt is enough here.
        sent = replace(request, body=request.read_body())
        self.requests.append(sent)
        return self._golden.response

    def upload(self, case: Single | Batch) -> Any:
        spec = WriteSpec(table=case.table)
        uploads = BlobUploads(self, spec, STREAM.session_id, case.envelope)
        if isinstance(case, Batch):
            return uploads.write_many(map(in_a_file, case.blobs), stream=STREAM)
        one = Blob(case.data, column="b", partition=case.partition, checksum=Checksum.NONE)
        return uploads.write(one, stream=STREAM, compression=case.compression)


def assert_sent(golden: Golden, stem: str, sent: Request) -> None:
    """Assert that all but the body is equal; how a body is compressed is not said anywhere."""
    recording = golden[stem]
    dressed, recorded = recording.dressed(sent), recording.request
    chunked = {"Transfer-Encoding": "chunked"} if recording.streamed else {}
    assert (dressed.method, dressed.path) == (recorded.method, recorded.path)
    assert sorted(dressed.query) == sorted(recorded.query)
    assert fields_of(dressed.adding(chunked).headers) == fields_of(recorded.headers)


def plain(request: Request) -> bytes:
    encoding = Compression.of_encoding(request.headers.get("Content-Encoding"))
    body = decompress(ChunkReader([request.read_body()]), encoding)
    return Response(200, body=body).read()


@pytest.mark.covers(
    "ChecksumType.NONE",
    "ChecksumType.CRC32",
    "ChecksumType.MD5",
    "WriteBlobRequest.session_id",
    "WriteBlobRequest.stream_id",
    "WriteBlobRequest.stream_version",
    "WriteBlobRequest.partition_values",
    "WriteBlobRequest.column_index",
    "BlobWriteItem.partition_values",
    "BlobWriteItem.column_index",
    "BlobWriteItem.serialize",
    "BlobWriteItem.write_frame_to",
    "BlobWriteItem.write_blobs",
)
@pytest.mark.parametrize("stem", sorted(UPLOADS))
def test_client_uploads_what_was_recorded(golden: Golden, stem: str) -> None:
    recorded = Recorded(golden, stem)
    try:
        recorded.upload(UPLOADS[stem])
    except CorruptStream:
        assert stem == "v2-blob-write-stream-md5-mismatch"
    (sent,) = recorded.requests
    assert_sent(golden, stem, sent)
    assert plain(sent) == plain(golden[stem].request)


@pytest.mark.covers("MD5Value")
def test_client_refuses_another_md5_than_its_own(golden: Golden) -> None:
    stem = "v2-blob-write-stream-md5-mismatch"
    with pytest.raises(CorruptStream, match=r"MD5 0{32}; the one sent has 219e87e4fed76b68"):
        Recorded(golden, stem).upload(UPLOADS[stem])


@pytest.mark.covers("WriteBlobResponse.blob_reference", "WriteBlobResponse.blob_references")
@pytest.mark.parametrize("stem", sorted(set(UPLOADS) - {"v2-blob-write-stream-md5-mismatch"}))
def test_client_understands_the_references(golden: Golden, stem: str) -> None:
    case, said = UPLOADS[stem], golden[stem].document["response"]["body_json"]
    staged = Recorded(golden, stem).upload(case)
    cells = [one.cell for one in (staged if isinstance(case, Batch) else [staged])]
    texts = said.get("BlobReferences") or [said["BlobReference"]]
    assert cells == [base64.b64decode(text) for text in texts]


@pytest.mark.parametrize("stem", sorted(UPLOADS))
def test_service_reads_the_upload_that_was_recorded(golden: Golden, stem: str) -> None:
    case, request = UPLOADS[stem], golden[stem].request
    call = wire.decode_write_blob(request)
    assert (call.table, call.stream) == (case.table, STREAM)
    assert (call.batch, call.api_version) == (isinstance(case, Batch), case.envelope.api_version)
    if isinstance(case, Single):
        partition = () if case.partition is None else (case.partition,)
        assert (call.column_index, call.partition_values) == (2, partition)
        assert call.compression is case.compression
        assert plain(request) == case.data


def frames_of(content: bytes, api_version: str) -> list[tuple[UploadHeader, bytes, Footer, bool]]:
    frames = FrameReader(ChunkReader([content]))
    found = []
    while (begun := frames.begin()) is not None:
        document, size = begun
        data = memoryview(bytearray(size))
        n_read = 0
        while got := frames.readinto(data[n_read:]):
            n_read += got
        digest = Digest(Checksum.CRC32, Checksum.MD5)
        digest.update(data)
        footer = frames.finish()
        header = decode_upload_header(document, api_version)
        found.append((header, bytes(data), footer, footer.fits(digest)))
    return found


@pytest.mark.parametrize("stem", [stem for stem in UPLOADS if stem.endswith("write-batch")])
def test_service_reads_the_frames_that_were_recorded(golden: Golden, stem: str) -> None:
    request = golden[stem].request
    version = Envelope.of(request).api_version
    names = ("a.txt", None, "c.bin") if version == "3" else (None, None, None)
    frames = frames_of(request.read_body(), version)
    assert [(data, fits) for _, data, _, fits in frames] == [
        (b"first", True),
        (b"\x00\x01\x02\x03", True),
        (b"third", True),
    ]
    assert [footer.checksum for _, _, footer, _ in frames] == list(Checksum)
    assert [header for header, _, _, _ in frames] == [
        UploadHeader(
            column_index=2,
            partition_values=("pt=20240101",),
            mime_type="text/plain",
            file_name=names[0],
        ),
        UploadHeader(column_index=2, mime_type="image/png"),
        UploadHeader(column_index=6, distribution_key=b"golden", file_name=names[2]),
    ]


@pytest.mark.covers("WriteBlobResponse.warning_message", "WriteBlobResponse.request_id")
@pytest.mark.parametrize("batch", [False, True])
def test_what_the_service_answers_to_an_upload_is_understood(*, batch: bool) -> None:
    refs = (b"\xff\x00", b"b") if batch else (b"\xff\x00",)
    receipt = BlobReceipt(refs=refs, n_bytes=7, md5=None if batch else "0" * 32)
    facts = {"request_id": "r", "route_token": "t", "warning": "w"}
    reply = wire.decode_receipt(wire.encode_receipt(receipt, batch=batch, **facts), len(refs))
    assert reply.value == receipt
    assert (reply.request_id, reply.route_token, reply.warning) == ("r", "t", "w")


@pytest.mark.covers("WriteBlobResponse.warning_message")
def test_warnings_of_uploads_are_told_with_those_of_their_session(golden: Golden) -> None:
    class Warned(Recorded):
        def send(self, request: Request, /) -> Response:
            response = super().send(request)
            if request.operation == "TableGetWriteSchema":
                return response
            receipt = BlobReceipt(refs=(b"ref",))
            return wire.encode_receipt(receipt, batch=False, warning="nearly full")

    notices = Notices()
    transport = Warned(golden, "v2-blob-write-stream")
    uploads = BlobUploads(transport, WriteSpec(table=OLDER), "s", PLAIN, notices)
    uploads.write(Blob(b"x", column="b", checksum=Checksum.NONE), stream=STREAM)
    assert notices.texts == ("nearly full",)


def download(golden: Golden, stem: str) -> tuple[Recorded, Any]:
    recorded = Recorded(golden, stem)
    refs = golden[stem].document["request"]["body_json"]["BlobReferences"]
    version = Envelope.of(golden[stem].request).api_version
    envelope = Envelope(api_version=version)
    policy = RetryPolicy(max_attempts=1)
    files = read_blobs(recorded, refs, envelope, compression=DOWNLOADS[stem], policy=policy)
    return recorded, files


@pytest.mark.covers("ReadBlobRequest.blob_references")
@pytest.mark.parametrize("stem", sorted(set(DOWNLOADS) - OTHER_ORDER - SINGLE))
def test_client_downloads_what_was_recorded(golden: Golden, stem: str) -> None:
    recorded, files = download(golden, stem)
    found = [(file.bytes, file.mime_type, file.file_name) for file in files]
    golden.assert_reproduced(stem, recorded.requests[0])
    assert len(recorded.requests) == 1
    if stem.endswith("corrupts"):  # the recorded client got other bytes out of the same answer
        stem = "v2-blob-read-multi"
    version = Envelope.of(golden[stem].request).api_version
    parsed: Any = golden[stem].document["parsed_by_client"]
    # We tell the name also where the recorded client of version 2 passed over it.
    names = ["a.txt", None, None] if len(parsed) > 1 else [None]
    assert version == "2" or [one["custom_file_name"] for one in parsed] == names
    assert found == [
        (base64.b64decode(one["data"]["base64"]), one["mime_type"], name)
        for one, name in zip(parsed, names, strict=True)
    ]


@pytest.mark.parametrize("stem", sorted(SINGLE))
def test_client_asks_for_a_single_reference_twice(golden: Golden, stem: str) -> None:
    recorded, files = download(golden, stem)
    with pytest.raises(OdpsError):  # what was recorded is no answer to it
        next(files).read()
    (sent,) = recorded.requests
    (ref,) = wire.decode_read_blobs(golden[stem].request).refs
    assert wire.decode_read_blobs(sent).refs == (ref, ref)
    alone = wire.encode_read_blobs([ref], DOWNLOADS[stem], Envelope.of(golden[stem].request))
    golden.assert_reproduced(stem, alone)


@pytest.mark.parametrize("stem", sorted(OTHER_ORDER - SINGLE))
def test_client_refuses_checksums_in_the_other_order(golden: Golden, stem: str) -> None:
    recorded, files = download(golden, stem)
    with pytest.raises(CorruptStream, match="have the CRC32C"):
        next(files).read()
    golden.assert_reproduced(stem, recorded.requests[0])


@pytest.mark.parametrize("stem", sorted(DOWNLOADS))
def test_service_reads_the_download_that_was_recorded(golden: Golden, stem: str) -> None:
    call = wire.decode_read_blobs(golden[stem].request)
    refs = REFS[: len(call.refs)]
    assert call.refs == tuple(map(BlobRef, refs))
    assert call.compression is DOWNLOADS[stem]

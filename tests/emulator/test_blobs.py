"""Blobs in the service: what it refuses, keeps and sweeps away."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from odps_frames.emulator.faults import Fault, Flip
from odps_frames.errors import Conflict, NotFound, ServiceError, SessionExpired
from odps_frames.model.blob import BlobRef, Checksum
from odps_frames.model.write import StreamId, WriteMode
from odps_frames.wire import blobs as wire
from odps_frames.wire import write_session
from odps_frames.wire.arrow_stream import encode_stream
from odps_frames.wire.blob_frame import UploadHeader, encode_frame, encode_upload_header
from odps_frames.wire.checksum import BlockReader
from odps_frames.wire.compression import Compression, compressed
from odps_frames.wire.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from odps_frames.wire.http import Response

    Service = Any  # the class of a fixture, which no test module can import

PHOTO = 2
"""The ColumnId of the column for photos."""
THREE = Envelope(api_version="3")


@pytest.fixture
def table(any_service: Service) -> Service:
    any_service.sql("CREATE TABLE t (id BIGINT, photo BLOB, album ARRAY<BLOB>)")
    return any_service


def upload(
    service: Service, session: Any, data: bytes = b"x", column: int = PHOTO, **options: Any
) -> bytes:
    """Upload one blob and return its reference."""
    stream = StreamId(session.session_id, "s", 1)
    table = service.ref(options.pop("table", "t"))
    request = wire.encode_write_blob(table, stream, data, column_index=column, **options)
    (ref,) = wire.decode_receipt(service.send(request), 1).value.refs
    return ref


def frames(*headers: UploadHeader, checksum: Checksum = Checksum.CRC32) -> bytes:
    return b"".join(
        bytes(piece)
        for header in headers
        for piece in encode_frame(encode_upload_header(header, "3"), [b"data"], 4, checksum)
    )


def upload_frames(service: Service, session: Any, body: bytes, n_blobs: int, **options: Any) -> Any:
    stream = StreamId(session.session_id, "s", 1)
    request = wire.encode_write_blobs(service.ref(), stream, body, **options)
    return wire.decode_receipt(service.send(request), n_blobs).value


def rows(*photos: bytes | None, album: list[bytes] | None = None) -> pa.Table:
    return pa.table(
        {
            "id": pa.array(range(len(photos)), pa.int64()),
            "photo": pa.array(photos, pa.binary()),
            "album": pa.array([album] * len(photos), pa.list_(pa.binary())),
        }
    )


def commit(service: Service, session: Any, data: pa.Table) -> list[dict[str, Any]]:
    stream, _ = service.open_stream(session)
    service.send_rows(stream, data)
    service.close_stream(stream)
    service.commit(session)
    found: list[dict[str, Any]] = service.rows()
    return found


def read(service: Service, *refs: bytes, **options: Any) -> bytes:
    """Read blobs, with the frames that they come in."""
    request = wire.encode_read_blobs([BlobRef.parse(ref) for ref in refs], **options)
    response = service.send(request)
    if not response.ok:
        wire.decode_receipt(response, 0)
    content = io.BytesIO()
    body, window = BlockReader(response.body), memoryview(bytearray(100))
    with response:
        while got := body.readinto(window):
            content.write(window[:got])
    return content.getvalue()


def test_a_blob_is_read_under_another_reference_after_the_commit(table: Service) -> None:
    session = table.open_session()
    staged = upload(table, session, b"photo")
    with pytest.raises(ValueError, match="no UTF-8"):
        BlobRef.parse(staged)
    (row,) = commit(table, session, rows(staged))
    assert row["photo"] != staged
    assert read(table, row["photo"]) == b"photo"
    assert table.preview()["photo"].to_pylist() == [row["photo"]]


def test_rows_of_one_blob_share_its_reference(table: Service) -> None:
    session = table.open_session()
    staged = upload(table, session)
    other = upload(table, session)
    found = commit(table, session, rows(staged, None, other, staged))
    first, none, second, third = [row["photo"] for row in found]
    assert first == third != second
    assert none is None


@pytest.mark.parametrize("place", ["photo", "album"])
def test_a_reference_that_nobody_uploaded_is_refused(table: Service, place: str) -> None:
    session = table.open_session()
    mine = upload(table, session)
    in_album = upload(table, session, column=4)
    old = commit(table, session, rows(mine, album=[in_album]))[0]
    session = table.open_session()
    stream, _ = table.open_stream(session)
    for wrong in (b"", b"nowhere", mine, in_album, old["photo"], old["album"][0]):
        with pytest.raises(ServiceError, match=f"column '{place}.*is no reference to a blob"):
            table.send_rows(stream, rows(wrong) if place == "photo" else rows(None, album=[wrong]))
    assert len(table.rows()) == 1


def test_a_reference_of_another_column_is_refused(table: Service) -> None:
    session = table.open_session()
    stream, _ = table.open_stream(session)
    ref = upload(table, session, column=4)
    with pytest.raises(ServiceError, match=r"'photo' with ColumnId 2.* for ColumnIndex=4"):
        table.send_rows(stream, rows(ref))
    table.send_rows(stream, rows(None, album=[ref]))


@pytest.mark.parametrize("column", [0, 1, 3, 5])
def test_a_column_without_blobs_is_refused(table: Service, column: int) -> None:
    session = table.open_session()
    places = r"it has 2 \(photo\), 4 \(album\.element\)"
    with pytest.raises(ServiceError, match=f"ColumnIndex={column} is no BLOB of demo.t; {places}"):
        upload(table, session, column=column)
    with pytest.raises(ServiceError, match=f"ColumnIndex={column} is no BLOB"):
        upload_frames(table, session, frames(UploadHeader(column_index=column)), 1)


@pytest.mark.parametrize("checksum", list(Checksum))
def test_frames_are_held_to_their_checksums(table: Service, checksum: Checksum) -> None:
    session = table.open_session()
    body = frames(UploadHeader(column_index=PHOTO), checksum=checksum)
    assert len(upload_frames(table, session, body * 2, 2).refs) == 2
    spoilt = body.replace(b"data", b"dato")
    if checksum is Checksum.NONE:
        upload_frames(table, session, spoilt, 1)
        return
    with pytest.raises(ServiceError, match=f"frame 1: its footer says {checksum.upper()}") as error:
        upload_frames(table, session, body + spoilt, 2)
    assert (error.value.status, error.value.code) == (400, "MalformedDataStream")


@pytest.mark.parametrize("compression", [Compression.NONE, Compression.ZSTD, Compression.LZ4])
def test_bodies_that_are_cut_leave_nothing(
    table: Service, compression: Compression, tmp_path: Path
) -> None:
    session = table.open_session()
    body = frames(UploadHeader(column_index=PHOTO))
    if compression.ipc_codec is not None:
        body = b"".join(map(bytes, compressed([body], compression.ipc_codec)))
    for n_bytes in range(1, len(body), 7):
        with pytest.raises(ServiceError, match="the blobs cannot be read") as error:
            upload_frames(table, session, body[:n_bytes], 1, compression=compression)
        assert error.value.code == "MalformedDataStream"
    assert not files(tmp_path)
    assert upload_frames(table, session, body, 1, compression=compression).refs
    assert len(files(tmp_path)) == 1


def files(folder: Path) -> list[Path]:
    return sorted((folder / "tables" / "blobs").iterdir())


@pytest.mark.parametrize("header", ["DistributionKey", "ColumnIndex"])
def test_headers_that_cannot_be_are_refused(table: Service, header: str) -> None:
    session = table.open_session()
    document = encode_upload_header(UploadHeader(column_index=PHOTO), "3") | {header: "?"}
    body = b"".join(map(bytes, encode_frame(document, [b""], 0, Checksum.NONE)))
    with pytest.raises(ServiceError, match=f"frame 0: .*{header}"):
        upload_frames(table, session, body, 1)


def test_names_of_files_are_of_version_3(table: Service) -> None:
    header = UploadHeader(column_index=PHOTO, mime_type="a/b", file_name="ü.png")
    body = frames(header, header)
    for version, named in (("2", False), ("3", True)):
        session = table.open_session()
        told = Envelope(api_version=version)
        refs = upload_frames(table, session, body, 2, envelope=told).refs
        found = [row["photo"] for row in commit(table, session, rows(*refs))][-2:]
        for asked in ("2", "3"):
            content = read(table, *found, envelope=Envelope(api_version=asked))
            assert content.count(b'"ContentType": "a/b"') == 2
            assert (b"CustomFileName" in content) is (named and asked == "3")


def test_the_partition_must_be_the_one_of_the_session(any_service: Service) -> None:
    service = any_service
    service.sql("CREATE TABLE t (id BIGINT, photo BLOB) PARTITIONED BY (pt STRING)")
    session = service.open_session(partition="pt=1")
    assert upload(service, session, partition_values=["pt=1"])
    assert upload(service, session)
    with pytest.raises(ServiceError, match=r"PartitionValues 'pt=2'.*another partition"):
        upload(service, session, partition_values=["pt=2"])
    with pytest.raises(ServiceError, match="'hh=2'"):
        upload(service, session, partition_values=["hh=2"])
    header = UploadHeader(column_index=PHOTO, partition_values=("pt=2",))
    with pytest.raises(ServiceError, match="another partition"):
        upload_frames(service, session, frames(header), 1)


def test_sessions_that_are_over_take_no_blobs(table: Service) -> None:
    unknown = type(table.open_session())(session_id="nobody")
    with pytest.raises(NotFound, match="'nobody' does not exist"):
        upload(table, unknown)
    aborted = table.open_session()
    table.abort(aborted)
    with pytest.raises(Conflict, match="aborted"):
        upload(table, aborted)
    committed = table.open_session()
    commit(table, committed, rows(upload(table, committed)))
    with pytest.raises(Conflict, match="committed"):
        upload(table, committed)
    expired = table.open_session()
    table.clock.advance(days=2)
    with pytest.raises(SessionExpired):
        upload(table, expired)


def test_a_streaming_session_shows_its_blobs_at_once(table: Service) -> None:
    mode = WriteMode.STREAMING
    stream = StreamId("default", "s", 1)
    streaming: Any = {"mode": mode, "envelope": THREE}
    opened = table.send(write_session.encode_open(table.ref(), stream, **streaming))
    write_session.decode_stream(opened)
    session = type(table.open_session())(session_id="default")
    ref = upload(table, session, b"now", envelope=THREE)
    table.send_rows(stream, rows(ref), **streaming)
    (row,) = table.rows()
    assert read(table, row["photo"]) == b"now"


def test_blobs_are_kept_as_long_as_somebody_may_need_them(table: Service, tmp_path: Path) -> None:
    aborted = table.open_session()
    upload(table, aborted)
    assert len(files(tmp_path)) == 1
    table.abort(aborted)
    assert not files(tmp_path)
    session = table.open_session()
    (row,) = commit(table, session, rows(upload(table, session, b"kept")))
    expired = table.open_session()
    upload(table, expired)
    table.clock.advance(days=3)
    overwriting = table.open_session(overwrite=True)
    commit(table, overwriting, rows(None))
    assert len(files(tmp_path)) == 1
    assert read(table, row["photo"]) == b"kept"  # a reader may hold the reference
    table.sql("DROP TABLE t")
    assert not files(tmp_path)
    with pytest.raises(NotFound, match="does not exist"):
        read(table, row["photo"])


def test_blobs_survive_a_restart(open_service: Callable[..., Service], tmp_path: Path) -> None:
    service = open_service()
    service.sql("CREATE TABLE t (id BIGINT, photo BLOB, album ARRAY<BLOB>)")
    session = service.open_session()
    (row,) = commit(service, session, rows(upload(service, session, b"committed")))
    waiting = service.open_session()
    staged = upload(service, waiting, b"staged")
    service.emulator.close()
    orphan = tmp_path / "tables" / "blobs" / "orphan.part"
    orphan.write_bytes(b"from a crash")
    service = open_service()
    assert not orphan.exists()
    assert read(service, row["photo"]) == b"committed"
    found = commit(service, waiting, rows(staged))
    assert read(service, found[-1]["photo"]) == b"staged"


def test_data_that_is_gone_breaks_the_answer_off(table: Service, tmp_path: Path) -> None:
    session = table.open_session()
    (row,) = commit(table, session, rows(upload(table, session, b"x" * 10_000)))
    (file,) = files(tmp_path)
    file.write_bytes(b"x" * 5000)
    with pytest.raises(ServiceError):
        read(table, row["photo"])


@pytest.mark.parametrize("target", ["generic.table", "projects.demo.tables.t", None])
def test_blobs_are_read_from_nowhere_else(table: Service, target: str | None) -> None:
    asked = wire.encode_read_blobs([BlobRef("r")])
    pairs = [(name, value) for name, value in asked.query if name != "Target"]
    moved = replace(asked, query=(*pairs, *([("Target", target)] if target else [])))
    with pytest.raises(ServiceError, match=r"expected 'generic\.blob'"):
        wire.decode_receipt(table.send(moved), 0)


@pytest.mark.parametrize("body", [b"{}", b'{"BlobReferences": []}', b'{"BlobReferences": [""]}'])
def test_a_call_without_references_is_refused(table: Service, body: bytes) -> None:
    asked = wire.encode_read_blobs([BlobRef("r")])
    request = replace(asked, body=body)
    with pytest.raises(ServiceError, match=r"BlobReferences|reference"):
        wire.decode_receipt(table.send(request), 0)


@pytest.mark.parametrize("accepted", ["gzip", "identity", "br, gzip;q=1"])
def test_an_answer_may_always_be_plain(table: Service, accepted: str) -> None:
    session = table.open_session()
    (row,) = commit(table, session, rows(upload(table, session, b"plain")))
    asked = wire.encode_read_blobs([BlobRef.parse(row["photo"])])
    response = table.send(asked.adding({"Accept-Encoding": accepted}))
    assert "Content-Encoding" not in response.headers
    assert _sealed(response) == b"plain"


def _sealed(response: Response) -> bytes:
    window = memoryview(bytearray(100))
    with response:
        return bytes(window[: BlockReader(response.body).readinto(window)])


def test_an_unknown_encoding_of_an_upload_is_refused(table: Service) -> None:
    session = table.open_session()
    stream = StreamId(session.session_id, "s", 1)
    request = wire.encode_write_blob(table.ref(), stream, b"x", column_index=PHOTO)
    with pytest.raises(ServiceError, match="encoding 'gzip'"):
        wire.decode_receipt(table.send(request.adding({"Content-Encoding": "gzip"})), 1)


def test_a_fault_flips_one_bit(table: Service) -> None:
    session = table.open_session()
    (row,) = commit(table, session, rows(upload(table, session, b"0123")))
    for at_byte in (0, 3, 7):
        table.emulator.faults.add(Fault(effect=Flip(), action="BlobRead", at_byte=at_byte))
        asked = wire.encode_read_blobs([BlobRef.parse(row["photo"])])
        spoilt = table.send(asked).read()
        whole = table.send(asked).read()
        assert [a ^ b for a, b in zip(spoilt, whole, strict=True)] == [
            int(place == at_byte) for place in range(8)
        ]


def pieces(n_bytes: int) -> Iterator[bytes]:
    for _ in range(n_bytes >> 16):
        yield bytes(1 << 16)


def test_zeros_may_be_compressed_as_far_as_they_go(table: Service) -> None:
    session = table.open_session()
    size = 128 << 20
    body = b"".join(map(bytes, compressed(pieces(size), "zstd")))
    stream = StreamId(session.session_id, "s", 1)
    request = wire.encode_write_blob(
        table.ref(), stream, body, column_index=PHOTO, compression=Compression.ZSTD
    )
    receipt = wire.decode_receipt(table.send(request), 1).value
    assert receipt.n_bytes == size
    assert size / len(body) > 20_000


KEYED = '(id BIGINT NOT NULL, photo BLOB, PRIMARY KEY (id)) TBLPROPERTIES ("transactional"="true")'


def key(*ids: int, name: str = "id") -> bytes:
    return stream_of(pa.table({name: pa.array(ids, pa.int64())}))


def stream_of(data: pa.Table) -> bytes:
    return b"".join(map(bytes, encode_stream(data.schema, data.to_batches())))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (None, "DistributionKey is missing"),
        (b"golden", "DistributionKey is no Arrow stream"),
        (key(), "0 rows of id; expected one of id"),
        (key(1, 2), "2 rows of id"),
        (key(1, name="photo"), "1 rows of photo; expected one of id"),
    ],
)
def test_blobs_of_rows_with_a_key_need_the_key(
    any_service: Service, wrong: bytes | None, said: str
) -> None:
    any_service.sql(f"CREATE TABLE t {KEYED}")
    session = any_service.open_session()
    header = UploadHeader(column_index=PHOTO, distribution_key=wrong)
    with pytest.raises(ServiceError, match=said):
        upload_frames(any_service, session, frames(header), 1)
    with pytest.raises(ServiceError, match="DistributionKey is missing"):
        upload(any_service, session)
    right = UploadHeader(column_index=PHOTO, distribution_key=key(1))
    assert upload_frames(any_service, session, frames(right), 1).refs

"""Blobs from one end to the other: what comes back is what was sent, or an error."""

from __future__ import annotations

import hashlib
import io
import os
import tracemalloc
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames.client import Client
from odps_frames.emulator.faults import Cut, Fault, Flip, Refuse, Reset, Truncate
from odps_frames.model.blob import Blob, BlobRef, Checksum, StagedBlob
from odps_frames.wire.blobs import encode_read_blobs
from odps_frames.wire.compression import Compression

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    Stand = Any  # the class of a fixture, which no test module can import

BROKEN = (of.IncompleteRead, of.CorruptStream, of.ServiceUnavailable)
SIZES = [0, 1, 4095, 4096, 4097, 8 << 20]
NOISE = hashlib.shake_256(b"blob").digest(1 << 20)
Codec = Literal["lz4", "zstd"] | None
CODECS: list[Codec] = [None, "lz4", "zstd"]
COLUMNS = {"id": "bigint", "photo": "blob"}


def noise(size: int) -> bytes:
    return (NOISE * (size // len(NOISE) + 1))[:size]


class Pattern(io.RawIOBase):
    """A file of any size that is nowhere as a whole."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        self._place = origin + offset
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        start = self._place % len(NOISE)
        n_bytes = min(len(buffer), self._size - self._place, len(NOISE) - start)
        buffer[:n_bytes] = NOISE[start : start + n_bytes]
        self._place += n_bytes
        return n_bytes


class Pipe(io.RawIOBase):
    """A file that is read once."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._file = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        return self._file.readinto(buffer)


class Watch:
    """Tells what a service was asked since this was made."""

    def __init__(self, stand: Stand) -> None:
        self._service = stand.service
        self._before = {record.request_id for record in self._service.requests}

    def count(self, operation: str) -> int:
        return sum(
            record.operation == operation and record.request_id not in self._before
            for record in self._service.requests
        )


def write_rows(session: Any, cells: list[bytes], column: str = "photo") -> None:
    array = pa.array(cells, pa.binary())
    rows = pa.table({"id": pa.array(range(len(array)), pa.int64()), column: array})
    with session.open_stream(0, schema=rows.schema) as writer:
        for batch in rows.to_batches():
            writer.write(batch)


def refs_in(client: Client, table: str) -> list[bytes]:
    rows = of.scan_odps(table, client=client).to_arrow().sort_by("id")
    return [ref for ref in rows["photo"].to_pylist() if ref is not None]


def contents(client: Client, refs: Iterable[bytes], compression: Codec = None) -> list[bytes]:
    return [file.bytes for file in client.read_blobs(refs, compression=compression)]


def store(client: Client, table: str, blobs: Iterable[Any], **options: Any) -> list[bytes]:
    """Write blobs into a table of their own and return what readers refer to them by."""
    client.create_table(table, COLUMNS)
    with client.write_session(table) as session:
        made = (Blob(data, column="photo", **options) for data in blobs)
        write_rows(session, [staged.cell for staged in session.write_blobs(made)])
    return refs_in(client, table)


@pytest.mark.covers(
    "BlobWriteItem.data",
    "BlobWriteItem.checksum_type",
    "ChecksumType.NONE",
    "ChecksumType.CRC32",
    "ChecksumType.MD5",
    "WriteBlobResponse.blob_references",
)
@pytest.mark.parametrize("checksum", list(Checksum))
@pytest.mark.parametrize("compression", CODECS)
def test_a_batch_comes_back(
    stand: Stand, table: str, checksum: Checksum, compression: Codec
) -> None:
    stand.client.create_table(table, COLUMNS)
    data = [noise(size) for size in SIZES]
    with stand.client.write_session(table) as session:
        blobs = [Blob(one, column="photo", checksum=checksum) for one in data]
        staged = session.write_blobs(blobs, compression=compression)
        assert [one.size for one in staged] == SIZES
        write_rows(session, [one.cell for one in staged])
    refs = refs_in(stand.client, table)
    assert contents(stand.client, refs, compression) == data
    assert contents(stand.client, refs[::-1]) == data[::-1]
    for ref, one in zip(refs, data, strict=True):
        assert contents(stand.client, [ref], compression) == [one]


@pytest.mark.covers(
    "WriteBlobResponse.blob_reference", "WriteBlobResponse.size", "ReadBlobRequest.blob_references"
)
@pytest.mark.parametrize("compression", CODECS)
@pytest.mark.parametrize("size", SIZES)
def test_a_single_blob_comes_back(stand: Stand, table: str, size: int, compression: Codec) -> None:
    stand.client.create_table(table, COLUMNS)
    with stand.client.write_session(table) as session:
        data = Pipe(noise(size))  # its size is not known, and need not be
        staged = session.write_blob(data, column="photo", compression=compression)
        assert staged == StagedBlob(
            cell=staged.cell, session_id=session.session_id, column="photo", size=size
        )
        write_rows(session, [staged.cell])
    (ref,) = refs_in(stand.client, table)
    assert ref != staged.cell
    (file,) = stand.client.read_blobs([BlobRef.parse(ref)], compression=compression)
    assert file.closed
    assert contents(stand.client, [ref], compression) == [noise(size)]


@pytest.mark.parametrize("framing", ["chunked"], scope="module")
@pytest.mark.parametrize(
    ("compression", "framed"), [(None, False), (None, True), ("zstd", False), ("lz4", True)]
)
def test_memory_does_not_grow_with_a_blob(
    stand: Stand, table: str, compression: Codec, *, framed: bool
) -> None:
    size = 200 << 20
    stand.client.create_table(table, COLUMNS)
    checksum = Checksum.CRC32 if framed else Checksum.NONE
    options: Any = {"column": "photo", "checksum": checksum, "compression": compression}
    tracemalloc.start()
    try:
        with stand.client.write_session(table) as session:
            staged = session.write_blob(Pattern(size), **options)
            write_rows(session, [staged.cell])
        (ref,) = refs_in(stand.client, table)
        arrow = pa.total_allocated_bytes()
        refs = [ref, ref] if framed else [ref]
        file = next(stand.client.read_blobs(refs, compression=compression))
        window = memoryview(bytearray(len(NOISE)))
        n_bytes = 0
        while got := file.readinto(window[: len(NOISE) - n_bytes % len(NOISE)]):
            start = n_bytes % len(NOISE)
            assert window[:got] == NOISE[start : start + got]
            n_bytes += got
        assert pa.total_allocated_bytes() - arrow < 32 << 20
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert n_bytes == size
    assert most < 32 << 20  # both the client and the service are in this process


@pytest.mark.covers("BlobWriteItem.mime_type", "CustomFileName", "api_version 3", "api_version 2")
@pytest.mark.parametrize("api_version", ["2", "3"])
def test_readers_are_told_what_the_uploader_said(
    stand: Stand, table: str, api_version: str
) -> None:
    client = Client(of.Config(**_settings(stand) | {"api_version": api_version}))
    client.create_table(table, COLUMNS)
    name = "ü.png" if api_version == "3" else None
    with client.write_session(table) as session:
        first = session.write_blob(b"x", column="photo", mime_type="image/png", file_name=name)
        second = session.write_blob(b"y", column="PHOTO")
        write_rows(session, [first.cell, second.cell])
    files = client.read_blobs(refs_in(client, table))
    assert [(f.read(), f.mime_type, f.file_name, f.size) for f in files] == [
        (b"x", "image/png", name, 1),
        (b"y", None, None, 1),
    ]
    client.close()


def _settings(stand: Stand) -> dict[str, Any]:
    config = stand.client.config
    names = ("endpoint", "project", "access_id", "secret_access_key")
    return {name: getattr(config, name) for name in names}


def test_a_file_name_is_never_dropped(stand: Stand, table: str) -> None:
    stand.client.create_table(table, COLUMNS)
    watch = Watch(stand)
    session = stand.client.write_session(table)
    with pytest.raises(ValueError, match=r"file_name='a\.png'; version 2"):
        session.write_blob(b"x", column="photo", file_name="a.png")
    with pytest.raises(ValueError, match=r"file_name='a\.png'; version 2"):
        session.write_blobs([Blob(b"x", column="photo", file_name="a.png")])
    session.abort()
    assert watch.count("TableWriteBlob") == 0


@pytest.mark.covers("BlobWriteItem.column_index", "BlobWriteItem.partition_values")
def test_blobs_are_nested_in_every_way(stand: Stand, table: str) -> None:
    types = {
        "id": "bigint",
        "album": "array<blob>",
        "byname": "map<string,blob>",
        "bykey": "map<blob,string>",
        "info": "struct<name:string,photo:blob,more:array<struct<b:blob>>>",
    }
    stand.client.create_table(table, types, partition_by={"pt": "string"})
    paths = ["album.element", "byname.value", "bykey.key", "info.photo", "info.more.element.b"]
    with stand.client.write_session(table, partition="pt=x") as session:
        blobs = [
            Blob(path.encode(), column=path, partition=partition)
            for path, partition in zip(
                paths, [None, "pt=x", {"pt": "x"}, of.Partition((("pt", "x"),)), None], strict=True
            )
        ]
        cells = {one.column: one.cell for one in session.write_blobs(blobs)}
        schema = of.scan_odps(table, client=stand.client).select(*types).arrow_schema
        row = {
            "id": 1,
            "album": [cells["album.element"], None, cells["album.element"]],
            "byname": [("k", cells["byname.value"]), ("n", None)],
            "bykey": [(cells["bykey.key"], "v")],
            "info": {
                "name": "n",
                "photo": cells["info.photo"],
                "more": [{"b": cells["info.more.element.b"]}, None],
            },
        }
        empty = dict.fromkeys(types) | {"id": 2}
        rows = pa.Table.from_pylist([row, empty], schema)
        with session.open_stream(0, schema=rows.schema) as writer:
            writer.write(rows.to_batches()[0])
    found, nothing = of.scan_odps(table, client=stand.client).to_arrow().sort_by("id").to_pylist()
    assert nothing == empty | {"pt": "x"}
    first, none, second = found["album"]
    assert (none, first) == (None, second)
    assert found["byname"][1] == ("n", None)
    assert found["info"]["more"][1] is None
    refs = [
        first,
        found["byname"][0][1],
        found["bykey"][0][0],
        found["info"]["photo"],
        found["info"]["more"][0]["b"],
    ]
    assert contents(stand.client, refs) == [path.encode() for path in paths]


def test_data_is_read_from_where_it_stands(stand: Stand, table: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with path.open("rb") as file:
        file.seek(6)
        blobs = [
            file,
            file,  # measured where it stands, both times
            path,
            memoryview(b"0123456789")[::1],
            bytearray(b"xyz"),
            pa.py_buffer(b"arrow"),
        ]
        refs = store(stand.client, table, blobs)
    assert contents(stand.client, refs) == [
        b"6789",
        b"6789",
        b"0123456789",
        b"0123456789",
        b"xyz",
        b"arrow",
    ]


@pytest.mark.covers("BlobWriteItem.size")
@pytest.mark.parametrize("checksum", [Checksum.NONE, Checksum.CRC32])
def test_data_of_another_size_than_declared_leaves_nothing(
    stand: Stand, table: str, checksum: Checksum
) -> None:
    stand.client.create_table(table, COLUMNS)
    options: Any = {"column": "photo", "checksum": checksum}
    with stand.client.write_session(table) as session:
        for size in (5, 11):
            with pytest.raises(ValueError, match="10 bytes"):
                session.write_blob(b"0123456789", size=size, **options)
            with pytest.raises(ValueError, match=f"{size} were declared"):
                session.write_blob(Pipe(b"0123456789"), size=size, **options)
        staged = session.write_blob(Pipe(b"0123456789"), size=10, **options)
        write_rows(session, [staged.cell])
    assert contents(stand.client, refs_in(stand.client, table)) == [b"0123456789"]


def test_trouble_with_the_data_is_not_trouble_with_the_service(stand: Stand, table: str) -> None:
    class Broken(Pattern):
        def readinto(self, buffer: Any, /) -> int:
            if self.tell() > 1 << 20:
                raise OSError("the disk is gone")
            return super().readinto(buffer)

    stand.client.create_table(table, COLUMNS)
    session = stand.client.write_session(table)
    watch = Watch(stand)
    for checksum in (Checksum.NONE, Checksum.MD5):
        with pytest.raises(OSError, match="the disk is gone"):
            session.write_blob(Broken(8 << 20), column="photo", checksum=checksum)
    text: Any = io.StringIO("text")
    with pytest.raises(TypeError, match="gives text"):
        session.write_blob(text, column="photo")
    assert watch.count("TableWriteBlob") <= 3  # nothing is tried again
    session.abort()


def test_what_gives_no_bytes_yet_has_not_ended(stand: Stand, table: str) -> None:
    """A file that does not wait says None where it has nothing at the moment."""

    class Impatient(Pipe):
        def readinto(self, buffer: Any, /) -> Any:
            self.begun, begun = True, getattr(self, "begun", False)
            return None if begun else super().readinto(memoryview(buffer)[:4])

    stand.client.create_table(table, COLUMNS)
    session = stand.client.write_session(table)
    for options in ({}, {"size": 10}, {"size": 10, "checksum": Checksum.MD5}):
        with pytest.raises(BlockingIOError, match="expected a file that waits"):
            session.write_blob(Impatient(b"0123456789"), column="photo", **options)
    session.abort()


@pytest.mark.parametrize("data", [np.array([b"x"], dtype=object), io.StringIO(""), "x", 3, None])
def test_what_has_no_bytes_is_refused(stand: Stand, table: str, data: Any) -> None:
    stand.client.create_table(table, COLUMNS)
    session = stand.client.write_session(table)
    with pytest.raises(TypeError, match=r"expected bytes, a binary file|gives text"):
        session.write_blob(data, column="photo")
    session.abort()


@pytest.mark.parametrize(
    ("said", "kind"),
    [({"mime_type": "a/b"}, 1), ({"mime_type": "a/b", "checksum": Checksum.NONE}, 0)],
)
def test_what_is_framed_has_a_checksum_unless_it_is_unwanted(
    stand: Stand, table: str, said: dict[str, Any], kind: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.client.create_table(table, COLUMNS)
    sent: list[bytes] = []
    carry = stand.client.transport.send

    def send(request: Any) -> Any:
        if callable(request.body):
            sent.append(b"".join(bytes(piece) for piece in request.body()))
        return carry(request)

    session = stand.client.write_session(table)
    monkeypatch.setattr(stand.client.transport, "send", send)
    session.write_blob(b"x", column="photo", **said)
    session.abort()
    (body,) = sent
    assert f'"Type": {kind}'.encode() in body


def test_data_that_cannot_seek_needs_a_size_in_a_frame(stand: Stand, table: str) -> None:
    stand.client.create_table(table, COLUMNS)
    session = stand.client.write_session(table)
    with pytest.raises(ValueError, match="give size="):
        session.write_blob(Pipe(b"x"), column="photo", mime_type="a/b")
    session.abort()


@pytest.mark.parametrize("column", ["id", "album", "photo.element", "nowhere", "album.element.x"])
def test_a_column_without_blobs_is_refused(stand: Stand, table: str, column: str) -> None:
    stand.client.create_table(table, COLUMNS | {"album": "array<blob>"})
    session = stand.client.write_session(table)
    with pytest.raises(ValueError, match=r"no blob of the table; it has photo, album\.element$"):
        session.write_blob(b"x", column=column)
    session.abort()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("effect", [Reset(), Refuse(503), Refuse(429)])
@pytest.mark.parametrize("checksum", [Checksum.NONE, Checksum.CRC32])
def test_an_upload_without_an_answer_is_sent_again(
    stand: Stand, table: str, effect: Any, when: Any, checksum: Checksum
) -> None:
    stand.client.create_table(table, COLUMNS)
    stand.service.faults.add(Fault(effect=effect, action="TableWriteBlob", when=when, times=2))
    file = io.BytesIO(b"0123456789")
    file.seek(4)
    with stand.client.write_session(table) as session:
        staged = session.write_blob(file, column="photo", checksum=checksum)
        write_rows(session, [staged.cell])
    assert contents(stand.client, refs_in(stand.client, table)) == [b"456789"]
    assert [hits for _, hits in stand.service.faults.hits] == [2]


@pytest.mark.parametrize("effect", [Reset(), Refuse(503), Refuse(429)])
def test_data_that_is_gone_is_not_sent_again(stand: Stand, table: str, effect: Any) -> None:
    stand.client.create_table(table, COLUMNS)
    stand.service.faults.add(Fault(effect=effect, action="TableWriteBlob", when="after"))
    session = stand.client.write_session(table)
    watch = Watch(stand)
    with pytest.raises((of.ServiceUnavailable, of.Throttled)):
        session.write_blob(Pipe(b"0123456789"), column="photo")
    assert watch.count("TableWriteBlob") == 1
    session.abort()


def spoil(stand: Stand, effect: Any, at_byte: int, times: int | None = 1) -> None:
    stand.service.faults.clear()
    stand.service.faults.add(
        Fault(effect=effect, action="BlobRead", when="at_byte", at_byte=at_byte, times=times)
    )


def body_bytes(stand: Stand, refs: list[bytes], compression: Codec) -> int:
    """Return how long an answer is, as the service sends it."""
    parsed = [BlobRef.parse(ref) for ref in refs]
    asked = encode_read_blobs(parsed, Compression.of(compression))
    return len(stand.client.transport.send(asked).read())


@pytest.fixture(scope="module")
def small(module_stand: Stand) -> list[bytes]:
    """References to some blobs that are small."""
    return store(module_stand.client, "small_blobs", [b"first", b"", b"third" * 30])


SMALL = [b"first", b"", b"third" * 30]


@pytest.mark.parametrize("compression", CODECS)
def test_an_answer_spoilt_at_every_byte_is_asked_for_again(
    stand: Stand, small: list[bytes], compression: Codec
) -> None:
    for at_byte in range(body_bytes(stand, small, compression)):
        for effect in (Truncate(), Cut(), Flip()) if at_byte % 7 else (Reset(), Flip()):
            spoil(stand, effect, at_byte)
            assert contents(stand.client, small, compression) == SMALL, (at_byte, effect)
            ((_, hits),) = stand.service.faults.hits
            assert hits == 1


@pytest.mark.parametrize("compression", CODECS)
@pytest.mark.parametrize("effect", [Truncate(), Cut(), Flip()])
def test_an_answer_that_is_always_spoilt_is_an_error(
    stand: Stand, small: list[bytes], compression: Codec, effect: Any
) -> None:
    for at_byte in range(0, body_bytes(stand, small, compression), 5):
        spoil(stand, effect, at_byte, times=None)
        try:
            found = contents(stand.client, small, compression)
        except BROKEN:
            continue
        assert found == SMALL, at_byte  # what broke was no part of what was still wanted


@pytest.fixture(scope="module")
def large(module_stand: Stand) -> list[bytes]:
    """References to blobs of several blocks, and several pieces."""
    return store(module_stand.client, "large_blobs", [noise(size) for size in LARGE])


LARGE = [40_000, 1, 250_000, 4096]


@pytest.mark.parametrize("compression", CODECS)
@pytest.mark.parametrize("effect", [Flip(), Cut(), Truncate()])
def test_every_block_is_guarded(
    stand: Stand, large: list[bytes], compression: Codec, effect: Any
) -> None:
    wanted = [noise(size) for size in LARGE]
    n_bytes = body_bytes(stand, large, compression)
    # A place in every block, and another one each time.
    for number, start in enumerate(range(0, n_bytes, 4100)):
        spoil(stand, effect, min(start + number * 37 % 4100, n_bytes - 1))
        assert contents(stand.client, large, compression) == wanted
        ((_, hits),) = stand.service.faults.hits
        assert hits == 1


@pytest.mark.parametrize("effect", [Flip(), Cut(), Reset(), Truncate()])
def test_a_single_blob_is_guarded(stand: Stand, large: list[bytes], effect: Any) -> None:
    (ref, wanted) = large[2], noise(LARGE[2])
    n_bytes = body_bytes(stand, [ref], None)
    # Also between two blocks, where nothing but the length tells the end from a cut.
    places = [start + number * 37 % 4100 for number, start in enumerate(range(0, n_bytes, 4100))]
    for at_byte in (*places, *range(4100, n_bytes, 8200)):
        spoil(stand, effect, min(at_byte, n_bytes - 1))
        assert contents(stand.client, [ref]) == [wanted]
        ((_, hits),) = stand.service.faults.hits
        assert hits == 1


def test_what_was_handed_out_is_not_handed_out_again(stand: Stand, large: list[bytes]) -> None:
    watch = Watch(stand)
    spoil(stand, Cut(), 200_000)
    files = stand.client.read_blobs(large)
    found = [(file.size, b"".join(file.chunks(1000))) for file in files]
    assert found == [(size, noise(size)) for size in LARGE]
    assert watch.count("BlobRead") == 2


@pytest.mark.parametrize("at_blob", [1, 2, 3])
def test_resuming_changes_nothing_that_is_told(stand: Stand, table: str, at_blob: int) -> None:
    data = [noise(size) for size in (3000, 5000, 7000, 2000)]
    refs = store(stand.client, table, data, mime_type="image/png")
    n_bytes = body_bytes(stand, refs, None)
    for at_byte in range(0, n_bytes, 401):
        spoil(stand, Cut(), at_byte)
        found = []
        for number, file in enumerate(stand.client.read_blobs(refs)):
            content = file.read(10) if number == at_blob else file.read()
            found.append((content, file.mime_type, file.size))
        assert found == [
            ((one[:10] if number == at_blob else one), "image/png", len(one))
            for number, one in enumerate(data)
        ]


def test_a_file_is_read_once_and_in_time(stand: Stand, small: list[bytes]) -> None:
    files = stand.client.read_blobs(small)
    first = next(files)
    assert first.readable()
    assert first.bytes == first.bytes == b"first"
    assert first.read() == b""
    next(files)
    assert first.closed
    assert first.bytes == b"first"  # it was asked for while that could be had
    third = next(files)
    window = bytearray(7)
    assert third.readinto(window) == 7
    with pytest.raises(ValueError, match="7 bytes of blob"):
        _ = third.bytes
    assert b"".join(third) == SMALL[2][7:]
    assert not list(files)
    with pytest.raises(ValueError, match="closed"):
        third.readinto(window)
    # A file does not need what it came from, and may be left half read.
    alone = next(stand.client.read_blobs(small))
    assert alone.read(2) == b"fi"
    with next(stand.client.read_blobs(small[2:])) as alone:
        assert alone.read() == SMALL[2]


@pytest.mark.parametrize("compression", CODECS)
def test_as_many_bytes_as_are_asked_for(
    stand: Stand, large: list[bytes], compression: Codec
) -> None:
    """Nobody who reads a header of so many bytes looks how many came."""
    for refs in (large, large[2:3]):
        for file, ref in zip(stand.client.read_blobs(refs, compression=compression), refs):  # noqa: B905  one file each
            wanted = io.BytesIO(noise(LARGE[large.index(ref)]))
            for size in (0, 3, 5000, 200_000, 100_000, 100_000, 1):
                assert file.read(size) == wanted.read(size)
            assert file.read(None) == file.read() == b""
    with pytest.raises(ValueError, match="max_bytes=0; expected at least 1"):
        list(next(stand.client.read_blobs(large)).chunks(0))


@pytest.mark.parametrize("action", ["TableCreateReadSession", "TableWriteBlob", "TableGetWriteS*"])
def test_an_answer_that_breaks_off_is_asked_for_again(
    stand: Stand, table: str, action: str
) -> None:
    stand.client.create_table(table, COLUMNS)
    stand.service.faults.add(
        Fault(effect=Cut(), action=action, when="at_byte", at_byte=20, times=2)
    )
    with stand.client.write_session(table) as session:
        write_rows(session, [session.write_blob(b"0123456789", column="photo").cell])
    assert contents(stand.client, refs_in(stand.client, table)) == [b"0123456789"]
    ((_, hits),) = stand.service.faults.hits
    assert hits == 2


def test_long_lists_are_asked_for_in_parts(stand: Stand, table: str) -> None:
    data = [str(number).encode() for number in range(513)]
    refs = store(stand.client, table, iter(data), mime_type="text/plain")
    watch = Watch(stand)
    files = [(file.bytes, file.mime_type) for file in stand.client.read_blobs(refs)]
    assert files == [(one, "text/plain") for one in data]
    assert watch.count("BlobRead") == 3


@pytest.mark.parametrize("wrong", ["ref", b"ref", BlobRef("ref"), [b"\xff"], [None], [""]])
def test_what_is_no_list_of_references_is_refused_at_once(stand: Stand, wrong: Any) -> None:
    watch = Watch(stand)
    with pytest.raises((TypeError, ValueError), match="reference"):
        stand.client.read_blobs(wrong)
    assert watch.count("BlobRead") == 0


def test_references_that_lead_nowhere_are_refused(stand: Stand, small: list[bytes]) -> None:
    for refs in ([b"nowhere"], [*small, b"nowhere"]):
        with pytest.raises(of.NotFound, match="'nowhere' does not exist"):
            contents(stand.client, refs)
    assert list(stand.client.read_blobs([])) == []


@pytest.mark.covers("WriteBlobRequest.stream_id", "WriteBlobRequest.stream_version")
def test_blobs_go_into_several_streams(stand: Stand, table: str) -> None:
    stand.client.create_table(table, COLUMNS)
    with stand.client.write_session(table) as session:
        other = of.WriteSession.attach(stand.client.transport, session.spec, session.session_id)
        staged = [
            session.write_blob(b"0", column="photo"),
            session.write_blob(b"1", column="photo", stream=1),
            other.write_blob(b"2", column="photo", stream="of another process"),
        ]
        session.accept_blobs(other.close_blobs())
        write_rows(session, [one.cell for one in staged])
    assert contents(stand.client, refs_in(stand.client, table)) == [b"0", b"1", b"2"]
    streams = {stream.stream for stream, _ in session.streams()}
    assert streams >= {"blobs", "1", "of another process"}


@pytest.mark.covers("BlobWriteItem.distribution_key")
@pytest.mark.parametrize("wrong", [None, {}, {"id": 1}, {"id": 1, "k": "x"}, {"id": 1, "name": 2}])
def test_blobs_of_rows_with_a_key_need_the_key(stand: Stand, table: str, wrong: Any) -> None:
    types = {"id": "bigint", "name": "string", "photo": "blob"}
    stand.client.create_table(table, types, primary_key=["id", "name"])
    session = stand.client.write_session(table)
    watch = Watch(stand)
    with pytest.raises(ValueError, match="distribution_key"):
        session.write_blob(b"x", column="photo", distribution_key=wrong)
    with pytest.raises(ValueError, match="distribution_key"):
        session.write_blobs([Blob(b"x", column="photo", distribution_key=wrong)])
    assert watch.count("TableWriteBlob") == 0
    session.abort()


@pytest.mark.covers("BlobWriteItem.distribution_key")
def test_blobs_of_rows_with_a_key_come_back(stand: Stand, table: str) -> None:
    types = {"id": "bigint", "photo": "blob"}
    stand.client.create_table(table, types, primary_key=["id"])
    for data in (b"first", b"second"):
        with stand.client.write_session(table) as session:
            one = session.write_blob(data, column="photo", distribution_key={"ID": 7})
            rows = pa.table(
                {
                    "id": pa.array([7], pa.int64()),
                    "photo": pa.array([one.cell], pa.binary()),
                    "__operation": pa.array([85], pa.int8()),
                }
            )
            with session.open_stream(0, schema=rows.schema) as writer:
                writer.write(rows.to_batches()[0])
        assert contents(stand.client, refs_in(stand.client, table)) == [data]

"""Blobs between two clients that share no code."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import odps  # type: ignore[import-untyped]
import pyarrow as pa
import pytest
from odps.maxstorage import (  # type: ignore[import-untyped]
    AppendTableRecordWriter,
    MaxStorageClient,
)
from odps.maxstorage.errors import StorageClientError  # type: ignore[import-untyped]
from odps.maxstorage.options import BlobWriteItem  # type: ignore[import-untyped]

import odps_frames as of
from odps_frames.emulator.faults import Fault, Flip
from odps_frames.model.blob import Blob

if TYPE_CHECKING:
    from odps_frames.client import Client

    Sides = Any  # classes of fixtures, which no test module can import

SIZES = [0, 1, 4095, 4096, 4097, 100_000]
DATA = [bytes(n % 251 for n in range(size)) for size in SIZES]
CHECKSUMS = list(BlobWriteItem.ChecksumType)
VERSIONS = ["2", "3"]
CODECS = [None, "zstd", "lz4"]
COLUMNS = {"id": "bigint", "photo": "blob"}


def storage_of(sides: Sides, api_version: str) -> Any:
    return MaxStorageClient(sides.theirs, api_version=api_version)


def batch_of(cells: list[Any], type_: pa.DataType | None = None) -> pa.RecordBatch:
    array = pa.array(cells, type_ or pa.binary())
    ids = pa.array(range(len(cells)), pa.int64())
    return pa.record_batch({"id": ids, "photo": array})


def write_rows(session: Any, batch: pa.RecordBatch, **options: Any) -> None:
    with session.open_arrow_writer("0", **options) as writer:
        writer.write_batch(batch)
    session.commit()


def refs_of(sides: Sides, table: str) -> list[Any]:
    refs: list[Any] = sides.stored(table).sort_by("id")["photo"].to_pylist()
    return refs


def contents(client: Client, refs: list[bytes]) -> list[bytes]:
    return [file.bytes for file in client.read_blobs(refs)]


@pytest.mark.parametrize("api_version", VERSIONS)
@pytest.mark.parametrize("compress", CODECS)
def test_we_read_single_blobs_of_pyodps(
    sides: Sides, ours: Client, table: str, api_version: str, compress: str | None
) -> None:
    ours.create_table(table, COLUMNS, partition_by={"pt": "string"})
    storage = storage_of(sides, api_version)
    session = storage.create_table_write_session(table, partition_spec="pt=x")
    manager = storage.open_blob_manager(table)
    # The LZ4 compressor of pyodps cannot finish what it never began.
    blobs = DATA[1:] if compress == "lz4" else DATA
    cells = []
    for data in blobs:
        writer = manager.write_blob_stream(
            session.id, "0", column_name="photo", partition_spec="pt=x", compress_algo=compress
        )
        for start in range(0, len(data), 5000):
            writer.write(data[start : start + 5000])
        answer = writer.finish()
        assert answer.size == len(data)
        cells.append(answer.blob_reference)
    write_rows(session, batch_of(cells))
    assert contents(ours, refs_of(sides, table)) == blobs


@pytest.mark.parametrize("api_version", VERSIONS)
@pytest.mark.parametrize("compress", CODECS)
def test_we_read_batches_of_pyodps(
    sides: Sides, ours: Client, table: str, api_version: str, compress: str | None
) -> None:
    ours.create_table(table, COLUMNS)
    storage = storage_of(sides, api_version)
    session = storage.create_table_write_session(table)
    manager = storage.open_blob_manager(table)
    items = [
        manager.build_blob_write_item(
            data if number % 2 else io.BytesIO(data),
            session.id,
            mime_type=f"test/{number}",
            custom_file_name=f"{number}.bin",
            checksum_type=CHECKSUMS[number % len(CHECKSUMS)],
        )
        for number, data in enumerate(DATA)
    ]
    answer = manager.write_blob_batch(items, session.id, "0", compress_algo=compress)
    write_rows(session, batch_of(answer.blob_references))
    refs = refs_of(sides, table)
    assert [(file.bytes, file.mime_type) for file in ours.read_blobs(refs)] == [
        (data, f"test/{number}") for number, data in enumerate(DATA)
    ]


@pytest.mark.parametrize("api_version", VERSIONS)
@pytest.mark.parametrize("compress", CODECS)
def test_pyodps_reads_ours(
    sides: Sides, ours: Client, table: str, api_version: str, compress: str | None
) -> None:
    ours.create_table(table, COLUMNS)
    with ours.write_session(table) as session:
        blobs = [Blob(data, column="photo", mime_type="test/plain") for data in DATA]
        cells = [staged.cell for staged in session.write_blobs(blobs)]
        rows = batch_of(cells)
        with session.open_stream(0, schema=rows.schema) as writer:
            writer.write(rows)
    refs = refs_of(sides, table)
    manager = storage_of(sides, api_version).open_blob_manager()
    records = list(manager.read_blobs(refs, compress_algo=compress))
    assert [(record.data, record.mime_type) for record in records] == [
        (data, "test/plain") for data in DATA
    ]
    for ref, data in zip(refs, DATA, strict=True):
        assert manager.read_blob(ref, compress_algo=compress).read() == data
    stream = manager.read_blobs(refs[-2:], compress_algo=compress, stream=True)
    found: list[bytes] = []
    while stream is not None and len(found) < 2:
        pieces = []
        while piece := stream.read(1000):
            pieces.append(piece)
        found.append(b"".join(pieces))
        stream = stream.next()
    assert found == DATA[-2:]


@pytest.mark.parametrize("api_version", VERSIONS)
def test_names_of_files_are_of_version_3(
    sides: Sides, ours: Client, table: str, api_version: str
) -> None:
    ours.create_table(table, COLUMNS)
    config = of.Config(
        endpoint=ours.config.endpoint,
        project="demo",
        access_id=ours.config.access_id,
        secret_access_key=ours.config.secret_access_key,
        api_version="3",
    )
    three = of.Client(config)
    with three.write_session(table) as session:
        one = session.write_blob(b"x", column="photo", file_name="ü.png")
        two = session.write_blob(b"y", column="photo")
        rows = batch_of([one.cell, two.cell])
        with session.open_stream(0, schema=rows.schema) as writer:
            writer.write(rows)
    refs = refs_of(sides, table)
    records = storage_of(sides, api_version).open_blob_manager().read_blobs(refs)
    name = "ü.png" if api_version == "3" else None
    assert [(record.data, record.custom_file_name) for record in records] == [
        (b"x", name),
        (b"y", None),
    ]
    assert [file.file_name for file in three.read_blobs(refs)] == ["ü.png", None]
    three.close()


@pytest.mark.parametrize("api_version", VERSIONS)
def test_pyodps_uploads_by_itself(sides: Sides, ours: Client, table: str, api_version: str) -> None:
    ours.create_table(table, COLUMNS)
    session = storage_of(sides, api_version).create_table_write_session(table)
    write_rows(
        session,
        batch_of([b"first", None, b"", b"last"]),
        auto_upload_blobs=True,
        blob_mime_type="text/plain",
        blob_custom_file_name="f.txt",
        blob_checksum_type=BlobWriteItem.ChecksumType.MD5,
    )
    first, none, empty, last = refs_of(sides, table)
    assert none is None
    files = [(file.bytes, file.mime_type) for file in ours.read_blobs([first, empty, last])]
    assert files == [(data, "text/plain") for data in (b"first", b"", b"last")]


@pytest.mark.parametrize(
    ("type_", "arrow", "cells"),
    [
        ("array<blob>", pa.list_(pa.binary()), [[b"a", None, b"bb"], None, []]),
        (
            "map<string,blob>",
            pa.map_(pa.string(), pa.binary()),
            [[("k", b"a"), ("n", None)], None, [("k", b"bb")]],
        ),
    ],
)
def test_pyodps_uploads_nested_blobs_by_itself(
    sides: Sides, ours: Client, table: str, type_: str, arrow: Any, cells: list[Any]
) -> None:
    ours.create_table(table, {"id": "bigint", "photo": type_})
    session = storage_of(sides, "3").create_table_write_session(table)
    write_rows(session, batch_of(cells, arrow), auto_upload_blobs=True)

    def read(cell: Any) -> Any:
        if cell is None or isinstance(cell, str):
            return cell
        if isinstance(cell, bytes):
            return contents(ours, [cell])[0]
        return type(cell)(map(read, cell))

    assert [read(cell) for cell in refs_of(sides, table)] == cells


@pytest.mark.parametrize(("api_version", "type_"), [("2", "blob"), ("3", "blob"), ("3", "array")])
def test_pyodps_uploads_out_of_records(
    sides: Sides, ours: Client, table: str, api_version: str, type_: str
) -> None:
    ours.create_table(
        table, {"id": "bigint", "photo": "blob" if type_ == "blob" else "array<blob>"}
    )
    session = storage_of(sides, api_version).create_table_write_session(table)
    arrow_writer = session.open_arrow_writer("0", auto_upload_blobs=True)
    with AppendTableRecordWriter(arrow_writer, row_count_per_batch=2) as writer:
        for number, data in enumerate((b"bytes", io.BytesIO(b"file"), b"")):
            writer.write([number, data if type_ == "blob" else [data]])
    session.commit()
    refs = [ref if type_ == "blob" else ref[0] for ref in refs_of(sides, table)]
    assert contents(ours, refs) == [b"bytes", b"file", b""]


def test_pyodps_refuses_structs_where_we_do_not(sides: Sides, ours: Client, table: str) -> None:
    ours.create_table(table, {"id": "bigint", "photo": "struct<name:string,data:blob>"})
    session = storage_of(sides, "3").create_table_write_session(table)
    manager = storage_of(sides, "3").open_blob_manager(table)
    with pytest.raises(AttributeError, match="field_names"):
        manager.build_blob_write_item(b"x", session.id, column_name="photo.data")
    session.abort()
    with ours.write_session(table) as our_session:
        staged = our_session.write_blob(b"ours", column="photo.data")
        type_ = pa.struct([("name", pa.string()), ("data", pa.binary())])
        rows = batch_of([{"name": "n", "data": staged.cell}, None], type_)
        with our_session.open_stream(0, schema=rows.schema) as writer:
            writer.write(rows)
    found, none = refs_of(sides, table)
    assert none is None
    assert contents(ours, [found["data"]]) == [b"ours"]
    manager = storage_of(sides, "3").open_blob_manager()
    assert manager.read_blob(found["data"]).read() == b"ours"


def test_pyodps_refuses_nested_blobs_in_version_2_where_we_do_not(
    sides: Sides, ours: Client, table: str
) -> None:
    ours.create_table(table, {"id": "bigint", "photo": "array<blob>"})
    session = storage_of(sides, "2").create_table_write_session(table)
    arrow_writer = session.open_arrow_writer("0", auto_upload_blobs=True)
    with pytest.raises(StorageClientError, match="require API v3"):
        AppendTableRecordWriter(arrow_writer)
    session.abort()
    with ours.write_session(table) as our_session:
        staged = our_session.write_blob(b"ours", column="photo.element")
        rows = batch_of([[staged.cell]], pa.list_(pa.binary()))
        with our_session.open_stream(0, schema=rows.schema) as writer:
            writer.write(rows)
    assert contents(ours, refs_of(sides, table)[0]) == [b"ours"]


def test_pyodps_finds_the_flipped_bit_too(
    stand: Any, sides: Sides, ours: Client, table: str
) -> None:
    ours.create_table(table, COLUMNS)
    session = sides.storage.create_table_write_session(table)
    write_rows(session, batch_of([b"x" * 10_000]), auto_upload_blobs=True)
    (ref,) = refs_of(sides, table)
    manager = sides.storage.open_blob_manager()
    stand.service.faults.add(Fault(effect=Flip(), action="BlobRead", at_byte=5000))
    with pytest.raises(odps.errors.BaseODPSError, match=r"(?i)crc"):
        manager.read_blob(ref)
    assert manager.read_blob(ref).read() == b"x" * 10_000
    stand.service.faults.clear()


@pytest.mark.parametrize("api_version", VERSIONS)
def test_pyodps_says_the_key_of_a_blob(
    sides: Sides, ours: Client, table: str, api_version: str
) -> None:
    ours.create_table(table, COLUMNS, primary_key=["id"])
    session = storage_of(sides, api_version).create_table_write_session(table)
    keyed = batch_of([b"a", b"bb"]).append_column("__operation", pa.array([85, 85], pa.int8()))
    write_rows(session, keyed, auto_upload_blobs=True)
    assert contents(ours, refs_of(sides, table)) == [b"a", b"bb"]


def test_pyodps_forgets_the_key_of_nested_blobs(sides: Sides, ours: Client, table: str) -> None:
    ours.create_table(table, {"id": "bigint", "photo": "array<blob>"}, primary_key=["id"])
    session = storage_of(sides, "3").create_table_write_session(table)
    keyed = batch_of([[b"a"]], pa.list_(pa.binary()))
    keyed = keyed.append_column("__operation", pa.array([85], pa.int8()))
    writer = session.open_arrow_writer("0", auto_upload_blobs=True)
    with pytest.raises(odps.errors.InvalidArgument, match="DistributionKey is missing"):
        writer.write_batch(keyed)
    session.abort()
    with ours.write_session(table) as our_session:
        staged = our_session.write_blob(b"o", column="photo.element", distribution_key={"id": 0})
        rows = batch_of([[staged.cell]], pa.list_(pa.binary()))
        rows = rows.append_column("__operation", pa.array([85], pa.int8()))
        with our_session.open_stream(0, schema=rows.schema) as ours_writer:
            ours_writer.write(rows)
    assert contents(ours, refs_of(sides, table)[0]) == [b"o"]

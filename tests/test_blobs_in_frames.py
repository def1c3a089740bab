"""Blobs in frames, from one end to the other over a socket."""

from __future__ import annotations

import hashlib
import io
import pickle
import threading
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import odps_frames as of
from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.types import parse_type

if TYPE_CHECKING:
    from pathlib import Path

    from odps_frames.local import LocalClient

TYPES = {"photo": "blob"}
NESTED = {
    "id": "bigint",
    "album": "array<blob>",
    "byname": "map<string,blob>",
    "info": "struct<name:string,photo:blob,more:array<struct<b:blob>>,taken:timestamp_ntz>",
}


def noise(size: int, seed: str = "") -> bytes:
    return hashlib.shake_256(seed.encode()).digest(size)


def operations(client: LocalClient, start: int = 0) -> list[str]:
    return [record.operation for record in client.service.requests[start:]]


def as_bytes(table: str, client: LocalClient, column: str = "photo") -> list[Any]:
    found = of.scan_odps(table, client=client, blobs="bytes").to_arrow()
    return found.sort_by("id")[column].to_pylist()


@pytest.fixture
def photos(client: LocalClient, table: str) -> str:
    """A table with three blobs and a NULL."""
    frame = pd.DataFrame({"id": [1, 2, 3, 4], "photo": [b"one", None, noise(9000), b""]})
    of.to_odps(frame, table, create=True, odps_types=TYPES, client=client)
    return table


CONTENTS = [b"one", None, noise(9000), b""]


def test_references_are_what_a_reader_gets_unless_asked(client: LocalClient, photos: str) -> None:
    frame = of.read_odps(photos, client=client)
    assert str(frame["photo"].dtype) == "binary[pyarrow]"
    assert frame["photo"].isna().tolist() == [False, True, False, False]
    refs = frame["photo"].dropna().tolist()
    assert all(ref.decode().isprintable() for ref in refs)
    assert [file.bytes for file in client.read_blobs(refs)] == [b"one", noise(9000), b""]
    assert frame.attrs["odps"]["blobs"] == {"photo": "refs"}
    table = of.scan_odps(photos, client=client).to_arrow()
    assert table["photo"].type == pa.binary()
    assert [ref for ref in table["photo"].to_pylist() if ref] == refs


def test_bytes_on_request(client: LocalClient, photos: str) -> None:
    frame = of.read_odps(photos, blobs="bytes", client=client)
    assert str(frame["photo"].dtype) == "binary[pyarrow]"
    found = frame["photo"].tolist()
    assert found[0] == CONTENTS[0]
    assert found[1] is pd.NA
    assert found[2:] == CONTENTS[2:]
    assert frame.attrs["odps"]["blobs"] == {"photo": "bytes"}
    assert frame.attrs["odps"]["bytes"] > 9000
    scan = of.scan_odps(photos, blobs="bytes", client=client)
    assert scan.to_arrow()["photo"].to_pylist() == CONTENTS
    assert pa.Table.from_batches(scan.to_batches())["photo"].to_pylist() == CONTENTS
    assert pa.RecordBatchReader.from_stream(scan).read_all()["photo"].to_pylist() == CONTENTS
    assert scan.filter("id >= 3").to_arrow()["photo"].to_pylist() == CONTENTS[2:]
    assert scan.limit(1).to_arrow()["photo"].to_pylist() == [b"one"]
    assert scan.select("id").to_arrow()["id"].to_pylist() == [1, 2, 3, 4]
    objects = of.read_odps(photos, blobs="bytes", dtype_backend="numpy", client=client)
    assert objects["photo"].tolist() == CONTENTS


def test_files_are_opened_when_they_are_read(client: LocalClient, photos: str) -> None:
    start = len(client.service.requests)
    frame = of.read_odps(photos, blobs="files", client=client)
    assert "BlobRead" not in operations(client, start)
    assert frame["photo"].dtype == object
    first, missing, second, empty = frame["photo"]
    assert missing is None
    assert isinstance(first, of.StoredBlob)
    assert repr(first) == f"StoredBlob({first.ref.text!r}, size unknown)"
    assert first.read() == b"one"
    assert first.read() == b""
    assert first.size == len(b"one")
    assert repr(first).endswith("3 bytes)")
    assert (empty.read(), empty.size) == (b"", 0)
    with second as file:
        assert (file.read(10), file.tell()) == (noise(9000)[:10], 10)
        assert file.seek(-5, io.SEEK_END) == 8995
        assert file.read() == noise(9000)[-5:]
        assert (file.seek(4000), file.read(3)) == (4000, noise(9000)[4000:4003])
        assert (file.seek(10_000), file.read()) == (10_000, b"")
    assert second.closed
    with pytest.raises(ValueError, match="closed"):
        second.read()
    with second.open() as again:
        assert again.read() == noise(9000)


def test_a_file_is_as_good_for_other_packages(client: LocalClient, table: str) -> None:
    rows = pa.table({"x": list(range(1000))})
    buffer = io.BytesIO()
    pq.write_table(rows, buffer)
    frame = pd.DataFrame({"id": [1], "photo": [buffer.getvalue()]})
    of.to_odps(frame, table, create=True, odps_types=TYPES, client=client)
    (file,) = of.read_odps(table, blobs="files", client=client)["photo"]
    assert pq.read_table(file).equals(rows)


def test_a_file_travels_as_its_reference_and_its_client(client: LocalClient, photos: str) -> None:
    config = client.config
    other = of.Client(
        of.Config(
            endpoint=config.endpoint,
            project=config.project,
            access_id=config.access_id,
            secret_access_key=config.secret_access_key,
            given_in_code=True,
            pickle_credentials=True,
        )
    )
    file = of.read_odps(photos, blobs="files", client=other)["photo"][2]
    assert file.read(4) == noise(9000)[:4]
    there = pickle.loads(pickle.dumps(file))  # noqa: S301  made here
    assert there.ref == file.ref
    assert there.read() == noise(9000)
    there.site.close()
    other.close()


def test_a_word_that_is_none_of_the_three(client: LocalClient, photos: str) -> None:
    calls: list[Any] = [of.read_odps, of.scan_odps]
    for read in calls:
        with pytest.raises(ValueError, match=r"blobs='byte'; expected one of \['refs', 'bytes'"):
            read(photos, blobs="byte", client=client)


def test_tables_without_blobs_take_the_option(client: LocalClient, table: str) -> None:
    of.to_odps(pd.DataFrame({"id": [1]}), table, create=True, client=client)
    for blobs in ("refs", "bytes", "files"):
        frame = of.read_odps(table, blobs=blobs, client=client)
        assert frame["id"].tolist() == [1]
        assert of.scan_odps(table, blobs=blobs, client=client).to_arrow().num_rows == 1


def test_arrow_has_no_files(client: LocalClient, photos: str) -> None:
    scan = of.scan_odps(photos, blobs="files", client=client)
    for leave in (scan.to_arrow, scan.to_batches, scan.__arrow_c_stream__):
        with pytest.raises(ValueError, match=r"blobs='files' of \['photo'\] in Arrow"):
            leave()
    assert scan.select("id").to_arrow().num_rows == 4
    assert [file and file.read() for file in scan.to_pandas()["photo"]] == CONTENTS


@pytest.mark.parametrize("blobs", ["bytes", "files"])
def test_chunks(client: LocalClient, photos: str, blobs: Literal["bytes", "files"]) -> None:
    found: list[Any] = []
    with of.read_odps(photos, blobs=blobs, chunksize=3, client=client) as frames:
        for frame in frames:
            assert frame.attrs["odps"]["blobs"] == {"photo": blobs}
            found += frame["photo"].tolist()
    plain = [one.read() if isinstance(one, of.StoredBlob) else one for one in found]
    assert [None if one is pd.NA else one for one in plain] == CONTENTS


def test_a_reference_that_stands_twice_is_fetched_once(client: LocalClient, table: str) -> None:
    client.create_table(table, {"id": "bigint", "photo": "blob", "album": "array<blob>"})
    with client.write_session(table) as session:
        one = session.write_blob(noise(5000), column="photo").cell
        two = session.write_blob(b"two", column="album.element").cell
        rows = pa.table(
            {
                "id": pa.array(range(500), pa.int64()),
                "photo": pa.array([one] * 500, pa.binary()),
                "album": pa.array([[two, None, two]] * 500, pa.list_(pa.binary())),
            }
        )
        with session.open_stream(0, schema=rows.schema) as writer:
            writer.write(rows.to_batches()[0])
    scan = of.scan_odps(table, blobs="bytes", client=client)
    frame = scan.to_pandas()
    assert set(frame["photo"]) == {noise(5000)}
    assert frame["album"].map(list).tolist() == [[b"two", None, b"two"]] * 500
    assert frame.attrs["odps"]["bytes"] < 100_000


def test_max_bytes_counts_blobs_too(client: LocalClient, photos: str) -> None:
    limit = 9000
    assert len(of.read_odps(photos, max_bytes=limit, client=client)) == 4
    with pytest.raises(of.ReadTooLarge, match=r"max_bytes=9,000; read fewer rows, blobs='files'"):
        of.read_odps(photos, blobs="bytes", max_bytes=limit, client=client)
    frame = of.read_odps(photos, blobs="bytes", max_bytes=9003, client=client)
    assert frame["photo"].dropna().tolist() == [b"one", noise(9000), b""]


def test_every_kind_of_cell(client: LocalClient, table: str, tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(noise(70_000))
    with path.open("rb") as handle:
        handle.seek(69_990)
        cells = [
            b"bytes",
            bytearray(b"array"),
            memoryview(b"view"),
            pa.py_buffer(b"buffer"),
            path,
            handle,
            io.BytesIO(b"memory"),
            of.Blob(b"said", mime_type="text/plain"),
            of.Blob(path, checksum=of.Checksum.MD5),
            None,
            pd.NA,
            float("nan"),
        ]
        frame = pd.DataFrame({"id": range(len(cells)), "photo": pd.Series(cells, dtype=object)})
        result = of.to_odps(frame, table, create=True, odps_types=TYPES, client=client)
    assert result.rows == len(cells)
    expected = [b"bytes", b"array", b"view", b"buffer", noise(70_000), noise(70_000)[-10:]]
    expected += [b"memory", b"said", noise(70_000)]
    assert as_bytes(table, client) == [*expected, None, None, None]
    refs = of.read_odps(table, client=client)["photo"].dropna().tolist()
    assert [file.mime_type for file in client.read_blobs(refs)][6:9] == [None, "text/plain", None]


def test_a_file_that_cannot_seek_is_streamed(client: LocalClient, table: str) -> None:
    class Pipe(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            super().__init__()
            self._file = io.BytesIO(data)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any, /) -> int:
            return self._file.readinto(buffer)

    client.create_table(table, {"id": "bigint", "photo": "blob"})
    data = [noise(3, "a"), noise(5 << 20, "b"), noise(600_000, "c")]
    frame = pd.DataFrame({"id": [1, 2, 3], "photo": [Pipe(one) for one in data]})
    of.to_odps(frame, table, client=client)
    assert as_bytes(table, client) == data


@pytest.mark.parametrize("type_", [pa.binary(), pa.large_binary(), pa.binary_view()], ids=str)
def test_arrow_bytes(client: LocalClient, table: str, type_: Any) -> None:
    rows = pa.table({"id": [1, 2, 3], "photo": pa.array([b"one", None, noise(9000)]).cast(type_)})
    client.create_table(table, {"id": "bigint", "photo": "blob"})
    of.to_odps(rows, table, client=client)
    of.to_odps(rows.to_reader(), table, mode="overwrite", client=client)
    of.to_odps(rows.slice(1), table, mode="overwrite", client=client)
    assert as_bytes(table, client) == [None, noise(9000)]


def test_fixed_size_dictionary_and_null_columns(client: LocalClient, table: str) -> None:
    client.create_table(table, {"id": "bigint", "photo": "blob"})
    for column in (
        pa.array([b"abc", None, b"def"], pa.binary(3)),
        pa.array([b"abc", None, b"def"]).dictionary_encode(),
    ):
        rows = pa.table({"id": [1, 2, 3], "photo": column})
        of.to_odps(rows, table, mode="overwrite", client=client)
        assert as_bytes(table, client) == [b"abc", None, b"def"]
    of.to_odps(pa.table({"id": [1], "photo": pa.nulls(1)}), table, mode="overwrite", client=client)
    assert as_bytes(table, client) == [None]


def test_pandas_arrow_dtypes_and_polars(client: LocalClient, table: str) -> None:
    client.create_table(table, {"id": "bigint", "photo": "blob"})
    photos = pd.Series([b"one", None], dtype="binary[pyarrow]")
    of.to_odps(pd.DataFrame({"id": [1, 2], "photo": photos}), table, client=client)
    frame = pl.DataFrame({"id": [3, 4], "photo": [b"three", None]})
    of.to_odps(frame, table, client=client)
    of.to_odps(frame.lazy().with_columns(id=pl.col("id") + 2), table, client=client)
    assert as_bytes(table, client) == [b"one", None, b"three", None, b"three", None]


def test_text_is_refused(client: LocalClient, table: str) -> None:
    client.create_table(table, {"id": "bigint", "photo": "blob", "album": "array<blob>"})
    start = len(client.service.requests)
    for values in (
        pd.Series([b"x", "a.png"], dtype=object),
        pd.Series(["b", "a.png"], dtype="str"),
    ):
        frame = pd.DataFrame({"id": [1, 2], "photo": values})
        with pytest.raises(of.CastError, match=r"'photo', row [01] .* a path, a reference or the"):
            of.to_odps(frame, table, fill_missing=True, client=client)
    frame = pd.DataFrame({"id": [1], "album": [[b"x", "y"]]})
    with pytest.raises(of.CastError, match=r"'album', row 0 .*'y'.* text may be a path"):
        of.to_odps(frame, table, fill_missing=True, client=client)
    assert "TableCreateWriteSession" not in operations(client, start)


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [
        (3, "a blob is given as bytes, a pathlib.Path"),
        (io.StringIO("text"), "open it as bytes"),
        (of.BlobRef("blob-1"), "nobody can write a reference that was read"),
        (of.StagedBlob(cell=b"x", session_id="s", column="photo"), "another write session"),
        (of.Blob(b"x", column="album.element"), "are those of the cell"),
        (of.Blob(b"x", partition="pt=1"), "are those of the cell"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_blob(client: LocalClient, table: str, cell: object, complaint: str) -> None:
    client.create_table(table, {"id": "bigint", "photo": "blob"})
    frame = pd.DataFrame({"id": [1, 2], "photo": pd.Series([b"x", cell], dtype=object)})
    start = len(client.service.requests)
    with pytest.raises(of.CastError, match=f"'photo', row 1 .*{complaint}"):
        of.to_odps(frame, table, client=client)
    assert "TableCreateWriteSession" not in operations(client, start)


def test_files_that_are_not_there_closed_or_stand_twice(
    client: LocalClient, table: str, tmp_path: Path
) -> None:
    client.create_table(table, {"id": "bigint", "photo": "blob"})
    closed, twice = io.BytesIO(), io.BytesIO(b"x")
    closed.close()
    for cells, complaint in (
        ([b"x", tmp_path / "nothing"], "there is no such file"),
        ([b"x", closed], "it is closed"),
        ([twice, twice], "the same open file stands twice"),
    ):
        frame = pd.DataFrame({"id": [1, 2], "photo": pd.Series(cells, dtype=object)})
        with pytest.raises(of.CastError, match=f"row 1 .*{complaint}"):
            of.to_odps(frame, table, client=client)


def test_paths_need_a_word_where_a_table_is_made(
    client: LocalClient, table: str, tmp_path: Path
) -> None:
    frame = pd.DataFrame({"id": [1], "photo": [tmp_path]})
    with pytest.raises(of.CastError, match=r"odps_types=\{…: 'blob'\}"):
        of.to_odps(frame, table, create=True, client=client)


@pytest.mark.covers("BlobWriteItem.partition_values", "BlobWriteItem.column_index")
def test_blobs_belong_to_the_partition_of_their_row(client: LocalClient, table: str) -> None:
    frame = pd.DataFrame(
        {
            "id": [1, 2, 3, 4],
            "photo": [b"a1", b"b2", None, b"a4"],
            "region": ["n", "n", "n", "n"],
            "pt": ["a", "b", "b", "a"],
        }
    )
    how: Any = {"create": True, "odps_types": TYPES, "client": client}
    of.to_odps(frame, table, partition_cols=["region", "pt"], **how)
    of.to_odps(frame.drop(columns="region"), table, partition="region=s", client=client)
    one = frame.drop(columns=["region", "pt"])
    of.to_odps(one, table, partition={"region": "w", "pt": "c"}, client=client)
    found = of.scan_odps(table, blobs="bytes", client=client).to_arrow().to_pylist()
    rows = {(row["region"], row["pt"], row["id"]): row["photo"] for row in found}
    expected = {
        (region, "c" if region == "w" else pt, number): photo
        for region in ("n", "s", "w")
        for number, photo, pt in zip(frame["id"], frame["photo"], frame["pt"], strict=True)
    }
    assert rows == expected


def test_partitions_that_no_text_can_say_have_no_blobs(client: LocalClient, table: str) -> None:
    frame = pd.DataFrame({"id": [1, 2], "photo": [b"x", b"y"], "pt": ["a", "b/c=d"]})
    how: Any = {"create": True, "odps_types": TYPES, "client": client}
    with pytest.raises(ValueError, match="which the protocol cannot say of a blob"):
        of.to_odps(frame, table, partition_cols="pt", **how)
    with pytest.raises(ValueError, match="which the protocol cannot say of a blob"):
        of.to_odps(frame.drop(columns="pt"), table, partition={"pt": "b/c=d"}, **how)
    assert not client.exists(table)
    of.to_odps(frame.assign(photo=None), table, partition_cols="pt", **how)
    assert len(of.read_odps(table, client=client)) == 2


def nested_rows(seed: str) -> list[dict[str, Any]]:
    taken = pd.Timestamp("2026-01-02 03:04:05.123456789")
    return [
        {
            "id": 1,
            "album": [noise(40, seed), None, noise(50, seed)],
            "byname": [("k", noise(60, seed)), ("n", None)],
            "info": {
                "name": "n",
                "photo": noise(70, seed),
                "more": [{"b": noise(80, seed)}, None],
                "taken": taken,
            },
        },
        {"id": 2, "album": None, "byname": None, "info": None},
        {"id": 3, "album": [], "byname": [], "info": dict.fromkeys(("name", "photo", "more"))},
    ]


def test_nested_blobs_from_arrow(client: LocalClient, table: str) -> None:
    columns = tuple(Column(name, parse_type(text)) for name, text in NESTED.items())
    client.create_table(table, TableSchema(columns))
    schema = of.scan_odps(table, client=client).arrow_schema.remove_metadata()
    rows = pa.Table.from_pylist(nested_rows("arrow"), schema)
    # Slices, and values that lie under a NULL.
    of.to_odps(pa.concat_tables([rows, rows]).combine_chunks().slice(3), table, client=client)
    found = of.scan_odps(table, blobs="bytes", client=client).to_arrow().sort_by("id")
    assert found.to_pylist() == rows.to_pylist()


def test_nested_blobs_from_objects(client: LocalClient, table: str, tmp_path: Path) -> None:
    client.create_table(table, NESTED)
    path = tmp_path / "file"
    path.write_bytes(noise(40, "objects"))
    rows = nested_rows("objects")
    given = [dict(row) for row in rows]
    given[0]["album"] = [path, None, io.BytesIO(noise(50, "objects"))]
    given[0]["byname"] = {"k": of.Blob(noise(60, "objects")), "n": None}
    given[2]["byname"] = {}
    frame = pd.DataFrame(
        {name: pd.Series([row[name] for row in given], dtype=object) for name in NESTED}
    )
    of.to_odps(frame, table, client=client)
    found = of.scan_odps(table, blobs="bytes", client=client).to_arrow().sort_by("id")
    assert found.to_pylist() == pa.Table.from_pylist(rows, found.schema).to_pylist()
    files = of.read_odps(table, blobs="files", client=client).sort_values("id")
    first, none, second = files["album"].iloc[0]
    assert (first.read(), none, second.read()) == (rows[0]["album"][0], None, rows[0]["album"][2])
    assert files["byname"].iloc[0][0][1].read() == rows[0]["byname"][0][1]
    info = files["info"].iloc[0]
    assert info["more"][0]["b"].read() == noise(80, "objects")
    assert info["taken"] == rows[0]["info"]["taken"]
    assert files["info"].iloc[1] is None


def test_copy_of_a_table_by_files(client: LocalClient, photos: str) -> None:
    frame = of.read_odps(photos, blobs="files", client=client)
    for file in frame["photo"].dropna():
        file.read(2)  # a blob is copied from its start, wherever it stands
    of.to_odps(frame, f"{photos}_a", create=True, client=client)
    assert as_bytes(f"{photos}_a", client) == CONTENTS
    of.to_odps(
        of.scan_odps(photos, blobs="files", client=client),
        f"{photos}_b",
        create=True,
        client=client,
    )
    assert client.table(f"{photos}_b").schema == client.table(photos).schema
    assert as_bytes(f"{photos}_b", client) == CONTENTS
    with of.read_odps(photos, blobs="files", chunksize=1, client=client) as frames:
        for one in frames:
            of.to_odps(one, f"{photos}_c", create=True, odps_types=TYPES, client=client)
    assert as_bytes(f"{photos}_c", client) == CONTENTS
    columns = {"id": client.table(photos).schema.columns[0].type, "photo": "binary"}
    client.create_table(f"{photos}_d", columns)
    for source in (frame, of.scan_odps(photos, blobs="files", client=client)):
        with pytest.raises(of.SchemaMismatch, match="are for columns of type BLOB"):
            of.to_odps(source, f"{photos}_d", client=client)


def test_copy_of_nested_and_large_blobs(client: LocalClient, table: str) -> None:
    columns = tuple(Column(name, parse_type(text)) for name, text in NESTED.items())
    client.create_table(table, TableSchema(columns))
    schema = of.scan_odps(table, client=client).arrow_schema.remove_metadata()
    rows = nested_rows("copy")
    rows[0]["album"] = [noise(6 << 20, "large"), None, b"small", noise(5 << 20, "alone")]
    source = pa.Table.from_pylist(rows, schema)
    of.to_odps(source, table, client=client)
    frame = of.read_odps(table, blobs="files", client=client)
    of.to_odps(frame, f"{table}_a", create=True, odps_types=NESTED_ONLY, client=client)
    scan = of.scan_odps(table, blobs="files", client=client)
    of.to_odps(scan, f"{table}_b", create=True, client=client)
    for copy in (f"{table}_a", f"{table}_b"):
        found = of.scan_odps(copy, blobs="bytes", client=client).to_arrow().sort_by("id")
        assert found.to_pylist() == source.to_pylist()


NESTED_ONLY = {name: text for name, text in NESTED.items() if name != "id"}


def test_a_copy_keeps_what_was_said_of_a_blob(client: LocalClient, table: str) -> None:
    config = client.config
    names = ("endpoint", "project", "access_id", "secret_access_key")
    settings: Any = {name: getattr(config, name) for name in names}
    third = of.Client(of.Config(**settings, api_version="3"))
    large = noise(5 << 20)
    cells = [
        of.Blob(b"x", mime_type="image/png", file_name="ü.png"),
        of.Blob(large, mime_type="image/gif", file_name="b.gif"),
    ]
    frame = pd.DataFrame({"id": [1, 2], "photo": cells})
    of.to_odps(frame, table, create=True, client=third)
    files = of.read_odps(table, blobs="files", client=third)
    of.to_odps(files, f"{table}_copy", create=True, client=third)
    again: Any = of.Blob(files["photo"][1], file_name="c.gif")
    renamed = files.iloc[1:].assign(photo=[again])
    of.to_odps(renamed, f"{table}_copy", client=third)
    copied = of.read_odps(f"{table}_copy", client=third).sort_values("id", kind="stable")
    found = third.read_blobs(copied["photo"].tolist())
    assert [(f.mime_type, f.file_name, f.bytes) for f in found] == [
        ("image/png", "ü.png", b"x"),
        ("image/gif", "b.gif", large),
        ("image/gif", "c.gif", large),
    ]
    third.close()


def test_references_that_were_read_are_refused(client: LocalClient, photos: str) -> None:
    scan = of.scan_odps(photos, client=client)
    frame = scan.to_pandas()
    plain = pa.table({name: scan.to_arrow()[name].combine_chunks() for name in ("id", "photo")})
    objects = pd.DataFrame({"id": frame["id"], "photo": frame["photo"].astype(object)})
    for source in (scan, scan.to_arrow(), frame, plain, pl.from_arrow(plain), objects):
        with pytest.raises(of.SchemaMismatch, match=r"'photo' holds references that were read"):
            of.to_odps(source, photos, client=client)
    assert as_bytes(photos, client) == CONTENTS
    # As bytes of another column they are values like others.
    target = f"{photos}_refs"
    of.to_odps(scan.to_arrow(), target, create=True, client=client)
    assert of.scan_odps(target, client=client).to_arrow()["photo"].type == pa.binary()
    assert str(client.table(target).schema.column("photo").type) == "binary"


def test_references_of_another_service_are_refused_where_they_are_marked(
    client: LocalClient, photos: str, table: str
) -> None:
    with of.local() as other:
        other.create_table(table, {"id": "bigint", "photo": "blob"})
        for source in (of.read_odps(photos, client=client), of.scan_odps(photos, client=client)):
            with pytest.raises(of.SchemaMismatch, match=r"'photo' holds references"):
                of.to_odps(source, table, client=other)
        of.to_odps(of.scan_odps(photos, blobs="files", client=client), table, client=other)
        found = of.scan_odps(table, blobs="bytes", client=other).to_arrow().sort_by("id")
        assert found["photo"].to_pylist() == CONTENTS


def test_contents_that_look_like_references_are_contents(client: LocalClient, table: str) -> None:
    cells = [b"token-0123456789abcdef", b"blob-00000000000000000000000000000000"]
    frame = pd.DataFrame({"id": [1, 2], "photo": cells})
    of.to_odps(frame, table, create=True, odps_types=TYPES, client=client)
    assert as_bytes(table, client) == cells
    frame = of.read_odps(table, blobs="bytes", client=client)
    of.to_odps(frame, table, mode="overwrite", client=client)
    assert as_bytes(table, client) == cells


def test_blobs_of_a_table_with_a_primary_key(client: LocalClient, table: str) -> None:
    frame = pd.DataFrame({"id": [1, 2, 3, 1], "photo": [b"one", None, b"three", b"uno"]})
    how: Any = {"mode": "upsert", "client": client}
    of.to_odps(frame, table, create=True, primary_key="id", odps_types=TYPES, **how)
    assert as_bytes(table, client) == [b"uno", None, b"three"]
    more = pd.DataFrame(
        {"id": [2, 3], "photo": [io.BytesIO(b"two"), None], "__operation": ["U", "D"]}
    )
    of.to_odps(lambda: more, table, **how)
    assert as_bytes(table, client) == [b"uno", b"two"]
    files = of.scan_odps(table, blobs="files", client=client)
    copy = f"{table}_copy"
    of.to_odps(files, copy, create=True, primary_key="id", **how)
    assert as_bytes(copy, client) == [b"uno", b"two"]


def test_small_blobs_travel_together_and_large_ones_alone(client: LocalClient, table: str) -> None:
    client.create_table(table, {"id": "bigint", "photo": "blob"})
    cells = [noise(1000, str(number)) for number in range(300)]
    cells[100] = noise(5 << 20)
    rows = pa.table({"id": range(300), "photo": cells})
    start = len(client.service.requests)
    of.to_odps(rows, table, n_streams=2, client=client)
    assert operations(client, start).count("TableWriteBlob") == 3
    start = len(client.service.requests)
    assert as_bytes(table, client) == cells
    assert operations(client, start).count("BlobRead") == 2
    start = len(client.service.requests)
    of.to_odps(of.scan_odps(table, blobs="files", client=client), table, client=client)
    assert operations(client, start).count("BlobRead") <= 5


def test_a_dry_run_uploads_nothing(client: LocalClient, photos: str) -> None:
    start = len(client.service.requests)
    frame = of.read_odps(photos, blobs="files", client=client)
    plan = of.to_odps(frame, photos, dry_run=True, client=client)
    assert plan.rows == 4
    assert not {"BlobRead", "TableWriteBlob"} & set(operations(client, start))


def test_what_fails_leaves_nothing(client: LocalClient, photos: str) -> None:
    class Broken(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any, /) -> int:  # noqa: ARG002  it is not reached
            raise OSError("the disk is gone")

    frame = pd.DataFrame({"id": [5, 6], "photo": [b"five", Broken()]})
    with pytest.raises(OSError, match="the disk is gone"):
        of.to_odps(frame, photos, client=client)
    with pytest.raises(OSError, match="the disk is gone"):
        of.to_odps(frame, f"{photos}_new", create=True, odps_types=TYPES, client=client)
    assert as_bytes(photos, client) == CONTENTS
    assert not client.exists(f"{photos}_new")
    assert not [thread for thread in threading.enumerate() if "blobs" in thread.name]

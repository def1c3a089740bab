"""Blobs and their two kinds of references."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.model.blob import (
    Blob,
    BlobRef,
    Checksum,
    StagedBlob,
    blob_column_ids,
    blob_paths,
)
from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.types import parse_type
from odps_frames.wire.schema import write_schema_of

STAGED = StagedBlob(cell=b"\xff\x00", session_id="s", column="photo", size=3)


@given(st.text(min_size=1))
def test_a_reference_is_read_from_text_and_bytes(text: str) -> None:
    try:
        content = text.encode()
    except UnicodeEncodeError:
        return
    for given_as in (text, content, bytearray(content), memoryview(content), BlobRef(text)):
        assert BlobRef.parse(given_as) == BlobRef(text)
    assert str(BlobRef(text)) == text


@pytest.mark.parametrize("wrong", ["", b"", b"\xff\xfe", b"ref\x80", "ref\ud800"])
def test_what_is_no_reference_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="not a blob reference"):
        BlobRef.parse(wrong)


@pytest.mark.parametrize("wrong", [None, 3, object()])
def test_what_cannot_be_a_reference_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="not a blob reference"):
        BlobRef.parse(wrong)


@pytest.mark.parametrize("name", ["column", "mime_type", "file_name"])
def test_what_is_said_of_a_blob_is_text(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name}=b'x'; expected text"):
        Blob(b"x", **{name: b"x"})  # type: ignore[arg-type]  # the point


@pytest.mark.parametrize("size", [-1, 1.0, "1", True])
def test_a_size_is_a_number_of_bytes(size: Any) -> None:
    with pytest.raises(ValueError, match="expected a number of bytes"):
        Blob(b"x", size=size)


def test_the_reference_of_an_upload_is_none_for_readers() -> None:
    wrong: Any = STAGED
    with pytest.raises(TypeError, match="reference of an upload"):
        BlobRef.parse(wrong)


@pytest.mark.parametrize("value", [STAGED, BlobRef("r"), Blob(b"x", column="c")])
def test_values_travel_and_stay_as_they_are(value: Any) -> None:
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301  our own
    name = dataclasses.fields(value)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, name, None)


def test_a_checksum_may_be_given_by_its_name() -> None:
    by_name: Any = "md5"
    assert Blob(b"x", column="c", checksum=by_name).checksum is Checksum.MD5
    assert Blob(b"x", column="c").checksum is Checksum.CRC32
    wrong: Any = "sha1"
    with pytest.raises(ValueError, match="sha1"):
        Blob(b"x", column="c", checksum=wrong)


def test_wrong_data_is_refused() -> None:
    path: Any = "photo.png"
    with pytest.raises(TypeError, match=r"expected bytes, a binary file or a pathlib\.Path"):
        Blob(path, column="c")
    with pytest.raises(ValueError, match="size=-1"):
        Blob(b"", column="c", size=-1)


@pytest.mark.parametrize(
    ("type_", "paths"),
    [
        ("bigint", ()),
        ("blob", ("c",)),
        ("array<blob>", ("c.element",)),
        ("map<blob,array<blob>>", ("c.key", "c.value.element")),
        ("struct<a:string,b:struct<d:blob,e:map<string,blob>>>", ("c.b.d", "c.b.e.value")),
        ("array<string>", ()),
    ],
)
def test_blobs_are_found_in_types(type_: str, paths: tuple[str, ...]) -> None:
    found = parse_type(type_)
    assert blob_paths("c", found) == paths
    schema = write_schema_of(TableSchema((Column("c", found),)))
    assert tuple(blob_column_ids(schema)) == paths


def test_blobs_are_numbered_as_the_write_schema_does() -> None:
    columns = {"id": "bigint", "b": "blob", "arr": "array<struct<f1:string,f2:blob>>"}
    schema = TableSchema(tuple(Column(name, parse_type(kind)) for name, kind in columns.items()))
    assert blob_column_ids(write_schema_of(schema)) == {"b": 2, "arr.element.f2": 6}

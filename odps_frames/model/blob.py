"""Blobs: values of any size that a table holds by reference (protocol.md §11).

A blob has two references in its life, and they are two types. What an upload gives is a
``StagedBlob``: bytes for the BLOB column of a batch that goes into the same write session. At the
commit the service writes another reference into the table; readers see that one, a ``BlobRef``.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO, Self, TypeAlias

from odps_frames.model.types import ArrayType, Kind, MapType, PrimitiveType, StructType

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from typing_extensions import Buffer

    from odps_frames.model.table import Partition
    from odps_frames.model.types import DataType
    from odps_frames.model.write_schema import WriteColumn, WriteSchema

__all__ = [
    "Blob",
    "BlobData",
    "BlobReceipt",
    "BlobRef",
    "Checksum",
    "StagedBlob",
    "blob_column_ids",
    "blob_paths",
]


BlobData: TypeAlias = "Buffer | BinaryIO | Path"
"""The bytes, a binary file that is read from where it stands, or the path of a file."""


class Checksum(StrEnum):
    """How the service can tell that a blob came whole."""

    NONE = "none"
    CRC32 = "crc32"
    MD5 = "md5"


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob to be uploaded.

    Data is never read before it is sent, and only as it is sent. A file object is read from where
    it stands to its end; it can be sent again after a failure only when it can seek.
    """

    data: BlobData
    _: KW_ONLY
    column: str | None = None
    """Where it belongs: ``photo``, ``album.element``, ``meta.value``, ``info.photo``. Not said of
    a blob that stands in a cell of a frame."""
    partition: str | Mapping[str, object] | Partition | None = None
    """The partition of its row, where the table has partitions."""
    distribution_key: Mapping[str, object] | bytes | None = None
    """Primary key of its row: values by column, or an Arrow IPC stream of one row of them."""
    mime_type: str | None = None
    file_name: str | None = None
    """The name that readers are told; only in API version 3."""
    checksum: Checksum = Checksum.CRC32
    size: int | None = None
    """Bytes from where the data stands; needed for a file object that cannot seek."""

    def __post_init__(self) -> None:
        if isinstance(self.data, str):
            msg = f"data={self.data[:80]!r}; expected bytes, a binary file or a pathlib.Path"
            raise TypeError(msg)
        size = self.size
        whole = size is None or (isinstance(size, int) and not isinstance(size, bool))
        if not whole or (size is not None and size < 0):
            msg = f"size={size!r}; expected a number of bytes, or None to have it measured"
            raise ValueError(msg)
        for name in ("column", "mime_type", "file_name"):
            said = getattr(self, name)
            if said is not None and not isinstance(said, str):
                msg = f"{name}={said!r}; expected text"
                raise TypeError(msg)
        object.__setattr__(self, "checksum", Checksum(self.checksum))


@dataclass(frozen=True, slots=True)
class BlobRef:
    """A reference out of a table: what a BLOB column holds for readers."""

    text: str

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text:
            msg = f"not a blob reference: {self.text!r}; expected text that is not empty"
            raise ValueError(msg)
        try:
            self.text.encode()
        except UnicodeEncodeError:
            msg = f"not a blob reference: {self.text[:80]!r} is no Unicode text"
            raise ValueError(msg) from None

    @classmethod
    def parse(cls, reference: BlobRef | str | Buffer) -> Self:
        """Take a reference as a BLOB column holds it.

        Raises
        ------
        ValueError
            When it is empty, or no UTF-8, as references of uploads may be.
        TypeError
            When it is a ``StagedBlob``: nobody can read a blob before the commit.
        """
        if isinstance(reference, BlobRef):
            return cls(reference.text)
        if isinstance(reference, str):
            return cls(reference)
        if isinstance(reference, StagedBlob):
            msg = (
                f"{reference!r} is the reference of an upload; write it into a BLOB column, "
                "commit, and read the reference that the table then holds"
            )
            raise TypeError(msg)
        try:
            content = bytes(memoryview(reference))
        except TypeError:
            msg = f"not a blob reference: {reference!r}; expected text or bytes of a BLOB column"
            raise TypeError(msg) from None
        try:
            return cls(content.decode())
        except UnicodeDecodeError:
            msg = (
                f"not a blob reference: {content[:80]!r} is no UTF-8; expected what a BLOB column "
                "holds after the commit, not the reference of an upload"
            )
            raise ValueError(msg) from None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedBlob:
    """A blob that a write session holds; its reference is good in batches of that session only."""

    cell: bytes
    """What goes into the BLOB column of a batch, as it is."""
    session_id: str
    column: str
    """The path that it was uploaded for."""
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobReceipt:
    """What the service says of an upload: references as bytes, in the order of the blobs."""

    refs: tuple[bytes, ...]
    n_bytes: int | None = None
    md5: str | None = None
    """Of the plain bytes, in hexadecimal digits; only for a blob that is uploaded by itself."""


def blob_paths(name: str, type_: DataType) -> tuple[str, ...]:
    """Return the paths of the blobs inside a column: as ``name.element``."""
    match type_:
        case PrimitiveType(kind=Kind.BLOB):
            return (name,)
        case ArrayType(element=element):
            return blob_paths(f"{name}.element", element)
        case MapType(key=key, value=value):
            return blob_paths(f"{name}.key", key) + blob_paths(f"{name}.value", value)
        case StructType(fields=fields):
            return tuple(
                path for field in fields for path in blob_paths(f"{name}.{field.name}", field.type)
            )
        case _:
            return ()


def blob_column_ids(schema: WriteSchema) -> dict[str, int]:
    """Return the numbers of the blobs in a write schema, by their paths (protocol.md §11.4)."""
    found: dict[str, int] = {}

    def walk(column: WriteColumn, path: str) -> None:
        if column.type == PrimitiveType(Kind.BLOB) and column.column_id is not None:
            found[path] = column.column_id
        for child in column.children:
            walk(child, f"{path}.{_part(column.type, child)}")

    for column in schema.columns:
        walk(column, column.name)
    return found


def _part(parent: DataType, child: WriteColumn) -> str:
    """The name of a member; the element of an array may be called anything in a schema."""
    return "element" if isinstance(parent, ArrayType) else child.name

"""Cells of a BLOB column that are objects of Python: bytes, paths, files, and blobs elsewhere.

Arrow has no form for them. A column of them travels as numbers, of a type of its own, and who
uploads the blobs asks for the object that each number stands for. So nothing is read, or copied,
before it is sent.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from odps_frames.convert.misfit import Misfit, show
from odps_frames.model.blob import Blob, BlobRef, StagedBlob

if TYPE_CHECKING:
    from odps_frames.convert.untyped import AnyArray

__all__ = ["AMBIGUOUS_TEXT", "BLOB_CELL", "BlobCellType", "BlobCells", "Reopenable", "is_blob_kind"]

AMBIGUOUS_TEXT = (
    "text may be a path, a reference or the content of a blob: give a pathlib.Path, a blob that "
    "was read with blobs='files', or the bytes, as of .encode()"
)
_EXPECTED = "a blob is given as bytes, a pathlib.Path, a binary file or a Blob of one of these"


class BlobCellType(pa.ExtensionType):
    """The Arrow type of numbers that stand for cells."""

    def __init__(self) -> None:
        super().__init__(pa.int64(), "odps_frames.blob_cell")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    def __hash__(self) -> int:
        return hash(self.extension_name)

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: object, serialized: bytes) -> BlobCellType:
        return cls()


BLOB_CELL = BlobCellType()
pa.register_extension_type(BLOB_CELL)  # type: ignore[arg-type]  # the stubs know fewer types


class Reopenable:
    """A blob that is somewhere else, and can be opened as often as need be."""

    __slots__ = ()


def is_blob_kind(type_: type) -> bool:
    """Tell whether a value of a class, in a column that says no more, can only be a blob."""
    return issubclass(type_, Blob | Reopenable | StagedBlob | BlobRef) or hasattr(type_, "read")


class BlobCells:
    """The objects of the columns of one write."""

    def __init__(self) -> None:
        self._cells: dict[int, Any] = {}
        self._n_cells = 0
        self._once: dict[int, object] = {}

    def take(self, number: int) -> Any:  # noqa: ANN401  what the caller had there
        """Return an object, and keep it no longer."""
        return self._cells.pop(number)

    def numbered(self, values: AnyArray) -> AnyArray:
        """Return an array of numbers for objects, none of which is missing.

        Raises
        ------
        Misfit
            For an object that is no blob, a file that is not there, or one that stands twice.
        """
        if not set(map(type, values)) <= {bytes}:
            for position, value in enumerate(values):
                why = self._refusal(value)
                if why is not None:
                    raise Misfit(position, show(value), why)
        start, self._n_cells = self._n_cells, self._n_cells + len(values)
        self._cells.update(zip(range(start, self._n_cells), values, strict=True))
        numbers: AnyArray = pa.array(range(start, self._n_cells), pa.int64())
        return pa.ExtensionArray.from_storage(BLOB_CELL, numbers)

    def _refusal(self, value: Any) -> str | None:  # noqa: ANN401  whatever stands there
        if isinstance(value, Blob):
            said = (value.column, value.partition, value.distribution_key)
            if any(part is not None for part in said):
                return (
                    "its column, partition and distribution_key are those of the cell; leave them"
                )
            value = value.data
        match value:
            case bytes() | bytearray() | memoryview() | pa.Buffer() | Reopenable():
                return None
            case str():
                return AMBIGUOUS_TEXT
            case os.PathLike():
                return None if Path(value).is_file() else "there is no such file"
            case StagedBlob():
                return (
                    "it belongs to another write session, for to_odps has its own: give the data "
                    "itself, or write the rows through that session"
                )
            case BlobRef():
                return (
                    "nobody can write a reference that was read; read the blob, with blobs='files' "
                    "or blobs='bytes', and write that"
                )
            case _:
                return self._refuse_file(value) if hasattr(value, "read") else _EXPECTED

    def _refuse_file(self, file: Any) -> str | None:  # noqa: ANN401  anything with read()
        if isinstance(file, io.TextIOBase):
            return "it is open as text; open it as bytes, with open(…, 'rb')"
        if getattr(file, "closed", False):
            return "it is closed; give its path, or open it"
        if id(file) in self._once:
            return "the same open file stands twice, and is read once; give its path instead"
        self._once[id(file)] = file
        return None

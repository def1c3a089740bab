"""What a scan makes of the blobs in its rows: references, their bytes, or files to be opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.convert.blobs import has_blobs
from odps_frames.read.blob_bytes import BlobLimits, with_bytes
from odps_frames.read.stored_blob import StoredBlob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from odps_frames.model.schema import Column
    from odps_frames.read.blob_bytes import ReadBlobs
    from odps_frames.read.stored_blob import BlobSite
    from odps_frames.scan_options import BlobsOption, ScanOptions

__all__ = [
    "REFERENCES",
    "delivered",
    "file_maker",
    "marked",
    "refuse_files",
    "shown_blobs",
]

REFERENCES: dict[bytes | str, bytes | str] = {b"odps_frames.blobs": b"refs"}
"""Says of a column of Arrow that it holds references, which nobody may take for contents."""


def blob_columns(columns: tuple[Column, ...]) -> tuple[str, ...]:
    """Name the columns that are blobs, or have some inside."""
    return tuple(column.name for column in columns if has_blobs(column.type))


def refuse_files(columns: tuple[Column, ...], blobs: BlobsOption) -> None:
    """Refuse to make Arrow of files.

    Raises
    ------
    ValueError
        Where there are any.
    """
    found = blob_columns(columns)
    if blobs == "files" and found:
        msg = (
            f"blobs='files' of {list(found)} in Arrow, which has no objects; read them into "
            "pandas, or take blobs='bytes', or 'refs' for client.read_blobs(…)"
        )
        raise ValueError(msg)


def marked(schema: pa.Schema, columns: tuple[Column, ...], blobs: BlobsOption) -> pa.Schema:
    """Return the schema with a mark at columns of references."""
    names = set(blob_columns(columns)) if blobs == "refs" else set()
    if not names:
        return schema
    return pa.schema(
        [field.with_metadata(REFERENCES) if field.name in names else field for field in schema]
    )


def delivered(
    batches: Iterator[pa.RecordBatch],
    columns: tuple[Column, ...],
    read: ReadBlobs,
    options: ScanOptions,
) -> Iterator[pa.RecordBatch]:
    """Put the bytes of blobs in the places of their references, where they are asked for."""
    if options.blobs != "bytes" or not blob_columns(columns):
        return batches
    return with_bytes(batches, columns, read, BlobLimits(total_bytes=options.max_bytes))


def shown_blobs(columns: tuple[Column, ...], blobs: BlobsOption) -> dict[str, str]:
    """Tell of each column with blobs what it holds in their places."""
    return dict.fromkeys(blob_columns(columns), blobs)


def file_maker(site: BlobSite, blobs: BlobsOption) -> Callable[[bytes], object] | None:
    """Return what makes files of references, where these are asked for."""
    if blobs != "files":
        return None
    return lambda reference: StoredBlob(reference, site)

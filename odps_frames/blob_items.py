"""Cells that are blobs, made ready to be sent: small ones in groups, large ones by themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from odps_frames.model.blob import Blob
from odps_frames.read.stored_blob import StoredBlob, open_remote
from odps_frames.write.blob_source import BlobSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from odps_frames.model.table import Partition

__all__ = ["BlobItem", "Ready", "grouped", "made_ready"]

SMALL_BYTES = 4 << 20
"""A larger blob travels alone."""
GROUP_BLOBS = 256
GROUP_BYTES = 8 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobItem:
    """A cell."""

    number: int
    """Among all cells of a batch."""
    value: Any
    path: str
    partition: Partition | None
    distribution_key: dict[str, object] | None


@dataclass(frozen=True, slots=True)
class Ready:
    """A blob that can be sent at once, and to which cell it belongs."""

    number: int
    blob: Blob
    size: int | None

    @property
    def small(self) -> bool:
        """Whether it may travel with others."""
        return self.size is not None and self.size <= SMALL_BYTES


def made_ready(items: Iterable[BlobItem]) -> Iterator[Ready]:
    """Yield what is to be sent, in order; blobs of other tables are fetched, many in a request."""
    waiting: list[BlobItem] = []
    for item in items:
        if isinstance(item.value, StoredBlob):
            if waiting and (
                waiting[0].value.site is not item.value.site or len(waiting) == GROUP_BLOBS
            ):
                yield from _fetched(waiting)
                waiting = []
            waiting.append(item)
            continue
        yield from _fetched(waiting)
        waiting = []
        yield _own(item)
    yield from _fetched(waiting)


def grouped(blobs: Iterable[Ready]) -> Iterator[list[Ready]]:
    """Put small blobs together; no more of them than one group are held."""
    group: list[Ready] = []
    n_bytes = 0
    for ready in blobs:
        if not ready.small:
            yield [ready]
            continue
        size = ready.size or 0
        if group and (len(group) == GROUP_BLOBS or n_bytes + size > GROUP_BYTES):
            yield group
            group, n_bytes = [], 0
        group.append(ready)
        n_bytes += size
    if group:
        yield group


def _own(item: BlobItem) -> Ready:
    """A blob whose data is here."""
    value = item.value
    if isinstance(value, Blob) and isinstance(value.data, StoredBlob):
        stored = next(_fetched([replace(item, value=value.data)]))
        told = replace(
            stored.blob,
            mime_type=value.mime_type or stored.blob.mime_type,
            file_name=value.file_name or stored.blob.file_name,
            checksum=value.checksum,
        )
        return replace(stored, blob=told)
    blob = value if isinstance(value, Blob) else Blob(value)
    size = BlobSource(blob.data, blob.size).size
    return Ready(item.number, _placed(blob, item), size)


def _fetched(items: list[BlobItem]) -> Iterator[Ready]:
    """Blobs of other tables: the bytes of small ones, and streams of the others.

    They are asked for together: one request brings many.
    """
    start = 0
    while start < len(items):
        refs = [item.value.ref for item in items[start:]]
        files = items[start].value.site.read_blobs(refs)
        for item in items[start:]:
            start += 1
            file = next(files)
            told = Blob(
                open_remote(item.value, file.size),
                size=file.size,
                mime_type=file.mime_type,
                file_name=file.file_name,
            )
            ready = Ready(item.number, _placed(told, item), file.size)
            if not ready.small:
                del files, file  # the rest of the answer would bring all of it a first time
                yield ready
                break
            yield replace(ready, blob=replace(ready.blob, data=file.bytes))


def _placed(blob: Blob, item: BlobItem) -> Blob:
    return replace(
        blob,
        column=item.path,
        partition=item.partition,
        distribution_key=item.distribution_key,
    )

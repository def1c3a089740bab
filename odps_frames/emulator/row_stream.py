"""Rows as the body of an answer: batches of the size asked for, compressed if asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.wire.arrow_stream import END_MARK
from odps_frames.wire.compression import compressed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa
    from typing_extensions import Buffer

    from odps_frames.emulator.shaping import Shape
    from odps_frames.wire.compression import Compression

__all__ = ["resized", "stream_pieces", "without_end_mark"]


def resized(
    batches: Iterable[pa.RecordBatch], max_rows: int, max_bytes: int | None
) -> Iterator[pa.RecordBatch]:
    """Cut batches to at most so many rows, and so many bytes where a single row allows it."""
    for batch in batches:
        for start in range(0, batch.num_rows, max_rows):
            part = batch.slice(start, max_rows)
            yield from [part] if max_bytes is None else _halved(part, max_bytes)


def _halved(batch: pa.RecordBatch, max_bytes: int) -> Iterator[pa.RecordBatch]:
    if batch.num_rows <= 1 or batch.nbytes <= max_bytes:
        yield batch
        return
    middle = batch.num_rows // 2
    yield from _halved(batch.slice(0, middle), max_bytes)
    yield from _halved(batch.slice(middle), max_bytes)


def stream_pieces(
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    compression: Compression,
    shape: Shape,
) -> Iterator[Buffer]:
    """Yield the bytes of the stream; the body as a whole is one compressed frame."""
    pieces = shape.arrow(schema, batches)
    if compression.ipc_codec is None:
        return pieces
    return compressed(pieces, compression.ipc_codec)


def without_end_mark(pieces: Iterable[Buffer]) -> Iterator[Buffer]:
    """Yield all but the last bytes, which say that a stream is whole."""
    kept = b""
    for piece in pieces:
        data = kept + bytes(piece)
        yield data[: -len(END_MARK)]
        kept = data[-len(END_MARK) :]

"""Arrow IPC streams: bytes to batches and back, and never a short stream taken for a whole one.

pyarrow accepts a stream that ends between two messages, whatever rows are missing. So the
reader here watches the bytes that Arrow takes: a stream is complete when its last eight are
the end mark, nothing follows it, and the body's own framing agrees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from odps_frames.errors import CorruptStream, IncompleteRead, OdpsError
from odps_frames.wire.compression import as_file
from odps_frames.wire.ipc_message import plain_bytes_fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from typing_extensions import Buffer

    from odps_frames.wire.http import BodyReader

__all__ = ["END_MARK", "ArrowStreamReader", "encode_stream", "impossible_types"]

END_MARK = b"\xff\xff\xff\xff\x00\x00\x00\x00"
MAX_MESSAGE_BYTES = 2 << 30
MAX_BATCH_ROWS = 1 << 24
"""More rows in one batch than any reader asks for: a claim that only a broken stream makes."""


class ArrowStreamReader:
    """The batches of one body, in order.

    Parameters
    ----------
    body : BodyReader
        Plain bytes of an IPC stream.
    validate : bool
        Check every batch in full, so that broken bytes raise and never crash the process.
    max_message_bytes, max_batch_rows : int
        Claims above these raise before any memory is taken.

    Raises
    ------
    IncompleteRead
        When the stream ends before its end mark.
    CorruptStream
        When the bytes are not such a stream, or anything follows the end mark.
    """

    def __init__(
        self,
        body: BodyReader,
        *,
        validate: bool = True,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        max_batch_rows: int = MAX_BATCH_ROWS,
    ) -> None:
        self._source = _Source(body, max_message_bytes)
        self._validate = validate
        self._max_batch_rows = max_batch_rows
        self._stream: pa.RecordBatchStreamReader | None = None

    @property
    def schema(self) -> pa.Schema:
        """The schema that the stream begins with."""
        return self._open().schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches; ending without an exception means that the stream was complete."""
        stream = self._open()
        while True:
            try:
                batch = stream.read_next_batch()
            except StopIteration:
                break
            except (pa.ArrowException, OSError) as error:
                raise self._explain(error) from error
            self._check(batch)
            yield batch
        self._source.finish()

    def _open(self) -> pa.RecordBatchStreamReader:
        if self._stream is None:
            try:
                stream = pa.ipc.open_stream(as_file(self._source, "r"))
                impossible = impossible_types(stream.schema)
            except UnicodeDecodeError as error:
                msg = f"the schema of the stream holds a name that is not UTF-8: {error}"
                raise CorruptStream(msg) from error
            except (pa.ArrowException, OSError) as error:
                raise self._explain(error) from error
            if impossible is not None:
                msg = f"the schema of the stream has an impossible type: {impossible}"
                raise CorruptStream(msg)
            self._stream = stream
        return self._stream

    def _check(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows > self._max_batch_rows:
            msg = f"a batch claims {batch.num_rows} rows; expected at most {self._max_batch_rows}"
            raise CorruptStream(msg)
        if self._validate:
            try:
                batch.validate(full=True)
            except (pa.ArrowException, UnicodeDecodeError) as error:
                msg = f"a batch of {batch.num_rows} rows is not valid: {error}"
                raise CorruptStream(msg) from error

    def _explain(self, error: Exception) -> OdpsError:
        if isinstance(error, OdpsError):
            return error
        if self._source.ended:
            return IncompleteRead(f"the stream ended inside a message: {error}")
        return CorruptStream(f"the body is not an Arrow stream: {error}")


def impossible_types(schema: pa.Schema) -> str | None:
    """Name the first column whose type no value can have, with that type; None means none.

    A decimal needs 0 <= scale <= precision. Arrow checks neither types nor values for it, and
    casts of a decimal with an absurd scale read memory that is not theirs.
    """
    for field in schema:
        found = _impossible(field.type)
        if found is not None:
            return f"column {field.name!r} holds {found}; expected 0 <= scale <= precision"
        _ = field.name  # decodes it: one that is not UTF-8 must not fail later
    return None


def _impossible(kind: pa.DataType) -> pa.DataType | None:
    """Return the first decimal in a type, at any depth, whose scale its precision forbids."""
    if isinstance(kind, pa.BaseExtensionType):
        return _impossible(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _impossible(kind.value_type)
    if pa.types.is_decimal(kind):
        return None if 0 <= kind.scale <= kind.precision else kind
    inner = [kind.field(place) for place in range(kind.num_fields)]
    for field in inner:
        _ = field.name
        found = _impossible(field.type)
        if found is not None:
            return found
    return None


class _Source:
    """A body as the file that pyarrow reads from: whole messages, and the last bytes kept."""

    closed = False

    def __init__(self, body: BodyReader, max_message_bytes: int) -> None:
        self._body = body
        self._max_message_bytes = max_message_bytes
        self._tail = b""
        self._head: pa.Buffer | None = None
        """Of the message whose body comes next."""
        self.ended = False
        """Whether the body ended before Arrow had what it asked for."""

    def read(self, n_bytes: int = -1) -> bytes:
        """Read the few bytes of a length or a mark."""
        self._head = None
        return bytes(self._fill(memoryview(bytearray(self._allowed(n_bytes)))))

    def read_buffer(self, n_bytes: int = -1) -> pa.Buffer:
        """Read a message into memory of pyarrow's own, which then decodes in place."""
        buffer = pa.allocate_buffer(self._allowed(n_bytes))
        filled = self._fill(memoryview(buffer).cast("B"))
        if len(filled) < buffer.size:
            return buffer.slice(0, len(filled))
        self._check(buffer)
        return buffer

    def _check(self, part: pa.Buffer) -> None:
        """Look at a head or a body before Arrow decodes it; a length comes before every head."""
        head, self._head = self._head, part
        if head is None:
            return
        try:
            fault = plain_bytes_fault(head, part, self._max_message_bytes)
        except ValueError as error:
            raise CorruptStream(str(error)) from error
        if fault is not None:
            raise CorruptStream(fault)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        """The body is closed by whoever opened it."""

    def finish(self) -> None:
        """Make sure that the stream, and then its body, came to their true ends."""
        if self._tail != END_MARK:
            raise IncompleteRead("the stream ended without its end mark")
        if self._body.readinto(memoryview(bytearray(1))):
            raise CorruptStream("bytes follow the end mark of the stream")

    def _allowed(self, n_bytes: int) -> int:
        if not 0 <= n_bytes <= self._max_message_bytes:
            msg = f"a message claims {n_bytes} bytes; expected at most {self._max_message_bytes}"
            raise CorruptStream(msg)
        return n_bytes

    def _fill(self, window: memoryview) -> memoryview:
        filled = 0
        while filled < len(window):
            got = self._body.readinto(window[filled:])
            if not got:
                self.ended = True
                break
            filled += got
        data = window[:filled]
        self._tail = (self._tail + bytes(data[-len(END_MARK) :]))[-len(END_MARK) :]
        return data


class _Sink:
    """Where pyarrow puts the pieces of a stream; the buffers of batches come uncopied."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[Buffer] = []

    def write(self, piece: Buffer) -> None:
        self._pieces.append(piece)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is held open."""

    def writable(self) -> bool:
        return True

    def take(self) -> list[Buffer]:
        taken, self._pieces = self._pieces, []
        return taken


def encode_stream(
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    *,
    codec: Literal["lz4", "zstd"] | None = None,
) -> Iterator[Buffer]:
    """Yield the bytes of an IPC stream, in pieces as they come; small pieces are joined.

    ``codec`` compresses the buffers inside the messages, which any reader of IPC understands.
    """
    sink = _Sink()
    options = pa.ipc.IpcWriteOptions(compression=codec)
    with pa.ipc.new_stream(as_file(sink, "w"), schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)
            yield from _joined(sink.take())
    yield from _joined(sink.take())


_LARGE_PIECE_BYTES = 64 * 1024


def _joined(pieces: list[Buffer]) -> Iterator[Buffer]:
    """Join runs of small pieces, so that each is not sent on its own; large ones pass."""
    small: list[bytes] = []
    size = 0
    for piece in pieces:
        view = memoryview(piece)
        if view.nbytes >= _LARGE_PIECE_BYTES:
            if small:
                yield b"".join(small)
                small, size = [], 0
            yield piece
            continue
        small.append(bytes(view))
        size += view.nbytes
        if size >= _LARGE_PIECE_BYTES:
            yield b"".join(small)
            small, size = [], 0
    if small:
        yield b"".join(small)

"""Records as rows: read one after the other, checked, and put into batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from crc32c import crc32c

from odps_frames.emulator.refusals import invalid, malformed
from odps_frames.emulator.tunnel.columns import record_type
from odps_frames.emulator.tunnel.cursor import Cursor, value_reader
from odps_frames.emulator.tunnel.record_values import VARINT, wire_type
from odps_frames.emulator.tunnel.record_writer import (
    CHECKSUM,
    COUNT,
    END_OF_RECORD,
    INDEX,
    WORD,
)
from odps_frames.emulator.tunnel.varints import signed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from odps_frames.model.schema import Column
    from odps_frames.wire.http import BodyReader

__all__ = ["read_records"]

BATCH_ROWS = 8192
BATCH_BYTES = 8 << 20
_WINDOW_BYTES = 1 << 18
MAX_RECORD_BYTES = 256 << 20
END_TAG = END_OF_RECORD << 3 | VARINT
COUNT_TAG = COUNT << 3 | VARINT
CHECKSUM_TAG = CHECKSUM << 3 | VARINT


def read_records(columns: Sequence[Column], body: BodyReader) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a body; ending without an exception means that it was complete.

    Raises
    ------
    ServiceError
        When the body is cut, a checksum is wrong, or the bytes cannot be records of such columns.
    """
    source = _Source(body)
    reader = _RecordReader(columns, source)
    schema = pa.schema([pa.field(column.name, record_type(column.type)) for column in columns])
    rows: list[list[object]] = []
    began = 0
    while (row := reader.next()) is not None:
        rows.append(row)
        if len(rows) >= BATCH_ROWS or source.position - began >= BATCH_BYTES:
            yield _batch(rows, columns, schema)
            rows, began = [], source.position
    if rows:
        yield _batch(rows, columns, schema)


def _batch(
    rows: list[list[object]], columns: Sequence[Column], schema: pa.Schema
) -> pa.RecordBatch:
    arrays = []
    for values, column, field in zip(zip(*rows, strict=True), columns, schema, strict=True):
        try:
            arrays.append(pa.array(values, field.type))
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            raise invalid(
                f"column {column.name!r} of type {column.type} cannot hold a value: {error}"
            ) from None
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


class _Source:
    """The bytes of a body, of which a cursor sees those that are not used up yet."""

    def __init__(self, body: BodyReader) -> None:
        self._body = body
        self._before = 0
        self.cursor = Cursor()

    @property
    def position(self) -> int:
        """How many bytes were used up."""
        return self._before + self.cursor.at

    def more(self, start: int) -> bool:
        """Add bytes, keeping those from ``start`` on; return False at the end."""
        kept = self.cursor.data[start:]
        if len(kept) > MAX_RECORD_BYTES:
            raise malformed(f"a record has more than {MAX_RECORD_BYTES} bytes")
        window = memoryview(bytearray(max(_WINDOW_BYTES, len(kept))))
        filled = 0
        while filled < len(window) and (got := self._body.readinto(window[filled:])):
            filled += got
        self._before += start
        self.cursor.data = kept + bytes(window[:filled])
        self.cursor.at = 0
        return filled > 0


class _RecordReader:
    """Reads the records of a source."""

    def __init__(self, columns: Sequence[Column], source: _Source) -> None:
        self._source = source
        self._columns = columns
        self._fields = {
            number << 3 | wire_type(column.type): (number, value_reader(column.type))
            for number, column in enumerate(columns, 1)
        }
        self._n_rows = 0
        self._overall = 0

    def next(self) -> list[object] | None:
        """Return the values of the next record, or None at the end of all."""
        cursor = self._source.cursor
        while True:
            start = cursor.at
            try:
                return self._record(cursor)
            except IndexError:
                if not self._source.more(start):
                    raise malformed("the records end before their count and checksum") from None

    def _record(self, cursor: Cursor) -> list[object] | None:
        cursor.checked.clear()
        row: list[object] = [None] * len(self._columns)
        seen: set[int] = set()
        while True:
            head = cursor.unsigned()
            field = self._fields.get(head)
            if field is None:
                break
            number, read = field
            if number in seen:
                raise malformed(f"a record has two values of column {number}")
            seen.add(number)
            cursor.checked += INDEX.pack(number)
            row[number - 1] = read(cursor)
        if head == COUNT_TAG and not seen:
            self._finish(cursor)
            return None
        if head != END_TAG:
            raise malformed(f"a record has a field of number {head >> 3} and form {head & 7}")
        expected, given = crc32c(cursor.checked), cursor.word()
        if given != expected:
            raise malformed(
                f"record {self._n_rows} has the checksum {given:#010x}; expected {expected:#010x}"
            )
        self._n_rows += 1
        self._overall = crc32c(WORD.pack(expected), self._overall)
        return row

    def _finish(self, cursor: Cursor) -> None:
        count = signed(cursor.unsigned())
        if cursor.unsigned() != CHECKSUM_TAG:
            raise malformed("the count of the records is not followed by their checksum")
        checksum = cursor.word()
        if count != self._n_rows:
            raise malformed(f"the body counts {count} records; there are {self._n_rows}")
        if checksum != self._overall:
            raise malformed(
                f"the records have the checksum {checksum:#010x}; expected {self._overall:#010x}"
            )
        if cursor.at < len(cursor.data) or self._source.more(cursor.at):
            raise malformed("bytes follow the end of the records")

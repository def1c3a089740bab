"""Rows as records: a field for each value, a checksum for each record and one for all."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from crc32c import crc32c

from odps_frames.emulator.tunnel.record_values import VARINT, encode_cells, wire_type
from odps_frames.emulator.tunnel.varints import encode_signed, encode_unsigned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa

    from odps_frames.model.types import DataType

__all__ = ["CHECKSUM", "COUNT", "END_OF_RECORD", "INDEX", "WORD", "encode_records"]

END_OF_RECORD = 33_553_408
COUNT, CHECKSUM = 33_554_430, 33_554_431
"""Numbers of the fields that end a record and a stream."""

INDEX = struct.Struct("<i")
WORD = struct.Struct("<I")
_STEP_ROWS = 2048


def encode_records(types: Sequence[DataType], batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """Write rows; fields are numbered from one, and NULLs are left out."""
    heads = [
        (_tag(number, wire_type(type_)), INDEX.pack(number))
        for number, type_ in enumerate(types, 1)
    ]
    end_of_record = _tag(END_OF_RECORD, VARINT)
    n_rows, overall = 0, 0
    for batch in batches:
        for start in range(0, batch.num_rows, _STEP_ROWS):
            step = batch.slice(start, _STEP_ROWS)
            columns = [
                encode_cells(column, type_)
                for column, type_ in zip(step.columns, types, strict=True)
            ]
            piece = bytearray()
            for row in zip(*columns, strict=True):
                checked = bytearray()
                for (head, index), cell in zip(heads, row, strict=True):
                    if cell is not None:
                        piece += head + cell[0]
                        checked += index + cell[1]
                checksum = crc32c(checked)
                overall = crc32c(WORD.pack(checksum), overall)
                piece += end_of_record + encode_unsigned(checksum)
            n_rows += step.num_rows
            yield bytes(piece)
    yield (
        _tag(COUNT, VARINT)
        + encode_signed(n_rows)
        + _tag(CHECKSUM, VARINT)
        + encode_unsigned(overall)
    )


def _tag(number: int, wire: int) -> bytes:
    """Write what a field begins with: its number and how its value is written."""
    return encode_unsigned(number << 3 | wire)

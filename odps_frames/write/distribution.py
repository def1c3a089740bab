"""The key by which blobs of a primary-key table find the bucket of their row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.convert.arrow import arrow_type
from odps_frames.wire.arrow_stream import encode_stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.model.write_schema import WriteSchema

__all__ = ["distribution_key"]


def distribution_key(row: Mapping[str, object] | bytes | None, schema: WriteSchema) -> bytes | None:
    """Return one row of the key columns as an Arrow IPC stream (protocol.md §11.2).

    Raises
    ------
    ValueError
        When the table has a key and there is no row, or the other way round, and when the row has
        other columns or a value that does not fit.
    """
    keys = [column for column in schema.columns if column.distribution_key]
    if row is None and keys:
        expected = ", ".join(column.name for column in keys)
        raise ValueError(f"distribution_key is missing; blobs of this table need one of {expected}")
    if row is None or isinstance(row, bytes):
        return row
    given = {name.lower(): value for name, value in row.items()}
    names = [column.name.lower() for column in keys]
    if not keys or set(given) != set(names):
        expected = ", ".join(column.name for column in keys) or "none: the table has no key"
        raise ValueError(f"distribution_key has {', '.join(row) or 'nothing'}; expected {expected}")
    arrays = []
    for column in keys:
        try:
            found = pa.array([given[column.name.lower()]], arrow_type(column.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
            raise ValueError(f"distribution_key[{column.name!r}]: {error}") from error
        if found.null_count:
            raise ValueError(f"distribution_key[{column.name!r}] is NULL; keys have values")
        arrays.append(found)
    batch = pa.RecordBatch.from_arrays(arrays, names=[column.name for column in keys])
    return b"".join(map(bytes, encode_stream(batch.schema, [batch])))

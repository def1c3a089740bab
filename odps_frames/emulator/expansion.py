"""Arrays that say the same bytes many times, which become many times as large when written out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from odps_frames.convert.untyped import pc
from odps_frames.emulator.refusals import malformed

if TYPE_CHECKING:
    from odps_frames.convert.untyped import AnyArray

__all__ = ["check_expansion"]

FREE_BYTES = 64 << 20
"""So much may come out of views, whatever their size."""
MAX_RATIO = 16
_VIEW_WORDS = 4
"""Of 32 bits; the first one is the length."""


def check_expansion(array: AnyArray) -> None:
    """Refuse views whose values are far larger together than the bytes that they refer to.

    Raises
    ------
    ServiceError
        When they are.
    """
    kind = array.type
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        expanded = _viewed_bytes(array)
    elif pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        n_elements = pc.sum(pc.list_value_length(array)).as_py() or 0
        expanded = n_elements * max(1, array.values.nbytes // max(1, len(array.values)))
    else:
        return
    held = array.get_total_buffer_size()
    if expanded > max(FREE_BYTES, MAX_RATIO * held):
        raise malformed(
            f"{held} bytes of a column of {kind} stand for {expanded}; expected at most "
            f"{MAX_RATIO} times as many"
        )


def _viewed_bytes(array: AnyArray) -> int:
    words = np.frombuffer(array.buffers()[1], np.int32)
    lengths = words[::_VIEW_WORDS][array.offset : array.offset + len(array)].astype(np.int64)
    return int(lengths[array.is_valid().to_numpy(zero_copy_only=False)].sum())

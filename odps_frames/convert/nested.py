"""Lists, maps and structs taken apart, converted by member, and put together again."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from odps_frames.convert.misfit import Misfit, require
from odps_frames.convert.untyped import pc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from odps_frames.convert.untyped import AnyArray, AnyType, Convert

__all__ = [
    "entry_types",
    "is_entries",
    "is_list",
    "is_nested",
    "moved",
    "rebuild_list",
    "rebuild_map",
    "rebuild_struct",
    "taken_apart",
]


def is_list(type_: AnyType) -> bool:
    """Tell whether a type is a list of any layout."""
    return (
        pa.types.is_list(type_)
        or pa.types.is_large_list(type_)
        or pa.types.is_fixed_size_list(type_)
        or pa.types.is_list_view(type_)
        or pa.types.is_large_list_view(type_)
    )


def is_nested(type_: AnyType) -> bool:
    """Tell whether a type is a list, a map or a struct."""
    return is_list(type_) or pa.types.is_map(type_) or pa.types.is_struct(type_)


def rebuild_list(array: AnyArray, convert: Convert, type_: AnyType) -> AnyArray:
    """Convert the elements of a list of any layout; the result is a plain list of ``type_``.

    Only elements that a list of the array holds are converted: not those outside a slice, nor
    what lies under a NULL.
    """
    offsets = _offsets(array)
    with moved(offsets):
        elements = convert(array.flatten())
    return pa.ListArray.from_arrays(offsets, elements, type=type_, mask=_nulls(array))


def is_entries(type_: AnyType) -> bool:
    """Tell whether a type is a list of {key, value}: what has no maps writes them so."""
    entry = type_.value_type if is_list(type_) else None
    return (
        entry is not None
        and pa.types.is_struct(entry)
        and [entry.field(i).name for i in range(entry.num_fields)] == ["key", "value"]
    )


def entry_types(type_: AnyType) -> tuple[AnyType, AnyType]:
    """Return the types of keys and values of a map, or of a list of {key, value}."""
    if pa.types.is_map(type_):
        return type_.key_type, type_.item_type
    return type_.value_type.field(0).type, type_.value_type.field(1).type


def rebuild_map(array: AnyArray, key: Convert, value: Convert, type_: AnyType) -> AnyArray:
    """Convert the keys and values of a map, or of a list of {key, value}, to a map of ``type_``."""
    entries = _entries(array) if pa.types.is_map(array.type) else array
    offsets = _offsets(entries)
    with moved(offsets):
        keys, values = entries.flatten().flatten()
        require(keys, keys.is_valid(), "a key of a map cannot be NULL")
        keys, values = key(keys), value(values)
    return pa.MapArray.from_arrays(offsets, keys, values, type=type_, mask=_nulls(array))


def rebuild_struct(
    array: AnyArray, members: Sequence[tuple[int, Convert]], type_: AnyType
) -> AnyArray:
    """Convert members of a struct, each given by its place in ``array``, in the order of ``type_``.

    A member of a NULL struct counts as NULL, whatever lies there.
    """
    flat = array.flatten()
    children = [convert(flat[place]) for place, convert in members]
    fields = [type_.field(i) for i in range(type_.num_fields)]
    return pa.StructArray.from_arrays(children, fields=fields, mask=_nulls(array))


def taken_apart(array: AnyArray) -> tuple[list[AnyArray], AnyArray]:
    """Return the members of a list, map or struct, those that `rebuild_…` converts, in order.

    For a list or a map also how many of them each value has, as a numpy array.
    """
    if pa.types.is_struct(array.type):
        return array.flatten(), None
    lists = _entries(array) if pa.types.is_map(array.type) else array
    elements = lists.flatten()
    members = elements.flatten() if pa.types.is_map(array.type) else [elements]
    return members, np.diff(_offsets(lists).to_numpy())


def _entries(array: AnyArray) -> AnyArray:
    """Make a map a list of {key, value}: kernels for lists refuse maps, or abort on them.

    A cast would do, but for children of NULL only, which it cuts short (pyarrow 26).
    """
    offsets = array.offsets
    start, stop = offsets[0].as_py(), offsets[-1].as_py()
    members = [child.slice(start, stop - start) for child in (array.keys, array.items)]
    entries = pa.StructArray.from_arrays(members, names=["key", "value"])
    return pa.ListArray.from_arrays(pc.subtract(offsets, start), entries, mask=_nulls(array))


def _offsets(array: AnyArray) -> AnyArray:
    """Offsets of the flattened elements, counted from 0 also where the array is a slice."""
    lengths = pc.fill_null(pc.list_value_length(array), 0)
    ends = pc.cumulative_sum(lengths.cast(pa.int64())).cast(pa.int32())
    return pa.concat_arrays([pa.array([0], pa.int32()), ends])


def _nulls(array: AnyArray) -> AnyArray | None:
    return array.is_null() if array.null_count else None


@contextmanager
def moved(offsets: AnyArray) -> Iterator[None]:
    """Move the position of a misfit from the flattened elements to the list that holds it."""
    try:
        yield
    except Misfit as misfit:
        beyond = pc.greater(offsets.slice(1), misfit.position)
        misfit.position = pc.index(beyond, pa.scalar(value=True)).as_py()
        raise

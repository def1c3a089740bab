"""Lists, maps and structs taken apart, converted by member, and put together again."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.convert.misfit import Misfit
from odps_frames.convert.untyped import pc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from odps_frames.convert.untyped import AnyArray, AnyType, Convert

__all__ = ["is_list", "is_nested", "rebuild_list", "rebuild_map", "rebuild_struct"]


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
    array = _plain(array)
    with _moved(lambda: pc.list_parent_indices(array)):
        elements = convert(array.flatten())
    return pa.ListArray.from_arrays(_offsets(array), elements, type=type_, mask=_nulls(array))


def rebuild_map(array: AnyArray, key: Convert, value: Convert, type_: AnyType) -> AnyArray:
    """Convert the keys and values of a map."""
    found = array.type
    entry = pa.struct([pa.field("key", found.key_type), pa.field("value", found.item_type)])
    entries = array.cast(pa.list_(entry))  # list kernels refuse maps, and two abort (pyarrow 26)
    keys, values = entries.flatten().flatten()
    with _moved(lambda: pc.list_parent_indices(entries)):
        keys, values = key(keys), value(values)
    return pa.MapArray.from_arrays(_offsets(entries), keys, values, type=type_, mask=_nulls(array))


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


def _plain(array: AnyArray) -> AnyArray:
    type_ = array.type
    if pa.types.is_list_view(type_):
        return array.cast(pa.list_(type_.value_field))
    if pa.types.is_large_list_view(type_):
        return array.cast(pa.large_list(type_.value_field))
    return array


def _offsets(array: AnyArray) -> AnyArray:
    """Offsets of the flattened elements, counted from 0 also where the array is a slice."""
    lengths = pc.fill_null(pc.list_value_length(array), 0)
    ends = pc.cumulative_sum(lengths.cast(pa.int64())).cast(pa.int32())
    return pa.concat_arrays([pa.array([0], pa.int32()), ends])


def _nulls(array: AnyArray) -> AnyArray | None:
    return array.is_null() if array.null_count else None


@contextmanager
def _moved(parents: Callable[[], AnyArray]) -> Iterator[None]:
    """Move the position of a misfit from the flattened elements to the list that holds it."""
    try:
        yield
    except Misfit as misfit:
        misfit.position = parents()[misfit.position].as_py()
        raise

"""The blobs inside columns, at any depth: found with their rows, and exchanged all at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from odps_frames.convert.nested import rebuild_list, rebuild_map, rebuild_struct, taken_apart
from odps_frames.model.blob import blob_paths
from odps_frames.model.types import ArrayType, MapType, StructType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.convert.untyped import AnyArray, AnyType
    from odps_frames.model.types import DataType

__all__ = ["BlobLeaf", "blob_leaves", "has_blobs", "with_leaves"]


@dataclass(frozen=True, slots=True)
class BlobLeaf:
    """What stands at one path of a column."""

    path: str
    """As in ``album.element``."""
    values: AnyArray
    """One for each place, NULLs too."""
    rows: AnyArray
    """The row of each place, as a numpy array."""


def has_blobs(type_: DataType) -> bool:
    """Tell whether a type is BLOB, or has it inside."""
    return bool(blob_paths("", type_))


def blob_leaves(array: AnyArray, name: str, type_: DataType) -> list[BlobLeaf]:
    """Take the blobs out of a column, in the order in which `with_leaves` puts them in."""
    return list(_leaves(array, name, type_, np.arange(len(array))))


def with_leaves(array: AnyArray, type_: DataType, leaves: Iterator[AnyArray]) -> AnyArray:
    """Put arrays in the places of the blobs; they are as long as those were, and of any one type.

    Whatever else is in the column stays: what is NULL, how long each list is, other members.
    """
    if not has_blobs(type_):
        return array
    match type_:
        case ArrayType(element):
            (inner,), _ = taken_apart(array)
            elements = with_leaves(inner, element, leaves)
            return rebuild_list(array, lambda _: elements, _list_type(elements.type))
        case MapType(key, value):
            (keys, items), _ = taken_apart(array)
            keys, items = with_leaves(keys, key, leaves), with_leaves(items, value, leaves)
            map_type = pa.map_(keys.type, items.type)
            return rebuild_map(array, lambda _: keys, lambda _: items, map_type)
        case StructType(fields):
            members, _ = taken_apart(array)
            made = [
                with_leaves(member, field.type, leaves)
                for member, field in zip(members, fields, strict=True)
            ]
            return _struct(array, made)
        case _:
            return next(leaves)


def _leaves(array: AnyArray, path: str, type_: DataType, rows: AnyArray) -> Iterator[BlobLeaf]:
    if not has_blobs(type_):
        return
    match type_:
        case ArrayType(element):
            (inner,), lengths = taken_apart(array)
            yield from _leaves(inner, f"{path}.element", element, np.repeat(rows, lengths))
        case MapType(key, value):
            (keys, items), lengths = taken_apart(array)
            inside = np.repeat(rows, lengths)
            yield from _leaves(keys, f"{path}.key", key, inside)
            yield from _leaves(items, f"{path}.value", value, inside)
        case StructType(fields):
            members, _ = taken_apart(array)
            for member, field in zip(members, fields, strict=True):
                yield from _leaves(member, f"{path}.{field.name}", field.type, rows)
        case _:
            yield BlobLeaf(path, array, rows)


def _list_type(element: AnyType) -> AnyType:
    return pa.list_(pa.field("element", element))


def _struct(array: AnyArray, members: list[AnyArray]) -> AnyArray:
    found = array.type
    fields = [found.field(i).with_type(member.type) for i, member in enumerate(members)]
    casts = [(i, lambda _, member=member: member) for i, member in enumerate(members)]
    return rebuild_struct(array, casts, pa.struct(fields))

"""A column with blobs as objects of Python, each blob by what is made of its reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from odps_frames.convert.blobs import has_blobs
from odps_frames.convert.misfit import attempt
from odps_frames.model.types import ArrayType, MapType, StructType

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.convert.untyped import AnyArray
    from odps_frames.model.types import DataType

__all__ = ["with_blob_objects"]


def with_blob_objects(
    array: AnyArray, type_: DataType, make: Callable[[bytes], object]
) -> AnyArray:
    """Return a pandas array of objects: lists, dicts for structs, lists of pairs for maps.

    Raises
    ------
    Misfit
        For a value beside a blob that Python does not have.
    """
    made = _maker(type_, make)

    def convert(some: AnyArray) -> AnyArray:
        return np.fromiter(map(made, some.to_pylist()), dtype=object, count=len(some))

    why = "Python has no such value; read it with blobs='refs' or 'bytes'"
    return pd.Series(attempt(array, convert, why), dtype=object).array


def _maker(type_: DataType, make: Callable[[bytes], object]) -> Callable[[Any], Any]:
    """Return what turns a value of a type into one with objects in the places of its blobs."""
    if not has_blobs(type_):
        return lambda value: value
    match type_:
        case ArrayType(element):
            inner = _maker(element, make)
            return _unless_null(lambda values: [inner(value) for value in values])
        case MapType(key, value):
            keys, items = _maker(key, make), _maker(value, make)
            return _unless_null(lambda pairs: [(keys(k), items(v)) for k, v in pairs])
        case StructType(fields):
            members = {field.name: _maker(field.type, make) for field in fields}
            return _unless_null(
                lambda struct: {name: member(struct[name]) for name, member in members.items()}
            )
        case _:
            return _unless_null(make)


def _unless_null(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else make(value)

"""Types that stand for more than what an Arrow stream shows of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from odps_frames.errors import SchemaMismatch

if TYPE_CHECKING:
    from odps_frames.convert.untyped import AnyType

__all__ = ["PLAIN_EXTENSIONS", "check_polars", "extension_name"]

PLAIN_EXTENSIONS = frozenset({"arrow.json", "arrow.uuid"})
"""Extension types of which the storage says all: text that is JSON, the 16 bytes of a UUID."""

_NAME_KEY = b"ARROW:extension:name"
_POLARS_REMEDIES = {
    "Object": "which Arrow has only as addresses in memory; make it text, as with "
    "map_elements(json.dumps, return_dtype=pl.String)",
    "Int128": "which pyarrow does not know; cast it to pl.Int64 or pl.Decimal(38, 0)",
    "UInt128": "which pyarrow does not know; cast it to pl.UInt64 or pl.Decimal(38, 0)",
}


def extension_name(field: AnyType) -> str | None:
    """Return the name of the extension type of a field, whether pyarrow knows the type or not."""
    if isinstance(field.type, pa.BaseExtensionType):
        return str(field.type.extension_name)
    name = (field.metadata or {}).get(_NAME_KEY)
    return name.decode() if name else None


def check_polars(frame: Any) -> None:  # noqa: ANN401  of a package that may be missing
    """Refuse a frame of Polars with values that do not get through an Arrow stream.

    Raises
    ------
    SchemaMismatch
        Naming the column, its dtype and the remedy.
    """
    if type(frame).__module__.partition(".")[0] != "polars" or not hasattr(frame, "columns"):
        return
    for name, dtype in frame.schema.items():
        for inner in _inner_dtypes(dtype):
            if remedy := _POLARS_REMEDIES.get(inner):
                raise SchemaMismatch(f"column {name!r} has the Polars dtype {dtype}, {remedy}")


def _inner_dtypes(dtype: Any) -> list[str]:  # noqa: ANN401  of a package that may be missing
    inside = [field.dtype for field in getattr(dtype, "fields", ())]
    if (element := getattr(dtype, "inner", None)) is not None:
        inside.append(element)
    return [str(dtype), *(name for some in inside for name in _inner_dtypes(some))]

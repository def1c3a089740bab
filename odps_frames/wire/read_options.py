"""Options that requests and answers of read sessions share (protocol.md §6.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from odps_frames.model.read import ArrowOptions, DataFormat, Incremental, TimeUnit
from odps_frames.model.splits import (
    DEFAULT_SPLIT_BYTES,
    ByBucket,
    ByParallelism,
    ByRows,
    BySize,
)
from odps_frames.wire import documents, read_members
from odps_frames.wire.arguments import known_only

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.model.splits import SplitBy

__all__ = [
    "IncrementalForm",
    "asked_incremental",
    "decode_arrow_options",
    "decode_data_format",
    "decode_incremental",
    "decode_split_by",
    "encode_arrow_options",
    "encode_data_format",
    "encode_incremental",
    "encode_split_by",
]

IncrementalForm: TypeAlias = Literal["range", "named"]
"""``From`` and ``To`` as newer clients say, or a member for each kind of bound."""

_UNIT = "ByteSize"
"""Sent with every split mode, though it means something to one of them only."""


def encode_split_by(by: SplitBy) -> dict[str, object]:
    """Write ``SplitOptions``."""
    mode, number = _mode_and_number(by)
    return {
        "SplitMode": mode,
        "SplitUnit": by.unit if isinstance(by, BySize) else _UNIT,
        "SplitNumber": number,
        "CrossPartition": by.cross_partition,
    }


def _mode_and_number(by: SplitBy) -> tuple[str, int]:
    match by:
        case BySize(bytes=number):
            return "Size", number
        case ByParallelism(splits=number):
            return "Parallelism", number
        case ByRows(rows=number):
            return "RowOffset", number
        case ByBucket():
            return "Bucket", DEFAULT_SPLIT_BYTES  # means nothing here, but is always sent


def decode_split_by(document: Mapping[str, Any]) -> SplitBy:
    """Read ``SplitOptions``; without any, splits go by size."""
    known_only(document, read_members.SPLIT_OPTIONS)
    mode = documents.text(document, "SplitMode") or "Size"
    unit = documents.text(document, "SplitUnit") or _UNIT
    number = documents.number(document, "SplitNumber")
    cross = documents.flag(document, "CrossPartition", default=True)
    if number is None:
        number = DEFAULT_SPLIT_BYTES
    match mode:
        case "Size":
            return BySize(number, cross, unit)
        case "Parallelism":
            return ByParallelism(number, cross)
        case "RowOffset":
            # Readers cut the rows themselves and may leave the number out by sending 0 (§7).
            return ByRows(max(number, 1), cross)
        case "Bucket":
            return ByBucket(cross)
        case _:
            pass
    msg = f"SplitMode={mode!r}; expected Size, Parallelism, RowOffset or Bucket"
    raise ValueError(msg)


def encode_arrow_options(options: ArrowOptions) -> dict[str, object]:
    """Write ``ArrowOptions``."""
    return {
        "TimestampUnit": options.timestamp_unit.value,
        "DatetimeUnit": options.datetime_unit.value,
    }


def decode_arrow_options(document: Mapping[str, Any]) -> ArrowOptions:
    """Read ``ArrowOptions``; units that are not said are the usual ones."""
    known_only(document, read_members.UNITS)
    usual = ArrowOptions()
    timestamp = documents.text(document, "TimestampUnit")
    datetime = documents.text(document, "DatetimeUnit")
    return ArrowOptions(
        TimeUnit(timestamp) if timestamp else usual.timestamp_unit,
        TimeUnit(datetime) if datetime else usual.datetime_unit,
    )


def encode_incremental(
    incremental: Incremental, form: IncrementalForm | None = None
) -> dict[str, object]:
    """Write ``IncrementalReadOptions`` in one of its two forms (§19, point 1)."""
    form = form or incremental.form
    bounds = {"From": incremental.since, "To": incremental.until}
    if form == "named":
        bounds = {
            _NAMED[key, isinstance(bound, int)]: bound
            for key, bound in bounds.items()
            if bound is not None
        }
    said = {"Mode": incremental.mode, **bounds}
    return {key: value for key, value in said.items() if value is not None}


_NAMED = {
    ("From", True): "StartVersion",
    ("To", True): "EndVersion",
    ("From", False): "StartTimeStamp",
    ("To", False): "EndTimeStamp",
}


def decode_incremental(document: Mapping[str, Any]) -> Incremental:
    """Read ``IncrementalReadOptions`` in either form."""
    since = _bound(document, "From")
    if since is None:
        msg = (
            "IncrementalReadOptions without a start; expected From, StartVersion or StartTimeStamp"
        )
        raise ValueError(msg)
    return Incremental(since, _bound(document, "To"), documents.text(document, "Mode"))


def asked_incremental(document: Mapping[str, Any]) -> Incremental | None:
    """Read whether changes are asked for, and which."""
    options = documents.section(document, "IncrementalReadOptions")
    if documents.flag(document, "IncrementalRead"):
        return decode_incremental(options)
    if options:
        msg = "IncrementalReadOptions without IncrementalRead; expected both, or neither"
        raise ValueError(msg)
    return None


def _bound(document: Mapping[str, Any], key: str) -> int | str | None:
    plain = document.get(key)
    if isinstance(plain, str):
        return plain or None
    version = documents.number(document, key, _NAMED[key, True])
    return documents.text(document, _NAMED[key, False]) if version is None else version


def encode_data_format(data_format: DataFormat) -> dict[str, object]:
    """Write a ``DataFormat``."""
    return {"Type": data_format.type, "Version": data_format.version}


def decode_data_format(document: Mapping[str, Any]) -> DataFormat:
    """Read a ``DataFormat``; what is not said is the usual."""
    usual = DataFormat()
    return DataFormat(
        documents.text(document, "Type") or usual.type,
        documents.text(document, "Version") or usual.version,
    )

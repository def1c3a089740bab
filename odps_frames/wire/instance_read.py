"""Read sessions over the result of a statement, in the form of newer clients (protocol.md §10).

What such a request says beyond that form (units of times, sizes of batches) is said as older
clients say it, and only where it differs from what is usual.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from odps_frames.model.read import ArrowOptions, BatchOptions, ReadSpec, ResultOptions
from odps_frames.wire import documents, names
from odps_frames.wire.envelope import encode_target
from odps_frames.wire.read_options import encode_arrow_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.model.splits import Split
    from odps_frames.model.table import InstanceRef
    from odps_frames.wire.envelope import Envelope
    from odps_frames.wire.http import Request

__all__ = [
    "decode_result_options",
    "encode_create_result",
    "encode_get_result",
    "encode_read_result",
]

_USUAL = BatchOptions()


def encode_create_result(spec: ReadSpec, instance: InstanceRef, envelope: Envelope) -> Request:
    """Ask for a session over a result: all of it.

    Raises
    ------
    ValueError
        For what only sessions over tables can be asked.
    """
    plain = ReadSpec(table=instance, split_by=spec.split_by, arrow=spec.arrow, result=spec.result)
    if spec != plain:
        msg = (
            f"a read session over {instance} brings all of the result; choose columns when it is "
            "read, and rows, partitions and buckets in the statement"
        )
        raise ValueError(msg)
    document: dict[str, object] = {"EnableLimit": spec.result.limited}
    if spec.arrow != ArrowOptions():
        document["ArrowOptions"] = encode_arrow_options(spec.arrow)
    action = names.Action.CREATE_INSTANCE_SESSION
    return envelope.request(action, encode_target(instance), document=document)


def encode_get_result(
    instance: InstanceRef, session_id: str, envelope: Envelope, *, refresh: bool
) -> Request:
    """Ask how a session over a result stands; only older clients can prolong it."""
    query = [(names.SESSION_ID, session_id)]
    action, target = names.Action.GET_INSTANCE_SESSION, encode_target(instance)
    if not refresh:
        return envelope.request(action, target, query=query, method="GET")
    query.append((names.SESSION_REFRESH, "true"))
    return envelope.request(action, target, query=query, document={})


def encode_read_result(
    instance: InstanceRef, split: Split, options: BatchOptions, envelope: Envelope
) -> Request:
    """Ask for a range of rows of a result, or for all.

    Raises
    ------
    ValueError
        For a split with an index, which results do not have, and where no column is chosen.
    """
    if split.index is not None:
        msg = f"{split}; the result of a statement is read by ranges of rows, not by an index"
        raise ValueError(msg)
    if options.columns == ():
        msg = "columns=(); the wire cannot ask for none, and would bring all"
        raise ValueError(msg)
    query = [(names.SESSION_ID, split.session_id), ("Offset", "0")]
    if split.rows is not None:
        query[1:] = [("Count", str(split.rows.count)), ("Offset", str(split.rows.offset))]
    return envelope.request(
        names.Action.READ_INSTANCE,
        encode_target(instance),
        query=query,
        document=_stream_document(options),
        headers={names.ACCEPT_ENCODING: options.accept_encoding or "identity"},
    )


def _stream_document(options: BatchOptions) -> dict[str, object]:
    document: dict[str, object] = {
        "TaskName": options.result.task,
        "QueryId": options.result.query_id,
        "EnableLimit": options.result.limited,
        "Columns": list(options.columns or ()),
    }
    said = {
        "MaxBatchRows": (options.max_rows, _USUAL.max_rows),
        "MaxBatchRawSize": (options.max_bytes, _USUAL.max_bytes),
        "SkipRowNum": (options.skip_rows, _USUAL.skip_rows),
    }
    return document | {key: value for key, (value, usual) in said.items() if value != usual}


def decode_result_options(document: Mapping[str, Any]) -> ResultOptions:
    """Read which result is meant; what is not said is the usual."""
    usual = ResultOptions()
    return ResultOptions(
        task=documents.text(document, "TaskName") or usual.task,
        query_id=documents.number(document, "QueryId") or usual.query_id,
        limited=documents.flag(document, "EnableLimit"),
    )

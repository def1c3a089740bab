"""Requests and their sums as JSON, and as lines of a log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from odps_frames.emulator.request_log import Counters, RequestRecord

__all__ = ["counters_document", "document_of", "line_of"]

_SHOWN_CHARACTERS: Final = 200


def line_of(record: RequestRecord) -> str:
    """Tell of a request in one line."""
    parts = [
        record.method,
        record.operation or "-",
        _shown(record.target or record.path),
        str(record.status or "no-answer"),
        *([record.code] if record.code else []),
        f"in={record.n_bytes}",
        f"out={record.n_bytes_sent}",
        f"{record.seconds * 1000:.1f}ms",
        record.request_id,
        *([f"rule={record.fault}"] if record.fault else []),
    ]
    return " ".join(parts)


def _shown(text: str) -> str:
    """Return what a client said so that it cannot be taken for anything else."""
    plain = text if text.isprintable() and " " not in text else repr(text)
    return plain if len(plain) <= _SHOWN_CHARACTERS else f"{plain[:_SHOWN_CHARACTERS]}…"


def document_of(record: RequestRecord) -> dict[str, Any]:
    """Return a record as JSON."""
    return {
        "id": record.id,
        "at": record.at.isoformat(),
        "action": record.operation,
        "target": record.target,
        "method": record.method,
        "path": record.path,
        "session": record.session,
        "stream": record.stream,
        "split": record.split,
        "client": record.client,
        "trace_id": record.trace_id,
        "trace_index": record.trace_index,
        "status": record.status,
        "code": record.code,
        "bytes_in": record.n_bytes,
        "bytes_out": record.n_bytes_sent,
        "rows_out": record.n_rows_sent,
        "seconds": round(record.seconds, 6),
        "request_id": record.request_id,
        "fault": record.fault,
    }


def counters_document(counters: Counters) -> dict[str, Any]:
    """Return sums as JSON."""
    return {
        "requests": dict(counters.requests),
        "succeeded": dict(counters.succeeded),
        "bytes_in": dict(counters.n_bytes),
        "bytes_out": dict(counters.n_bytes_sent),
        "rows_out": dict(counters.n_rows_sent),
        "sessions": {
            name: {"requests": one.requests, "bytes_out": one.n_bytes, "rows_out": one.n_rows}
            for name, one in counters.sessions.items()
        },
        "read_sessions": counters.read_sessions,
        "write_sessions": counters.write_sessions,
        "streams": counters.streams,
        "faults": counters.faults,
    }

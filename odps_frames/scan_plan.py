"""What a scan will do, told before a row is read."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

from odps_frames import filters as row_filters
from odps_frames.scan_rows import needed

if TYPE_CHECKING:
    from odps_frames.model.table import Partition
    from odps_frames.scan_opening import Opening
    from odps_frames.scan_reading import Reading

__all__ = ["Plan", "explained"]

SHOWN_ITEMS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What ``Scan.explain()`` finds out; its text says it in lines."""

    source: str
    way: str
    """``"session"``, ``"preview"`` (the first rows in one request) or ``"nothing"``."""
    columns: tuple[str, ...]
    """Of the result, in order."""
    reads: tuple[str, ...]
    """The columns that the service is asked for: those of the result and of the condition."""
    partitions: tuple[str, ...] | None
    """Those that are read; None is all, or a table without any."""
    pushed: str | None
    """The part of the condition that the service carries out."""
    applied: str | None
    """The condition that is applied here, always all of it."""
    limit: int | None
    splits: int
    rows: int | None
    """Rows of the splits, before the condition is applied here; None where nobody knows."""
    exact: bool
    """Whether the service counted the rows, or guessed."""
    bytes: int | None
    """What the service expects to send, uncompressed."""
    memory: int | None
    """Bytes that a read of all of it at once will want in Arrow, about."""
    session_id: str | None

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self._facts())
        return "\n".join(f"{name:<{width}}  {text}" for name, text in self._facts())

    __repr__ = __str__

    def _facts(self) -> list[tuple[str, str]]:
        about = "" if self.exact else "about "
        facts = [
            ("scan of", self.source),
            ("by", self.way if self.way != "session" else f"{self.splits:,} splits"),
            ("columns", _listed(self.columns)),
            ("read", _listed(self.reads)),
            ("partitions", "all" if self.partitions is None else _listed(self.partitions)),
            ("pushed", self.pushed or "no filter"),
            ("applied here", self.applied or "no filter"),
            ("limit", "" if self.limit is None else f"{self.limit:,}"),
            ("rows", "" if self.rows is None else f"{about}{self.rows:,}"),
            ("bytes", "" if self.bytes is None else f"about {self.bytes:,}"),
            ("memory", "" if self.memory is None else f"about {self.memory:,} bytes as a whole"),
            ("session", self.session_id or ""),
        ]
        return [(name, text) for name, text in facts if text]

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>"
            for name, text in self._facts()
        )
        return f"<table>{rows}</table>"


def _listed(items: tuple[str, ...]) -> str:
    if not items:
        return "none"
    more = f" and {len(items) - SHOWN_ITEMS:,} more" if len(items) > SHOWN_ITEMS else ""
    return ", ".join(items[:SHOWN_ITEMS]) + more


def explained(
    opening: Opening, chosen: tuple[Partition, ...] | None, reading: Reading | None
) -> Plan:
    """Tell of a scan what is known of it; without a reading there is nothing to read, or little."""
    question = opening.question
    names = tuple(column.name for column in opening.columns)
    data, partition = needed(
        question.info.schema, names, question.condition, by_partition=bool(question.selections)
    )
    info = None if reading is None else reading.info
    rows = None if info is None else info.n_rows
    guessed = None if info is None else info.stats.estimated_rows
    n_bytes = None if info is None else info.stats.estimated_bytes
    way = "session" if reading else "preview" if opening.previews(chosen) else "nothing"
    condition = question.condition
    return Plan(
        source=str(opening.instance or question.info.ref),
        way=way,
        columns=names,
        reads=(*data, *(partition or ())) if way != "nothing" else (),
        partitions=None if chosen is None else tuple(map(str, chosen)),
        pushed=None if reading is None else reading.spec.row_filter,
        applied=None if condition is None else row_filters.described(condition),
        limit=opening.limit,
        splits=0 if reading is None else len(reading.splits()),
        rows=guessed if rows is None else rows,
        exact=rows is not None,
        bytes=n_bytes,
        memory=n_bytes,
        session_id=None if info is None else info.session_id,
    )
